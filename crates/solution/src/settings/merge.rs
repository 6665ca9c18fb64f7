//! One settings file laid over another.
use serde_json::Value;

use super::check::has_token;
use super::diff::{MEMBERS, SettingsChange, SettingsDifference, named, text};
use super::file::{EntryKind, SettingsDoc, SettingsEntry};
use crate::artefact::settings_json::SettingsError;

/// What a merge did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsMerged {
    /// The first file with the second laid over it.
    pub text: Vec<u8>,
    /// Entries that only the second file had.
    pub added: Vec<SettingsEntry>,
    /// Members that were empty or a placeholder and now have a value.
    pub filled: Vec<SettingsChange>,
    /// Members that had another value, which was replaced.
    pub replaced: Vec<SettingsChange>,
}

/// Lays a settings file over another: what the second one fills in wins, what it leaves empty
/// stays, and every other byte of the first file is kept.
///
/// # Errors
/// A file that cannot be read, or whose sections are no lists.
pub fn settings_merge(
    base: &[u8],
    over: &[u8],
    solution: Option<&str>,
) -> Result<SettingsMerged, SettingsError> {
    let (mut doc, over) = (SettingsDoc::open(base, solution)?, SettingsDoc::open(over, solution)?);
    let mut done = SettingsMerged::default();
    for kind in EntryKind::ALL {
        let there = named(&doc, kind)?;
        for (name, entry) in named(&over, kind)? {
            let Some((_, before)) = there.iter().find(|(known, _)| *known == name) else {
                doc.add(kind, &Value::Object(entry.map.clone()))?;
                done.added.push(SettingsEntry { kind, name, value: entry.value(kind) });
                continue;
            };
            for (_, member) in MEMBERS.iter().filter(|(of, _)| *of == kind) {
                let (from, to) = (text(before, kind, member), text(&entry, kind, member));
                if to.is_empty() || from == to {
                    continue;
                }
                let at = before.member(member).map(|(at, _)| at);
                let at = at.unwrap_or_else(|| format!("{}/{member}", before.at));
                doc.document.set(&at, &Value::String(to.clone()))?;
                let open = from.is_empty() || has_token(&from);
                let difference = SettingsDifference::Changed { member, from, to };
                let change = SettingsChange { kind, name: name.clone(), difference };
                if open { done.filled.push(change) } else { done.replaced.push(change) }
            }
        }
    }
    done.text = doc.text();
    Ok(done)
}
