//! `connref settings`
mod change;
mod diff;
mod validate;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use connref_solution::artefact::settings_json::SettingsError;
use connref_solution::model::Package;

use crate::command::read_text;
use crate::command::solution::create_settings::CreateSettingsArgs;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package;

// Verbs of deployment settings; all of them work offline.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Write a settings file for a solution, to be filled in
    Create(CreateSettingsArgs),
    /// Hold a settings file against a solution, or against itself
    Validate(validate::ValidateArgs),
    /// Bring a settings file to what a solution wants; values stay
    Sync(change::SyncArgs),
    /// Show what differs between two settings files
    Diff(diff::DiffArgs),
    /// Lay a settings file over another: what it fills in wins
    Merge(change::MergeArgs),
    /// Repair the known wrong shapes; everything else stays byte for byte
    Fix(change::FixArgs),
}

impl SettingsCommand {
    /// Runs the verb.
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create(args) => args.run(context),
            Self::Validate(args) => args.run(context),
            Self::Sync(args) => args.run(context),
            Self::Diff(args) => args.run(context),
            Self::Merge(args) => args.run(context),
            Self::Fix(args) => args.run(context),
        }
    }
}

/// The solution that settings are for.
#[derive(Args, Debug, Default)]
pub(crate) struct Solution {
    /// Solution zip
    #[arg(short = 'z', long, value_name = "PATH")]
    solution_zip: Option<PathBuf>,
    /// Unpacked solution
    #[arg(short = 'f', long, value_name = "PATH", conflicts_with = "solution_zip")]
    solution_folder: Option<PathBuf>,
}

impl Solution {
    /// The package, if one is named.
    fn package(&self) -> Result<Option<Package>, Failure> {
        let path = self.solution_zip.as_ref().or(self.solution_folder.as_ref());
        path.map(|path| Ok(package::read(path)?.package)).transpose()
    }
}

fn settings_text(path: &Path) -> Result<String, Failure> {
    read_text(path, "the deployment settings")
}

fn unusable(path: &Path, error: SettingsError) -> Failure {
    Failure::new(Exit::Usage, error).context(format!("cannot use `{}`", path.display()))
}

#[cfg(test)]
mod tests;
