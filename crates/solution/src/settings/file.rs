//! A settings file opened for changes.
use std::fmt;

use serde_json::{Map, Value};

use crate::artefact::alm_settings_json::alm_settings_is;
use crate::artefact::settings_json::{
    REFERENCES, SettingsError, VARIABLES, has_sections, member, nested, shape,
};
use crate::document::json::{JsonDocument, pointer_escape};
use crate::model::LogicalName;

/// Which section an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// `ConnectionReferences`.
    Reference,
    /// `EnvironmentVariables`.
    Variable,
}

impl EntryKind {
    /// Both, in the order of the file.
    pub const ALL: [Self; 2] = [Self::Variable, Self::Reference];

    pub(super) fn section(self) -> &'static str {
        match self {
            Self::Reference => REFERENCES,
            Self::Variable => VARIABLES,
        }
    }

    /// The member that holds the name.
    pub(super) fn name_member(self) -> &'static str {
        match self {
            Self::Reference => "LogicalName",
            Self::Variable => "SchemaName",
        }
    }

    /// The member that a person fills in.
    pub(super) fn value_member(self) -> &'static str {
        match self {
            Self::Reference => "ConnectionId",
            Self::Variable => "Value",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "connection reference",
            Self::Variable => "environment variable",
        })
    }
}

/// One entry of a settings file, as far as a person fills it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsEntry {
    /// Section.
    pub kind: EntryKind,
    /// Logical or schema name.
    pub name: LogicalName,
    /// Connection id or value; empty if there is none.
    pub value: String,
}

/// Entries of a section that are changed in place at most: each change looks at the whole text,
/// and real solutions stay far below.
const MAX_ENTRIES: usize = 2_000;

/// A file and the part of it that counts.
pub(super) struct SettingsDoc {
    pub(super) document: JsonDocument,
    /// Pointer of the part: empty, or that of a solution in a file nested by solution.
    pub(super) at: String,
}

/// An entry as it lies in the file.
pub(super) struct RawEntry {
    pub(super) at: String,
    pub(super) map: Map<String, Value>,
}

impl RawEntry {
    /// Pointer of a member as it is spelled, and its value.
    pub(super) fn member(&self, name: &str) -> Option<(String, &Value)> {
        let (key, value) = member(&self.map, name)?;
        Some((format!("{}/{}", self.at, pointer_escape(key)), value))
    }

    /// The text of a member; empty if it is missing or no text.
    pub(super) fn text(&self, name: &str) -> &str {
        member(&self.map, name).and_then(|(_, v)| v.as_str()).unwrap_or_default().trim()
    }

    /// The name; `None` if there is none.
    pub(super) fn name(&self, kind: EntryKind) -> Option<LogicalName> {
        let name = self.text(kind.name_member());
        (!name.is_empty()).then(|| LogicalName::new(name))
    }

    /// What a person filled in, as text.
    pub(super) fn value(&self, kind: EntryKind) -> String {
        match member(&self.map, kind.value_member()) {
            None | Some((_, Value::Null)) => String::new(),
            Some((_, Value::String(text))) => text.clone(),
            Some((_, other)) => other.to_string(),
        }
    }
}

impl SettingsDoc {
    /// Opens a file; of one nested by solution the part for `solution`, or the only one.
    pub(super) fn open(bytes: &[u8], solution: Option<&str>) -> Result<Self, SettingsError> {
        let document = JsonDocument::parse(bytes)?;
        let root = document.value().as_object();
        let root = root.ok_or_else(|| shape(&document, "", "an object"))?;
        let at = if has_sections(root) {
            String::new()
        } else if alm_settings_is(document.value()) {
            return Err(SettingsError::AlmAccelerator);
        } else {
            let (name, _) = nested(root, solution)?;
            format!("/{}", pointer_escape(name))
        };
        Ok(Self { document, at })
    }

    pub(super) fn part(&self) -> Option<&Map<String, Value>> {
        self.document.value().pointer(&self.at).and_then(Value::as_object)
    }

    /// Pointer of a section as it is spelled, if it is there.
    pub(super) fn section(&self, kind: EntryKind) -> Option<(String, &Value)> {
        let (key, value) = member(self.part()?, kind.section())?;
        Some((format!("{}/{}", self.at, pointer_escape(key)), value))
    }

    /// The entries of a section that are objects, in order.
    ///
    /// # Errors
    /// A section that is no list, or has too many entries.
    pub(super) fn entries(&self, kind: EntryKind) -> Result<Vec<RawEntry>, SettingsError> {
        let Some((pointer, value)) = self.section(kind) else { return Ok(Vec::new()) };
        if value.is_null() {
            return Ok(Vec::new());
        }
        let list = value.as_array();
        let list = list.ok_or_else(|| shape(&self.document, &pointer, "a list of entries"))?;
        if list.len() > MAX_ENTRIES {
            let (found, limit) = (list.len(), MAX_ENTRIES);
            return Err(SettingsError::TooMany { section: kind.section(), found, limit });
        }
        let entry = |(index, value): (usize, &Value)| {
            let map = value.as_object()?.clone();
            Some(RawEntry { at: format!("{pointer}/{index}"), map })
        };
        Ok(list.iter().enumerate().filter_map(entry).collect())
    }

    /// Adds an entry at the end of a section, which is made if it is missing.
    pub(super) fn add(&mut self, kind: EntryKind, entry: &Value) -> Result<(), SettingsError> {
        match self.section(kind) {
            Some((pointer, Value::Array(_))) => self.document.push(&pointer, entry)?,
            Some((pointer, _)) => {
                self.document.set(&pointer, &Value::Array(vec![entry.clone()]))?;
            }
            None => {
                let pointer = format!("{}/{}", self.at, kind.section());
                self.document.set(&pointer, &Value::Array(vec![entry.clone()]))?;
            }
        }
        Ok(())
    }

    /// The text as bytes; a byte order mark stays.
    pub(super) fn text(&self) -> Vec<u8> {
        self.document.to_bytes()
    }
}
