//! A connector's files as commands take them: a folder, two files, or a solution that holds one.
use std::io::Read;
use std::path::{Path, PathBuf};

use connref_solution::connector::{ConnectorPart, DefinitionError, MAX_PART, connector_text};
use connref_solution::document::json::JsonDocument;
use connref_solution::model::package::PackageConnector;
use serde_json::{Map, Value};

use crate::exit::{Exit, Failure};
use crate::package;
use crate::report::shown;

/// What definitions are called, the most usual first; any letter case.
const DEFINITIONS: [&str; 3] = ["apidefinition.swagger.json", "apidefinition.json", "swagger.json"];
/// What properties are called.
const PROPERTIES: &str = "apiproperties.json";
/// Names in a folder that are looked at.
const MAX_NAMES: usize = 10_000;

/// A connector's files, read.
#[derive(Debug, Default)]
pub(crate) struct ConnectorFile {
    /// Display name, if the files have one.
    pub(crate) name: Option<String>,
    /// Swagger 2.0, as strict JSON.
    pub(crate) definition: Option<String>,
    /// `properties` of apiProperties.json.
    pub(crate) properties: Option<Value>,
    /// What is not strict JSON, with its place.
    pub(crate) warnings: Vec<String>,
}

impl ConnectorFile {
    /// The files at a path: of a folder with a definition, or of a solution. Properties that are
    /// named stand in front of those found.
    pub(crate) fn at(
        path: &Path,
        from: Option<&str>,
        properties: Option<&Path>,
    ) -> Result<Self, Failure> {
        let pair = if path.is_dir() { pair(path)? } else { None };
        if let Some((definition, found)) = pair {
            let mut file = Self::of(Some(&definition), properties.or(found.as_deref()))?;
            // A folder is named like its connector.
            let folder = path.canonicalize().ok();
            let folder = folder.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
            file.name = file.name.or_else(|| folder.map(str::to_owned));
            return Ok(file);
        }
        if !path.exists() {
            return Err(Failure::new(
                Exit::Usage,
                std::io::Error::from(std::io::ErrorKind::NotFound),
            )
            .context(format!("cannot read `{}`", path.display())));
        }
        let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        if path.is_file() && is_json {
            return Self::of(Some(path), properties);
        }
        let solution = package::read(path).map_err(|failure| {
            failure.fix("name a folder with apiDefinition.swagger.json, or a solution")
        })?;
        let connector = one(&solution.package.connectors, path, from)?;
        Self::of_package(connector, path, properties)
    }

    /// Two files.
    pub(crate) fn of(
        definition: Option<&Path>,
        properties: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut file = Self::default();
        if let Some(path) = definition {
            let document = file.text(path, ConnectorPart::Definition)?;
            file.name = title(document.value());
            file.definition = Some(document.text().to_owned());
        }
        if let Some(path) = properties {
            file.properties = Some(file.properties_of(path)?);
        }
        Ok(file)
    }

    fn properties_of(&mut self, path: &Path) -> Result<Value, Failure> {
        let document = self.text(path, ConnectorPart::Properties)?;
        match document.value().get("properties") {
            Some(Value::Object(map)) => Ok(Value::Object(map.clone())),
            _ => Err(Failure::usage(format!("`{}` has no `properties` object", path.display()))),
        }
    }

    fn of_package(
        connector: &PackageConnector,
        path: &Path,
        properties: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut file = Self::default();
        let mut members = Map::new();
        let parts = [
            ("openApiDefinition", ConnectorPart::Definition, &connector.openapi_definition),
            ("connectionParameters", ConnectorPart::Parameters, &connector.connection_parameters),
            ("connectionParameterSets", ConnectorPart::Sets, &connector.connection_parameter_sets),
            ("policyTemplateInstances", ConnectorPart::Policies, &connector.policy_templates),
        ];
        for (member, part, text) in parts {
            let Some(text) = text.as_deref().filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            let place = format!("{}: {} {}", shown(path), connector.name, part.as_str());
            let document = file.document(&place, part, text.as_bytes())?;
            match part {
                ConnectorPart::Definition => {
                    file.name = title(document.value());
                    file.definition = Some(document.text().to_owned());
                }
                _ => {
                    members.insert(member.to_owned(), document.value().clone());
                }
            }
        }
        let named = Some(connector.display_name.clone()).filter(|name| !name.is_empty());
        file.name = named.or(file.name);
        file.properties = match properties {
            Some(path) => Some(file.properties_of(path)?),
            None => Some(Value::Object(members)),
        };
        Ok(file)
    }

    fn text(&mut self, path: &Path, part: ConnectorPart) -> Result<JsonDocument, Failure> {
        let bytes = bytes(path)?;
        self.document(&shown(path), part, &bytes)
    }

    /// Reads a part; its slips become warnings that name the place.
    fn document(
        &mut self,
        place: &str,
        part: ConnectorPart,
        bytes: &[u8],
    ) -> Result<JsonDocument, Failure> {
        let read = connector_text(part, bytes).map_err(|error| {
            let cause = match error {
                DefinitionError::Json { source, .. } => anyhow::Error::from(source),
                other => other.into(),
            };
            Failure::new(Exit::Usage, cause).context(format!("cannot read `{place}`"))
        })?;
        self.warnings.extend(read.notes.iter().map(|note| {
            let (line, column) = (note.line, note.column);
            format!("{place}:{line}:{column}: not strict JSON: {}", note.kind.as_str())
        }));
        Ok(read.document)
    }
}

/// The bytes of a file, at most as many as a part may have.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let fail = |error: std::io::Error| {
        Failure::from(error).context(format!("cannot read `{}`", path.display()))
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(MAX_PART as u64 + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() > MAX_PART {
        let size = MAX_PART >> 20;
        return Err(Failure::usage(format!("`{}` is larger than {size} MiB", path.display())));
    }
    Ok(bytes)
}

/// Definition and properties of a folder, if it holds a definition.
pub(crate) fn pair(folder: &Path) -> Result<Option<(PathBuf, Option<PathBuf>)>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::from(error).context(format!("cannot read `{}`", folder.display()))
    })?;
    let mut names: Vec<String> = entries
        .take(MAX_NAMES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    let named = |wanted: &str| names.iter().find(|name| name.to_lowercase() == wanted);
    let other = || names.iter().find(|name| name.to_lowercase().ends_with(".swagger.json"));
    let definition = DEFINITIONS.iter().find_map(|wanted| named(wanted)).or_else(other);
    Ok(definition.map(|name| (folder.join(name), named(PROPERTIES).map(|p| folder.join(p)))))
}

/// The one connector of a solution that is meant.
fn one<'a>(
    all: &'a [PackageConnector],
    path: &Path,
    from: Option<&str>,
) -> Result<&'a PackageConnector, Failure> {
    let matches = |connector: &&PackageConnector| {
        from.is_none_or(|name| {
            connector.name.eq_ignore_ascii_case(name)
                || connector.display_name.eq_ignore_ascii_case(name)
        })
    };
    let hits: Vec<_> = all.iter().filter(matches).collect();
    let names = |list: &[&PackageConnector]| {
        let names: Vec<_> = list.iter().map(|c| format!("`{}`", c.name)).collect();
        names.join(", ")
    };
    match hits.as_slice() {
        [one] => Ok(one),
        [] if all.is_empty() => {
            Err(Failure::usage(format!("`{}` holds no custom connector", path.display()))
                .fix("name a folder with apiDefinition.swagger.json"))
        }
        [] => {
            let all: Vec<_> = all.iter().collect();
            Err(Failure::usage(format!("there is no such connector, but {}", names(&all)))
                .fix("name one of them with --from"))
        }
        several => Err(Failure::usage(format!("there are several connectors: {}", names(several)))
            .fix("name one of them with --from")),
    }
}

/// `info.title` of a definition.
fn title(document: &Value) -> Option<String> {
    let title = document.pointer("/info/title")?.as_str()?.trim();
    (!title.is_empty()).then(|| title.to_owned())
}
