//! A run that stands still.

use std::cell::Cell;
use std::collections::BTreeMap;

use connref_flow::expression::{EvalError, Scope, Template};
use connref_flow::value::Value;
use serde_json::{Value as Json, json};

/// 2024-02-29T13:45:30.123456Z.
pub(crate) const NOW: i64 = 1_709_214_330_123_456;

/// Fixed values by function and name (`variables/count`, `trigger`).
#[derive(Default)]
pub(crate) struct Still {
    pub(crate) values: BTreeMap<String, Json>,
    random: Cell<u64>,
}

impl Still {
    pub(crate) fn with(entries: &[(&str, Json)]) -> Self {
        let values = entries.iter().map(|(key, value)| (key.to_lowercase(), value.clone()));
        Self { values: values.collect(), random: Cell::new(1) }
    }

    fn get(&self, function: &str, name: &str) -> Option<Value> {
        let key = format!("{function}/{name}").to_lowercase();
        self.values.get(&key).map(Value::from_json)
    }
}

impl Scope for Still {
    fn parameter(&self, name: &str) -> Option<Value> {
        self.get("parameters", name)
    }
    fn variable(&self, name: &str) -> Option<Value> {
        self.get("variables", name)
    }
    fn action(&self, name: &str) -> Option<Value> {
        self.get("actions", name)
    }
    fn action_outputs(&self, name: &str) -> Option<Value> {
        self.action(name).map(|action| action.get("outputs").cloned().unwrap_or_default())
    }
    fn action_body(&self, name: &str) -> Option<Value> {
        self.action_outputs(name).map(|outputs| outputs.get("body").cloned().unwrap_or_default())
    }
    fn current_action(&self) -> Option<Value> {
        None
    }
    fn trigger(&self) -> Value {
        self.get("trigger", "").unwrap_or_default()
    }
    fn item(&self, loop_name: Option<&str>) -> Option<Value> {
        self.get("items", loop_name.unwrap_or_default())
    }
    fn iteration_index(&self, until: &str) -> Option<i64> {
        self.get("iterations", until).and_then(|value| value.as_int())
    }
    fn result(&self, scope: &str) -> Option<Value> {
        self.get("result", scope)
    }
    fn workflow(&self) -> Value {
        Value::from_json(&json!({"name": "still", "tags": {"environmentName": "here"}}))
    }
    fn list_callback_url(&self) -> Option<String> {
        None
    }
    fn now(&self) -> i64 {
        NOW
    }
    fn random(&self) -> u64 {
        // Any full-period step will do.
        let next = self.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random.set(next);
        next
    }
}

/// Compiles and evaluates a string in a scope.
pub(crate) fn run_in(text: &str, scope: &Still) -> Result<Value, EvalError> {
    let template = Template::compile(&Json::String(text.to_owned()))
        .map_err(|error| EvalError { code: "Parse", message: error.to_string() })?;
    template.evaluate(scope)
}

pub(crate) fn run(text: &str) -> Result<Value, EvalError> {
    run_in(text, &Still::default())
}

/// The JSON text of the result of an expression.
pub(crate) fn shown(text: &str) -> String {
    match run(text) {
        Ok(value) => value.to_json_string(),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Holds each expression (without `@`) against the JSON text of its result.
pub(crate) fn check(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(shown(&format!("@{expression}")), *expected, "{expression}");
    }
}

/// Holds each expression against a part of its error.
pub(crate) fn check_errors(cases: &[(&str, &str)]) {
    for (expression, part) in cases {
        match run(&format!("@{expression}")) {
            Ok(value) => panic!("{expression} gave {}", value.to_json_string()),
            Err(error) => assert!(error.message.contains(part), "{expression}: {error}"),
        }
    }
}
