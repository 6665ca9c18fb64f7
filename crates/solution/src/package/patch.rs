//! Bringing an archive from one package to another.
use std::collections::HashMap;

use super::WriteError;
use super::list::List;
use super::manifest::manifest_patch;
use super::read::{Bodies, connector_part, xml};
use super::variable::variables_patch;
use crate::archive::Archive;
use crate::artefact::connector_xml::{
    PARTS, connector_part_name, connector_patch, connector_write,
};
use crate::artefact::customizations_xml::{self, ORDER, quietly};
use crate::artefact::reference_xml::{BINDING, reference_patch, reference_write};
use crate::artefact::word;
use crate::artefact::workflow_xml::{workflow_patch, workflow_write};
use crate::document::json::JsonDocument;
use crate::document::xml::{Node, XmlDocument, XmlError};
use crate::model::package::{PackageConnector, PackageReference, Workflow};
use crate::model::{FlowId, Package};

const BOM: &[u8] = b"\xEF\xBB\xBF";
const SOLUTION: &str = "solution.xml";
const CUSTOMIZATIONS: &str = "customizations.xml";

/// Changes what differs. `old` is what the archive holds.
pub(super) fn package_patch(
    archive: &mut Archive,
    old: &Package,
    new: &Package,
) -> Result<(), WriteError> {
    refuse_what_is_not_written(old, new)?;
    let manifest = xml(archive, SOLUTION)?;
    let manifest = manifest_patch(manifest, &old.manifest, &new.manifest)
        .map_err(WriteError::xml(SOLUTION))?;
    archive.set(SOLUTION, manifest.to_bytes())?;
    // Parts are found by what the old elements name, so they go first.
    bodies_patch(archive, old, new)?;
    let document = xml(archive, CUSTOMIZATIONS)?;
    connectors_parts_patch(archive, &document, old, new)?;
    let document =
        customizations_patch(document, old, new).map_err(WriteError::xml(CUSTOMIZATIONS))?;
    archive.set(CUSTOMIZATIONS, document.to_bytes())?;
    variables_patch(archive, &new.variables, &new.manifest)
}

fn refuse_what_is_not_written(old: &Package, new: &Package) -> Result<(), WriteError> {
    let why = "only flows, references, connectors, variables and the manifest can be changed";
    let what = if old.canvas_apps != new.canvas_apps {
        "a change of canvas apps"
    } else if old.agent_uses != new.agent_uses {
        "a change of agents"
    } else {
        return Ok(());
    };
    Err(WriteError::Unsupported { what: what.to_owned(), why })
}

fn customizations_patch(
    document: XmlDocument,
    old: &Package,
    new: &Package,
) -> Result<XmlDocument, XmlError> {
    let (version, language) = (&new.manifest.version, new.manifest.language);
    let document = bindings_strip(document)?;
    let workflows = List::<Workflow> {
        parent: "Workflows",
        order: &ORDER,
        nodes: &|d| nodes(quietly(|p| customizations_xml::workflows(d, p))),
        same: &|a, b| a.id == b.id,
        patch: &|edit, node, old, new| workflow_patch(edit, node, old, new, language),
        write: &|out, flow| workflow_write(out, flow, version, language),
    };
    let document = workflows.apply(document, &old.workflows, &new.workflows)?;
    let connectors = List::<PackageConnector> {
        parent: "Connectors",
        order: &ORDER,
        nodes: &|d| nodes(quietly(|p| customizations_xml::connectors(d, p))),
        same: &|a, b| a.name.eq_ignore_ascii_case(&b.name),
        patch: &|edit, node, old, new| connector_patch(edit, node, old, new),
        write: &|out, connector| connector_write(out, connector),
    };
    let document = connectors.apply(document, &old.connectors, &new.connectors)?;
    references_patch(document, &old.references, &new.references)
}

/// Brings `connectionreferences` from one list to another.
pub(super) fn references_patch(
    document: XmlDocument,
    old: &[PackageReference],
    new: &[PackageReference],
) -> Result<XmlDocument, XmlError> {
    let references = List::<PackageReference> {
        parent: "connectionreferences",
        order: &ORDER,
        nodes: &|d| nodes(quietly(|p| customizations_xml::references(d, p))),
        same: &|a, b| a.logical_name == b.logical_name,
        patch: &|edit, node, old, new| reference_patch(edit, node, old, new),
        write: &|out, reference| reference_write(out, reference),
    };
    references.apply(document, old, new)
}

fn nodes<T>(list: Vec<(Node<'_>, T)>) -> Vec<Node<'_>> {
    list.into_iter().map(|(node, _)| node).collect()
}

/// A package never carries a connection id (invariant): a base that does loses it here.
pub(super) fn bindings_strip(document: XmlDocument) -> Result<XmlDocument, XmlError> {
    let mut edit = document.edit();
    if let Some(list) = document.root().child("connectionreferences") {
        for child in list.children().flat_map(Node::children) {
            if BINDING.contains(&child.name()) {
                edit.remove(child);
            }
        }
    }
    if edit.is_empty() { Ok(document) } else { edit.finish() }
}

/// Bodies of flows: changed, renamed, added, removed.
pub(super) fn bodies_patch(
    archive: &mut Archive,
    old: &Package,
    new: &Package,
) -> Result<(), WriteError> {
    let bodies = Bodies::of(archive);
    let by_id = |package: &Package| -> HashMap<FlowId, usize> {
        package.workflows.iter().enumerate().map(|(at, flow)| (flow.id.clone(), at)).collect()
    };
    let (old_by_id, new_by_id) = (by_id(old), by_id(new));
    for gone in old.workflows.iter().filter(|flow| !new_by_id.contains_key(&flow.id)) {
        if let Some(part) = bodies.part(archive, gone).map(str::to_owned) {
            archive.remove(&part);
        }
    }
    for flow in &new.workflows {
        let before = old_by_id.get(&flow.id).map(|at| &old.workflows[*at]);
        let same = before.is_some_and(|before| {
            before.client_data == flow.client_data && before.json_file_name == flow.json_file_name
        });
        if !same {
            let part = before.and_then(|b| bodies.part(archive, b)).map(str::to_owned);
            let renamed = before.is_some_and(|b| b.json_file_name != flow.json_file_name);
            body_write(archive, part.as_deref(), renamed, flow)?;
        }
    }
    Ok(())
}

/// Writes a flow's body: in place of an older part, under its new name if it is renamed.
pub(super) fn body_write(
    archive: &mut Archive,
    old_part: Option<&str>,
    renamed: bool,
    flow: &Workflow,
) -> Result<(), WriteError> {
    let refuse =
        |why| Err(WriteError::Unsupported { what: format!("workflow `{}`", flow.name), why });
    let (Some(named), Some(text)) = (&flow.json_file_name, &flow.client_data) else {
        return refuse("it has no body");
    };
    let inside = named.get(..11).is_some_and(|head| head.eq_ignore_ascii_case("/Workflows/"));
    if !inside || !named.to_lowercase().ends_with(".json") {
        return refuse("its body is not named `/Workflows/….json`");
    }
    JsonDocument::parse(text.as_bytes()).map_err(WriteError::json(named))?;
    let mut bytes = Vec::new();
    if let Some(part) = old_part
        && archive.bytes(part)?.is_some_and(|b| b.starts_with(BOM))
    {
        bytes.extend_from_slice(BOM);
    }
    bytes.extend_from_slice(text.as_bytes());
    let target = match old_part {
        Some(part) if !renamed => part,
        old_part => {
            if let Some(part) = old_part {
                archive.remove(part);
            }
            if archive.part(named).is_some() {
                return refuse("the name of its body is taken");
            }
            named
        }
    };
    archive.set(target, bytes)?;
    Ok(())
}

fn connectors_parts_patch(
    archive: &mut Archive,
    document: &XmlDocument,
    old: &Package,
    new: &Package,
) -> Result<(), WriteError> {
    let nodes = nodes(quietly(|p| customizations_xml::connectors(document, p)));
    let same = |a: &PackageConnector, b: &PackageConnector| a.name.eq_ignore_ascii_case(&b.name);
    for (gone, node) in old.connectors.iter().zip(&nodes) {
        if new.connectors.iter().any(|c| same(c, gone)) {
            continue;
        }
        // Icon and script go with it: every child that names a part.
        for child in node.children() {
            let text = child.text();
            if text.trim_start().starts_with("/Connector")
                && let Some(part) = connector_part(archive, &text).map(str::to_owned)
            {
                archive.remove(&part);
            }
        }
    }
    for connector in &new.connectors {
        let before = old.connectors.iter().position(|c| same(c, connector));
        let before = before.and_then(|at| Some((&old.connectors[at], *nodes.get(at)?)));
        connector_parts_write(archive, before, connector)?;
    }
    Ok(())
}

/// Writes the parts of a connector that differ.
pub(super) fn connector_parts_write(
    archive: &mut Archive,
    before: Option<(&PackageConnector, Node<'_>)>,
    connector: &PackageConnector,
) -> Result<(), WriteError> {
    let what = || format!("connector `{}`", connector.name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if !connector.name.bytes().all(plain) {
        let why = "its name holds other characters than letters, digits, `_`, `-` and `.`";
        return Err(WriteError::Unsupported { what: what(), why });
    }
    for part in &PARTS {
        let (old, named) = match before {
            Some((old, node)) => ((part.get)(old), word(node, part.element)),
            None => (None, None),
        };
        let new = (part.get)(connector);
        if old == new {
            continue;
        }
        let there = named.as_deref().and_then(|n| connector_part(archive, n)).map(str::to_owned);
        match (new, there) {
            (None, Some(there)) => {
                archive.remove(&there);
            }
            (None, None) => {}
            (Some(text), there) => {
                let target = there.unwrap_or_else(|| {
                    named.unwrap_or_else(|| connector_part_name(connector, part.element))
                });
                JsonDocument::parse(text.as_bytes()).map_err(WriteError::json(&target))?;
                archive.set(&target, text.as_bytes().to_vec())?;
            }
        }
    }
    Ok(())
}
