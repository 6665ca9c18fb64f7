//! A whole solution: from an archive to the model and back.
mod bodies;
mod content_types;
mod convert;
mod edit;
mod error;
mod list;
mod manifest;
mod new;
mod open;
mod patch;
mod read;
mod split;
mod variable;

use crate::archive::{Archive, Layout};
use crate::model::Package;
use crate::model::package::Managed;

pub use bodies::{BodyError, flow_bodies};
pub use edit::package_edit;
pub use error::{PackageError, WriteError};
pub use open::{OpenBody, OpenBodyError, package_open};
pub use read::{package_read, tables_read};
pub use split::{ConnectorSplit, connectors_split};

/// Writes a package as an archive that can be zipped.
///
/// With a base, only what differs from the base's own model is changed; everything else stays
/// byte for byte, and an unchanged package gives the base's parts. The result is always in the
/// layout of a zip: a plain folder gains `[Content_Types].xml`, a `SolutionPackager` folder is
/// put together if it holds only components that are known, else refused. Without a base a new
/// package is made. Variables are kept in the order of the base; new ones come last. "Both"
/// (SolutionPackager's `Managed` 2) is written as unmanaged, because a zip is one or the other.
///
/// # Errors
/// A base that cannot be read; a change that cannot be expressed; texts that XML cannot hold.
pub fn package_write(base: Option<&Archive>, package: &Package) -> Result<Archive, WriteError> {
    let package = normalised(package);
    let Some(base) = base else { return new::package_new(&package) };
    let mut archive = match base.layout() {
        Layout::Packager => convert::packager_convert(base)?,
        _ => base.clone(),
    };
    let old = normalised(&package_read(&archive)?);
    patch::package_patch(&mut archive, &old, &package)?;
    if base.layout() == Layout::Folder {
        let label = archive.label().to_owned();
        archive.relabel(&label, Layout::Zip);
    }
    content_types::content_types_complete(&mut archive, base)?;
    Ok(archive)
}

/// A solution folder as a zip: the same folder gives the same bytes. A zip is given back as it is.
/// Nothing is changed but what a zip needs and a folder may lack (`[Content_Types].xml`); a
/// `SolutionPackager` folder is put together if everything in it is known.
///
/// # Errors
/// No solution; components that are not known.
pub fn pack(base: &Archive) -> Result<Vec<u8>, WriteError> {
    let package = package_read(base)?;
    Ok(package_write(Some(base), &package)?.to_zip()?)
}

/// A package in the form in which it is compared: bodies have names, empty texts are none.
fn normalised(package: &Package) -> Package {
    let mut package = package.clone();
    let empty = |text: &mut Option<String>| {
        if text.as_deref() == Some("") {
            *text = None;
        }
    };
    if package.manifest.managed == Managed::Both {
        package.manifest.managed = Managed::Unmanaged;
    }
    for reference in &mut package.references {
        empty(&mut reference.description);
    }
    for flow in &mut package.workflows {
        empty(&mut flow.description);
        if flow.json_file_name.is_none() && flow.client_data.is_some() {
            flow.json_file_name = Some(crate::artefact::workflow_xml::json_file_name(flow));
        }
    }
    for connector in &mut package.connectors {
        empty(&mut connector.description);
    }
    for variable in &mut package.variables {
        empty(&mut variable.description);
        empty(&mut variable.default_value);
        empty(&mut variable.parameter_key);
    }
    package
}
