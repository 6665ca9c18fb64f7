//! The end of a zip, looked at before its directory is read: a directory of millions of entries
//! would fill the memory before anybody could count them.
use std::io::{Read, Seek, SeekFrom};

use super::{ArchiveError, Limits};

const END: &[u8] = b"PK\x05\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";
/// The end record with the longest comment, and the locator before it.
const TAIL: u64 = 22 + (1 << 16) + 24;
/// Entries of zips inside a zip, stored without compression, look like its own: so many times the
/// limit are let through to be counted rightly.
const NESTED: usize = 4;

/// Refuses a zip whose directory says, or may say, that it has more entries than the limit.
pub(crate) fn directory_check(
    zip: &mut (impl Read + Seek),
    label: &str,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Read { path: label.to_owned(), source };
    let tail = tail(zip).map_err(failed)?;
    for at in positions(&tail, END) {
        if let Some([low, high]) = tail.get(at + 10..at + 12) {
            let count = usize::from(u16::from_le_bytes([*low, *high]));
            // The largest count means: see the larger record.
            if count != usize::from(u16::MAX) {
                limits.check_entries(label, count)?;
            }
        }
    }
    if positions(&tail, LOCATOR_64).next().is_some() {
        let count = entries(zip, limits).map_err(failed)?;
        limits.check_entries(label, count / NESTED)?;
    }
    Ok(())
}

fn tail(zip: &mut (impl Read + Seek)) -> std::io::Result<Vec<u8>> {
    let length = zip.seek(SeekFrom::End(0))?;
    zip.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::with_capacity(usize::try_from(length.min(TAIL)).unwrap_or_default());
    zip.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail)
}

/// Headers of entries in the whole file, counted until they are too many.
fn entries(zip: &mut (impl Read + Seek), limits: &Limits) -> std::io::Result<usize> {
    let most = limits.entries.saturating_add(1).saturating_mul(NESTED);
    let overlap = ENTRY.len() - 1;
    let mut window = vec![0; 1 << 16];
    let (mut filled, mut count) = (0, 0);
    zip.seek(SeekFrom::Start(0))?;
    while count < most {
        let read = zip.read(&mut window[filled..])?;
        if read == 0 {
            break;
        }
        filled += read;
        count += positions(&window[..filled], ENTRY).count();
        let kept = filled.min(overlap);
        window.copy_within(filled - kept..filled, 0);
        filled = kept;
    }
    Ok(count)
}

fn positions<'b>(bytes: &'b [u8], signature: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    memchr::memmem::find_iter(bytes, signature)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn entries_are_counted_across_windows() {
        let mut bytes = vec![0; 1 << 16];
        for at in [0, 100, (1 << 16) - 2] {
            bytes.splice(at..at, ENTRY.iter().copied());
        }
        assert_eq!(entries(&mut Cursor::new(&bytes), &Limits::default()).unwrap(), 3);
    }

    #[test]
    fn counts_above_the_limit_are_refused_before_the_directory_is_read() {
        let limits = Limits { entries: 3, ..Limits::default() };
        let end = |count: u16| {
            let mut bytes = END.to_vec();
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&count.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
            bytes.extend_from_slice(&[0; 10]);
            bytes
        };
        let check = |bytes: &[u8]| directory_check(&mut Cursor::new(bytes), "x.zip", &limits);
        assert!(check(&end(3)).is_ok() && check(&end(u16::MAX)).is_ok());
        assert!(matches!(check(&end(4)), Err(ArchiveError::Limit { .. })));
        let mut large = ENTRY.repeat(4 * NESTED);
        large.extend_from_slice(LOCATOR_64);
        large.extend_from_slice(&end(u16::MAX));
        assert!(matches!(check(&large), Err(ArchiveError::Limit { .. })));
        assert!(check(b"").is_ok() && check(b"PK\x05\x06").is_ok());
    }
}
