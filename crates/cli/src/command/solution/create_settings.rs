//! `connref solution create-settings`
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package;

/// Write a deployment settings file for a solution; offline
#[derive(Args, Debug)]
pub(crate) struct CreateSettingsArgs {
    /// Solution zip
    #[arg(short = 'z', long, value_name = "PATH", required_unless_present = "solution_folder")]
    solution_zip: Option<PathBuf>,
    /// Unpacked solution
    #[arg(short = 'f', long, value_name = "PATH", conflicts_with = "solution_zip")]
    solution_folder: Option<PathBuf>,
    /// File to write; else standard output
    #[arg(short, long, value_name = "PATH")]
    settings_file: Option<PathBuf>,
}

impl CreateSettingsArgs {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let path = self.solution_zip.as_ref().or(self.solution_folder.as_ref());
        let path = path.ok_or_else(|| Failure::usage("no solution is named"))?;
        let package = package::read(path)?.package;
        let text = package::settings_template(&package);
        let Some(target) = &self.settings_file else {
            context.output.text(&text)?;
            return Ok(Exit::Clean);
        };
        let fail = |error: std::io::Error| {
            Failure::from(error).context(format!("cannot write `{}`", target.display()))
        };
        if context.globals.dry_run {
            context.output.text(&text)?;
            return Ok(Exit::Clean);
        }
        let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(target);
        let mut file = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Failure::new(
                    Exit::Conflict,
                    anyhow::anyhow!("`{}` exists already and may hold bindings", target.display()),
                )
                .fix("name another --settings-file"));
            }
            other => other.map_err(fail)?,
        };
        file.write_all(text.as_bytes()).map_err(fail)?;
        let item = json!({
            "path": target.display().to_string(),
            "references": package.references.len(),
            "variables": package.variables.len(),
        });
        let sentence = format!(
            "{} written: {} references, {} variables to fill in",
            target.display(),
            package.references.len(),
            package.variables.len()
        );
        context.output.done(&sentence, &item)?;
        Ok(Exit::Clean)
    }
}
