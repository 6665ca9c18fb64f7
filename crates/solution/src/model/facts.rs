//! A plain snapshot of an environment. Audits, outcome, departure and drift take it and nothing
//! else; the store, the client and a file fill it. It holds no secret.
pub use super::facts_use::{Acted, Area, Fingerprint, FlowOperation, Schedule, ScheduleUnit};
use super::package::{FlowReference, FlowTrigger, Publisher};
use super::{
    ApiName, Component, ComponentKind, ConnectionId, ConnectorId, EnvironmentId, FlowId,
    LogicalName, Micros, PrincipalId, ReferenceId, SolutionId, VariableId,
};

/// A snapshot of one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The environment.
    pub environment: EnvironmentFacts,
    /// When it was taken.
    pub taken_at: Micros,
    /// Users and service principals, the disabled and departed ones too.
    pub principals: Vec<PrincipalFacts>,
    /// Teams.
    pub teams: Vec<TeamFacts>,
    /// Groups of the tenant.
    pub groups: Vec<GroupFacts>,
    /// Connectors known to the environment.
    pub connectors: Vec<ConnectorFacts>,
    /// Connections.
    pub connections: Vec<ConnectionFacts>,
    /// Connection references.
    pub references: Vec<ReferenceFacts>,
    /// Cloud flows.
    pub flows: Vec<FlowFacts>,
    /// Environment variables.
    pub variables: Vec<VariableFacts>,
    /// Solutions.
    pub solutions: Vec<SolutionFacts>,
    /// Policies of the tenant, those too that do not cover this environment.
    pub policies: Vec<PolicyFacts>,
    /// What could not be seen: its fields are empty without meaning that there is nothing.
    pub unknown: Vec<Area>,
    /// Layers of the components that came with managed solutions.
    pub layers: Vec<LayerFacts>,
}

/// The environment of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentFacts {
    /// Id.
    pub id: EnvironmentId,
    /// The tenant, as a principal that connections are shared with.
    pub tenant: PrincipalId,
    /// Name.
    pub name: String,
    /// Developer, test or production.
    pub kind: EnvironmentKind,
    /// Extended or dataverse.
    pub fidelity: Fidelity,
    /// Grows with each change of the model; a plan is applied only to the version it was made for.
    pub version: i64,
}

/// Kind of an environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvironmentKind {
    /// For making.
    #[default]
    Developer,
    /// For testing.
    Test,
    /// For working.
    Production,
}

/// How closely an environment behaves like the vendor's service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fidelity {
    /// The full practice.
    #[default]
    Extended,
    /// As the vendor's service, refusals included.
    Dataverse,
}

/// A user or a service principal.
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalFacts {
    /// Row id; also its object id on the wire.
    pub id: PrincipalId,
    /// User or service principal.
    pub kind: PrincipalKind,
    /// User principal name, or the application's name.
    pub name: String,
    /// Full name.
    pub display_name: String,
    /// Application id of a service principal.
    pub application_id: Option<String>,
    /// Role.
    pub role: Role,
    /// Disabled.
    pub disabled: bool,
    /// When it departed.
    pub departed_at: Option<Micros>,
    /// What it counts as beside itself: its teams, its groups of the tenant, and the tenant.
    /// Connections shared with one of these are shared with it.
    pub counts_as: Vec<PrincipalId>,
    /// Its manager, the last known one if it departed.
    pub manager: Option<PrincipalId>,
    /// Whether its roles, its own and those of its teams, let it import solutions; `None` if that
    /// is not known.
    pub may_import: Option<bool>,
}

/// Kind of a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// An application user.
    ServicePrincipal,
}

/// The built-in roles. What each grants is the store's to say; a principal may hold several, and
/// custom ones, and have more through teams: this is the mightiest of those assigned to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// None of them.
    None,
    /// Uses what is shared with it.
    #[default]
    BasicUser,
    /// Makes and owns things.
    EnvironmentMaker,
    /// Imports, binds and activates.
    Deployer,
    /// Changes whatever solutions are made of.
    SystemCustomizer,
    /// Everything in the environment.
    SystemAdministrator,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamFacts {
    /// Row id.
    pub id: PrincipalId,
    /// Kind.
    pub kind: TeamKind,
    /// Name.
    pub name: String,
    /// The tenant's group it stands for.
    pub group: Option<PrincipalId>,
    /// How many members it has; `None` if that is not known.
    pub members: Option<i64>,
}

/// Kind of a team; the numbers are those of `teamtype`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TeamKind {
    /// Owns rows and holds roles; its members are listed.
    #[default]
    Owner,
    /// Rows are shared with it; it owns nothing and holds no roles.
    Access,
    /// As an owner team; its members are those of a security group.
    SecurityGroup,
    /// As an owner team; its members are those of an office group.
    OfficeGroup,
}

/// A group of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFacts {
    /// Object id.
    pub id: PrincipalId,
    /// Name.
    pub name: String,
    /// How many members it has; `None` if that is not known.
    pub members: Option<i64>,
}

/// A connector of the environment.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorFacts {
    /// Row id.
    pub id: ConnectorId,
    /// Api name.
    pub api_name: ApiName,
    /// Display name.
    pub display_name: String,
    /// Logical name of a custom connector.
    pub logical_name: Option<LogicalName>,
    /// Custom connector.
    pub custom: bool,
    /// Whether a service principal can authenticate.
    pub service_principal: Capability,
}

/// Yes, no or not known. Unknown never reads as fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capability {
    /// Proven.
    Yes,
    /// Proven not.
    No,
    /// Not known.
    #[default]
    Unknown,
}

/// A connection without its credential.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionFacts {
    /// Id.
    pub id: ConnectionId,
    /// Connector.
    pub api_name: ApiName,
    /// Display name.
    pub display_name: String,
    /// Owner.
    pub owner: PrincipalId,
    /// How it authenticates.
    pub kind: ConnectionKind,
    /// Status.
    pub status: ConnectionStatus,
    /// What an error status is about: `token` for what a sign-in left.
    pub status_target: Option<String>,
    /// The endpoint it reaches, if not the public one.
    pub endpoint: Option<String>,
    /// Account it authenticates as, as far as it says.
    pub account: Option<String>,
    /// Who and where it was when it was last tested with success.
    pub fingerprint: Option<Fingerprint>,
    /// When its secret or certificate ends; never the end of an access token.
    pub ends_at: Option<Micros>,
    /// Shares: principal and level.
    pub shares: Vec<(PrincipalId, ShareLevel)>,
    /// Created.
    pub created_at: Micros,
    /// Last call through it.
    pub last_used_at: Option<Micros>,
}

/// Whose credential a connection holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionKind {
    /// A service principal's.
    ServicePrincipal,
    /// A person's.
    #[default]
    User,
    /// An API key or a connection string.
    SharedKey,
    /// None needed.
    None,
}

/// Status of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConnectionStatus {
    /// Works as far as known.
    #[default]
    Connected,
    /// Broken, with code and cause.
    Error {
        /// Code.
        code: String,
        /// Cause.
        message: String,
    },
    /// Switched off by an administrator.
    Disabled,
}

/// Level of a share on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShareLevel {
    /// `CanView`, "can use".
    CanView,
    /// `CanViewWithShare`, "can use and share".
    CanViewWithShare,
    /// `CanEdit`.
    CanEdit,
    /// `Owner`.
    Owner,
}

/// A connection reference.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceFacts {
    /// Row id.
    pub id: ReferenceId,
    /// Logical name.
    pub logical_name: LogicalName,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Connector.
    pub api_name: ApiName,
    /// The bound connection.
    pub connection: Option<ConnectionId>,
    /// Version of the binding; 0 before the first.
    pub binding_version: i64,
    /// Name of whoever made this version of the binding.
    pub bound_by: Option<String>,
    /// When.
    pub bound_at: Option<Micros>,
    /// Owner of the row.
    pub owner: PrincipalId,
    /// Came with a managed solution.
    pub managed: bool,
    /// Solutions it belongs to.
    pub solutions: Vec<SolutionId>,
}

/// State of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowState {
    /// Off (statecode 0).
    #[default]
    Off,
    /// On (statecode 1).
    On,
    /// Suspended (statecode 2).
    Suspended,
}

/// A cloud flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowFacts {
    /// Row id.
    pub id: FlowId,
    /// Name.
    pub name: String,
    /// State.
    pub state: FlowState,
    /// The state it should have: exported as on, or turned on by hand.
    pub wanted_on: bool,
    /// Owner.
    pub owner: PrincipalId,
    /// Who turned it on last: whose right to use the connections carries it.
    pub activated_by: Option<PrincipalId>,
    /// Entries of `connectionReferences`.
    pub references: Vec<FlowReference>,
    /// Child flows.
    pub children: Vec<FlowId>,
    /// Variables it reads.
    pub variables: Vec<LogicalName>,
    /// Trigger.
    pub trigger: Option<FlowTrigger>,
    /// How often its trigger fires, if it fires by the clock.
    pub schedule: Option<Schedule>,
    /// What its trigger and actions do with connectors, each operation once.
    pub operations: Vec<FlowOperation>,
    /// Why it is off or suspended, as the environment noted it.
    pub why_off: Option<String>,
    /// Came with a managed solution.
    pub managed: bool,
    /// Solutions it belongs to.
    pub solutions: Vec<SolutionId>,
    /// Runs of the last 30 days.
    pub recent_runs: i64,
    /// Start of its last run.
    pub last_run_at: Option<Micros>,
    /// As whom its last run that called a connector acted, by reference.
    pub acted: Vec<Acted>,
    /// Connections whose use it was granted when it was turned on, and by whom.
    pub uses: Vec<(ConnectionId, PrincipalId)>,
    /// Those who may change it beside its owner.
    pub co_owners: Vec<PrincipalId>,
    /// Those who may run it and no more.
    pub run_only: Vec<PrincipalId>,
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableFacts {
    /// Row id.
    pub id: VariableId,
    /// Schema name.
    pub schema_name: LogicalName,
    /// Display name.
    pub display_name: String,
    /// Type number.
    pub kind: i64,
    /// Default value.
    pub default_value: Option<String>,
    /// Value of this environment.
    pub value: Option<String>,
    /// `isrequired`.
    pub required: bool,
    /// Came with a managed solution.
    pub managed: bool,
}

/// A policy of the tenant. What it says is for `review` to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFacts {
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// The policy as JSON: the vendor's data policy, or binding rules.
    pub document: String,
}

/// A solution of the environment.
#[derive(Clone, Debug, PartialEq)]
pub struct SolutionFacts {
    /// Row id.
    pub id: SolutionId,
    /// Unique name.
    pub unique_name: String,
    /// Version.
    pub version: String,
    /// Managed.
    pub managed: bool,
    /// Publisher.
    pub publisher: Publisher,
    /// The installed solution it waits to replace, for a holding one.
    pub upgrade_of: Option<SolutionId>,
    /// What it is made of, in its order.
    pub components: Vec<Component>,
}

/// The layers of one component: managed ones, the first installed at the bottom, and perhaps the
/// unmanaged one on top, which wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFacts {
    /// The component.
    pub component: Component,
    /// Managed layers, bottom first.
    pub managed: Vec<ManagedLayer>,
    /// Since when there is an unmanaged layer on top.
    pub unmanaged: Option<Micros>,
}

/// What one managed solution brought of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedLayer {
    /// The solution.
    pub solution: SolutionId,
    /// Fingerprint of what it holds (see [`super::layer_digest`]); empty if it is not known.
    pub digest: String,
    /// The references that a flow's body names in this layer, folded.
    pub references: Vec<String>,
}

impl Facts {
    /// Whether something was seen. What was not seen must never read as fine.
    pub fn knows(&self, area: Area) -> bool {
        !self.unknown.contains(&area)
    }

    /// The layers of a component, if a managed solution brought it.
    pub fn layers_of(&self, kind: ComponentKind, id: &str) -> Option<&LayerFacts> {
        self.layers.iter().find(|l| l.component.key() == (kind, id))
    }

    /// A solution by unique name, without regard to case.
    pub fn solution(&self, name: &str) -> Option<&SolutionFacts> {
        self.solutions.iter().find(|s| s.unique_name.eq_ignore_ascii_case(name))
    }

    /// A principal by id.
    pub fn principal(&self, id: &PrincipalId) -> Option<&PrincipalFacts> {
        self.principals.iter().find(|p| &p.id == id)
    }

    /// A connection by id.
    pub fn connection(&self, id: &ConnectionId) -> Option<&ConnectionFacts> {
        self.connections.iter().find(|c| &c.id == id)
    }

    /// A reference by logical name.
    pub fn reference(&self, name: &LogicalName) -> Option<&ReferenceFacts> {
        self.references.iter().find(|r| &r.logical_name == name)
    }

    /// A flow by id.
    pub fn flow(&self, id: &FlowId) -> Option<&FlowFacts> {
        self.flows.iter().find(|f| &f.id == id)
    }

    /// A connector by api name; a custom one also without the hash of its environment.
    pub fn connector(&self, name: &ApiName) -> Option<&ConnectorFacts> {
        self.connectors.iter().find(|c| &c.api_name == name).or_else(|| {
            let bare = name.without_hash();
            self.connectors.iter().find(|c| c.custom && c.api_name.without_hash() == bare)
        })
    }

    /// Whether two api names mean one connector here.
    pub fn same_connector(&self, one: &ApiName, two: &ApiName) -> bool {
        one == two
            || matches!((self.connector(one), self.connector(two)),
                (Some(a), Some(b)) if a.id == b.id)
    }
}
