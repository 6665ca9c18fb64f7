//! Connections and their permissions, in the JSON the real service answers with.
use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use connref_solution::model::facts::{
    ConnectionKind, ConnectionStatus, Facts, PrincipalFacts, PrincipalKind, ShareLevel,
};
use connref_solution::model::{ApiName, PrincipalId};
use connref_store::connection::Connection;
use serde_json::{Map, Value, json};

use super::page::listed;
use super::time::iso;
use super::{Caller, Document, Failure};
use crate::Context;
use crate::operation::connection::{
    ConnectionPut, Share, connection_delete, connection_last_use, connection_put,
    connection_shares_modify, connection_switch,
};
use crate::operation::connection_rotate::{
    ConnectionRotate, WINDOW, connection_return, connection_rotate,
};
use crate::operation::connection_sign_in::{
    SignInState, SignInStep, connection_sign_in, connection_sign_in_finish,
};
use crate::operation::connection_test::connection_test;

/// The connection that the path names.
fn id(caller: &Caller) -> &str {
    caller.segment("id")
}

/// The connections of an environment, or of one connector in it.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let mut all = cx.app.store().connection_list(&cx.caller, &cx.environment.id).await?;
    let api = caller.segment("api");
    if !api.is_empty() {
        let api = ApiName::from_connector_id(api);
        all.retain(|row| row.facts.api_name == api);
    }
    let (rows, next) = caller.page(all, |row| row.facts.id.to_string());
    let facts = cx.app.store().facts(&cx.caller, &cx.environment.id).await?;
    let used = connection_last_use(&cx).await?;
    let value = rows.iter().map(|row| {
        let mut one = connection(&cx, &facts, row);
        one["properties"]["connref"]["lastUsed"] =
            used.get(&row.facts.id).map(|at| iso(*at)).into();
        one["properties"]["permissions"] = json!([ownership(&facts, row)]);
        one
    });
    Ok(listed(value.collect(), next))
}

pub(crate) async fn get(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, id(&caller)).await?;
    told(&cx, &row).await.map(Json)
}

/// The connection as it is now, with its last use.
async fn told(cx: &Context, row: &Connection) -> Result<Value, Failure> {
    let facts = cx.app.store().facts(&cx.caller, &cx.environment.id).await?;
    let used = connection_last_use(cx).await?;
    let mut one = connection(cx, &facts, row);
    one["properties"]["connref"]["lastUsed"] = used.get(&row.facts.id).map(|at| iso(*at)).into();
    Ok(one)
}

async fn find(cx: &Context, id: &str) -> Result<Connection, Failure> {
    let wanted = id.into();
    Ok(cx.app.store().connection_get(&cx.caller, &cx.environment.id, &wanted).await?)
}

pub(crate) async fn put(
    caller: Caller,
    Document(body): Document,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let properties = &body["properties"];
    let cx = caller.enter_named(properties).await?;
    let api = caller.segment("api").to_owned();
    let extra = &properties["connref"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let kind = match extra["kind"].as_str() {
        None => None,
        Some("user") => Some(ConnectionKind::User),
        Some("servicePrincipal") => Some(ConnectionKind::ServicePrincipal),
        Some("sharedKey") => Some(ConnectionKind::SharedKey),
        Some("none") => Some(ConnectionKind::None),
        Some(other) => {
            let message = format!("`{other}` is no kind of connection");
            let fix = "use user, servicePrincipal, sharedKey or none";
            return Err(Failure::bad_request("InvalidRequest", message, fix));
        }
    };
    let (parameters, secrets) = parameters(properties)?;
    let put = ConnectionPut {
        id: id(&caller).to_owned(),
        display_name: text(&properties["displayName"]).unwrap_or_else(|| api.clone()),
        api_name: api,
        owner: text(&extra["owner"]),
        kind,
        endpoint: text(&extra["endpoint"]),
        parameters,
        secrets,
        ends_on: moment(&extra["secretEnds"])?,
    };
    let (made, new) = connection_put(&cx, put).await?;
    let facts = cx.app.store().facts(&cx.caller, &cx.environment.id).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let mut one = connection(&cx, &facts, &made);
    // The account is told once it is asked for; the answer to a put never has it.
    if let Some(properties) = one["properties"].as_object_mut() {
        properties.remove("accountName");
    }
    Ok((status, Json(one)))
}

/// The parameter under which the name of a parameter set is kept.
const SET: &str = "connectionParametersSet";

type Secrets = BTreeMap<String, secrecy::SecretString>;

/// `connectionParameters` as they are, `connectionParametersSet.values` with their `value`, and
/// `connref.secrets` for what the caller knows to be secret.
fn parameters(properties: &Value) -> Result<(BTreeMap<String, String>, Secrets), Failure> {
    let mut all = BTreeMap::new();
    let mut add = |name: &str, value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null => return Ok(()),
            _ => {
                let message = format!("connection parameter `{name}` is neither text nor number");
                return Err(Failure::bad_request("InvalidRequest", message, ""));
            }
        };
        all.insert(name.to_owned(), text);
        Ok(())
    };
    for (name, value) in properties["connectionParameters"].as_object().into_iter().flatten() {
        add(name, value)?;
    }
    let set = &properties["connectionParametersSet"];
    for (name, value) in set["values"].as_object().into_iter().flatten() {
        add(name, value.get("value").unwrap_or(value))?;
    }
    if let Some(name) = set["name"].as_str() {
        add(SET, &Value::from(name))?;
    }
    let secrets = properties["connref"]["secrets"].as_object().into_iter().flatten();
    let secrets =
        secrets.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned().into()))).collect();
    Ok((all, secrets))
}

pub(crate) async fn delete(caller: Caller) -> Result<StatusCode, Failure> {
    let cx = caller.enter_here().await?;
    let force = caller.query.get("force").is_some_and(|v| v == "true");
    connection_delete(&cx, id(&caller), force).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn test(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let probe = connection_test(&cx, id(&caller)).await?;
    Ok(Json(json!({
        "ok": true, "identity": probe.identity, "target": probe.target, "detail": probe.detail,
    })))
}

/// A point in time, ISO 8601: a date alone is its beginning.
pub(super) fn moment(value: &Value) -> Result<Option<i64>, Failure> {
    let Some(text) = value.as_str() else { return Ok(None) };
    let time = text.parse::<jiff::Timestamp>().or_else(|_| {
        let day: jiff::civil::Date = text.parse()?;
        jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0))
    });
    match time {
        Ok(time) => Ok(Some(time.as_microsecond())),
        Err(_) => {
            let message = format!("`{text}` is no date");
            Err(Failure::bad_request("InvalidRequest", message, "write it as 2027-03-31"))
        }
    }
}

pub(crate) async fn rotate(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let (parameters, mut secrets) = parameters(&body)?;
    for (name, value) in body["secrets"].as_object().into_iter().flatten() {
        if let Some(text) = value.as_str() {
            secrets.insert(name.clone(), text.to_owned().into());
        }
    }
    let window = body["windowSeconds"].as_u64().map_or(WINDOW, Duration::from_secs);
    let ask = ConnectionRotate {
        parameters,
        secrets,
        ends_on: moment(&body["secretEnds"])?,
        window,
        test: body["test"].as_bool().unwrap_or(true),
    };
    let rotated = connection_rotate(&cx, id(&caller), ask).await?;
    told(&cx, &rotated.connection).await.map(Json)
}

pub(crate) async fn give_back(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = connection_return(&cx, id(&caller)).await?;
    told(&cx, &row).await.map(Json)
}

pub(crate) async fn enable(caller: Caller) -> Result<Json<Value>, Failure> {
    switch(caller, true).await
}

pub(crate) async fn disable(caller: Caller) -> Result<Json<Value>, Failure> {
    switch(caller, false).await
}

async fn switch(caller: Caller, on: bool) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = connection_switch(&cx, id(&caller), on).await?;
    told(&cx, &row).await.map(Json)
}

pub(crate) async fn sign_in(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let begun = connection_sign_in(&cx, id(&caller), body["redirectUri"].as_str()).await?;
    Ok(Json(match begun.step {
        SignInStep::Browser(url) => json!({"id": begun.id, "url": url}),
        SignInStep::Device(code) => json!({
            "id": begun.id,
            "userCode": code.user_code,
            "verificationUri": code.verification_uri.as_str(),
            "verificationUriComplete": code.verification_uri_complete.as_ref().map(|u| u.as_str()),
            "expiresIn": code.expires_in.as_secs(),
            "intervalMs": u64::try_from(code.interval.as_millis()).unwrap_or(u64::MAX),
        }),
    }))
}

pub(crate) async fn sign_in_finish(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let signin = body["id"].as_str().unwrap_or_default();
    let state = connection_sign_in_finish(&cx, id(&caller), signin, body["query"].as_str()).await?;
    match state {
        SignInState::Pending(after) => {
            let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            Ok(Json(json!({"state": "pending", "afterMs": after})))
        }
        SignInState::Done(row) => {
            Ok(Json(json!({"state": "done", "connection": told(&cx, &row).await?})))
        }
    }
}

pub(crate) async fn permissions(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, id(&caller)).await?;
    let facts = cx.app.store().facts(&cx.caller, &cx.environment.id).await?;
    let shares =
        cx.app.store().connection_shares(&cx.caller, &cx.environment.id, &row.facts.id).await?;
    let mut value = vec![permission(&facts, &row, &row.facts.owner, "Owner", None)];
    for share in &shares {
        let (level, until) = (level_name(share.level), share.expires_on);
        value.push(permission(&facts, &row, &share.principal, level, until));
    }
    Ok(Json(json!({ "value": value })))
}

pub(crate) async fn modify_permissions(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let puts = entries(&body, "put")?.iter().map(share).collect::<Result<Vec<_>, _>>()?;
    let deletes = entries(&body, "delete")?.iter().map(taken).collect::<Result<Vec<_>, _>>()?;
    connection_shares_modify(&cx, id(&caller), puts, deletes).await?;
    Ok(Json(json!({})))
}

/// Most entries of one change of permissions.
const SHARES_MAX: usize = 500;

pub(super) fn entries<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], Failure> {
    match &body[name] {
        Value::Null => Ok(&[]),
        Value::Array(list) if list.len() <= SHARES_MAX => Ok(list),
        _ => {
            let message = format!("`{name}` is no list of at most {SHARES_MAX} entries");
            Err(Failure::bad_request("InvalidRequest", message, ""))
        }
    }
}

/// An entry of `put`.
fn share(put: &Value) -> Result<Share, Failure> {
    let properties = &put["properties"];
    let principal = &properties["principal"];
    let level = match properties["roleName"].as_str().unwrap_or_default() {
        "CanView" => ShareLevel::CanView,
        "CanViewWithShare" => ShareLevel::CanViewWithShare,
        "CanEdit" => ShareLevel::CanEdit,
        "Owner" => ShareLevel::Owner,
        other => {
            let message = format!("`{other}` is no level of a share");
            let fix = "use CanView, CanViewWithShare or CanEdit";
            return Err(Failure::bad_request("InvalidRequest", message, fix));
        }
    };
    let until = moment(&properties["connref"]["expires"])?;
    // Everybody has no id of its own: the tenant's is meant.
    let with = match (principal["id"].as_str(), principal["type"].as_str()) {
        (Some(id), _) if !id.is_empty() => id,
        (_, Some("Tenant")) => principal["tenantId"].as_str().unwrap_or("tenant"),
        _ => {
            let message = "an entry of `put` names no principal".to_owned();
            return Err(Failure::bad_request("InvalidRequest", message, ""));
        }
    };
    Ok(Share { with: with.to_owned(), level, until })
}

/// The principal of an entry of `delete`: the last part of a permission's id.
pub(super) fn taken(delete: &Value) -> Result<String, Failure> {
    let path = delete["id"].as_str().unwrap_or_default();
    match path.rsplit('/').next() {
        Some(principal) if !principal.is_empty() => Ok(principal.to_owned()),
        _ => {
            let message = "an entry of `delete` names no permission".to_owned();
            Err(Failure::bad_request("InvalidRequest", message, ""))
        }
    }
}

fn level_name(level: ShareLevel) -> &'static str {
    match level {
        ShareLevel::CanView => "CanView",
        ShareLevel::CanViewWithShare => "CanViewWithShare",
        ShareLevel::CanEdit => "CanEdit",
        ShareLevel::Owner => "Owner",
    }
}

/// What a list says of who may use a connection: its owner, by id.
fn ownership(facts: &Facts, row: &Connection) -> Value {
    let mut owner = permission(facts, row, &row.facts.owner, "Owner", None);
    owner["properties"]["principal"] = json!({
        "id": row.facts.owner.as_str(),
        "type": "NotSpecified",
        "tenantId": facts.environment.tenant.as_str(),
    });
    owner
}

fn permission(
    facts: &Facts,
    row: &Connection,
    principal: &PrincipalId,
    role: &str,
    until: Option<i64>,
) -> Value {
    let found = facts.principal(principal);
    let base = path(row);
    let mut properties = json!({
        "roleName": role,
        "principal": {
            "id": principal.as_str(),
            "displayName": shown_name(facts, principal),
            "type": receiver_kind(facts, principal),
            "tenantId": facts.environment.tenant.as_str(),
        },
        "notifyShareTargetOption": "NotSpecified",
        "inviteGuestToTenant": false,
    });
    // A service principal has no address.
    if let Some(user) = found.filter(|found| found.kind == PrincipalKind::User) {
        properties["principal"]["email"] = user.name.as_str().into();
    }
    if let Some(until) = until {
        properties["connref"] = json!({"expires": iso(until)});
    }
    json!({
        "name": principal.as_str(),
        "id": format!("{base}/permissions/{principal}"),
        "type": "Microsoft.PowerApps/apis/connections/permissions",
        "properties": properties,
    })
}

/// The name of whoever a connection is shared with.
fn shown_name<'a>(facts: &'a Facts, id: &PrincipalId) -> Option<&'a str> {
    let principal = facts.principal(id).map(|p| p.display_name.as_str());
    let team = || facts.teams.iter().find(|team| &team.id == id).map(|team| team.name.as_str());
    let group = || facts.groups.iter().find(|group| &group.id == id).map(|g| g.name.as_str());
    principal.or_else(team).or_else(group)
}

/// How the control plane calls its kind. A team of the environment, which the service does not
/// share with, counts as a group.
pub(super) fn receiver_kind(facts: &Facts, id: &PrincipalId) -> &'static str {
    let found = facts.principal(id);
    let listed = facts.teams.iter().any(|team| &team.id == id)
        || facts.groups.iter().any(|group| &group.id == id);
    if found.is_none() && listed {
        "Group"
    } else if &facts.environment.tenant == id {
        "Tenant"
    } else {
        kind_name(found)
    }
}

fn kind_name(principal: Option<&PrincipalFacts>) -> &'static str {
    match principal.map(|p| p.kind) {
        Some(PrincipalKind::User) => "User",
        Some(PrincipalKind::ServicePrincipal) => "ServicePrincipal",
        None => "NotSpecified",
    }
}

fn path(row: &Connection) -> String {
    format!("{}/connections/{}", row.facts.api_name.connector_id(), row.facts.id)
}

/// A connection as recorded from the real service, with what connref adds under `connref`. Secrets
/// are not in the row this is made from.
fn connection(cx: &Context, facts: &Facts, row: &Connection) -> Value {
    let base = path(row);
    let mut properties = json!({
        "apiId": row.facts.api_name.connector_id(),
        "displayName": row.facts.display_name,
        "statuses": [status(row)],
        // What is left of a quota of the service's search; nothing is rationed here.
        "keywordsRemaining": 0,
        "createdBy": created_by(facts, &row.created_by),
        "createdTime": iso(row.facts.created_at),
        "lastModifiedTime": iso(row.modified_on),
        "environment": {
            "id": format!("/providers/Microsoft.PowerApps/environments/{}", cx.environment.id),
            "name": cx.environment.id.as_str(),
        },
        "allowSharing": row.facts.kind != ConnectionKind::User,
        "connref": extension(facts, row),
    });
    let (name, values) = parameters_shown(row);
    properties[name] = values;
    if let Some(at) = row.facts.ends_at {
        properties["expirationTime"] = iso(at).into();
    }
    if let Some(account) = &row.facts.account {
        properties["accountName"] = account.as_str().into();
    }
    json!({
        "name": row.facts.id.as_str(),
        "id": base,
        "type": "Microsoft.PowerApps/apis/connections",
        "properties": properties,
    })
}

fn status(row: &Connection) -> Value {
    match &row.facts.status {
        ConnectionStatus::Connected => json!({"status": "Connected"}),
        ConnectionStatus::Error { code, message } => {
            let mut status =
                json!({"status": "Error", "error": {"code": code, "message": message}});
            if let Some(target) = &row.facts.status_target {
                status["target"] = target.as_str().into();
            }
            status
        }
        ConnectionStatus::Disabled => json!({
            "status": "Error",
            "error": {"code": "ConnectionDisabled", "message": "switched off by an administrator"},
        }),
    }
}

/// The open parameters: by themselves, or as a set where the connector has several.
fn parameters_shown(row: &Connection) -> (&'static str, Value) {
    let open = row.parameters.iter().filter(|(name, _)| *name != SET);
    match row.parameters.get(SET) {
        Some(set) => {
            let values: Map<String, Value> =
                open.map(|(name, value)| (name.clone(), json!({"value": value}))).collect();
            (SET, json!({"name": set, "values": values}))
        }
        None => {
            let values: Map<String, Value> =
                open.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            ("connectionParameters", Value::Object(values))
        }
    }
}

/// What connref knows of a connection beside the service.
fn extension(facts: &Facts, row: &Connection) -> Value {
    let owner = facts.principal(&row.facts.owner);
    let kind = match row.facts.kind {
        ConnectionKind::ServicePrincipal => "servicePrincipal",
        ConnectionKind::User => "user",
        ConnectionKind::SharedKey => "sharedKey",
        ConnectionKind::None => "none",
    };
    let references: Vec<&str> = facts
        .references
        .iter()
        .filter(|r| r.connection.as_ref() == Some(&row.facts.id))
        .map(|r| r.logical_name.as_str())
        .collect();
    json!({
        "owner": owner.map(|p| p.name.as_str()),
        "ownerDisabled": owner.is_some_and(|p| p.disabled),
        "kind": kind,
        "endpoint": row.facts.endpoint,
        "secretFields": row.secret_fields,
        "credentialVersion": row.credential_version,
        "references": references,
        "credentialEnds": row.facts.ends_at.map(iso),
        "previousUntil": row.previous_until.map(iso),
        "tested": row.facts.fingerprint.as_ref().map(|tested| json!({
            "on": iso(tested.tested_at), "identity": tested.identity, "target": tested.target,
        })),
    })
}

fn created_by(facts: &Facts, id: &PrincipalId) -> Value {
    let found = facts.principal(id);
    json!({
        "id": id.as_str(),
        "displayName": found.map(|p| p.display_name.as_str()),
        "email": found.map(|p| p.name.as_str()),
        "type": kind_name(found),
        "tenantId": facts.environment.tenant.as_str(),
        "userPrincipalName": found.map(|p| p.name.as_str()),
    })
}
