//! One `connectionreference` element.
use super::{Problems, number, prose, word};
use crate::document::xml::{Fragment, Node, XmlEdit};
use crate::model::package::PackageReference;
use crate::model::{ApiName, LogicalName};

/// The children in the order of real files: alphabetic.
const ORDER: [&str; 8] = [
    "connectionreferencedisplayname",
    "connectorid",
    "customconnectorid",
    "description",
    "iscustomizable",
    "promptingbehavior",
    "statecode",
    "statuscode",
];

/// Children that would bind the reference to a connection of some environment. Real files never
/// hold one; what we write does not either.
pub(crate) const BINDING: [&str; 2] = ["connectionid", "connectioninstanceid"];

/// Reads an element; `None` with a problem if it has no logical name.
pub fn reference_read(node: Node<'_>, problems: &mut Problems<'_>) -> Option<PackageReference> {
    let name = node.attribute("connectionreferencelogicalname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        problems.add_at(node, "a connection reference has no logical name");
        return None;
    }
    let connector = word(node, "connectorid").unwrap_or_default();
    if connector.is_empty() {
        problems.add_at(node, format!("connection reference `{name}` names no connector"));
    }
    for child in BINDING {
        if word(node, child).is_some() {
            problems.add_at(
                node,
                format!("connection reference `{name}` carries a connection (`{child}`); it is not read and not written"),
            );
        }
    }
    Some(PackageReference {
        logical_name: LogicalName::new(name),
        display_name: prose(node, "connectionreferencedisplayname").unwrap_or_default(),
        description: prose(node, "description"),
        api_name: ApiName::from_connector_id(&connector),
        custom_connector_id: node
            .child("customconnectorid")
            .and_then(|n| word(n, "connectorid"))
            .map(|id| super::solution_xml::bare_id(&id)),
        customizable: word(node, "iscustomizable").is_none_or(|v| v != "0" && v != "false"),
        prompting_behavior: number(node, "promptingbehavior", problems),
    })
}

/// Changes an element from one value to another, field by field.
pub(crate) fn reference_patch<'a>(
    edit: &mut XmlEdit<'a>,
    node: Node<'a>,
    old: &PackageReference,
    new: &PackageReference,
) {
    if old.logical_name.as_str() != new.logical_name.as_str() {
        edit.set_attribute(node, "connectionreferencelogicalname", new.logical_name.as_str());
    }
    let mut put = |name: &str, text: Option<&str>| edit.put_child(node, name, text, &ORDER);
    if old.display_name != new.display_name {
        put("connectionreferencedisplayname", Some(&new.display_name));
    }
    if old.api_name.as_str() != new.api_name.as_str() {
        put("connectorid", Some(&new.api_name.connector_id()));
    }
    if old.description != new.description {
        put("description", new.description.as_deref());
    }
    if old.customizable != new.customizable {
        put("iscustomizable", Some(flag(new.customizable)));
    }
    if old.prompting_behavior != new.prompting_behavior {
        put("promptingbehavior", new.prompting_behavior.map(|v| v.to_string()).as_deref());
    }
    if old.custom_connector_id != new.custom_connector_id {
        custom_connector_patch(edit, node, new);
    }
}

fn custom_connector_patch<'a>(edit: &mut XmlEdit<'a>, node: Node<'a>, new: &PackageReference) {
    let inner = node.child("customconnectorid").and_then(|n| n.child("connectorid"));
    match (&new.custom_connector_id, inner, node.child("customconnectorid")) {
        (Some(id), Some(inner), _) => edit.set_text(inner, id),
        (Some(id), None, found) => {
            if let Some(found) = found {
                edit.remove(found);
            }
            let mut fragment = node.child_fragment();
            custom_connector_write(&mut fragment, id);
            edit.insert_ordered(node, "customconnectorid", &fragment.finish(), &ORDER);
        }
        (None, _, Some(found)) => edit.remove(found),
        (None, _, None) => {}
    }
}

fn custom_connector_write(out: &mut Fragment, id: &str) {
    out.open("customconnectorid", &[]).leaf("connectorid", id).close("customconnectorid");
}

/// Writes an element. No connection id: the model has no field for one.
pub(crate) fn reference_write(out: &mut Fragment, reference: &PackageReference) {
    let name = reference.logical_name.as_str();
    out.open("connectionreference", &[("connectionreferencelogicalname", name)]);
    out.leaf("connectionreferencedisplayname", &reference.display_name);
    out.leaf("connectorid", &reference.api_name.connector_id());
    if let Some(id) = &reference.custom_connector_id {
        custom_connector_write(out, id);
    }
    if let Some(text) = &reference.description {
        out.leaf("description", text);
    }
    out.leaf("iscustomizable", flag(reference.customizable));
    if let Some(value) = reference.prompting_behavior {
        out.leaf("promptingbehavior", &value.to_string());
    }
    out.leaf("statecode", "0").leaf("statuscode", "1").close("connectionreference");
}

pub(crate) fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}
