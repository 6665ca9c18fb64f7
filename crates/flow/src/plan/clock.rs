//! Times as expressions see them.

use jiff::Timestamp;

/// Ticks (100 ns since year 1) of the Unix epoch.
const EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// `2024-11-23T22:12:28.6693030Z`; seven digits, as the service writes them.
pub(super) fn round_trip(micros: i64) -> String {
    let time = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{}0Z", time.strftime("%Y-%m-%dT%H:%M:%S%.6f"))
}

/// Microseconds since the Unix epoch of a number of ticks.
pub(super) fn from_ticks(ticks: i64) -> i64 {
    ticks.saturating_sub(EPOCH_TICKS) / 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_with_seven_digits() {
        assert_eq!(round_trip(1_732_399_948_669_303), "2024-11-23T22:12:28.6693030Z");
        assert_eq!(round_trip(0), "1970-01-01T00:00:00.0000000Z");
        assert_eq!(from_ticks(EPOCH_TICKS + 10), 1);
    }
}
