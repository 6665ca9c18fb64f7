//! The triggers of a flow: clients look the name up before they start a run again.
use axum::Json;
use serde_json::{Value, json};

use super::flow::{document, find, moment, number};
use super::page::listed;
use super::{Caller, Failure};
use crate::Context;
use connref_store::StoreError;
use connref_store::query::Record;

/// The triggers, in the order of the definition.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, caller.segment("flow")).await?;
    let triggers = document(&row)["properties"]["definition"]["triggers"].take();
    let all = triggers.as_object().into_iter().flatten();
    Ok(listed(all.map(|(name, trigger)| told(&cx, &row, name, trigger)).collect(), None))
}

pub(crate) async fn get(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, caller.segment("flow")).await?;
    let (document, wanted) = (document(&row), caller.segment("trigger"));
    let found = document["properties"]["definition"]["triggers"]
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    match found {
        Some((name, trigger)) => Ok(Json(told(&cx, &row, name, trigger))),
        None => Err(StoreError::not_found("trigger", wanted).into()),
    }
}

fn told(cx: &Context, row: &Record, name: &str, trigger: &Value) -> Value {
    json!({
        "name": name,
        "id": format!(
            "/providers/Microsoft.ProcessSimple/environments/{}/flows/{}/triggers/{name}",
            cx.environment.id, row.id
        ),
        "type": "Microsoft.ProcessSimple/environments/flows/triggers",
        "properties": {
            "provisioningState": "Succeeded",
            "createdTime": moment(row, "createdon"),
            "changedTime": moment(row, "modifiedon"),
            "state": if number(row, "statecode") == 1 { "Enabled" } else { "Disabled" },
            "recurrence": trigger["recurrence"],
        },
    })
}
