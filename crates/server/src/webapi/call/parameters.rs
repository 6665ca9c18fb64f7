//! Parameters of a call: from the address of a function, or from the body of an action.
use std::sync::LazyLock;

use connref_solution::model::id::is_guid;
use serde_json::{Map, Value};

use crate::webapi::body::object;
use crate::webapi::path::{Argument, Arguments, Segment};
use crate::webapi::verb::{Verb, VerbKind};
use crate::webapi::{Asked, Fault};

/// Checked against the verb: every name is known, what must be there is, and types fit.
pub(super) struct Parameters(Map<String, Value>);

impl Parameters {
    pub(super) fn read(asked: &Asked, verb: &Verb, segment: &Segment) -> Result<Self, Fault> {
        let given = match verb.kind {
            VerbKind::Action => object(&asked.body)?,
            VerbKind::Function => in_address(asked, verb, segment)?,
        };
        let mut kept = Map::new();
        for (name, value) in given {
            if name.starts_with('@') {
                continue;
            }
            let known = verb.parameters.iter().find(|parameter| parameter.name == name);
            let parameter = known.ok_or_else(|| {
                Fault::payload(format!("`{}` has no parameter `{name}`.", verb.name))
            })?;
            if !value.is_null() {
                kept.insert(name, typed(verb, parameter.name, parameter.edm, value)?);
            }
        }
        match verb.parameters.iter().find(|p| p.required && !kept.contains_key(p.name)) {
            Some(missing) => Err(Fault::payload(format!(
                "The parameter `{}` of `{}` is required.",
                missing.name, verb.name
            ))),
            None => Ok(Self(kept)),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A text that must be there; `read` saw to it.
    pub(super) fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// An object that must be there; `read` saw to it.
    pub(super) fn object(&self, name: &str) -> &Map<String, Value> {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        self.0.get(name).and_then(Value::as_object).unwrap_or(&NONE)
    }

    /// A value as it was given; null if it was not.
    pub(super) fn given(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A text taken out, where it is large.
    pub(super) fn take_text(&mut self, name: &str) -> String {
        match self.0.remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        }
    }
}

/// A function's parameters stand in parentheses, or behind aliases in the query.
fn in_address(asked: &Asked, verb: &Verb, segment: &Segment) -> Result<Map<String, Value>, Fault> {
    let named = match &segment.arguments {
        None => return Ok(Map::new()),
        Some(Arguments::Named(named)) => named,
        Some(Arguments::Key(_)) => {
            return Err(Fault::syntax(format!("The parameters of `{}` have names.", verb.name)));
        }
    };
    named
        .iter()
        .map(|(name, argument)| {
            let value = match argument {
                Argument::Text(text) => Value::from(text.as_str()),
                Argument::Bare(text) if text != "null" && is_text(verb, name) => {
                    return Err(Fault::syntax(format!(
                        "The parameter `{name}` of `{}` is a text and stands in quotes.",
                        verb.name
                    )));
                }
                Argument::Bare(text) => bare(text),
                Argument::Alias(alias) => {
                    let text = asked.query.alias(alias)?.trim();
                    match text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
                        Some(inside) => Value::from(inside.replace("''", "'")),
                        None => bare(text),
                    }
                }
            };
            Ok((name.clone(), value))
        })
        .collect()
}

fn is_text(verb: &Verb, name: &str) -> bool {
    verb.parameters.iter().any(|one| one.name == name && one.edm == "Edm.String")
}

fn bare(text: &str) -> Value {
    match text {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
    }
}

fn typed(verb: &Verb, name: &str, edm: &str, value: Value) -> Result<Value, Fault> {
    // In an address an object stands as its text.
    let value = match value {
        Value::String(text)
            if matches!(edm, "mscrm.crmbaseentity" | "mscrm.EntityQueryExpression") =>
        {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        other => other,
    };
    let fits = match edm {
        "Edm.String" | "Edm.Binary" | "Edm.DateTimeOffset" => value.is_string(),
        "Edm.Guid" => value.as_str().is_some_and(is_guid),
        "Edm.Boolean" => value.is_boolean(),
        "Edm.Int32" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "mscrm.crmbaseentity"
        | "mscrm.EntityQueryExpression"
        | "mscrm.PrincipalAccess"
        | "mscrm.SolutionParameters"
        | "mscrm.solutioncomponent" => value.is_object(),
        // Clients send an option as its number too.
        "mscrm.OptionSetValue" => value.is_object() || value.is_i64(),
        "Collection(Edm.String)" => {
            value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
        }
        _ => value.is_array(),
    };
    if fits {
        return Ok(value);
    }
    Err(Fault::payload(format!(
        "The parameter `{name}` of `{}` is not of the type {edm}.",
        verb.name
    )))
}
