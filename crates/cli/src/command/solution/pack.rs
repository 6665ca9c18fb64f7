//! `connref solution pack` and `unpack`
use std::path::{Path, PathBuf};

use clap::Args;
use connref_solution::archive::Existing;
use connref_solution::{Archive, Limits, pack};
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package::{archive_read, replace};

/// Make a zip of an unpacked solution; the same files give the same bytes; offline
#[derive(Args, Debug)]
pub(crate) struct PackArgs {
    /// Unpacked solution
    #[arg(short, long, value_name = "PATH")]
    folder: PathBuf,
    /// Zip to write
    #[arg(short, long, value_name = "PATH")]
    zipfile: PathBuf,
    /// Replace the zip if it is there
    #[arg(long)]
    overwrite: bool,
}

/// Write the parts of a zip as files; offline
#[derive(Args, Debug)]
pub(crate) struct UnpackArgs {
    /// Solution zip
    #[arg(short, long, value_name = "PATH")]
    zipfile: PathBuf,
    /// Folder to write; made if it is missing
    #[arg(short, long, value_name = "PATH")]
    folder: PathBuf,
    /// Bring a folder that holds an unpacked solution to what the zip holds
    #[arg(long)]
    overwrite: bool,
}

impl PackArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let archive = archive_read(&self.folder)?;
        let zip = pack(&archive).map_err(|error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot pack `{}`", self.folder.display()))
        })?;
        zip_write(&self.zipfile, &zip, self.overwrite, context)?;
        let item = json!({"path": self.zipfile.display().to_string(), "bytes": zip.len()});
        let would = if context.globals.dry_run { "would be " } else { "" };
        let sentence = format!("{} {would}written: {} bytes", self.zipfile.display(), zip.len());
        context.output.done(&sentence, &item)?;
        Ok(Exit::Clean)
    }
}

impl UnpackArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let archive = archive_read(&self.zipfile)?;
        let folder = self.folder.display();
        if context.globals.dry_run {
            let parts = archive.parts().count();
            let sentence = format!("would bring {folder} to the {parts} parts of the zip");
            let item = json!({"path": folder.to_string(), "parts": parts});
            context.output.done(&sentence, &item)?;
            return Ok(Exit::Clean);
        }
        let done = folder_write(&archive, &self.folder, self.overwrite)?;
        let item = json!({
            "path": folder.to_string(),
            "written": done.written, "kept": done.kept, "removed": done.removed,
        });
        let sentence = format!(
            "{folder}: {} files written, {} kept, {} removed",
            done.written, done.kept, done.removed
        );
        context.output.done(&sentence, &item)?;
        Ok(Exit::Clean)
    }
}

/// Writes a zip; one that is there only if it may be replaced.
pub(super) fn zip_write(
    path: &Path,
    zip: &[u8],
    overwrite: bool,
    context: &Context,
) -> Result<(), Failure> {
    if !overwrite && path.exists() {
        let what = anyhow::anyhow!("`{}` exists already", path.display());
        return Err(Failure::new(Exit::Conflict, what).fix("add --overwrite"));
    }
    if context.globals.dry_run { Ok(()) } else { replace(path, zip) }
}

/// Writes the parts of an archive as files.
pub(super) fn folder_write(
    archive: &Archive,
    folder: &Path,
    overwrite: bool,
) -> Result<connref_solution::archive::Unpacked, Failure> {
    let existing = if overwrite { Existing::Replace } else { Existing::Refuse };
    archive.unpack(folder, existing, &Limits::default()).map_err(|error| {
        let failure = Failure::new(Exit::Usage, error)
            .context(format!("cannot unpack into `{}`", folder.display()));
        if overwrite { failure } else { failure.fix("name an empty folder, or add --overwrite") }
    })
}
