//! The times that operators on dates name, relative to now or not: one calendar behind `$filter` and
//! FetchXML. Everything is UTC; a week begins on Sunday; the fiscal year is the calendar's, in
//! quarters, as a new organisation of the vendor has it.
use jiff::civil::{Date, Time, date};
use jiff::tz::TimeZone;
use jiff::{Span as Step, Timestamp};

/// From a moment on, up to before another; none: without end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// First microsecond.
    pub start: Option<i64>,
    /// First microsecond that is no longer meant.
    pub end: Option<i64>,
}

/// Most units that an operator counts.
const COUNT_MAX: i64 = 1_000_000;
const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;

/// What an operator needs besides its name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    /// First number, such as the x of `last-x-days`.
    pub first: Option<i64>,
    /// Second number, such as the year of a fiscal period.
    pub second: Option<i64>,
}

/// The span of an operator. The name is compared without case and dashes, so that `last-x-days` and
/// `LastXDays` are one. The outer none: no operator of dates; the inner: a number that is missing,
/// or a date outside of the calendar.
pub(super) fn span(name: &str, given: Given, now: i64) -> Option<Option<Span>> {
    let name: String = name.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    let name = name.as_str();
    known(name).then(|| {
        today(now)
            .and_then(|today| fixed(name, today, now).or_else(|| counted(name, given, today, now)))
    })
}

fn known(name: &str) -> bool {
    let units =
        ["minutes", "hours", "days", "weeks", "months", "years", "fiscalperiods", "fiscalyears"];
    let counts = |prefix: &str, units: &[&str]| {
        name.strip_prefix(prefix).is_some_and(|unit| units.contains(&unit))
    };
    counts("lastx", &units[1..])
        || counts("nextx", &units[1..])
        || counts("olderthanx", &units[..6])
        || fixed(name, date(2024, 1, 1), 0).is_some()
        || matches!(
            name,
            "infiscalyear"
                | "infiscalperiodandyear"
                | "inorbeforefiscalperiodandyear"
                | "inorafterfiscalperiodandyear"
        )
}

fn today(now: i64) -> Option<Date> {
    Some(Timestamp::from_microsecond(now).ok()?.to_zoned_datetime(TimeZone::UTC).date())
}

fn at(day: Date) -> Option<i64> {
    Some(
        day.to_datetime(Time::midnight())
            .to_zoned_datetime(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_microsecond(),
    )
}

/// The first moment of the day of a moment, so many days on.
pub(super) fn day_start(moment: i64, days: i64) -> Option<i64> {
    at(days_on(today(moment)?, days)?)
}

fn days_on(day: Date, days: i64) -> Option<Date> {
    day.checked_add(Step::new().try_days(days).ok()?).ok()
}

fn months_on(day: Date, months: i64) -> Option<Date> {
    day.checked_add(Step::new().try_months(months).ok()?).ok()
}

fn between(start: Option<Date>, end: Option<Date>) -> Option<Span> {
    Some(Span { start: Some(at(start?)?), end: Some(at(end?)?) })
}

/// Operators without a number.
fn fixed(name: &str, today: Date, now: i64) -> Option<Span> {
    let week = days_on(today, -i64::from(today.weekday().to_sunday_zero_offset()))?;
    let month = today.first_of_month();
    let quarter = date(today.year(), (today.month() - 1) / 3 * 3 + 1, 1);
    let year = today.first_of_year();
    let days = |from: i64, to: i64| between(days_on(today, from), days_on(today, to));
    let weeks = |from: i64| between(days_on(week, from * 7), days_on(week, from * 7 + 7));
    let months = |first: Date, from: i64, long: i64| {
        between(months_on(first, from * long), months_on(first, from * long + long))
    };
    match name {
        "today" => days(0, 1),
        "yesterday" => days(-1, 0),
        "tomorrow" => days(1, 2),
        "last7days" | "lastsevendays" => {
            Some(Span { start: Some(at(days_on(today, -7)?)?), end: Some(now + 1) })
        }
        "next7days" | "nextsevendays" => {
            Some(Span { start: Some(now), end: Some(at(days_on(today, 8)?)?) })
        }
        "lastweek" => weeks(-1),
        "thisweek" => weeks(0),
        "nextweek" => weeks(1),
        "lastmonth" => months(month, -1, 1),
        "thismonth" => months(month, 0, 1),
        "nextmonth" => months(month, 1, 1),
        "lastyear" | "lastfiscalyear" => months(year, -1, 12),
        "thisyear" | "thisfiscalyear" => months(year, 0, 12),
        "nextyear" | "nextfiscalyear" => months(year, 1, 12),
        "lastfiscalperiod" => months(quarter, -1, 3),
        "thisfiscalperiod" => months(quarter, 0, 3),
        "nextfiscalperiod" => months(quarter, 1, 3),
        _ => None,
    }
}

/// Operators with a number.
fn counted(name: &str, given: Given, today: Date, now: i64) -> Option<Span> {
    let count = given.first?;
    if let Some(period) = name.strip_prefix("in") {
        return fiscal(period, count, given.second);
    }
    let count = Some(count).filter(|count| (1..=COUNT_MAX).contains(count))?;
    let (prefix, unit) = name.split_once('x')?;
    // `nextx…` has two.
    let (prefix, unit) =
        if prefix == "ne" { ("next", &name["nextx".len()..]) } else { (prefix, unit) };
    let shift = |sign: i64| -> Option<i64> {
        let count = sign * count;
        match unit {
            "minutes" => now.checked_add(count.checked_mul(MINUTE)?),
            "hours" => now.checked_add(count.checked_mul(HOUR)?),
            "days" => at(days_on(today, count)?),
            "weeks" => at(days_on(today, count * 7)?),
            "months" => at(months_on(today, count)?),
            "fiscalperiods" => at(months_on(today, count * 3)?),
            "years" | "fiscalyears" => at(months_on(today, count * 12)?),
            _ => None,
        }
    };
    match prefix {
        "last" => Some(Span { start: Some(shift(-1)?), end: Some(now + 1) }),
        "next" => {
            // The last day counts to its end.
            let end = shift(1)?;
            let end = if unit == "hours" { end + 1 } else { day_start(end, 1)? };
            Some(Span { start: Some(now), end: Some(end) })
        }
        "olderthan" => Some(Span { start: None, end: Some(shift(-1)?) }),
        _ => None,
    }
}

/// `year` alone, or a quarter and a year.
fn fiscal(name: &str, first: i64, second: Option<i64>) -> Option<Span> {
    let of_year = |year: i64| {
        i16::try_from(year).ok().filter(|year| (1..9999).contains(year)).map(|y| date(y, 1, 1))
    };
    if name == "fiscalyear" {
        let year = of_year(first)?;
        return between(Some(year), months_on(year, 12));
    }
    let year = of_year(second?)?;
    let quarter = Some(first).filter(|quarter| (1..=4).contains(quarter))?;
    let start = months_on(year, (quarter - 1) * 3)?;
    let whole = between(Some(start), months_on(start, 3))?;
    Some(match name {
        "fiscalperiodandyear" => whole,
        "orbeforefiscalperiodandyear" => Span { start: None, ..whole },
        "orafterfiscalperiodandyear" => Span { end: None, ..whole },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thursday 29 February 2024, 10:30.
    const NOW: i64 = 1_709_202_600_000_000;

    fn shown(name: &str, first: Option<i64>, second: Option<i64>) -> String {
        let text = |at: Option<i64>| {
            at.map_or("…".to_owned(), |at| {
                Timestamp::from_microsecond(at).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string()
            })
        };
        match span(name, Given { first, second }, NOW) {
            None => "no operator".to_owned(),
            Some(None) => "a number is missing".to_owned(),
            Some(Some(span)) => format!("{} to {}", text(span.start), text(span.end)),
        }
    }

    #[test]
    fn times_by_name() {
        for (name, first, second, expected) in [
            ("today", None, None, "2024-02-29 00:00:00 to 2024-03-01 00:00:00"),
            ("Yesterday", None, None, "2024-02-28 00:00:00 to 2024-02-29 00:00:00"),
            ("last-seven-days", None, None, "2024-02-22 00:00:00 to 2024-02-29 10:30:00"),
            ("Next7Days", None, None, "2024-02-29 10:30:00 to 2024-03-08 00:00:00"),
            ("this-week", None, None, "2024-02-25 00:00:00 to 2024-03-03 00:00:00"),
            ("last-month", None, None, "2024-01-01 00:00:00 to 2024-02-01 00:00:00"),
            ("NextYear", None, None, "2025-01-01 00:00:00 to 2026-01-01 00:00:00"),
            ("ThisFiscalPeriod", None, None, "2024-01-01 00:00:00 to 2024-04-01 00:00:00"),
            ("last-x-hours", Some(3), None, "2024-02-29 07:30:00 to 2024-02-29 10:30:00"),
            ("next-x-hours", Some(3), None, "2024-02-29 10:30:00 to 2024-02-29 13:30:00"),
            ("LastXMonths", Some(12), None, "2023-02-28 00:00:00 to 2024-02-29 10:30:00"),
            ("next-x-weeks", Some(1), None, "2024-02-29 10:30:00 to 2024-03-08 00:00:00"),
            ("olderthan-x-years", Some(1), None, "… to 2023-02-28 00:00:00"),
            ("olderthan-x-minutes", Some(30), None, "… to 2024-02-29 10:00:00"),
            ("in-fiscal-year", Some(2023), None, "2023-01-01 00:00:00 to 2024-01-01 00:00:00"),
            ("in-or-after-fiscal-period-and-year", Some(2), Some(2023), "2023-04-01 00:00:00 to …"),
            ("last-x-days", None, None, "a number is missing"),
            ("last-x-days", Some(0), None, "a number is missing"),
            ("last-x-years", Some(999_999), None, "a number is missing"),
            ("olderthan-x-fiscalyears", Some(1), None, "no operator"),
            ("eq", None, None, "no operator"),
        ] {
            assert_eq!(shown(name, first, second), expected, "{name}");
        }
    }
}
