//! A cloud flow's body: `Workflows/*.json`, what Dataverse keeps as `clientdata`.
use std::collections::HashSet;

use super::flow_action::FlowAction;
use super::flow_operation::{Operations, schedule};
use super::{Problems, cut};
use crate::document::json::scan::pointer_escape;
use crate::document::json::{JsonNode, JsonObject, JsonTree};
use crate::model::package::{
    FlowBody, FlowReference, FlowTrigger, FlowVariable, Problem, RuntimeSource,
};
use crate::model::{ApiName, FlowId, LogicalName};

/// Reads what the rest of connref needs from a flow's body. Takes the whole file
/// (`{"properties": {…}}`) as well as the properties alone. `part` names it in the problems.
pub fn flow_body_read(text: &str, part: &str) -> (FlowBody, Vec<Problem>) {
    let mut found = Vec::new();
    let mut problems = Problems::new(part, &mut found);
    let body = match JsonTree::parse(text.as_bytes()) {
        Ok(tree) => flow_body_of(tree.root(), &mut problems),
        Err(error) => {
            problems.add("", error.to_string());
            FlowBody::default()
        }
    };
    (body, found)
}

/// As [`flow_body_read`], from a value that is parsed already.
pub fn flow_body_of(value: JsonNode<'_>, problems: &mut Problems<'_>) -> FlowBody {
    let (properties, at) = match value.get("properties") {
        Some(properties) => (properties, "/properties"),
        None => (value, ""),
    };
    let mut body = FlowBody::default();
    let references = properties.get("connectionReferences").filter(|value| !value.is_null());
    match references.map(JsonNode::as_object) {
        Some(Some(map)) => {
            for (key, entry) in map.iter() {
                let at = format!("{at}/connectionReferences/{}", pointer_escape(key));
                body.references.push(flow_reference(key, entry, &at, problems));
            }
        }
        None => {}
        Some(None) => problems.add(format!("{at}/connectionReferences"), "is not an object"),
    }
    let Some(definition) = properties.get("definition").and_then(JsonNode::as_object) else {
        problems.add(format!("{at}/definition"), "there is no flow definition");
        return body;
    };
    // A desktop flow keeps a package here and has neither triggers nor actions.
    if definition.contains("package") && !definition.contains("actions") {
        return body;
    }
    body.variables = variables(definition);
    let at = format!("{at}/definition");
    triggers(definition, &at, &mut body, problems);
    let references = std::mem::take(&mut body.references);
    let mut operations = Operations::new(&references);
    for trigger in object(definition, "triggers").into_iter().flat_map(JsonObject::values) {
        operations.note(&FlowAction::of(trigger), true);
    }
    if let Some(actions) = object(definition, "actions") {
        actions_walk(actions, &mut body, &mut HashSet::new(), &mut operations);
    }
    body.operations = operations.found();
    body.references = references;
    body
}

fn object<'t>(map: JsonObject<'t>, name: &str) -> Option<JsonObject<'t>> {
    map.get(name).and_then(JsonNode::as_object)
}

pub(super) fn text<'t>(value: JsonNode<'t>, path: &str) -> Option<&'t str> {
    value.at(path).and_then(JsonNode::as_str).filter(|t| !t.is_empty())
}

/// Reads an entry of `connectionReferences`, in the shape of solutions and in the shape of the
/// live API and of legacy packages.
fn flow_reference(
    key: &str,
    entry: JsonNode<'_>,
    at: &str,
    problems: &mut Problems<'_>,
) -> FlowReference {
    if entry.as_object().is_none() {
        problems.add(at, "the entry is not an object");
    }
    let api =
        text(entry, "/api/name").or_else(|| text(entry, "/api/id")).or_else(|| text(entry, "/id"));
    let source = text(entry, "/runtimeSource").or_else(|| text(entry, "/source"));
    let source = match source {
        Some(s) if s.eq_ignore_ascii_case("invoker") => RuntimeSource::Invoker,
        Some(s) if s.eq_ignore_ascii_case("embedded") => RuntimeSource::Embedded,
        None => RuntimeSource::Embedded,
        Some(other) => {
            problems.add(at, format!("`runtimeSource` is `{}`; read as embedded", cut(other)));
            RuntimeSource::Embedded
        }
    };
    let direct = ["/connectionName", "/connection/name", "/connection/id"];
    FlowReference {
        key: key.to_owned(),
        source,
        logical_name: text(entry, "/connection/connectionReferenceLogicalName")
            .or_else(|| text(entry, "/connectionReferenceLogicalName"))
            .map(LogicalName::new),
        connection_name: direct
            .iter()
            .find_map(|p| text(entry, p))
            .map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()),
        api_name: ApiName::from_connector_id(api.unwrap_or_default()),
        api_logical_name: text(entry, "/api/logicalName").map(LogicalName::new),
        on_behalf_of_invoker: text(entry, "/impersonation/source")
            .is_some_and(|s| s.eq_ignore_ascii_case("invoker")),
    }
}

/// Parameters that stand for environment variables: their metadata carries a schema name.
fn variables(definition: JsonObject<'_>) -> Vec<FlowVariable> {
    let Some(parameters) = object(definition, "parameters") else { return Vec::new() };
    parameters
        .iter()
        .filter_map(|(name, parameter)| {
            Some(FlowVariable {
                parameter: name.to_owned(),
                schema_name: LogicalName::new(text(parameter, "/metadata/schemaName")?),
                kind: text(parameter, "/type").unwrap_or_default().to_owned(),
                default_json: parameter
                    .get("defaultValue")
                    .map(|value| value.to_value().to_string()),
            })
        })
        .collect()
}

fn triggers(
    definition: JsonObject<'_>,
    at: &str,
    body: &mut FlowBody,
    problems: &mut Problems<'_>,
) {
    let Some(triggers) = object(definition, "triggers") else {
        problems.add(format!("{at}/triggers"), "there is no trigger");
        return;
    };
    let count = triggers.iter().count();
    if count != 1 {
        let message = format!("{count} triggers; a cloud flow has one");
        problems.add(format!("{at}/triggers"), message);
    }
    for (name, trigger) in triggers.iter() {
        host_use(name, &FlowAction::of(trigger), body);
        if body.trigger.is_none() {
            body.schedule = schedule(trigger);
            body.trigger = Some(FlowTrigger {
                name: name.to_owned(),
                kind: text(trigger, "/type").unwrap_or_default().to_owned(),
                request_kind: text(trigger, "/kind").map(str::to_owned),
                authentication: text(trigger, "/inputs/triggerAuthenticationType")
                    .map(str::to_owned),
            });
        }
    }
}

/// Visits every action, nested ones too. The depth is that of the JSON, which is bounded.
fn actions_walk<'t>(
    actions: JsonObject<'t>,
    body: &mut FlowBody,
    children: &mut HashSet<FlowId>,
    operations: &mut Operations<'_, 't>,
) {
    for (name, action) in actions.iter() {
        let action = FlowAction::of(action);
        if !action.child.is_empty() {
            let child = FlowId::new(action.child);
            if children.insert(child.clone()) {
                body.children.push(child);
            }
        }
        operations.note(&action, false);
        host_use(name, &action, body);
        for (_, nested) in action.nested() {
            actions_walk(nested, body, children, operations);
        }
    }
}

/// Notes which connection an action or a trigger uses.
fn host_use(name: &str, action: &FlowAction<'_>, body: &mut FlowBody) {
    let Some(key) = &action.key else { return };
    body.uses.push((key.to_string(), action.operation.to_owned(), name.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = r#"{"properties":{"connectionReferences":{
        "shared_a":{"runtimeSource":"embedded","connection":{"connectionReferenceLogicalName":"new_a"},"api":{"name":"shared_a"}},
        "b":{"runtimeSource":"invoker","connection":{},"api":{"name":"shared_b","logicalName":"new_b-20api"},"impersonation":{"source":"invoker"}},
        "c":{"connectionName":"shared-c-1","source":"Invoker","id":"/providers/Microsoft.PowerApps/apis/shared_c","tier":"NotSpecified"}},
      "definition":{"parameters":{"Url (new_Url)":{"defaultValue":"x","type":"String","metadata":{"schemaName":"new_Url"}},"$connections":{"type":"Object"}},
        "triggers":{"manual":{"type":"Request","kind":"Http","inputs":{"triggerAuthenticationType":"All"}}},
        "actions":{
          "S":{"type":"Scope","actions":{"Send":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_a","operationId":"SendEmailV2","apiId":"/x"}}}}},
          "I":{"type":"If","actions":{},"else":{"actions":{"Old":{"type":"ApiConnection","inputs":{"host":{"connection":{"name":"@parameters('$connections')['b']['connectionId']"}}},"metadata":{"flowSystemMetadata":{"swaggerOperationId":"GetB"}}}}}},
          "W":{"type":"Switch","cases":{"1":{"case":"x","actions":{"Child":{"type":"Workflow","inputs":{"host":{"workflowReferenceName":"27DE4AFF-d651-f011-877a-7c1e52583799"}}}}}},"default":{"actions":{"Legacy":{"type":"ApiConnection","inputs":{"host":{"connection":{"name":"@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$connections']['c']['connectionId']"}}}}}}}}}},
      "schemaVersion":"1.0.0.0"}"#;

    #[test]
    fn reads_every_shape() {
        let (body, problems) = flow_body_read(FLOW, "f.json");
        assert_eq!(problems, []);
        let refs = &body.references;
        assert_eq!(refs[0].logical_name, Some("new_a".into()));
        assert_eq!((refs[1].source, refs[1].on_behalf_of_invoker), (RuntimeSource::Invoker, true));
        assert_eq!(refs[1].api_logical_name, Some("new_b-20api".into()));
        assert_eq!(refs[1].connection_name, None);
        assert_eq!(refs[2].connection_name.as_deref(), Some("shared-c-1"));
        assert_eq!(refs[2].api_name.as_str(), "shared_c");
        assert_eq!(refs[2].source, RuntimeSource::Invoker);
        let uses: Vec<_> = body.uses.iter().map(|(k, o, a)| (&**k, &**o, &**a)).collect();
        assert_eq!(
            uses,
            [("shared_a", "SendEmailV2", "Send"), ("b", "GetB", "Old"), ("c", "", "Legacy")]
        );
        assert_eq!(body.children, [FlowId::new("27de4aff-d651-f011-877a-7c1e52583799")]);
        assert_eq!(body.variables[0].default_json.as_deref(), Some("\"x\""));
        let trigger = body.trigger.unwrap();
        assert_eq!(trigger.request_kind.as_deref(), Some("Http"));
        assert_eq!(trigger.authentication.as_deref(), Some("All"));
    }

    #[test]
    fn odd_bodies_are_problems() {
        for text in
            ["", "[]", "{\"properties\":1}", "{\"properties\":{\"connectionReferences\":[]}}"]
        {
            assert!(!flow_body_read(text, "x").1.is_empty(), "{text}");
        }
        let desktop = r#"{"properties":{"definition":{"package":"x"}},"schemaversion":"1"}"#;
        assert_eq!(flow_body_read(desktop, "x"), (FlowBody::default(), vec![]));
    }
}
