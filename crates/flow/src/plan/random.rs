//! Random numbers and keys that depend on nothing but the run and the place in it.

use sha2::{Digest, Sha256};

/// One step of a mixing function (splitmix64).
pub(super) fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The seed of a place inside another.
pub(super) fn derive(seed: u64, name_hash: u64, iteration: u32) -> u64 {
    mix(mix(seed ^ name_hash).wrapping_add(u64::from(iteration)))
}

/// Hash of the run and the path of a call; 32 lower-case hex digits.
pub(super) fn idempotency_key(run_id: &str, path: &str) -> String {
    let mut hash = Sha256::new();
    for part in [run_id, path] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A GUID (version 4 in shape) made of two random numbers.
pub(super) fn guid(seed: u64) -> String {
    let (high, low) = (mix(seed), mix(seed ^ 0x5555_5555_5555_5555));
    let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
    let low = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_run_and_path() {
        let key = idempotency_key("run", "a/b");
        assert_eq!(key.len(), 32);
        assert_eq!(key, idempotency_key("run", "a/b"));
        assert_ne!(key, idempotency_key("runa", "/b"));
    }

    #[test]
    fn guid_has_its_shape() {
        let guid = guid(1);
        assert_eq!(guid.len(), 36);
        assert_eq!(&guid[14..15], "4");
    }
}
