//! Variables of a run.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::definition::{Change, VariableKind};
use crate::value::Value;

/// Longest text a variable may grow to, in bytes: the service's limit for a message.
const MAX_TEXT: usize = 104_857_600;
/// Most items an array variable may grow to.
const MAX_ITEMS: usize = 10_000_000;

/// All variables that were initialized so far, by lower-case name.
#[derive(Default)]
pub(super) struct Variables(HashMap<String, Variable>);

struct Variable {
    kind: VariableKind,
    store: Store,
    /// Whether it holds secured data.
    secure: bool,
}

/// Text is kept growable, so that appending in a long loop does not copy it each time.
enum Store {
    Value(Value),
    Text { buffer: String, shared: OnceLock<Arc<str>> },
}

impl Store {
    fn new(value: Value) -> Self {
        match value {
            Value::String(text) => {
                Self::Text { buffer: (*text).to_owned(), shared: OnceLock::from(text) }
            }
            other => Self::Value(other),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Text { buffer, shared } => {
                Value::String(Arc::clone(shared.get_or_init(|| Arc::from(buffer.as_str()))))
            }
        }
    }
}

impl Variables {
    /// Value of a variable and whether it is secured.
    pub(super) fn get(&self, name: &str) -> Option<(Value, bool)> {
        let variable = self.0.get(name).or_else(|| self.0.get(&name.to_lowercase()))?;
        Some((variable.store.value(), variable.secure))
    }

    /// Brings a variable into being; no value means the default of its type.
    ///
    /// # Errors
    /// A text for people, when the value does not fit the type or the variable exists.
    pub(super) fn initialize(
        &mut self,
        name: &str,
        kind: VariableKind,
        value: Value,
        secure: bool,
    ) -> Result<Value, String> {
        let value = match value {
            Value::Null => default_value(kind),
            value => coerce(name, kind, value)?,
        };
        let store = Store::new(value.clone());
        let old = self.0.insert(name.to_lowercase(), Variable { kind, store, secure });
        match old {
            None => Ok(value),
            Some(_) => Err(format!("The variable '{name}' is initialized already.")),
        }
    }

    /// Changes a variable and returns its new value where that does not mean a copy.
    ///
    /// # Errors
    /// A text for people.
    pub(super) fn change(
        &mut self,
        change: Change,
        name: &str,
        value: Value,
        secure: bool,
    ) -> Result<Option<Value>, String> {
        let Some(variable) = self.0.get_mut(&name.to_lowercase()) else {
            return Err(format!(
                "The variable '{name}' must be initialized before it can be used."
            ));
        };
        variable.secure |= secure;
        match change {
            Change::Set => {
                let value = coerce(name, variable.kind, value)?;
                variable.secure = secure;
                variable.store = Store::new(value.clone());
                Ok(Some(value))
            }
            Change::Increment | Change::Decrement => {
                let sum = add(name, variable, &value, change == Change::Decrement)?;
                variable.store = Store::Value(sum.clone());
                Ok(Some(sum))
            }
            Change::AppendToArray => append_item(name, variable, value).map(|()| None),
            Change::AppendToString => append_text(name, variable, &value).map(|()| None),
        }
    }
}

fn append_item(name: &str, variable: &mut Variable, value: Value) -> Result<(), String> {
    if matches!(value, Value::Null | Value::Array(_)) {
        return Err(format!(
            "A value of type '{}' can not be appended to the variable '{name}'.",
            value.type_name()
        ));
    }
    match &mut variable.store {
        Store::Value(Value::Array(list)) if list.len() < MAX_ITEMS => {
            Arc::make_mut(list).push(value);
            Ok(())
        }
        Store::Value(Value::Array(_)) => Err(format!("The variable '{name}' is full.")),
        _ => Err(wrong_kind(name, variable.kind, "AppendToArrayVariable")),
    }
}

fn append_text(name: &str, variable: &mut Variable, value: &Value) -> Result<(), String> {
    if variable.kind != VariableKind::String {
        return Err(wrong_kind(name, variable.kind, "AppendToStringVariable"));
    }
    if let Store::Value(_) = variable.store {
        variable.store = Store::Text { buffer: String::new(), shared: OnceLock::new() };
    }
    if let Store::Text { buffer, shared } = &mut variable.store {
        let text = value.to_text();
        if buffer.len() + text.len() > MAX_TEXT {
            return Err(format!("The variable '{name}' is full."));
        }
        buffer.push_str(&text);
        *shared = OnceLock::new();
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a float variable adds in doubles")]
fn add(name: &str, variable: &Variable, value: &Value, negate: bool) -> Result<Value, String> {
    let float = |value: &Value| match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Decimal(number) => number.to_string().parse().ok(),
        _ => None,
    };
    match (variable.kind, variable.store.value(), value) {
        (VariableKind::Integer, Value::Int(old), Value::Int(by)) => {
            let sum = if negate { old.checked_sub(*by) } else { old.checked_add(*by) };
            sum.map(Value::Int).ok_or_else(|| format!("The variable '{name}' overflows."))
        }
        (VariableKind::Float, old, by) => match (float(&old), float(by)) {
            (Some(old), Some(by)) => Ok(Value::Float(if negate { old - by } else { old + by })),
            _ => Err(mismatch(name, variable.kind, by)),
        },
        (VariableKind::Integer, _, by) => Err(mismatch(name, variable.kind, by)),
        _ => Err(wrong_kind(name, variable.kind, "IncrementVariable")),
    }
}

fn default_value(kind: VariableKind) -> Value {
    match kind {
        VariableKind::Boolean => Value::Bool(false),
        VariableKind::Integer => Value::Int(0),
        VariableKind::Float => Value::Float(0.0),
        VariableKind::String => Value::String(Arc::from("")),
        VariableKind::Object => Value::Null,
        VariableKind::Array => Value::Array(Arc::new(Vec::new())),
    }
}

fn coerce(name: &str, kind: VariableKind, value: Value) -> Result<Value, String> {
    let fits = match (kind, &value) {
        (VariableKind::Boolean, Value::Bool(_))
        | (VariableKind::Integer, Value::Int(_))
        | (VariableKind::Float, Value::Int(_) | Value::Float(_) | Value::Decimal(_))
        | (VariableKind::String, Value::String(_) | Value::Null)
        | (VariableKind::Object, Value::Object(_) | Value::Null)
        | (VariableKind::Array, Value::Array(_)) => true,
        (VariableKind::Integer, Value::Float(number)) => {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
            if number.fract() == 0.0 && number.abs() < 9.0e15 {
                return Ok(Value::Int(*number as i64));
            }
            false
        }
        _ => false,
    };
    if fits { Ok(value) } else { Err(mismatch(name, kind, &value)) }
}

fn mismatch(name: &str, kind: VariableKind, value: &Value) -> String {
    let (kind, found) = (kind.as_str(), value.type_name());
    format!(
        "The variable '{name}' of type '{kind}' cannot be initialized or updated with value of \
         type '{found}'. The variable '{name}' only supports values of types '{kind}'."
    )
}

fn wrong_kind(name: &str, kind: VariableKind, action: &str) -> String {
    format!(
        "Actions of type '{action}' do not work on the variable '{name}' of type '{}'.",
        kind.as_str()
    )
}
