//! A Swagger 2.0 definition as a whole.
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::operation::{Operation, operations};
use super::security::{Security, requirements, security};
use super::{ConnectorPart, DefinitionError};

/// A definition, reduced to what calls and people need.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `info.title`; empty if it has none.
    pub title: String,
    /// `info.description`.
    pub description: Option<String>,
    /// `info.version`.
    pub version: Option<String>,
    /// Host, with its port if it names one.
    pub host: Option<String>,
    /// Begins with a slash or is empty, ends without one.
    pub base_path: String,
    /// `https`, or `http` where the definition knows nothing else.
    pub scheme: String,
    /// Operations in the order of the file.
    pub operations: Vec<Operation>,
    /// Security schemes by name.
    pub security: BTreeMap<String, Security>,
    /// Names that apply where an operation says nothing.
    pub default_security: Vec<String>,
    index: BTreeMap<String, usize>,
}

impl Definition {
    /// Reads a definition. Places that make no sense say nothing; only what makes the whole
    /// useless is an error.
    ///
    /// # Errors
    /// Not Swagger 2.0, no `paths`, or more than [`super::MAX_OPERATIONS`] operations.
    pub fn read(document: &Json) -> Result<Self, DefinitionError> {
        let shape =
            |at: &str, reason: &str| DefinitionError::shape(ConnectorPart::Definition, at, reason);
        if !document.is_object() {
            return Err(shape("", "it is not an object"));
        }
        if document.get("openapi").is_some() {
            return Err(shape("/openapi", "it is OpenAPI 3, connectors are Swagger 2.0"));
        }
        let version = document.get("swagger").and_then(|v| {
            v.as_str()
                .map(|v| v.trim().to_owned())
                .or_else(|| v.as_f64().map(|n| format!("{n:.1}")))
        });
        if !matches!(version.as_deref(), Some("2.0" | "2")) {
            return Err(shape("/swagger", "it is not Swagger 2.0"));
        }
        let text = |at: &str| {
            document.pointer(at).and_then(Json::as_str).map(str::trim).filter(|t| !t.is_empty())
        };
        let base_path = text("/basePath").unwrap_or("").trim_matches('/');
        let operations = operations(document)?;
        let mut index = BTreeMap::new();
        for (at, operation) in operations.iter().enumerate() {
            index.entry(operation.id.clone()).or_insert(at);
        }
        Ok(Self {
            title: text("/info/title").unwrap_or_default().to_owned(),
            description: text("/info/description").map(str::to_owned),
            version: text("/info/version").map(str::to_owned),
            host: text("/host").map(str::to_owned),
            base_path: if base_path.is_empty() { String::new() } else { format!("/{base_path}") },
            scheme: scheme(document).to_owned(),
            operations,
            security: security(document),
            default_security: requirements(document.get("security")).unwrap_or_default(),
            index,
        })
    }

    /// The operation of an id, as flows write it; of several, the first.
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.get(*self.index.get(id)?)
    }
}

fn scheme(document: &Json) -> &'static str {
    let list = document.get("schemes").and_then(Json::as_array);
    let has = |name: &str| {
        let named = |s: &Json| s.as_str().is_some_and(|s| s.eq_ignore_ascii_case(name));
        list.is_some_and(|list| list.iter().any(named))
    };
    if has("http") && !has("https") { "http" } else { "https" }
}
