//! What a trigger decides before a run starts.

use std::sync::Arc;

use super::machine::Machine;
use super::run::RunStart;
use super::state::FrameId;
use super::view::View;
use crate::definition::{Definition, MAX_ITEMS, template_error};
use crate::expression::EvalError;
use crate::value::Value;

/// Whether every condition of the trigger holds; otherwise the trigger is skipped. A trigger that
/// splits is asked once for each item, with the item's outputs (see [`trigger_split`]).
///
/// # Errors
/// When an expression fails: the trigger has failed then.
pub fn trigger_fires(definition: &Arc<Definition>, start: &RunStart) -> Result<bool, EvalError> {
    let Some(trigger) = definition.trigger(&start.trigger_name) else {
        return Err(unknown(&start.trigger_name));
    };
    if trigger.conditions.is_empty() {
        return Ok(true);
    }
    let machine = Machine::new(Arc::clone(definition), start.clone());
    let view = View::new(&machine, FrameId(0), None, start.seed);
    for condition in &trigger.conditions {
        if !condition.evaluate(&view)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The outputs for each run that this firing starts: one for each item of the list that `splitOn`
/// names, which becomes the body; the outputs themselves where nothing is split.
///
/// # Errors
/// When the expression fails or gives no array, or the array is too long.
pub fn trigger_split(
    definition: &Arc<Definition>,
    start: &RunStart,
) -> Result<Vec<Value>, EvalError> {
    let Some(trigger) = definition.trigger(&start.trigger_name) else {
        return Err(unknown(&start.trigger_name));
    };
    let Some(split) = &trigger.split_on else { return Ok(vec![start.trigger_outputs.clone()]) };
    let machine = Machine::new(Arc::clone(definition), start.clone());
    let view = View::new(&machine, FrameId(0), None, start.seed);
    let limit = if trigger.concurrency.is_some() { 100 } else { MAX_ITEMS };
    match split.evaluate(&view)? {
        Value::Array(items) if items.len() > limit => Err(template_error(format!(
            "the trigger splits {} items, at most {limit} are allowed",
            items.len()
        ))),
        Value::Array(items) => {
            let outputs = start.trigger_outputs.as_object().cloned().unwrap_or_default();
            let split = |item: &Value| {
                let mut outputs = outputs.clone();
                outputs.insert("body", item.clone());
                Value::object(outputs)
            };
            Ok(items.iter().map(split).collect())
        }
        other => Err(template_error(format!(
            "the result of 'splitOn' is of type '{}', it must be an array",
            other.type_name()
        ))),
    }
}

fn unknown(name: &str) -> EvalError {
    template_error(format!("the definition has no trigger '{name}'"))
}
