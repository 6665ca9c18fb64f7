//! What a file is, without reading all of it.
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::FoundKind;
use crate::archive::Limits;
use crate::archive::directory::directory_check;
use crate::artefact::Problems;
use crate::artefact::alm_settings_json::alm_settings_is;
use crate::artefact::legacy_package::LISTING;
use crate::artefact::settings_json::settings_is;
use crate::artefact::solution_xml::manifest_read;
use crate::document::json::JsonDocument;
use crate::document::xml::XmlDocument;
use crate::model::package::Manifest;

/// Settings files are small; anything larger is another file with a similar name.
const MAX_SETTINGS: u64 = 4 << 20;
/// A manifest that is read for comparison only.
const MAX_MANIFEST: u64 = 16 << 20;

/// The kind of a file that was named by hand; `None` if nothing tells. A JSON file is taken for
/// settings whatever it holds: reading it says best what is wrong with it.
pub(super) fn file_kind(path: &Path, limits: &Limits) -> Option<FoundKind> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    if name.ends_with(".json") {
        return Some(settings_kind(path).unwrap_or(FoundKind::Settings));
    }
    zip_kind(path, limits)
}

/// The kind of a file met on a walk: only names that promise something are opened.
pub(super) fn named_kind(path: &Path, name: &str, limits: &Limits) -> Option<FoundKind> {
    if name.ends_with(".zip") {
        zip_kind(path, limits)
    } else if name.ends_with(".json") && name.contains("settings") {
        settings_kind(path)
    } else {
        None
    }
}

fn zip_kind(path: &Path, limits: &Limits) -> Option<FoundKind> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.len() > limits.zip_bytes {
        return None;
    }
    let mut file = BufReader::new(file);
    directory_check(&mut file, "", limits).ok()?;
    let zip = zip::ZipArchive::new(file).ok()?;
    let holds = |wanted: &str| {
        zip.file_names_raw().any(|name| {
            name.len() == wanted.len()
                && name
                    .iter()
                    .zip(wanted.bytes())
                    .all(|(a, b)| a.eq_ignore_ascii_case(&b) || (*a == b'\\' && b == b'/'))
        })
    };
    if holds("solution.xml") {
        Some(FoundKind::Solution)
    } else if holds(LISTING) {
        Some(FoundKind::LegacyPackage)
    } else {
        None
    }
}

fn settings_kind(path: &Path) -> Option<FoundKind> {
    let bytes = bounded(File::open(path).ok()?, MAX_SETTINGS)?;
    let document = JsonDocument::parse(&bytes).ok()?;
    if settings_is(document.value()) {
        Some(FoundKind::Settings)
    } else if alm_settings_is(document.value()) {
        Some(FoundKind::AlmSettings)
    } else {
        None
    }
}

fn bounded(reader: impl Read, limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit).then_some(bytes)
}

/// The manifest of a solution, if it can be read.
pub(super) fn manifest(path: &Path, limits: &Limits) -> Option<Manifest> {
    let bytes = if path.is_dir() {
        bounded(File::open(manifest_file(path)?).ok()?, MAX_MANIFEST)?
    } else {
        let mut file = BufReader::new(File::open(path).ok()?);
        directory_check(&mut file, "", limits).ok()?;
        let mut zip = zip::ZipArchive::new(file).ok()?;
        let at = zip.file_names_raw().position(|n| n.eq_ignore_ascii_case(b"solution.xml"))?;
        bounded(zip.by_index(at).ok()?, MAX_MANIFEST)?
    };
    let document = XmlDocument::parse(&bytes).ok()?;
    Some(manifest_read(&document, &mut Problems::new("", &mut Vec::new())))
}

fn manifest_file(folder: &Path) -> Option<PathBuf> {
    let named = |folder: &Path, wanted: &str| {
        let entries = std::fs::read_dir(folder).ok()?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths.find(|p| p.file_name().is_some_and(|n| n.eq_ignore_ascii_case(wanted)))
    };
    named(folder, "solution.xml").or_else(|| named(&named(folder, "other")?, "solution.xml"))
}
