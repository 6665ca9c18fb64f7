//! Environment variables: a folder of parts each.
use super::read::component_xml;
use super::{PackageError, WriteError};
use crate::archive::Archive;
use crate::artefact::Problems;
use crate::artefact::variable_xml::{
    DEFINITION, VALUE, VALUES, variable_patch, variable_read, variable_value_read,
    variable_value_write, variable_write,
};
use crate::document::json::JsonDocument;
use crate::document::xml::XmlDocument;
use crate::model::package::{Manifest, PackageVariable, Problem};

const FOLDER: &str = "environmentvariabledefinitions";

/// A variable and the folder it was read from.
pub(super) struct VariablePart {
    pub(super) folder: String,
    pub(super) variable: PackageVariable,
}

/// The variables, in the order of their parts.
pub(super) fn variables_read(
    archive: &Archive,
    found: &mut Vec<Problem>,
) -> Result<Vec<VariablePart>, PackageError> {
    let mut list = Vec::new();
    let folders = archive.parts().filter_map(|part| {
        let (folder, file) = part.name().rsplit_once('/')?;
        let (top, _) = folder.split_once('/')?;
        let right = top.eq_ignore_ascii_case(FOLDER) && file.eq_ignore_ascii_case(DEFINITION);
        right.then(|| folder.to_owned())
    });
    for folder in folders {
        let part = format!("{folder}/{DEFINITION}");
        let Some(document) = component_xml(archive, &part, found)? else { continue };
        let mut problems = Problems::new(&part, found);
        let Some(mut variable) = variable_read(&document, &mut problems) else { continue };
        variable.value = value_read(archive, &folder, found)?;
        list.push(VariablePart { folder, variable });
    }
    Ok(list)
}

fn value_read(
    archive: &Archive,
    folder: &str,
    found: &mut Vec<Problem>,
) -> Result<Option<String>, PackageError> {
    let part = format!("{folder}/{VALUES}");
    let Some(bytes) = archive.read_part(&part)? else { return Ok(None) };
    let mut problems = Problems::new(&part, found);
    match JsonDocument::parse(&bytes) {
        Ok(document) => Ok(variable_value_read(&document, &mut problems)),
        Err(error) => {
            problems.add("", error.to_string());
            Ok(None)
        }
    }
}

/// Brings the variables of an archive to what a package says.
pub(super) fn variables_patch(
    archive: &mut Archive,
    new: &[PackageVariable],
    manifest: &Manifest,
) -> Result<(), WriteError> {
    let mut left = variables_read(archive, &mut Vec::new())?;
    for variable in new {
        let at = left.iter().position(|v| v.variable.schema_name == variable.schema_name);
        match at.map(|at| left.remove(at)) {
            Some(part) => variable_change(archive, &part, variable, manifest.language)?,
            None => variable_add(archive, variable, manifest)?,
        }
    }
    for part in left {
        let prefix = format!("{}/", part.folder.to_lowercase());
        let names: Vec<String> = archive
            .parts()
            .map(|p| p.name().to_owned())
            .filter(|name| name.to_lowercase().starts_with(&prefix))
            .collect();
        for name in names {
            archive.remove(&name);
        }
    }
    Ok(())
}

fn variable_change(
    archive: &mut Archive,
    old: &VariablePart,
    new: &PackageVariable,
    language: u32,
) -> Result<(), WriteError> {
    let part = format!("{}/{DEFINITION}", old.folder);
    let document = super::read::xml(archive, &part)?;
    let mut edit = document.edit();
    variable_patch(&mut edit, document.root(), &old.variable, new, language);
    if !edit.is_empty() {
        let changed = edit.finish().map_err(WriteError::xml(&part))?;
        archive.set(&part, changed.to_bytes())?;
    }
    if old.variable.value != new.value {
        value_change(archive, &format!("{}/{VALUES}", old.folder), new.value.as_deref())?;
    }
    Ok(())
}

fn value_change(archive: &mut Archive, part: &str, value: Option<&str>) -> Result<(), WriteError> {
    let Some(value) = value else {
        archive.remove(part);
        return Ok(());
    };
    let there = archive.bytes(part)?.and_then(|bytes| JsonDocument::parse(bytes).ok());
    let document = match there {
        Some(mut document) => {
            let json = serde_json::Value::String(value.to_owned());
            // A file of another shape than the usual one is written anew.
            match document.set(VALUE, &json) {
                Ok(()) => document,
                Err(_) => variable_value_write(value),
            }
        }
        None => variable_value_write(value),
    };
    archive.set(part, document.to_bytes())?;
    Ok(())
}

/// Adds the parts of a new variable.
pub(super) fn variable_add(
    archive: &mut Archive,
    variable: &PackageVariable,
    manifest: &Manifest,
) -> Result<(), WriteError> {
    let name = variable.schema_name.as_str();
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(WriteError::Unsupported {
            what: format!("environment variable `{name}`"),
            why: "a schema name has only letters, digits and underscores",
        });
    }
    let folder = format!("{FOLDER}/{name}");
    let part = format!("{folder}/{DEFINITION}");
    if archive.part(&part).is_some() {
        return Err(WriteError::Unsupported {
            what: format!("environment variable `{name}`"),
            why: "it is there twice; keep one of them",
        });
    }
    let text = variable_write(variable, &manifest.version, manifest.language);
    // Parsed once to refuse texts that XML cannot hold.
    let document = XmlDocument::parse(text.as_bytes()).map_err(WriteError::xml(&part))?;
    archive.set(&part, document.to_bytes())?;
    if let Some(value) = &variable.value {
        archive.set(&format!("{folder}/{VALUES}"), variable_value_write(value).to_bytes())?;
    }
    Ok(())
}
