//! From a `SolutionPackager` folder to the layout of a zip.
use std::collections::BTreeSet;

use super::WriteError;
use super::read::{component_kind, root_parts, xml};
use crate::archive::{Archive, Layout};
use crate::artefact::customizations_xml::ORDER;
use crate::document::xml::{XmlDocument, XmlError};

/// What becomes of a part.
enum Fate {
    /// Copied under this name.
    Copy(String),
    /// Goes into `customizations.xml` below this element.
    Component(&'static str),
    /// One of the two root files.
    Root,
    /// Carries nothing.
    Drop,
    /// Not known; the folder is refused.
    Unknown(String),
}

/// Puts a folder together, if everything in it is known.
pub(super) fn packager_convert(base: &Archive) -> Result<Archive, WriteError> {
    let (solution, customizations) = root_parts(base)?;
    let mut manifest = xml(base, solution)?;
    let mut document = xml(base, customizations)?;
    let mut archive = Archive::empty();
    archive.relabel(base.label(), Layout::Zip);
    // Their places come first, the content when everything is known.
    archive.set("customizations.xml", Vec::new())?;
    archive.set("solution.xml", Vec::new())?;
    let mut unknown = BTreeSet::new();
    let mut components: Vec<(&'static str, XmlDocument)> = Vec::new();
    for part in base.parts() {
        match fate(part.name(), part.bytes()?) {
            Fate::Copy(name) => archive.set(&name, part.bytes()?.to_vec())?,
            Fate::Component(parent) => {
                let component = xml(base, part.name())?;
                let component =
                    namespace_drop(component, &document).map_err(WriteError::xml(part.name()))?;
                components.push((parent, component));
            }
            Fate::Root | Fate::Drop => {}
            Fate::Unknown(kind) => {
                unknown.insert(kind);
            }
        }
    }
    if !unknown.is_empty() {
        let kinds = unknown.into_iter().map(|kind| format!("`{kind}`")).collect();
        return Err(WriteError::UnknownComponents { folder: base.label().to_owned(), kinds });
    }
    for parent in ["Workflows", "Connectors", "CanvasApps"] {
        let markup: Vec<&str> = components
            .iter()
            .filter(|(p, _)| *p == parent)
            .map(|(_, component)| component.root().outer())
            .collect();
        document =
            components_add(document, parent, &markup).map_err(WriteError::xml(customizations))?;
    }
    manifest = unmanaged(manifest).map_err(WriteError::xml(solution))?;
    archive.set("customizations.xml", document.to_bytes())?;
    archive.set("solution.xml", manifest.to_bytes())?;
    Ok(archive)
}

fn fate(name: &str, bytes: &[u8]) -> Fate {
    let key = name.to_lowercase();
    let (folder, file) = key.split_once('/').unwrap_or(("", &key));
    let kept = &name[name.len() - file.len()..];
    // "Both" folders keep what differs when managed in files of their own.
    if file.contains("_managed.") {
        return Fate::Unknown(name.to_owned());
    }
    match folder {
        "other" => match file {
            "solution.xml" | "customizations.xml" => Fate::Root,
            "relationships.xml" if no_content(bytes) => Fate::Drop,
            _ => Fate::Unknown(name.to_owned()),
        },
        "workflows" | "connectors" | "canvasapps" => match component_kind(name) {
            Some("Workflow") => Fate::Component("Workflows"),
            Some("Connector") => Fate::Component("Connectors"),
            Some(_) => Fate::Component("CanvasApps"),
            // The zip's folder is singular.
            None if folder == "connectors" => Fate::Copy(format!("Connector/{kept}")),
            None => Fate::Copy(name.to_owned()),
        },
        "environmentvariabledefinitions" | "assets" | "bots" | "botcomponents" => {
            Fate::Copy(name.to_owned())
        }
        "" => Fate::Unknown(name.to_owned()),
        _ => Fate::Unknown(name.split('/').next().unwrap_or(name).to_owned()),
    }
}

fn no_content(bytes: &[u8]) -> bool {
    XmlDocument::parse(bytes).is_ok_and(|d| d.root().children().next().is_none())
}

/// `customizations.xml` declares the namespace once, for all.
fn namespace_drop(component: XmlDocument, document: &XmlDocument) -> Result<XmlDocument, XmlError> {
    if document.root().attribute("xmlns:xsi").is_none() {
        return Ok(component);
    }
    let mut edit = component.edit();
    edit.remove_attribute(component.root(), "xmlns:xsi");
    edit.finish()
}

/// Puts component files below an element of `customizations.xml`, as they are written: new
/// indentation could change texts of several lines.
fn components_add(
    document: XmlDocument,
    parent: &str,
    markup: &[&str],
) -> Result<XmlDocument, XmlError> {
    if markup.is_empty() {
        return Ok(document);
    }
    let document = match document.root().child(parent) {
        Some(_) => document,
        None => {
            let mut edit = document.edit();
            let empty = format!("<{parent}></{parent}>");
            edit.insert_ordered(document.root(), parent, &empty, &ORDER);
            edit.finish()?
        }
    };
    let mut edit = document.edit();
    if let Some(parent) = document.root().child(parent) {
        let between = format!("{}{}", document.eol(), parent.child_indent());
        edit.append(parent, &markup.join(&between));
    }
    edit.finish()
}

/// `Managed` 2 means "both" and is only for folders.
fn unmanaged(manifest: XmlDocument) -> Result<XmlDocument, XmlError> {
    let managed = manifest.root().find("SolutionManifest/Managed");
    match managed.filter(|n| n.text().trim() == "2") {
        Some(node) => {
            let mut edit = manifest.edit();
            edit.set_text(node, "0");
            edit.finish()
        }
        None => Ok(manifest),
    }
}
