//! Rewriting entries of a flow's map.
use connref_solution::document::json::{JsonDocument, pointer_escape};
use connref_solution::model::LogicalName;
use serde_json::{Map, Value, json};

use super::group::Entry;

/// Pointer of the map in a body, as a whole file or as properties alone.
pub(super) fn map_pointer(document: &JsonDocument) -> &'static str {
    if document.value().get("properties").is_some() {
        "/properties/connectionReferences"
    } else {
        "/connectionReferences"
    }
}

fn entry_pointer(document: &JsonDocument, key: &str) -> String {
    format!("{}/{}", map_pointer(document), pointer_escape(key))
}

/// A change of a body: JSON pointer and new value.
pub(super) type Change = (String, Value);

/// Names a reference in an entry. An entry in the form of solutions gains the name and nothing
/// else changes; one in the form of flow packages and of the live service is put into the form of
/// solutions.
pub(super) fn entry_bind(
    document: &JsonDocument,
    entry: &Entry,
    reference: &LogicalName,
) -> Vec<Change> {
    let at = entry_pointer(document, &entry.key);
    let old = document.value().pointer(&at).cloned().unwrap_or_default();
    if !old.get("api").is_some_and(Value::is_object) || old.get("connectionName").is_some() {
        return vec![(at, whole(&old, entry.api.as_str(), reference))];
    }
    let mut changes = vec![(format!("{at}/connection"), connection(&old, reference))];
    if old.pointer("/api/name").and_then(Value::as_str).is_none_or(str::is_empty) {
        changes.push((format!("{at}/api/name"), Value::String(entry.api.to_string())));
    }
    changes
}

/// Takes away the connection that an entry names beside its reference.
pub(super) fn entry_clean(
    document: &JsonDocument,
    key: &str,
    reference: &LogicalName,
    api: &str,
) -> Option<Change> {
    let at = entry_pointer(document, key);
    let old = document.value().pointer(&at)?;
    if old.get("connectionName").is_some() {
        return Some((at, whole(old, api, reference)));
    }
    let named = ["name", "id"].iter().any(|n| old.pointer(&format!("/connection/{n}")).is_some());
    named.then(|| (format!("{at}/connection"), connection(old, reference)))
}

/// The `connection` of an entry with its reference and without a connection of some environment.
fn connection(entry: &Value, reference: &LogicalName) -> Value {
    const REFERENCE: &str = "connectionReferenceLogicalName";
    let mut map = entry.get("connection").and_then(Value::as_object).cloned().unwrap_or_default();
    map.retain(|key, _| key != "name" && key != "id");
    map.insert(REFERENCE.to_owned(), Value::String(reference.to_string()));
    Value::Object(map)
}

/// An entry in the form of solutions, members in their order.
fn whole(old: &Value, api: &str, reference: &LogicalName) -> Value {
    let source = ["runtimeSource", "source"].iter().find_map(|n| old.get(*n)?.as_str());
    let source = source.unwrap_or("embedded").to_lowercase();
    let mut entry = Map::new();
    entry.insert("runtimeSource".to_owned(), Value::String(source));
    if let Some(impersonation) = old.get("impersonation") {
        entry.insert("impersonation".to_owned(), impersonation.clone());
    }
    let connection = json!({ "connectionReferenceLogicalName": reference.as_str() });
    entry.insert("connection".to_owned(), connection);
    let mut to = json!({ "name": api });
    if let (Some(logical), Value::Object(map)) = (old.pointer("/api/logicalName"), &mut to) {
        map.insert("logicalName".to_owned(), logical.clone());
    }
    entry.insert("api".to_owned(), to);
    Value::Object(entry)
}
