//! `CreateMultiple`, `UpdateMultiple` and `UpsertMultiple`: several rows of one table, all or none.
use axum::response::Response;
use connref_store::StoreError;
use connref_store::query::TableDef;
use http::Method;
use serde_json::{Map, Value, json};

use super::body::{Fields, Purpose, object, reference};
use super::locate::{Key, find};
use super::write::new_row;
use super::{Asked, Fault, reply, table};
use crate::Context;

/// Most rows at once.
const TARGETS_MAX: usize = 1000;

/// What is done with the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Multiple {
    Create,
    Update,
    Upsert,
}

/// Carries out an action on a set of rows. Its rows are one transaction.
///
/// # Errors
/// The first row that cannot be written; then nothing is.
pub(super) async fn multiple(
    asked: &Asked,
    table: &'static TableDef,
    action: &str,
) -> Result<Response, Fault> {
    let how = match action {
        "CreateMultiple" => Multiple::Create,
        "UpdateMultiple" => Multiple::Update,
        "UpsertMultiple" => Multiple::Upsert,
        "DeleteMultiple" => return Err(table::refused(action, table.name)),
        other => return Err(Fault::no_resource(other)),
    };
    if asked.method != Method::POST {
        return Err(Fault::method(&format!("http method '{}'", asked.method)));
    }
    let targets = targets(asked, table)?;
    if asked.grouped {
        return all(asked, table, how, targets).await;
    }
    let (app, group) = asked.cx.app.grouped();
    let inside = Asked { cx: Context { app, ..asked.cx.clone() }, grouped: true, ..asked.clone() };
    match all(&inside, table, how, targets).await {
        Ok(response) => {
            group.commit().await.map(|()| response).map_err(|e| StoreError::from(e).into())
        }
        Err(fault) => {
            group.undo().await;
            Err(fault)
        }
    }
}

fn targets(asked: &Asked, table: &TableDef) -> Result<Vec<Map<String, Value>>, Fault> {
    let Some(Value::Array(list)) = object(&asked.body)?.remove("Targets") else {
        return Err(Fault::payload("The parameter `Targets` is a list of rows."));
    };
    if list.is_empty() || list.len() > TARGETS_MAX {
        return Err(Fault::invalid(format!("`Targets` holds 1 to {TARGETS_MAX} rows.")));
    }
    let wanted = format!("Microsoft.Dynamics.CRM.{}", table.name);
    let row = |value: Value| match value {
        Value::Object(row) => match row.get("@odata.type").and_then(Value::as_str) {
            Some(kind) if kind.trim_start_matches('#') == wanted => Ok(row),
            Some(kind) => {
                Err(Fault::invalid(format!("A row of `Targets` is a '{kind}', not a '{wanted}'.")))
            }
            None => Err(Fault::payload(format!(
                "A row of `Targets` has no `@odata.type`; write \"{wanted}\"."
            ))),
        },
        _ => Err(Fault::payload("A row of `Targets` is an object.")),
    };
    list.into_iter().map(row).collect()
}

async fn all(
    asked: &Asked,
    table: &'static TableDef,
    how: Multiple,
    targets: Vec<Map<String, Value>>,
) -> Result<Response, Fault> {
    let mut ids = Vec::with_capacity(targets.len());
    for target in targets {
        ids.push(one(asked, table, how, target).await?);
    }
    if how != Multiple::Create {
        return Ok(reply::nothing());
    }
    let context = "$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse";
    let answer = json!({"@odata.context": format!("{}/{context}", asked.root), "Ids": ids});
    Ok(reply::json(asked, &answer))
}

async fn one(
    asked: &Asked,
    table: &'static TableDef,
    how: Multiple,
    body: Map<String, Value>,
) -> Result<String, Fault> {
    if how == Multiple::Create {
        let fields = Fields::read(table, body, Purpose::Create)?;
        fields.complete()?;
        return table::create(asked, table, fields).await;
    }
    let key = key(asked, table, &body)?;
    let Some(record) = find(asked, &key).await? else {
        if how == Multiple::Update {
            return Err(key.missing());
        }
        return new_row(asked, &key, body).await;
    };
    let mut fields = Fields::read(table, body, Purpose::Update)?;
    fields.differing_from(&record)?;
    table::update(asked, &record, fields).await?;
    Ok(record.id)
}

/// The row that a target means: by `@odata.id`, or by its primary key.
fn key(asked: &Asked, table: &'static TableDef, body: &Map<String, Value>) -> Result<Key, Fault> {
    if let Some(address) = body.get("@odata.id").and_then(Value::as_str) {
        let segment = reference(address)?;
        if segment.name != table.set {
            return Err(Fault::payload(format!(
                "'{}' is not the entity set of '{}'.",
                segment.name, table.name
            )));
        }
        let arguments =
            segment.arguments.as_ref().ok_or_else(|| Fault::payload("An address has no key."))?;
        return Key::read(asked, table, arguments);
    }
    match body.get(table.primary_id).and_then(Value::as_str) {
        Some(id) => Key::primary(table, id),
        None => Err(Fault::payload(format!(
            "A row of `Targets` has neither `{}` nor `@odata.id`.",
            table.primary_id
        ))),
    }
}
