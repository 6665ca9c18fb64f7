//! Connectors.
use connref_engine::connector::custom::{ConnectorTexts, CustomConnector};
use connref_solution::connector::{
    ConnectorPart, DefinitionError, PartNote, client_secrets_remove, connector_read, connector_text,
};
use connref_solution::model::ApiName;
use connref_solution::model::package::PackageConnector;
use connref_store::StoreError;
use connref_store::connector::{Connector, ConnectorNew, ConnectorUpdate};

use super::{OperationError, Result};
use crate::Context;

/// The texts of a connector's files. What is `None` is not there, or stays.
#[derive(Clone, Debug, Default)]
pub struct ConnectorFiles {
    /// Swagger 2.0.
    pub openapi_definition: Option<String>,
    /// Connection parameters JSON.
    pub connection_parameters: Option<String>,
    /// Connection parameter sets JSON.
    pub connection_parameter_sets: Option<String>,
    /// Policy template instances JSON.
    pub policy_templates: Option<String>,
    /// What `apiProperties.json` holds beside these: a JSON object.
    pub properties: Option<String>,
}

/// A custom connector to make.
#[derive(Clone, Debug, Default)]
pub struct ConnectorCreate {
    /// Display name.
    pub display_name: String,
    /// Encoded name; made from the display name if missing.
    pub name: Option<String>,
    /// Description; else the definition's.
    pub description: Option<String>,
    /// Its files.
    pub files: ConnectorFiles,
    /// Unique name of the unmanaged solution that it goes into.
    pub solution: Option<String>,
}

/// A connector that was made or changed, and what is to be known about its files.
#[derive(Clone, Debug)]
pub struct ConnectorDone {
    /// The row.
    pub row: Connector,
    /// Remarks: part, line and column (0: none), words.
    pub warnings: Vec<Warning>,
}

/// A remark about a connector's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Which part.
    pub part: ConnectorPart,
    /// Line, from 1; 0 if there is none.
    pub line: usize,
    /// Column, from 1; 0 if there is none.
    pub column: usize,
    /// What it is.
    pub message: String,
}

impl From<PartNote> for Warning {
    fn from(note: PartNote) -> Self {
        Self {
            part: note.part,
            line: note.note.line,
            column: note.note.column,
            message: format!("not strict JSON: {}", note.note.kind.as_str()),
        }
    }
}

/// Makes a custom connector after reading its files as a call would. They are kept as strict JSON,
/// without client secrets.
pub async fn connector_create(cx: &Context, new: ConnectorCreate) -> Result<ConnectorDone> {
    let mut warnings = Vec::new();
    let shown = new.display_name.clone();
    let files = files_read(new.files, &mut warnings).map_err(|error| unusable(&shown, &error))?;
    let definition = files.openapi_definition.clone().unwrap_or_default();
    let texts = ConnectorTexts {
        definition: &definition,
        parameters: files.connection_parameters.as_deref(),
        sets: files.connection_parameter_sets.as_deref(),
        policies: files.policy_templates.as_deref(),
    };
    let read = connector_read(&texts).map_err(|error| unusable(&shown, &error))?;
    remarks(&texts, &mut warnings);
    let solution = match &new.solution {
        Some(name) => Some(super::solution::unmanaged(cx, name).await?),
        None => None,
    };
    let row = ConnectorNew {
        any_name: new.name.is_none(),
        parts: PackageConnector {
            id: String::new(),
            name: new.name.unwrap_or_else(|| encoded(&new.display_name)),
            display_name: new.display_name,
            description: new.description.or(read.definition.description),
            openapi_definition: files.openapi_definition,
            connection_parameters: files.connection_parameters,
            connection_parameter_sets: files.connection_parameter_sets,
            policy_templates: files.policy_templates,
        },
        properties: files.properties,
        solution,
    };
    let row = cx.store().connector_create(&cx.caller, &cx.environment.id, row).await?;
    Ok(ConnectorDone { row, warnings })
}

/// Changes a custom connector; its api name and its connections stay.
pub async fn connector_update(
    cx: &Context,
    id: &str,
    display_name: Option<String>,
    files: ConnectorFiles,
    accept_targets: bool,
) -> Result<ConnectorDone> {
    let found = connector_find(cx, id).await?;
    let mut warnings = Vec::new();
    let shown = found.display_name.clone();
    let files = files_read(files, &mut warnings).map_err(|error| unusable(&shown, &error))?;
    let pick = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
    let definition = pick(&files.openapi_definition, &found.openapi_definition).unwrap_or_default();
    let parameters = pick(&files.connection_parameters, &found.connection_parameters);
    let sets = pick(&files.connection_parameter_sets, &found.connection_parameter_sets);
    let policies = pick(&files.policy_templates, &found.policy_templates);
    let texts = ConnectorTexts {
        definition: &definition,
        parameters: parameters.as_deref(),
        sets: sets.as_deref(),
        policies: policies.as_deref(),
    };
    if found.custom {
        connector_read(&texts).map_err(|error| unusable(&shown, &error))?;
        remarks(&texts, &mut warnings);
    }
    let update = ConnectorUpdate {
        display_name,
        description: None,
        openapi_definition: files.openapi_definition,
        connection_parameters: files.connection_parameters,
        connection_parameter_sets: files.connection_parameter_sets,
        policy_templates: files.policy_templates,
        properties: files.properties,
        accept_targets,
    };
    let store = cx.store();
    let row =
        store.connector_update(&cx.caller, &cx.environment.id, &found.api_name, update).await?;
    Ok(ConnectorDone { row, warnings })
}

/// Reads a definition as [`connector_create`] would, and keeps nothing.
pub fn connector_validate(definition: String) -> Result<()> {
    let files =
        ConnectorFiles { openapi_definition: Some(definition), ..ConnectorFiles::default() };
    let shown = "the definition";
    let files = files_read(files, &mut Vec::new()).map_err(|error| unusable(shown, &error))?;
    let definition = files.openapi_definition.unwrap_or_default();
    let texts =
        ConnectorTexts { definition: &definition, parameters: None, sets: None, policies: None };
    connector_read(&texts).map(drop).map_err(|error| unusable(shown, &error))
}

fn unusable(name: &str, error: &DefinitionError) -> OperationError {
    let cause = std::error::Error::source(error).and_then(std::error::Error::source);
    let cause = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    OperationError::invalid(
        format!("connector `{name}` cannot be used: {error}{cause}"),
        "see `connref connector validate` on its files",
    )
}

/// The files as strict JSON and without client secrets.
fn files_read(
    files: ConnectorFiles,
    warnings: &mut Vec<Warning>,
) -> std::result::Result<ConnectorFiles, DefinitionError> {
    let mut part = |part: ConnectorPart, text: Option<String>| {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        let read = connector_text(part, text.as_bytes())?;
        warnings.extend(read.notes.into_iter().map(|note| Warning::from(PartNote { part, note })));
        let (strict, taken) = client_secrets_remove(read.document.text())
            .map_err(|source| DefinitionError::Json { part, source })?;
        for pointer in taken {
            let (line, column) =
                read.document.locate(&pointer).map_or((0, 0), |p| (p.line, p.column));
            let message = "the client secret is not kept: give it with the connection".to_owned();
            warnings.push(Warning { part, line, column, message });
        }
        Ok(Some(strict))
    };
    Ok(ConnectorFiles {
        openapi_definition: part(ConnectorPart::Definition, files.openapi_definition)?,
        connection_parameters: part(ConnectorPart::Parameters, files.connection_parameters)?,
        connection_parameter_sets: part(ConnectorPart::Sets, files.connection_parameter_sets)?,
        policy_templates: part(ConnectorPart::Policies, files.policy_templates)?,
        properties: part(ConnectorPart::Properties, files.properties)?,
    })
}

/// Policies that calls will be refused for.
fn remarks(texts: &ConnectorTexts<'_>, warnings: &mut Vec<Warning>) {
    let Ok(connector) = CustomConnector::from_parts(texts) else { return };
    let mut names: Vec<&str> = connector.unsupported_policies();
    names.sort_unstable();
    names.dedup();
    for name in names {
        warnings.push(Warning {
            part: ConnectorPart::Policies,
            line: 0,
            column: 0,
            message: format!(
                "the policy template `{name}` is not offered: calls it applies to are refused"
            ),
        });
    }
}

/// The connector of an id or api name; one that is not there is told with where to look. A failure
/// of the database stays what it is.
pub(super) async fn connector_find(cx: &Context, id: &str) -> Result<Connector> {
    let api = ApiName::from_connector_id(id);
    let found = cx.store().connector_get(&cx.caller, &cx.environment.id, &api).await;
    found.map_err(|error| match error {
        StoreError::NotFound { .. } => OperationError::invalid(
            format!("connector `{api}` does not exist in environment `{}`", cx.environment.name),
            &format!("see `connref connector list --env {}`", cx.environment.name),
        ),
        other => other.into(),
    })
}

/// Deletes a custom connector nothing uses.
pub async fn connector_delete(cx: &Context, id: &str) -> Result<()> {
    Ok(cx.store().connector_delete(&cx.caller, &cx.environment.id, &id.into()).await?)
}

/// Longest encoded name; an api name with its hash still fits into a reference.
const NAME_MAX: usize = 120;

/// The name in files: letters and digits in lower case, everything else as `-` and two hex digits.
fn encoded(display_name: &str) -> String {
    let mut out = String::from("new_5F");
    for byte in display_name.to_lowercase().bytes() {
        if out.len() >= NAME_MAX {
            break;
        }
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("-{byte:02x}"));
        }
    }
    out
}
