//! The subset of JSON Schema that `ParseJson` and request triggers use: `type` (also a list),
//! `properties`, `required`, `items`, `enum`, `const`, `additionalProperties`, `anyOf`, `allOf`,
//! `oneOf` and the bounds of numbers, strings and arrays. Other keywords are ignored.

use crate::value::{Object, Value};

const MAX_ERRORS: usize = 20;
const MAX_DEPTH: usize = 64;

/// Checks a value; each text names the place (`#/a/0`) and what is wrong there.
/// Empty = valid. At most 20 texts.
pub fn schema_errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check { errors: Vec::new(), path: "#".to_owned(), depth: 0 };
    check.any(schema, value);
    check.errors
}

struct Check {
    errors: Vec<String>,
    path: String,
    depth: usize,
}

impl Check {
    fn error(&mut self, text: &str) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(format!("{text} Path '{}'.", self.path));
        }
    }

    fn below(&mut self, token: &str, schema: &Value, value: &Value) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(token);
        self.any(schema, value);
        self.path.truncate(length);
    }

    fn any(&mut self, schema: &Value, value: &Value) {
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(false) => return self.error("Schema always fails validation."),
            _ => return,
        };
        if self.depth == MAX_DEPTH || self.errors.len() >= MAX_ERRORS {
            return;
        }
        self.depth += 1;
        self.kind(schema, value);
        self.choice(schema, value);
        match value {
            Value::Object(object) => self.object(schema, object),
            Value::Array(list) => self.array(schema, list),
            Value::String(text) => self.length(schema, text.chars().count(), "Length", "String"),
            Value::Int(_) | Value::Float(_) | Value::Decimal(_) => self.number(schema, value),
            Value::Null | Value::Bool(_) => {}
        }
        self.depth -= 1;
    }

    fn kind(&mut self, schema: &Object, value: &Value) {
        let names: Vec<&str> = match schema.get_exact("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        if !names.is_empty() && !names.iter().any(|name| is_of(name, value)) {
            let wanted: Vec<String> = names.iter().map(|name| capital(name)).collect();
            let found = match value {
                Value::Float(_) | Value::Decimal(_) => "Number",
                other => other.type_name(),
            };
            self.error(&format!("Invalid type. Expected {} but got {found}.", wanted.join(", ")));
        }
    }

    fn choice(&mut self, schema: &Object, value: &Value) {
        if let Some(Value::Array(values)) = schema.get_exact("enum")
            && !values.iter().any(|one| same(one, value))
        {
            self.error("Value is not defined in enum.");
        }
        if let Some(wanted) = schema.get_exact("const")
            && !same(wanted, value)
        {
            self.error("Value does not match const.");
        }
        if let Some(Value::Array(all)) = schema.get_exact("allOf") {
            for one in all.iter() {
                self.any(one, value);
            }
        }
        for (name, exactly) in [("anyOf", false), ("oneOf", true)] {
            let Some(Value::Array(list)) = schema.get_exact(name) else { continue };
            let valid = list.iter().filter(|one| self.fits(one, value)).count();
            if valid == 0 || (exactly && valid > 1) {
                self.error(&format!("JSON is not valid against the schemas of '{name}'."));
            }
        }
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut check = Check { errors: Vec::new(), path: String::new(), depth: self.depth };
        check.any(schema, value);
        check.errors.is_empty()
    }

    fn object(&mut self, schema: &Object, object: &Object) {
        if let Some(Value::Array(required)) = schema.get_exact("required") {
            let missing: Vec<&str> = required
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| object.get_exact(name).is_none())
                .collect();
            if !missing.is_empty() {
                let list = missing.join(", ");
                self.error(&format!("Required properties are missing from object: {list}."));
            }
        }
        let properties = match schema.get_exact("properties") {
            Some(Value::Object(properties)) => Some(properties),
            _ => None,
        };
        let additional = schema.get_exact("additionalProperties");
        for (name, value) in object.iter() {
            let known = properties.and_then(|all| all.get_exact(name));
            match (known, additional) {
                (Some(schema), _) => self.below(name, schema, value),
                (None, Some(Value::Bool(false))) => {
                    let text = "and the schema does not allow additional properties.";
                    self.error(&format!("Property '{name}' has not been defined {text}"));
                }
                (None, Some(schema)) => self.below(name, schema, value),
                (None, None) => {}
            }
        }
    }

    fn array(&mut self, schema: &Object, list: &[Value]) {
        self.length(schema, list.len(), "Items", "Array");
        if let Some(items @ Value::Object(_)) = schema.get_exact("items") {
            for (index, item) in list.iter().enumerate() {
                if self.errors.len() >= MAX_ERRORS {
                    break;
                }
                self.below(&index.to_string(), items, item);
            }
        }
    }

    fn length(&mut self, schema: &Object, length: usize, name: &str, what: &str) {
        let bound = |prefix: &str| match schema.get_exact(&format!("{prefix}{name}")) {
            Some(Value::Int(bound)) => usize::try_from(*bound).ok(),
            _ => None,
        };
        if bound("min").is_some_and(|least| length < least) {
            self.error(&format!("{what} is shorter than the minimum length."));
        }
        if bound("max").is_some_and(|most| length > most) {
            self.error(&format!("{what} is longer than the maximum length."));
        }
    }

    fn number(&mut self, schema: &Object, value: &Value) {
        let Some(number) = float(value) else { return };
        if schema.get_exact("minimum").and_then(float).is_some_and(|least| number < least) {
            self.error("Number is less than the minimum value.");
        }
        if schema.get_exact("maximum").and_then(float).is_some_and(|most| number > most) {
            self.error("Number is greater than the maximum value.");
        }
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "null" => matches!(value, Value::Null),
        "boolean" => matches!(value, Value::Bool(_)),
        "integer" => match value {
            Value::Int(_) => true,
            other => float(other).is_some_and(|number| number.fract() == 0.0),
        },
        "number" => matches!(value, Value::Int(_) | Value::Float(_) | Value::Decimal(_)),
        "string" => matches!(value, Value::String(_)),
        "array" => matches!(value, Value::Array(_)),
        "object" => matches!(value, Value::Object(_)),
        _ => true,
    }
}

#[expect(clippy::cast_precision_loss, reason = "bounds of schemas are compared as doubles")]
fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Decimal(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn same(left: &Value, right: &Value) -> bool {
    left == right || float(left).is_some_and(|left| float(right) == Some(left))
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "small values made where they are used")]
    fn errors(schema: serde_json::Value, value: serde_json::Value) -> Vec<String> {
        schema_errors(&Value::from_json(&schema), &Value::from_json(&value))
    }

    #[test]
    fn types_and_required() {
        let schema = json!({"type": "object", "required": ["id"], "properties": {
            "id": {"type": "integer"}, "note": {"type": ["string", "null"]},
            "list": {"type": "array", "items": {"type": "object", "required": ["a"]}}}});
        assert!(errors(schema.clone(), json!({"id": 1, "note": null, "x": []})).is_empty());
        assert_eq!(
            errors(schema.clone(), json!({"id": "1", "note": 2})),
            [
                "Invalid type. Expected Integer but got String. Path '#/id'.",
                "Invalid type. Expected String, Null but got Integer. Path '#/note'."
            ]
        );
        assert_eq!(
            errors(schema, json!({"list": [{"a": 1}, {}]})),
            [
                "Required properties are missing from object: id. Path '#'.",
                "Required properties are missing from object: a. Path '#/list/1'."
            ]
        );
    }

    #[test]
    fn bounds_and_choices() {
        assert!(errors(json!({"enum": ["a", 1]}), json!(1.0)).is_empty());
        assert_eq!(errors(json!({"enum": ["a"]}), json!("b")).len(), 1);
        assert_eq!(errors(json!({"maxLength": 2}), json!("abc")).len(), 1);
        assert_eq!(errors(json!({"minimum": 2}), json!(1)).len(), 1);
        assert_eq!(errors(json!({"additionalProperties": false}), json!({"a": 1})).len(), 1);
        let either = json!({"oneOf": [{"type": "string"}, {"type": "integer"}]});
        assert!(errors(either.clone(), json!(1)).is_empty());
        assert_eq!(errors(either, json!([])).len(), 1);
    }

    #[test]
    fn many_errors_are_bounded() {
        let list: Vec<i32> = (0..1000).collect();
        let schema = json!({"items": {"type": "string"}});
        assert_eq!(errors(schema, json!(list)).len(), MAX_ERRORS);
    }
}
