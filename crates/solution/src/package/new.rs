//! A new package, in the form of an export.
use super::WriteError;
use super::content_types::{self, content_types_new};
use super::manifest::manifest_write;
use super::patch::{body_write, connector_parts_write};
use super::variable::variable_add;
use crate::archive::Archive;
use crate::artefact::connector_xml::connector_write;
use crate::artefact::reference_xml::reference_write;
use crate::artefact::workflow_xml::workflow_write;
use crate::document::xml::{Fragment, XmlDocument};
use crate::model::Package;

/// Makes a package without a base.
pub(super) fn package_new(package: &Package) -> Result<Archive, WriteError> {
    refuse_what_needs_a_base(package)?;
    let mut archive = Archive::empty();
    put_xml(&mut archive, "customizations.xml", &customizations_write(package))?;
    archive.set(content_types::PART, Vec::new())?;
    put_xml(&mut archive, "solution.xml", &manifest_write(&package.manifest))?;
    for flow in &package.workflows {
        body_write(&mut archive, None, false, flow)?;
    }
    for connector in &package.connectors {
        connector_parts_write(&mut archive, None, connector)?;
    }
    for variable in &package.variables {
        variable_add(&mut archive, variable, &package.manifest)?;
    }
    let names: Vec<String> = archive.parts().map(|p| p.name().to_owned()).collect();
    archive.set(content_types::PART, content_types_new(names.iter().map(String::as_str)))?;
    Ok(archive)
}

/// Canvas apps, agents and workflows without JSON have parts that the model does not hold.
fn refuse_what_needs_a_base(package: &Package) -> Result<(), WriteError> {
    let why = "it has parts that only the package it came from holds; write with that as the base";
    let what = if let Some(app) = package.canvas_apps.first() {
        format!("canvas app `{}`", app.name)
    } else if let Some((agent, _)) = package.agent_uses.first() {
        format!("agent component `{agent}`")
    } else if let Some(flow) = package.workflows.iter().find(|w| w.client_data.is_none()) {
        format!("workflow `{}`", flow.name)
    } else {
        return Ok(());
    };
    Err(WriteError::Unsupported { what, why })
}

/// Sets a part after parsing it, so that a text XML cannot hold is refused.
fn put_xml(archive: &mut Archive, part: &str, text: &str) -> Result<(), WriteError> {
    let document = XmlDocument::parse(text.as_bytes()).map_err(WriteError::xml(part))?;
    archive.set(part, document.to_bytes())?;
    Ok(())
}

/// The child elements of every real `customizations.xml`; the first kind is written open even
/// when it is empty, as exports do.
const OPEN: [&str; 4] = ["Entities", "Roles", "Workflows", "FieldSecurityProfiles"];
const CLOSED: [&str; 7] = [
    "Templates",
    "EntityMaps",
    "EntityRelationships",
    "OrganizationSettings",
    "optionsets",
    "CustomControls",
    "EntityDataProviders",
];

fn customizations_write(package: &Package) -> String {
    let mut out = Fragment::new("\r\n", "");
    let namespace = [("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")];
    let (version, language) = (&package.manifest.version, package.manifest.language);
    out.open("ImportExportXml", &namespace);
    for name in OPEN {
        if name == "Workflows" && !package.workflows.is_empty() {
            out.open(name, &[]);
            for flow in &package.workflows {
                workflow_write(&mut out, flow, version, language);
            }
            out.close(name);
        } else {
            out.leaf(name, "");
        }
    }
    for name in CLOSED {
        out.empty(name, &[]);
    }
    if !package.connectors.is_empty() {
        out.open("Connectors", &[]);
        for connector in &package.connectors {
            connector_write(&mut out, connector);
        }
        out.close("Connectors");
    }
    if !package.references.is_empty() {
        out.open("connectionreferences", &[]);
        for reference in &package.references {
            reference_write(&mut out, reference);
        }
        out.close("connectionreferences");
    }
    out.open("Languages", &[]).leaf("Language", &language.to_string()).close("Languages");
    out.close("ImportExportXml");
    out.finish()
}
