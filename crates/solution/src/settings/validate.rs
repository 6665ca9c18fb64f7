//! A settings file held against a package, or against itself, with places.
use serde_json::Value;

use super::check::{SettingsFinding, SettingsIssue, check};
use super::file::{EntryKind, SettingsDoc};
use crate::artefact::settings_json::{
    SettingsError, as_reference, as_variable, has_sections, member, solutions_in,
};
use crate::document::json::{JsonDocument, pointer_escape};
use crate::model::{DeploymentSettings, LogicalName, Package};

/// Findings told at most, for each part of a file: finding a place looks at the whole text.
const MAX_FINDINGS: usize = 500;

/// A finding and where it lies in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFinding {
    /// What; its `at` is the pointer in this very file.
    pub finding: SettingsFinding,
    /// Line, from 1; of the section where something is missing.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Holds a settings file against a package. Without a package it is held against itself: shapes,
/// placeholders, duplicates, what is empty. Of a file nested by solution the package's part is
/// taken; without a package every part is looked at. All faults are told, not only the first, up
/// to 500 for each part.
///
/// # Errors
/// Text that is no JSON, holds neither section, or nothing for the package.
pub fn settings_validate(
    bytes: &[u8],
    package: Option<&Package>,
) -> Result<Vec<PlacedFinding>, SettingsError> {
    let names: Vec<Option<String>> = match package {
        Some(package) => vec![Some(package.manifest.unique_name.clone())],
        None => solutions_in(JsonDocument::parse(bytes)?.value()),
    };
    let mut found = Vec::new();
    for name in names {
        let doc = SettingsDoc::open(bytes, name.as_deref())?;
        part_validate(&doc, package, &mut found);
    }
    found.sort_by_key(|f| (f.line, f.column));
    Ok(found)
}

fn part_validate(doc: &SettingsDoc, package: Option<&Package>, found: &mut Vec<PlacedFinding>) {
    let mut settings = DeploymentSettings::default();
    let mut places: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    let mut findings = Vec::new();
    for (slot, kind) in EntryKind::ALL.into_iter().enumerate() {
        let Some((pointer, value)) = doc.section(kind) else { continue };
        let entries = match value {
            Value::Array(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => {
                findings.push(shape(kind.section(), &pointer, "the section is not a list"));
                &[]
            }
        };
        for (index, entry) in entries.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            let read = match kind {
                EntryKind::Reference => {
                    as_reference(entry).map(|entry| settings.references.push(entry))
                }
                EntryKind::Variable => {
                    as_variable(entry).map(|entry| settings.variables.push(entry))
                }
            };
            match read {
                Ok(()) => places[slot].push(at),
                Err((inside, what)) => {
                    let name = entry_name(entry, kind);
                    findings.push(shape(&name, &format!("{at}{inside}"), what));
                }
            }
        }
    }
    for mut finding in check(&settings, package) {
        finding.at = place(&finding.at, &places, doc);
        findings.push(finding);
    }
    unread(doc, &mut findings);
    duplicates(doc, &mut findings);
    findings.truncate(MAX_FINDINGS);
    found.extend(findings.into_iter().map(|finding| placed(doc, finding)));
}

fn entry_name(entry: &Value, kind: EntryKind) -> String {
    let map = entry.as_object();
    let name = map.and_then(|map| member(map, kind.name_member())).and_then(|(_, v)| v.as_str());
    name.unwrap_or_default().to_owned()
}

fn shape(name: &str, at: &str, what: &str) -> SettingsFinding {
    SettingsFinding {
        issue: SettingsIssue::Shape,
        name: LogicalName::new(name),
        at: at.to_owned(),
        message: what.to_owned(),
        fix: "make it as in a file of `connref solution create-settings`".to_owned(),
    }
}

/// From the place in settings read from this file to the place in the file.
fn place(at: &str, places: &[Vec<String>; 2], doc: &SettingsDoc) -> String {
    for (slot, kind) in EntryKind::ALL.into_iter().enumerate() {
        let prefix = format!("/{}/", kind.section());
        if let Some(rest) = at.strip_prefix(&prefix) {
            let (index, inside) = rest.split_once('/').unwrap_or((rest, ""));
            let found = index.parse::<usize>().ok().and_then(|index| places[slot].get(index));
            let Some(found) = found else { break };
            let inside = if inside.is_empty() { String::new() } else { format!("/{inside}") };
            return format!("{found}{inside}");
        }
    }
    doc.at.clone()
}

/// Members that nothing reads. Those that tools write beside the sections are no mistake.
fn unread(doc: &SettingsDoc, findings: &mut Vec<SettingsFinding>) {
    const KNOWN: [&str; 5] =
        ["ConnectionReferences", "EnvironmentVariables", "CopilotAgents", "ImportData", "$schema"];
    let Some(part) = doc.part() else { return };
    if !has_sections(part) {
        return;
    }
    for key in part.keys().filter(|key| !KNOWN.iter().any(|known| key.eq_ignore_ascii_case(known)))
    {
        findings.push(SettingsFinding {
            issue: SettingsIssue::Unread,
            name: LogicalName::new(key),
            at: format!("{}/{}", doc.at, pointer_escape(key)),
            message: format!("`{}` is not read at import", crate::artefact::cut(key)),
            fix: "check the spelling, or remove it".to_owned(),
        });
    }
}

/// A member that occurs twice: readers differ on which of them counts.
fn duplicates(doc: &SettingsDoc, findings: &mut Vec<SettingsFinding>) {
    for at in doc.document.duplicates().into_iter().filter(|at| at.starts_with(&doc.at)) {
        let name = at.rsplit('/').next().unwrap_or_default();
        findings.push(SettingsFinding {
            issue: SettingsIssue::Duplicate,
            name: LogicalName::new(name),
            message: format!("`{}` occurs twice in one object", crate::artefact::cut(name)),
            fix: "keep one of them".to_owned(),
            at,
        });
    }
}

fn placed(doc: &SettingsDoc, finding: SettingsFinding) -> PlacedFinding {
    // A member may be missing where it is wanted: then the entry is the place.
    let mut at = finding.at.as_str();
    let place = loop {
        match (doc.document.locate(at), at.rsplit_once('/')) {
            (Some(place), _) => break Some(place),
            (None, Some((above, _))) => at = above,
            (None, None) => break None,
        }
    };
    let (line, column) = place.map_or((1, 1), |p| (p.line, p.column));
    PlacedFinding { finding, line, column }
}
