//! `solution.xml`: changes, and a new one.
use super::list::List;
use crate::artefact::reference_xml::flag;
use crate::artefact::solution_xml::{missing_dependencies, root_components};
use crate::artefact::{localized, localized_node};
use crate::document::xml::{Fragment, Node, XmlDocument, XmlEdit, XmlError};
use crate::model::id::is_guid;
use crate::model::package::{Managed, Manifest, MissingDependency, Publisher, RootComponent};

const ORDER: [&str; 8] = [
    "UniqueName",
    "LocalizedNames",
    "Descriptions",
    "Version",
    "Managed",
    "Publisher",
    "RootComponents",
    "MissingDependencies",
];
const PUBLISHER_ORDER: [&str; 8] = [
    "UniqueName",
    "LocalizedNames",
    "Descriptions",
    "EMailAddress",
    "SupportingWebsiteUrl",
    "CustomizationPrefix",
    "CustomizationOptionValuePrefix",
    "Addresses",
];

/// Brings a manifest from one value to another.
pub(super) fn manifest_patch(
    document: XmlDocument,
    old: &Manifest,
    new: &Manifest,
) -> Result<XmlDocument, XmlError> {
    let mut edit = document.edit();
    if let Some(node) = document.root().child("SolutionManifest") {
        fields_patch(&mut edit, node, old, new);
    }
    if old.language != new.language {
        edit.set_attribute(document.root(), "languagecode", &new.language.to_string());
    }
    let document = if edit.is_empty() { document } else { edit.finish()? };
    let components = List::<RootComponent> {
        parent: "SolutionManifest/RootComponents",
        order: &ORDER,
        nodes: &|d| root_components(d).into_iter().map(|(node, _)| node).collect(),
        same: &|a, b| a == b,
        patch: &|_, _, _, _| {},
        write: &component_write,
    };
    let document = components.apply(document, &old.root_components, &new.root_components)?;
    let missing = List::<MissingDependency> {
        parent: "SolutionManifest/MissingDependencies",
        order: &ORDER,
        nodes: &|d| missing_dependencies(d).into_iter().map(|(node, _)| node).collect(),
        same: &|a, b| a == b,
        patch: &|_, _, _, _| {},
        write: &dependency_write,
    };
    missing.apply(document, &old.missing_dependencies, &new.missing_dependencies)
}

fn fields_patch<'a>(edit: &mut XmlEdit<'a>, node: Node<'a>, old: &Manifest, new: &Manifest) {
    let mut put = |name: &str, text: &str| edit.put_child(node, name, Some(text), &ORDER);
    if old.unique_name != new.unique_name {
        put("UniqueName", &new.unique_name);
    }
    if old.version != new.version {
        put("Version", &new.version);
    }
    if old.managed != new.managed {
        put("Managed", flag(new.managed == Managed::Managed));
    }
    local_patch(edit, node, "LocalizedNames", &new.display_name, new.language, &ORDER);
    local_patch(edit, node, "Descriptions", &new.description, new.language, &ORDER);
    let Some(publisher) = node.child("Publisher") else {
        if new.publisher != Publisher::default() {
            let mut fragment = node.child_fragment();
            publisher_write(&mut fragment, &new.publisher, new.language);
            edit.insert_ordered(node, "Publisher", &fragment.finish(), &ORDER);
        }
        return;
    };
    let (old, to) = (&old.publisher, &new.publisher);
    let mut put =
        |name: &str, text: &str| edit.put_child(publisher, name, Some(text), &PUBLISHER_ORDER);
    if old.unique_name != to.unique_name {
        put("UniqueName", &to.unique_name);
    }
    if old.prefix != to.prefix {
        put("CustomizationPrefix", &to.prefix);
    }
    if old.option_value_prefix != to.option_value_prefix {
        put("CustomizationOptionValuePrefix", &to.option_value_prefix.to_string());
    }
    let name = &to.display_name;
    local_patch(edit, publisher, "LocalizedNames", name, new.language, &PUBLISHER_ORDER);
}

/// Sets the description of a list such as `LocalizedNames` if it differs.
fn local_patch<'a>(
    edit: &mut XmlEdit<'a>,
    node: Node<'a>,
    list: &str,
    text: &str,
    language: u32,
    order: &[&str],
) {
    if localized(node, list, language).unwrap_or_default() == text {
        return;
    }
    match (localized_node(node, list, language), node.child(list)) {
        (Some(local), _) => edit.set_attribute(local, "description", text),
        (None, found) => {
            if let Some(empty) = found {
                edit.remove(empty);
            }
            let mut fragment = node.child_fragment();
            local_write(&mut fragment, list, text, language);
            edit.insert_ordered(node, list, &fragment.finish(), order);
        }
    }
}

/// `LocalizedNames` holds `LocalizedName`, `Descriptions` holds `Description`.
fn local_write(out: &mut Fragment, list: &str, text: &str, language: u32) {
    if text.is_empty() {
        out.empty(list, &[]);
        return;
    }
    let language = language.to_string();
    out.open(list, &[]);
    let element = list.trim_end_matches('s');
    out.empty(element, &[("description", text), ("languagecode", &language)]);
    out.close(list);
}

fn component_write(out: &mut Fragment, component: &RootComponent) {
    let kind = component.kind.to_string();
    let behavior = component.behavior.to_string();
    let id = component.id.as_ref().map(|id| format!("{{{id}}}"));
    let mut attributes = vec![("type", kind.as_str())];
    if let Some(id) = &id {
        attributes.push(("id", id));
    }
    if let Some(name) = &component.schema_name {
        attributes.push(("schemaName", name));
    }
    attributes.push(("behavior", &behavior));
    out.empty("RootComponent", &attributes);
}

fn dependency_write(out: &mut Fragment, dependency: &MissingDependency) {
    let required = &dependency.required;
    let braced = format!("{{{required}}}");
    let mut attributes = vec![("type", dependency.required_type.as_str())];
    let by_number = dependency.required_type.bytes().all(|b| b.is_ascii_digit());
    if is_guid(required) {
        attributes.push(("displayName", required));
        attributes.push(("solution", &dependency.solution));
        attributes.push(("id", &braced));
    } else if by_number {
        attributes.push(("schemaName", required));
        attributes.push(("displayName", required));
        attributes.push(("solution", &dependency.solution));
    } else {
        // A component known by the name of its table carries its key as `id.<column>`.
        let key = match dependency.required_type.as_str() {
            "connectionreference" => "id.connectionreferencelogicalname",
            "CustomAPI" => "id.uniquename",
            _ => "id.schemaname",
        };
        attributes.push(("displayName", required));
        attributes.push(("solution", &dependency.solution));
        attributes.push((key, required));
    }
    out.open("MissingDependency", &[]);
    out.empty("Required", &attributes);
    let dependent = [
        ("type", dependency.dependent_type.as_str()),
        ("displayName", dependency.dependent.as_str()),
    ];
    out.empty("Dependent", &dependent);
    out.close("MissingDependency");
}

/// The address elements that every publisher of a real solution carries twice, all nil.
const ADDRESS: [&str; 25] = [
    "AddressTypeCode",
    "City",
    "County",
    "Country",
    "Fax",
    "FreightTermsCode",
    "ImportSequenceNumber",
    "Latitude",
    "Line1",
    "Line2",
    "Line3",
    "Longitude",
    "Name",
    "PostalCode",
    "PostOfficeBox",
    "PrimaryContactName",
    "ShippingMethodCode",
    "StateOrProvince",
    "Telephone1",
    "Telephone2",
    "Telephone3",
    "TimeZoneRuleVersionNumber",
    "UPSZone",
    "UTCOffset",
    "UTCConversionTimeZoneCode",
];
const NIL: [(&str, &str); 1] = [("xsi:nil", "true")];

fn publisher_write(out: &mut Fragment, publisher: &Publisher, language: u32) {
    out.open("Publisher", &[]);
    out.leaf("UniqueName", &publisher.unique_name);
    local_write(out, "LocalizedNames", &publisher.display_name, language);
    out.empty("Descriptions", &[]);
    out.leaf_with("EMailAddress", &NIL, "").leaf_with("SupportingWebsiteUrl", &NIL, "");
    out.leaf("CustomizationPrefix", &publisher.prefix);
    out.leaf("CustomizationOptionValuePrefix", &publisher.option_value_prefix.to_string());
    out.open("Addresses", &[]);
    for number in ["1", "2"] {
        out.open("Address", &[]).leaf("AddressNumber", number);
        for name in ADDRESS {
            out.leaf_with(name, &NIL, "");
        }
        out.close("Address");
    }
    out.close("Addresses").close("Publisher");
}

/// A new `solution.xml`.
pub(super) fn manifest_write(manifest: &Manifest) -> String {
    let mut out = Fragment::new("\r\n", "");
    let language = manifest.language.to_string();
    let attributes = [
        ("version", "9.2"),
        ("SolutionPackageVersion", "9.2"),
        ("languagecode", &*language),
        ("generatedBy", "CrmLive"),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ];
    out.open("ImportExportXml", &attributes).open("SolutionManifest", &[]);
    out.leaf("UniqueName", &manifest.unique_name);
    local_write(&mut out, "LocalizedNames", &manifest.display_name, manifest.language);
    local_write(&mut out, "Descriptions", &manifest.description, manifest.language);
    out.leaf("Version", &manifest.version);
    out.leaf("Managed", flag(manifest.managed == Managed::Managed));
    publisher_write(&mut out, &manifest.publisher, manifest.language);
    list_write(&mut out, "RootComponents", &manifest.root_components, component_write);
    list_write(&mut out, "MissingDependencies", &manifest.missing_dependencies, dependency_write);
    out.close("SolutionManifest").close("ImportExportXml");
    out.finish()
}

fn list_write<T>(out: &mut Fragment, name: &str, items: &[T], write: fn(&mut Fragment, &T)) {
    if items.is_empty() {
        out.empty(name, &[]);
        return;
    }
    out.open(name, &[]);
    for item in items {
        write(out, item);
    }
    out.close(name);
}
