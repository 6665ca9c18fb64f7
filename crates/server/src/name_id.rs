//! Ids of what has a name and no row: the same for the same name, everywhere.
use sha2::{Digest, Sha256};

/// A GUID made of a name, in which case does not count.
pub(crate) fn name_id(kind: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{kind}/{}", name.to_ascii_lowercase()));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // Marked as a GUID made by a rule of one's own.
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}
