//! Lengths of time, as .NET's `TimeSpan` writes and reads them: `[-][d.]hh:mm:ss[.fffffff]`.

use std::fmt::Write as _;

use super::{DAY, HOUR, MINUTE, SECOND};
use crate::expression::culture::Culture;

/// The constant form of a number of ticks.
pub(in crate::expression) fn span_text(ticks: i64) -> String {
    let mut out = String::new();
    if ticks < 0 {
        out.push('-');
    }
    let ticks = ticks.unsigned_abs();
    let unit = |unit: i64| unit.unsigned_abs();
    let days = ticks / unit(DAY);
    if days > 0 {
        out.push_str(&format!("{days}."));
    }
    let (hours, minutes) = (ticks % unit(DAY) / unit(HOUR), ticks % unit(HOUR) / unit(MINUTE));
    out.push_str(&format!("{hours:02}:{minutes:02}:{:02}", ticks % unit(MINUTE) / unit(SECOND)));
    let fraction = ticks % unit(SECOND);
    if fraction > 0 {
        out.push_str(&format!(".{fraction:07}"));
    }
    out
}

/// Reads `[-]d`, `[-][d.]hh:mm[:ss[.fffffff]]`.
pub(in crate::expression) fn parse_span(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let number = |text: &str, bound: i64| {
        let digits =
            !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<i64>().ok().filter(|value| *value < bound) } else { None }
    };
    let Some((first, rest)) = text.split_once(':') else {
        return number(text, 10_675_199).map(|days| sign * days * DAY);
    };
    let (days, hours) = match first.split_once('.') {
        Some((days, hours)) => (number(days, 10_675_199)?, hours),
        None => (0, first),
    };
    let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "0"));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if fraction.len() > 7 {
        return None;
    }
    let fraction = number(&format!("{fraction:0<7}"), SECOND)?;
    let ticks = days * DAY + number(hours, 24)? * HOUR + number(minutes, 60)? * MINUTE;
    Some(sign * (ticks + number(seconds, 60)? * SECOND + fraction))
}

/// Formats a number of ticks by a standard (`c`, `g`, `G`) or custom format.
pub(in crate::expression) fn format_span(
    ticks: i64,
    format: &str,
    culture: &Culture,
) -> Option<String> {
    let sign = if ticks < 0 { "-" } else { "" };
    let size = ticks.unsigned_abs();
    let part = |unit: i64, of: i64| size % of.unsigned_abs() / unit.unsigned_abs();
    let days = size / DAY.unsigned_abs();
    let (hours, minutes, seconds) = (part(HOUR, DAY), part(MINUTE, HOUR), part(SECOND, MINUTE));
    let fraction = format!("{:07}", part(1, SECOND));
    match format {
        "" | "c" | "t" | "T" => return Some(span_text(ticks)),
        "g" => {
            let days = if days > 0 { format!("{days}:") } else { String::new() };
            let trimmed = fraction.trim_end_matches('0');
            let fraction = if trimmed.is_empty() {
                String::new()
            } else {
                format!("{}{trimmed}", culture.decimal)
            };
            return Some(format!("{sign}{days}{hours}:{minutes:02}:{seconds:02}{fraction}"));
        }
        "G" => {
            let point = culture.decimal;
            return Some(format!(
                "{sign}{days}:{hours:02}:{minutes:02}:{seconds:02}{point}{fraction}"
            ));
        }
        _ => {}
    }
    let mut out = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        let mut used = run;
        match first {
            'd' if run <= 8 => write!(out, "{days:0run$}").ok()?,
            'h' if run <= 2 => write!(out, "{hours:0run$}").ok()?,
            'm' if run <= 2 => write!(out, "{minutes:0run$}").ok()?,
            's' if run <= 2 => write!(out, "{seconds:0run$}").ok()?,
            'f' if run <= 7 => out.push_str(&fraction[..run]),
            'F' if run <= 7 => out.push_str(fraction[..run].trim_end_matches('0')),
            '\\' => {
                let c = rest[1..].chars().next()?;
                out.push(c);
                used = 1 + c.len_utf8();
            }
            '\'' | '"' => {
                let end = rest[1..].find(first)?;
                out.push_str(&rest[1..=end]);
                used = end + 2;
            }
            '%' => used = 1,
            _ => return None,
        }
        rest = &rest[used..];
    }
    Some(out)
}
