//! `connref solution kit`
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use connref_review::Severity;
use connref_review::check::CheckSource;
use connref_review::runbook::runbook;
use connref_review::shell_argument;
use connref_solution::archive::Layout;
use connref_solution::model::package::Managed;
use connref_solution::{Archive, Limits, pack};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::check::package_report;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package;
use crate::render::{Format, warning};
use crate::runbook::{Told, page};

/// Pack what a customer gets: package, settings file to fill in, runbook, checks; offline
#[derive(Args, Debug)]
pub(crate) struct KitArgs {
    /// Solution zip, or an unpacked solution to be packed
    path: PathBuf,
    /// Folder to write, or a zip if the name ends so
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Replace what is there; of a folder the kit's own files
    #[arg(long)]
    overwrite: bool,
}

/// Files of a kit: path and content, in the order in which they are listed.
type Files = Vec<(String, Vec<u8>)>;

impl KitArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let (name, zip) = self.zip()?;
        let source = source_of(&name, &zip)?;
        let (files, errors) = files(&name, zip, &source);
        if errors > 0 {
            warning(&format!(
                "the package has {errors} errors by the checker: see checks/check.sarif of the kit, or `connref solution check`"
            ));
        }
        let zipped = self.out.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
        self.free(zipped)?;
        if !context.globals.dry_run {
            if zipped { zip_write(&self.out, &files)? } else { folder_write(&self.out, &files)? }
        }
        let out = self.out.display().to_string();
        let would = if context.globals.dry_run { "would be " } else { "" };
        let sentence = format!("{out} {would}written: {} files", files.len());
        let list: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        context.output.done(&sentence, &json!({"path": out, "files": list, "errors": errors}))?;
        Ok(Exit::Clean)
    }

    /// The package that goes into the kit: a zip as it is, to the byte; a folder packed.
    fn zip(&self) -> Result<(String, Vec<u8>), Failure> {
        let archive = package::archive_read(&self.path)?;
        let fail = |error: anyhow::Error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot pack `{}`", self.path.display()))
        };
        if archive.layout() == Layout::Zip && self.path.is_file() {
            let named = self.path.file_name().map(|name| name.to_string_lossy().into_owned());
            let zip = archive.to_zip().map_err(|error| fail(error.into()))?;
            return Ok((named.unwrap_or_default(), zip));
        }
        let zip = pack(&archive).map_err(|error| fail(error.into()))?;
        let source = source_of("solution.zip", &zip)?;
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let name: String = source.name().chars().filter(plain).collect();
        Ok((format!("{}.zip", if name.is_empty() { "solution" } else { &name }), zip))
    }

    fn free(&self, zipped: bool) -> Result<(), Failure> {
        let taken = match zipped {
            true => self.out.exists(),
            false => match fs::read_dir(&self.out) {
                Ok(mut entries) => entries.next().is_some(),
                Err(_) => self.out.exists(),
            },
        };
        if taken && !self.overwrite {
            let what = anyhow::anyhow!("`{}` exists already", self.out.display());
            return Err(Failure::new(Exit::Conflict, what).fix("add --overwrite"));
        }
        Ok(())
    }
}

fn source_of(name: &str, zip: &[u8]) -> Result<CheckSource, Failure> {
    let fail = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error).context(format!("cannot read the solution `{name}`"))
    };
    let archive = Archive::from_zip_labelled(zip.into(), name, &Limits::default())
        .map_err(|error| fail(error.into()))?;
    let source = CheckSource::read(archive).map_err(|error| fail(error.into()))?;
    if source.is_flow_package() {
        return Err(Failure::usage(format!("`{name}` is a flow package, not a solution"))
            .fix(format!("connref solution migrate {} --out solution.zip", shell_argument(name))));
    }
    Ok(source)
}

/// Everything of the kit, and how many errors the checker finds.
fn files(name: &str, zip: Vec<u8>, source: &CheckSource) -> (Files, usize) {
    let book = runbook(source, None);
    let template = package::settings_template(source.package());
    let told = Told {
        book: &book,
        file: name.to_owned(),
        folder: None,
        settings: "settings.json".to_owned(),
        template: template.clone(),
        customer: true,
    };
    let page = page(&told);
    let report = package_report(name, source);
    let errors = report.count(Severity::Error);
    let mut files: Files = vec![
        (name.to_owned(), zip),
        ("README.md".to_owned(), readme(name, source).into_bytes()),
        ("runbook.html".to_owned(), page.html().into_bytes()),
        ("runbook.md".to_owned(), page.md().into_bytes()),
        ("settings.json".to_owned(), template.into_bytes()),
    ];
    for (path, format) in
        [("checks/check.html", Format::Html), ("checks/check.sarif", Format::Sarif)]
    {
        files.push((path.to_owned(), report.text(format).into_bytes()));
    }
    files.push(("checks/run.sh".to_owned(), script(name).into_bytes()));
    files.push(("checks/SHA256SUMS".to_owned(), sums(&files[..1]).into_bytes()));
    let manifest = manifest(source, &files);
    files.push(("manifest.json".to_owned(), manifest.into_bytes()));
    (files, errors)
}

fn readme(name: &str, source: &CheckSource) -> String {
    let manifest = &source.package().manifest;
    let plain = |text: &str| crate::render::markdown::escaped(&crate::render::clean(text));
    let title = if manifest.display_name.is_empty() {
        &manifest.unique_name
    } else {
        &manifest.display_name
    };
    format!(
        "# {} {}\n\n\
         - `{}`: the solution, as it was built.\n\
         - `runbook.html` and `runbook.md`: what to do, in order, to read and tick off.\n\
         - `settings.json`: to be filled in, one per environment: connections and values.\n\
         - `checks/run.sh`: is the package unchanged, does it pass, does the filled-in file fit it.\n\
         - `checks/check.html` and `checks/check.sarif`: what the checker found before delivery.\n\
         - `connref solution plan {} --settings-file settings.json --sign result.json`: what would happen in your\n  \
           environment, or once it is installed (with `--skip-lower-version`) what is there, as a signed file to send back;\n  \
           it names no connection.\n\
         - `manifest.json`: every file with its SHA-256, as delivered.\n\n\
         No connection and no secret is in here: both are made where the solution goes.\n",
        plain(title),
        plain(&manifest.version),
        name.replace('`', ""),
        shell_argument(name).replace('`', "")
    )
}

fn script(name: &str) -> String {
    let file = shell_argument(name);
    format!(
        "#!/bin/sh\n\
         # Is the package as it was delivered, does it pass, does the filled-in settings file fit it?\n\
         set -eu\n\
         cd \"$(dirname \"$0\")/..\"\n\
         sha256sum -c checks/SHA256SUMS\n\
         connref solution check {file} --production --settings-file settings.json\n"
    )
}

fn sum(content: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// In the form of `sha256sum`.
fn sums(files: &[(String, Vec<u8>)]) -> String {
    files.iter().map(|(path, content)| format!("{}  {path}\n", sum(content))).collect()
}

fn manifest(source: &CheckSource, files: &[(String, Vec<u8>)]) -> String {
    let solution = &source.package().manifest;
    let list: Vec<_> = files
        .iter()
        .map(
            |(path, content)| json!({"path": path, "bytes": content.len(), "sha256": sum(content)}),
        )
        .collect();
    let item = json!({
        "solution": {
            "uniqueName": solution.unique_name,
            "version": solution.version,
            "managed": solution.managed == Managed::Managed,
        },
        "createdBy": concat!("connref ", env!("CARGO_PKG_VERSION")),
        "files": list,
    });
    format!("{item:#}\n")
}

/// The same files give the same bytes: entries carry a fixed time.
fn zip_write(out: &Path, files: &Files) -> Result<(), Failure> {
    let fail = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error).context(format!("cannot write `{}`", out.display()))
    };
    let mut archive = Archive::empty();
    for (path, content) in files {
        archive.set(path, content.clone()).map_err(|error| fail(error.into()))?;
    }
    let zip = archive.to_zip().map_err(|error| fail(error.into()))?;
    package::replace(out, &zip)
}

fn folder_write(out: &Path, files: &Files) -> Result<(), Failure> {
    let fail = |error: std::io::Error| {
        Failure::from(error).context(format!("cannot write into `{}`", out.display()))
    };
    fs::create_dir_all(out.join("checks")).map_err(fail)?;
    for (path, content) in files {
        package::replace(&out.join(path), content)?;
    }
    Ok(())
}
