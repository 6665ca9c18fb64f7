//! A package without anybody in it: what the judgement looks at, under other names. Bodies of flows
//! are made anew from what was read of them.
use std::collections::BTreeMap;

use connref_solution::model::id::is_guid;
use connref_solution::model::package::{
    CanvasApp, FlowBody, FlowReference, FlowTrigger, FlowVariable, Manifest, MissingDependency,
    Package, PackageConnector, PackageReference, PackageVariable, RuntimeSource, Workflow,
};
use connref_solution::model::settings::{SettingsReference, SettingsVariable};
use connref_solution::model::{DeploymentSettings, Facts, FlowId, LogicalName};
use serde_json::{Map, Value, json};

use super::facts::{entry, is_custom, operation, presence, publisher, trigger};
use super::names::Names;
use crate::finding::SubjectKind;
use crate::outcome::dependency_kind;

/// The package under other names.
pub(super) fn scrubbed(
    facts: &Facts,
    package: &Package,
    bodies: &BTreeMap<FlowId, FlowBody>,
    names: &mut Names,
) -> Package {
    Package {
        manifest: manifest(&package.manifest, names),
        references: package.references.iter().map(|one| reference(facts, one, names)).collect(),
        // What is no cloud flow is carried, never judged.
        workflows: package
            .workflows
            .iter()
            .filter(|one| one.is_cloud_flow())
            .map(|one| workflow(facts, one, bodies.get(&one.id), names))
            .collect(),
        connectors: package.connectors.iter().map(|one| connector(one, names)).collect(),
        variables: package.variables.iter().map(|one| variable(facts, one, names)).collect(),
        canvas_apps: Vec::<CanvasApp>::new(),
        agent_uses: Vec::new(),
        problems: Vec::new(),
    }
}

fn manifest(one: &Manifest, names: &mut Names) -> Manifest {
    let unique_name = names.solution_name(&one.unique_name);
    Manifest {
        display_name: unique_name.clone(),
        unique_name,
        description: String::new(),
        version: one.version.clone(),
        managed: one.managed,
        language: 1033,
        publisher: publisher(&one.publisher, names),
        root_components: Vec::new(),
        missing_dependencies: one
            .missing_dependencies
            .iter()
            .filter(|m| !is_guid(&m.required))
            .filter_map(|m| {
                let name = LogicalName::new(&m.required);
                let required = match dependency_kind(&m.required_type)? {
                    SubjectKind::Reference => names.reference(&name),
                    SubjectKind::Variable => names.variable(&name),
                    _ => {
                        let plain = name.key().replacen("_5f", "_", 1);
                        names.connector(&LogicalName::new(&plain))
                    }
                };
                Some(MissingDependency {
                    required_type: m.required_type.clone(),
                    required: required.to_string(),
                    solution: "Active".to_owned(),
                    dependent_type: String::new(),
                    dependent: String::new(),
                })
            })
            .collect(),
    }
}

fn reference(facts: &Facts, one: &PackageReference, names: &mut Names) -> PackageReference {
    let custom = one.custom_connector_id.is_some() || is_custom(facts, &one.api_name);
    let logical_name = names.reference(&one.logical_name);
    PackageReference {
        display_name: logical_name.to_string(),
        logical_name,
        description: None,
        api_name: names.api(&one.api_name, custom),
        custom_connector_id: one
            .custom_connector_id
            .as_ref()
            .map(|id| names.connector_row(&id.as_str().into()).to_string()),
        customizable: one.customizable,
        prompting_behavior: one.prompting_behavior,
    }
}

fn connector(one: &PackageConnector, names: &mut Names) -> PackageConnector {
    let logical_name = names.connector(&one.logical_name()).to_string();
    PackageConnector {
        id: names.connector_row(&one.id.as_str().into()).to_string(),
        name: logical_name.replacen('_', "_5F", 1),
        display_name: logical_name,
        description: None,
        openapi_definition: None,
        connection_parameters: None,
        connection_parameter_sets: None,
        policy_templates: None,
    }
}

fn variable(facts: &Facts, one: &PackageVariable, names: &mut Names) -> PackageVariable {
    let schema_name = names.variable(&one.schema_name);
    PackageVariable {
        display_name: schema_name.to_string(),
        schema_name,
        description: None,
        kind: one.kind,
        default_value: presence(one.default_value.as_ref()),
        value: presence(one.value.as_ref()),
        required: one.required,
        api_name: one.api_name.as_ref().map(|api| names.api(api, is_custom(facts, api))),
        parameter_key: None,
        parent: None,
        secret_store: one.secret_store,
    }
}

fn workflow(facts: &Facts, one: &Workflow, body: Option<&FlowBody>, names: &mut Names) -> Workflow {
    let client_data = body.map(|body| client_data(&self::body(facts, body, names)).to_string());
    let id = names.flow(&one.id);
    Workflow {
        name: names.flow_name(&one.id),
        description: None,
        category: one.category,
        state_code: one.state_code,
        modern_flow_type: one.modern_flow_type,
        json_file_name: client_data
            .is_some()
            .then(|| format!("/Workflows/Flow-{}.json", id.as_str().to_uppercase())),
        client_data,
        id,
    }
}

/// A body under other names.
pub(super) fn body(facts: &Facts, body: &FlowBody, names: &mut Names) -> FlowBody {
    FlowBody {
        references: body
            .references
            .iter()
            .enumerate()
            .map(|(at, one)| entry(facts, at, one, names))
            .collect(),
        children: body.children.iter().map(|id| names.flow(id)).collect(),
        uses: Vec::new(),
        variables: body
            .variables
            .iter()
            .map(|one| {
                let schema_name = names.variable(&one.schema_name);
                FlowVariable {
                    parameter: schema_name.to_string(),
                    schema_name,
                    kind: one.kind.clone(),
                    default_json: None,
                }
            })
            .collect(),
        trigger: body.trigger.as_ref().map(trigger),
        schedule: None,
        operations: body.operations.iter().map(|one| operation(facts, one, names)).collect(),
    }
}

/// A body as a file holds it, which reads as the same references, children, variables and
/// operations.
fn client_data(body: &FlowBody) -> Value {
    let references: Map<String, Value> =
        body.references.iter().map(|one| (one.key.clone(), reference_entry(one))).collect();
    let parameters: Map<String, Value> = body
        .variables
        .iter()
        .map(|one| {
            let metadata = json!({"schemaName": one.schema_name.as_str()});
            (one.parameter.clone(), json!({"type": one.kind, "metadata": metadata}))
        })
        .collect();
    json!({
        "properties": {
            "connectionReferences": references,
            "definition": {
                "parameters": parameters,
                "triggers": {"trigger": trigger_value(body.trigger.as_ref())},
                "actions": actions(body),
            },
        },
        "schemaVersion": "1.0.0.0",
    })
}

fn reference_entry(one: &FlowReference) -> Value {
    let mut connection = Map::new();
    if let Some(name) = &one.logical_name {
        connection.insert("connectionReferenceLogicalName".into(), name.as_str().into());
    }
    if let Some(name) = &one.connection_name {
        connection.insert("name".into(), name.as_str().into());
    }
    let source = match one.source {
        RuntimeSource::Embedded => "embedded",
        RuntimeSource::Invoker => "invoker",
    };
    let mut entry = json!({
        "runtimeSource": source, "connection": connection,
        "api": {"name": one.api_name.as_str()},
    });
    if let Some(name) = &one.api_logical_name {
        entry["api"]["logicalName"] = name.as_str().into();
    }
    if one.on_behalf_of_invoker {
        entry["impersonation"] = json!({"source": "invoker"});
    }
    entry
}

/// An action for each operation and for each child.
fn actions(body: &FlowBody) -> Map<String, Value> {
    let mut actions = Map::new();
    for (at, one) in body.operations.iter().enumerate() {
        let key = body.references.iter().find(|entry| entry.api_name == one.api_name);
        let action = match key {
            Some(entry) => json!({"type": "OpenApiConnection", "inputs": {"host": {
                "connectionName": entry.key, "operationId": one.operation,
                "apiId": one.api_name.connector_id()}}}),
            // The trigger says it by its kind.
            None if one.api_name.key() == "httprequestreceived" => continue,
            None => json!({"type": one.api_name.as_str(), "inputs": {}}),
        };
        actions.insert(format!("Call{at}"), action);
    }
    for (at, child) in body.children.iter().enumerate() {
        let host = json!({"workflowReferenceName": child.as_str()});
        actions.insert(format!("Child{at}"), json!({"type": "Workflow", "inputs": {"host": host}}));
    }
    actions
}

fn trigger_value(trigger: Option<&FlowTrigger>) -> Value {
    let Some(one) = trigger else { return json!({"type": "Request", "kind": "Button"}) };
    let mut trigger = json!({"type": one.kind, "inputs": {}});
    if let Some(kind) = &one.request_kind {
        trigger["kind"] = kind.as_str().into();
    }
    if let Some(who) = &one.authentication {
        trigger["inputs"]["triggerAuthenticationType"] = who.as_str().into();
    }
    trigger
}

/// The settings under other names. A value is replaced by one of its type; one that does not fit its
/// type stays a misfit.
pub(super) fn settings(
    package: &Package,
    settings: &DeploymentSettings,
    names: &mut Names,
) -> DeploymentSettings {
    let references = settings.references.iter();
    let references: Vec<SettingsReference> = references
        .map(|one| SettingsReference {
            logical_name: names.reference(&one.logical_name),
            connection_id: match one.connection_id.trim() {
                "" => String::new(),
                // A path is refused for its shape, whatever it names.
                path if path.contains(['/', '\\']) => format!(
                    "shared_path/{}",
                    names.connection(&path.rsplit(['/', '\\']).next().unwrap_or(path).into())
                ),
                id if id.contains("#{") => "#{token}#".to_owned(),
                id => names.connection(&id.into()).to_string(),
            },
            api_name: None,
            owner: None,
        })
        .collect();
    let variables: Vec<SettingsVariable> = settings
        .variables
        .iter()
        .map(|one| {
            let kind = package.variables.iter().find(|v| v.schema_name == one.schema_name);
            SettingsVariable {
                schema_name: names.variable(&one.schema_name),
                value: value(kind.map_or(0, |v| v.kind), &one.value),
            }
        })
        .collect();
    DeploymentSettings { references, variables }
}

fn value(kind: i64, text: &str) -> String {
    use connref_solution::model::VariableKind::{
        Boolean, DataSource, Json, Number, Secret, String,
    };
    let Some(kind) = connref_solution::model::VariableKind::of(kind) else {
        return if text.is_empty() { text.to_owned() } else { "set".to_owned() };
    };
    if text.is_empty() {
        return text.to_owned();
    }
    if text.contains("#{") {
        return "#{token}#".to_owned();
    }
    if kind.check(text).is_err() {
        return "misfit: {".to_owned();
    }
    match kind {
        Number => "1",
        Boolean => "yes",
        Json => "{}",
        // The store a secret lies in decides; where in it does not.
        Secret if text.trim_start().starts_with('/') => {
            "/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/group\
             /providers/Microsoft.KeyVault/vaults/vault/secrets/secret"
        }
        Secret => "vault://mount/path#field",
        String | DataSource => "set",
    }
    .to_owned()
}
