//! `[Content_Types].xml`: a content type for every part.
use std::collections::BTreeSet;

use super::WriteError;
use crate::archive::Archive;
use crate::document::xml::{Fragment, XmlDocument};

pub(super) const PART: &str = "[Content_Types].xml";
const TYPE: &str = "application/octet-stream";

/// Adds what new parts need; makes the part if it is missing and anything else changed.
pub(super) fn content_types_complete(
    archive: &mut Archive,
    base: &Archive,
) -> Result<(), WriteError> {
    let added: Vec<String> = archive
        .parts()
        .map(|p| p.name().to_owned())
        .filter(|name| name != PART && base.part(name).is_none())
        .collect();
    match archive.bytes(PART)? {
        None if added.is_empty() && base.layout() == crate::archive::Layout::Zip => Ok(()),
        None => {
            let names: Vec<String> = archive.parts().map(|p| p.name().to_owned()).collect();
            archive.set(PART, content_types_new(names.iter().map(String::as_str)))?;
            Ok(())
        }
        Some(_) if added.is_empty() => Ok(()),
        Some(bytes) => {
            let document = XmlDocument::parse(bytes).map_err(WriteError::xml(PART))?;
            let changed = content_types_add(&document, &added)?;
            archive.set(PART, changed.to_bytes())?;
            Ok(())
        }
    }
}

fn content_types_add(document: &XmlDocument, added: &[String]) -> Result<XmlDocument, WriteError> {
    let root = document.root();
    let known = |attribute: &str, value: &str| {
        root.children()
            .any(|c| c.attribute(attribute).is_some_and(|v| v.eq_ignore_ascii_case(value)))
    };
    let (extensions, overrides) = needs(added.iter().map(String::as_str));
    let mut markup = String::new();
    for extension in extensions.iter().filter(|e| !known("Extension", e)) {
        markup.push_str(&default(extension));
    }
    for name in overrides.iter().filter(|n| !known("PartName", &format!("/{n}"))) {
        markup.push_str(&over(name));
    }
    if markup.is_empty() {
        return Ok(document.clone());
    }
    let mut edit = document.edit();
    edit.append(root, &markup);
    edit.finish().map_err(WriteError::xml(PART))
}

/// Extensions that need a default, and names without extension that need an entry of their own.
fn needs<'n>(names: impl Iterator<Item = &'n str>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut extensions, mut overrides) = (BTreeSet::new(), BTreeSet::new());
    for name in names.filter(|n| *n != PART) {
        let file = name.rsplit('/').next().unwrap_or(name);
        match file.rsplit_once('.') {
            Some((_, extension)) if !extension.is_empty() => {
                extensions.insert(extension.to_lowercase());
            }
            _ => {
                overrides.insert(name.to_owned());
            }
        }
    }
    (extensions, overrides)
}

fn default(extension: &str) -> String {
    let mut out = Fragment::new("\n", "");
    out.empty("Default", &[("Extension", extension), ("ContentType", TYPE)]);
    out.finish()
}

fn over(name: &str) -> String {
    let mut out = Fragment::new("\n", "");
    out.empty("Override", &[("PartName", &format!("/{name}")), ("ContentType", TYPE)]);
    out.finish()
}

/// A new part for these names, on one line as the platform writes it.
pub(super) fn content_types_new<'n>(names: impl Iterator<Item = &'n str>) -> Vec<u8> {
    let (mut extensions, overrides) = needs(names);
    extensions.insert("xml".to_owned());
    extensions.insert("json".to_owned());
    let mut text = String::from(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">",
    );
    for extension in extensions.iter().rev() {
        text.push_str(&default(extension));
    }
    for name in &overrides {
        text.push_str(&over(name));
    }
    text.push_str("</Types>");
    text.into_bytes()
}
