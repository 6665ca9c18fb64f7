//! `$ref` behind a row: who is in a team, who holds a role. The relationships are known by the names
//! they have in Dataverse, from either side.
use axum::response::Response;
use connref_store::query::table_by_logical_name;
use connref_store::role::RoleHolder;
use http::Method;
use serde_json::Value;

use super::body::{object, reference};
use super::locate::{Key, find, pointed};
use super::path::Segment;
use super::{Asked, Fault, reply};
use crate::operation::role::role_assign;
use crate::operation::team::team_member_set;

/// What a relationship joins.
enum Relation {
    /// A team and a user.
    Member,
    /// A holder and a role.
    Role(RoleHolder),
}

/// (table, navigation property, the table it leads to, what it is).
const RELATIONS: [(&str, &str, &str, Relation); 6] = [
    ("team", "teammembership_association", "systemuser", Relation::Member),
    ("systemuser", "teammembership_association", "team", Relation::Member),
    ("systemuser", "systemuserroles_association", "role", Relation::Role(RoleHolder::User)),
    ("role", "systemuserroles_association", "systemuser", Relation::Role(RoleHolder::User)),
    ("team", "teamroles_association", "role", Relation::Role(RoleHolder::Team)),
    ("role", "teamroles_association", "team", Relation::Role(RoleHolder::Team)),
];

/// Joins two rows (POST or PUT with `@odata.id`), or parts them (DELETE with the other's key or `$id`).
pub(super) async fn associate(
    asked: &Asked,
    key: &Key,
    navigation: &Segment,
) -> Result<Response, Fault> {
    let (table, name) = (key.table.name, navigation.name.as_str());
    let (.., target, relation) = RELATIONS
        .iter()
        .find(|(from, known, ..)| *from == table && known.eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            Fault::unsupported(format!(
                "$ref of `{name}` is not supported; set lookups with `@odata.bind`"
            ))
        })?;
    let joined = match asked.method {
        Method::POST | Method::PUT => true,
        Method::DELETE => false,
        _ => return Err(Fault::http_method(&asked.method)),
    };
    let here = find(asked, key).await?.ok_or_else(|| key.missing())?.id;
    let there = other(asked, navigation, target, joined).await?;
    let cx = &asked.cx;
    match (relation, table) {
        (Relation::Member, "team") => team_member_set(cx, &here, &there, joined).await?,
        (Relation::Member, _) => team_member_set(cx, &there, &here, joined).await?,
        (Relation::Role(holder), "role") => {
            role_assign(cx, *holder, &there, &here, joined).await?;
        }
        (Relation::Role(holder), _) => role_assign(cx, *holder, &here, &there, joined).await?,
    }
    Ok(reply::nothing())
}

/// The row at the other end: in the body, in the parentheses, or in `$id`.
async fn other(
    asked: &Asked,
    navigation: &Segment,
    target: &str,
    joined: bool,
) -> Result<String, Fault> {
    if joined {
        let body = object(&asked.body)?;
        let address = body
            .get("@odata.id")
            .and_then(Value::as_str)
            .ok_or_else(|| Fault::payload("The body has no `@odata.id`."))?;
        return Ok(pointed(asked, &reference(address)?, target).await?.id);
    }
    if let Some(arguments) = &navigation.arguments {
        let table = table_by_logical_name(target).ok_or_else(|| Fault::no_resource(target))?;
        let key = Key::read(asked, table, arguments)?;
        return Ok(find(asked, &key).await?.ok_or_else(|| key.missing())?.id);
    }
    let address = asked
        .query
        .get("$id")
        .ok_or_else(|| Fault::syntax("name the row to take away in parentheses or as $id"))?;
    Ok(pointed(asked, &reference(address)?, target).await?.id)
}
