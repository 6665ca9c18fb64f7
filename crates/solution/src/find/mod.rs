//! Everything that can be read below a path: solutions, flow packages, settings files.
mod peek;
mod same;
mod walk;

use std::path::{Path, PathBuf};

use crate::archive::{ArchiveError, Limits};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FoundKind {
    /// A solution: zip, unpacked folder or plain folder.
    Solution,
    /// A flow exported as a package of its own, zip or folder.
    LegacyPackage,
    /// A deployment settings file.
    Settings,
    /// The ALM Accelerator's `customDeploymentSettings.json`.
    AlmSettings,
    /// A repository in the YAML layout of Git integration, which is not read.
    Yaml,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// File or folder.
    pub path: PathBuf,
    /// What it is.
    pub kind: FoundKind,
}

/// What lies below a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindReport {
    /// What was found, sorted by path.
    pub items: Vec<Found>,
    /// What counts once, what cannot be read and the like, in sentences for a person.
    pub notes: Vec<String>,
}

impl FindReport {
    /// The paths of one kind, sorted.
    pub fn of(&self, kind: FoundKind) -> impl Iterator<Item = &Path> {
        self.items.iter().filter(move |i| i.kind == kind).map(|i| i.path.as_path())
    }
}

/// Finds everything at or below a path, on several threads. Follows no links; passes over hidden
/// folders and `node_modules`. A solution that lies in two layouts close to each other (its zip
/// beside its source folder) counts once, as the folder, and a note says so.
///
/// # Errors
/// A path that cannot be read; more than 50,000 folders or 1,000,000 entries.
pub fn find(path: &Path, limits: &Limits) -> Result<FindReport, ArchiveError> {
    let walked = walk::walk(path, limits)?;
    let mut report = FindReport { items: walked.items, notes: walked.notes };
    same::layouts_join(&mut report, path, limits);
    report.items.sort();
    report.items.dedup();
    for yaml in report.of(FoundKind::Yaml).map(|p| p.display().to_string()).collect::<Vec<_>>() {
        report.notes.push(format!(
            "`{yaml}` is in the YAML layout of Git integration, which is not read; export the solution as a zip and give that"
        ));
    }
    Ok(report)
}

/// The solutions at or below a path, sorted: the path itself if it is a file or a solution
/// folder, else every solution folder and every zip that holds `solution.xml`. Walks as [`find`]
/// does, but leaves out nothing.
///
/// # Errors
/// A path that cannot be read; more than 50,000 folders or 1,000,000 entries.
pub fn find_solutions(path: &Path, limits: &Limits) -> Result<Vec<PathBuf>, ArchiveError> {
    let failed = |source| ArchiveError::Read { path: path.display().to_string(), source };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut items = walk::walk(path, limits)?.items;
    items.retain(|item| item.kind == FoundKind::Solution);
    items.sort();
    Ok(items.into_iter().map(|item| item.path).collect())
}
