//! `connref settings validate`
use std::path::PathBuf;

use clap::Args;
use connref_solution::settings::{PlacedFinding, settings_validate};
use serde_json::{Value, json};

use super::{Solution, settings_text, unusable};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::render::{Column, note};
use crate::report::shown;

/// Arguments of `settings validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    /// Settings file
    #[arg(short, long, value_name = "PATH")]
    settings_file: PathBuf,
    #[command(flatten)]
    solution: Solution,
}

/// Columns of findings in a settings file.
pub(super) const COLUMNS: &[Column] = &[
    ("PLACE", "place"),
    ("SEVERITY", "severity"),
    ("NAME", "name"),
    ("MESSAGE", "message"),
    ("FIX", "fix"),
];

impl ValidateArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let text = settings_text(&self.settings_file)?;
        let package = self.solution.package()?;
        let found = settings_validate(text.as_bytes(), package.as_ref())
            .map_err(|error| unusable(&self.settings_file, error))?;
        let file = shown(&self.settings_file);
        let rows: Vec<_> = found.iter().map(|finding| row(&file, finding)).collect();
        if rows.is_empty() && context.output.is_table() {
            note("nothing is wrong with it");
        } else {
            context.output.list(COLUMNS, &rows)?;
        }
        let failed = found.iter().any(|placed| placed.finding.issue.is_error());
        Ok(if failed { Exit::Findings } else { Exit::Clean })
    }
}

/// A finding as an item.
pub(super) fn row(file: &str, placed: &PlacedFinding) -> Value {
    let finding = &placed.finding;
    json!({
        "place": format!("{file}:{}:{}", placed.line, placed.column),
        "file": file,
        "line": placed.line,
        "column": placed.column,
        "path": finding.at,
        "severity": if finding.issue.is_error() { "error" } else { "warning" },
        "name": finding.name.as_str(),
        "message": finding.message,
        "fix": finding.fix,
    })
}
