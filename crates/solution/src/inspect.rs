//! A short account of a solution.
use std::path::Path;

use crate::archive::{Archive, Layout, Limits};
use crate::model::package::{Managed, Problem};
use crate::package::{PackageError, package_read};

/// What a solution is and how much it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Path as given.
    pub path: String,
    /// Layout found.
    pub layout: Layout,
    /// Unique name.
    pub unique_name: String,
    /// Display name.
    pub display_name: String,
    /// Version.
    pub version: String,
    /// Managed, unmanaged or both.
    pub managed: Managed,
    /// Cloud flows; other workflows are not counted.
    pub flows: usize,
    /// Connection references.
    pub references: usize,
    /// Environment variable definitions.
    pub environment_variables: usize,
    /// Custom connectors.
    pub connectors: usize,
    /// What was left out or chosen while reading.
    pub notes: Vec<String>,
    /// What was odd and could be read all the same.
    pub problems: Vec<Problem>,
}

/// Reads and sums up one solution.
///
/// # Errors
/// As reading the archive and the package.
pub fn inspect(path: &Path, limits: &Limits) -> Result<Inspection, PackageError> {
    let archive = Archive::read(path, limits)?;
    let package = package_read(&archive)?;
    Ok(Inspection {
        path: path.display().to_string(),
        layout: archive.layout(),
        flows: package.workflows.iter().filter(|w| w.is_cloud_flow()).count(),
        references: package.references.len(),
        environment_variables: package.variables.len(),
        connectors: package.connectors.len(),
        unique_name: package.manifest.unique_name,
        display_name: package.manifest.display_name,
        version: package.manifest.version,
        managed: package.manifest.managed,
        notes: archive.notes().to_vec(),
        problems: package.problems,
    })
}
