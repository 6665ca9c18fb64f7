//! `environmentvariabledefinition.xml` and `environmentvariablevalues.json`.
use serde_json::{Value, json};

use super::reference_xml::flag;
use super::{Problems, number, prose, word};
use crate::document::json::JsonDocument;
use crate::document::xml::{Fragment, Node, XmlDocument, XmlEdit};
use crate::model::package::PackageVariable;
use crate::model::{ApiName, LogicalName};

/// File name of a definition.
pub(crate) const DEFINITION: &str = "environmentvariabledefinition.xml";
/// File name of the value that travels.
pub(crate) const VALUES: &str = "environmentvariablevalues.json";
/// Where the value lies in it.
pub(crate) const VALUE: &str = "/environmentvariablevalues/environmentvariablevalue/value";

/// The children in the order of real files: alphabetic.
const ORDER: [&str; 14] = [
    "apiid",
    "defaultvalue",
    "description",
    "displayname",
    "inputcontrolconfig",
    "introducedversion",
    "iscustomizable",
    "isrequired",
    "learnmoreurl",
    "parameterkey",
    "parentdefinitionid",
    "secretstore",
    "secretstoretype",
    "type",
];

/// Reads a definition without the value; `None` with a problem if it has no schema name.
pub fn variable_read(
    document: &XmlDocument,
    problems: &mut Problems<'_>,
) -> Option<PackageVariable> {
    let node = document.root();
    let name = node.attribute("schemaname").unwrap_or_default();
    if name.trim().is_empty() {
        problems.add_at(node, "an environment variable has no schema name");
        return None;
    }
    let labelled = |child: &str| {
        let child = node.child(child)?;
        let text = child
            .attribute("default")
            .or_else(|| child.children().next().and_then(|label| label.attribute("description")));
        text.filter(|t| !t.is_empty()).map(|t| t.into_owned())
    };
    Some(PackageVariable {
        schema_name: LogicalName::new(name.trim()),
        display_name: labelled("displayname").unwrap_or_default(),
        description: labelled("description"),
        kind: number(node, "type", problems).unwrap_or(100_000_000),
        default_value: prose(node, "defaultvalue"),
        value: None,
        required: word(node, "isrequired").is_some_and(|v| v == "1" || v == "true"),
        api_name: word(node, "apiid").map(|id| ApiName::from_connector_id(&id)),
        parameter_key: prose(node, "parameterkey"),
        parent: node
            .child("parentdefinitionid")
            .and_then(|n| word(n, "schemaname"))
            .map(|n| LogicalName::new(&n)),
        secret_store: number(node, "secretstore", problems),
    })
}

/// Reads the value that travels with a definition.
pub fn variable_value_read(document: &JsonDocument, problems: &mut Problems<'_>) -> Option<String> {
    let values = document.value().pointer("/environmentvariablevalues/environmentvariablevalue");
    let value = match values {
        Some(Value::Array(list)) => {
            if list.len() > 1 {
                problems.add("/environmentvariablevalues", "several values; the first is read");
            }
            list.first()
        }
        other => other,
    };
    match value.and_then(|v| v.get("value")) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Null) => None,
        Some(other) => Some(other.to_string()),
        None => {
            problems.add(VALUE, "there is no value");
            None
        }
    }
}

/// A new file for a value.
pub(crate) fn variable_value_write(value: &str) -> JsonDocument {
    JsonDocument::new(json!({
        "environmentvariablevalues": {
            "environmentvariablevalue": { "iscustomizable": "1", "value": value }
        }
    }))
}

/// Changes a definition from one value to another, field by field.
pub(crate) fn variable_patch<'a>(
    edit: &mut XmlEdit<'a>,
    node: Node<'a>,
    old: &PackageVariable,
    new: &PackageVariable,
    language: u32,
) {
    if old.schema_name.as_str() != new.schema_name.as_str() {
        edit.set_attribute(node, "schemaname", new.schema_name.as_str());
    }
    if old.display_name != new.display_name {
        label_patch(edit, node, "displayname", Some(&new.display_name), language);
    }
    if old.description != new.description {
        label_patch(edit, node, "description", new.description.as_deref(), language);
    }
    let mut put = |name: &str, text: Option<&str>| edit.put_child(node, name, text, &ORDER);
    if old.kind != new.kind {
        put("type", Some(&new.kind.to_string()));
    }
    if old.default_value != new.default_value {
        put("defaultvalue", new.default_value.as_deref());
    }
    if old.required != new.required {
        put("isrequired", Some(flag(new.required)));
    }
    if old.api_name != new.api_name {
        put("apiid", new.api_name.as_ref().map(api_id).as_deref());
    }
    if old.parameter_key != new.parameter_key {
        put("parameterkey", new.parameter_key.as_deref());
    }
    if old.secret_store != new.secret_store {
        put("secretstore", new.secret_store.map(|v| v.to_string()).as_deref());
    }
    if old.parent != new.parent {
        parent_patch(edit, node, new);
    }
}

fn label_patch<'a>(
    edit: &mut XmlEdit<'a>,
    node: Node<'a>,
    name: &str,
    text: Option<&str>,
    language: u32,
) {
    match (node.child(name), text) {
        (Some(child), Some(text)) => {
            edit.set_attribute(child, "default", text);
            let code = language.to_string();
            let label = child
                .children()
                .find(|l| l.attribute("languagecode").is_some_and(|c| c == code))
                .or_else(|| child.children().next());
            if let Some(label) = label {
                edit.set_attribute(label, "description", text);
            }
        }
        (Some(child), None) => edit.remove(child),
        (None, Some(text)) => {
            let mut fragment = node.child_fragment();
            label_write(&mut fragment, name, text, language);
            edit.insert_ordered(node, name, &fragment.finish(), &ORDER);
        }
        (None, None) => {}
    }
}

fn parent_patch<'a>(edit: &mut XmlEdit<'a>, node: Node<'a>, new: &PackageVariable) {
    let found = node.child("parentdefinitionid");
    let name = found.and_then(|n| n.child("schemaname"));
    match (&new.parent, name, found) {
        (Some(parent), Some(name), _) => edit.set_text(name, parent.as_str()),
        (Some(parent), None, found) => {
            if let Some(found) = found {
                edit.remove(found);
            }
            let mut fragment = node.child_fragment();
            parent_write(&mut fragment, parent);
            edit.insert_ordered(node, "parentdefinitionid", &fragment.finish(), &ORDER);
        }
        (None, _, Some(found)) => edit.remove(found),
        (None, _, None) => {}
    }
}

/// Definitions spell the provider in lower case.
fn api_id(name: &ApiName) -> String {
    format!("/providers/microsoft.powerapps/apis/{name}")
}

fn label_write(out: &mut Fragment, name: &str, text: &str, language: u32) {
    let language = language.to_string();
    out.open(name, &[("default", text)]);
    out.empty("label", &[("description", text), ("languagecode", &language)]);
    out.close(name);
}

fn parent_write(out: &mut Fragment, parent: &LogicalName) {
    out.open("parentdefinitionid", &[]).leaf("schemaname", parent.as_str());
    out.close("parentdefinitionid");
}

/// Writes a definition as the platform exports it.
pub(crate) fn variable_write(variable: &PackageVariable, version: &str, language: u32) -> String {
    let mut out = Fragment::new("\r\n", "");
    let name = variable.schema_name.as_str();
    out.open("environmentvariabledefinition", &[("schemaname", name)]);
    if let Some(api) = &variable.api_name {
        out.leaf("apiid", &api_id(api));
    }
    if let Some(text) = &variable.default_value {
        out.leaf("defaultvalue", text);
    }
    if let Some(text) = &variable.description {
        label_write(&mut out, "description", text, language);
    }
    label_write(&mut out, "displayname", &variable.display_name, language);
    out.leaf("introducedversion", version);
    out.leaf("iscustomizable", "1");
    out.leaf("isrequired", flag(variable.required));
    if let Some(key) = &variable.parameter_key {
        out.leaf("parameterkey", key);
    }
    if let Some(parent) = &variable.parent {
        parent_write(&mut out, parent);
    }
    if let Some(store) = variable.secret_store {
        out.leaf("secretstore", &store.to_string());
    }
    out.leaf("type", &variable.kind.to_string());
    out.close("environmentvariabledefinition");
    out.finish()
}
