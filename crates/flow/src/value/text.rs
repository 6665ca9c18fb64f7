//! The text of a value inside a string, as `@{…}`, `concat` and `string` give it.

use std::borrow::Cow;

use super::{Binary, Value};

impl Value {
    /// The text that interpolation writes: nothing for null, `True` and `False`, shortest form of
    /// a double, decoded binary content, compact JSON of arrays and objects.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(true) => Cow::Borrowed("True"),
            Self::Bool(false) => Cow::Borrowed("False"),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Float(value) => Cow::Owned(float_text(*value)),
            Self::Decimal(value) => Cow::Owned(value.to_string()),
            Self::String(text) => Cow::Borrowed(text),
            Self::Array(_) => Cow::Owned(self.to_json_string()),
            Self::Object(_) => Cow::Owned(match Binary::of(self) {
                Some(binary) => binary.text(),
                None => self.to_json_string(),
            }),
        }
    }
}

/// The shortest text that reads back as the same double, in .NET's spelling: an exponent from
/// 1E+15 up and below 1E-05, with a sign and at least two digits.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) =
        scientific.split_once('e').expect("the format always has an exponent");
    let exponent: i32 = exponent.parse().expect("the format writes a whole exponent");
    if (-4..15).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.unsigned_abs())
}
