//! Facts without anybody in them. Every field is written out: one that is added to the model does
//! not get into a record before somebody decided what becomes of it.
use connref_solution::model::facts::*;
use connref_solution::model::package::{FlowReference, FlowTrigger, Publisher};
use connref_solution::model::{Component, ComponentKind, Facts, LogicalName};
use serde_json::Value;

use super::names::Names;
use crate::policy::policies_read;

/// The facts under other names, without moments, values, addresses and texts.
pub(super) fn scrubbed(facts: &Facts, names: &mut Names) -> Facts {
    let mut unknown = facts.unknown.clone();
    let policies = policies(facts, names, &mut unknown);
    unknown.sort_unstable();
    unknown.dedup();
    Facts {
        environment: EnvironmentFacts {
            id: names.environment(&facts.environment.id),
            tenant: names.principal(&facts.environment.tenant),
            name: "RECORDED".to_owned(),
            kind: facts.environment.kind,
            fidelity: facts.environment.fidelity,
            version: 0,
        },
        taken_at: 0,
        principals: facts.principals.iter().map(|one| principal(one, names)).collect(),
        teams: facts.teams.iter().map(|one| team(one, names)).collect(),
        groups: facts
            .groups
            .iter()
            .map(|one| GroupFacts {
                id: names.principal(&one.id),
                name: names.person(&one.id),
                members: one.members,
            })
            .collect(),
        connectors: facts.connectors.iter().map(|one| connector(one, names)).collect(),
        connections: facts.connections.iter().map(|one| connection(facts, one, names)).collect(),
        references: facts.references.iter().map(|one| reference(facts, one, names)).collect(),
        flows: facts.flows.iter().map(|one| flow(facts, one, names)).collect(),
        variables: facts.variables.iter().map(|one| variable(one, names)).collect(),
        solutions: facts.solutions.iter().map(|one| solution(facts, one, names)).collect(),
        policies,
        unknown,
        layers: facts.layers.iter().map(|one| layer(facts, one, names)).collect(),
    }
}

/// Whether an api name is a custom connector's here.
pub(super) fn is_custom(facts: &Facts, api: &connref_solution::model::ApiName) -> bool {
    facts.connector(api).is_some_and(|found| found.custom)
}

fn principal(one: &PrincipalFacts, names: &mut Names) -> PrincipalFacts {
    PrincipalFacts {
        id: names.principal(&one.id),
        kind: one.kind,
        name: names.person(&one.id),
        display_name: String::new(),
        application_id: one.application_id.as_ref().map(|_| names.person(&one.id)),
        role: one.role,
        disabled: one.disabled,
        departed_at: one.departed_at.map(|_| 0),
        counts_as: one.counts_as.iter().map(|id| names.principal(id)).collect(),
        manager: None,
        may_import: one.may_import,
    }
}

fn team(one: &TeamFacts, names: &mut Names) -> TeamFacts {
    TeamFacts {
        id: names.principal(&one.id),
        kind: one.kind,
        name: names.person(&one.id),
        group: one.group.as_ref().map(|id| names.principal(id)),
        members: one.members,
    }
}

fn connector(one: &ConnectorFacts, names: &mut Names) -> ConnectorFacts {
    let api_name = names.api(&one.api_name, one.custom);
    ConnectorFacts {
        id: names.connector_row(&one.id),
        display_name: api_name.to_string(),
        api_name,
        logical_name: one.logical_name.as_ref().map(|name| names.connector(name)),
        custom: one.custom,
        service_principal: one.service_principal,
    }
}

fn connection(facts: &Facts, one: &ConnectionFacts, names: &mut Names) -> ConnectionFacts {
    let id = names.connection(&one.id);
    ConnectionFacts {
        display_name: format!("Connection {}", id.as_str().trim_start_matches('0')),
        id,
        api_name: names.api(&one.api_name, is_custom(facts, &one.api_name)),
        owner: names.principal(&one.owner),
        kind: one.kind,
        status: match &one.status {
            ConnectionStatus::Error { code, .. } => {
                ConnectionStatus::Error { code: plain_code(code), message: String::new() }
            }
            other => other.clone(),
        },
        status_target: one.status_target.as_ref().filter(|t| *t == "token").cloned(),
        endpoint: None,
        account: None,
        fingerprint: None,
        ends_at: None,
        shares: one.shares.iter().map(|(to, level)| (names.principal(to), *level)).collect(),
        created_at: 0,
        last_used_at: None,
    }
}

/// A code is a word of letters and digits; anything else may be a text that tells more.
fn plain_code(code: &str) -> String {
    let plain = code.len() <= 40 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { code.to_owned() } else { "Error".to_owned() }
}

fn reference(facts: &Facts, one: &ReferenceFacts, names: &mut Names) -> ReferenceFacts {
    let logical_name = names.reference(&one.logical_name);
    ReferenceFacts {
        id: names.reference_row(&one.id),
        display_name: logical_name.to_string(),
        logical_name,
        description: None,
        api_name: names.api(&one.api_name, is_custom(facts, &one.api_name)),
        connection: one.connection.as_ref().map(|id| names.connection(id)),
        binding_version: one.binding_version,
        bound_by: None,
        bound_at: None,
        owner: names.principal(&one.owner),
        managed: one.managed,
        solutions: one.solutions.iter().map(|id| names.solution(id)).collect(),
    }
}

/// An entry of a flow.
pub(super) fn entry(
    facts: &Facts,
    at: usize,
    one: &FlowReference,
    names: &mut Names,
) -> FlowReference {
    FlowReference {
        key: format!("entry{at}"),
        source: one.source,
        logical_name: one.logical_name.as_ref().map(|name| names.reference(name)),
        connection_name: one.connection_name.as_ref().map(|name| {
            let id = name.rsplit('/').next().unwrap_or(name);
            names.connection(&id.into()).to_string()
        }),
        api_name: names.api(&one.api_name, is_custom(facts, &one.api_name)),
        api_logical_name: one.api_logical_name.as_ref().map(|name| names.connector(name)),
        on_behalf_of_invoker: one.on_behalf_of_invoker,
    }
}

/// What a flow calls. Operations of the vendor's connectors are public words, those of a custom one
/// are not; what is reached is left out.
pub(super) fn operation(facts: &Facts, one: &FlowOperation, names: &mut Names) -> FlowOperation {
    let custom = is_custom(facts, &one.api_name);
    let api_name = names.api(&one.api_name, custom);
    let operation = match api_name == one.api_name {
        true => one.operation.clone(),
        false => String::new(),
    };
    FlowOperation { api_name, operation, endpoint: None }
}

fn flow(facts: &Facts, one: &FlowFacts, names: &mut Names) -> FlowFacts {
    FlowFacts {
        id: names.flow(&one.id),
        name: names.flow_name(&one.id),
        state: one.state,
        wanted_on: one.wanted_on,
        owner: names.principal(&one.owner),
        activated_by: one.activated_by.as_ref().map(|id| names.principal(id)),
        references: one
            .references
            .iter()
            .enumerate()
            .map(|(at, e)| entry(facts, at, e, names))
            .collect(),
        children: one.children.iter().map(|id| names.flow(id)).collect(),
        variables: one.variables.iter().map(|name| names.variable(name)).collect(),
        trigger: one.trigger.as_ref().map(trigger),
        schedule: one.schedule,
        operations: one.operations.iter().map(|o| operation(facts, o, names)).collect(),
        why_off: None,
        managed: one.managed,
        solutions: one.solutions.iter().map(|id| names.solution(id)).collect(),
        recent_runs: 0,
        last_run_at: None,
        acted: Vec::new(),
        uses: one.uses.iter().map(|(c, by)| (names.connection(c), names.principal(by))).collect(),
        co_owners: one.co_owners.iter().map(|id| names.principal(id)).collect(),
        run_only: one.run_only.iter().map(|id| names.principal(id)).collect(),
    }
}

/// A trigger without its name.
pub(super) fn trigger(one: &FlowTrigger) -> FlowTrigger {
    FlowTrigger {
        name: "trigger".to_owned(),
        kind: one.kind.clone(),
        request_kind: one.request_kind.clone(),
        authentication: one.authentication.clone(),
    }
}

/// Whether there is a value; never which.
pub(super) fn presence(value: Option<&String>) -> Option<String> {
    value.map(|text| if text.is_empty() { String::new() } else { "set".to_owned() })
}

fn variable(one: &VariableFacts, names: &mut Names) -> VariableFacts {
    let schema_name: LogicalName = names.variable(&one.schema_name);
    VariableFacts {
        id: names.variable_row(&one.id),
        display_name: schema_name.to_string(),
        schema_name,
        kind: one.kind,
        default_value: presence(one.default_value.as_ref()),
        value: presence(one.value.as_ref()),
        required: one.required,
        managed: one.managed,
    }
}

/// A publisher under another name.
pub(super) fn publisher(one: &Publisher, names: &mut Names) -> Publisher {
    let unique_name = names.publisher(&one.unique_name);
    Publisher {
        display_name: unique_name.clone(),
        unique_name,
        prefix: names.prefix(&one.prefix),
        option_value_prefix: 10_000,
    }
}

fn solution(facts: &Facts, one: &SolutionFacts, names: &mut Names) -> SolutionFacts {
    SolutionFacts {
        id: names.solution(&one.id),
        unique_name: names.solution_name(&one.unique_name),
        version: one.version.clone(),
        managed: one.managed,
        publisher: publisher(&one.publisher, names),
        upgrade_of: one.upgrade_of.as_ref().map(|id| names.solution(id)),
        components: one.components.iter().map(|c| component(facts, c, names)).collect(),
    }
}

fn component(facts: &Facts, one: &Component, names: &mut Names) -> Component {
    let id = names.row(one.kind, &one.id);
    let is = |id: &str| id == &*one.id;
    let name = match one.kind {
        ComponentKind::Flow => Some(names.flow_name(&(&*one.id).into())),
        ComponentKind::Reference => facts
            .references
            .iter()
            .find(|r| is(r.id.as_str()))
            .map(|r| names.reference(&r.logical_name).to_string()),
        ComponentKind::Variable => facts
            .variables
            .iter()
            .find(|v| is(v.id.as_str()))
            .map(|v| names.variable(&v.schema_name).to_string()),
        ComponentKind::Connector => None,
    };
    Component { kind: one.kind, name: name.unwrap_or_else(|| id.clone()), id: id.into() }
}

fn layer(facts: &Facts, one: &LayerFacts, names: &mut Names) -> LayerFacts {
    LayerFacts {
        component: component(facts, &one.component, names),
        managed: one
            .managed
            .iter()
            .map(|managed| ManagedLayer {
                solution: names.solution(&managed.solution),
                digest: names.digest(&managed.digest),
                references: managed
                    .references
                    .iter()
                    .map(|name| names.reference(&LogicalName::new(name)).key())
                    .collect(),
            })
            .collect(),
        unmanaged: one.unmanaged.map(|_| 0),
    }
}

/// Words of data policies that say nothing about anybody.
const WORDS: &[&str] = &[
    "General",
    "Confidential",
    "Blocked",
    "Business",
    "NonBusiness",
    "AllEnvironments",
    "OnlyEnvironments",
    "ExceptEnvironments",
    "SingleEnvironment",
    "Allow",
    "Block",
    "Deny",
    "Ignore",
    "*",
];

/// Data policies with their connectors; one that does not read the same afterwards, and binding
/// rules, which name people and places, are left out and count as not seen.
fn policies(facts: &Facts, names: &mut Names, unknown: &mut Vec<Area>) -> Vec<PolicyFacts> {
    let mut kept = Vec::new();
    for (at, one) in facts.policies.iter().enumerate() {
        let read = policies_read(one.document.as_bytes()).ok();
        let document = serde_json::from_str::<Value>(&one.document).ok();
        let scrubbed = document.map(|document| policy_value(facts, &document, names));
        let again = scrubbed.as_ref().and_then(|v| policies_read(v.to_string().as_bytes()).ok());
        match (read, again, scrubbed) {
            (Some(read), Some(again), Some(document))
                if read.rules.is_empty() && read.data.len() == again.data.len() =>
            {
                kept.push(PolicyFacts {
                    id: format!("policy{at}"),
                    name: format!("policy{at}"),
                    document: document.to_string(),
                });
            }
            _ => unknown.push(Area::Policies),
        }
    }
    kept
}

fn policy_value(facts: &Facts, value: &Value, names: &mut Names) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), policy_value(facts, value, names)))
            .collect(),
        Value::Array(list) => list.iter().map(|one| policy_value(facts, one, names)).collect(),
        Value::String(text) => policy_text(facts, text, names).into(),
        other => other.clone(),
    }
}

fn policy_text(facts: &Facts, text: &str, names: &mut Names) -> String {
    let environment = &facts.environment;
    let last = text.rsplit('/').next().unwrap_or(text);
    if WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return text.to_owned();
    }
    if text.eq_ignore_ascii_case(&environment.name)
        || text.eq_ignore_ascii_case(environment.id.as_str())
    {
        return names.environment(&environment.id).to_string();
    }
    let built_in = ["http", "httpwebhook", "httprequestreceived"];
    if last.starts_with("shared_") || built_in.contains(&last.to_lowercase().as_str()) {
        let api = connref_solution::model::ApiName::new(last);
        let api = names.api(&api, is_custom(facts, &api));
        return match text.contains('/') {
            true => api.connector_id(),
            false => api.to_string(),
        };
    }
    "left-out".to_owned()
}
