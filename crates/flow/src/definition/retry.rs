//! Retry policies of calls.

use serde_json::Value as Json;

use super::duration::parse_duration;

const SECOND: i64 = 1_000_000;

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryKind {
    /// No further attempt.
    None,
    /// The same delay each time.
    Fixed,
    /// A random delay in a window that doubles.
    Exponential,
}

/// When and how often a failed call is tried again (on 408, 429, 5xx and lost connections).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How the delay grows.
    pub kind: RetryKind,
    /// Attempts after the first.
    pub count: u32,
    /// Base delay, µs.
    pub interval_us: i64,
    /// Least delay of the exponential kind, µs.
    pub minimum_us: i64,
    /// Greatest delay of the exponential kind, µs.
    pub maximum_us: i64,
}

impl Default for RetryPolicy {
    /// The service's default: four more attempts, exponential, scaled by 7.5 s, within 5 to 45 s.
    fn default() -> Self {
        Self {
            kind: RetryKind::Exponential,
            count: 4,
            interval_us: 7 * SECOND + SECOND / 2,
            minimum_us: 5 * SECOND,
            maximum_us: 45 * SECOND,
        }
    }
}

impl RetryPolicy {
    /// No further attempt.
    pub fn none() -> Self {
        Self { kind: RetryKind::None, count: 0, ..Self::default() }
    }

    /// Reads `inputs.retryPolicy` after its expressions were evaluated.
    ///
    /// # Errors
    /// A text that says which property is wrong.
    pub fn from_json(policy: &Json) -> Result<Self, String> {
        let Json::Object(map) = policy else {
            return Err("retry policy is not an object".to_owned());
        };
        let kind = map.get("type").and_then(Json::as_str).unwrap_or("default");
        let kind = match kind.to_ascii_lowercase().as_str() {
            "default" => return Ok(Self::default()),
            "none" => return Ok(Self::none()),
            "fixed" => RetryKind::Fixed,
            "exponential" => RetryKind::Exponential,
            _ => return Err(format!("retry policy type `{kind}` is not known")),
        };
        let count = match map.get("count") {
            None => 4,
            Some(count) => whole(count)
                .filter(|count| (1..=90).contains(count))
                .ok_or_else(|| format!("retry count `{count}` is not between 1 and 90"))?,
        };
        let interval_us = span(map.get("interval"), "interval")?.unwrap_or(7 * SECOND);
        let minimum = span(map.get("minimumInterval"), "minimumInterval")?;
        let maximum = span(map.get("maximumInterval"), "maximumInterval")?;
        Ok(Self {
            kind,
            count: u32::try_from(count).unwrap_or(4),
            interval_us,
            minimum_us: minimum.unwrap_or(5 * SECOND),
            maximum_us: maximum.unwrap_or(3_600 * SECOND),
        })
    }

    /// Delay before attempt `retry` (1 = the first repetition), µs; `random` chooses within the
    /// window of the exponential kind. `None` when no attempt is left.
    pub fn delay(&self, retry: u32, random: u64) -> Option<i64> {
        if retry == 0 || retry > self.count {
            return None;
        }
        match self.kind {
            RetryKind::None => None,
            RetryKind::Fixed => Some(self.interval_us),
            RetryKind::Exponential => {
                let power = |exponent: u32| {
                    let factor = 1i64.checked_shl(exponent.min(40)).unwrap_or(i64::MAX);
                    self.interval_us.saturating_mul(factor)
                };
                let low = if retry == 1 { 0 } else { power(retry - 2) };
                let low = low.max(self.minimum_us).min(self.maximum_us);
                let high = power(retry - 1).min(self.maximum_us).max(low);
                let width = u64::try_from(high - low).unwrap_or(0);
                let offset = random % (width + 1);
                Some(low.saturating_add(i64::try_from(offset).unwrap_or(0)))
            }
        }
    }
}

fn whole(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn span(value: Option<&Json>, name: &str) -> Result<Option<i64>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let text = value.as_str().unwrap_or_default();
    let limit = 86_400 * SECOND;
    match parse_duration(text) {
        Some(time) if (0..=limit).contains(&time) => Ok(Some(time)),
        _ => Err(format!("retry {name} `{text}` is not a duration of at most a day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_every_type() {
        let fixed = json!({"type": "fixed", "count": 2, "interval": "PT20S"});
        let fixed = RetryPolicy::from_json(&fixed).unwrap();
        assert_eq!((fixed.kind, fixed.count), (RetryKind::Fixed, 2));
        assert_eq!(fixed.delay(1, 7), Some(20 * SECOND));
        assert_eq!(fixed.delay(3, 7), None);
        assert_eq!(RetryPolicy::from_json(&json!({"type": "none"})).unwrap().delay(1, 0), None);
        assert_eq!(RetryPolicy::from_json(&json!({})).unwrap(), RetryPolicy::default());
        assert!(RetryPolicy::from_json(&json!({"type": "often"})).is_err());
        assert!(RetryPolicy::from_json(&json!({"type": "fixed", "count": 91})).is_err());
        assert!(RetryPolicy::from_json(&json!({"type": "fixed", "interval": "soon"})).is_err());
    }

    #[test]
    fn exponential_stays_in_its_window() {
        let policy = json!({"type": "exponential", "count": 10, "interval": "PT10S",
            "minimumInterval": "PT5S", "maximumInterval": "PT1M"});
        let policy = RetryPolicy::from_json(&policy).unwrap();
        for (retry, low, high) in [(1, 5, 10), (2, 10, 20), (3, 20, 40), (4, 40, 60), (9, 60, 60)] {
            for random in [0, 1, u64::MAX, 12_345_678_901] {
                let delay = policy.delay(retry, random).unwrap();
                assert!((low * SECOND..=high * SECOND).contains(&delay), "{retry} {delay}");
            }
        }
    }
}
