//! Small solution packages, and the raw parts of any.
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// A folder of `tests/fixtures`.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Packs parts in their order.
///
/// # Panics
/// If they cannot be packed.
#[must_use]
pub fn zip(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer
            .start_file(name.as_str(), SimpleFileOptions::default())
            .expect("a part can be begun");
        writer.write_all(content).expect("a part can be written");
    }
    writer.finish().expect("a zip can be finished").into_inner()
}

/// Unpacks the parts of a zip in their order.
///
/// # Panics
/// If it is damaged.
#[must_use]
#[track_caller]
pub fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("it is a zip");
    (0..archive.len())
        .map(|at| {
            let mut entry = archive.by_index(at).expect("an entry can be read");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("an entry can be unpacked");
            let name = entry.name().expect("an entry has a name").into_owned();
            (name, content)
        })
        .collect()
}

/// The parts of an unpacked solution, names with forward slashes.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn folder_parts(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut parts = Vec::new();
    collect(folder, folder, &mut parts);
    parts.sort();
    parts
}

fn collect(root: &Path, folder: &Path, parts: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a fixture can be read") {
        let path = entry.expect("a fixture can be read").path();
        if path.is_dir() {
            collect(root, &path, parts);
        } else {
            let name = path.strip_prefix(root).expect("it lies below the root");
            let name = name.to_string_lossy().replace('\\', "/");
            parts.push((name, std::fs::read(&path).expect("a fixture can be read")));
        }
    }
}

/// A fixture as a zip.
#[must_use]
pub fn fixture_zip(name: &str) -> Vec<u8> {
    zip(&folder_parts(&fixture(name)))
}

/// A fixture as a zip with parts replaced, added, or (with `None`) left out.
#[must_use]
pub fn fixture_zip_with(name: &str, changes: &[(&str, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut parts = folder_parts(&fixture(name));
    for (part, content) in changes {
        parts.retain(|(known, _)| known != part);
        if let Some(content) = content {
            parts.push(((*part).to_owned(), content.clone()));
        }
    }
    zip(&parts)
}

/// The text of one part, without its byte order mark.
///
/// # Panics
/// If there is no such part.
#[must_use]
#[track_caller]
pub fn part_text(parts: &[(String, Vec<u8>)], name: &str) -> String {
    let part = parts.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let (_, content) = part.unwrap_or_else(|| panic!("the package has no part `{name}`"));
    let text = String::from_utf8(content.clone()).expect("the part is UTF-8");
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}
