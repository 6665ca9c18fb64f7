//! Whom a flow is shared with, in the words of Power Automate's API.
use axum::Json;
use connref_solution::model::PrincipalId;
use connref_store::flow::FlowLevel;
use serde_json::{Value, json};

use super::flow::{find, text};
use super::page::listed;
use super::{Caller, Document, Failure};
use crate::operation::flow::flow_share;

/// Owner, co-owners and run-only users.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, caller.segment("flow")).await?;
    let (environment, id) = (&cx.environment.id, row.id.as_str());
    let store = cx.app.store();
    let shares = store.flow_shares(&cx.caller, environment, &id.into()).await?;
    let facts = store.facts(&cx.caller, environment).await?;
    let permission = |principal: &PrincipalId, role: &str| {
        json!({
            "name": principal.as_str(),
            "id": format!(
                "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{id}/permissions/{principal}"
            ),
            "type": "/providers/Microsoft.ProcessSimple/environments/flows/permissions",
            "properties": {
                "roleName": role,
                "permissionType": "Principal",
                "principal": {
                    "id": principal.as_str(),
                    "type": super::connection::receiver_kind(&facts, principal),
                },
            },
        })
    };
    let owner = PrincipalId::new(text(&row, "ownerid"));
    let shares = shares.iter().filter(|(principal, _)| *principal != owner);
    let mut value = vec![permission(&owner, "Owner")];
    value.extend(shares.map(|(principal, level)| match level {
        FlowLevel::Edit => permission(principal, "CanEdit"),
        FlowLevel::Run => permission(principal, "CanView"),
    }));
    Ok(listed(value, None))
}

/// `put` shares: `CanEdit` and `Owner` make a co-owner, `CanView` a run-only user. `delete` takes it
/// away. One after the other: what came before one that is refused stays.
pub(crate) async fn modify(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, caller.segment("flow")).await?;
    let puts = super::connection::entries(&body, "put")?;
    let puts = puts.iter().map(put).collect::<Result<Vec<_>, _>>()?;
    let deletes = super::connection::entries(&body, "delete")?;
    let deletes = deletes.iter().map(super::connection::taken).collect::<Result<Vec<_>, _>>()?;
    for (with, level) in puts {
        flow_share(&cx, &row.id, with, Some(level)).await?;
    }
    for with in deletes {
        flow_share(&cx, &row.id, &with, None).await?;
    }
    Ok(Json(json!({})))
}

fn put(entry: &Value) -> Result<(&str, FlowLevel), Failure> {
    let properties = &entry["properties"];
    let level = match properties["roleName"].as_str().unwrap_or_default() {
        "CanEdit" | "Owner" => FlowLevel::Edit,
        "CanView" => FlowLevel::Run,
        other => {
            let message = format!("`{other}` is no level of a share of a flow");
            let fix = "use CanEdit or CanView";
            return Err(Failure::bad_request("InvalidRequest", message, fix));
        }
    };
    match properties["principal"]["id"].as_str() {
        Some(id) if !id.is_empty() => Ok((id, level)),
        _ => {
            let message = "an entry of `put` names no principal";
            Err(Failure::bad_request("InvalidRequest", message, ""))
        }
    }
}
