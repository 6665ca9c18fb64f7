//! Data operations: they only look at values.

use std::sync::Arc;

use super::record::ActionError;
use super::state::Done;
use super::table;
use super::view::View;
use crate::definition::{Arguments, Kind, Values, schema_errors, template_error};
use crate::expression::{EvalError, Template};
use crate::value::{Binary, Object, Value};

/// Runs a data operation.
///
/// # Errors
/// When an expression fails or gives what the operation can not use.
pub(super) fn run(kind: &Kind, view: &View<'_>) -> Result<Done, EvalError> {
    match kind {
        Kind::Compose(template) => {
            let value = template.evaluate(view)?;
            Ok(Done::succeeded("OK").with(Some(value.clone()), Some(value)))
        }
        Kind::ParseJson { content, schema } => parse(content, schema.as_ref(), view),
        Kind::Query { from, condition } => {
            let items = array(from, view)?;
            let mut kept = Vec::new();
            for item in items.iter() {
                view.look_at(item);
                if condition.evaluate(view)? {
                    kept.push(item.clone());
                }
            }
            Ok(body(Value::Array(items), Value::array(kept)))
        }
        Kind::Select { from, select } => {
            let items = array(from, view)?;
            let mut made = Vec::with_capacity(items.len());
            for item in items.iter() {
                view.look_at(item);
                made.push(select.evaluate(view)?);
            }
            Ok(body(Value::Array(items), Value::array(made)))
        }
        Kind::Table { from, html, columns } => {
            let items = array(from, view)?;
            let text = table::render(&items, *html, columns.as_deref(), view)?;
            Ok(body(Value::Array(items), Value::string(text)))
        }
        Kind::Join { from, with } => {
            let items = array(from, view)?;
            let separator = with.evaluate(view)?;
            let texts: Vec<_> = items.iter().map(Value::to_text).collect();
            let joined = texts.join(&*separator.to_text());
            Ok(body(Value::Array(Arc::clone(&items)), Value::string(joined)))
        }
        Kind::Function { inputs, call } => {
            let inputs = inputs.evaluate(view)?;
            let value =
                call.evaluate(&Arguments { scope: view, values: Values::Named(&inputs) })?;
            Ok(body(inputs, value))
        }
        _ => Err(template_error("this is no data operation".to_owned())),
    }
}

fn body(inputs: Value, body: Value) -> Done {
    let mut outputs = Object::new();
    outputs.insert("body", body);
    Done::succeeded("OK").with(Some(inputs), Some(Value::object(outputs)))
}

/// The array that an operation goes through.
fn array(from: &Template, view: &View<'_>) -> Result<Arc<Vec<Value>>, EvalError> {
    match from.evaluate(view)? {
        Value::Array(items) => Ok(items),
        other => Err(template_error(format!(
            "The 'from' property value in the action inputs is of type '{}'. The value must be an \
             array",
            other.type_name()
        ))),
    }
}

fn parse(
    content: &Template,
    schema: Option<&Template>,
    view: &View<'_>,
) -> Result<Done, EvalError> {
    let given = content.evaluate(view)?;
    let schema = schema.map(|schema| schema.evaluate(view)).transpose()?;
    let text = match Binary::of(&given) {
        Some(binary) => Some(binary.text()),
        None => given.as_str().map(str::to_owned),
    };
    let mut inputs = Object::new();
    inputs.insert("content", given.clone());
    if let Some(schema) = &schema {
        inputs.insert("schema", schema.clone());
    }
    let inputs = Some(Value::object(inputs));
    let value = match (text, given) {
        (Some(text), _) => Value::from_json_str(&text).map_err(|_| invalid_content())?,
        (None, Value::Null) => return Err(invalid_content()),
        (None, other) => other,
    };
    let errors = schema.map(|schema| schema_errors(&schema, &value)).unwrap_or_default();
    if errors.is_empty() {
        let done = body(Value::Null, value);
        return Ok(Done { inputs, ..done });
    }
    let text = if view.is_tainted() {
        "Schema validation failed.".to_owned()
    } else {
        format!("Schema validation failed. {}", errors.join(" "))
    };
    Ok(Done::failed("ActionFailed", ActionError::new("ActionFailed", text)).with(inputs, None))
}

fn invalid_content() -> EvalError {
    template_error(
        "The 'content' property of actions of type 'ParseJson' must be valid JSON".to_owned(),
    )
}
