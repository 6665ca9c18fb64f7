//! How a run's start, events and history are written as JSON. The store keeps the text; only this
//! file reads it back.
use std::collections::{BTreeMap, HashMap};

use connref_flow::{
    ActionError, ActionRecord, ActionStatus, CallOutcome, Event, Object, RunStart, Value,
};
use connref_solution::model::ConnectionId;
use serde_json::{Value as Json, json};

use super::call::UsedConnection;
use super::hidden::Hidden;
use super::{Answer, RunError};

/// A text for the journal, and what of it must not be shown.
pub(super) struct Written {
    pub(super) open: String,
    pub(super) secret: Option<String>,
}

/// What a run starts from, and what its host must know besides.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) plan: RunStart,
    pub(super) choices: Vec<(String, ConnectionId)>,
}

pub(super) fn start_write(start: &Start, secret: bool) -> Written {
    let plan = &start.plan;
    let parameters: BTreeMap<&str, Json> =
        plan.parameters.iter().map(|(k, v)| (k.as_str(), v.to_json())).collect();
    let choices: BTreeMap<&str, &str> =
        start.choices.iter().map(|(k, c)| (k.as_str(), c.as_str())).collect();
    let mut open = json!({
        // 64 bits do not fit every reader's numbers.
        "seed": plan.seed.to_string(),
        "startedAt": plan.started_at,
        "trigger": plan.trigger_name,
        "workflow": plan.workflow.to_json(),
        "choices": choices,
    });
    let mut rest = json!({"outputs": plan.trigger_outputs.to_json(), "parameters": parameters});
    split(&mut open, &mut rest, secret)
}

/// Puts the rest to the open part, or apart from it.
fn split(open: &mut Json, rest: &mut Json, secret: bool) -> Written {
    if secret {
        open["secured"] = Json::Bool(true);
        return Written { open: open.to_string(), secret: Some(rest.to_string()) };
    }
    if let (Some(open), Some(rest)) = (open.as_object_mut(), rest.as_object_mut()) {
        open.append(rest);
    }
    Written { open: open.to_string(), secret: None }
}

/// The whole document of an open part and what was hidden of it.
fn joined(text: &str, secret: Option<&str>) -> serde_json::Result<Json> {
    let mut json: Json = serde_json::from_str(text)?;
    if let Some(secret) = secret {
        let mut rest: serde_json::Map<String, Json> = serde_json::from_str(secret)?;
        if let Some(open) = json.as_object_mut() {
            open.append(&mut rest);
        }
    }
    Ok(json)
}

pub(super) fn start_read(run: &str, text: &str, secret: Option<&str>) -> Result<Start, RunError> {
    let fail = |reason: &str| RunError::Resume { run: run.to_owned(), reason: reason.to_owned() };
    let json = joined(text, secret).map_err(|e| fail(&e.to_string()))?;
    let seed = json["seed"].as_str().and_then(|s| s.parse().ok());
    let started_at = json["startedAt"].as_i64();
    let trigger = json["trigger"].as_str();
    let (Some(seed), Some(started_at), Some(trigger)) = (seed, started_at, trigger) else {
        return Err(fail("its start is incomplete"));
    };
    let pairs = |name: &str| json[name].as_object().into_iter().flatten();
    Ok(Start {
        plan: RunStart {
            run_id: run.to_owned(),
            seed,
            started_at,
            trigger_name: trigger.to_owned(),
            trigger_outputs: Value::from_json(&json["outputs"]),
            parameters: pairs("parameters")
                .map(|(k, v)| (k.clone(), Value::from_json(v)))
                .collect(),
            workflow: Value::from_json(&json["workflow"]),
            callback_url: None,
        },
        choices: pairs("choices")
            .filter_map(|(k, v)| Some((k.clone(), ConnectionId::new(v.as_str()?))))
            .collect(),
    })
}

pub(super) fn outcome_write(outcome: &CallOutcome, secret: bool) -> Written {
    let mut open = json!({
        "status": outcome.status.as_str(),
        "code": outcome.code,
        "attempts": outcome.attempts,
    });
    if outcome.secure {
        open["secure"] = Json::Bool(true);
    }
    let mut rest = json!({
        "outputs": outcome.outputs.as_ref().map(Value::to_json),
        "error": outcome.error.as_ref().map(|e| json!({"code": e.code, "message": e.message})),
    });
    split(&mut open, &mut rest, secret)
}

pub(super) fn event_read(
    path: &str,
    at: i64,
    payload: &str,
    secret: Option<&str>,
) -> Result<Event, String> {
    let json = joined(payload, secret).map_err(|e| e.to_string())?;
    let status = json["status"].as_str().and_then(ActionStatus::parse);
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let outcome = CallOutcome {
        status: status.ok_or("an event has no status")?,
        code: text(&json["code"]),
        outputs: (!json["outputs"].is_null()).then(|| Value::from_json(&json["outputs"])),
        error: json["error"].as_object().map(|e| ActionError {
            code: text(e.get("code").unwrap_or(&Json::Null)),
            message: text(e.get("message").unwrap_or(&Json::Null)),
        }),
        attempts: json["attempts"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
        secure: json["secure"].as_bool().unwrap_or(false),
    };
    Ok(Event::Completed { path: path.to_owned(), at, outcome })
}

/// An answer. What is hidden of it is the whole: whoever opens it needs nothing else.
pub(super) fn answer_write(answer: &Answer, secret: bool) -> Written {
    let whole = json!({
        "statusCode": answer.status,
        "headers": answer.headers.to_json(),
        "body": answer.body.to_json(),
    });
    if secret {
        let open = json!({"statusCode": answer.status, "secured": true});
        return Written { open: open.to_string(), secret: Some(whole.to_string()) };
    }
    Written { open: whole.to_string(), secret: None }
}

/// The answer inside the outcome of a Response action.
pub(super) fn answer_of(outputs: &Value) -> Answer {
    let status = outputs.get("statusCode").and_then(Value::as_int);
    Answer {
        status: status.and_then(|s| u16::try_from(s).ok()).unwrap_or(200),
        headers: outputs.get("headers").cloned().unwrap_or(Value::object(Object::new())),
        body: outputs.get("body").cloned().unwrap_or(Value::Null),
    }
}

/// The history of a run: every action, and for calls through a connection who acted.
pub(super) fn history_write(
    records: &[ActionRecord],
    used: &HashMap<String, UsedConnection>,
    hidden: &Hidden,
) -> String {
    let actions: Vec<Json> = records
        .iter()
        .map(|record| {
            let mut action = json!({
                "path": record.path,
                "name": record.name,
                "type": record.type_name,
                "status": record.status.as_str(),
                "code": record.code,
                "startTime": record.started_at,
                "endTime": record.ended_at,
            });
            let map = action.as_object_mut().expect("written as an object above");
            if !record.iterations.is_empty() {
                map.insert("iterations".to_owned(), json!(record.iterations));
            }
            if record.attempts > 1 {
                map.insert("attempts".to_owned(), json!(record.attempts));
            }
            for (name, hidden, value) in [
                ("inputs", record.secure_inputs, &record.inputs),
                ("outputs", record.secure_outputs, &record.outputs),
            ] {
                if hidden {
                    map.insert(format!("{name}Secured"), Json::Bool(true));
                } else if let Some(value) = value {
                    map.insert(name.to_owned(), value.to_json());
                }
            }
            if let Some(error) = &record.error {
                let error = json!({"code": error.code, "message": error.message});
                map.insert("error".to_owned(), error);
            }
            if let Some(used) = used.get(&record.path) {
                map.insert("acting".to_owned(), used.to_json());
            }
            action
        })
        .collect();
    let mut history = json!({ "actions": actions });
    hidden.mask(&mut history);
    history.to_string()
}
