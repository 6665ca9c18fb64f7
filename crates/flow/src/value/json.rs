//! Values from and to JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Number, Value as Json};

use super::{Value, float_text};

/// Why a text is no JSON value that the language accepts.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The text is not JSON, or nests too deeply.
    #[error("the text is not valid JSON")]
    Syntax(#[source] serde_json::Error),
}

impl Value {
    /// The value of a JSON value. Whole numbers beyond 64 bits become decimals.
    #[must_use]
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => from_number(number),
            Json::String(text) => Self::String(text.as_str().into()),
            Json::Array(items) => Self::array(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => {
                let entries =
                    map.iter().map(|(name, value)| (name.as_str(), Self::from_json(value)));
                Self::Object(Arc::new(entries.collect()))
            }
        }
    }

    /// Reads JSON text; at most 128 levels deep.
    ///
    /// # Errors
    /// When the text is not JSON or nests deeper.
    pub fn from_json_str(text: &str) -> Result<Self, JsonError> {
        serde_json::from_str::<Json>(text)
            .map(|json| Self::from_json(&json))
            .map_err(JsonError::Syntax)
    }

    /// The JSON value. Decimals become the nearest integer or double that JSON holds; an
    /// infinite number becomes the string that the service writes.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::Float(value) => float_json(*value),
            Self::Decimal(value) => decimal_json(value),
            Self::String(text) => Json::String(text.to_string()),
            Self::Array(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(object) => Json::Object(
                object.iter().map(|(name, value)| (name.to_owned(), value.to_json())).collect(),
            ),
        }
    }

    /// Compact JSON text as the service writes it: doubles and decimals keep a decimal point
    /// (`5.0`), decimals all their digits.
    #[must_use]
    pub fn to_json_string(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => {
                write!(out, "{value}").expect("a String takes all text");
            }
            Self::Float(value) if value.is_finite() => push_number(out, &float_text(*value)),
            Self::Float(value) => push_string(out, &float_text(*value)),
            Self::Decimal(value) => push_number(out, &value.to_string()),
            Self::String(text) => push_string(out, text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Object(object) => {
                out.push('{');
                for (index, (name, item)) in object.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    push_string(out, name);
                    out.push(':');
                    item.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

fn from_number(number: &Number) -> Value {
    if let Some(value) = number.as_i64() {
        return Value::Int(value);
    }
    if let Some(value) = number.as_u64() {
        return Value::Decimal(Decimal::from(value));
    }
    Value::Float(number.as_f64().unwrap_or(f64::NAN))
}

fn float_json(value: f64) -> Json {
    Number::from_f64(value).map_or_else(|| Json::String(float_text(value)), Json::Number)
}

fn decimal_json(value: &Decimal) -> Json {
    if value.scale() == 0 {
        if let Some(whole) = value.to_i64() {
            return Json::from(whole);
        }
        if let Some(whole) = value.to_u64() {
            return Json::from(whole);
        }
    }
    value.to_f64().map_or_else(|| Json::String(value.to_string()), float_json)
}

fn push_number(out: &mut String, text: &str) {
    out.push_str(text);
    if !text.contains(['.', 'E']) {
        out.push_str(".0");
    }
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes all text");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
