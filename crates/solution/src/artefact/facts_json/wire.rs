//! The fields of a facts file. Each struct mirrors one of the model, which has no wire form of its
//! own: a field that is added there has to be added here, else this does not compile.
use serde::{Deserialize, Serialize};

use super::part::{
    acted, areas, components, connections, connectors, entries, fingerprint, flows, groups, layers,
    managed_layers, moment, operations, policies, principals, references, schedule, shares,
    solutions, teams, text, trigger, uses, variables,
};
use crate::model::facts::*;
use crate::model::package::{FlowReference, FlowTrigger, Publisher, RuntimeSource};
use crate::model::{
    ApiName, Component, ComponentKind, ConnectionId, ConnectorId, EnvironmentId, Facts, FlowId,
    LogicalName, Micros, PrincipalId, ReferenceId, SolutionId, VariableId,
};

/// The whole file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    schema_version: u32,
    #[serde(with = "moment")]
    taken_at: Micros,
    #[serde(default, with = "areas", skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<Area>,
    #[serde(with = "EnvironmentDef")]
    environment: EnvironmentFacts,
    #[serde(default, with = "principals")]
    principals: Vec<PrincipalFacts>,
    #[serde(default, with = "teams")]
    teams: Vec<TeamFacts>,
    #[serde(default, with = "groups")]
    groups: Vec<GroupFacts>,
    #[serde(default, with = "connectors")]
    connectors: Vec<ConnectorFacts>,
    #[serde(default, with = "connections")]
    connections: Vec<ConnectionFacts>,
    #[serde(default, with = "references")]
    references: Vec<ReferenceFacts>,
    #[serde(default, with = "flows")]
    flows: Vec<FlowFacts>,
    #[serde(default, with = "variables")]
    variables: Vec<VariableFacts>,
    #[serde(default, with = "solutions")]
    solutions: Vec<SolutionFacts>,
    #[serde(default, with = "policies", skip_serializing_if = "Vec::is_empty")]
    policies: Vec<PolicyFacts>,
    #[serde(default, with = "layers")]
    layers: Vec<LayerFacts>,
}

impl File {
    pub(super) fn of(facts: Facts, schema_version: u32) -> Self {
        Self {
            schema: None,
            schema_version,
            taken_at: facts.taken_at,
            unknown: facts.unknown,
            environment: facts.environment,
            principals: facts.principals,
            teams: facts.teams,
            groups: facts.groups,
            connectors: facts.connectors,
            connections: facts.connections,
            references: facts.references,
            flows: facts.flows,
            variables: facts.variables,
            solutions: facts.solutions,
            policies: facts.policies,
            layers: facts.layers,
        }
    }

    pub(super) fn into_facts(self) -> Facts {
        Facts {
            environment: self.environment,
            taken_at: self.taken_at,
            unknown: self.unknown,
            principals: self.principals,
            teams: self.teams,
            groups: self.groups,
            connectors: self.connectors,
            connections: self.connections,
            references: self.references,
            flows: self.flows,
            variables: self.variables,
            solutions: self.solutions,
            policies: self.policies,
            layers: self.layers,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "EnvironmentFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EnvironmentDef {
    #[serde(with = "text")]
    id: EnvironmentId,
    #[serde(with = "text")]
    tenant: PrincipalId,
    name: String,
    #[serde(with = "EnvironmentKindDef")]
    kind: EnvironmentKind,
    #[serde(with = "FidelityDef")]
    fidelity: Fidelity,
    version: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PrincipalFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PrincipalDef {
    #[serde(with = "text")]
    id: PrincipalId,
    #[serde(with = "PrincipalKindDef")]
    kind: PrincipalKind,
    name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application_id: Option<String>,
    #[serde(with = "RoleDef")]
    role: Role,
    #[serde(default)]
    disabled: bool,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    departed_at: Option<Micros>,
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    counts_as: Vec<PrincipalId>,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    manager: Option<PrincipalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    may_import: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "TeamFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TeamDef {
    #[serde(with = "text")]
    id: PrincipalId,
    #[serde(with = "TeamKindDef")]
    kind: TeamKind,
    name: String,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    group: Option<PrincipalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "GroupFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupDef {
    #[serde(with = "text")]
    id: PrincipalId,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ConnectorFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConnectorDef {
    #[serde(with = "text")]
    id: ConnectorId,
    #[serde(with = "text")]
    api_name: ApiName,
    #[serde(default)]
    display_name: String,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    logical_name: Option<LogicalName>,
    #[serde(default)]
    custom: bool,
    #[serde(with = "CapabilityDef")]
    service_principal: Capability,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ConnectionFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConnectionDef {
    #[serde(with = "text")]
    id: ConnectionId,
    #[serde(with = "text")]
    api_name: ApiName,
    #[serde(default)]
    display_name: String,
    #[serde(with = "text")]
    owner: PrincipalId,
    #[serde(with = "ConnectionKindDef")]
    kind: ConnectionKind,
    #[serde(with = "StatusDef")]
    status: ConnectionStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status_target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(default, with = "fingerprint", skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    ends_at: Option<Micros>,
    #[serde(default, with = "shares", skip_serializing_if = "Vec::is_empty")]
    shares: Vec<(PrincipalId, ShareLevel)>,
    #[serde(with = "moment")]
    created_at: Micros,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Micros>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Fingerprint", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FingerprintDef {
    #[serde(with = "moment")]
    tested_at: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    target: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ReferenceFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ReferenceDef {
    #[serde(with = "text")]
    id: ReferenceId,
    #[serde(with = "text")]
    logical_name: LogicalName,
    #[serde(default)]
    display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(with = "text")]
    api_name: ApiName,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    connection: Option<ConnectionId>,
    #[serde(default)]
    binding_version: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bound_by: Option<String>,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    bound_at: Option<Micros>,
    #[serde(with = "text")]
    owner: PrincipalId,
    #[serde(default)]
    managed: bool,
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    solutions: Vec<SolutionId>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FlowFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FlowDef {
    #[serde(with = "text")]
    id: FlowId,
    name: String,
    #[serde(with = "FlowStateDef")]
    state: FlowState,
    #[serde(default)]
    wanted_on: bool,
    #[serde(with = "text")]
    owner: PrincipalId,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    activated_by: Option<PrincipalId>,
    #[serde(default, with = "entries", skip_serializing_if = "Vec::is_empty")]
    references: Vec<FlowReference>,
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    children: Vec<FlowId>,
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    variables: Vec<LogicalName>,
    #[serde(default, with = "trigger", skip_serializing_if = "Option::is_none")]
    trigger: Option<FlowTrigger>,
    #[serde(default, with = "schedule", skip_serializing_if = "Option::is_none")]
    schedule: Option<Schedule>,
    #[serde(default, with = "operations", skip_serializing_if = "Vec::is_empty")]
    operations: Vec<FlowOperation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why_off: Option<String>,
    #[serde(default)]
    managed: bool,
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    solutions: Vec<SolutionId>,
    #[serde(default)]
    recent_runs: i64,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    last_run_at: Option<Micros>,
    #[serde(default, with = "acted", skip_serializing_if = "Vec::is_empty")]
    acted: Vec<Acted>,
    #[serde(default, with = "uses", skip_serializing_if = "Vec::is_empty")]
    uses: Vec<(ConnectionId, PrincipalId)>,
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    co_owners: Vec<PrincipalId>,
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    run_only: Vec<PrincipalId>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FlowReference", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EntryDef {
    key: String,
    #[serde(with = "RuntimeSourceDef")]
    source: RuntimeSource,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    logical_name: Option<LogicalName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection_name: Option<String>,
    #[serde(with = "text")]
    api_name: ApiName,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    api_logical_name: Option<LogicalName>,
    #[serde(default)]
    on_behalf_of_invoker: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FlowTrigger", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TriggerDef {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, rename = "kind", skip_serializing_if = "Option::is_none")]
    request_kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authentication: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Schedule", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ScheduleDef {
    #[serde(rename = "frequency", with = "ScheduleUnitDef")]
    unit: ScheduleUnit,
    interval: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FlowOperation", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OperationDef {
    #[serde(with = "text")]
    api_name: ApiName,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    operation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Acted", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ActedDef {
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    reference: Option<LogicalName>,
    #[serde(with = "text")]
    connection: ConnectionId,
    identity: String,
    #[serde(default)]
    binding_version: i64,
    #[serde(with = "moment")]
    at: Micros,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "VariableFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VariableDef {
    #[serde(with = "text")]
    id: VariableId,
    #[serde(with = "text")]
    schema_name: LogicalName,
    #[serde(default)]
    display_name: String,
    #[serde(rename = "type")]
    kind: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    managed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SolutionFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SolutionDef {
    #[serde(with = "text")]
    id: SolutionId,
    unique_name: String,
    version: String,
    #[serde(default)]
    managed: bool,
    #[serde(with = "PublisherDef")]
    publisher: Publisher,
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    upgrade_of: Option<SolutionId>,
    #[serde(default, with = "components")]
    components: Vec<Component>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Component", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ComponentDef {
    #[serde(with = "ComponentKindDef")]
    kind: ComponentKind,
    id: Box<str>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ComponentKind", rename_all = "camelCase")]
pub(super) enum ComponentKindDef {
    Flow,
    Reference,
    Variable,
    Connector,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LayerFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LayerDef {
    #[serde(with = "ComponentDef")]
    component: Component,
    #[serde(with = "managed_layers")]
    managed: Vec<ManagedLayer>,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    unmanaged: Option<Micros>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ManagedLayer", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ManagedLayerDef {
    #[serde(with = "text")]
    solution: SolutionId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    digest: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    references: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Publisher", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PublisherDef {
    unique_name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    option_value_prefix: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "EnvironmentKind", rename_all = "camelCase")]
pub(super) enum EnvironmentKindDef {
    Developer,
    Test,
    Production,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Fidelity", rename_all = "camelCase")]
pub(super) enum FidelityDef {
    Extended,
    Dataverse,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PrincipalKind", rename_all = "camelCase")]
pub(super) enum PrincipalKindDef {
    User,
    ServicePrincipal,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Role", rename_all = "camelCase")]
pub(super) enum RoleDef {
    None,
    BasicUser,
    EnvironmentMaker,
    Deployer,
    SystemCustomizer,
    SystemAdministrator,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "TeamKind", rename_all = "camelCase")]
pub(super) enum TeamKindDef {
    Owner,
    Access,
    SecurityGroup,
    OfficeGroup,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Capability", rename_all = "camelCase")]
pub(super) enum CapabilityDef {
    Yes,
    No,
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ConnectionKind", rename_all = "camelCase")]
pub(super) enum ConnectionKindDef {
    ServicePrincipal,
    User,
    SharedKey,
    None,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ShareLevel", rename_all = "PascalCase")]
pub(super) enum ShareLevelDef {
    CanView,
    CanViewWithShare,
    CanEdit,
    Owner,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FlowState", rename_all = "camelCase")]
pub(super) enum FlowStateDef {
    Off,
    On,
    Suspended,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RuntimeSource", rename_all = "camelCase")]
pub(super) enum RuntimeSourceDef {
    Embedded,
    Invoker,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ScheduleUnit", rename_all = "PascalCase")]
pub(super) enum ScheduleUnitDef {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Area", rename_all = "camelCase")]
pub(super) enum AreaDef {
    Connections,
    Shares,
    Fingerprints,
    Ends,
    LastUse,
    Runs,
    WantedOn,
    Activations,
    FlowShares,
    Departures,
    Groups,
    Capabilities,
    Membership,
    Bindings,
    Kind,
    Layers,
    Policies,
}

/// `connected`, `disabled`, or an object `error` with code and message.
#[derive(Serialize, Deserialize)]
#[serde(remote = "ConnectionStatus", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum StatusDef {
    Connected,
    Error { code: String, message: String },
    Disabled,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PolicyFacts", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyDef {
    id: String,
    name: String,
    document: String,
}
