//! Numbers as text in .NET's format strings, standard (`C2`, `N0`, `P`) and custom (`#,##0.00`).

mod custom;

use custom::custom;

use super::culture::Culture;
use super::number;
use crate::value::{Value, float_text};

/// More digits than this are not asked for in earnest.
const MAX_PRECISION: usize = 999;

/// The exact decimal digits of a number without its sign.
#[derive(Clone)]
struct Digits {
    negative: bool,
    /// Without leading zeros; empty for numbers below one.
    whole: String,
    fraction: String,
}

impl Digits {
    fn of(value: &Value) -> Option<Self> {
        let text = match value {
            Value::Int(value) => value.to_string(),
            Value::Decimal(value) => value.to_string(),
            // All digits of the double, so that rounding sees what it really is.
            Value::Float(value) if value.is_finite() => format!("{value:.1074}"),
            _ => return None,
        };
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        Some(Self {
            negative,
            whole: whole.trim_start_matches('0').to_owned(),
            fraction: fraction.trim_end_matches('0').to_owned(),
        })
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.bytes().all(|digit| digit == b'0')
    }

    /// Moves the point to the right, or to the left for a negative distance.
    fn shifted(mut self, distance: i32) -> Self {
        for _ in 0..distance.unsigned_abs() {
            if distance > 0 {
                let moved = if self.fraction.is_empty() { '0' } else { self.fraction.remove(0) };
                self.whole.push(moved);
            } else {
                self.fraction.insert(0, self.whole.pop().unwrap_or('0'));
            }
        }
        self.whole = self.whole.trim_start_matches('0').to_owned();
        self
    }

    /// Rounds to so many digits after the point, halves away from zero, and fills with zeros.
    fn rounded(mut self, places: usize) -> Self {
        let up = self.fraction.as_bytes().get(places).is_some_and(|digit| *digit >= b'5');
        self.fraction.truncate(places);
        while self.fraction.len() < places {
            self.fraction.push('0');
        }
        if up {
            let mut digits = format!("0{}{}", self.whole, self.fraction).into_bytes();
            for digit in digits.iter_mut().rev() {
                if *digit == b'9' {
                    *digit = b'0';
                } else {
                    *digit += 1;
                    break;
                }
            }
            let all = String::from_utf8(digits).expect("digits are ASCII");
            let (whole, fraction) = all.split_at(all.len() - places);
            self.whole = whole.trim_start_matches('0').to_owned();
            self.fraction = fraction.to_owned();
        }
        if self.is_zero() {
            self.negative = false;
        }
        self
    }

    fn plain(&self, culture: &Culture, grouped: bool) -> String {
        let mut out = String::new();
        let whole = if self.whole.is_empty() { "0" } else { &self.whole };
        for (index, digit) in whole.chars().enumerate() {
            if grouped && index > 0 && (whole.len() - index).is_multiple_of(3) {
                out.push_str(culture.group);
            }
            out.push(digit);
        }
        if !self.fraction.is_empty() {
            out.push_str(culture.decimal);
            out.push_str(&self.fraction);
        }
        out
    }

    /// The power of ten of the first digit.
    fn exponent(&self) -> i32 {
        if !self.whole.is_empty() {
            return i32::try_from(self.whole.len()).unwrap_or(i32::MAX) - 1;
        }
        let zeros = self.fraction.len() - self.fraction.trim_start_matches('0').len();
        if zeros == self.fraction.len() { 0 } else { -1 - i32::try_from(zeros).unwrap_or(i32::MAX) }
    }
}

/// Formats a number.
///
/// # Errors
/// The text that follows the name of the function.
pub(super) fn format(value: &Value, format: &str, culture: &Culture) -> Result<String, String> {
    let Some(digits) = Digits::of(value) else {
        return match value {
            Value::Float(value) => Ok(float_text(*value)),
            _ => Err("expects its first parameter to be a number.".to_owned()),
        };
    };
    let mut chars = format.chars();
    if let Some(letter) = chars.next().filter(char::is_ascii_alphabetic) {
        let rest = chars.as_str();
        if rest.bytes().all(|byte| byte.is_ascii_digit()) {
            let precision =
                if rest.is_empty() { None } else { Some(rest.parse().unwrap_or(usize::MAX)) };
            if precision.is_some_and(|precision| precision > MAX_PRECISION) {
                return Err(format!(
                    "does not know the format '{format}': its precision is too large."
                ));
            }
            return standard(value, digits, letter, precision, culture).ok_or_else(|| {
                format!(
                    "was invoked with the format '{format}', which is not valid for this number."
                )
            });
        }
    }
    if format.is_empty() {
        return standard(value, digits, 'G', None, culture).ok_or_else(String::new);
    }
    Ok(custom(&digits, format, culture))
}

fn standard(
    value: &Value,
    digits: Digits,
    letter: char,
    precision: Option<usize>,
    culture: &Culture,
) -> Option<String> {
    let signed = |negative: bool, text: String| if negative { format!("-{text}") } else { text };
    Some(match letter.to_ascii_uppercase() {
        'C' => {
            let digits = digits.rounded(precision.unwrap_or(2));
            let number = digits.plain(culture, true);
            signed(
                digits.negative,
                culture.amount.replace('n', &number).replace('$', culture.currency),
            )
        }
        'N' | 'F' => {
            let digits = digits.rounded(precision.unwrap_or(2));
            let grouped = letter.eq_ignore_ascii_case(&'N');
            signed(digits.negative, digits.plain(culture, grouped))
        }
        'P' => {
            let digits = digits.shifted(2).rounded(precision.unwrap_or(2));
            signed(digits.negative, culture.percent.replace('n', &digits.plain(culture, true)))
        }
        'D' => {
            let whole = number::whole(value)?.unsigned_abs();
            signed(digits.negative, format!("{whole:0width$}", width = precision.unwrap_or(1)))
        }
        'X' => {
            let (whole, width) = (number::whole(value)?, precision.unwrap_or(1));
            if letter == 'X' { format!("{whole:0width$X}") } else { format!("{whole:0width$x}") }
        }
        'E' => {
            let text = exponential(digits.clone(), precision.unwrap_or(6), letter, culture);
            signed(digits.negative, text)
        }
        'G' | 'R' => {
            let text = match (value, precision) {
                (_, None | Some(0)) => value.to_text().into_owned(),
                (_, Some(precision)) => significant(digits, precision, letter),
            };
            text.replace('.', culture.decimal)
        }
        _ => return None,
    })
}

fn exponential(digits: Digits, places: usize, letter: char, culture: &Culture) -> String {
    let mut exponent = digits.exponent();
    let mut scaled = digits.clone().shifted(-exponent).rounded(places);
    if scaled.whole.len() > 1 {
        exponent += 1;
        scaled = digits.shifted(-exponent).rounded(places);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}{letter}{sign}{:03}", scaled.plain(culture, false), exponent.unsigned_abs())
}

/// `G` with a number of significant digits.
fn significant(digits: Digits, precision: usize, letter: char) -> String {
    let exponent = digits.exponent();
    let bound = i32::try_from(precision).unwrap_or(i32::MAX);
    let invariant = &Culture::INVARIANT;
    let trimmed = |mut digits: Digits| {
        digits.fraction = digits.fraction.trim_end_matches('0').to_owned();
        let sign = if digits.negative { "-" } else { "" };
        format!("{sign}{}", digits.plain(invariant, false))
    };
    if exponent < bound && exponent > -5 {
        let places = usize::try_from(bound - 1 - exponent).unwrap_or(0);
        return trimmed(digits.rounded(places));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let e = if letter.is_ascii_lowercase() { 'e' } else { 'E' };
    let mantissa = trimmed(digits.shifted(-exponent).rounded(precision - 1));
    format!("{mantissa}{e}{sign}{:02}", exponent.unsigned_abs())
}
