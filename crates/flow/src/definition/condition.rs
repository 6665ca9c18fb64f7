//! Conditions: a template, or the object form that the designer writes
//! (`{"and":[{"equals":[a,b]},{"not":{…}}]}`), whose keys are function names.

use serde_json::{Map, Value as Json, json};

use super::problem::{Place, Problem};
use crate::expression::{EvalError, Scope, Template};
use crate::value::Value;

/// A compiled condition.
#[derive(Debug)]
pub(crate) enum Condition {
    Plain(Template),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// A function by name; `call` names its arguments as parameters `0`, `1`, …
    Call {
        call: Template,
        arguments: Vec<Condition>,
    },
    /// A literal array: the service takes the definition and fails the action.
    Array,
}

impl Condition {
    /// Compiles a condition; `nest` bounds the depth of the object form.
    pub(super) fn compile(json: &Json, place: &Place<'_>) -> Result<Self, Problem> {
        match json {
            Json::Array(_) => Ok(Self::Array),
            Json::Object(map) => Self::compile_object(map, place),
            _ => Template::compile(json)
                .map(Self::Plain)
                .map_err(|error| place.problem(error.to_string())),
        }
    }

    fn compile_object(map: &Map<String, Json>, place: &Place<'_>) -> Result<Self, Problem> {
        if map.len() != 1 {
            return Err(place.problem("a condition object needs exactly one function name"));
        }
        let (name, json) = map.iter().next().expect("the length was checked");
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(valid) {
            return Err(place.problem(format!("`{name}` is not a function name")));
        }
        let place = place.at(name);
        let arguments = match json {
            Json::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let arguments = arguments
            .iter()
            .enumerate()
            .map(|(index, argument)| Self::compile(argument, &place.at(&index.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        match name.to_ascii_lowercase().as_str() {
            "and" => Ok(Self::All(arguments)),
            "or" => Ok(Self::Any(arguments)),
            "not" if arguments.len() == 1 => Ok(Self::Not(Box::new(
                arguments.into_iter().next().expect("the length was checked"),
            ))),
            _ => Ok(Self::Call { call: function_call(name, arguments.len(), &place)?, arguments }),
        }
    }

    /// Visits every template that the definition wrote.
    pub(super) fn templates(&self, visit: &mut dyn FnMut(&Template)) {
        match self {
            Self::Plain(template) => visit(template),
            Self::All(parts) | Self::Any(parts) | Self::Call { arguments: parts, .. } => {
                for part in parts {
                    part.templates(visit);
                }
            }
            Self::Not(part) => part.templates(visit),
            Self::Array => {}
        }
    }

    /// Evaluates to a boolean.
    ///
    /// # Errors
    /// When an expression fails or the result is no boolean.
    pub(crate) fn evaluate(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        match self.value(scope)? {
            Value::Bool(result) => Ok(result),
            other => Err(template_error(format!(
                "the result of the condition is of type '{}', it must be 'Boolean'",
                other.type_name()
            ))),
        }
    }

    fn value(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        match self {
            Self::Plain(template) => template.evaluate(scope),
            Self::All(parts) => {
                for part in parts {
                    if !part.evaluate(scope)? {
                        return Ok(Value::Bool(false));
                    }
                }
                Ok(Value::Bool(true))
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.evaluate(scope)? {
                        return Ok(Value::Bool(true));
                    }
                }
                Ok(Value::Bool(false))
            }
            Self::Not(part) => Ok(Value::Bool(!part.evaluate(scope)?)),
            Self::Call { call, arguments } => {
                let values = arguments
                    .iter()
                    .map(|part| part.value(scope))
                    .collect::<Result<Vec<_>, _>>()?;
                call.evaluate(&Arguments { scope, values: Values::List(&values) })
            }
            Self::Array => Err(template_error("an array can not be compared".to_owned())),
        }
    }
}

/// `@name(parameters('0'),parameters('1'))`: lets definition data call any function of the
/// language without a second way into the evaluator.
fn function_call(name: &str, count: usize, place: &Place<'_>) -> Result<Template, Problem> {
    let list: Vec<String> = (0..count).map(|index| format!("parameters('{index}')")).collect();
    Template::compile(&json!(format!("@{name}({})", list.join(","))))
        .map_err(|error| place.problem(error.to_string()))
}

/// The error of an expression that has the wrong result.
pub(crate) fn template_error(message: String) -> EvalError {
    EvalError { code: "InvalidTemplate", message }
}

/// Values that a scope shows as parameters, for calls that the definition spells as data.
pub(crate) enum Values<'a> {
    List(&'a [Value]),
    Named(&'a Value),
}

/// A scope whose `parameters()` are the arguments of one call.
pub(crate) struct Arguments<'a> {
    pub(crate) scope: &'a dyn Scope,
    pub(crate) values: Values<'a>,
}

impl Scope for Arguments<'_> {
    fn parameter(&self, name: &str) -> Option<Value> {
        match self.values {
            Values::List(list) => list.get(name.parse::<usize>().ok()?).cloned(),
            Values::Named(Value::Object(object)) => {
                Some(object.get(name).cloned().unwrap_or(Value::Null))
            }
            Values::Named(_) => None,
        }
    }
    fn variable(&self, name: &str) -> Option<Value> {
        self.scope.variable(name)
    }
    fn action(&self, name: &str) -> Option<Value> {
        self.scope.action(name)
    }
    fn action_outputs(&self, name: &str) -> Option<Value> {
        self.scope.action_outputs(name)
    }
    fn action_body(&self, name: &str) -> Option<Value> {
        self.scope.action_body(name)
    }
    fn current_action(&self) -> Option<Value> {
        self.scope.current_action()
    }
    fn trigger(&self) -> Value {
        self.scope.trigger()
    }
    fn item(&self, loop_name: Option<&str>) -> Option<Value> {
        self.scope.item(loop_name)
    }
    fn iteration_index(&self, until: &str) -> Option<i64> {
        self.scope.iteration_index(until)
    }
    fn result(&self, scope: &str) -> Option<Value> {
        self.scope.result(scope)
    }
    fn workflow(&self) -> Value {
        self.scope.workflow()
    }
    fn list_callback_url(&self) -> Option<String> {
        self.scope.list_callback_url()
    }
    fn now(&self) -> i64 {
        self.scope.now()
    }
    fn random(&self) -> u64 {
        self.scope.random()
    }
}
