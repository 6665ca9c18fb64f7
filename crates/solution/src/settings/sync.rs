//! Bringing a settings file to what a package wants.
use serde_json::{Value, json};

use super::check::settings_create;
use super::file::{EntryKind, RawEntry, SettingsDoc, SettingsEntry};
use crate::artefact::settings_json::{SettingsError, settings_write};
use crate::model::{ApiName, LogicalName, Package};

/// What a synchronisation did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsSynced {
    /// The file afterwards.
    pub text: Vec<u8>,
    /// Entries added, empty.
    pub added: Vec<SettingsEntry>,
    /// Entries removed, with the value they had.
    pub removed: Vec<SettingsEntry>,
    /// References whose `ConnectorId` was brought to the package's.
    pub connectors: Vec<LogicalName>,
    /// Entries that were there and stay.
    pub kept: usize,
}

impl SettingsSynced {
    /// Whether the file is as it was.
    pub fn is_unchanged(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.connectors.is_empty()
    }
}

/// A settings file for a package with nothing filled in, in the shape and order of
/// `pac solution create-settings`.
pub fn settings_create_text(package: &Package) -> Vec<u8> {
    settings_write(&settings_create(package))
}

/// Brings a settings file to what a package wants: adds what is missing, removes what the package
/// does not have, keeps every value and every other byte. Of a file nested by solution the
/// package's part is changed.
///
/// # Errors
/// A file that cannot be read, or whose sections are no lists.
pub fn settings_sync(bytes: &[u8], package: &Package) -> Result<SettingsSynced, SettingsError> {
    let mut doc = SettingsDoc::open(bytes, Some(&package.manifest.unique_name))?;
    let mut done = SettingsSynced::default();
    for kind in EntryKind::ALL {
        let wanted: Vec<&LogicalName> = match kind {
            EntryKind::Reference => package.references.iter().map(|r| &r.logical_name).collect(),
            EntryKind::Variable => package.variables.iter().map(|v| &v.schema_name).collect(),
        };
        let entries = doc.entries(kind)?;
        // From the end, so that the places before stay.
        for entry in entries.iter().rev() {
            let Some(name) = entry.name(kind) else { continue };
            if wanted.contains(&&name) {
                done.kept += 1;
            } else {
                doc.document.remove(&entry.at)?;
                done.removed.push(SettingsEntry { kind, name, value: entry.value(kind) });
            }
        }
        let owners = kind == EntryKind::Reference && with_owners(&entries);
        for name in wanted {
            if entries.iter().any(|entry| entry.name(kind).as_ref() == Some(name)) {
                continue;
            }
            let value = match kind {
                EntryKind::Reference => reference_entry(package, name, owners),
                EntryKind::Variable => json!({ "SchemaName": name.as_str(), "Value": "" }),
            };
            doc.add(kind, &value)?;
            done.added.push(SettingsEntry { kind, name: name.clone(), value: String::new() });
        }
    }
    done.removed.reverse();
    connectors_sync(&mut doc, package, &mut done)?;
    done.text = doc.text();
    Ok(done)
}

/// Whether the file is one of the ALM Accelerator, whose entries all name an owner.
fn with_owners(entries: &[RawEntry]) -> bool {
    !entries.is_empty() && entries.iter().all(|e| e.member("ConnectionOwner").is_some())
}

fn reference_entry(package: &Package, name: &LogicalName, owners: bool) -> Value {
    let reference = package.references.iter().find(|r| &r.logical_name == name);
    let connector = reference.map(|r| r.api_name.connector_id()).unwrap_or_default();
    let mut entry =
        json!({ "LogicalName": name.as_str(), "ConnectionId": "", "ConnectorId": connector });
    if let (true, Value::Object(map)) = (owners, &mut entry) {
        map.insert("ConnectionOwner".to_owned(), Value::String(String::new()));
    }
    entry
}

/// A connector id of another connector is wrong. One that differs in its hash only is that of the
/// target environment, where the custom connector has another.
fn connectors_sync(
    doc: &mut SettingsDoc,
    package: &Package,
    done: &mut SettingsSynced,
) -> Result<(), SettingsError> {
    let kind = EntryKind::Reference;
    for entry in doc.entries(kind)? {
        let Some(name) = entry.name(kind) else { continue };
        let Some(reference) = package.references.iter().find(|r| r.logical_name == name) else {
            continue;
        };
        let given = ApiName::from_connector_id(entry.text("ConnectorId"));
        if given.without_hash() != reference.api_name.without_hash() {
            let (at, _) = entry.member("ConnectorId").unwrap_or_else(|| {
                let at = format!("{}/ConnectorId", entry.at);
                (at, &Value::Null)
            });
            doc.document.set(&at, &Value::String(reference.api_name.connector_id()))?;
            done.connectors.push(name);
        }
    }
    Ok(())
}
