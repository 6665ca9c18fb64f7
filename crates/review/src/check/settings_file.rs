//! A deployment settings file that lies in a repository: by itself, or with the one package that
//! it is plainly for.
use std::collections::HashSet;

use connref_solution::artefact::alm_settings_json::alm_settings_read;
use connref_solution::artefact::settings_json::{SettingsError, settings_read};
use connref_solution::document::json::{JsonDocument, JsonError};
use connref_solution::model::package::Package;
use connref_solution::settings::{PlacedFinding, SettingsIssue, settings_validate};

use super::{CheckOptions, CheckSource, SettingsText, order, suppressed, wanted};
use crate::catalogue::code;
use crate::finding::{Finding, Location, Severity, Subject, SubjectKind};

/// Which of the packages a settings file is for. The file names one of them, or something that
/// only one of them has; where two could be meant, none is.
pub fn settings_owner(bytes: &[u8], packages: &[&CheckSource]) -> Option<usize> {
    let names = |file: &connref_solution::model::DeploymentSettings| -> HashSet<String> {
        let references = file.references.iter().map(|r| r.logical_name.key());
        references.chain(file.variables.iter().map(|v| v.schema_name.key())).collect()
    };
    let plain = match settings_read(bytes, None) {
        Ok(read) if read.solution.is_none() => Some(names(&read.settings)),
        Ok(_) | Err(SettingsError::PerSolution { .. }) => None,
        Err(_) => return None,
    };
    let fits = |package: &Package| match &plain {
        Some(names) => {
            let references = package.references.iter().map(|r| r.logical_name.key());
            references
                .chain(package.variables.iter().map(|v| v.schema_name.key()))
                .any(|name| names.contains(&name))
        }
        None => settings_read(bytes, Some(&package.manifest.unique_name)).is_ok(),
    };
    let mut found = packages.iter().enumerate().filter(|(_, s)| !s.legacy && fits(&s.package));
    let (index, _) = found.next()?;
    found.next().is_none().then_some(index)
}

/// Checks a settings file by itself or with its package. `met`: it was found in a repository, where
/// templates lie too: placeholders and empty values are told once, as a note.
///
/// # Errors
/// What is no deployment settings file at all.
pub fn settings_file_check(
    file: &SettingsText<'_>,
    package: Option<&CheckSource>,
    met: bool,
    options: &CheckOptions,
) -> Result<Vec<Finding>, SettingsError> {
    let found = match settings_validate(file.bytes, package.map(|source| &source.package)) {
        Err(error @ SettingsError::Shape { .. }) if met => vec![unreadable(file, &error)],
        Err(error) => return Err(error),
        Ok(placed) if met => repository(file, &placed),
        Ok(placed) => placed.iter().map(|p| told(file, p, severity(p.finding.issue))).collect(),
    };
    Ok(finish(found, options))
}

/// Checks a `customDeploymentSettings.json` of the ALM Accelerator: its form, its placeholders.
///
/// # Errors
/// Text that is no JSON.
pub fn alm_settings_check(
    file: &SettingsText<'_>,
    options: &CheckOptions,
) -> Result<Vec<Finding>, JsonError> {
    let read = alm_settings_read(file.bytes)?;
    let document = JsonDocument::parse(file.bytes)?;
    let place = |at: &str| document.locate(at).map_or((0, 0), |p| (p.line, p.column));
    let mut found = Vec::new();
    for problem in &read.problems {
        let help = "the deployment passes over the entry: bring it into the form of the others";
        let message = sentence(&problem.at, &problem.message);
        found.push(made(
            file,
            Severity::Warning,
            (&problem.at, place(&problem.at)),
            &message,
            help,
        ));
    }
    if let Some((at, _)) = read.tokens.first() {
        found.push(template(file, (at, place(at)), read.tokens.len(), 0));
    }
    Ok(finish(found, options))
}

fn sentence(at: &str, message: &str) -> String {
    if at.is_empty() { message.to_owned() } else { format!("`{at}`: {message}") }
}

fn severity(issue: SettingsIssue) -> Severity {
    if issue.is_error() { Severity::Error } else { Severity::Warning }
}

/// Errors are what stays wrong however a pipeline fills in the rest.
fn repository(file: &SettingsText<'_>, placed: &[PlacedFinding]) -> Vec<Finding> {
    use SettingsIssue as Issue;
    let mut found = Vec::new();
    let (mut open, mut missing): (Vec<&PlacedFinding>, Vec<&PlacedFinding>) = Default::default();
    let mut tokens = 0;
    for one in placed {
        match one.finding.issue {
            // `<connection id>`, `$(ID)`, `{{id}}`: every tool has placeholders of its own.
            Issue::Token | Issue::ConnectionShape => {
                tokens += 1;
                open.push(one);
            }
            Issue::Empty => open.push(one),
            Issue::MissingReference | Issue::MissingVariable => missing.push(one),
            Issue::ConnectionPath | Issue::ConnectorMismatch | Issue::Duplicate => {
                found.push(told(file, one, Severity::Error));
            }
            Issue::Shape => found.push(told(file, one, Severity::Warning)),
            // A file may serve solutions that lie elsewhere.
            Issue::UnknownReference | Issue::UnknownVariable | Issue::Unread => {
                found.push(told(file, one, Severity::Note));
            }
        }
    }
    if let Some(first) = open.first() {
        let at = (first.finding.at.as_str(), (first.line, first.column));
        found.push(template(file, at, tokens, open.len() - tokens));
    }
    if let Some(first) = missing.first() {
        let names: Vec<_> =
            missing.iter().take(3).map(|f| format!("`{}`", f.finding.name)).collect();
        let more = missing.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        found.push(made(
            file,
            Severity::Note,
            (&first.finding.at, (first.line, first.column)),
            &format!("the settings leave out {}{more}", names.join(", ")),
            "`connref settings sync` adds what the package has and the file has not",
        ));
    }
    found
}

/// One note about everything that a pipeline or a person is still to fill in.
fn template(
    file: &SettingsText<'_>,
    at: (&str, (usize, usize)),
    tokens: usize,
    empty: usize,
) -> Finding {
    let words = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    };
    let words: Vec<String> = [
        words(tokens, "placeholder", "placeholders"),
        words(empty, "empty connection id", "empty connection ids"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let message = format!("still to be filled in: {}", words.join(", "));
    let help = "fill them in before the import; checked with `--settings-file`, each is told";
    made(file, Severity::Note, at, &message, help)
}

fn unreadable(file: &SettingsText<'_>, error: &SettingsError) -> Finding {
    let (at, line) = match error {
        SettingsError::Shape { pointer, line, .. } => (pointer.as_str(), *line),
        _ => ("", 0),
    };
    let help = "bring the file into the shape that `connref settings create` writes";
    made(file, Severity::Warning, (at, (line, 0)), &error.to_string(), help)
}

fn told(file: &SettingsText<'_>, placed: &PlacedFinding, severity: Severity) -> Finding {
    let PlacedFinding { finding, line, column } = placed;
    made(file, severity, (&finding.at, (*line, *column)), &finding.message, &finding.fix)
}

fn made(
    file: &SettingsText<'_>,
    severity: Severity,
    (path, (line, column)): (&str, (usize, usize)),
    message: &str,
    help: &str,
) -> Finding {
    let message = message.chars().filter(|c| !c.is_control()).take(300).collect();
    Finding {
        code: code::CR019,
        severity,
        subject: Subject::new(SubjectKind::Settings, "", file.name),
        message,
        help: help.to_owned(),
        fix: None,
        location: Some(Location {
            part: file.name.to_owned(),
            path: path.to_owned(),
            line,
            column,
        }),
        suppression: None,
    }
}

fn finish(mut found: Vec<Finding>, options: &CheckOptions) -> Vec<Finding> {
    let Some(level) = wanted(options, code::CR019) else { return Vec::new() };
    for finding in &mut found {
        finding.severity = level.unwrap_or(finding.severity);
        finding.suppression = suppressed(options, finding);
    }
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    found
}
