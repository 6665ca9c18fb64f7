//! `connref settings sync`, `merge` and `fix`: what changes a settings file.
use std::path::{Path, PathBuf};

use clap::Args;
use connref_review::diff::unified;
use connref_solution::settings::{SettingsEntry, settings_fix, settings_merge, settings_sync};
use serde_json::{Value, json};

use super::validate::row as finding_row;
use super::{Solution, diff, settings_text, unusable};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package::replace;
use crate::render::{clean, style};
use crate::report::shown;

/// Arguments of `settings sync`.
#[derive(Args, Debug)]
pub(crate) struct SyncArgs {
    /// Settings file
    #[arg(short, long, value_name = "PATH")]
    settings_file: PathBuf,
    #[command(flatten)]
    solution: Solution,
    /// File to write; else the settings file itself
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

/// Arguments of `settings merge`.
#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// Settings file
    #[arg(value_name = "FILE")]
    base: PathBuf,
    /// Settings file that is laid over it
    #[arg(value_name = "OVER")]
    over: PathBuf,
    /// Solution, of files nested by solution
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
    /// File to write; else the first file
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

/// Arguments of `settings fix`.
#[derive(Args, Debug)]
pub(crate) struct FixArgs {
    /// Settings file
    #[arg(short, long, value_name = "PATH")]
    settings_file: PathBuf,
    #[command(flatten)]
    solution: Solution,
    /// File to write; else the settings file itself
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

/// A changed file on its way to the disk.
struct Changed<'a> {
    from: &'a Path,
    out: Option<&'a Path>,
    before: &'a str,
    after: Vec<u8>,
}

impl Changed<'_> {
    /// Writes the file, or shows the difference. A file that stays as it is is not touched.
    fn finish(self, context: &Context, lines: &[String], mut item: Value) -> Result<(), Failure> {
        let target = self.out.unwrap_or(self.from);
        let name = shown(target);
        let after = String::from_utf8_lossy(&self.after);
        let after = after.trim_start_matches('\u{feff}');
        let preview = unified(&shown(self.from), &name, self.before, after);
        item["path"] = name.as_str().into();
        if context.globals.dry_run {
            item["diff"] = preview.as_str().into();
            return match context.output.is_table() {
                true => context.output.text(&preview),
                false => context.output.one(&item),
            };
        }
        if !preview.is_empty() || self.out.is_some() {
            replace(target, &self.after)?;
        }
        if !context.output.is_table() {
            return context.output.one(&item);
        }
        let sentence = match preview.is_empty() {
            true => format!("{} needs no change", shown(self.from)),
            false => format!("{name} written"),
        };
        let mut text = format!("{} {}\n", style::good("✓"), clean(&sentence));
        for line in lines {
            text += &format!("  {}\n", clean(line));
        }
        context.output.text(&text)
    }
}

fn entry(entry: &SettingsEntry) -> Value {
    json!({"kind": entry.kind.to_string(), "name": entry.name.as_str(), "value": entry.value})
}

fn told(word: &str, entries: &[SettingsEntry]) -> Vec<String> {
    let value = |e: &SettingsEntry| match e.value.is_empty() {
        true => String::new(),
        false => format!(" (it had `{}`)", e.value),
    };
    entries.iter().map(|e| format!("{word}: {} {}{}", e.kind, e.name, value(e))).collect()
}

impl SyncArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let path = &self.settings_file;
        let text = settings_text(path)?;
        let package = self.solution.package()?.ok_or_else(|| {
            Failure::usage("no solution is named").fix("add -z ZIP, or -f FOLDER")
        })?;
        let bytes = std::fs::read(path).map_err(Failure::from)?;
        let done = settings_sync(&bytes, &package).map_err(|error| unusable(path, error))?;
        let mut lines = told("added, to be filled in", &done.added);
        lines.extend(told("removed", &done.removed));
        lines.extend(
            done.connectors.iter().map(|name| format!("connector brought up to date: {name}")),
        );
        let item = json!({
            "added": done.added.iter().map(entry).collect::<Vec<_>>(),
            "removed": done.removed.iter().map(entry).collect::<Vec<_>>(),
            "connectors": done.connectors.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "kept": done.kept,
        });
        let out = self.out.as_deref();
        Changed { from: path, out, before: &text, after: done.text }
            .finish(context, &lines, item)?;
        Ok(Exit::Clean)
    }
}

impl MergeArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let (text, over) = (settings_text(&self.base)?, settings_text(&self.over)?);
        let bytes = std::fs::read(&self.base).map_err(Failure::from)?;
        let done = settings_merge(&bytes, over.as_bytes(), self.solution.as_deref())
            .map_err(|error| unusable(&self.over, error))?;
        let mut lines: Vec<String> =
            done.added.iter().map(|e| format!("added: {} {}", e.kind, e.name)).collect();
        for (word, changes) in [("filled in", &done.filled), ("replaced", &done.replaced)] {
            lines.extend(changes.iter().map(|c| format!("{word}: {} {}", c.kind, c.name)));
        }
        let item = json!({
            "added": done.added.iter().map(entry).collect::<Vec<_>>(),
            "filled": done.filled.iter().map(diff::row).collect::<Vec<_>>(),
            "replaced": done.replaced.iter().map(diff::row).collect::<Vec<_>>(),
        });
        let (from, out) = (self.base.as_path(), self.out.as_deref());
        Changed { from, out, before: &text, after: done.text }.finish(context, &lines, item)?;
        Ok(Exit::Clean)
    }
}

impl FixArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let path = &self.settings_file;
        let text = settings_text(path)?;
        let package = self.solution.package()?;
        let bytes = std::fs::read(path).map_err(Failure::from)?;
        let done = settings_fix(&bytes, package.as_ref()).map_err(|error| unusable(path, error))?;
        let file = shown(path);
        let mut lines: Vec<String> =
            done.fixes.iter().map(|fix| format!("{file}:{}: {}", fix.line, fix.message)).collect();
        lines.extend(
            done.left
                .iter()
                .map(|left| format!("{file}:{}: still wrong: {}", left.line, left.finding.message)),
        );
        let fix = |fix: &connref_solution::settings::SettingsFix| json!({"line": fix.line, "path": fix.at, "message": fix.message});
        let item = json!({
            "fixes": done.fixes.iter().map(fix).collect::<Vec<_>>(),
            "left": done.left.iter().map(|left| finding_row(&file, left)).collect::<Vec<_>>(),
        });
        let failed = done.left.iter().any(|left| left.finding.issue.is_error());
        let out = self.out.as_deref();
        Changed { from: path, out, before: &text, after: done.text }
            .finish(context, &lines, item)?;
        Ok(if failed { Exit::Findings } else { Exit::Clean })
    }
}
