//! What deployment settings ask for, checked against the package: an entry that means nothing here
//! refuses the import, so that a typing mistake never ends in a half-bound solution.
use std::collections::HashMap;

use connref_solution::model::facts::Fidelity;
use connref_solution::model::variable::SecretReference;
use connref_solution::model::{ConnectionId, LogicalName, VariableKind};
use connref_solution::settings::{connection_id_spelled, same_letters};

use super::{Draft, Import};
use crate::catalogue::code;
use crate::finding::{Subject, SubjectKind};
use crate::refusal::Refusal;

/// Connections and values by name. Empty entries mean "leave as it is" and are not in here.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    connections: HashMap<LogicalName, ConnectionId>,
    values: HashMap<LogicalName, String>,
}

impl Wanted {
    /// The connection asked for.
    pub(super) fn connection(&self, name: &LogicalName) -> Option<&ConnectionId> {
        self.connections.get(name)
    }

    /// The value asked for.
    pub(super) fn value(&self, name: &LogicalName) -> Option<&String> {
        self.values.get(name)
    }

    /// Reads the settings; without any, nothing is asked for.
    pub(super) fn read(fidelity: Fidelity, import: &Import<'_>, draft: &mut Draft) -> Self {
        let mut wanted = Self::default();
        let Some(settings) = import.settings else { return wanted };
        let known: std::collections::HashSet<_> =
            import.package.references.iter().map(|r| &r.logical_name).collect();
        for entry in &settings.references {
            let here = known.get(&entry.logical_name);
            if !here.is_some_and(|name| same_letters(name, &entry.logical_name)) {
                draft.refusals.push(unknown_reference(&entry.logical_name));
                continue;
            }
            match connection_id(&entry.logical_name, &entry.connection_id) {
                Ok(None) => {}
                Ok(Some(id)) => put(&mut wanted.connections, &entry.logical_name, id, draft),
                Err(refusal) => draft.refusals.push(*refusal),
            }
        }
        let known: HashMap<_, _> =
            import.package.variables.iter().map(|v| (&v.schema_name, v.kind)).collect();
        for entry in &settings.variables {
            let kind = known.get(&entry.schema_name);
            if kind.is_none() {
                draft.refusals.push(unknown_variable(&entry.schema_name));
            } else if let Some(refusal) = token(&entry.schema_name, &entry.value) {
                draft.refusals.push(refusal);
            } else if let Some(refusal) = misfit(&entry.schema_name, kind, &entry.value)
                .or_else(|| foreign_vault(fidelity, &entry.schema_name, kind, &entry.value))
            {
                draft.refusals.push(refusal);
            } else if !entry.value.is_empty() {
                put(&mut wanted.values, &entry.schema_name, entry.value.clone(), draft);
            }
        }
        wanted
    }
}

fn put<V: PartialEq>(
    map: &mut HashMap<LogicalName, V>,
    name: &LogicalName,
    value: V,
    draft: &mut Draft,
) {
    if map.get(name).is_some_and(|v| *v != value) {
        let text = format!("The deployment settings give '{name}' two different values.");
        draft.refusals.push(
            Refusal::new(code::SETTINGS_DUPLICATE, 400, entry_subject(name), text)
                .fix("keep one of the entries"),
        );
    }
    map.insert(name.clone(), value);
}

fn entry_subject(name: &LogicalName) -> Subject {
    Subject::new(SubjectKind::Reference, "", name)
}

fn unknown_reference(name: &LogicalName) -> Refusal {
    let mut refusal = Refusal::references_not_found(std::slice::from_ref(name));
    refusal.code = code::SETTINGS_UNKNOWN_REFERENCE;
    refusal.fix(format!(
        "the package defines no reference `{name}`: remove the entry, or correct its LogicalName"
    ))
}

fn unknown_variable(name: &LogicalName) -> Refusal {
    let subject = Subject::new(SubjectKind::Variable, "", name);
    let text = format!("Failed to find environment variable with schema name '{name}'.");
    Refusal::new(code::SETTINGS_UNKNOWN_VARIABLE, 400, subject, text)
        .fix("remove the entry, or correct its SchemaName")
}

/// A value of another type than the variable's. The refusal does not repeat the value.
fn misfit(name: &LogicalName, kind: Option<&i64>, value: &str) -> Option<Refusal> {
    let kind = VariableKind::of(*kind?)?;
    let error = kind.check(value).err().filter(|_| !value.is_empty())?;
    let subject = Subject::new(SubjectKind::Variable, "", name);
    let text =
        format!("The deployment settings do not fit environment variable '{name}': {error}.");
    Some(
        Refusal::new(code::SETTINGS_VALUE, 400, subject, text)
            .fix(format!("correct the Value of `{name}` in the settings")),
    )
}

/// The place of a secret where the vendor's service does not look.
fn foreign_vault(
    fidelity: Fidelity,
    name: &LogicalName,
    kind: Option<&i64>,
    value: &str,
) -> Option<Refusal> {
    let secret = VariableKind::of(*kind?) == Some(VariableKind::Secret);
    let place = SecretReference::parse(value).ok().filter(|_| secret)?;
    if fidelity == Fidelity::Extended || place.is_key_vault() {
        return None;
    }
    let subject = Subject::new(SubjectKind::Variable, "", name);
    let text = format!(
        "The deployment settings do not fit environment variable '{name}': this environment behaves \
         as the vendor's service does, which knows Azure Key Vault only."
    );
    Some(
        Refusal::new(code::SETTINGS_VALUE, 400, subject, text).fix(format!(
            "give the resource id of a secret in a Key Vault as the Value of `{name}`"
        )),
    )
}

fn token(name: &LogicalName, text: &str) -> Option<Refusal> {
    let start = text.find("#{")?;
    text[start..].find("}#")?;
    let text = format!("The deployment settings hold an unresolved token for '{name}'.");
    Some(
        Refusal::new(code::SETTINGS_TOKEN, 400, entry_subject(name), text)
            .fix("replace the #{…}# token before importing"),
    )
}

/// The id in a `ConnectionId`; a path (`shared_x/id`) is the mistake people make most.
fn connection_id(name: &LogicalName, text: &str) -> Result<Option<ConnectionId>, Box<Refusal>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(refusal) = token(name, text) {
        return Err(Box::new(refusal));
    }
    if text.contains(['/', '\\']) {
        let id = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let message = format!(
            "The ConnectionId '{text}' of '{name}' is a path; the id of a connection stands alone."
        );
        return Err(Box::new(
            Refusal::new(code::SETTINGS_CONNECTION_SHAPE, 400, entry_subject(name), message)
                .fix(format!("write \"ConnectionId\": \"{id}\"")),
        ));
    }
    if !connection_id_spelled(text) {
        let message = format!("The ConnectionId '{text}' of '{name}' is no id of a connection.");
        return Err(Box::new(
            Refusal::new(code::SETTINGS_CONNECTION_SHAPE, 400, entry_subject(name), message)
                .fix("write the id alone, as `connref connection list` shows it"),
        ));
    }
    Ok(Some(ConnectionId::new(text)))
}
