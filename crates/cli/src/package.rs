//! Solution files as commands take them: a zip, an unpacked folder, a settings file.
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use connref_solution::archive::Layout;
use connref_solution::artefact::settings_json::{SettingsFile, settings_read, settings_write};
use connref_solution::model::package::FlowBody;
use connref_solution::model::{DeploymentSettings, FlowId, Package};
use connref_solution::settings::{settings_check, settings_create};
use connref_solution::{Archive, Limits, flow_bodies, package_read, package_write};

use crate::command::read_text;
use crate::exit::{Exit, Failure};
use crate::render::{note, warning};

/// A solution file with what it holds.
pub(crate) struct SolutionFile {
    archive: Archive,
    /// What its parts say.
    pub(crate) package: Package,
}

/// Reads a solution zip or folder.
pub(crate) fn read(path: &Path) -> Result<SolutionFile, Failure> {
    let archive = archive_read(path)?;
    let package = package_read(&archive).map_err(|error| unreadable(path, error))?;
    flow_bodies(&package).map_err(|error| {
        unreadable(path, error).fix("export the solution again, or repair this part")
    })?;
    Ok(SolutionFile { archive, package })
}

/// Reads the parts of a zip or a folder, and tells what was left out.
pub(crate) fn archive_read(path: &Path) -> Result<Archive, Failure> {
    let archive =
        Archive::read(path, &Limits::default()).map_err(|error| unreadable(path, error))?;
    for remark in archive.notes() {
        note(&format!("{}: {remark}", path.display()));
    }
    Ok(archive)
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let path = path.display().to_string();
    let reason = chain(&error);
    // One line: most reasons name the file themselves.
    match reason.contains(&path) {
        true => Failure::usage(reason),
        false => Failure::usage(format!("cannot read the solution `{path}`: {reason}")),
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text += &format!(": {words}");
        }
        cause = error.source();
    }
    text
}

impl SolutionFile {
    /// What the bodies of its cloud flows say.
    pub(crate) fn bodies(&self) -> Result<BTreeMap<FlowId, FlowBody>, Failure> {
        flow_bodies(&self.package).map_err(|error| {
            Failure::usage(chain(&error)).fix("export the solution again, or repair this part")
        })
    }

    /// The zip to import. One that was a zip is sent as it is, a folder is packed.
    pub(crate) fn zip(&self) -> Result<Vec<u8>, Failure> {
        let fail = |error: anyhow::Error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot pack the solution `{}`", self.archive.label()))
        };
        if self.archive.layout() == Layout::Zip {
            return self.archive.to_zip().map_err(|error| fail(error.into()));
        }
        let packed = package_write(Some(&self.archive), &self.package)
            .map_err(|error| fail(error.into()))?;
        packed.to_zip().map_err(|error| fail(error.into()))
    }
}

/// Reads a deployment settings file and holds it against the package: what cannot be applied is
/// refused before anything is sent, all of it at once.
pub(crate) fn settings(path: &Path, package: &Package) -> Result<DeploymentSettings, Failure> {
    let file = settings_of(path, &package.manifest.unique_name)?;
    if let Some(name) = file.twice.first() {
        // What a reviewer reads may be the one that does not count.
        return Err(Failure::refused(format!("`{name}` occurs twice in one object"))
            .context(format!(
                "the deployment settings `{}` do not fit the solution",
                path.display()
            ))
            .fix("keep one of them: readers differ on which one counts"));
    }
    let settings = file.settings;
    let findings = settings_check(&settings, package);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.issue.is_error()).collect();
    let Some(first) = errors.first() else { return Ok(settings) };
    let list: Vec<_> = errors.iter().map(|one| format!("{} {}", one.at, one.message)).collect();
    Err(Failure::refused(list.join("; "))
        .context(format!("the deployment settings `{}` do not fit the solution", path.display()))
        .fix(first.fix.clone()))
}

/// Reads a deployment settings file as it is; what is odd in it is told.
pub(crate) fn settings_file(path: &Path, solution: &str) -> Result<DeploymentSettings, Failure> {
    Ok(settings_of(path, solution)?.settings)
}

fn settings_of(path: &Path, solution: &str) -> Result<SettingsFile, Failure> {
    let text = read_text(path, "the deployment settings")?;
    let file = settings_read(text.as_bytes(), Some(solution)).map_err(|error| {
        Failure::new(Exit::Usage, error)
            .context(format!("cannot use `{}`", path.display()))
            .fix("make one to fill in with `connref solution create-settings`")
    })?;
    for problem in &file.problems {
        warning(&format!("{}: {} {}", path.display(), problem.at, problem.message));
    }
    Ok(file)
}

/// A deployment settings file to be filled in.
pub(crate) fn settings_template(package: &Package) -> String {
    let mut text = String::from_utf8_lossy(&settings_write(&settings_create(package))).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Writes a file, beside its name first, so that a full disk leaves no half file under it. A file
/// that is replaced keeps its permissions; a link stays a link.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let fail = |error: std::io::Error| {
        Failure::from(error).context(format!("cannot write `{}`", path.display()))
    };
    let Ok(target) = path.canonicalize() else {
        return std::fs::write(path, content).map_err(fail);
    };
    let permissions = std::fs::metadata(&target).map_err(fail)?.permissions();
    let folder = target.parent().unwrap_or(Path::new("/"));
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    beside.write_all(content).map_err(fail)?;
    beside.as_file().set_permissions(permissions).map_err(fail)?;
    beside.as_file().sync_all().map_err(fail)?;
    beside.persist(&target).map_err(|error| fail(error.error))?;
    Ok(())
}
