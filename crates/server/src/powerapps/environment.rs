//! Environments.
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use connref_solution::model::facts::{EnvironmentKind, Fidelity};
use connref_store::environment::{Environment, EnvironmentNew};
use serde_json::{Value, json};

use super::time::iso;
use super::{Caller, Failure};
use crate::App;
use crate::operation::environment::{environment_allow, environment_create};

pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let all = caller.environments().await?;
    let rows = all.iter().map(|one| environment(caller.app(), one));
    Ok(Json(json!({"value": rows.collect::<Vec<_>>()})))
}

pub(crate) async fn get(caller: Caller, Path(name): Path<String>) -> Result<Json<Value>, Failure> {
    Ok(Json(environment(caller.app(), &caller.enter(&name).await?.environment)))
}

pub(crate) async fn create(
    caller: Caller,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let properties = &body["properties"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = text(&properties["displayName"]).ok_or_else(|| {
        Failure::bad_request("InvalidRequest", "properties.displayName is missing", "")
    })?;
    let kind = match properties["environmentSku"].as_str().unwrap_or("Developer") {
        "Developer" => EnvironmentKind::Developer,
        "Sandbox" | "Trial" => EnvironmentKind::Test,
        "Production" => EnvironmentKind::Production,
        other => {
            let message = format!("`{other}` is no kind of environment");
            return Err(Failure::bad_request(
                "InvalidRequest",
                message,
                "use Developer, Sandbox or Production",
            ));
        }
    };
    let fidelity = match properties["connref"]["fidelity"].as_str().unwrap_or("extended") {
        "extended" => Fidelity::Extended,
        "dataverse" => Fidelity::Dataverse,
        other => {
            let message = format!("`{other}` is no fidelity");
            return Err(Failure::bad_request(
                "InvalidRequest",
                message,
                "use extended or dataverse",
            ));
        }
    };
    let allowed = strings(&properties["connref"]["allowed"]);
    let new = EnvironmentNew { name, kind, fidelity, allowed };
    let made = environment_create(caller.app(), &caller.installation()?, new).await?;
    Ok((StatusCode::CREATED, Json(environment(caller.app(), &made))))
}

pub(crate) async fn update(
    caller: Caller,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failure> {
    let mut cx = caller.enter(&name).await?;
    if let Ok(operator) = caller.installation() {
        cx.caller = operator;
    }
    let allowed = &body["properties"]["connref"]["allowed"];
    if !allowed.is_array() {
        return Err(Failure::bad_request(
            "InvalidRequest",
            "only properties.connref.allowed, an array of rules, can be changed",
            "",
        ));
    }
    environment_allow(&cx, strings(allowed)).await?;
    Ok(Json(environment(caller.app(), &caller.enter(&name).await?.environment)))
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn environment(app: &App, row: &Environment) -> Value {
    let sku = match row.kind {
        EnvironmentKind::Developer => "Developer",
        EnvironmentKind::Test => "Sandbox",
        EnvironmentKind::Production => "Production",
    };
    let fidelity = match row.fidelity {
        Fidelity::Extended => "extended",
        Fidelity::Dataverse => "dataverse",
    };
    let host = app.addresses().environment(&row.name);
    json!({
        "name": row.id.as_str(),
        "id": format!("/providers/Microsoft.BusinessAppPlatform/environments/{}", row.id),
        "type": "Microsoft.BusinessAppPlatform/environments",
        "location": "local",
        "properties": {
            "displayName": row.name,
            "environmentSku": sku,
            "createdTime": iso(row.created_on),
            "linkedEnvironmentMetadata": {
                "resourceId": row.organization_id,
                "domainName": row.name.to_lowercase(),
                "instanceUrl": format!("{host}/"),
                "instanceApiUrl": host,
            },
            "connref": {"fidelity": fidelity, "allowed": row.allowed},
        },
    })
}
