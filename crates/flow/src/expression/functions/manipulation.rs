//! Objects: adding, setting and removing properties.

use super::{ANY, Call, Function, Lazy, Result, lazy, strict};
use crate::value::{Object, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    lazy("coalesce", 1, ANY, Lazy::Coalesce),
    strict("addProperty", 3, 3, add),
    strict("setProperty", 3, 3, set),
    strict("removeProperty", 2, 2, |call| {
        let mut object = changed(call)?;
        object.remove(call.text(1)?);
        Ok(Value::object(object))
    }),
    strict("mergeObjects", 2, ANY, merge),
];

/// A copy of the first argument.
fn changed(call: &Call<'_>) -> Result<Object> {
    let object = call.object(0)?;
    call.charge(object.len())?;
    Ok(object.as_ref().clone())
}

fn add(call: &Call<'_>) -> Result {
    let mut object = changed(call)?;
    let name = call.text(1)?;
    if object.get(name).is_some() {
        return Err(call.error(format_args!(
            "expects the property to not exist in the object: '{name}' does."
        )));
    }
    object.insert(name, call.argument(2).clone());
    call.give_nested(Value::object(object))
}

/// A property that exists keeps its spelling and moves to the end.
fn set(call: &Call<'_>) -> Result {
    let mut object = changed(call)?;
    let name = call.text(1)?;
    let spelling = object.remove(name).map_or_else(|| name.into(), |(spelling, _)| spelling);
    object.insert(spelling, call.argument(2).clone());
    call.give_nested(Value::object(object))
}

fn merge(call: &Call<'_>) -> Result {
    let mut object = changed(call)?;
    for index in 1..call.count() {
        let other = call.object(index)?;
        call.charge(other.len())?;
        for (name, value) in other.iter() {
            object.insert(name, value.clone());
        }
    }
    Ok(Value::object(object))
}
