//! How much an archive may hold.
use super::ArchiveError;

/// Limits of an archive. The defaults lie far above the platform's own (solutions of about
/// 100 MB) and far below what would exhaust a small machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the zip itself.
    pub zip_bytes: u64,
    /// Number of entries.
    pub entries: usize,
    /// Bytes of one part, unpacked.
    pub part_bytes: u64,
    /// Bytes of all parts together, unpacked.
    pub total_bytes: u64,
    /// Unpacked size through packed size, for entries above one mebibyte.
    pub ratio: u64,
    /// Bytes of a part name.
    pub name_bytes: usize,
    /// Depth of folders.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            zip_bytes: 128 << 20,
            entries: 20_000,
            part_bytes: 128 << 20,
            total_bytes: 512 << 20,
            ratio: 250,
            name_bytes: 400,
            depth: 32,
        }
    }
}

/// Below this size a high ratio does no harm: short repetitive files reach it honestly.
const RATIO_FLOOR: u64 = 1 << 20;

impl Limits {
    pub(super) fn check_zip(&self, archive: &str, found: u64) -> Result<(), ArchiveError> {
        check(archive, "the size of the file in bytes", found, self.zip_bytes)
    }

    pub(super) fn check_entries(&self, archive: &str, found: usize) -> Result<(), ArchiveError> {
        check(archive, "the number of entries", found as u64, self.entries as u64)
    }

    /// Checks one part and returns the new total.
    pub(super) fn check_part(
        &self,
        entry: &str,
        found: u64,
        total: u64,
    ) -> Result<u64, ArchiveError> {
        check(entry, "the size in bytes", found, self.part_bytes)?;
        let total = total.saturating_add(found);
        check(entry, "the total size of the package in bytes", total, self.total_bytes)?;
        Ok(total)
    }

    pub(super) fn check_ratio(
        &self,
        entry: &str,
        packed: u64,
        size: u64,
    ) -> Result<(), ArchiveError> {
        let ratio = size / packed.max(1);
        if size > RATIO_FLOOR {
            check(entry, "the compression ratio", ratio, self.ratio)?;
        }
        Ok(())
    }
}

fn check(subject: &str, what: &'static str, found: u64, limit: u64) -> Result<(), ArchiveError> {
    if found > limit {
        return Err(ArchiveError::Limit { subject: shown(subject), what, found, limit });
    }
    Ok(())
}

/// A hostile name, shortened and without control characters, for a message.
pub(super) fn shown(name: &str) -> String {
    let mut text: String =
        name.chars().take(120).map(|c| if c.is_control() { '?' } else { c }).collect();
    if name.chars().count() > 120 {
        text.push('…');
    }
    text
}
