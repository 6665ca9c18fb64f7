//! Writes by table: one file each, from a body to the operation's input.
mod async_operation;
mod business_unit;
mod connection_reference;
mod connector;
mod custom;
mod environment_variable;
mod publisher;
mod role;
mod solution;
mod system_user;
mod team;
mod workflow;

use connref_store::access::Entity;
use connref_store::query::{Record, TableDef};
use connref_store::row_share::SharedRow;

use super::call::owner_pointed;
use crate::operation::row_share::row_assign;

use super::body::Fields;
use super::{Asked, Fault};

/// The messages that a table takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Takes {
    /// New rows.
    pub create: bool,
    /// Changes of rows.
    pub update: bool,
    /// Rows go. (A user is disabled, never deleted: what it owned names it.)
    pub delete: bool,
}

/// What a table takes; the rest of its messages is refused, and `$metadata` says so.
pub(super) fn takes(table: &TableDef) -> Takes {
    let (create, update, delete) = match table.name {
        "businessunit"
        | "connectionreference"
        | "connector"
        | "environmentvariabledefinition"
        | "environmentvariablevalue"
        | "publisher"
        | "solution"
        | "workflow" => (true, true, true),
        "systemuser" => (true, true, false),
        "role" | "team" => (true, false, true),
        "asyncoperation" => (false, true, false),
        _ => (table.family.is_some(), table.family.is_some(), table.family.is_some()),
    };
    Takes { create, update, delete }
}

/// Makes a row; answers its id.
pub(super) async fn create(
    asked: &Asked,
    table: &'static TableDef,
    fields: Fields,
) -> Result<String, Fault> {
    if !takes(table).create {
        return Err(refused("Create", table.name));
    }
    match table.name {
        "businessunit" => business_unit::create(asked, fields).await,
        "connectionreference" => connection_reference::create(asked, fields).await,
        "connector" => connector::create(asked, fields).await,
        "environmentvariabledefinition" => environment_variable::create(asked, fields).await,
        "environmentvariablevalue" => environment_variable::value_create(asked, fields).await,
        "publisher" => publisher::create(asked, fields).await,
        "role" => role::create(asked, fields).await,
        "team" => team::create(asked, fields).await,
        "solution" => solution::create(asked, fields).await,
        "systemuser" => system_user::create(asked, fields).await,
        "workflow" => workflow::create(asked, fields).await,
        _ if table.family.is_some() => custom::create(asked, table, fields).await,
        name => Err(refused("Create", name)),
    }
}

/// Changes a row.
pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    if !takes(record.table).update {
        return Err(refused("Update", record.table.name));
    }
    let owner = match Entity::shareable(record.table.name) {
        Some(entity) => fields.row("ownerid").map(|segment| (entity, segment)),
        None => None,
    };
    if let Some((entity, segment)) = owner {
        let to = owner_pointed(asked, &segment).await?;
        let row = SharedRow { entity, id: record.id.clone() };
        row_assign(&asked.cx, row, to).await?;
    }
    match record.table.name {
        "asyncoperation" => async_operation::update(asked, record, fields).await,
        "businessunit" => business_unit::update(asked, record, fields).await,
        "connectionreference" => connection_reference::update(asked, record, fields).await,
        "environmentvariabledefinition" => {
            environment_variable::update(asked, record, fields).await
        }
        "environmentvariablevalue" => {
            environment_variable::value_update(asked, record, fields).await
        }
        "publisher" => publisher::update(asked, record, fields).await,
        "solution" => solution::update(asked, record, fields).await,
        "systemuser" => system_user::update(asked, record, fields).await,
        "workflow" => workflow::update(asked, record, fields).await,
        "connector" => connector::update(asked, record, fields).await,
        _ if record.table.family.is_some() => custom::update(asked, record, fields).await,
        name => Err(refused("Update", name)),
    }
}

/// Deletes a row.
pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    if !takes(record.table).delete {
        return Err(refused("Delete", record.table.name));
    }
    match record.table.name {
        "businessunit" => business_unit::delete(asked, record).await,
        "role" => role::delete(asked, record).await,
        "team" => team::delete(asked, record).await,
        "connectionreference" => connection_reference::delete(asked, record).await,
        "connector" => connector::delete(asked, record).await,
        "environmentvariabledefinition" => environment_variable::delete(asked, record).await,
        "environmentvariablevalue" => environment_variable::value_delete(asked, record).await,
        "workflow" => workflow::delete(asked, record).await,
        "publisher" => publisher::delete(asked, record).await,
        "solution" => solution::delete(asked, record).await,
        _ if record.table.family.is_some() => custom::delete(asked, record).await,
        name => Err(refused("Delete", name)),
    }
}

const NO_MESSAGE: &str = "0x80040800";

/// The fault for a message that a table does not take.
pub(super) fn refused(message: &str, table: &str) -> Fault {
    let text = format!("The '{message}' method does not support entities of type '{table}'.");
    Fault::new(http::StatusCode::METHOD_NOT_ALLOWED, NO_MESSAGE, text)
}

/// The unmanaged solution a new component goes into, by the vendor's header.
fn solution_header(asked: &Asked) -> Option<String> {
    let name = asked.header("mscrm.solutionuniquename")?.trim();
    // The default solution takes everything anyway.
    let default = ["Default", "Active"].iter().any(|default| default.eq_ignore_ascii_case(name));
    (!name.is_empty() && !default).then(|| name.to_owned())
}

/// A column of the row as text.
fn text_of(record: &Record, column: &str) -> String {
    match record.cell(column) {
        Some(connref_store::query::Cell::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// The id of the row that a lookup in the body points to, if it is given.
async fn pointed_id(
    asked: &Asked,
    fields: &mut Fields,
    column: &str,
    table: &str,
) -> Result<Option<String>, Fault> {
    match fields.row(column) {
        Some(segment) => Ok(Some(super::locate::pointed(asked, &segment, table).await?.id)),
        None => Ok(None),
    }
}
