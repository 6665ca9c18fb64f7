//! Form data and multipart content in outputs of the trigger and of actions.

use percent_encoding::percent_decode_str;

use super::super::EvalError;
use super::reference::trigger_outputs;
use super::{Call, Function, Result, strict};
use crate::value::{Binary, Value, names_equal};

pub(super) const FUNCTIONS: &[Function] = &[
    strict("triggerFormDataValue", 1, 1, |call| single(call, &trigger_body(call), 0)),
    strict("triggerFormDataMultiValues", 1, 1, |call| {
        values(call, &trigger_body(call), 0).map(Value::array)
    }),
    strict("triggerMultipartBody", 1, 1, |call| part(call, &trigger_body(call), 0)),
    strict("formDataValue", 2, 2, |call| single(call, &action_body(call)?, 1)),
    strict("formDataMultiValues", 2, 2, |call| {
        values(call, &action_body(call)?, 1).map(Value::array)
    }),
    strict("multipartBody", 2, 2, |call| part(call, &action_body(call)?, 1)),
];

fn trigger_body(call: &Call<'_>) -> Value {
    trigger_outputs(call).get("body").cloned().unwrap_or_default()
}

fn action_body(call: &Call<'_>) -> Result {
    let name = call.text(0)?;
    call.scope().action_body(name).ok_or_else(|| {
        EvalError::template(format!(
            "The template action '{name}' is not defined in the template, or has not run."
        ))
    })
}

/// The values of a key of form data: parsed (`$formdata`) or as it came.
fn values(call: &Call<'_>, body: &Value, argument: usize) -> Result<Vec<Value>> {
    let key = call.text(argument)?;
    if let Some(entries) = body.get("$formdata").and_then(Value::as_array) {
        let of_key = |entry: &&Value| {
            entry.get("key").and_then(Value::as_str).is_some_and(|name| names_equal(name, key))
        };
        let values = entries.iter().filter(of_key);
        return Ok(values.map(|entry| entry.get("value").cloned().unwrap_or_default()).collect());
    }
    let text = match (Binary::of(body), body) {
        (Some(binary), _) => binary.text(),
        (None, Value::String(text)) => text.to_string(),
        _ => return Err(call.error("was not evaluated: the body is not form data.")),
    };
    call.charge(text.len())?;
    let decoded =
        |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let of_key = pairs.filter(|(name, _)| names_equal(&decoded(name), key));
    Ok(of_key.map(|(_, value)| Value::from(decoded(value))).collect())
}

fn single(call: &Call<'_>, body: &Value, argument: usize) -> Result {
    let mut values = values(call, body, argument)?;
    match values.len() {
        0 => Ok(Value::Null),
        1 => Ok(values.remove(0)),
        count => {
            Err(call.error(format_args!("expects the key to have one value. It has {count}.")))
        }
    }
}

fn part(call: &Call<'_>, body: &Value, argument: usize) -> Result {
    let index = call.size(argument)?;
    let parts = body.get("$multipart").and_then(Value::as_array);
    let parts =
        parts.ok_or_else(|| call.error("was not evaluated: the body is not multipart content."))?;
    let part = parts.get(index).ok_or_else(|| {
        call.error(format_args!("expects an index below {}, the number of parts.", parts.len()))
    })?;
    Ok(part.get("body").cloned().unwrap_or_default())
}
