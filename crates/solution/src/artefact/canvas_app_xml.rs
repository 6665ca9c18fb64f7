//! One `CanvasApp` element: of `customizations.xml`, or the root of a `.meta.xml` file.
use serde_json::Value;

use super::{Problems, cut, prose, word};
use crate::document::json::JsonDocument;
use crate::document::xml::Node;
use crate::model::package::{CanvasApp, CanvasSource};
use crate::model::{ApiName, LogicalName};

/// Reads an element; `None` with a problem if it has no name.
pub fn canvas_app_read(node: Node<'_>, problems: &mut Problems<'_>) -> Option<CanvasApp> {
    let Some(name) = word(node, "Name") else {
        problems.add_at(node, "a canvas app has no name");
        return None;
    };
    Some(CanvasApp {
        display_name: prose(node, "DisplayName").unwrap_or_default(),
        sources: sources(node, &name, problems),
        name,
    })
}

fn sources(node: Node<'_>, app: &str, problems: &mut Problems<'_>) -> Vec<CanvasSource> {
    let Some(text) = word(node, "ConnectionReferences") else { return Vec::new() };
    let at = format!("{}/ConnectionReferences", node.path());
    let document = match JsonDocument::parse(text.as_bytes()) {
        Ok(document) => document,
        Err(error) => {
            problems.add(at, format!("connections of canvas app `{}`: {error}", cut(app)));
            return Vec::new();
        }
    };
    let Value::Object(map) = document.value() else {
        problems.add(at, format!("connections of canvas app `{}` are no object", cut(app)));
        return Vec::new();
    };
    map.values().filter(|entry| entry.is_object()).map(source).collect()
}

fn source(entry: &Value) -> CanvasSource {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    CanvasSource {
        api_name: ApiName::from_connector_id(text("id").unwrap_or_default()),
        reference: text("xrmConnectionReferenceLogicalName").map(LogicalName::new),
        implicitly_shared: text("sharedConnectionId").is_some(),
        data_sources: entry
            .get("dataSources")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
    }
}
