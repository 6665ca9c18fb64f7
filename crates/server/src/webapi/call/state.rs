//! `SetState`: what older clients use where a PATCH of `statecode` does the same.
use connref_store::query::{Cell, Expr, Literal, Query, Record, table_by_logical_name};
use serde_json::{Value, json};

use super::access::row;
use super::parameters::Parameters;
use crate::operation::user::user_update;
use crate::webapi::body::{Fields, Purpose};
use crate::webapi::locate::run;
use crate::webapi::{Asked, Fault, table};
use connref_store::user::UserUpdate;

pub(super) async fn set(asked: &Asked, parameters: Parameters) -> Result<(), Fault> {
    let (name, id) = row(parameters.object("EntityMoniker"))?;
    let known = table_by_logical_name(&name).ok_or_else(|| Fault::no_resource(&name))?;
    let mut query = Query::new(known);
    query.filter = Some(Expr::equal(known.primary_id, Literal::Guid(id.clone())));
    let record = run(asked, query).await?.pop().ok_or_else(|| Fault::no_row(known.name, &id))?;
    let state = option(parameters.given("State"))
        .ok_or_else(|| Fault::payload("`State` has no `Value`."))?;
    let status = option(parameters.given("Status")).filter(|status| *status >= 0);
    match known.name {
        "workflow" | "asyncoperation" => {
            let mut body = serde_json::Map::new();
            body.insert("statecode".to_owned(), json!(state));
            if let Some(status) = status {
                body.insert("statuscode".to_owned(), json!(status));
            }
            let mut fields = Fields::read(known, body, Purpose::Update)?;
            fields.differing_from(&record)?;
            table::update(asked, &record, fields).await
        }
        // Of users the state says whether they are disabled.
        "systemuser" if matches!(state, 0 | 1) => {
            let update = UserUpdate { disabled: Some(state == 1), ..UserUpdate::default() };
            Ok(user_update(&asked.cx, &id, update).await?)
        }
        _ if current(&record) == Some(state) => Ok(()),
        name => Err(Fault::unsupported(format!("rows of `{name}` do not change their state"))),
    }
}

fn current(record: &Record) -> Option<i64> {
    match record.cell("statecode") {
        Some(Cell::Int(state)) => Some(*state),
        _ => None,
    }
}

/// An option as an object with `Value`, or as the number itself.
fn option(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value["Value"].as_i64())
}
