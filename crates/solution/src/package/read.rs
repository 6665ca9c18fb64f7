//! From an archive to the model.
use std::borrow::Cow;
use std::collections::HashMap;

use super::PackageError;
use super::variable::variables_read;

use crate::archive::{Archive, Layout};
use crate::artefact::{
    Problems, agent_xml, canvas_app_xml, connector_xml, customizations_xml, entity_xml,
    solution_xml, workflow_xml,
};
use crate::document::json::{JsonDocument, json_lenient};
use crate::document::xml::{Node, XmlDocument};
use crate::model::id::is_guid;
use crate::model::package::{PackageConnector, Problem, Workflow};
use crate::model::{Package, PackageTable};

/// Reads everything of a solution that connref models.
///
/// # Errors
/// `solution.xml` or `customizations.xml` missing or not well formed. Everything else that is odd
/// goes to [`Package::problems`].
pub fn package_read(archive: &Archive) -> Result<Package, PackageError> {
    let bodies = Bodies::of(archive);
    read(archive, |_, flow, found| body_read(archive, &bodies, flow, found))
}

/// Reads everything but the bodies of flows, which go to `body` by their index.
pub(super) fn read(
    archive: &Archive,
    mut body: impl FnMut(usize, &mut Workflow, &mut Vec<Problem>) -> Result<(), PackageError>,
) -> Result<Package, PackageError> {
    let packager = archive.layout() == Layout::Packager;
    let (solution, customizations) = root_parts(archive)?;
    let manifest = xml(archive, solution)?;
    let document = outline(archive, customizations)?;
    let mut package = Package::default();
    let mut found = Vec::new();
    let mut problems = Problems::new(solution, &mut found);
    package.manifest = solution_xml::manifest_read(&manifest, &mut problems);

    let mut problems = Problems::new(customizations, &mut found);
    let values = |list: Vec<(Node<'_>, Workflow)>| list.into_iter().map(|(_, w)| w).collect();
    package.references =
        customizations_xml::references(&document, &mut problems).into_iter().map(|p| p.1).collect();
    package.workflows = values(customizations_xml::workflows(&document, &mut problems));
    let connectors = customizations_xml::connectors(&document, &mut problems);
    package.canvas_apps = customizations_xml::canvas_apps(&document, &mut problems)
        .into_iter()
        .map(|(_, app)| app)
        .collect();
    for (node, mut connector) in connectors {
        connector_parts(archive, node, &mut connector, &mut found)?;
        package.connectors.push(connector);
    }
    if packager {
        component_files(archive, &mut package, &mut found)?;
    }
    // Large ones are not needed any more when the flows are read.
    drop(document);
    for (index, flow) in package.workflows.iter_mut().enumerate() {
        body(index, flow, &mut found)?;
    }
    package.variables =
        variables_read(archive, &mut found)?.into_iter().map(|v| v.variable).collect();
    if let Some(document) = component_xml(archive, agent_xml::PART, &mut found)? {
        let mut problems = Problems::new(agent_xml::PART, &mut found);
        package.agent_uses = agent_xml::agent_uses_read(&document, &mut problems);
    }
    package.problems = found;
    Ok(package)
}

/// Reads the tables that a solution brings. They are large, and only an import asks for them.
///
/// # Errors
/// As [`package_read`].
pub fn tables_read(archive: &Archive) -> Result<(Vec<PackageTable>, Vec<Problem>), PackageError> {
    if archive.layout() == Layout::Packager {
        // There they lie in files of their own, and nothing imports that layout as it is.
        return Ok((Vec::new(), Vec::new()));
    }
    let (_, part) = root_parts(archive)?;
    let bytes = archive.read_part(part)?.unwrap_or_default().into_owned();
    let document = XmlDocument::outline(bytes, &entity_xml::READ).map_err(broken(archive, part))?;
    let mut found = Vec::new();
    let tables = entity_xml::tables(&document, &mut Problems::new(part, &mut found));
    Ok((tables, found))
}

/// Names of the two parts every solution has.
pub(super) fn root_parts(archive: &Archive) -> Result<(&'static str, &'static str), PackageError> {
    let (solution, customizations) = match archive.layout() {
        Layout::Packager => ("Other/Solution.xml", "Other/Customizations.xml"),
        _ => ("solution.xml", "customizations.xml"),
    };
    for part in [solution, customizations] {
        if archive.part(part).is_none() {
            return Err(missing(archive, part));
        }
    }
    Ok((solution, customizations))
}

fn missing(archive: &Archive, part: &'static str) -> PackageError {
    if archive.part("Microsoft.Flow/flows/manifest.json").is_some() {
        return PackageError::LegacyPackage { archive: archive.label().to_owned() };
    }
    if let Some(yaml) = archive.parts().find(|p| yaml_manifest_is(p.name())) {
        let (archive, part) = (archive.label().to_owned(), yaml.name().to_owned());
        return PackageError::Yaml { archive, part };
    }
    let deeper = archive.parts().find(|p| {
        p.name().to_lowercase().rsplit_once('/').is_some_and(|(_, file)| file == "solution.xml")
    });
    let fix = match (part, deeper) {
        ("solution.xml", Some(found)) => {
            let folder = found.name().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("it lies in `{folder}` below: give that folder, or zip its content")
        }
        _ => "give a solution zip or the root of an unpacked solution".to_owned(),
    };
    PackageError::Missing { archive: archive.label().to_owned(), part, fix }
}

/// Whether a name is that of a manifest in the YAML layout: `solution.yml`, at the root or in a
/// folder of its own below `solutions`.
pub(crate) fn yaml_manifest_is(name: &str) -> bool {
    let key = name.to_lowercase();
    let file = key.rsplit('/').next().unwrap_or(&key);
    let folder = key.strip_suffix(file).unwrap_or_default().trim_end_matches('/');
    let parent = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    matches!(file, "solution.yml" | "solution.yaml")
        && (folder.is_empty() || parent == "solutions" || parent.ends_with("/solutions"))
}

/// A part that must be there and well formed.
pub(super) fn xml(archive: &Archive, part: &str) -> Result<XmlDocument, PackageError> {
    let bytes = archive.read_part(part)?.unwrap_or_default();
    XmlDocument::parse_owned(bytes.into_owned()).map_err(broken(archive, part))
}

/// Parts up to this size stay unpacked in an archive whose `customizations.xml` was read.
const KEPT: u64 = 1 << 20;

/// `customizations.xml` without what nobody here asks for.
fn outline(archive: &Archive, part: &str) -> Result<XmlDocument, PackageError> {
    // A check looks at it again: a small one is unpacked once and kept.
    let kept = customizations_xml::READ;
    if archive.part(part).is_some_and(|part| part.size() <= KEPT)
        && let Some(text) = archive.text(part)?
    {
        return XmlDocument::outline_shared(&text, &kept).map_err(broken(archive, part));
    }
    let bytes = archive.read_part(part)?.unwrap_or_default();
    XmlDocument::outline(bytes.into_owned(), &kept).map_err(broken(archive, part))
}

fn broken<'a>(
    archive: &'a Archive,
    part: &'a str,
) -> impl FnOnce(crate::document::xml::XmlError) -> PackageError + 'a {
    move |source| PackageError::Xml {
        archive: archive.label().to_owned(),
        part: part.to_owned(),
        source,
    }
}

/// A part that may be missing or odd; odd ones are a problem.
pub(super) fn component_xml(
    archive: &Archive,
    part: &str,
    found: &mut Vec<Problem>,
) -> Result<Option<XmlDocument>, PackageError> {
    let Some(bytes) = archive.read_part(part)? else { return Ok(None) };
    match XmlDocument::parse_owned(bytes.into_owned()) {
        Ok(document) => Ok(Some(document)),
        Err(error) => {
            Problems::new(part, found).add("", error.to_string());
            Ok(None)
        }
    }
}

/// `SolutionPackager` keeps one file for each workflow, connector and canvas app.
fn component_files(
    archive: &Archive,
    package: &mut Package,
    found: &mut Vec<Problem>,
) -> Result<(), PackageError> {
    for part in archive.parts() {
        let Some(kind) = component_kind(part.name()) else { continue };
        let Some(document) = component_xml(archive, part.name(), found)? else { continue };
        let root = document.root();
        let mut problems = Problems::new(part.name(), found);
        if root.name() != kind {
            problems.add_at(root, format!("the root is not `{kind}`"));
            continue;
        }
        match kind {
            "Workflow" => {
                package.workflows.extend(workflow_xml::workflow_read(root, &mut problems));
            }
            "Connector" => {
                if let Some(mut connector) = connector_xml::connector_read(root, &mut problems) {
                    connector_parts(archive, root, &mut connector, found)?;
                    package.connectors.push(connector);
                }
            }
            _ => package.canvas_apps.extend(canvas_app_xml::canvas_app_read(root, &mut problems)),
        }
    }
    Ok(())
}

/// The root element of a `SolutionPackager` component file, by its name.
pub(super) fn component_kind(name: &str) -> Option<&'static str> {
    let key = name.to_lowercase();
    let (folder, file) = key.split_once('/')?;
    match folder {
        "workflows" if file.ends_with(".data.xml") => Some("Workflow"),
        "connectors" if file.ends_with(".xml") => Some("Connector"),
        "canvasapps" if file.ends_with(".meta.xml") => Some("CanvasApp"),
        _ => None,
    }
}

/// A named part of a connector: `/Connector/…` in files, `Connectors/…` when unpacked.
pub(super) fn connector_part<'a>(archive: &'a Archive, named: &str) -> Option<&'a str> {
    let name = named.trim().trim_start_matches('/');
    let file = name.rsplit('/').next().unwrap_or(name);
    archive
        .part(name)
        .or_else(|| archive.part(&format!("Connectors/{file}")))
        .or_else(|| archive.part(&format!("Connector/{file}")))
        .map(crate::archive::Part::name)
}

fn connector_parts(
    archive: &Archive,
    node: Node<'_>,
    connector: &mut PackageConnector,
    found: &mut Vec<Problem>,
) -> Result<(), PackageError> {
    for part in &connector_xml::PARTS {
        let Some(named) = crate::artefact::word(node, part.element) else { continue };
        let Some(name) = connector_part(archive, &named) else {
            let message = format!("connector `{}`: part `{named}` is missing", connector.name);
            Problems::new("Connector", found).add_at(node, message);
            continue;
        };
        // Real packages have parts of no bytes: the connector has no such setting.
        let bytes = archive.read_part(name)?.unwrap_or_default();
        *(part.slot)(connector) =
            if bytes.is_empty() { None } else { connector_text(&bytes, name, found) };
    }
    Ok(())
}

/// The text of a connector's part. Definitions are written by hand and often no strict JSON: what
/// was understood is taken, and the problems say where.
fn connector_text(bytes: &[u8], name: &str, found: &mut Vec<Problem>) -> Option<String> {
    match json_lenient(bytes) {
        Ok((document, notes)) => {
            Problems::new(name, found).lenient(&notes);
            Some(document.into_text())
        }
        Err(_) => text_read(bytes, name, found),
    }
}

/// The text of a JSON part, without byte order mark. What is no JSON is a problem and kept.
fn text_read(bytes: &[u8], name: &str, found: &mut Vec<Problem>) -> Option<String> {
    match JsonDocument::parse(bytes) {
        Ok(document) => Some(document.into_text()),
        Err(error) => {
            Problems::new(name, found).add("", error.to_string());
            let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            std::str::from_utf8(text).ok().map(str::to_owned)
        }
    }
}

/// Body parts by the id at the end of their name: renamed files keep it.
pub(super) struct Bodies(HashMap<String, String>);

impl Bodies {
    pub(super) fn of(archive: &Archive) -> Self {
        let by_id = archive.parts().filter_map(|part| {
            let key = part.name().to_lowercase();
            let stem = key.strip_prefix("workflows/")?.strip_suffix(".json")?;
            let id = stem.get(stem.len().checked_sub(36)?..)?;
            is_guid(id).then(|| (id.to_owned(), part.name().to_owned()))
        });
        Self(by_id.collect())
    }

    /// The part that holds a workflow's body.
    pub(super) fn part<'a>(&self, archive: &'a Archive, flow: &Workflow) -> Option<&'a str> {
        let named = flow.json_file_name.as_deref()?;
        let part = archive
            .part(named)
            .or_else(|| self.0.get(flow.id.as_str()).and_then(|name| archive.part(name)));
        part.map(crate::archive::Part::name)
    }
}

fn body_read(
    archive: &Archive,
    bodies: &Bodies,
    flow: &mut Workflow,
    found: &mut Vec<Problem>,
) -> Result<(), PackageError> {
    let Some(named) = flow.json_file_name.clone() else { return Ok(()) };
    match bodies.part(archive, flow) {
        Some(name) => {
            let bytes = archive.read_part(name)?.unwrap_or(Cow::Borrowed(&[]));
            flow.client_data = text_read(&bytes, name, found);
        }
        None => {
            let message = format!("the body of workflow `{}` is missing", flow.name);
            Problems::new(&named, found).add("", message);
        }
    }
    Ok(())
}
