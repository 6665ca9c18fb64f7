//! `connref solution migrate`
use std::path::{Path, PathBuf};

use clap::Args;
use connref_review::migrate::{MigrateOptions, Migration, migrate};
use connref_solution::{Archive, pack};
use serde_json::{Value, json};

use super::pack::{folder_write, zip_write};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package::archive_read;
use crate::render::{clean, note, style};

/// Give hard-coded connections references; a flow package becomes a solution; offline
#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    /// Solution or exported flow package: zip or folder
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// What to write: a zip if the name ends so, else a folder; else NAME_migrated.zip beside PATH
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    overwrite: bool,
    /// Prefix of new references; else the solution's own, `new` for a flow package
    #[arg(long)]
    prefix: Option<String>,
    /// Let connections to one connector share a reference where that is safe
    #[arg(long)]
    consolidate: bool,
    /// Put custom connectors into a solution of their own, written beside
    #[arg(long)]
    split_connectors: bool,
    /// Unique name of the solution that a flow package becomes
    #[arg(long, value_name = "NAME")]
    solution_name: Option<String>,
    /// Unique name of that solution's publisher
    #[arg(long, value_name = "NAME")]
    publisher_name: Option<String>,
}

impl MigrateArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let archive = archive_read(&self.path)?;
        let options = MigrateOptions {
            prefix: self.prefix.clone(),
            consolidate: self.consolidate,
            split_connectors: self.split_connectors,
            solution_name: self.solution_name.clone(),
            publisher_name: self.publisher_name.clone(),
        };
        let fail = |error: anyhow::Error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot migrate `{}`", self.path.display()))
        };
        let migration = migrate(&archive, &options).map_err(|error| fail(error.into()))?;
        let mut item = item(&migration);
        if context.globals.dry_run {
            let preview = migration.preview().map_err(|error| fail(error.into()))?;
            if context.output.is_table() {
                note(&format!("{} would change", self.path.display()));
                context.output.text(&(told(&migration) + "\n" + &preview))?;
            } else {
                item["diff"] = preview.into();
                context.output.one(&item)?;
            }
            return Ok(Exit::Clean);
        }
        let out = self.out.clone().unwrap_or_else(|| beside(&self.path));
        item["written"] = self.write(&out, &migration, context)?.into();
        if context.output.is_table() {
            let sentence = match migration.is_unchanged() {
                true => format!("there was nothing to migrate; {} is a copy", out.display()),
                false => format!("{} written", out.display()),
            };
            let text = format!("{} {}\n", style::good("✓"), clean(&sentence));
            context.output.text(&(text + &told(&migration)))?;
        } else {
            context.output.one(&item)?;
        }
        Ok(Exit::Clean)
    }

    /// Writes the package, and the connectors' own beside it; answers what was written.
    fn write(
        &self,
        out: &Path,
        migration: &Migration,
        context: &Context,
    ) -> Result<Vec<String>, Failure> {
        let mut written = vec![out.display().to_string()];
        let connectors = migration.connectors.as_ref().map(|split| {
            let end = if is_zip(out) { ".zip" } else { "" };
            (out.with_file_name(format!("{}{end}", split.unique_name)), &split.connectors)
        });
        // Both are looked at before either is written.
        for path in connectors.iter().map(|(path, _)| path.as_path()).chain([out]) {
            if !self.overwrite && path.exists() {
                let what = anyhow::anyhow!("`{}` exists already", path.display());
                return Err(Failure::new(Exit::Conflict, what).fix("add --overwrite"));
            }
        }
        self.write_one(out, &migration.after, context)?;
        if let Some((path, archive)) = connectors {
            self.write_one(&path, archive, context)?;
            written.push(path.display().to_string());
        }
        Ok(written)
    }

    fn write_one(&self, path: &Path, archive: &Archive, context: &Context) -> Result<(), Failure> {
        if !is_zip(path) {
            folder_write(archive, path, self.overwrite)?;
            return Ok(());
        }
        let zip = pack(archive).map_err(|error| {
            Failure::new(Exit::Usage, error).context(format!("cannot pack `{}`", path.display()))
        })?;
        zip_write(path, &zip, self.overwrite, context)
    }
}

/// The zip that is written if nothing else is named; what was read stays as it is.
fn beside(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let stem = if is_zip(&path) { path.file_stem() } else { path.file_name() };
    let stem = stem.map_or_else(|| "solution".into(), |stem| stem.to_string_lossy().into_owned());
    path.with_file_name(format!("{stem}_migrated.zip"))
}

fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

fn told(migration: &Migration) -> String {
    let changes = migration.changes.iter().map(ToString::to_string);
    let apart = migration.kept_apart.iter().map(|one| {
        format!("{} ({}) keeps a reference of its own: {}", one.entry, one.api_name, one.reason)
    });
    let notes = migration.notes.iter().map(|remark| format!("note: {remark}"));
    changes.chain(apart).chain(notes).map(|line| format!("  {}\n", clean(&line))).collect()
}

fn item(migration: &Migration) -> Value {
    json!({
        "solution": migration.package.manifest.unique_name,
        "unchanged": migration.is_unchanged(),
        "changes": migration.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "keptApart": migration.kept_apart.iter().map(|one| json!({
            "connector": one.api_name.to_string(),
            "entry": one.entry,
            "reason": one.reason,
        })).collect::<Vec<_>>(),
        "notes": migration.notes,
    })
}
