//! Times as text, in .NET's standard and custom format strings.

use std::fmt::Write as _;

use super::{HOUR, MINUTE, Moment, SECOND};
use crate::expression::culture::Culture;

/// Formats a time. A single letter is a standard format.
///
/// # Errors
/// The text that follows the name of the function, if the format is not valid.
pub(in crate::expression) fn format(
    moment: Moment,
    format: &str,
    culture: &Culture,
) -> Result<String, String> {
    let invalid = || format!("was invoked with the format string '{format}', which is not valid.");
    let mut chars = format.chars();
    let pattern = match (chars.next(), chars.next()) {
        (None, _) => "O".to_owned(),
        (Some(letter), None) => letter.to_string(),
        _ => return custom(moment, format, culture).ok_or_else(invalid),
    };
    let (pattern, culture) = match pattern.as_str() {
        "o" | "O" => ("yyyy-MM-ddTHH:mm:ss.fffffffK".to_owned(), &Culture::INVARIANT),
        "r" | "R" => ("ddd, dd MMM yyyy HH:mm:ss 'GMT'".to_owned(), &Culture::INVARIANT),
        "s" => ("yyyy-MM-ddTHH:mm:ss".to_owned(), &Culture::INVARIANT),
        "u" => ("yyyy-MM-dd HH:mm:ss'Z'".to_owned(), &Culture::INVARIANT),
        letter => (standard(letter, culture).ok_or_else(invalid)?, culture),
    };
    custom(moment, &pattern, culture).ok_or_else(invalid)
}

/// The pattern of a standard format that depends on the culture.
fn standard(letter: &str, culture: &Culture) -> Option<String> {
    let joined = |date: &str, time: &str| format!("{date} {time}");
    Some(match letter {
        "d" => culture.short_date.to_owned(),
        "D" => culture.long_date.to_owned(),
        "t" => culture.short_time.to_owned(),
        "T" => culture.long_time.to_owned(),
        "f" => joined(culture.long_date, culture.short_time),
        "F" | "U" => joined(culture.long_date, culture.long_time),
        "g" => joined(culture.short_date, culture.short_time),
        "G" => joined(culture.short_date, culture.long_time),
        "m" | "M" => culture.month_day.to_owned(),
        "y" | "Y" => culture.year_month.to_owned(),
        _ => return None,
    })
}

fn custom(moment: Moment, pattern: &str, culture: &Culture) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        let mut used = run;
        match first {
            'd' | 'f' | 'F' | 'g' | 'h' | 'H' | 'K' | 'm' | 'M' | 's' | 't' | 'y' | 'z' => {
                field(&mut out, moment, first, run, culture)?;
            }
            ':' => {
                used = 1;
                out.push_str(culture.time_separator);
            }
            '/' => {
                used = 1;
                out.push_str(culture.date_separator);
            }
            '\\' => {
                let c = rest[1..].chars().next()?;
                used = 1 + c.len_utf8();
                out.push(c);
            }
            '\'' | '"' => {
                let end = rest[1..].find(first)?;
                out.push_str(&rest[1..=end]);
                used = end + 2;
            }
            '%' => {
                // Makes a custom format of a single letter.
                used = 1;
                if rest[1..].is_empty() || rest[1..].starts_with('%') {
                    return None;
                }
            }
            c => {
                used = c.len_utf8();
                out.push(c);
            }
        }
        rest = &rest[used..];
    }
    Some(out)
}

fn field(
    out: &mut String,
    moment: Moment,
    letter: char,
    count: usize,
    culture: &Culture,
) -> Option<()> {
    let date = moment.date();
    let time = moment.time();
    let month = usize::try_from(date.month - 1).ok()?;
    let hour = time / HOUR;
    let mut number = |value: i64, width: usize| write!(out, "{value:0width$}").ok();
    match (letter, count) {
        ('d', 1 | 2) => number(date.day, count)?,
        ('d', 3) => out.push_str(culture.short_days[moment.weekday()]),
        ('d', _) => out.push_str(culture.days[moment.weekday()]),
        ('M', 1 | 2) => number(date.month, count)?,
        ('M', 3) => out.push_str(culture.short_months[month]),
        ('M', _) => out.push_str(culture.months[month]),
        ('y', 1 | 2) => number(date.year % 100, count)?,
        ('y', _) => number(date.year, count)?,
        ('h', _) => number(if hour % 12 == 0 { 12 } else { hour % 12 }, count.min(2))?,
        ('H', _) => number(hour, count.min(2))?,
        ('m', _) => number(time % HOUR / MINUTE, count.min(2))?,
        ('s', _) => number(time % MINUTE / SECOND, count.min(2))?,
        ('f' | 'F', 1..=7) => fraction(out, time % SECOND, letter, count),
        ('f' | 'F', _) => return None,
        ('t', _) => {
            let name = if hour < 12 { culture.am } else { culture.pm };
            match count {
                1 => out.extend(name.chars().next()),
                _ => out.push_str(name),
            }
        }
        ('g', _) => out.push_str("A.D."),
        ('K', _) => {
            if moment.utc {
                out.push_str(&"Z".repeat(count));
            }
        }
        // The service runs in UTC.
        ('z', 1) => out.push_str("+0"),
        ('z', 2) => out.push_str("+00"),
        ('z', _) => out.push_str("+00:00"),
        _ => return None,
    }
    Some(())
}

fn fraction(out: &mut String, ticks: i64, letter: char, count: usize) {
    let digits = format!("{ticks:07}");
    let digits = &digits[..count];
    if letter == 'f' {
        out.push_str(digits);
        return;
    }
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        // The point before an absent fraction goes too.
        if out.ends_with('.') {
            out.pop();
        }
        return;
    }
    out.push_str(digits);
}
