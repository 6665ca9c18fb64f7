//! Selecting properties and items: what `.name`, `['name']`, `[0]` and their `?` forms give.

use super::EvalError;
use crate::value::Value;

/// Selects one key from a value.
///
/// A name that an object does not hold and that contains `/` is taken as a path from there
/// (`body/value`), which is how the designer writes outputs of operations.
pub(super) fn select(
    source: &str,
    value: &Value,
    key: &Value,
    optional: bool,
) -> Result<Value, EvalError> {
    let fail = |problem: String| {
        EvalError::template(format!(
            "The template language expression '{source}' cannot be evaluated because {problem}"
        ))
    };
    match (value, key) {
        (Value::Null, _) if optional => Ok(Value::Null),
        (Value::Object(object), Value::String(name)) => {
            if let Some(found) = object.get(name).or_else(|| walk(value, name)) {
                return Ok(found.clone());
            }
            if optional {
                return Ok(Value::Null);
            }
            let names: Vec<&str> = object.iter().map(|(name, _)| name).take(40).collect();
            Err(fail(format!(
                "property '{name}' doesn't exist, available properties are '{}'.",
                names.join(", ")
            )))
        }
        (Value::Array(items), Value::Int(index)) => {
            let item = usize::try_from(*index).ok().and_then(|index| items.get(index));
            match item {
                Some(item) => Ok(item.clone()),
                None if optional => Ok(Value::Null),
                None => Err(fail(format!(
                    "array index '{index}' is outside bounds (0, {}) of array.",
                    items.len().saturating_sub(1)
                ))),
            }
        }
        (Value::Array(_), _) => Err(fail(format!(
            "property '{}' cannot be selected. Array elements can only be selected using an integer index.",
            key.to_text()
        ))),
        (Value::Object(_), _) => Err(fail(format!(
            "property '{}' cannot be selected. Object properties can only be selected using a string, not a value of type '{}'.",
            key.to_text(),
            key.type_name()
        ))),
        _ => Err(fail(format!(
            "property '{}' cannot be selected. Property selection is not supported on values of type '{}'.",
            key.to_text(),
            value.type_name()
        ))),
    }
}

/// Follows a path of names, `a/b/c`. A name may itself hold `/`: the longest that fits is taken.
fn walk<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    const MAX_PARTS: usize = 32;
    if path.matches('/').take(MAX_PARTS).count() == MAX_PARTS {
        return None;
    }
    let mut value = value;
    let mut rest = path;
    while !rest.is_empty() {
        let object = value.as_object()?;
        let ends = rest.match_indices('/').map(|(at, _)| at).chain([rest.len()]);
        let fits = |end: &usize| object.get(&rest[..*end]);
        let end = ends.rev().find(|end| fits(end).is_some())?;
        value = fits(&end)?;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Some(value)
}
