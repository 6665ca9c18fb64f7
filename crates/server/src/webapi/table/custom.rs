//! Rows of the tables that solutions brought: whatever the table's definition lets through.
use connref_solution::model::PrincipalId;
use connref_store::query::{Cell, Record, TableDef};

use crate::webapi::body::{Fields, Given};
use crate::webapi::locate::pointed;
use crate::webapi::path::Segment;
use crate::webapi::{Asked, Fault};

pub(super) async fn create(
    asked: &Asked,
    table: &'static TableDef,
    mut fields: Fields,
) -> Result<String, Fault> {
    let owner = match fields.row("ownerid") {
        Some(segment) => Some(owner(asked, &segment).await?),
        None => None,
    };
    let values = values(asked, fields).await?;
    let cx = &asked.cx;
    Ok(cx.store().row_create(&cx.caller, &cx.environment.id, table, values, owner).await?)
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let owner = match fields.row("ownerid") {
        Some(segment) => Some(owner(asked, &segment).await?),
        None => None,
    };
    let mut values = values(asked, fields).await?;
    if let (Some(owner), Some(column)) = (owner, record.table.column("ownerid")) {
        values.push((column, Cell::Text(owner.as_str().to_owned())));
    }
    if values.is_empty() {
        return Ok(());
    }
    let cx = &asked.cx;
    let (caller, environment) = (&cx.caller, &cx.environment.id);
    Ok(cx.store().row_update(caller, environment, record.table, &record.id, values).await?)
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    let cx = &asked.cx;
    let (caller, environment) = (&cx.caller, &cx.environment.id);
    Ok(cx.store().row_delete(caller, environment, record.table, &record.id).await?)
}

/// The user or team that an address points to.
async fn owner(asked: &Asked, segment: &Segment) -> Result<PrincipalId, Fault> {
    let wanted = if segment.name == "teams" { "team" } else { "systemuser" };
    Ok(PrincipalId::from(pointed(asked, segment, wanted).await?.id.as_str()))
}

/// The values of a body; rows that lookups point to are looked up as the caller sees them.
async fn values(
    asked: &Asked,
    fields: Fields,
) -> Result<connref_store::custom_row::RowValues, Fault> {
    let mut values = Vec::new();
    for (column, given) in fields.all() {
        let cell = match (given, column.kind.lookup()) {
            (Given::Null, _) => Cell::Null,
            (Given::Text(text), _) => Cell::Text(text),
            (Given::Int(number), _) => Cell::Int(number),
            (Given::Flag(flag), _) => Cell::Flag(flag),
            (Given::Time(at), _) => Cell::Time(at),
            (Given::Row(segment), Some((target, _))) => {
                Cell::Text(pointed(asked, &segment, target).await?.id)
            }
            (Given::Row(_), None) => {
                return Err(Fault::payload(format!("`{}` points to no row.", column.name)));
            }
        };
        values.push((column, cell));
    }
    Ok(values)
}
