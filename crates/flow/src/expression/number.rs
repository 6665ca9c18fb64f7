//! The three kinds of numbers: reading them from text as .NET does, comparing, promoting.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};

use super::culture::Culture;
use crate::value::{Value, float_text};

/// Two numbers of the same kind: the wider kind of the two, integer < double < decimal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pair {
    Ints(i64, i64),
    Floats(f64, f64),
    Decimals(Decimal, Decimal),
}

/// Brings two numbers to the wider kind; `None` if one is no number or does not fit.
pub(super) fn pair(a: &Value, b: &Value) -> Option<Pair> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(Pair::Ints(*a, *b)),
        (Value::Decimal(_), _) | (_, Value::Decimal(_)) => {
            Some(Pair::Decimals(decimal(a)?, decimal(b)?))
        }
        _ => Some(Pair::Floats(float(a)?, float(b)?)),
    }
}

impl Pair {
    pub(super) fn compare(self) -> Option<Ordering> {
        match self {
            Self::Ints(a, b) => Some(a.cmp(&b)),
            Self::Floats(a, b) => a.partial_cmp(&b),
            Self::Decimals(a, b) => Some(a.cmp(&b)),
        }
    }
}

/// A number as a double.
#[expect(clippy::cast_precision_loss, reason = "promotion to a double rounds, as in the service")]
pub(super) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        Value::Decimal(value) => value.to_string().parse().ok(),
        _ => None,
    }
}

/// A number as a decimal.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(value) => Some(Decimal::from(*value)),
        Value::Float(value) => decimal_of_float(*value),
        Value::Decimal(value) => Some(*value),
        _ => None,
    }
}

fn decimal_of_float(value: f64) -> Option<Decimal> {
    if value == 0.0 {
        return Some(Decimal::ZERO);
    }
    let text = float_text(value);
    let exact = match text.contains('E') {
        true => Decimal::from_scientific(&text).ok(),
        false => text.parse().ok(),
    };
    exact.or_else(|| Decimal::from_f64(value)).map(|decimal| decimal.normalize())
}

/// A number without a fraction as an integer.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(*value),
        Value::Float(value) => whole_float(*value),
        Value::Decimal(value) => value.fract().is_zero().then(|| value.to_i64())?,
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn whole_float(value: f64) -> Option<i64> {
    // Both bounds are exact doubles; the upper one is the first that does not fit.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (fits && value.fract() == 0.0).then_some(value as i64)
}

/// Reads an integer from text as `int()` does: through a double, so large ones lose digits.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    let value = parse_float(text, &Culture::US)?;
    // Recorded from the service: no number is converted like the processor does it.
    if value.is_nan() { Some(i64::MIN) } else { whole_float(value) }
}

/// Reads a double from text in a culture: white space, sign before or after, thousands
/// separators anywhere before the point, an exponent.
pub(super) fn parse_float(text: &str, culture: &Culture) -> Option<f64> {
    if text.trim().eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let infinity = text.trim();
    let (negative, name) = match infinity.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, infinity.strip_prefix('+').unwrap_or(infinity)),
    };
    let known = if culture.name.is_empty() { "infinity" } else { "∞" };
    if name.to_lowercase() == known {
        return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    plain(text, culture, true)?.parse().ok()
}

/// Reads a decimal from text; no exponent.
pub(super) fn parse_decimal(text: &str, culture: &Culture) -> Option<Decimal> {
    let plain = plain(text, culture, false)?;
    // `Decimal` would read more digits than it holds by rounding the fraction, as .NET does.
    plain.parse().ok()
}

/// The number in text in the plain form that Rust reads; `None` if it is none.
fn plain(text: &str, culture: &Culture, exponent: bool) -> Option<String> {
    let text = text.trim_matches(|c: char| c == ' ' || ('\t'..='\r').contains(&c));
    let (before, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.chars().next(), rest.trim_start()),
        None => (None, text),
    };
    let (sign, body) = match rest.strip_suffix(['+', '-']) {
        Some(_) if before.is_some() => return None,
        Some(body) => (rest.chars().next_back(), body.trim_end()),
        None => (before, rest),
    };
    let (mantissa, power) = match body.find(['e', 'E']).filter(|_| exponent) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (whole, fraction) = match mantissa.split_once(culture.decimal) {
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    let whole = whole.replace(culture.group, "");
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let shape = digits(&whole) && digits(fraction) && whole.len() + fraction.len() > 0;
    let starts =
        mantissa.starts_with(|c: char| c.is_ascii_digit()) || mantissa.starts_with(culture.decimal);
    if !shape || !starts {
        return None;
    }
    let mut out = String::new();
    if sign == Some('-') {
        out.push('-');
    }
    out.push_str(if whole.is_empty() { "0" } else { &whole });
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    if let Some(power) = power {
        let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
        if unsigned.is_empty() || !digits(unsigned) {
            return None;
        }
        out.push('e');
        out.push_str(power);
    }
    Some(out)
}
