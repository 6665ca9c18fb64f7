//! What of a Swagger 2.0 definition a call needs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::metadata::{OperationMetadata, ParameterMetadata};
use super::reference::resolve;

/// Most operations of one definition.
const MAX_OPERATIONS: usize = 5000;
/// How deep defaults inside of a body are looked for.
const MAX_DEPTH: usize = 16;
/// Most defaults of one body.
const MAX_DEFAULTS: usize = 1000;
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// Why a connector cannot be made from its parts.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DefinitionError {
    /// A part is larger than any real one.
    #[error("cannot read the connector's {part}: it is longer than {limit} bytes")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A part is not JSON, even read with patience.
    #[error("cannot read the connector's {part} at line {line}: {reason}")]
    Json {
        /// Which part.
        part: &'static str,
        /// Line, from 1.
        line: usize,
        /// What was expected.
        reason: &'static str,
    },
    /// A part is JSON of another shape.
    #[error("cannot use the connector's definition: {reason}")]
    Shape {
        /// What is wrong.
        reason: String,
    },
}

/// A definition, reduced to what calls need.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) title: String,
    pub(super) host: Option<String>,
    /// Begins with a slash or is empty, ends without one.
    pub(super) base_path: String,
    pub(super) scheme: String,
    pub(super) operations: BTreeMap<String, Operation>,
    /// Security schemes by name.
    pub(super) security: BTreeMap<String, Security>,
    /// Names that apply where an operation says nothing.
    pub(super) default_security: Vec<String>,
}

/// How a scheme proves who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Security {
    KeyInHeader(String),
    KeyInQuery(String),
    Basic,
    Oauth,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    summary: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) consumes: Vec<String>,
    trigger: bool,
    pub(super) security: Option<Vec<String>>,
}

/// Where a parameter travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Body,
    Form,
}

/// One parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) default: Option<Json>,
    /// `csv`, `ssv`, `tsv`, `pipes` or `multi`.
    pub(super) collection: String,
    pub(super) file: bool,
    /// `x-ms-url-encoding: double`.
    pub(super) double: bool,
    /// Body: properties at the first level, for descriptions.
    properties: Vec<(String, bool)>,
    /// Body: hidden properties with a fixed value, by path.
    pub(super) hidden: Vec<(Vec<String>, Json)>,
}

impl Operation {
    pub(super) fn metadata(&self) -> OperationMetadata {
        let mut parameters = Vec::new();
        for p in &self.parameters {
            if p.place == Place::Body && !p.properties.is_empty() {
                let inner = p.properties.iter();
                parameters.extend(inner.map(|(name, required)| ParameterMetadata {
                    name: format!("{}/{name}", p.name),
                    required: *required,
                }));
            } else {
                parameters.push(ParameterMetadata { name: p.name.clone(), required: p.required });
            }
        }
        OperationMetadata { id: self.id.clone(), summary: self.summary.clone(), parameters }
    }

    /// True if it only reads and needs nothing: a probe may call it.
    pub(super) fn harmless(&self) -> bool {
        self.method == "get"
            && !self.trigger
            && self.parameters.iter().all(|p| !p.required || p.default.is_some())
    }
}

impl Definition {
    pub(super) fn read(document: &Json) -> Result<Self, DefinitionError> {
        let shape = |reason: &str| DefinitionError::Shape { reason: reason.to_owned() };
        let text = |at: &str| {
            document.pointer(at).and_then(Json::as_str).map(str::trim).filter(|t| !t.is_empty())
        };
        if document.get("openapi").is_some() {
            return Err(shape("it is OpenAPI 3, connectors are Swagger 2.0"));
        }
        let version = document.get("swagger").and_then(|v| {
            v.as_str().map(str::to_owned).or_else(|| v.as_f64().map(|n| format!("{n:.1}")))
        });
        if version.as_deref() != Some("2.0") {
            return Err(shape("it is not Swagger 2.0"));
        }
        let schemes: Vec<&str> = document
            .get("schemes")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let scheme =
            if schemes.is_empty() || schemes.contains(&"https") { "https" } else { "http" };
        let base_path = text("/basePath").unwrap_or("").trim_matches('/');
        Ok(Self {
            title: text("/info/title").unwrap_or("custom connector").to_owned(),
            host: text("/host").map(str::to_owned),
            base_path: if base_path.is_empty() { String::new() } else { format!("/{base_path}") },
            scheme: scheme.to_owned(),
            operations: operations(document)?,
            security: security(document),
            default_security: requirements(document.get("security")).unwrap_or_default(),
        })
    }
}

fn security(document: &Json) -> BTreeMap<String, Security> {
    let schemes =
        document.get("securityDefinitions").and_then(Json::as_object).into_iter().flatten();
    let read = |(name, scheme): (&String, &Json)| {
        let text = |at: &str| scheme.get(at).and_then(Json::as_str).unwrap_or_default();
        let kind = match (text("type").to_ascii_lowercase().as_str(), text("in")) {
            ("apikey", "query") => Security::KeyInQuery(text("name").to_owned()),
            ("apikey", _) => Security::KeyInHeader(text("name").to_owned()),
            ("basic", _) => Security::Basic,
            ("oauth2", _) => Security::Oauth,
            _ => return None,
        };
        Some((name.clone(), kind))
    };
    schemes.filter_map(read).collect()
}

/// Names of the first requirement that asks for something.
fn requirements(node: Option<&Json>) -> Option<Vec<String>> {
    let list = node?.as_array()?;
    Some(list.iter().filter_map(Json::as_object).flat_map(|o| o.keys().cloned()).collect())
}

fn operations(document: &Json) -> Result<BTreeMap<String, Operation>, DefinitionError> {
    let paths = document.get("paths").and_then(Json::as_object);
    let paths =
        paths.ok_or_else(|| DefinitionError::Shape { reason: "it has no `paths`".to_owned() })?;
    let mut operations = BTreeMap::new();
    let global = strings(document.get("consumes"));
    for (path, item) in paths {
        let Some(item) = resolve(document, item) else { continue };
        for method in METHODS {
            let Some(node) = item.get(method).filter(|n| n.is_object()) else { continue };
            let operation = operation(document, path, method, item, node, &global);
            operations.insert(operation.id.clone(), operation);
            if operations.len() > MAX_OPERATIONS {
                return Err(DefinitionError::Shape {
                    reason: format!("it has more than {MAX_OPERATIONS} operations"),
                });
            }
        }
    }
    Ok(operations)
}

fn operation(
    document: &Json,
    path: &str,
    method: &str,
    item: &Json,
    node: &Json,
    global: &[String],
) -> Operation {
    let text = |name: &str| node.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let id = match node.get("operationId").and_then(Json::as_str).map(str::trim) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{method} {path}"),
    };
    let mut parameters: Vec<Parameter> = Vec::new();
    // An operation's own parameter replaces the path's of the same name and place.
    for list in [item.get("parameters"), node.get("parameters")] {
        for entry in list.and_then(Json::as_array).into_iter().flatten() {
            if let Some(parameter) = resolve(document, entry).and_then(|n| parameter(document, n)) {
                parameters.retain(|p| p.name != parameter.name || p.place != parameter.place);
                parameters.push(parameter);
            }
        }
    }
    let own = strings(node.get("consumes"));
    Operation {
        method: method.to_owned(),
        path: path.to_owned(),
        summary: text("summary"),
        parameters,
        consumes: if own.is_empty() { global.to_vec() } else { own },
        trigger: node.get("x-ms-trigger").is_some(),
        security: requirements(node.get("security")),
        id,
    }
}

fn parameter(document: &Json, node: &Json) -> Option<Parameter> {
    let text = |name: &str| node.get(name).and_then(Json::as_str);
    let place = match text("in")? {
        "path" => Place::Path,
        "query" => Place::Query,
        "header" => Place::Header,
        "body" => Place::Body,
        "formData" => Place::Form,
        _ => return None,
    };
    let mut parameter = Parameter {
        name: text("name")?.to_owned(),
        place,
        required: place == Place::Path || node.get("required") == Some(&Json::Bool(true)),
        default: node.get("default").cloned(),
        collection: text("collectionFormat").unwrap_or("csv").to_owned(),
        file: text("type") == Some("file"),
        double: text("x-ms-url-encoding") == Some("double"),
        properties: Vec::new(),
        hidden: Vec::new(),
    };
    if let Some(schema) = node.get("schema").and_then(|s| resolve(document, s)) {
        parameter.properties = properties(schema);
        hidden(document, schema, &mut Vec::new(), &mut parameter.hidden);
        parameter.default = parameter.default.or_else(|| schema.get("default").cloned());
    }
    Some(parameter)
}

fn properties(schema: &Json) -> Vec<(String, bool)> {
    let required = strings(schema.get("required"));
    let names = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    names.map(|(name, _)| (name.clone(), required.contains(name))).collect()
}

/// Properties that no maker sees and that the service fills in: internal ones with a default.
fn hidden(
    document: &Json,
    schema: &Json,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, Json)>,
) {
    if path.len() >= MAX_DEPTH || found.len() >= MAX_DEFAULTS {
        return;
    }
    for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten()
    {
        path.push(name.clone());
        let internal = property.get("x-ms-visibility").and_then(Json::as_str) == Some("internal");
        match property.get("default") {
            Some(default) if internal => found.push((path.clone(), default.clone())),
            // A schema that is only reached through references may contain itself; one level of it is enough.
            _ if property.get("$ref").is_none() => hidden(document, property, path, found),
            _ if path.len() == 1 => {
                if let Some(inner) = resolve(document, property) {
                    hidden(document, inner, path, found);
                }
            }
            _ => {}
        }
        path.pop();
    }
}

fn strings(node: Option<&Json>) -> Vec<String> {
    node.and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect()
}
