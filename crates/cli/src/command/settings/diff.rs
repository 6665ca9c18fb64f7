//! `connref settings diff`
use std::path::PathBuf;

use clap::Args;
use connref_solution::settings::{SettingsChange, SettingsDifference, settings_diff};
use serde_json::{Value, json};

use super::{settings_text, unusable};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::render::{Column, note};

/// Arguments of `settings diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// Settings file
    #[arg(value_name = "FILE")]
    one: PathBuf,
    /// Settings file it is compared with
    #[arg(value_name = "OTHER")]
    other: PathBuf,
    /// Solution, of files nested by solution
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("CHANGE", "change"),
    ("KIND", "kind"),
    ("NAME", "name"),
    ("MEMBER", "member"),
    ("FROM", "from"),
    ("TO", "to"),
];

impl DiffArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let (one, other) = (settings_text(&self.one)?, settings_text(&self.other)?);
        let solution = self.solution.as_deref();
        let changes = settings_diff(one.as_bytes(), other.as_bytes(), solution)
            .map_err(|error| unusable(&self.other, error))?;
        if changes.is_empty() && context.output.is_table() {
            note("nothing differs");
        } else {
            let rows: Vec<_> = changes.iter().map(row).collect();
            context.output.list(COLUMNS, &rows)?;
        }
        Ok(Exit::Clean)
    }
}

/// A change as an item.
pub(super) fn row(change: &SettingsChange) -> Value {
    let (word, member, from, to) = match &change.difference {
        SettingsDifference::Added { value } => ("added", None, None, Some(value)),
        SettingsDifference::Removed { value } => ("removed", None, Some(value), None),
        SettingsDifference::Changed { member, from, to } => {
            ("changed", Some(*member), Some(from), Some(to))
        }
    };
    json!({
        "change": word,
        "kind": change.kind.to_string(),
        "name": change.name.as_str(),
        "member": member,
        "from": from,
        "to": to,
    })
}
