//! Environments.
use axum::Json;
use axum::http::StatusCode;
use connref_solution::model::facts::{EnvironmentKind, Fidelity};
use connref_store::environment::{Environment, EnvironmentNew};
use serde_json::{Value, json};

use super::page::listed;
use super::time::iso;
use super::{Caller, Document, Failure};
use crate::operation::environment::{environment_allow, environment_create, environment_list};

pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let all = environment_list(caller.app(), caller.signed()).await?;
    let (rows, next) = caller.page(all, |row| row.name.to_lowercase());
    Ok(listed(rows.iter().map(|row| environment(&caller, row)).collect(), next))
}

pub(crate) async fn get(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    Ok(Json(environment(&caller, &cx.environment)))
}

/// The environments, as the newest service tells them.
pub(crate) async fn list_managed(caller: Caller) -> Result<Json<Value>, Failure> {
    let mut all = environment_list(caller.app(), caller.signed()).await?;
    if let Some(ids) = caller.asked("ids") {
        let ids: Vec<&str> = ids.split(',').map(str::trim).collect();
        all.retain(|row| ids.iter().any(|id| row.id.as_str().eq_ignore_ascii_case(id)));
    }
    let (rows, next) = caller.page(all, |row| row.name.to_lowercase());
    let rows = rows.iter().map(|row| managed(&caller, row)).collect::<Result<_, _>>()?;
    let mut answer = json!({"value": Value::Array(rows)});
    if let Some(next) = next {
        answer["@odata.nextLink"] = next.into();
    }
    Ok(Json(answer))
}

pub(crate) async fn get_managed(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    Ok(Json(managed(&caller, &cx.environment)?))
}

fn managed(caller: &Caller, row: &Environment) -> Result<Value, Failure> {
    let name = row.name.to_lowercase();
    let host = caller.app().addresses().environment(&name);
    let tenant =
        caller.app().store().tenant_id(&connref_store::access::Caller::System("router"))?;
    Ok(json!({
        "id": row.id.as_str(),
        "tenantId": tenant,
        "type": sku(row.kind),
        "displayName": row.name,
        "domainName": name,
        "url": format!("{host}/"),
        "dataverseId": row.organization_id,
        "version": "9.2",
        "state": "Enabled",
        "createdDateTime": iso(row.created_on),
        "protectionLevel": "Basic",
        "backgroundOperationsState": "Enabled",
    }))
}

pub(crate) async fn create(
    caller: Caller,
    Document(body): Document,
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
    Ok((StatusCode::CREATED, Json(environment(&caller, &made))))
}

pub(crate) async fn update(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let mut cx = caller.enter_here().await?;
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
    Ok(Json(environment(&caller, &caller.enter_here().await?.environment)))
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn sku(kind: EnvironmentKind) -> &'static str {
    match kind {
        EnvironmentKind::Developer => "Developer",
        EnvironmentKind::Test => "Sandbox",
        EnvironmentKind::Production => "Production",
    }
}

fn environment(caller: &Caller, row: &Environment) -> Value {
    let sku = sku(row.kind);
    let fidelity = match row.fidelity {
        Fidelity::Extended => "extended",
        Fidelity::Dataverse => "dataverse",
    };
    let name = row.name.to_lowercase();
    let host = caller.app().addresses().environment(&name);
    let created = iso(row.created_on);
    // Each of these services calls environments its own; the path says which was asked.
    let provider = caller.provider();
    json!({
        "name": row.id.as_str(),
        "id": format!("/providers/{provider}/environments/{}", row.id),
        "type": format!("{provider}/environments"),
        "location": "local",
        "properties": {
            "displayName": row.name,
            "environmentSku": sku,
            "environmentType": sku,
            "isDefault": false,
            "databaseType": "CommonDataService",
            "createdTime": created,
            "provisioningState": "Succeeded",
            "states": {"management": {"id": "Ready"}, "runtime": {"id": "Enabled"}},
            "linkedEnvironmentMetadata": {
                "type": "Dynamics365Instance",
                "resourceId": row.organization_id,
                "friendlyName": row.name,
                "uniqueName": name,
                "domainName": name,
                "version": "9.2",
                "instanceUrl": format!("{host}/"),
                "instanceApiUrl": host,
                "baseLanguage": 1033,
                "instanceState": "Ready",
                "createdTime": created,
            },
            "connref": {"fidelity": fidelity, "allowed": row.allowed},
        },
    })
}
