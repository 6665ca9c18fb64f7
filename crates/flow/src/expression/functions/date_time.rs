//! Times: now, moving, formatting, zones.

use super::super::culture::Culture;
use super::super::time::{self, DAY, HOUR, MINUTE, Moment, SECOND};
use super::{Call, EvalError, Function, Result, strict};
use crate::value::{Value, names_equal};

pub(super) const FUNCTIONS: &[Function] = &[
    strict("utcNow", 0, 1, |call| give(call, now(call), 0)),
    strict("getFutureTime", 2, 3, |call| moved(call, now(call), 0, 1)),
    strict("getPastTime", 2, 3, |call| moved(call, now(call), 0, -1)),
    strict("addToTime", 3, 4, |call| moved(call, moment(call, 0)?, 1, 1)),
    strict("subtractFromTime", 3, 4, |call| moved(call, moment(call, 0)?, 1, -1)),
    strict("addSeconds", 2, 3, |call| added(call, SECOND)),
    strict("addMinutes", 2, 3, |call| added(call, MINUTE)),
    strict("addHours", 2, 3, |call| added(call, HOUR)),
    strict("addDays", 2, 3, |call| added(call, DAY)),
    strict("dateDifference", 2, 2, |call| {
        Ok(Value::from(time::span_text(moment(call, 1)?.ticks - moment(call, 0)?.ticks)))
    }),
    strict("convertTimeZone", 3, 4, |call| {
        let utc = to_utc(call, 1)?;
        let local = from_utc(call, utc, 2)?;
        give(call, local, 3)
    }),
    strict("convertToUtc", 2, 3, |call| give(call, to_utc(call, 1)?, 2)),
    strict("convertFromUtc", 2, 3, |call| {
        let local = from_utc(call, moment(call, 0)?, 1)?;
        give(call, local, 2)
    }),
    strict("formatDateTime", 1, 3, format_date_time),
    strict("parseDateTime", 1, 3, parse_date_time),
    strict("startOfHour", 1, 2, |call| started(call, |moment| moment.ticks - moment.ticks % HOUR)),
    strict("startOfDay", 1, 2, |call| started(call, |moment| moment.ticks - moment.time())),
    strict("startOfMonth", 1, 2, |call| {
        started(call, |moment| moment.ticks - moment.time() - (moment.date().day - 1) * DAY)
    }),
    strict("dayOfWeek", 1, 1, |call| {
        Ok(Value::Int(i64::try_from(moment(call, 0)?.weekday()).unwrap_or_default()))
    }),
    strict("dayOfMonth", 1, 1, |call| Ok(Value::Int(moment(call, 0)?.date().day))),
    strict("dayOfYear", 1, 1, |call| Ok(Value::Int(moment(call, 0)?.date().day_of_year()))),
    strict("ticks", 1, 1, |call| Ok(Value::Int(moment(call, 0)?.ticks))),
    strict("formatTimeSpan", 2, 3, format_time_span),
];

fn now(call: &Call<'_>) -> Moment {
    Moment::from_micros(call.scope().now())
}

/// The time that an argument names.
fn moment(call: &Call<'_>, index: usize) -> Result<Moment> {
    let text = call.text(index)?;
    time::parse(text, &Culture::US).ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        EvalError::template(format!(
            "In function '{}', the value provided for date time string '{shown}' was not valid. The datetime string must match ISO 8601 format.",
            call.function.name
        ))
    })
}

/// The result as text, in the format of an argument, else in the round-trip format.
fn give(call: &Call<'_>, moment: Moment, format: usize) -> Result {
    formatted(call, moment, call.optional_text(format)?, &Culture::US)
}

fn formatted(call: &Call<'_>, moment: Moment, format: Option<&str>, culture: &Culture) -> Result {
    let text = time::format(moment, format.unwrap_or_default(), culture);
    call.give(text.map_err(|problem| call.error(problem))?)
}

fn unrepresentable(call: &Call<'_>) -> EvalError {
    call.error("was not evaluated: the added or subtracted value results in a time that cannot be represented.")
}

fn added(call: &Call<'_>, unit: i64) -> Result {
    let moment = moment(call, 0)?;
    let moved = call.int(1)?.checked_mul(unit).and_then(|ticks| moment.plus(ticks));
    give(call, moved.ok_or_else(|| unrepresentable(call))?, 2)
}

/// Moves by an interval and a unit in two arguments; the format follows them.
fn moved(call: &Call<'_>, moment: Moment, at: usize, sign: i64) -> Result {
    let interval = call.int(at)?.checked_mul(sign).ok_or_else(|| unrepresentable(call))?;
    let unit = call.text(at + 1)?;
    let units =
        [("Second", SECOND), ("Minute", MINUTE), ("Hour", HOUR), ("Day", DAY), ("Week", 7 * DAY)];
    let months = [("Month", 1), ("Year", 12)];
    let known = |name: &str| names_equal(name, unit);
    let moved = if let Some((_, ticks)) = units.iter().find(|(name, _)| known(name)) {
        interval.checked_mul(*ticks).and_then(|ticks| moment.plus(ticks))
    } else if let Some((_, months)) = months.iter().find(|(name, _)| known(name)) {
        interval.checked_mul(*months).and_then(|months| moment.plus_months(months))
    } else {
        return Err(call.error(format_args!(
            "expects the time unit to be one of 'Second', 'Minute', 'Hour', 'Day', 'Week', 'Month', 'Year'. The provided value is '{unit}'."
        )));
    };
    give(call, moved.ok_or_else(|| unrepresentable(call))?, at + 2)
}

/// The first argument as clock time in the zone of another argument, in UTC.
fn to_utc(call: &Call<'_>, zone: usize) -> Result<Moment> {
    let moment = moment(call, 0)?;
    let zone = time::zone(call.text(zone)?).map_err(|problem| call.error(problem))?;
    time::to_utc(moment, &zone).ok_or_else(|| {
        call.error("was not evaluated: the supplied time does not exist in its time zone.")
    })
}

fn from_utc(call: &Call<'_>, moment: Moment, zone: usize) -> Result<Moment> {
    let zone = time::zone(call.text(zone)?).map_err(|problem| call.error(problem))?;
    time::from_utc(moment, &zone).ok_or_else(|| unrepresentable(call))
}

fn started(call: &Call<'_>, start: fn(Moment) -> i64) -> Result {
    let moment = moment(call, 0)?;
    give(call, Moment { ticks: start(moment), ..moment }, 1)
}

fn culture(call: &Call<'_>, index: usize) -> Result<&'static Culture> {
    Culture::named(call.optional_text(index)?).map_err(|problem| call.error(problem))
}

fn format_date_time(call: &Call<'_>) -> Result {
    formatted(call, moment(call, 0)?, call.optional_text(1)?, culture(call, 2)?)
}

/// `parseDateTime(text, locale?, format?)`; the result is in the round-trip format.
fn parse_date_time(call: &Call<'_>) -> Result {
    let (text, culture) = (call.text(0)?, culture(call, 1)?);
    let moment = match call.optional_text(2)? {
        Some(format) => time::parse_exact(text, format, culture),
        None => time::parse(text, culture),
    };
    let moment = moment.ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        call.error(format_args!(
            "was invoked with the text '{shown}', which is not a time in this form."
        ))
    })?;
    formatted(call, moment, None, culture)
}

fn format_time_span(call: &Call<'_>) -> Result {
    let ticks = time::parse_span(call.text(0)?).ok_or_else(|| {
        call.error("expects its first parameter to be a time span such as '1.02:03:04'.")
    })?;
    let text = time::format_span(ticks, call.text(1)?, culture(call, 2)?);
    call.give(text.ok_or_else(|| {
        call.error("was invoked with a format that is not valid for a time span.")
    })?)
}
