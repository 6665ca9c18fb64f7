//! What the run knows: parameters, variables, actions, the trigger, loops.

use super::super::EvalError;
use super::{Call, Function, Result, strict};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    strict("parameters", 1, 1, |call| {
        let name = call.text(0)?;
        found(call.scope().parameter(name), || {
            format!("The workflow parameter '{name}' is not found.")
        })
    }),
    strict("variables", 1, 1, |call| {
        let name = call.text(0)?;
        found(call.scope().variable(name), || {
            format!("The variable '{name}' must be initialized before it can be used.")
        })
    }),
    strict("actions", 1, 1, |call| {
        let name = call.text(0)?;
        found(call.scope().action(name), || no_action(name))
    }),
    strict("outputs", 1, 1, outputs),
    strict("actionOutputs", 1, 1, outputs),
    strict("body", 1, 1, body),
    strict("actionBody", 1, 1, body),
    strict("action", 0, 0, |call| {
        found(call.scope().current_action(), || {
            "The template function 'action' is not expected at this location.".to_owned()
        })
    }),
    strict("trigger", 0, 0, |call| Ok(call.scope().trigger())),
    strict("triggerOutputs", 0, 0, |call| Ok(trigger_outputs(call))),
    strict("triggerBody", 0, 0, |call| {
        Ok(trigger_outputs(call).get("body").cloned().unwrap_or_default())
    }),
    strict("item", 0, 0, |call| {
        found(call.scope().item(None), || {
            "The template function 'item' is not expected at this location: there is no current item.".to_owned()
        })
    }),
    strict("items", 1, 1, |call| {
        let name = call.text(0)?;
        found(call.scope().item(Some(name)), || {
            format!(
                "The loop '{name}' is not defined in the template, or this is not inside of it."
            )
        })
    }),
    strict("iterationIndexes", 1, 1, |call| {
        let name = call.text(0)?;
        found(call.scope().iteration_index(name).map(Value::Int), || {
            format!(
                "The loop '{name}' is not defined in the template, or this is not inside of it."
            )
        })
    }),
    strict("result", 0, 1, |call| {
        let Some(name) = call.optional_text(0)? else {
            return Err(call.error("expects the name of a scope or loop here."));
        };
        found(call.scope().result(name), || no_action(name))
    }),
    strict("workflow", 0, 0, |call| Ok(call.scope().workflow())),
    strict("listCallbackUrl", 0, 0, |call| {
        found(call.scope().list_callback_url().map(Value::from), || {
            "The template function 'listCallbackUrl' is not expected at this location: the trigger has no URL.".to_owned()
        })
    }),
    strict("appsetting", 1, 1, |call| {
        Err(call.error("is not available: a cloud flow has no application settings, use parameters or environment variables."))
    }),
];

fn found(value: Option<Value>, missing: impl FnOnce() -> String) -> Result {
    value.ok_or_else(|| EvalError::template(missing()))
}

fn no_action(name: &str) -> String {
    format!("The template action '{name}' is not defined in the template, or has not run.")
}

fn outputs(call: &Call<'_>) -> Result {
    let name = call.text(0)?;
    found(call.scope().action_outputs(name), || no_action(name))
}

fn body(call: &Call<'_>) -> Result {
    let name = call.text(0)?;
    found(call.scope().action_body(name), || no_action(name))
}

pub(super) fn trigger_outputs(call: &Call<'_>) -> Value {
    call.scope().trigger().get("outputs").cloned().unwrap_or_default()
}
