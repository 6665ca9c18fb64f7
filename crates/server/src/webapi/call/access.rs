//! `GrantAccess`, `ModifyAccess`, `RevokeAccess` and what asks who has which rights.
use connref_store::access::{Entity, Verb};
use connref_store::query::Record;
use connref_store::row_share::{Receiver, ShareChange, SharedRow};
use serde_json::{Map, Value, json};

use super::parameters::Parameters;
use crate::operation::row_share::{row_access, row_share, row_shares};
use crate::webapi::body::reference;
use crate::webapi::locate::pointed;
use crate::webapi::{Asked, Fault};

/// The names of rights, in the order in which the service writes them.
const RIGHTS: [(Verb, &str); 8] = [
    (Verb::Read, "ReadAccess"),
    (Verb::Write, "WriteAccess"),
    (Verb::Append, "AppendAccess"),
    (Verb::AppendTo, "AppendToAccess"),
    (Verb::Create, "CreateAccess"),
    (Verb::Delete, "DeleteAccess"),
    (Verb::Share, "ShareAccess"),
    (Verb::Assign, "AssignAccess"),
];

fn words(mask: i64) -> String {
    let words: Vec<_> =
        RIGHTS.iter().filter(|(verb, _)| mask & verb.mask() != 0).map(|(_, word)| *word).collect();
    if words.is_empty() { "None".to_owned() } else { words.join(",") }
}

fn mask(words: &str) -> Result<i64, Fault> {
    let mut mask = 0;
    for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let (verb, _) = RIGHTS
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(word))
            .ok_or_else(|| Fault::payload(format!("`{word}` is no value of AccessRights.")))?;
        mask |= verb.mask();
    }
    Ok(mask)
}

/// The row that `{"@odata.type", "<key>": id}` or `{"@odata.id"}` means: table and id.
pub(super) fn row(object: &Map<String, Value>) -> Result<(String, String), Fault> {
    if let Some(address) = object.get("@odata.id").and_then(Value::as_str) {
        let segment = reference(address)?;
        let table = connref_store::query::table_by_set(&segment.name)
            .ok_or_else(|| Fault::no_resource(&segment.name))?;
        let id = match &segment.arguments {
            Some(crate::webapi::path::Arguments::Key(id)) => id.text().to_lowercase(),
            _ => return Err(Fault::payload(format!("`{address}` is not the address of a row."))),
        };
        return Ok((table.name.to_owned(), id));
    }
    let kind = object.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    let name = kind.rsplit('.').next().unwrap_or_default();
    let table = connref_store::query::table_by_logical_name(name)
        .ok_or_else(|| Fault::payload(format!("`{kind}` is no type of this service.")))?;
    let id = object
        .get(table.primary_id)
        // A principal is also named by `ownerid`, the key of the type both derive from.
        .or_else(|| object.get("ownerid"))
        .and_then(Value::as_str)
        .ok_or_else(|| Fault::payload(format!("`{}` is missing.", table.primary_id)))?;
    Ok((table.name.to_owned(), id.trim_matches(['{', '}']).to_lowercase()))
}

fn shared(object: &Map<String, Value>) -> Result<SharedRow, Fault> {
    let (table, id) = row(object)?;
    let entity = Entity::shareable(&table)
        .ok_or_else(|| Fault::invalid(format!("rows of `{table}` are not shared one by one")))?;
    Ok(SharedRow { entity, id })
}

fn receiver(object: &Map<String, Value>) -> Result<Receiver, Fault> {
    match row(object)? {
        (table, id) if table == "systemuser" => Ok(Receiver::User(id)),
        (table, id) if table == "team" => Ok(Receiver::Team(id)),
        (table, _) => Err(Fault::payload(format!("`{table}` is no principal."))),
    }
}

/// `GrantAccess` adds rights, `ModifyAccess` replaces them.
pub(super) async fn grant(asked: &Asked, parameters: Parameters, add: bool) -> Result<(), Fault> {
    let target = shared(parameters.object("Target"))?;
    let access = parameters.object("PrincipalAccess");
    let principal = access
        .get("Principal")
        .and_then(Value::as_object)
        .ok_or_else(|| Fault::payload("`PrincipalAccess` has no `Principal`."))?;
    let mask = mask(access.get("AccessMask").and_then(Value::as_str).unwrap_or_default())?;
    let change = if add { ShareChange::Grant(mask) } else { ShareChange::Modify(mask) };
    Ok(row_share(&asked.cx, target, receiver(principal)?, change).await?)
}

pub(super) async fn revoke(asked: &Asked, parameters: Parameters) -> Result<(), Fault> {
    let target = shared(parameters.object("Target"))?;
    let revokee = receiver(parameters.object("Revokee"))?;
    Ok(row_share(&asked.cx, target, revokee, ShareChange::Revoke).await?)
}

pub(super) async fn shares(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let target = shared(parameters.object("Target"))?;
    let shares = row_shares(&asked.cx, target).await?;
    let rows = shares.iter().map(|share| {
        let kind = if share.team { "team" } else { "systemuser" };
        let mut principal = Map::new();
        principal.insert("@odata.type".into(), format!("#Microsoft.Dynamics.CRM.{kind}").into());
        principal.insert(format!("{kind}id"), share.principal.as_str().into());
        json!({"AccessMask": words(share.mask), "Principal": principal})
    });
    Ok(json!({"PrincipalAccesses": rows.collect::<Vec<_>>()}))
}

/// `RetrievePrincipalAccess`, bound to a user or a team.
pub(in crate::webapi) async fn principal_access(
    asked: &Asked,
    principal: &Record,
    target: &str,
) -> Result<Value, Fault> {
    let object = match serde_json::from_str(target) {
        Ok(Value::Object(object)) => object,
        _ => return Err(Fault::payload("`Target` is not {\"@odata.id\": …}.")),
    };
    let target = shared(&object)?;
    let mask = row_access(&asked.cx, target, &principal.id).await?;
    Ok(json!({"AccessRights": words(mask)}))
}

/// The new owner that `ownerid@odata.bind` names.
pub(in crate::webapi) async fn owner_pointed(
    asked: &Asked,
    segment: &crate::webapi::path::Segment,
) -> Result<Receiver, Fault> {
    if segment.name == "teams" {
        return Ok(Receiver::Team(pointed(asked, segment, "team").await?.id));
    }
    Ok(Receiver::User(pointed(asked, segment, "systemuser").await?.id))
}
