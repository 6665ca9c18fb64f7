//! From the inputs of an action to a call.

use super::call::CallKind;
use super::clock::from_ticks;
use super::control::with_arguments;
use super::view::View;
use crate::definition::{Action, Host, Kind, template_error};
use crate::expression::{EvalError, Template};
use crate::value::{Object, Value};

/// A call before it has a name.
pub(super) struct Prepared {
    pub(super) kind: CallKind,
    /// As the history records them: without what identifies the caller.
    pub(super) inputs: Value,
}

/// Evaluates the inputs of an action that needs the outside.
///
/// # Errors
/// When an expression fails, an input is missing or wrong, or the type is not supported.
pub(super) fn prepare(action: &Action, view: &View<'_>) -> Result<Prepared, EvalError> {
    match &action.kind {
        Kind::Connection(host) => connection(host, view),
        Kind::OldConnection { connection_key, operation_id, inputs } => {
            let inputs = inputs.evaluate(view)?;
            let kind = CallKind::OldConnection {
                connection_key: connection_key.clone(),
                operation_id: operation_id.clone(),
                method: text(&inputs, "method")?.to_ascii_uppercase(),
                path: text(&inputs, "path")?,
                queries: object(&inputs, "queries")?,
                headers: object(&inputs, "headers")?,
                body: part(&inputs, "body"),
            };
            Ok(Prepared { kind, inputs })
        }
        Kind::Http(inputs) => http(inputs, view),
        Kind::ChildFlow { workflow_id, inputs } => {
            let inputs = inputs.evaluate(view)?;
            let kind = CallKind::ChildFlow {
                workflow_id: workflow_id.clone(),
                body: part(&inputs, "body"),
                headers: object(&inputs, "headers")?,
            };
            Ok(Prepared { kind, inputs })
        }
        Kind::Wait { inputs, until } => {
            let inputs = inputs.evaluate(view)?;
            match with_arguments(until, &inputs, view)? {
                Value::Int(ticks) => {
                    Ok(Prepared { kind: CallKind::Wait { until: from_ticks(ticks) }, inputs })
                }
                _ => Err(template_error("the wait has no time to end at".to_owned())),
            }
        }
        Kind::Response(inputs) => response(inputs, view),
        _ => Err(EvalError {
            code: "ActionTypeNotSupported",
            message: format!("Actions of type '{}' are not supported.", action.type_name),
        }),
    }
}

fn connection(host: &Host, view: &View<'_>) -> Result<Prepared, EvalError> {
    let parameters = match host.parameters.evaluate(view)? {
        Value::Null => Object::new(),
        Value::Object(parameters) => Object::clone(&parameters),
        other => return Err(wrong("parameters", "an object", &other)),
    };
    let mut described = Object::new();
    described.insert("apiId", host.api_id.as_str());
    described.insert("connectionName", host.connection_key.as_str());
    described.insert("operationId", host.operation_id.as_str());
    let mut inputs = Object::new();
    inputs.insert("host", described);
    inputs.insert("parameters", parameters.clone());
    let kind = CallKind::Connection {
        connection_key: host.connection_key.clone(),
        api_id: host.api_id.clone(),
        operation_id: host.operation_id.clone(),
        parameters,
        webhook: host.webhook,
    };
    Ok(Prepared { kind, inputs: Value::object(inputs) })
}

fn http(inputs: &Template, view: &View<'_>) -> Result<Prepared, EvalError> {
    let inputs = inputs.evaluate(view)?;
    let mut headers = object(&inputs, "headers")?;
    let cookie = part(&inputs, "cookie");
    if !cookie.is_null() {
        headers.insert("Cookie", cookie);
    }
    let authentication = part(&inputs, "authentication");
    let kind = CallKind::Http {
        method: text(&inputs, "method")?.to_ascii_uppercase(),
        uri: text(&inputs, "uri")?,
        queries: object(&inputs, "queries")?,
        headers,
        body: part(&inputs, "body"),
        authentication: authentication.clone(),
    };
    let mut shown = inputs.as_object().cloned().unwrap_or_default();
    if !authentication.is_null() {
        let mut kept = Object::new();
        kept.insert("type", part(&authentication, "type"));
        shown.insert("authentication", kept);
    }
    mask(&mut shown);
    Ok(Prepared { kind, inputs: Value::object(shown) })
}

/// Headers that carry a credential by their very name; histories show that one was sent.
const SECRET_HEADERS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "ocp-apim-subscription-key",
    "x-functions-key",
];

fn mask(shown: &mut Object) {
    const MASK: &str = "*sanitized*";
    if shown.get("cookie").is_some_and(|cookie| !cookie.is_null()) {
        shown.insert("cookie", Value::string(MASK));
    }
    let Some(mut headers) = shown.get("headers").and_then(Value::as_object).cloned() else {
        return;
    };
    let secret: Vec<_> = headers
        .keys()
        .filter(|name| SECRET_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known)))
        .cloned()
        .collect();
    for name in secret {
        headers.insert(name, Value::string(MASK));
    }
    shown.insert("headers", headers);
}

fn response(inputs: &Template, view: &View<'_>) -> Result<Prepared, EvalError> {
    let inputs = inputs.evaluate(view)?;
    let code = match part(&inputs, "statusCode") {
        Value::Null => Some(200),
        Value::Int(code) => Some(code),
        other => other.to_text().trim().parse().ok(),
    };
    let code = code.filter(|code| (200..600).contains(code));
    let Some(status) = code.and_then(|code| u16::try_from(code).ok()) else {
        return Err(template_error(
            "the status code of a response is between 200 and 599".to_owned(),
        ));
    };
    let kind = CallKind::Response {
        status,
        headers: object(&inputs, "headers")?,
        body: part(&inputs, "body"),
    };
    Ok(Prepared { kind, inputs })
}

fn part(inputs: &Value, name: &str) -> Value {
    inputs.get(name).cloned().unwrap_or(Value::Null)
}

fn object(inputs: &Value, name: &str) -> Result<Object, EvalError> {
    match inputs.get(name) {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Object(object)) => Ok(Object::clone(object)),
        Some(other) => Err(wrong(name, "an object", other)),
    }
}

fn text(inputs: &Value, name: &str) -> Result<String, EvalError> {
    match inputs.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Some(other) => Err(wrong(name, "a text", other)),
        None => Err(template_error(format!("the input '{name}' is missing"))),
    }
}

fn wrong(name: &str, wanted: &str, found: &Value) -> EvalError {
    template_error(format!(
        "the input '{name}' is of type '{}', it must be {wanted}",
        found.type_name()
    ))
}
