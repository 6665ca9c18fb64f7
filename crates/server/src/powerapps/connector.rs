//! Connectors.
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use connref_engine::connector::{ConnectorMetadata, ParameterKind, Support, Tier};
use connref_store::connector::Connector;
use serde_json::{Map, Value, json};

use super::{Caller, Failure};
use crate::Context;
use crate::operation::connection::metadata;
use crate::operation::connector::{ConnectorCreate, connector_create};

pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_by_filter().await?;
    let all = cx.app.store().connector_list(&cx.caller, &cx.environment.id).await?;
    Ok(Json(json!({"value": all.iter().map(|row| connector(&cx, row)).collect::<Vec<_>>()})))
}

pub(crate) async fn get(caller: Caller, Path(api): Path<String>) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_by_filter().await?;
    let api = api.as_str().into();
    let row = cx.app.store().connector_get(&cx.caller, &cx.environment.id, &api).await?;
    Ok(Json(connector(&cx, &row)))
}

pub(crate) async fn create(
    caller: Caller,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let properties = &body["properties"];
    let cx = match properties["environment"]["name"].as_str() {
        Some(name) => caller.enter(name).await?,
        None => caller.enter_by_filter().await?,
    };
    let document = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let definition = document(&properties["openApiDefinition"]).ok_or_else(|| {
        Failure::bad_request("InvalidRequest", "properties.openApiDefinition is missing", "")
    })?;
    let title = properties["openApiDefinition"]["info"]["title"].as_str();
    let display_name = properties["displayName"].as_str().or(title).ok_or_else(|| {
        Failure::bad_request("InvalidRequest", "properties.displayName is missing", "")
    })?;
    let new = ConnectorCreate {
        display_name: display_name.to_owned(),
        name: properties["name"].as_str().map(str::to_owned),
        openapi_definition: definition,
        connection_parameters: document(&properties["connectionParameters"]),
        policy_templates: document(&properties["policyTemplateInstances"]),
    };
    let made = connector_create(&cx, new).await?;
    Ok((StatusCode::CREATED, Json(connector(&cx, &made))))
}

fn connector(cx: &Context, row: &Connector) -> Value {
    let metadata = metadata(cx, row);
    let described = metadata.as_ref();
    let service_principal = described.map_or("Unknown", |m| match m.service_principal.support {
        Support::Yes => "Yes",
        Support::No => "No",
        Support::Unknown => "Unknown",
    });
    let operations: Vec<Value> = described.map_or_else(Vec::new, |m| {
        m.operations
            .iter()
            .map(|o| {
                let parameters: Vec<Value> = o
                    .parameters
                    .iter()
                    .map(|p| json!({"name": p.name, "required": p.required}))
                    .collect();
                json!({"id": o.id, "summary": o.summary, "parameters": parameters})
            })
            .collect()
    });
    json!({
        "name": row.api_name.as_str(),
        "id": row.api_name.connector_id(),
        "type": "Microsoft.PowerApps/apis",
        "properties": {
            "displayName": row.display_name,
            "description": row.description,
            "tier": match described.map(|m| m.tier) { Some(Tier::Standard) => "Standard", _ => "Premium" },
            "isCustomApi": row.custom,
            "connectionParameters": described.map(parameters).unwrap_or_default(),
            "connref": {
                "connectorId": row.id.as_str(),
                "servicePrincipal": service_principal,
                "servicePrincipalReason": described.map(|m| m.service_principal.reason.as_str()),
                "operations": operations,
            },
        },
    })
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
