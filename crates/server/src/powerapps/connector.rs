//! Connectors.
use axum::Json;
use axum::http::StatusCode;
use connref_engine::connector::custom::CustomConnector;
use connref_engine::connector::{ConnectorMetadata, ParameterKind, Support, Tier};
use connref_solution::connector::{ConnectorTexts, Operation, Trigger, Way, connector_read};
use connref_solution::model::facts::Capability;
use connref_store::connector::Connector;
use serde_json::{Map, Value, json};

use super::page::listed;
use super::{Caller, Document, Failure};
use crate::Context;
use crate::operation::connection::{custom, metadata};
use crate::operation::connector::{
    ConnectorCreate, ConnectorDone, ConnectorFiles, connector_create, connector_delete,
    connector_update, connector_validate,
};

pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let mut all = cx.app.store().connector_list(&cx.caller, &cx.environment.id).await?;
    if let Some(custom) = caller.query.get("$filter").and_then(|filter| wanted_custom(filter)) {
        all.retain(|row| row.custom == custom);
    }
    let (rows, next) = caller.page(all, |row| row.api_name.to_string());
    Ok(listed(rows.iter().map(|row| brief(&cx, row)).collect(), next))
}

/// `IsCustomApi eq 'True'` in a filter.
fn wanted_custom(filter: &str) -> Option<bool> {
    let lower = filter.to_ascii_lowercase();
    let rest = lower[lower.find("iscustomapi")? + "iscustomapi".len()..].trim_start();
    let value = rest.strip_prefix("eq")?.trim_start().trim_start_matches('\'');
    if value.starts_with("true") { Some(true) } else { value.starts_with("false").then_some(false) }
}

pub(crate) async fn get(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let api = caller.segment("api").into();
    let row = cx.app.store().connector_get(&cx.caller, &cx.environment.id, &api).await?;
    Ok(Json(whole(&cx, &row)))
}

pub(crate) async fn create(
    caller: Caller,
    Document(body): Document,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let properties = &body["properties"];
    let cx = caller.enter_named(properties).await?;
    let files = files(properties);
    if files.openapi_definition.is_none() {
        let message = "properties.openApiDefinition is missing";
        return Err(Failure::bad_request("InvalidRequest", message, ""));
    }
    let title = properties["openApiDefinition"]["info"]["title"].as_str();
    let name = [properties["displayName"].as_str(), title];
    let name = name.into_iter().flatten().map(str::trim).find(|name| !name.is_empty());
    let display_name = name.ok_or_else(|| {
        Failure::bad_request("InvalidRequest", "properties.displayName is missing", "")
    })?;
    let new = ConnectorCreate {
        display_name: display_name.to_owned(),
        name: properties["name"].as_str().map(str::to_owned),
        description: properties["description"].as_str().map(str::to_owned),
        files,
        solution: caller.header("mscrm.solutionuniquename"),
    };
    let made = connector_create(&cx, new).await?;
    Ok((StatusCode::CREATED, Json(done(&cx, &made))))
}

pub(crate) async fn update(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let properties = &body["properties"];
    let cx = caller.enter_named(properties).await?;
    let name = properties["displayName"].as_str().map(str::to_owned);
    let accept = properties["connref"]["acceptNewTargets"].as_bool().unwrap_or_default();
    let made =
        connector_update(&cx, caller.segment("api"), name, files(properties), accept).await?;
    Ok(Json(done(&cx, &made)))
}

pub(crate) async fn delete(caller: Caller) -> Result<StatusCode, Failure> {
    let cx = caller.enter_here().await?;
    let api = caller.segment("api").into();
    let row = cx.app.store().connector_get(&cx.caller, &cx.environment.id, &api).await?;
    connector_delete(&cx, row.id.as_str()).await?;
    Ok(StatusCode::OK)
}

/// Reads a definition as a call would. Good ones are answered without words, as the vendor's command
/// for connectors expects; its user sees the message of the others.
pub(crate) async fn validate(_caller: Caller, body: String) -> Result<StatusCode, Failure> {
    match connector_validate(body) {
        Ok(()) => Ok(StatusCode::OK),
        Err(error) => {
            let message = format!("The definition cannot be used: {error}");
            Err(Failure::bad_request("SwaggerCertificationFailedWithErrors", message, ""))
        }
    }
}

/// Where an icon would go: nowhere. The vendor's command for connectors asks before every create and
/// stops without an answer; it uses the address only when it has an icon or a script.
pub(crate) async fn storage(_caller: Caller) -> Json<Value> {
    Json(json!({"sharedAccessSignature": ""}))
}

/// Members of a body that are no part of the files.
const OWN: [&str; 9] = [
    "connectionParameters",
    "connectionParameterSets",
    "connref",
    "description",
    "displayName",
    "environment",
    "name",
    "openApiDefinition",
    "policyTemplateInstances",
];

/// The files as the body has them: objects, or texts that need not be strict JSON.
fn files(properties: &Value) -> ConnectorFiles {
    let document = |name: &str| match &properties[name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let rest: Map<String, Value> = properties
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    ConnectorFiles {
        openapi_definition: document("openApiDefinition"),
        connection_parameters: document("connectionParameters"),
        connection_parameter_sets: document("connectionParameterSets"),
        policy_templates: document("policyTemplateInstances"),
        properties: (!rest.is_empty()).then(|| Value::Object(rest).to_string()),
    }
}

fn done(cx: &Context, made: &ConnectorDone) -> Value {
    let mut answer = whole(cx, &made.row);
    let warnings = made.warnings.iter().map(|one| {
        json!({"part": one.part.as_str(), "line": one.line, "column": one.column, "message": one.message})
    });
    answer["properties"]["connref"]["warnings"] = warnings.collect();
    answer
}

fn support(capability: Capability) -> &'static str {
    match capability {
        Capability::Yes => "Yes",
        Capability::No => "No",
        Capability::Unknown => "Unknown",
    }
}

/// A connector in a list: what the row knows, without reading its files.
fn brief(cx: &Context, row: &Connector) -> Value {
    let built_in = cx.app.registry().get(row.api_name.as_str()).map(|c| c.metadata());
    let tier = match built_in.as_ref().map(|m| m.tier) {
        Some(Tier::Standard) => "Standard",
        _ => "Premium",
    };
    let parameters = match (&built_in, stored(row.connection_parameters.as_deref())) {
        (_, Some(parameters)) => parameters,
        (Some(metadata), None) => Value::Object(parameters(metadata)),
        (None, None) => json!({}),
    };
    let answer = match &built_in {
        Some(metadata) => told(metadata.service_principal.support),
        None => support(row.service_principal),
    };
    let mut properties = json!({
        "displayName": row.display_name,
        "description": row.description,
        "tier": tier,
        "isCustomApi": row.custom,
        "connectionParameters": parameters,
        "connref": {"connectorId": row.id.as_str(), "servicePrincipal": answer},
    });
    if let Some(sets) = stored(row.connection_parameter_sets.as_deref()) {
        properties["connectionParameterSets"] = sets;
    }
    if let Some(Value::Object(rest)) = stored(row.properties.as_deref()) {
        for (name, value) in rest {
            if properties.get(&name).is_none() {
                properties[name] = value;
            }
        }
    }
    json!({
        "name": row.api_name.as_str(),
        "id": row.api_name.connector_id(),
        "type": "Microsoft.PowerApps/apis",
        "properties": properties,
    })
}

fn told(support: Support) -> &'static str {
    match support {
        Support::Yes => "Yes",
        Support::No => "No",
        Support::Unknown => "Unknown",
    }
}

fn stored(text: Option<&str>) -> Option<Value> {
    serde_json::from_str(text?).ok().filter(|value: &Value| !value.is_null())
}

/// A connector with its definition, operations and ways to connect.
fn whole(cx: &Context, row: &Connector) -> Value {
    let mut answer = brief(cx, row);
    let properties = &mut answer["properties"];
    if let Some(policies) = stored(row.policy_templates.as_deref()) {
        properties["policyTemplateInstances"] = policies;
    }
    if let Some(definition) = stored(row.openapi_definition.as_deref()) {
        properties["swagger"] = definition;
    }
    let described = metadata(cx, row);
    if let Some(metadata) = &described {
        properties["connref"]["servicePrincipalReason"] =
            metadata.service_principal.reason.as_str().into();
    }
    match custom(row).ok().filter(|_| row.custom) {
        Some(connector) => {
            properties["connref"]["operations"] = operations(&connector);
            properties["connref"]["authentication"] = ways(row);
            properties["connref"]["unsupportedPolicies"] = connector.unsupported_policies().into();
        }
        None => {
            let operations = described.iter().flat_map(|m| &m.operations).map(|o| {
                let parameters: Vec<Value> = o
                    .parameters
                    .iter()
                    .map(|p| json!({"name": p.name, "required": p.required}))
                    .collect();
                json!({"id": o.id, "summary": o.summary, "parameters": parameters})
            });
            properties["connref"]["operations"] = operations.collect();
        }
    }
    answer
}

fn operations(connector: &CustomConnector) -> Value {
    connector.operations().map(|(one, reason)| operation(one, reason.as_deref())).collect()
}

fn operation(one: &Operation, reason: Option<&str>) -> Value {
    let parameters: Vec<Value> = one
        .parameters
        .iter()
        .map(|p| {
            json!({
                "name": p.name, "in": p.place.as_str(), "type": p.kind, "required": p.required,
                "summary": p.summary, "visibility": p.visibility,
                "values": (!p.values.is_empty()).then_some(&p.values),
                "dynamic": p.dynamic.as_ref().map(|d| d.extension),
                "properties": p.properties.iter()
                    .map(|(name, required)| json!({"name": name, "required": required}))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    let kind = match one.trigger {
        None => "action",
        Some(Trigger::Polling) => "pollingTrigger",
        Some(Trigger::Webhook) => "webhookTrigger",
    };
    json!({
        "id": one.id, "method": one.method.to_uppercase(), "path": one.path, "kind": kind,
        "summary": one.summary, "description": one.description, "visibility": one.visibility,
        "deprecated": one.deprecated, "callable": reason.is_none(), "reason": reason,
        "parameters": parameters,
    })
}

fn ways(row: &Connector) -> Value {
    let read = connector_read(&ConnectorTexts {
        definition: row.openapi_definition.as_deref().unwrap_or_default(),
        parameters: row.connection_parameters.as_deref(),
        sets: row.connection_parameter_sets.as_deref(),
        policies: None,
    });
    let Ok(read) = read else { return json!([]) };
    let way = |way: &Way| {
        json!({
            "set": way.set,
            "kinds": way.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
            "identityProviders": way.providers,
            "servicePrincipal": support(way.service_principal.support),
            "reason": way.service_principal.reason,
        })
    };
    read.authentication.ways.iter().map(way).collect()
}

fn parameters(metadata: &ConnectorMetadata) -> Map<String, Value> {
    metadata
        .connection_parameters
        .iter()
        .map(|parameter| {
            let kind = match parameter.kind {
                ParameterKind::String => "string",
                ParameterKind::Secret => "securestring",
                ParameterKind::Oauth => "oauthSetting",
            };
            let value = json!({
                "type": kind,
                "uiDefinition": {
                    "displayName": parameter.name,
                    "description": parameter.description,
                    "constraints": {"required": parameter.required.to_string()},
                },
            });
            (parameter.name.clone(), value)
        })
        .collect()
}
