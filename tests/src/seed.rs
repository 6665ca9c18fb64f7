//! Random choices that can be repeated.
use std::time::{SystemTime, UNIX_EPOCH};

/// A small generator (splitmix64): the same seed gives the same choices everywhere.
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// Takes `SEED` from the environment, else a fresh one; prints it either way.
    ///
    /// # Panics
    /// If `SEED` is no number.
    #[must_use]
    pub fn take(test: &str) -> Self {
        let passed = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::take_or(
            test,
            passed.map_or(1, |passed| u64::from(passed.subsec_nanos()) ^ passed.as_secs()),
        )
    }

    /// Takes `SEED` from the environment, else this one; prints it either way.
    ///
    /// # Panics
    /// If `SEED` is no number.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a random test tells how to repeat it")]
    pub fn take_or(test: &str, other: u64) -> Self {
        let seed = match std::env::var("SEED") {
            Ok(text) => text.parse().expect("SEED is a number"),
            Err(_) => other,
        };
        eprintln!("SEED={seed} cargo nextest run -p connref-tests {test}");
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }
}
