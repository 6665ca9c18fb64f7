//! Values of the workflow definition language.
//!
//! The language keeps three kinds of numbers apart (64-bit integer, double, decimal), which
//! `serde_json::Value` can not; and values travel between actions, so containers are shared.

mod binary;
mod json;
mod object;
mod text;

use std::sync::Arc;

use rust_decimal::Decimal;

pub use binary::Binary;
pub(crate) use binary::{decode_base64, decode_charset};
pub use json::JsonError;
pub use object::Object;
pub(crate) use object::names_equal;
pub(crate) use text::float_text;

/// How deeply arrays and objects may be nested in a value that an expression builds or that is
/// read from JSON.
pub const MAX_DEPTH: usize = 128;

/// A value: what an expression gives and what the inputs and outputs of actions are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Int(i64),
    /// A double; may be infinite or no number.
    Float(f64),
    /// A decimal with up to 28 digits, from `decimal()`.
    Decimal(Decimal),
    /// Text.
    String(Arc<str>),
    /// An array.
    Array(Arc<Vec<Value>>),
    /// An object; binary content is an object too, see [`Binary`].
    Object(Arc<Object>),
}

impl Value {
    /// A string value.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// An array value.
    #[must_use]
    pub fn array(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(items))
    }

    /// An object value.
    #[must_use]
    pub fn object(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is an integer.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The items, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The object, if it is one.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A property of an object by name (exact, else without regard to case); `None` if this is
    /// no object or has no such property.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// The name of the type as error texts of the service spell it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::Bool(_) => "Boolean",
            Self::Int(_) => "Integer",
            Self::Float(_) | Self::Decimal(_) => "Float",
            Self::String(_) => "String",
            Self::Array(_) => "Array",
            Self::Object(_) => "Object",
        }
    }

    /// Whether the value nests at most `limit` containers in each other.
    #[must_use]
    pub fn depth_within(&self, limit: usize) -> bool {
        match self {
            Self::Array(items) => {
                limit > 0 && items.iter().all(|item| item.depth_within(limit - 1))
            }
            Self::Object(object) => {
                limit > 0 && object.iter().all(|(_, item)| item.depth_within(limit - 1))
            }
            _ => true,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::array(items)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::object(object)
    }
}

#[cfg(test)]
mod tests;
