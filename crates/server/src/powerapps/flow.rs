//! Flows and runs.
use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use connref_flow::{Object, Value as FlowValue};
use connref_solution::model::ConnectionId;
use connref_store::run::{Run, RunEvent};
use serde_json::{Value, json};

use super::time::iso;
use super::{Caller, Failure};
use crate::Context;
use crate::operation::flow::{flow_run, flow_state_set, run_get as run_find, run_list};

/// Most bytes of a trigger's body.
const BODY_MAX: usize = 16 * 1024 * 1024;

pub(crate) async fn run(
    caller: Caller,
    Path((environment, flow, trigger)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Failure> {
    let cx = caller.enter(&environment).await?;
    let outputs = trigger_outputs(&headers, &body)?;
    let choices = choices(&headers)?;
    let started = flow_run(&cx, &flow, &trigger, outputs, choices).await?;
    let names: Vec<String> = started.iter().map(|s| run_name(s.id.as_str())).collect();
    let Some(first) = names.first() else {
        return Ok(Json(json!({"skipped": true})).into_response());
    };
    let mut response =
        (StatusCode::ACCEPTED, Json(json!({"name": first, "runs": names}))).into_response();
    if let Ok(value) = first.parse() {
        response.headers_mut().insert("x-ms-workflow-run-id", value);
    }
    Ok(response)
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

pub(crate) async fn runs(
    caller: Caller,
    Path((environment, flow)): Path<(String, String)>,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter(&environment).await?;
    let top = caller.query.get("$top").and_then(|t| t.parse().ok()).unwrap_or(50);
    let flow = Some(flow.as_str()).filter(|f| *f != "-");
    let all = run_list(&cx, flow, top).await?;
    Ok(Json(json!({"value": all.iter().map(|r| run_json(&cx, r)).collect::<Vec<_>>()})))
}

pub(crate) async fn run_get(
    caller: Caller,
    Path((environment, _flow, run)): Path<(String, String, String)>,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter(&environment).await?;
    let (run, events) = run_find(&cx, &run).await?;
    let mut json = run_json(&cx, &run);
    let actions = actions(&run, &events);
    json["properties"]["connref"] = json!({ "actions": actions });
    if let Some(response) = &run.response {
        json["properties"]["response"] = serde_json::from_str(response).unwrap_or(Value::Null);
    }
    Ok(Json(json))
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

pub(crate) async fn start(
    caller: Caller,
    Path((environment, flow)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let cx = caller.enter(&environment).await?;
    flow_state_set(&cx, &flow, true).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn stop(
    caller: Caller,
    Path((environment, flow)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let cx = caller.enter(&environment).await?;
    flow_state_set(&cx, &flow, false).await?;
    Ok(StatusCode::OK)
}

/// The vendor writes run names in capitals.
fn run_name(id: &str) -> String {
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
            "error": run.message.as_ref().map(|m| json!({"code": run.code, "message": m})),
            "trigger": {"name": start["trigger"]},
            "caller": run.caller,
            "parentRun": run.parent.as_ref().map(|p| run_name(p.as_str())),
            "flow": run.flow.as_str(),
        },
    })
}
