//! Repairing the wrong shapes that settings files are known to have.
use serde_json::Value;

use super::file::{EntryKind, RawEntry, SettingsDoc};
use super::validate::{PlacedFinding, settings_validate};
use crate::artefact::settings_json::{SettingsError, solutions_in};
use crate::document::json::JsonDocument;
use crate::model::name::API_PREFIX;
use crate::model::{ApiName, Package};

/// One repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFix {
    /// JSON pointer in the file as it was.
    pub at: String,
    /// Line in the file as it was, from 1.
    pub line: usize,
    /// What was done, as a sentence without full stop.
    pub message: String,
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsFixed {
    /// The file afterwards.
    pub text: Vec<u8>,
    /// The repairs, in the order of the file.
    pub fixes: Vec<SettingsFix>,
    /// What is still wrong and only a person can decide.
    pub left: Vec<PlacedFinding>,
}

/// Repairs what has one right answer: a connection id written as a path (`shared_x/id`,
/// `/providers/…/connections/id`), blanks around ids, `null` where a text belongs, a bare
/// connector name, a missing connector id (with the package), numbers and booleans as values, an
/// entry repeated word for word. Everything else stays byte for byte; a second run changes nothing.
///
/// # Errors
/// A file that cannot be read, or whose sections are no lists.
pub fn settings_fix(
    bytes: &[u8],
    package: Option<&Package>,
) -> Result<SettingsFixed, SettingsError> {
    let names: Vec<Option<String>> = match package {
        Some(package) => vec![Some(package.manifest.unique_name.clone())],
        None => solutions_in(JsonDocument::parse(bytes)?.value()),
    };
    let mut fixed = SettingsFixed { text: bytes.to_vec(), ..SettingsFixed::default() };
    for name in names {
        let before = SettingsDoc::open(&fixed.text, name.as_deref())?;
        let mut doc = SettingsDoc::open(&fixed.text, name.as_deref())?;
        for repair in repairs(&before, package)? {
            match &repair.to {
                Some(value) => doc.document.set(&repair.at, value)?,
                None => doc.document.remove(&repair.at)?,
            }
            let line = before.document.locate(&repair.at).map_or(1, |place| place.line);
            fixed.fixes.push(SettingsFix { at: repair.at, line, message: repair.message });
        }
        fixed.text = doc.text();
    }
    fixed.fixes.sort_by_key(|fix| fix.line);
    fixed.left = settings_validate(&fixed.text, package)?;
    Ok(fixed)
}

/// `to` is the new value; `None` removes.
struct Repair {
    at: String,
    to: Option<Value>,
    message: String,
}

/// Repairs of members first, then removals from the end, so that every place stays right.
fn repairs(doc: &SettingsDoc, package: Option<&Package>) -> Result<Vec<Repair>, SettingsError> {
    let mut list = Vec::new();
    let mut removals = Vec::new();
    for kind in EntryKind::ALL {
        let entries = doc.entries(kind)?;
        for (index, entry) in entries.iter().enumerate() {
            if entries[..index].iter().any(|e| e.map == entry.map && e.name(kind).is_some()) {
                let name = entry.name(kind).map(|n| n.to_string()).unwrap_or_default();
                let message = format!("removed the second entry of `{name}`, which says the same");
                removals.push(Repair { at: entry.at.clone(), to: None, message });
                continue;
            }
            match kind {
                EntryKind::Reference => {
                    list.extend(connection_repair(entry));
                    list.extend(connector_repair(entry, package));
                }
                EntryKind::Variable => list.extend(value_repair(entry)),
            }
        }
    }
    list.extend(removals.into_iter().rev());
    Ok(list)
}

fn set(at: String, to: impl Into<String>, message: impl Into<String>) -> Option<Repair> {
    Some(Repair { at, to: Some(Value::String(to.into())), message: message.into() })
}

fn connection_repair(entry: &RawEntry) -> Option<Repair> {
    let (at, value) = entry.member("ConnectionId")?;
    if value.is_null() {
        return set(at, "", "`null` became an empty text");
    }
    let text = value.as_str()?;
    let id = text.trim();
    if id.contains("#{") {
        return None;
    }
    let last = id.rsplit('/').find(|step| !step.is_empty()).unwrap_or_default();
    if id.contains('/') && !last.starts_with("shared_") {
        return set(at, last, format!("`{id}` became the connection id `{last}`"));
    }
    (id != text).then(|| set(at, id, "blanks around the connection id went away")).flatten()
}

fn connector_repair(entry: &RawEntry, package: Option<&Package>) -> Option<Repair> {
    let given = entry.text("ConnectorId");
    if given.is_empty() {
        let name = entry.name(EntryKind::Reference)?;
        let reference = package?.references.iter().find(|r| r.logical_name == name)?;
        let at = entry.member("ConnectorId").map(|(at, _)| at);
        let at = at.unwrap_or_else(|| format!("{}/ConnectorId", entry.at));
        let id = reference.api_name.connector_id();
        return set(at, id, format!("`{name}` got the connector id of its reference"));
    }
    let (at, _) = entry.member("ConnectorId")?;
    if given.contains('/') || !given.to_lowercase().starts_with("shared_") {
        return None;
    }
    let id = ApiName::new(given).connector_id();
    set(at, id, format!("`{given}` became a whole connector id (`{API_PREFIX}…`)"))
}

fn value_repair(entry: &RawEntry) -> Option<Repair> {
    let (at, value) = entry.member("Value")?;
    match value {
        Value::String(_) => None,
        Value::Null => set(at, "", "`null` became an empty text"),
        other => set(at, other.to_string(), "the value became a text, as an import takes it"),
    }
}
