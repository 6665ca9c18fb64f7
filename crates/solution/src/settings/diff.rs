//! Two settings files compared.
use super::file::{EntryKind, RawEntry, SettingsDoc};
use crate::artefact::settings_json::SettingsError;
use crate::model::LogicalName;

/// One difference between two settings files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsChange {
    /// Section.
    pub kind: EntryKind,
    /// Logical or schema name.
    pub name: LogicalName,
    /// What differs.
    pub difference: SettingsDifference,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsDifference {
    /// Only the second file has the entry.
    Added {
        /// Its connection id or value.
        value: String,
    },
    /// Only the first file has the entry.
    Removed {
        /// Its connection id or value.
        value: String,
    },
    /// Both have it, and a member differs.
    Changed {
        /// Member name.
        member: &'static str,
        /// In the first file.
        from: String,
        /// In the second file.
        to: String,
    },
}

/// The members that are compared.
pub(super) const MEMBERS: [(EntryKind, &str); 4] = [
    (EntryKind::Variable, "Value"),
    (EntryKind::Reference, "ConnectionId"),
    (EntryKind::Reference, "ConnectorId"),
    (EntryKind::Reference, "ConnectionOwner"),
];

/// The differences of two settings files, sorted by section and name. Order and layout of the
/// files do not count. A name that occurs twice counts as its last entry.
///
/// # Errors
/// A file that cannot be read.
pub fn settings_diff(
    one: &[u8],
    other: &[u8],
    solution: Option<&str>,
) -> Result<Vec<SettingsChange>, SettingsError> {
    let (one, other) = (SettingsDoc::open(one, solution)?, SettingsDoc::open(other, solution)?);
    let mut changes = Vec::new();
    for kind in EntryKind::ALL {
        let (before, after) = (named(&one, kind)?, named(&other, kind)?);
        for (name, entry) in &before {
            let Some((_, to)) = after.iter().find(|(n, _)| n == name) else {
                let difference = SettingsDifference::Removed { value: entry.value(kind) };
                changes.push(SettingsChange { kind, name: name.clone(), difference });
                continue;
            };
            changes.extend(members_diff(kind, name, entry, to));
        }
        for (name, entry) in after.iter().filter(|(n, _)| !before.iter().any(|(b, _)| b == n)) {
            let difference = SettingsDifference::Added { value: entry.value(kind) };
            changes.push(SettingsChange { kind, name: name.clone(), difference });
        }
    }
    changes.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(changes)
}

pub(super) fn members_diff(
    kind: EntryKind,
    name: &LogicalName,
    before: &RawEntry,
    after: &RawEntry,
) -> Vec<SettingsChange> {
    let members = MEMBERS.iter().filter(|(of, _)| *of == kind);
    members
        .filter_map(|&(_, member)| {
            let (from, to) = (text(before, kind, member), text(after, kind, member));
            // Connector ids are compared as the platform does.
            let same = from == to || (member == "ConnectorId" && from.eq_ignore_ascii_case(&to));
            let difference = SettingsDifference::Changed { member, from, to };
            (!same).then(|| SettingsChange { kind, name: name.clone(), difference })
        })
        .collect()
}

pub(super) fn text(entry: &RawEntry, kind: EntryKind, member: &str) -> String {
    if member == kind.value_member() { entry.value(kind) } else { entry.text(member).to_owned() }
}

/// Entries by name; the last of each.
pub(super) fn named(
    doc: &SettingsDoc,
    kind: EntryKind,
) -> Result<Vec<(LogicalName, RawEntry)>, SettingsError> {
    let mut list: Vec<(LogicalName, RawEntry)> = Vec::new();
    for entry in doc.entries(kind)? {
        let Some(name) = entry.name(kind) else { continue };
        match list.iter_mut().find(|(known, _)| *known == name) {
            Some(found) => found.1 = entry,
            None => list.push((name, entry)),
        }
    }
    Ok(list)
}
