//! A deployment settings file: `EnvironmentVariables` and `ConnectionReferences`.
use serde_json::{Map, Value, json};

use super::alm_settings_json::alm_settings_is;
use super::{Problems, cut};
use crate::document::json::scan::pointer_escape;
use crate::document::json::{JsonDocument, JsonError};
use crate::model::package::Problem;
use crate::model::settings::{SettingsReference, SettingsVariable};
use crate::model::{ApiName, DeploymentSettings, LogicalName};

pub(crate) const REFERENCES: &str = "ConnectionReferences";
pub(crate) const VARIABLES: &str = "EnvironmentVariables";

/// What a settings file said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsFile {
    /// The settings.
    pub settings: DeploymentSettings,
    /// The solution whose part was taken, if the file is nested by solution.
    pub solution: Option<String>,
    /// What was odd and could be read all the same.
    pub problems: Vec<Problem>,
    /// Members that stand in one object twice, as JSON pointers: readers differ on which counts.
    pub twice: Vec<String>,
}

/// Why a settings file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not JSON.
    #[error("cannot read the deployment settings")]
    Json {
        /// Cause.
        #[from]
        source: JsonError,
    },
    /// Neither section is there.
    #[error(
        "cannot read the deployment settings: neither `ConnectionReferences` nor `EnvironmentVariables` is there; make a file with `connref solution create-settings`"
    )]
    NoSections,
    /// The other settings file of the ALM Accelerator.
    #[error(
        "cannot read the deployment settings: this is the ALM Accelerator's `customDeploymentSettings.json`, which binds nothing; give the `deploymentSettings.json` beside it"
    )]
    AlmAccelerator,
    /// More entries than any solution has.
    #[error(
        "refused the deployment settings: `{section}` has {found} entries, the limit is {limit}; make a file of the solution's own with `connref solution create-settings`"
    )]
    TooMany {
        /// Section.
        section: &'static str,
        /// Entries found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Nested by solution, and none was chosen.
    #[error(
        "the deployment settings are nested by solution ({}); name one of them",
        solutions.join(", ")
    )]
    PerSolution {
        /// Unique names.
        solutions: Vec<String>,
    },
    /// Nested by solution, and the chosen one is not among them.
    #[error("the deployment settings hold nothing for `{wanted}`, only for {}", solutions.join(", "))]
    OtherSolution {
        /// What was asked for.
        wanted: String,
        /// Unique names.
        solutions: Vec<String>,
    },
    /// A value of the wrong kind.
    #[error(
        "wrong shape in the deployment settings at {} (line {line}): expected {expected}",
        place(pointer)
    )]
    Shape {
        /// JSON pointer.
        pointer: String,
        /// Line, from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
    },
}

/// Reads a settings file. Of a file nested by solution, the part for `solution` is taken, or the
/// only one there is. Names are matched without regard to case, as existing tools do.
///
/// # Errors
/// Text that is no JSON, holds neither section, or holds values of the wrong kind.
pub fn settings_read(bytes: &[u8], solution: Option<&str>) -> Result<SettingsFile, SettingsError> {
    let document = JsonDocument::parse(bytes)?;
    let root = as_object(&document, document.value(), "", "an object")?;
    let mut file = SettingsFile::default();
    let (section, at) = if has_sections(root) {
        (root, String::new())
    } else if alm_settings_is(document.value()) {
        return Err(SettingsError::AlmAccelerator);
    } else {
        let (name, inner) = nested(root, solution)?;
        file.solution = Some(name.to_owned());
        (inner, format!("/{}", pointer_escape(name)))
    };
    let reader = SectionReader { document: &document, at: &at };
    let mut problems = Problems::new("deployment settings", &mut file.problems);
    file.settings.references = reader.references(section)?;
    file.settings.variables = reader.variables(section, &mut problems)?;
    let twice = document.duplicates();
    for name in &twice {
        problems.add(name.clone(), "the name occurs twice; the last value counts");
    }
    for (key, _) in section.iter().filter(|(k, _)| !is(k, REFERENCES) && !is(k, VARIABLES)) {
        problems
            .add(format!("{at}/{}", pointer_escape(key)), format!("`{}` is not read", cut(key)));
    }
    file.twice = twice.into_iter().filter(|name| name.starts_with(&at)).collect();
    Ok(file)
}

/// The solutions a file is nested by; one `None` for a plain file, or for one without sections.
pub(crate) fn solutions_in(value: &Value) -> Vec<Option<String>> {
    let Some(root) = value.as_object().filter(|root| !has_sections(root)) else {
        return vec![None];
    };
    let nested = root.iter().filter(|(_, v)| v.as_object().is_some_and(has_sections));
    let names: Vec<_> = nested.map(|(name, _)| Some(name.clone())).collect();
    if names.is_empty() { vec![None] } else { names }
}

/// Where inside an entry it has the wrong form, and what is wrong.
pub(crate) type WrongShape = (String, &'static str);

/// An entry of `ConnectionReferences` read alone.
pub(crate) fn as_reference(entry: &Value) -> Result<SettingsReference, WrongShape> {
    let map = entry.as_object().ok_or((String::new(), "the entry is not an object"))?;
    let text = |name: &str| match member(map, name) {
        None | Some((_, Value::Null)) => Ok(None),
        Some((_, Value::String(text))) => Ok(Some(text.trim())),
        Some((key, _)) => Err((format!("/{key}"), "expected a text")),
    };
    let name = text("LogicalName")?.filter(|name| !name.is_empty());
    let connector = text("ConnectorId")?.filter(|c| !c.is_empty());
    Ok(SettingsReference {
        logical_name: LogicalName::new(
            name.ok_or((String::new(), "the entry has no `LogicalName`"))?,
        ),
        connection_id: text("ConnectionId")?.unwrap_or_default().to_owned(),
        api_name: connector.map(ApiName::from_connector_id),
        owner: text("ConnectionOwner")?.map(str::to_owned),
    })
}

/// An entry of `EnvironmentVariables` read alone.
pub(crate) fn as_variable(entry: &Value) -> Result<SettingsVariable, WrongShape> {
    let map = entry.as_object().ok_or((String::new(), "the entry is not an object"))?;
    let name = member(map, "SchemaName").and_then(|(_, v)| v.as_str()).map(str::trim);
    let name = name.filter(|name| !name.is_empty());
    let value = match member(map, "Value") {
        None | Some((_, Value::Null)) => String::new(),
        Some((_, Value::String(text))) => text.clone(),
        Some((key, _)) => return Err((format!("/{key}"), "the value is not a text")),
    };
    let name = name.ok_or((String::new(), "the entry has no `SchemaName`"))?;
    Ok(SettingsVariable { schema_name: LogicalName::new(name), value })
}

/// Whether a value has the form of a settings file, plain or nested by solution. A flow has a
/// member of the same name, which is no list.
pub fn settings_is(value: &Value) -> bool {
    let lists = |map: &Map<String, Value>| {
        let sections = [member(map, REFERENCES), member(map, VARIABLES)];
        let mut sections = sections.into_iter().flatten().peekable();
        sections.peek().is_some() && sections.all(|(_, v)| v.is_array() || v.is_null())
    };
    value
        .as_object()
        .is_some_and(|root| lists(root) || root.values().filter_map(Value::as_object).any(lists))
}

fn is(key: &str, name: &str) -> bool {
    key.eq_ignore_ascii_case(name)
}

pub(crate) fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<(&'a str, &'a Value)> {
    map.iter().find(|(key, _)| is(key, name)).map(|(key, value)| (key.as_str(), value))
}

pub(crate) fn has_sections(map: &Map<String, Value>) -> bool {
    member(map, REFERENCES).is_some() || member(map, VARIABLES).is_some()
}

pub(crate) fn nested<'a>(
    root: &'a Map<String, Value>,
    wanted: Option<&str>,
) -> Result<(&'a str, &'a Map<String, Value>), SettingsError> {
    let parts: Vec<(&str, &Map<String, Value>)> = root
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_object()?)))
        .filter(|(_, inner)| has_sections(inner))
        .collect();
    let solutions = || parts.iter().map(|(name, _)| cut(name)).collect::<Vec<_>>();
    match (wanted, &parts[..]) {
        (_, []) => Err(SettingsError::NoSections),
        (Some(wanted), _) => {
            parts.iter().find(|(name, _)| is(name, wanted)).copied().ok_or_else(|| {
                SettingsError::OtherSolution { wanted: wanted.to_owned(), solutions: solutions() }
            })
        }
        (None, [only]) => Ok(*only),
        (None, _) => Err(SettingsError::PerSolution { solutions: solutions() }),
    }
}

pub(crate) fn shape(
    document: &JsonDocument,
    pointer: &str,
    expected: &'static str,
) -> SettingsError {
    let line = document.locate(pointer).map_or(1, |place| place.line);
    SettingsError::Shape { pointer: pointer.to_owned(), line, expected }
}

fn as_object<'a>(
    document: &JsonDocument,
    value: &'a Value,
    pointer: &str,
    expected: &'static str,
) -> Result<&'a Map<String, Value>, SettingsError> {
    value.as_object().ok_or_else(|| shape(document, pointer, expected))
}

/// An entry of a section and its JSON pointer.
type Entry<'v> = (String, &'v Map<String, Value>);

struct SectionReader<'a> {
    document: &'a JsonDocument,
    at: &'a str,
}

impl SectionReader<'_> {
    /// The entries of a section with their pointers; a missing or null section has none.
    fn entries<'v>(
        &self,
        section: &'v Map<String, Value>,
        name: &str,
    ) -> Result<Vec<Entry<'v>>, SettingsError> {
        let Some((key, value)) = member(section, name) else { return Ok(Vec::new()) };
        let pointer = format!("{}/{key}", self.at);
        if value.is_null() {
            return Ok(Vec::new());
        }
        let list =
            value.as_array().ok_or_else(|| shape(self.document, &pointer, "a list of entries"))?;
        list.iter()
            .enumerate()
            .map(|(index, entry)| {
                let pointer = format!("{pointer}/{index}");
                let entry = as_object(self.document, entry, &pointer, "an object")?;
                Ok((pointer, entry))
            })
            .collect()
    }

    /// A text member; missing or null is `None`.
    fn text<'v>(
        &self,
        entry: &'v Map<String, Value>,
        at: &str,
        name: &str,
    ) -> Result<Option<&'v str>, SettingsError> {
        match member(entry, name) {
            None | Some((_, Value::Null)) => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text)),
            Some((key, _)) => Err(shape(self.document, &format!("{at}/{key}"), "a text")),
        }
    }

    fn name<'v>(
        &self,
        entry: &'v Map<String, Value>,
        at: &str,
        name: &str,
        expected: &'static str,
    ) -> Result<&'v str, SettingsError> {
        let text = self.text(entry, at, name)?.map(str::trim).filter(|t| !t.is_empty());
        text.ok_or_else(|| shape(self.document, at, expected))
    }

    fn references(
        &self,
        section: &Map<String, Value>,
    ) -> Result<Vec<SettingsReference>, SettingsError> {
        let mut found = Vec::new();
        for (at, entry) in self.entries(section, REFERENCES)? {
            let name = self.name(entry, &at, "LogicalName", "an entry with `LogicalName`")?;
            let connection = self.text(entry, &at, "ConnectionId")?.unwrap_or_default();
            let connector = self.text(entry, &at, "ConnectorId")?.map(str::trim);
            found.push(SettingsReference {
                logical_name: LogicalName::new(name),
                connection_id: connection.trim().to_owned(),
                api_name: connector.filter(|c| !c.is_empty()).map(ApiName::from_connector_id),
                owner: self.text(entry, &at, "ConnectionOwner")?.map(str::to_owned),
            });
        }
        Ok(found)
    }

    fn variables(
        &self,
        section: &Map<String, Value>,
        problems: &mut Problems<'_>,
    ) -> Result<Vec<SettingsVariable>, SettingsError> {
        let mut found = Vec::new();
        for (at, entry) in self.entries(section, VARIABLES)? {
            let name = self.name(entry, &at, "SchemaName", "an entry with `SchemaName`")?;
            let value = match member(entry, "Value") {
                None | Some((_, Value::Null)) => String::new(),
                Some((_, Value::String(text))) => text.clone(),
                Some((key, other)) => {
                    problems
                        .add(format!("{at}/{key}"), "the value is not a text; its JSON is taken");
                    other.to_string()
                }
            };
            found.push(SettingsVariable { schema_name: LogicalName::new(name), value });
        }
        Ok(found)
    }
}

/// Writes a settings file in the shape of `pac solution create-settings`; `ConnectionOwner` only
/// where there is one.
pub fn settings_write(settings: &DeploymentSettings) -> Vec<u8> {
    let variables: Vec<Value> = settings
        .variables
        .iter()
        .map(|v| json!({ "SchemaName": v.schema_name.as_str(), "Value": v.value }))
        .collect();
    let references: Vec<Value> = settings
        .references
        .iter()
        .map(|r| {
            let connector = r.api_name.as_ref().map(ApiName::connector_id).unwrap_or_default();
            let mut entry = json!({
                "LogicalName": r.logical_name.as_str(),
                "ConnectionId": r.connection_id,
                "ConnectorId": connector,
            });
            if let (Some(owner), Value::Object(map)) = (&r.owner, &mut entry) {
                map.insert("ConnectionOwner".to_owned(), Value::String(owner.clone()));
            }
            entry
        })
        .collect();
    let file = json!({ VARIABLES: variables, REFERENCES: references });
    let mut bytes = JsonDocument::new(file).to_bytes();
    bytes.push(b'\n');
    bytes
}

/// A pointer for people: the root has an empty one.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { "its root".to_owned() } else { format!("`{pointer}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let file = r##"{"EnvironmentVariables":[{"SchemaName":"new_Url","Value":"https://x","Name":{"Default":"Url"}}],
          "connectionReferences":[{"LogicalName":"new_a","ConnectionId":" 0123 ","ConnectorId":"/providers/Microsoft.PowerApps/apis/shared_a","ConnectionOwner":"#{owner}#"},
          {"LogicalName":"new_b","ConnectionId":null}],"CopilotAgents":[]}"##;
        let read = settings_read(file.as_bytes(), None).unwrap();
        assert_eq!(read.settings.references[0].connection_id, "0123");
        assert_eq!(read.settings.references[1].api_name, None);
        assert_eq!(read.problems.len(), 1);
        let again = settings_read(&settings_write(&read.settings), None).unwrap();
        assert_eq!(again.settings, read.settings);
    }

    #[test]
    fn nesting_by_solution_is_known() {
        let one = br#"{"Core":{"EnvironmentVariables":[],"ImportData":["x"]}}"#;
        assert_eq!(settings_read(one, None).unwrap().solution.as_deref(), Some("Core"));
        let two = br#"{"A":{"EnvironmentVariables":[]},"B":{"ConnectionReferences":[]}}"#;
        let error = settings_read(two, None).unwrap_err().to_string();
        assert!(error.contains("A, B"), "{error}");
        assert!(settings_read(two, Some("b")).is_ok());
        assert!(matches!(settings_read(two, Some("c")), Err(SettingsError::OtherSolution { .. })));
    }

    #[test]
    fn wrong_shapes_are_errors_with_their_place() {
        for (text, part) in [
            ("[]", "an object"),
            ("{}", "neither"),
            ("{\"ConnectionReferences\":{}}", "a list"),
            ("{\"ConnectionReferences\":[\n1]}", "line 2"),
            ("{\"ConnectionReferences\":[{}]}", "LogicalName"),
            (
                "{\"ConnectionReferences\":[{\"LogicalName\":\"a\",\"ConnectionId\":1}]}",
                "/0/ConnectionId",
            ),
            ("{\"EnvironmentVariables\":[{\"Value\":\"a\"}]}", "SchemaName"),
        ] {
            let error = settings_read(text.as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(settings_read(b"{", None).is_err());
    }
}
