//! ISO 8601 durations (`PT20S`, `P1DT2H`), in microseconds.

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Reads a duration in microseconds; `None` if it is not one or does not fit.
/// A month counts 30 days and a year 365, as the vendor's XML time spans do.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let rest = rest.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return None,
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let dates = [('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)];
    let times = [('H', 3600 * SECOND), ('M', 60 * SECOND), ('S', SECOND)];
    let total = parse_part(date, &dates)?.checked_add(parse_part(time, &times)?)?;
    Some(if negative { -total } else { total })
}

fn parse_part(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0i64;
    let mut next = 0;
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = text[end..].chars().next()?;
        let place = units[next..].iter().position(|(name, _)| *name == unit)? + next;
        total = total.checked_add(parse_amount(&text[..end], units[place])?)?;
        next = place + 1;
        text = &text[end + 1..];
    }
    Some(total)
}

fn parse_amount(number: &str, (unit, size): (char, i64)) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut amount = whole.parse::<i64>().ok()?.checked_mul(size)?;
    if number.contains('.') {
        if unit != 'S' || fraction.is_empty() {
            return None;
        }
        let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
        amount = amount.checked_add(micros.parse().ok()?)?;
    }
    Some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("PT20S", 20),
            ("PT1H", 3600),
            ("P1DT2H3M4S", 93_784),
            ("P30D", 2_592_000),
            ("P1M", 2_592_000),
            ("P2W", 1_209_600),
            ("-PT5S", -5),
        ] {
            assert_eq!(parse_duration(text), Some(seconds * SECOND), "{text}");
        }
        assert_eq!(parse_duration("PT0.25S"), Some(250_000));
        for text in ["", "P", "PT", "1H", "PT1", "PTS", "PT1S1H", "P1.5D", "PT99999999999999999H"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
