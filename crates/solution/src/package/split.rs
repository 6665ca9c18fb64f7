//! Custom connectors in a package of their own, as an import that wants them first needs it.
use std::collections::BTreeSet;

use super::content_types::content_types_complete;
use super::read::{connector_part, xml};
use super::{WriteError, package_read, package_write};
use crate::archive::Archive;
use crate::artefact::customizations_xml::{ORDER, connectors, quietly};
use crate::document::xml::{Fragment, XmlDocument, XmlError};
use crate::model::package::{Managed, Manifest, PackageConnector};
use crate::model::{LogicalName, Package};

/// Component type number of a custom connector.
const CONNECTOR: u32 = 372;

/// A package told apart.
#[derive(Clone, Debug)]
pub struct ConnectorSplit {
    /// The connectors; to be imported first.
    pub connectors: Archive,
    /// Everything else.
    pub rest: Archive,
    /// Unique name of the connectors' package.
    pub unique_name: String,
    /// Display names of the connectors.
    pub names: Vec<String>,
    /// Variables that the connectors read; they are in both packages.
    pub variables: Vec<LogicalName>,
}

/// Tells the custom connectors of a package apart from what uses them. `None` if there is nothing
/// to tell apart: no connector, or nothing but connectors. Icons and scripts go with their
/// connectors, byte for byte.
///
/// # Errors
/// A base that cannot be read; a `SolutionPackager` folder with unknown components.
pub fn connectors_split(base: &Archive) -> Result<Option<ConnectorSplit>, WriteError> {
    let package = package_read(base)?;
    if package.connectors.is_empty() || only_connectors(&package) {
        return Ok(None);
    }
    // In the layout of a zip first: both results are zips.
    let whole = package_write(Some(base), &package)?;
    let package = package_read(&whole)?;
    let mut rest = package.clone();
    rest.connectors.clear();
    rest.manifest.root_components.retain(|c| c.kind != CONNECTOR);
    let variables = variables_read(&package);
    let own = Package {
        manifest: manifest(&package.manifest),
        variables: package
            .variables
            .iter()
            .filter(|v| variables.contains(&v.schema_name))
            .cloned()
            .collect(),
        ..Package::default()
    };
    Ok(Some(ConnectorSplit {
        connectors: connectors_package(&whole, &own)?,
        rest: package_write(Some(&whole), &rest)?,
        unique_name: own.manifest.unique_name,
        names: package.connectors.iter().map(|c| c.display_name.clone()).collect(),
        variables: own.variables.into_iter().map(|v| v.schema_name).collect(),
    }))
}

fn only_connectors(package: &Package) -> bool {
    package.references.is_empty()
        && package.workflows.is_empty()
        && package.canvas_apps.is_empty()
        && package.agent_uses.is_empty()
        && package.manifest.root_components.iter().all(|c| c.kind == CONNECTOR)
}

fn manifest(of: &Manifest) -> Manifest {
    let mut own = of.clone();
    own.unique_name.push_str("Connectors");
    own.display_name.push_str(" Connectors");
    own.description = String::new();
    own.missing_dependencies.clear();
    own.root_components.retain(|c| c.kind == CONNECTOR);
    if own.managed == Managed::Both {
        own.managed = Managed::Unmanaged;
    }
    own
}

/// Variables that the parts of connectors name: `@environmentVariables("name")`.
fn variables_read(package: &Package) -> BTreeSet<LogicalName> {
    let texts = |c: &PackageConnector| {
        let parts = [
            &c.openapi_definition,
            &c.connection_parameters,
            &c.connection_parameter_sets,
            &c.policy_templates,
        ];
        parts.into_iter().flatten().cloned().collect::<Vec<String>>()
    };
    let texts: Vec<String> = package.connectors.iter().flat_map(texts).collect();
    let named = |name: &LogicalName| {
        let key = name.key();
        texts.iter().any(|text| {
            let text = text.to_lowercase();
            text.match_indices("environmentvariables(").any(|(at, call)| {
                // The name stands in quotes, which JSON writes with a back-slash.
                let argument = &text[at + call.len()..];
                let argument = argument.trim_start_matches([' ', '\\', '"', '\'']);
                argument
                    .strip_prefix(key.as_str())
                    .is_some_and(|rest| rest.starts_with(['\\', '"', '\'', ' ', ')']))
            })
        })
    };
    package.variables.iter().map(|v| &v.schema_name).filter(|n| named(n)).cloned().collect()
}

/// A new package with the connector elements and all the parts they name.
fn connectors_package(whole: &Archive, own: &Package) -> Result<Archive, WriteError> {
    const PART: &str = "customizations.xml";
    let empty = package_write(None, own)?;
    let mut archive = empty.clone();
    let source = xml(whole, PART)?;
    let nodes = quietly(|p| connectors(&source, p));
    let mut markup = Vec::new();
    for (node, _) in &nodes {
        markup.push(node.outer());
        for child in node.children() {
            let text = child.text();
            if text.trim_start().starts_with("/Connector")
                && let Some(part) = connector_part(whole, &text).map(str::to_owned)
                && let Some(bytes) = whole.bytes(&part)?
            {
                archive.set(&part, bytes.to_vec())?;
            }
        }
    }
    let document = xml(&empty, PART)?;
    let document = connectors_add(&document, &markup).map_err(WriteError::xml(PART))?;
    archive.set(PART, document.to_bytes())?;
    content_types_complete(&mut archive, &empty)?;
    Ok(archive)
}

fn connectors_add(document: &XmlDocument, markup: &[&str]) -> Result<XmlDocument, XmlError> {
    let mut out = Fragment::new(document.eol(), &document.root().child_indent());
    out.open("Connectors", &[]);
    for element in markup {
        out.raw(element);
    }
    out.close("Connectors");
    let mut edit = document.edit();
    edit.insert_ordered(document.root(), "Connectors", &out.finish(), &ORDER);
    edit.finish()
}
