//! Times as the language's functions see them: .NET ticks and whether they are UTC.

mod format;
mod parse;
mod span;
mod zone;

pub(super) use format::format;
pub(super) use parse::{parse, parse_exact};
pub(super) use span::{format_span, parse_span, span_text};
pub(super) use zone::{from_utc, to_utc, zone};

/// Ticks of 100 nanoseconds in each unit.
pub(super) const SECOND: i64 = 10_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
/// Ticks at the Unix epoch.
pub(super) const EPOCH: i64 = 621_355_968_000_000_000;
/// The last tick of the year 9999.
pub(super) const MAX: i64 = 3_155_378_975_999_999_999;

/// A point in time: ticks since the year 1, and whether it is known to be UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) ticks: i64,
    pub(super) utc: bool,
}

/// A date in the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Date {
    /// The date, if there is such a day in the years 1 to 9999.
    pub(super) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let fits = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        fits.then_some(Self { year, month, day })
    }

    /// Days since the first of January of the year 1.
    pub(super) fn days(self) -> i64 {
        let before = self.year - 1;
        let past: i64 = (1..self.month).map(|month| days_in_month(self.year, month)).sum();
        before * 365 + before / 4 - before / 100 + before / 400 + past + self.day - 1
    }

    /// The day of the year, from 1.
    pub(super) fn day_of_year(self) -> i64 {
        self.days() - Self { month: 1, day: 1, ..self }.days() + 1
    }

    fn from_days(days: i64) -> Self {
        // The year is off by one at most, since a year has 365.2425 days.
        let mut year = days * 400 / 146_097 + 1;
        while (Self { year, month: 1, day: 1 }).days() > days {
            year -= 1;
        }
        while (Self { year: year + 1, month: 1, day: 1 }).days() <= days {
            year += 1;
        }
        let mut rest = days - (Self { year, month: 1, day: 1 }).days();
        let mut month = 1;
        while rest >= days_in_month(year, month) {
            rest -= days_in_month(year, month);
            month += 1;
        }
        Self { year, month, day: rest + 1 }
    }
}

/// How many days a month has.
pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

impl Moment {
    /// The time of a run's clock.
    pub(super) fn from_micros(micros: i64) -> Self {
        let ticks = EPOCH.saturating_add(micros.saturating_mul(10)).clamp(0, MAX);
        Self { ticks, utc: true }
    }

    pub(super) fn date(self) -> Date {
        Date::from_days(self.ticks / DAY)
    }

    /// The day of the week, from Sunday = 0.
    pub(super) fn weekday(self) -> usize {
        usize::try_from((self.ticks / DAY + 1) % 7).expect("ticks are not negative")
    }

    /// The ticks since midnight.
    pub(super) fn time(self) -> i64 {
        self.ticks % DAY
    }

    /// The moment so many ticks later, if it is in the years 1 to 9999.
    pub(super) fn plus(self, ticks: i64) -> Option<Self> {
        let ticks = self.ticks.checked_add(ticks)?;
        (0..=MAX).contains(&ticks).then_some(Self { ticks, ..self })
    }

    /// The moment so many months later; the day is the month's last if it has no such day.
    pub(super) fn plus_months(self, months: i64) -> Option<Self> {
        let date = self.date();
        let month = (date.year * 12 + date.month - 1).checked_add(months)?;
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let day = date.day.min(days_in_month(year, month));
        let date = Date::new(year, month, day)?;
        Some(Self { ticks: date.days() * DAY + self.time(), ..self })
    }
}
