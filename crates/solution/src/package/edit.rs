//! Changing references and bodies of flows where they lie, in whatever layout.
use super::patch::{bindings_strip, bodies_patch, references_patch};
use super::read::{package_read, root_parts, xml};
use super::{WriteError, normalised};
use crate::archive::Archive;
use crate::model::Package;

/// Brings the connection references and the bodies of flows to what a package says. The layout
/// stays: a folder of any kind comes out as that kind, whatever else it holds, and every other
/// byte is kept.
///
/// # Errors
/// A base that cannot be read; a difference of any other kind.
pub fn package_edit(base: &Archive, package: &Package) -> Result<Archive, WriteError> {
    let (old, new) = (normalised(&package_read(base)?), normalised(package));
    refuse_other_changes(&old, &new)?;
    let mut archive = base.clone();
    bodies_patch(&mut archive, &old, &new)?;
    let (_, customizations) = root_parts(base)?;
    let document = xml(base, customizations)?;
    let document = bindings_strip(document)
        .and_then(|document| references_patch(document, &old.references, &new.references))
        .map_err(WriteError::xml(customizations))?;
    archive.set(customizations, document.to_bytes())?;
    Ok(archive)
}

fn refuse_other_changes(old: &Package, new: &Package) -> Result<(), WriteError> {
    let mut probe = old.clone();
    probe.references.clone_from(&new.references);
    probe.problems.clone_from(&new.problems);
    for (flow, to) in probe.workflows.iter_mut().zip(&new.workflows) {
        flow.client_data.clone_from(&to.client_data);
    }
    if probe == *new {
        return Ok(());
    }
    Err(WriteError::Unsupported {
        what: "the change in place".to_owned(),
        why: "only connection references and the bodies of flows are changed where they lie",
    })
}
