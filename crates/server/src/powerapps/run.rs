//! Runs: starting, listing, showing, ending early, starting again.
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use connref_engine::runner::StartedRun;
use connref_flow::{Object, Value as FlowValue};
use connref_solution::model::ConnectionId;
use connref_store::StoreError;
use connref_store::run::{Run, RunEvent};
use serde_json::{Value, json};

use super::page::listed;
use super::time::iso;
use super::{Caller, Failure};
use crate::Context;
use crate::operation::flow::{
    flow_run, flow_visible, run_cancel, run_get as run_find, run_list, run_resubmit,
};

/// Most bytes of a trigger's body.
const BODY_MAX: usize = 16 * 1024 * 1024;

pub(crate) async fn run(
    caller: Caller,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Failure> {
    let cx = caller.enter_here().await?;
    let (flow, trigger) = (caller.segment("flow"), caller.segment("trigger"));
    let outputs = trigger_outputs(&headers, &body)?;
    let choices = choices(&headers)?;
    let started = flow_run(&cx, flow, trigger, outputs, choices).await?;
    Ok(accepted(&started))
}

/// 202 with the names of the runs that were started.
fn accepted(started: &[StartedRun]) -> Response {
    let names: Vec<String> = started.iter().map(|s| run_name(s.id.as_str())).collect();
    let Some(first) = names.first() else {
        return Json(json!({"skipped": true})).into_response();
    };
    let mut response =
        (StatusCode::ACCEPTED, Json(json!({"name": first, "runs": names}))).into_response();
    if let Ok(value) = first.parse() {
        response.headers_mut().insert("x-ms-workflow-run-id", value);
    }
    response
}

/// `triggerOutputs()` of a request: its headers without credentials, and its body.
fn trigger_outputs(headers: &HeaderMap, body: &[u8]) -> Result<FlowValue, Failure> {
    if body.len() > BODY_MAX {
        return Err(Failure::bad_request(
            "RequestTooLarge",
            "the trigger's body has more than 16 MiB",
            "",
        ));
    }
    let mut kept = Object::new();
    for (name, value) in headers {
        let secret = matches!(name.as_str(), "authorization" | "cookie" | "x-ms-apim-tokens")
            || name.as_str().starts_with("connref-");
        if let (false, Ok(text)) = (secret, value.to_str()) {
            kept.insert(name.as_str(), FlowValue::string(text));
        }
    }
    let mut outputs = Object::new();
    outputs.insert("headers", FlowValue::object(kept));
    if !body.is_empty() {
        let text = std::str::from_utf8(body).map_err(|_| {
            Failure::bad_request("InvalidRequest", "the trigger's body is not UTF-8", "")
        })?;
        let value = FlowValue::from_json_str(text).map_err(|error| {
            let message = format!("the trigger's body cannot be read: {error}");
            Failure::bad_request("InvalidRequest", message, "send a JSON object")
        })?;
        outputs.insert("body", value);
    }
    Ok(FlowValue::object(outputs))
}

/// `connref-connections: key=connectionid, key=connectionid`.
fn choices(headers: &HeaderMap) -> Result<Vec<(String, ConnectionId)>, Failure> {
    let Some(text) = headers.get("connref-connections").and_then(|v| v.to_str().ok()) else {
        return Ok(Vec::new());
    };
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, id) = pair.split_once('=').ok_or_else(|| {
                let message = format!("`{pair}` names no connection for a key");
                Failure::bad_request("InvalidRequest", message, "write KEY=CONNECTIONID")
            })?;
            Ok((key.trim().to_owned(), ConnectionId::new(id.trim())))
        })
        .collect()
}

/// The runs of a flow, newest first; `-` stands for every flow. `$filter` knows `status eq 'x'` and
/// `startTime` after or before a moment, as clients of this API write it.
pub(crate) async fn runs(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let flow = Some(caller.segment("flow")).filter(|flow| *flow != "-");
    if let Some(flow) = flow {
        flow_visible(&cx, flow).await?;
    }
    let wanted = RunFilter::read(caller.query.get("$filter").map_or("", String::as_str))?;
    let mut all = run_list(&cx, flow, RUNS_MAX).await?;
    all.retain(|run| wanted.fits(run));
    // The newest has the smallest key.
    let (rows, next) = caller.page(all, |r| format!("{:020}{}", i64::MAX - r.started_on, r.id));
    Ok(listed(rows.iter().map(|r| run_json(&cx, r)).collect(), next))
}

/// Most runs that are looked through.
const RUNS_MAX: i64 = 5000;

/// Conditions on runs, joined by `and`.
#[derive(Debug, Default, PartialEq)]
struct RunFilter {
    status: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
}

impl RunFilter {
    fn read(text: &str) -> Result<Self, Failure> {
        let mut filter = Self::default();
        for part in text.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
            let words: Vec<&str> = part.split_whitespace().collect();
            let [name, operator, value] = words.as_slice() else { return Err(unreadable(part)) };
            let value = value.trim_matches('\'');
            let moment = || value.parse::<jiff::Timestamp>().map(|at| at.as_microsecond());
            let lower = name.to_ascii_lowercase();
            match (lower.as_str(), operator.to_ascii_lowercase().as_str()) {
                ("status" | "properties/status", "eq") => filter.status = Some(value.to_owned()),
                ("starttime" | "properties/starttime", "ge" | "gt") => {
                    filter.from = Some(moment().map_err(|_| unreadable(part))?);
                }
                ("starttime" | "properties/starttime", "le" | "lt") => {
                    filter.to = Some(moment().map_err(|_| unreadable(part))?);
                }
                // The environment may stand here too; it was read before.
                ("environment", "eq") => {}
                _ => return Err(unreadable(part)),
            }
        }
        Ok(filter)
    }

    fn fits(&self, run: &Run) -> bool {
        self.status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(&run.status))
            && self.from.is_none_or(|from| run.started_on >= from)
            && self.to.is_none_or(|to| run.started_on <= to)
    }
}

fn unreadable(part: &str) -> Failure {
    let message = format!("`{part}` is no condition on runs");
    let fix = "write status eq 'Failed', startTime ge 2027-01-31T00:00:00Z, startTime le …";
    Failure::bad_request("InvalidFilter", message, fix)
}

pub(crate) async fn run_get(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let (run, events) = run_find(&cx, caller.segment("run")).await?;
    of_flow(caller.segment("flow"), &run)?;
    let mut json = run_json(&cx, &run);
    let actions = actions(&run, &events);
    json["properties"]["connref"] = json!({ "actions": actions });
    if let Some(response) = &run.response {
        json["properties"]["response"] = serde_json::from_str(response).unwrap_or(Value::Null);
    }
    Ok(Json(json))
}

/// A run has one address: below its own flow (`-`: any).
fn of_flow(flow: &str, run: &Run) -> Result<(), Failure> {
    if flow == "-" || run.flow.as_str().eq_ignore_ascii_case(flow) {
        return Ok(());
    }
    Err(StoreError::not_found("run", run.id.as_str()).into())
}

/// The recorded history; for a run that goes on, the results that are durable so far.
fn actions(run: &Run, events: &[RunEvent]) -> Value {
    let history = run.history.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(mut actions) = history.map(|mut h| h["actions"].take()) {
        for action in actions.as_array_mut().into_iter().flatten() {
            for name in ["startTime", "endTime"] {
                if let Some(at) = action[name].as_i64() {
                    action[name] = iso(at).into();
                }
            }
        }
        return actions;
    }
    events
        .iter()
        .map(|event| {
            let payload: Value = serde_json::from_str(&event.payload).unwrap_or(Value::Null);
            let acting: Value = event
                .acting
                .as_deref()
                .and_then(|a| serde_json::from_str(a).ok())
                .unwrap_or(Value::Null);
            json!({
                "path": event.path,
                "name": event.path.rsplit('/').next(),
                "status": payload["status"],
                "code": payload["code"],
                "endTime": iso(event.at),
                "acting": acting,
            })
        })
        .collect()
}

/// Ends a run that goes on.
pub(crate) async fn cancel(caller: Caller) -> Result<StatusCode, Failure> {
    let cx = caller.enter_here().await?;
    run_cancel(&cx, caller.segment("run")).await?;
    Ok(StatusCode::OK)
}

/// Starts a run again with what its trigger brought then.
pub(crate) async fn resubmit(caller: Caller) -> Result<Response, Failure> {
    let cx = caller.enter_here().await?;
    let (flow, trigger) = (caller.segment("flow"), caller.segment("trigger"));
    let started = run_resubmit(&cx, flow, trigger, caller.segment("run")).await?;
    Ok(accepted(&started))
}

/// The vendor writes run names in capitals.
pub(super) fn run_name(id: &str) -> String {
    id.to_ascii_uppercase()
}

fn run_json(cx: &Context, run: &Run) -> Value {
    let start: Value = serde_json::from_str(&run.start).unwrap_or(Value::Null);
    let name = run_name(run.id.as_str());
    json!({
        "name": name,
        "id": format!(
            "/providers/Microsoft.ProcessSimple/environments/{}/flows/{}/runs/{name}",
            cx.environment.id, run.flow
        ),
        "type": "Microsoft.ProcessSimple/environments/flows/runs",
        "properties": {
            "startTime": iso(run.started_on),
            "endTime": run.ended_on.map(iso),
            "status": run.status,
            "code": run.code,
            "correlation": {"clientTrackingId": name},
            "error": run.message.as_ref().map(|m| json!({"code": run.code, "message": m})),
            "trigger": {"name": start["trigger"]},
            "caller": run.caller,
            "parentRun": run.parent.as_ref().map(|p| run_name(p.as_str())),
            "flow": run.flow.as_str(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_runs() {
        let read = |text: &str| RunFilter::read(text).ok();
        let from = Some(1_800_000_000_000_000);
        let status = Some("Failed".to_owned());
        assert_eq!(read(""), Some(RunFilter::default()));
        assert_eq!(
            read("status eq 'Failed' and startTime ge 2027-01-15T08:00:00Z"),
            Some(RunFilter { status, from, to: None })
        );
        assert_eq!(read("startTime ge yesterday"), None);
        assert_eq!(read("owner eq 'me'"), None);
    }
}
