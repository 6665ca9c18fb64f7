//! Reading the directory of a zip.
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use super::directory::directory_check;
use super::limits::shown;
use super::name::name_check;
use super::part::{Part, SharedZip, ZipBytes};
use super::{ArchiveError, Limits};

/// The file entries of a zip, in order, all checked, none unpacked yet.
pub(super) fn zip_read(
    bytes: &ZipBytes,
    label: &str,
    limits: &Limits,
) -> Result<Vec<Part>, ArchiveError> {
    if let Some(reason) = not_zip(bytes.as_ref()) {
        return Err(ArchiveError::NotZip { archive: label.to_owned(), reason });
    }
    let damaged = |source| ArchiveError::Damaged { archive: label.to_owned(), source };
    directory_check(&mut Cursor::new(bytes), label, limits)?;
    let mut zip: SharedZip = ZipArchive::new(Cursor::new(bytes.clone())).map_err(damaged)?;
    if zip.has_duplicate_names() {
        let twice = "(an entry)".to_owned();
        return Err(ArchiveError::Duplicate {
            archive: label.to_owned(),
            first: twice.clone(),
            second: twice,
        });
    }
    limits.check_entries(label, zip.len())?;
    if zip.has_overlapping_entries().map_err(damaged)? {
        return Err(ArchiveError::NotPlain {
            entry: label.to_owned(),
            why: "entries of the zip overlap",
        });
    }
    let mut total = 0;
    let mut parts = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        if let Some(part) = entry_read(&zip, bytes, index, label, limits, &mut total)? {
            parts.push(part);
        }
    }
    Ok(parts)
}

fn entry_read(
    zip: &SharedZip,
    bytes: &ZipBytes,
    index: usize,
    label: &str,
    limits: &Limits,
    total: &mut u64,
) -> Result<Option<Part>, ArchiveError> {
    let damaged = |source| ArchiveError::Damaged { archive: label.to_owned(), source };
    let mut reader = zip.clone();
    let file = reader.by_index_raw(index).map_err(damaged)?;
    let raw = file.name().map_err(damaged)?.into_owned();
    let plain = |why| ArchiveError::NotPlain { entry: shown(&raw), why };
    if file.encrypted() {
        return Err(plain("it is encrypted"));
    }
    if file.is_symlink() {
        return Err(plain("it is a symbolic link"));
    }
    if file.is_dir() {
        if file.size() > 0 {
            return Err(plain("it is a folder with content"));
        }
        // Folders carry nothing; their names are checked all the same.
        name_check(raw.trim_end_matches(['/', '\\']), limits)?;
        return Ok(None);
    }
    if !matches!(file.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(plain("it is compressed by an unusual method"));
    }
    let name = name_check(&raw, limits)?;
    *total = limits.check_part(&name, file.size(), *total)?;
    limits.check_ratio(&name, file.compressed_size(), file.size())?;
    Ok(Some(Part::zipped(&name, zip.clone(), bytes, index, file.size())))
}

/// Why some bytes are clearly not a zip.
fn not_zip(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match text {
        [] => Some("it is empty"),
        [b'P', b'K', ..] => None,
        [b'<', ..] => Some("it is XML or HTML"),
        [b'{' | b'[', ..] => Some("it is JSON"),
        [b'7', b'z', 0xBC, ..] => Some("it is a 7z archive"),
        [b'R', b'a', b'r', b'!', ..] => Some("it is a RAR archive"),
        [0x1F, 0x8B, ..] => Some("it is a gzip file"),
        _ => Some("it is some other file"),
    }
}
