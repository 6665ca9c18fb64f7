//! `connref connector validate`
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use connref_review::connector::{ConnectorFileText, connector_check};
use connref_solution::connector::ConnectorPart;
use connref_solution::{Archive, Limits};

use crate::command::solution::check::FailOn;
use crate::connector_file::{bytes, pair};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::warning;
use crate::report::{About, Checked, Entry, Report, fingerprints, shown};

/// How deep folders are looked into.
const MAX_DEPTH: usize = 10;
/// Most folders that are looked into.
const MAX_FOLDERS: usize = 100_000;

/// Arguments of `connector validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    /// Definitions, folders with apiDefinition.swagger.json at any depth, solutions
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Least severity that makes the check fail (exit code 1)
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
}

/// One connector's files: what each holds, its name in findings, its bytes.
type Files = Vec<(ConnectorPart, String, Vec<u8>)>;

/// A connector that was found: path, name, files.
struct Found {
    path: String,
    name: String,
    files: Files,
}

impl ValidateArgs {
    pub(super) fn run(&self, context: &Context) -> Outcome {
        let mut unreadable = Vec::new();
        let mut packages = Vec::new();
        for path in &self.paths {
            match found(path) {
                Ok(all) => {
                    packages.extend(all.iter().map(|one| checked(one, self.fail_on)));
                }
                Err(failure) => unreadable.push((shown(path), failure.reason())),
            }
        }
        for (path, reason) in &unreadable {
            warning(&format!("cannot check `{path}`: {reason}"));
        }
        let report = Report { about: About::Packages, packages, unreadable, compared: false };
        report.print(context.output)?;
        Ok(match (report.unreadable.is_empty(), report.is_failed()) {
            (false, _) => Exit::Usage,
            (true, true) => Exit::Findings,
            (true, false) => Exit::Clean,
        })
    }
}

fn checked(one: &Found, fail_on: FailOn) -> Checked {
    let files: Vec<_> = one
        .files
        .iter()
        .map(|(part, name, bytes)| ConnectorFileText { part: *part, name, bytes })
        .collect();
    let findings = connector_check(&one.name, &files);
    let prints = fingerprints(&one.name, &findings);
    let entries = findings.into_iter().zip(prints).map(|(finding, fingerprint)| {
        let file = finding.location.as_ref().map_or(&one.path, |at| &at.part).clone();
        Entry { finding, file, fingerprint, known: false }
    });
    Checked {
        path: one.path.clone(),
        settings: false,
        name: one.name.clone(),
        threshold: fail_on.severity(),
        entries: entries.collect(),
    }
}

/// The connectors at a path, or below it.
fn found(path: &Path) -> Result<Vec<Found>, Failure> {
    if path.is_file() {
        let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        return if is_json { Ok(vec![file(path)?]) } else { solution(path) };
    }
    let mut all = Vec::new();
    let mut open = vec![(path.to_owned(), 0)];
    let mut looked = 0;
    while let Some((folder, depth)) = open.pop() {
        looked += 1;
        if looked > MAX_FOLDERS {
            return Err(Failure::usage(format!("there are more than {MAX_FOLDERS} folders in it")));
        }
        if let Some((definition, properties)) = pair(&folder)? {
            all.push(of(&definition, properties.as_deref())?);
        } else if is_unpacked(&folder) {
            all.extend(solution(&folder)?);
            continue;
        }
        if depth < MAX_DEPTH {
            let mut inner = folders(&folder)?;
            inner.sort_unstable_by(|a, b| b.cmp(a));
            open.extend(inner.into_iter().map(|folder| (folder, depth + 1)));
        }
    }
    if all.is_empty() {
        return Err(Failure::usage("there is no connector definition in it"));
    }
    Ok(all)
}

/// Whether a folder holds a solution that was unpacked, with connectors.
fn is_unpacked(folder: &Path) -> bool {
    ["Connector", "Connectors"].iter().any(|name| folder.join(name).is_dir())
        && ["solution.xml", "Other/Solution.xml", "src/Other/Solution.xml"]
            .iter()
            .any(|name| folder.join(name).exists())
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::from(error).context(format!("cannot read `{}`", folder.display()))
    })?;
    let own = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // A link may lead back to where it stands.
        (entry.file_type().ok()?.is_dir() && !hidden).then(|| entry.path())
    };
    Ok(entries.filter_map(own).collect())
}

fn of(definition: &Path, properties: Option<&Path>) -> Result<Found, Failure> {
    let mut files = vec![(ConnectorPart::Definition, shown(definition), bytes(definition)?)];
    if let Some(path) = properties {
        files.push((ConnectorPart::Properties, shown(path), bytes(path)?));
    }
    let folder = definition.parent().and_then(Path::file_name).unwrap_or_default();
    Ok(Found { path: shown(definition), name: folder.to_string_lossy().into_owned(), files })
}

/// A file by itself, with the properties beside it.
fn file(path: &Path) -> Result<Found, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if name == "apiproperties.json" {
        let files = vec![(ConnectorPart::Properties, shown(path), bytes(path)?)];
        return Ok(Found { path: shown(path), name: shown(path), files });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = pair(folder.unwrap_or(Path::new(".")))?;
    let properties = beside.filter(|(definition, _)| definition.file_name() == path.file_name());
    of(path, properties.and_then(|(_, properties)| properties).as_deref())
}

/// What the parts of a connector are called behind its name.
const ENDS: [(&str, ConnectorPart); 4] = [
    ("_openapidefinition.json", ConnectorPart::Definition),
    ("_connectionparameters.json", ConnectorPart::Parameters),
    ("_connectionparametersets.json", ConnectorPart::Sets),
    ("_policytemplateinstances.json", ConnectorPart::Policies),
];

/// The connectors of a solution zip or folder.
fn solution(path: &Path) -> Result<Vec<Found>, Failure> {
    let fail = |error: &dyn std::error::Error| Failure::usage(error.to_string());
    let archive = Archive::read(path, &Limits::default()).map_err(|error| fail(&error))?;
    let mut all: BTreeMap<String, Files> = BTreeMap::new();
    for part in archive.parts() {
        let lower = part.name().to_lowercase();
        if !lower.contains("connector") {
            continue;
        }
        let Some((end, kind)) = ENDS.iter().find(|(end, _)| lower.ends_with(end)) else { continue };
        let bytes = archive.bytes(part.name()).map_err(|error| fail(&error))?.unwrap_or_default();
        // Real packages have parts of no bytes: the connector has no such setting.
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let stem = &part.name()[..part.name().len() - end.len()];
        let place = format!("{}/{}", shown(path), part.name().trim_start_matches('/'));
        all.entry(stem.to_owned()).or_default().push((*kind, place, bytes.to_owned()));
    }
    if all.is_empty() {
        return Err(Failure::usage("there is no connector definition in it"));
    }
    let found = all.into_iter().map(|(stem, files)| Found {
        path: shown(path),
        name: stem.rsplit('/').next().unwrap_or_default().to_owned(),
        files,
    });
    Ok(found.collect())
}
