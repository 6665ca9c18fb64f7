//! `connref solution runbook`
use std::path::{Path, PathBuf};

use clap::Args;
use connref_review::check::CheckSource;
use connref_review::runbook::runbook;
use connref_solution::Archive;
use connref_solution::model::DeploymentSettings;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package;
use crate::render::{Format, note};
use crate::runbook::{Told, page, whole};

/// Write what a deployment takes, to read and tick off: bindings, variables, order; offline
#[derive(Args, Debug)]
pub(crate) struct RunbookArgs {
    /// Solution zip or folder
    path: PathBuf,
    /// Deployment settings: the runbook says what they leave open
    #[arg(long, value_name = "PATH")]
    settings_file: Option<PathBuf>,
    /// Add what a customer does in a tenant of their own: secrets, redirect addresses, consent
    #[arg(long)]
    customer: bool,
    /// File to write; else standard output. `.html` and `.json` choose the format
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,
}

/// Reads a package as the checker does: a flow that cannot be read does not hide the rest.
pub(super) fn source_read(path: &Path) -> Result<(CheckSource, Archive), Failure> {
    let archive = package::archive_read(path)?;
    let source = CheckSource::read(archive.clone()).map_err(|error| {
        Failure::new(Exit::Usage, error)
            .context(format!("cannot read the solution `{}`", path.display()))
    })?;
    Ok((source, archive))
}

impl RunbookArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let format = self.format(context)?;
        let (source, _) = source_read(&self.path)?;
        let settings = self.settings(&source)?;
        let book = runbook(&source, settings.as_ref());
        // A runbook goes from hand to hand: it names files, and no place on this machine.
        let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
        let folder = self.path.is_dir();
        let told = Told {
            book: &book,
            file: match folder {
                true => format!("{}.zip", book.solution.name),
                false => name(&self.path).unwrap_or_default(),
            },
            folder: folder.then(|| name(&self.path).unwrap_or_else(|| ".".to_owned())),
            settings: self
                .settings_file
                .as_deref()
                .and_then(name)
                .unwrap_or_else(|| "settings.json".to_owned()),
            template: package::settings_template(source.package()),
            customer: self.customer,
        };
        let text = match format {
            Format::Json => format!("{:#}\n", whole(&book)),
            Format::Html => page(&told).html(),
            _ => page(&told).md(),
        };
        let Some(out) = &self.out else {
            context.output.text(&text)?;
            return Ok(Exit::Clean);
        };
        if !self.overwrite && out.exists() {
            // It may have been ticked already.
            let what = anyhow::anyhow!("`{}` exists already", out.display());
            return Err(Failure::new(Exit::Conflict, what).fix("add --overwrite"));
        }
        let path = out.display().to_string();
        if context.globals.dry_run {
            note(&format!("{path} would be written: {} bytes", text.len()));
            return Ok(Exit::Clean);
        }
        package::replace(out, text.as_bytes())?;
        note(&format!(
            "{path} written: {} references, {} flows",
            book.references.len(),
            book.flows.len()
        ));
        Ok(Exit::Clean)
    }

    /// Markdown, unless `-o` or the file's name says otherwise.
    fn format(&self, context: &Context) -> Result<Format, Failure> {
        let named = self.out.as_deref().and_then(Path::extension);
        let named = named.map(|end| end.to_string_lossy().to_ascii_lowercase());
        match (context.output.format, named.as_deref()) {
            (Format::Table, Some("html" | "htm")) => Ok(Format::Html),
            (Format::Table, Some("json")) => Ok(Format::Json),
            (Format::Table, _) => Ok(Format::Md),
            (Format::Md | Format::Html | Format::Json, _) => Ok(context.output.format),
            _ => Err(Failure::usage("a runbook is written as md, html or json").fix("-o md")),
        }
    }

    /// The settings, as they are: what does not fit the package is the checker's to tell.
    fn settings(&self, source: &CheckSource) -> Result<Option<DeploymentSettings>, Failure> {
        let Some(path) = &self.settings_file else { return Ok(None) };
        let name = &source.package().manifest.unique_name;
        package::settings_file(path, name).map(Some)
    }
}
