//! Where time and randomness come from (invariant 10): made in the binary, handed down.
use std::time::{SystemTime, UNIX_EPOCH};

use connref_solution::model::Micros;
use ring::rand::{SecureRandom, SystemRandom};

/// The time.
pub trait Clock: Send + Sync {
    /// Microseconds since the Unix epoch, UTC.
    fn now(&self) -> Micros;
}

/// Randomness and identifiers.
pub trait Ids: Send + Sync {
    /// Fills a buffer with random bytes fit for keys.
    fn fill(&self, buffer: &mut [u8]);

    /// A new row id: GUID version 7, lower case, its first 48 bits the given time in milliseconds.
    fn guid(&self, now: Micros) -> String {
        let mut bytes = [0_u8; 16];
        self.fill(&mut bytes);
        let millis = u64::try_from(now / 1000).unwrap_or(0);
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = hex(&bytes);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// A new connection id: 32 hex digits.
    fn connection_id(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.fill(&mut bytes);
        hex(&bytes)
    }

    /// A new run id in the vendor's shape: digits that sort newest first, then a suffix.
    fn run_id(&self, now: Micros) -> String {
        let mut bytes = [0_u8; 8];
        self.fill(&mut bytes);
        // The vendor counts down 100-nanosecond ticks so that newer runs sort first.
        let countdown = 3_155_378_975_999_999_999_i64 - (now.saturating_mul(10) + UNIX_TICKS);
        format!("{countdown:020}{:018}CU00", u64::from_be_bytes(bytes) % 10_u64.pow(18))
    }
}

/// Ticks from year 1 to 1970.
const UNIX_TICKS: i64 = 621_355_968_000_000_000;

/// Moments of a deployment at which a test stops the process to kill it, in their order. Builds for
/// release reach them without effect.
pub const POINTS: &[&str] = &[
    "import-job",
    "import-judged",
    "import-begun",
    "import-rows",
    "import-removals",
    "import-recorded",
    "import-committed",
    "promote-begun",
    "promote-removals",
    "promote-moved",
    "promote-committed",
    "bind-begun",
    "bind-written",
    "bind-committed",
];

/// The moment at which this process stops, if a test wants one.
#[derive(Clone, Debug, Default)]
pub struct Points(Option<std::sync::Arc<str>>);

impl Points {
    /// Stops for ever when the moment of this name is reached, after saying so on stderr.
    pub fn stop_at(name: &str) -> Self {
        Self(Some(name.into()))
    }

    /// A moment is reached.
    pub fn reach(&self, name: &'static str) {
        if self.0.as_deref() != Some(name) {
            return;
        }
        use std::io::Write;
        // Nobody may listen; the process stops all the same.
        let _ = writeln!(std::io::stderr(), "stopped at {name}");
        loop {
            std::thread::park();
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// The operating system's random numbers.
#[derive(Debug)]
pub struct SystemIds(SystemRandom);

impl Default for SystemIds {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Ids for SystemIds {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("the operating system gives random numbers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_version_7_and_sort_by_time() {
        let ids = SystemIds::default();
        let older = ids.guid(1_700_000_000_000_000);
        let newer = ids.guid(1_700_000_001_000_000);
        assert!(older < newer);
        assert_eq!(older.as_bytes()[14], b'7');
        assert!(connref_solution::model::id::is_guid(&older));
    }

    #[test]
    fn newer_runs_sort_first() {
        let ids = SystemIds::default();
        assert!(ids.run_id(1_700_000_001_000_000) < ids.run_id(1_700_000_000_000_000));
    }
}
