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
        name => Err(Fault::invalid(format!("rows of `{name}` do not change their state"))),
    }
}

/// `IsValidStateTransition`: whether `SetState` to this state and this reason would fit the row.
pub(super) async fn valid(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let (name, id) = row(parameters.object("Entity"))?;
    let known = asked.tables.by_name(&name).ok_or_else(|| Fault::no_resource(&name))?;
    let mut query = Query::new(known);
    query.filter = Some(Expr::equal(known.primary_id, Literal::Guid(id.clone())));
    run(asked, query).await?.pop().ok_or_else(|| Fault::no_row(known.name, &id))?;
    let choices = |column: &str| known.column(column).and_then(|column| column.kind.choices());
    let (Some(states), Some(reasons)) = (choices("statecode"), choices("statuscode")) else {
        return Err(Fault::invalid(format!("rows of `{name}` have no state")));
    };
    let wanted = parameters.required("NewState");
    let state = states.iter().position(|(number, label)| {
        label.eq_ignore_ascii_case(wanted) || wanted.parse() == Ok(*number)
    });
    let reason = parameters.int("NewStatus").unwrap_or(DEFAULT_REASON);
    let place = reasons.iter().position(|(number, _)| *number == reason);
    let fits = match (state, place) {
        (None, _) => false,
        (Some(_), _) if reason == DEFAULT_REASON => true,
        (Some(_), None) => false,
        // Jobs have several reasons of a state, numbered by tens.
        (Some(state), Some(_)) if known.name == "asyncoperation" => {
            i64::try_from(state) == Ok(reason / 10)
        }
        (Some(state), Some(place)) => states.len() != reasons.len() || state == place,
    };
    // The service alone suspends a flow.
    let own = known.name == "workflow" && state == Some(2);
    Ok(json!({"IsValid": fits && !own}))
}

/// The reason that goes with a state by itself.
const DEFAULT_REASON: i64 = -1;

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
