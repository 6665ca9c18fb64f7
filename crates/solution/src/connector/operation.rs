//! The operations of a definition.
use std::cell::Cell;

use serde_json::{Map, Value as Json};

use super::reference::resolve;
use super::security::requirements;
use super::{ConnectorPart, DefinitionError};

/// Most operations of one definition; the largest public one has fewer than 1,000.
pub const MAX_OPERATIONS: usize = 10_000;
/// How deep schemas are looked into.
const MAX_DEPTH: usize = 16;
/// Most defaults of one body.
const MAX_DEFAULTS: usize = 1000;
/// Schema nodes that are looked at in one definition: what refers to itself in many ways at once
/// ends here.
const BUDGET: usize = 500_000;
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its id as flows write it; method and path where the definition gives none.
    pub id: String,
    /// Method in lower case.
    pub method: String,
    /// Path template below the base path.
    pub path: String,
    /// JSON pointer in the definition.
    pub pointer: String,
    /// Short name.
    pub summary: String,
    /// Description.
    pub description: String,
    /// Parameters: the path's, replaced or followed by its own.
    pub parameters: Vec<Parameter>,
    /// Media types that it takes.
    pub consumes: Vec<String>,
    /// `x-ms-visibility`: important, advanced, internal.
    pub visibility: Option<String>,
    /// Deprecated.
    pub deprecated: bool,
    /// How it starts flows, if it is a trigger.
    pub trigger: Option<Trigger>,
    /// Names of its own security schemes; `None`: the definition's.
    pub security: Option<Vec<String>>,
}

/// How a trigger starts flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// It is asked again and again.
    Polling,
    /// The target calls back.
    Webhook,
}

/// Where a parameter travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// As the body.
    Body,
    /// As a form field.
    Form,
}

impl Place {
    /// As Swagger spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Body => "body",
            Self::Form => "formData",
        }
    }
}

/// Where the values or the shape of a parameter come from at design time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// The extension (`x-ms-dynamic-values` …).
    pub extension: &'static str,
    /// The operation that is asked, if one is named.
    pub operation: Option<String>,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it travels.
    pub place: Place,
    /// Whether a call fails without it.
    pub required: bool,
    /// `string`, `integer`, `array`, `object` …; empty if the definition does not say.
    pub kind: String,
    /// `x-ms-summary`.
    pub summary: String,
    /// Description.
    pub description: String,
    /// `x-ms-visibility`.
    pub visibility: Option<String>,
    /// What a call takes where the flow gives nothing.
    pub default: Option<Json>,
    /// The values that it may have, if they are listed.
    pub values: Vec<Json>,
    /// Where values or shape come from at design time.
    pub dynamic: Option<Dynamic>,
    /// `csv`, `ssv`, `tsv`, `pipes` or `multi`.
    pub collection: String,
    /// A file of a form.
    pub file: bool,
    /// `x-ms-url-encoding: double`.
    pub double: bool,
    /// Body: properties at the first level, and whether each is required.
    pub properties: Vec<(String, bool)>,
    /// Body: hidden properties with a fixed value, by path.
    pub hidden: Vec<(Vec<String>, Json)>,
}

/// A definition while its operations are read.
struct Reader<'a> {
    document: &'a Json,
    left: Cell<usize>,
}

/// All operations in the order of the file.
pub(super) fn operations(document: &Json) -> Result<Vec<Operation>, DefinitionError> {
    let shape =
        |at: &str, reason: String| DefinitionError::shape(ConnectorPart::Definition, at, reason);
    let paths = document.get("paths").and_then(Json::as_object);
    let paths = paths.ok_or_else(|| shape("", "it has no `paths`".to_owned()))?;
    let reader = Reader { document, left: Cell::new(BUDGET) };
    let global = strings(document.get("consumes"));
    let mut operations = Vec::new();
    for (path, item) in paths {
        let Some(item) = resolve(document, item).and_then(Json::as_object) else { continue };
        for (name, node) in item {
            let method = name.to_ascii_lowercase();
            let Some(node) = node.as_object().filter(|_| METHODS.contains(&method.as_str())) else {
                continue;
            };
            if operations.len() == MAX_OPERATIONS {
                return Err(shape(
                    "/paths",
                    format!("it has more than {MAX_OPERATIONS} operations"),
                ));
            }
            let pointer = format!("/paths/{}/{name}", crate::document::json::pointer_escape(path));
            let place = (path.as_str(), method.as_str(), pointer);
            operations.push(reader.operation(place, item, node, &global));
        }
    }
    Ok(operations)
}

impl Reader<'_> {
    fn operation(
        &self,
        (path, method, pointer): (&str, &str, String),
        item: &Map<String, Json>,
        node: &Map<String, Json>,
        global: &[String],
    ) -> Operation {
        let text = |name: &str| node.get(name).and_then(Json::as_str).unwrap_or_default().trim();
        let id = match text("operationId") {
            "" => format!("{method} {path}"),
            id => id.to_owned(),
        };
        let (mut parameters, mut calls_back) = (Vec::<Parameter>::new(), false);
        // An operation's own parameter replaces the path's of the same name and place.
        for list in [item.get("parameters"), node.get("parameters")] {
            for entry in list.and_then(Json::as_array).into_iter().flatten() {
                let Some(entry) = resolve(self.document, entry) else { continue };
                let Some(parameter) = self.parameter(entry, &mut calls_back) else { continue };
                parameters.retain(|p| p.name != parameter.name || p.place != parameter.place);
                parameters.push(parameter);
            }
        }
        let own = strings(node.get("consumes"));
        let trigger = node.get("x-ms-trigger").is_some_and(|t| !t.is_null());
        calls_back |= item.contains_key("x-ms-notification-content");
        Operation {
            id,
            method: method.to_owned(),
            path: path.to_owned(),
            pointer,
            summary: text("summary").to_owned(),
            description: text("description").to_owned(),
            parameters,
            consumes: if own.is_empty() { global.to_vec() } else { own },
            visibility: visibility(node),
            deprecated: node.get("deprecated") == Some(&Json::Bool(true)),
            trigger: trigger.then(|| match calls_back && method != "get" {
                true => Trigger::Webhook,
                false => Trigger::Polling,
            }),
            security: requirements(node.get("security")),
        }
    }

    fn parameter(&self, node: &Json, calls_back: &mut bool) -> Option<Parameter> {
        let node = node.as_object()?;
        let text = |name: &str| node.get(name).and_then(Json::as_str);
        let place = match text("in")? {
            "path" => Place::Path,
            "query" => Place::Query,
            "header" => Place::Header,
            "body" => Place::Body,
            "formData" | "formdata" | "form" => Place::Form,
            _ => return None,
        };
        *calls_back |= is_true(node.get("x-ms-notification-url"));
        let schema = node.get("schema").and_then(|s| resolve(self.document, s));
        let schema = schema.and_then(Json::as_object);
        let empty = Map::new();
        let of_schema = schema.unwrap_or(&empty);
        let either = |name: &str| node.get(name).or_else(|| of_schema.get(name));
        let mut parameter = Parameter {
            name: text("name")?.to_owned(),
            place,
            required: place == Place::Path || is_true(node.get("required")),
            kind: either("type").and_then(Json::as_str).unwrap_or_default().to_owned(),
            summary: text("x-ms-summary").unwrap_or_default().to_owned(),
            description: text("description").unwrap_or_default().to_owned(),
            visibility: visibility(node),
            default: either("default").cloned(),
            values: either("enum").and_then(Json::as_array).cloned().unwrap_or_default(),
            dynamic: dynamic(node).or_else(|| dynamic(of_schema)),
            collection: text("collectionFormat").unwrap_or("csv").to_owned(),
            file: text("type") == Some("file"),
            double: text("x-ms-url-encoding") == Some("double"),
            properties: Vec::new(),
            hidden: Vec::new(),
        };
        if let Some(schema) = schema {
            self.properties(schema, 0, &mut parameter.properties);
            self.hidden(schema, &mut Vec::new(), &mut parameter.hidden, calls_back);
        }
        Some(parameter)
    }

    /// Takes one node from the budget; `false`: nothing is left.
    fn spend(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// A schema's own properties and those of its `allOf`, in order.
    fn properties(
        &self,
        schema: &Map<String, Json>,
        depth: usize,
        found: &mut Vec<(String, bool)>,
    ) {
        if depth > MAX_DEPTH || !self.spend() {
            return;
        }
        for part in self.parts(schema) {
            self.properties(part, depth + 1, found);
        }
        let required = strings(schema.get("required"));
        let names = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
        for (name, _) in names {
            if !self.spend() {
                return;
            }
            let needed = required.contains(name);
            match found.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1 |= needed,
                None => found.push((name.clone(), needed)),
            }
        }
    }

    fn parts<'s>(
        &'s self,
        schema: &'s Map<String, Json>,
    ) -> impl Iterator<Item = &'s Map<String, Json>> {
        let parts = schema.get("allOf").and_then(Json::as_array).into_iter().flatten();
        parts.filter_map(|part| resolve(self.document, part)?.as_object())
    }

    /// Properties that no maker sees and that the service fills in: internal ones with a default.
    /// On the way it sees whether one of them takes the address to call back.
    fn hidden(
        &self,
        schema: &Map<String, Json>,
        path: &mut Vec<String>,
        found: &mut Vec<(Vec<String>, Json)>,
        calls_back: &mut bool,
    ) {
        if path.len() >= MAX_DEPTH || found.len() >= MAX_DEFAULTS || !self.spend() {
            return;
        }
        for part in self.parts(schema) {
            self.hidden_part(part, 0, path, found, calls_back);
        }
        self.hidden_properties(schema, path, found, calls_back);
    }

    /// A part of an `allOf` stands at the place of its schema.
    fn hidden_part(
        &self,
        part: &Map<String, Json>,
        depth: usize,
        path: &mut Vec<String>,
        found: &mut Vec<(Vec<String>, Json)>,
        calls_back: &mut bool,
    ) {
        if depth > MAX_DEPTH || !self.spend() {
            return;
        }
        for inner in self.parts(part) {
            self.hidden_part(inner, depth + 1, path, found, calls_back);
        }
        self.hidden_properties(part, path, found, calls_back);
    }

    fn hidden_properties(
        &self,
        schema: &Map<String, Json>,
        path: &mut Vec<String>,
        found: &mut Vec<(Vec<String>, Json)>,
        calls_back: &mut bool,
    ) {
        let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
        for (name, node) in properties {
            let Some(property) = node.as_object() else { continue };
            *calls_back |= is_true(property.get("x-ms-notification-url"));
            path.push(name.clone());
            match property.get("default") {
                Some(default) if visibility(property).as_deref() == Some("internal") => {
                    found.push((path.clone(), default.clone()));
                }
                // A schema that is only reached through references may contain itself; one level
                // of it is enough.
                _ if !property.contains_key("$ref") => {
                    self.hidden(property, path, found, calls_back);
                }
                _ if path.len() == 1 => {
                    let inner = resolve(self.document, node).and_then(Json::as_object);
                    if let Some(inner) = inner {
                        self.hidden(inner, path, found, calls_back);
                    }
                }
                _ => {}
            }
            path.pop();
        }
    }
}

fn dynamic(node: &Map<String, Json>) -> Option<Dynamic> {
    const EXTENSIONS: [&str; 5] = [
        "x-ms-dynamic-values",
        "x-ms-dynamic-list",
        "x-ms-dynamic-schema",
        "x-ms-dynamic-properties",
        "x-ms-dynamic-tree",
    ];
    let extension = EXTENSIONS.into_iter().find(|name| node.contains_key(*name))?;
    let operation = node[extension].get("operationId").and_then(Json::as_str);
    Some(Dynamic { extension, operation: operation.map(str::to_owned) })
}

fn visibility(node: &Map<String, Json>) -> Option<String> {
    node.get("x-ms-visibility").and_then(Json::as_str).map(str::to_ascii_lowercase)
}

/// `true`, also as text: real files have both.
pub(super) fn is_true(node: Option<&Json>) -> bool {
    match node {
        Some(Json::Bool(flag)) => *flag,
        Some(Json::String(text)) => text.trim().eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn strings(node: Option<&Json>) -> Vec<String> {
    let list = node.and_then(Json::as_array).into_iter().flatten();
    list.filter_map(Json::as_str).map(str::to_owned).collect()
}
