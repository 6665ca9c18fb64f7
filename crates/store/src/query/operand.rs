//! Typing: what a literal means to a column.
use super::expr::{Compare, Literal};
use super::table::{Class, ColumnDef, Kind};
use super::{Cell, QueryError};
use crate::db::Param;
use connref_solution::model::id::is_guid;

/// A literal as a column sees it.
pub(super) enum Coerced {
    /// Null.
    Null,
    /// A value to compare with, and the comparison that then means the same.
    Value(Param<'static>, Compare),
    /// No value of the column is equal to it.
    Nothing,
}

/// Fits a literal to a column, or says why it does not compare.
pub(super) fn coerce(
    column: &ColumnDef,
    by: Compare,
    literal: &Literal,
) -> Result<Coerced, QueryError> {
    let value = match (column.kind.class(), literal) {
        (_, Literal::Null) => return Ok(Coerced::Null),
        (Class::Text, Literal::Text(text)) if matches!(column.kind, Kind::Choices(_)) => {
            match choices(text) {
                Some(numbers) => written(&numbers).into(),
                None => return Ok(Coerced::Nothing),
            }
        }
        (Class::Text, Literal::Text(text) | Literal::Guid(text)) => fold(column, text).into(),
        (Class::Guid, Literal::Text(text) | Literal::Guid(text)) if is_guid(text) => {
            text.trim_matches(['{', '}']).to_ascii_lowercase().into()
        }
        (Class::Number, Literal::Int(number)) if column.kind.places() > 0 => {
            match number.checked_mul(10_i64.pow(u32::from(column.kind.places()))) {
                Some(steps) => Param::Int(steps),
                None => {
                    #[expect(clippy::cast_precision_loss, reason = "it is beyond every row anyway")]
                    let beyond = *number as f64 * 10_f64.powi(column.kind.places().into());
                    return Ok(fraction(beyond, by));
                }
            }
        }
        (Class::Number, Literal::Int(number)) => Param::Int(*number),
        (Class::Number, Literal::Float(number)) => {
            return Ok(fraction(steps(*number, column.kind.places()), by));
        }
        (Class::Flag, Literal::Flag(flag)) => (*flag).into(),
        (Class::Flag, Literal::Int(number @ (0 | 1))) => Param::Int(*number),
        (Class::Time, Literal::Time(at)) => Param::Int(*at),
        _ => return Err(mismatch(column, describe(literal))),
    };
    Ok(Coerced::Value(value, by))
}

/// The numbers of a choice of several, in order and each once.
pub fn choices(text: &str) -> Option<Vec<i64>> {
    let mut numbers =
        text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<i64>>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

/// A choice of several as it is kept.
pub fn written(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

/// Text in the form in which the column compares.
pub(super) fn fold(column: &ColumnDef, text: &str) -> String {
    // Key columns were folded in Rust; the rest is folded by `lower`, which knows ASCII only.
    if column.folded.is_some() { text.to_lowercase() } else { text.to_ascii_lowercase() }
}

/// A number in the steps of a column. What is off by the error of floating point is meant whole.
fn steps(number: f64, places: u8) -> f64 {
    if places == 0 {
        return number;
    }
    let steps = number * 10_f64.powi(places.into());
    let near = (steps - steps.round()).abs() <= steps.abs().max(1.0) * 1e-12;
    if near { steps.round() } else { steps }
}

/// Columns hold whole numbers: a comparison with a fraction becomes one with its neighbour.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is meant")]
fn fraction(number: f64, by: Compare) -> Coerced {
    if number.is_nan() || (number.fract() != 0.0 && matches!(by, Compare::Eq | Compare::Ne)) {
        return Coerced::Nothing;
    }
    let whole = match by {
        Compare::Gt | Compare::Le => number.floor(),
        _ => number.ceil(),
    };
    Coerced::Value(Param::Int(whole as i64), by)
}

pub(super) fn mismatch(column: &ColumnDef, found: impl Into<String>) -> QueryError {
    QueryError::Mismatch {
        column: column.name.to_owned(),
        kind: column.kind.edm(),
        found: found.into(),
    }
}

fn describe(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Text(text) => format!("the text `{}`", shorten(text)),
        Literal::Int(number) => format!("the number {number}"),
        Literal::Float(number) => format!("the number {number}"),
        Literal::Flag(flag) => format!("`{flag}`"),
        Literal::Guid(guid) => format!("the GUID `{guid}`"),
        Literal::Time(_) => "a moment".to_owned(),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 40 {
        text.to_owned()
    } else {
        text.chars().take(40).collect::<String>() + "…"
    }
}

/// A cursor's value for a column, if it can be one.
pub(super) fn from_cursor(column: &ColumnDef, cell: &Cell) -> Result<Param<'static>, QueryError> {
    match (column.kind.class(), cell) {
        (_, Cell::Null) => Ok(Param::Null),
        (Class::Text | Class::Guid, Cell::Text(text)) => Ok(text.clone().into()),
        (Class::Number | Class::Flag | Class::Time, Cell::Int(number)) => Ok(Param::Int(*number)),
        _ => Err(QueryError::Cursor),
    }
}
