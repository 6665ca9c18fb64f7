//! `connref solution export`
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;

/// Export a solution; no connection and no secret travels in it
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Unique name of the solution
    #[arg(value_name = "NAME", required_unless_present = "name")]
    solution: Option<String>,
    /// Unique name of the solution, as an option
    #[arg(short, long, value_name = "NAME", conflicts_with = "solution")]
    name: Option<String>,
    /// File to write, or folder; else NAME.zip here
    #[arg(short, long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// Export as a managed solution
    #[arg(short, long)]
    managed: bool,
    /// Replace the file if it is there
    #[arg(long, visible_alias = "force")]
    overwrite: bool,
    /// Accepted; the export always waits
    #[arg(short = 'a', long = "async", hide = true)]
    asynchronous: bool,
    /// Accepted; the export always waits
    #[arg(long, hide = true, value_name = "MINUTES")]
    max_async_wait_time: Option<u32>,
}

impl ExportArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let wanted = self.solution.as_deref().or(self.name.as_deref()).unwrap_or_default();
        let client = context.client().await?;
        let solution = pick(client.solutions().await?, wanted)?;
        let path = self.target(&solution.unique_name);
        // Told before the work, and again by the open that must not replace.
        if !self.overwrite && path.exists() {
            return Err(taken(&path));
        }
        let file = client.solution_export(&solution.unique_name, self.managed).await?;
        if context.globals.dry_run {
            let sentence = format!("would write {} bytes to {}", file.len(), path.display());
            let item = json!({"uniqueName": solution.unique_name, "bytes": file.len()});
            context.output.done(&sentence, &item)?;
            return Ok(Exit::Clean);
        }
        self.write(&path, &file)?;
        let item = json!({
            "uniqueName": solution.unique_name,
            "version": solution.version,
            "managed": self.managed,
            "path": path.display().to_string(),
            "bytes": file.len(),
        });
        let sentence = format!(
            "solution {} {} written to {}",
            solution.unique_name,
            solution.version,
            path.display()
        );
        context.output.done(&sentence, &item)?;
        Ok(Exit::Clean)
    }

    fn target(&self, unique_name: &str) -> PathBuf {
        let managed = if self.managed { "_managed" } else { "" };
        let name = format!("{unique_name}{managed}.zip");
        match &self.path {
            Some(path) if path.is_dir() => path.join(name),
            Some(path) => path.clone(),
            None => PathBuf::from(name),
        }
    }

    /// Writes beside the target first, so that a full disk leaves no half file under its name.
    fn write(&self, path: &Path, file: &[u8]) -> Result<(), Failure> {
        let fail = |error: std::io::Error| {
            Failure::from(error).context(format!("cannot write `{}`", path.display()))
        };
        if !self.overwrite {
            let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
            let mut target = match opened {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    return Err(taken(path));
                }
                other => other.map_err(fail)?,
            };
            return target.write_all(file).and_then(|()| target.sync_all()).map_err(fail);
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        std::fs::write(&beside, file).and_then(|()| std::fs::rename(&beside, path)).map_err(fail)
    }
}

fn taken(path: &Path) -> Failure {
    Failure::new(Exit::Conflict, anyhow::anyhow!("`{}` exists already", path.display()))
        .fix("add --overwrite, or choose another --path")
}
