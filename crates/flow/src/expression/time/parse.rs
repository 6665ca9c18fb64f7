//! Reading times from text: freely, as .NET's `DateTime.Parse` does, and by a format string.

use super::{DAY, Date, HOUR, MINUTE, Moment, SECOND};
use crate::expression::culture::{Culture, DateOrder};
use crate::value::names_equal;

/// Longer text is no date.
const MAX_LENGTH: usize = 128;

/// Reads a time from text: ISO 8601, dates in the culture's order, names of months, RFC 1123.
/// An offset is applied, the result is then UTC.
pub(in crate::expression) fn parse(text: &str, culture: &Culture) -> Option<Moment> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let mut parts = Parts::default();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '0'..='9' => parts.number(rest, culture)?,
            '+' | '-' if parts.time.is_some() => parts.offset(rest)?,
            '/' | '-' | '.' | ',' | ' ' | '\t' => &rest[1..],
            c if c.is_alphabetic() => parts.word(rest, culture)?,
            _ => return None,
        };
    }
    parts.finish(culture)
}

#[derive(Default)]
struct Parts<'a> {
    /// Numbers of the date, in the order in which they stand.
    numbers: Vec<&'a str>,
    month: Option<i64>,
    weekday: Option<usize>,
    time: Option<i64>,
    afternoon: Option<bool>,
    /// Ticks ahead of UTC.
    offset: Option<i64>,
}

/// The digits that a text begins with, and what follows.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn value(digits: &str) -> Option<i64> {
    if digits.len() > 9 { None } else { digits.parse().ok() }
}

/// Ticks of the digits of a fraction of a second.
fn fraction(digits: &str) -> Option<i64> {
    let kept = &digits[..digits.len().min(7)];
    format!("{kept:0<7}").parse().ok()
}

impl<'a> Parts<'a> {
    fn number(&mut self, text: &'a str, culture: &Culture) -> Option<&'a str> {
        let (number, rest) = digits(text);
        if let Some(after) = rest.strip_prefix(':')
            && self.time.is_none()
        {
            return self.clock(number, after);
        }
        let after = rest.trim_start();
        let hour = [culture.am, culture.pm, "AM", "PM"].iter().any(|name| starts_with(after, name));
        if hour && self.time.is_none() && number.len() <= 2 && !self.numbers.is_empty() {
            self.time = Some(value(number)? * HOUR);
            return Some(rest);
        }
        if self.numbers.len() == 3 {
            return None;
        }
        self.numbers.push(number);
        Some(rest)
    }

    /// The clock time after its hour and the colon.
    fn clock(&mut self, hour: &str, text: &'a str) -> Option<&'a str> {
        let (minute, mut rest) = digits(text);
        let mut ticks = below(hour, 24)? * HOUR + below(minute, 60)? * MINUTE;
        if let Some(after) = rest.strip_prefix(':') {
            let (second, after) = digits(after);
            ticks += below(second, 60)? * SECOND;
            rest = after;
            if let Some(after) = rest.strip_prefix(['.', ',']) {
                let (digits, after) = digits(after);
                ticks += if digits.is_empty() { return None } else { fraction(digits)? };
                rest = after;
            }
        }
        self.time = Some(ticks);
        Some(rest)
    }

    fn offset(&mut self, text: &'a str) -> Option<&'a str> {
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let (hours, rest) = digits(&text[1..]);
        let (hours, minutes, rest) = match rest.strip_prefix(':') {
            Some(after) => {
                let (minutes, after) = digits(after);
                (hours, minutes, after)
            }
            None if hours.len() == 4 => (&hours[..2], &hours[2..], rest),
            None => (hours, "0", rest),
        };
        if self.offset.is_some() {
            return None;
        }
        self.offset = Some(sign * (below(hours, 15)? * HOUR + below(minutes, 60)? * MINUTE));
        Some(rest)
    }

    fn word(&mut self, text: &'a str, culture: &Culture) -> Option<&'a str> {
        for (name, afternoon) in
            [(culture.am, false), (culture.pm, true), ("AM", false), ("PM", true)]
        {
            if starts_with(text, name) && self.time.is_some() && self.afternoon.is_none() {
                self.afternoon = Some(afternoon);
                return Some(&text[name.len()..]);
            }
        }
        let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let rest_of_name = rest.strip_prefix('.').unwrap_or(rest);
        if names_equal(word, "T")
            && !self.numbers.is_empty()
            && rest.starts_with(|c: char| c.is_ascii_digit())
        {
            return Some(rest);
        }
        if ["Z", "GMT", "UTC"].iter().any(|name| names_equal(name, word)) {
            self.offset = self.offset.is_none().then_some(0);
            return self.offset.map(|_| rest);
        }
        let find = |full: &[&str], short: &[&str]| {
            full.iter().position(|name| names_equal(name, word)).or_else(|| {
                short.iter().position(|name| names_equal(name.trim_end_matches('.'), word))
            })
        };
        for culture in [culture, &Culture::INVARIANT] {
            if let Some(month) = find(&culture.months, &culture.short_months) {
                self.month = self.month.is_none().then_some(i64::try_from(month).ok()? + 1);
                return self.month.map(|_| rest_of_name);
            }
            if let Some(day) = find(&culture.days, &culture.short_days) {
                self.weekday = Some(day);
                return Some(rest_of_name);
            }
        }
        // Written between the parts of a date in Spanish, Portuguese and Danish.
        ["de", "den"].contains(&word).then_some(rest)
    }

    fn finish(self, culture: &Culture) -> Option<Moment> {
        let date = self.date(culture)?;
        let mut time = self.time.unwrap_or(0);
        if let Some(afternoon) = self.afternoon {
            let hour = time / HOUR;
            if !(1..=12).contains(&hour) {
                return None;
            }
            time = time - hour * HOUR + (hour % 12 + if afternoon { 12 } else { 0 }) * HOUR;
        }
        let moment = Moment { ticks: date.days() * DAY + time, utc: self.offset.is_some() };
        if self.weekday.is_some_and(|day| day != moment.weekday()) {
            return None;
        }
        moment.plus(-self.offset.unwrap_or(0))
    }

    fn date(&self, culture: &Culture) -> Option<Date> {
        let numbers = self.numbers.iter().map(|text| value(text)).collect::<Option<Vec<_>>>()?;
        let long = |index: usize| self.numbers[index].len() > 2;
        match (self.month, numbers.as_slice()) {
            (Some(month), [a, b]) if long(0) => Date::new(*a, month, *b),
            (Some(month), [a, b]) => Date::new(year(*b, self.numbers[1]), month, *a),
            (Some(month), [a]) if long(0) => Date::new(*a, month, 1),
            (None, [a, b]) if long(0) => Date::new(*a, *b, 1),
            (None, [a, b]) if long(1) => Date::new(*b, *a, 1),
            (None, [a, b, c]) if long(0) => Date::new(*a, *b, *c),
            (None, [a, b, c]) => match culture.order {
                DateOrder::YearMonth if !long(2) => Date::new(year(*a, self.numbers[0]), *b, *c),
                DateOrder::DayMonth => Date::new(year(*c, self.numbers[2]), *b, *a),
                _ => Date::new(year(*c, self.numbers[2]), *a, *b),
            },
            _ => None,
        }
    }
}

/// A year of two digits is in the century up to 2049.
fn year(value: i64, text: &str) -> i64 {
    match value {
        _ if text.len() > 2 => value,
        0..50 => 2000 + value,
        _ => 1900 + value,
    }
}

fn below(digits: &str, bound: i64) -> Option<i64> {
    if digits.is_empty() || digits.len() > 2 {
        return None;
    }
    value(digits).filter(|value| *value < bound)
}

/// Whether a text begins with a word, in any case, and the word ends there.
fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| names_equal(start, word))
        && !text[word.len()..].starts_with(char::is_alphabetic)
}

/// Reads a time by a .NET custom format string; what the format does not name is the start of
/// the year 1.
pub(in crate::expression) fn parse_exact(
    text: &str,
    format: &str,
    culture: &Culture,
) -> Option<Moment> {
    let mut read =
        Exact { rest: text, year: 1, month: 1, day: 1, time: 0, half: None, offset: None };
    let mut format = format;
    while let Some(first) = format.chars().next() {
        let run = format.len() - format.trim_start_matches(first).len();
        let mut used = run;
        match first {
            'd' | 'M' | 'y' | 'h' | 'H' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'K' => {
                read.field(first, run, culture)?;
            }
            '\\' => {
                let c = format[1..].chars().next()?;
                read.rest = read.rest.strip_prefix(c)?;
                used = 1 + c.len_utf8();
            }
            '\'' | '"' => {
                let end = format[1..].find(first)?;
                read.rest = read.rest.strip_prefix(&format[1..=end])?;
                used = end + 2;
            }
            '%' => used = 1,
            ':' | '/' => {
                used = 1;
                let sign =
                    if first == ':' { culture.time_separator } else { culture.date_separator };
                read.rest = read.rest.strip_prefix(sign)?;
            }
            c => {
                used = c.len_utf8();
                read.rest = read.rest.strip_prefix(c)?;
            }
        }
        format = &format[used..];
    }
    read.finish()
}

struct Exact<'a> {
    rest: &'a str,
    year: i64,
    month: i64,
    day: i64,
    time: i64,
    half: Option<bool>,
    offset: Option<i64>,
}

impl Exact<'_> {
    /// A number of so many digits; one letter of a format takes one or two.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let (all, _) = digits(self.rest);
        let taken = &all[..all.len().min(most)];
        self.rest = &self.rest[taken.len()..];
        if taken.len() < least { None } else { value(taken) }
    }

    fn name(&mut self, names: &[&str]) -> Option<usize> {
        let fits =
            |name: &&str| self.rest.get(..name.len()).is_some_and(|start| names_equal(start, name));
        let (index, name) = names
            .iter()
            .enumerate()
            .filter(|(_, name)| fits(name))
            .max_by_key(|(_, name)| name.len())?;
        self.rest = &self.rest[name.len()..];
        Some(index)
    }

    fn field(&mut self, letter: char, count: usize, culture: &Culture) -> Option<()> {
        let least = count.min(2);
        match (letter, count) {
            ('d', 1 | 2) => self.day = self.digits(least, 2)?,
            ('d', 3) => _ = self.name(&culture.short_days)?,
            ('d', _) => _ = self.name(&culture.days)?,
            ('M', 1 | 2) => self.month = self.digits(least, 2)?,
            ('M', 3) => self.month = i64::try_from(self.name(&culture.short_months)?).ok()? + 1,
            ('M', _) => self.month = i64::try_from(self.name(&culture.months)?).ok()? + 1,
            ('y', 1 | 2) => self.year = year(self.digits(least, 2)?, "00"),
            ('y', _) => self.year = self.digits(count, count.max(4))?,
            ('h' | 'H', _) => self.time += self.digits(least, 2).filter(|hour| *hour < 24)? * HOUR,
            ('m', _) => self.time += self.digits(least, 2).filter(|minute| *minute < 60)? * MINUTE,
            ('s', _) => self.time += self.digits(least, 2).filter(|second| *second < 60)? * SECOND,
            ('f' | 'F', 1..=7) => {
                let (all, _) = digits(self.rest);
                let taken = &all[..all.len().min(count)];
                if letter == 'f' && taken.len() < count {
                    return None;
                }
                self.rest = &self.rest[taken.len()..];
                self.time += fraction(taken)?;
            }
            ('t', 1) => {
                let first =
                    |name: &'static str| &name[..name.chars().next().map_or(0, char::len_utf8)];
                self.half = Some(self.name(&[first(culture.am), first(culture.pm)])? == 1);
            }
            ('t', _) => self.half = Some(self.name(&[culture.am, culture.pm])? == 1),
            ('K', _) if self.rest.is_empty() => {}
            ('K' | 'z', _) => {
                if let Some(rest) = self.rest.strip_prefix('Z').filter(|_| letter == 'K') {
                    self.offset = Some(0);
                    self.rest = rest;
                    return Some(());
                }
                if !self.rest.starts_with(['+', '-']) {
                    return None;
                }
                let mut parts = Parts::default();
                self.rest = parts.offset(self.rest)?;
                self.offset = parts.offset;
            }
            _ => return None,
        }
        Some(())
    }

    fn finish(self) -> Option<Moment> {
        if !self.rest.is_empty() {
            return None;
        }
        let mut time = self.time;
        if let Some(afternoon) = self.half {
            let hour = time / HOUR;
            time += (hour % 12 - hour + if afternoon { 12 } else { 0 }) * HOUR;
        }
        let date = Date::new(self.year, self.month, self.day)?;
        let moment = Moment { ticks: date.days() * DAY + time, utc: self.offset.is_some() };
        moment.plus(-self.offset.unwrap_or(0))
    }
}
