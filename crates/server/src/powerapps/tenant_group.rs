//! Groups of the tenant: what a directory tells in the vendor's cloud. connref's own addresses.
use std::collections::HashMap;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Caller, Document, Failure};
use crate::operation::tenant_group::{group_create, group_delete, group_list, group_member_set};

type Names = Path<HashMap<String, String>>;

fn name<'a>(names: &'a Names, key: &str) -> &'a str {
    names.get(key).map_or("", String::as_str)
}

pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let groups = group_list(caller.app(), &caller.installation()?).await?;
    let rows = groups.iter().map(|group| {
        let members = group.members.iter().map(|(name, kind)| json!({"name": name, "kind": kind}));
        json!({
            "id": group.id.as_str(), "name": group.name, "kind": group.kind,
            "members": members.collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({"value": rows.collect::<Vec<_>>()})))
}

pub(crate) async fn create(
    caller: Caller,
    Document(body): Document,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let office = match text("kind").as_deref() {
        None | Some("security") => false,
        Some("office") => true,
        Some(other) => {
            let message = format!("`{other}` is no kind of group");
            return Err(Failure::bad_request("InvalidRequest", message, "use security or office"));
        }
    };
    let new = text("name").unwrap_or_default();
    let id = group_create(caller.app(), &caller.installation()?, new, office, text("id")).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id.as_str()}))))
}

pub(crate) async fn member_put(
    caller: Caller,
    names: Names,
    Document(body): Document,
) -> Result<StatusCode, Failure> {
    let kind = match body["kind"].as_str().unwrap_or("member") {
        "member" => "member",
        "owner" => "owner",
        "guest" => "guest",
        other => {
            let message = format!("`{other}` is no kind of member");
            let fix = "use member, owner or guest";
            return Err(Failure::bad_request("InvalidRequest", message, fix));
        }
    };
    let (group, member) = (name(&names, "group"), name(&names, "member"));
    group_member_set(caller.app(), &caller.installation()?, group, member, Some(kind)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn member_delete(caller: Caller, names: Names) -> Result<StatusCode, Failure> {
    let (group, member) = (name(&names, "group"), name(&names, "member"));
    group_member_set(caller.app(), &caller.installation()?, group, member, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete(caller: Caller, names: Names) -> Result<StatusCode, Failure> {
    group_delete(caller.app(), &caller.installation()?, name(&names, "group")).await?;
    Ok(StatusCode::NO_CONTENT)
}
