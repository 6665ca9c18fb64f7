//! Logical functions: comparing, and, or, not, if.

use std::cmp::Ordering;

use super::super::culture::Culture;
use super::super::number;
use super::{ANY, Call, Function, Lazy, Result, lazy, strict};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    lazy("if", 3, 3, Lazy::If),
    lazy("and", 1, ANY, Lazy::And),
    lazy("or", 1, ANY, Lazy::Or),
    strict("not", 1, 1, not),
    strict("equals", 2, 2, |call| Ok(Value::Bool(equal(call.argument(0), call.argument(1))))),
    strict("less", 2, 2, |call| compare(call, &[Ordering::Less])),
    strict("lessOrEquals", 2, 2, |call| compare(call, &[Ordering::Less, Ordering::Equal])),
    strict("greater", 2, 2, |call| compare(call, &[Ordering::Greater])),
    strict("greaterOrEquals", 2, 2, |call| compare(call, &[Ordering::Greater, Ordering::Equal])),
    strict("isInt", 1, 1, |call| Ok(Value::Bool(is_int(call.text(0)?)))),
    strict("isFloat", 1, 2, is_float),
];

fn not(call: &Call<'_>) -> Result {
    let value = call.argument(0).as_bool().ok_or_else(|| call.wrong(0, "be a boolean"))?;
    Ok(Value::Bool(!value))
}

/// Whether two values are equal: numbers by value whatever their kind, strings to the letter, a
/// boolean also with its text, arrays and objects by what they hold.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    if let Some(pair) = number::pair(a, b) {
        return pair.compare() == Some(Ordering::Equal);
    }
    match (a, b) {
        (Value::Bool(_), Value::String(text)) => a.to_text() == **text,
        (Value::String(text), Value::Bool(_)) => b.to_text() == **text,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&str, &Value)| b.get_exact(name).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

fn compare(call: &Call<'_>, wanted: &[Ordering]) -> Result {
    let (a, b) = (call.argument(0), call.argument(1));
    let order = match number::pair(a, b) {
        Some(pair) => pair.compare(),
        None => match (a, b) {
            (Value::String(a), Value::String(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => {
                return Err(call.error(format_args!(
                    "expects two parameters of matching types. The function was invoked with values of type '{}' and '{}' that do not match.",
                    a.type_name(),
                    b.type_name()
                )));
            }
        },
    };
    Ok(Value::Bool(order.is_some_and(|order| wanted.contains(&order))))
}

/// Digits with an optional sign and white space around, within 64 bits.
fn is_int(text: &str) -> bool {
    text.trim().parse::<i64>().is_ok()
}

fn is_float(call: &Call<'_>) -> Result {
    let text = call.text(0)?;
    let culture = Culture::named(call.optional_text(1)?).map_err(|problem| call.error(problem))?;
    Ok(Value::Bool(number::parse_float(text, culture).is_some()))
}
