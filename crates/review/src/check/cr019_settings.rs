//! CR019: a deployment settings file that does not fit the package.
use connref_solution::artefact::settings_json::{SettingsError, SettingsFile, settings_read};
use connref_solution::settings::{SettingsFinding, SettingsIssue, settings_check};

use super::SettingsText;
use super::context::{Context, escape};
use super::draft::{At, Draft, Path};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    if cx.source.legacy {
        return;
    }
    for (index, file) in cx.input.settings.iter().enumerate() {
        let solution = Some(cx.package.manifest.unique_name.as_str());
        match settings_read(file.bytes, solution) {
            Ok(read) => {
                let found = settings_check(&read.settings, cx.package);
                out.extend(found.iter().filter_map(|f| one(cx, index, file, &read, f)));
                out.extend(duplicate_names(index, file, &read));
            }
            // It is about other solutions.
            Err(SettingsError::OtherSolution { .. }) => {}
            Err(error) => out.push(unreadable(index, file, &error)),
        }
    }
}

fn subject(file: &SettingsText<'_>) -> Subject {
    Subject::new(SubjectKind::Settings, "", file.name)
}

fn at(index: usize, file: &SettingsText<'_>, pointer: String) -> At {
    At { part: file.name.to_owned(), path: Path::Settings(index, pointer) }
}

fn unreadable(index: usize, file: &SettingsText<'_>, error: &SettingsError) -> Draft {
    let (pointer, source) = match error {
        SettingsError::Shape { pointer, .. } => (pointer.clone(), None),
        SettingsError::Json { source } => (String::new(), Some(source.to_string())),
        _ => (String::new(), None),
    };
    let mut message = error.to_string();
    if let Some(source) = source {
        message = format!("{message}: {source}");
    }
    let help = "bring the file into the shape that `connref settings create` writes";
    Draft::new(
        code::CR019,
        Severity::Error,
        subject(file),
        at(index, file, pointer),
        cut_long(&message),
        help,
    )
}

fn one(
    cx: &Context<'_>,
    index: usize,
    file: &SettingsText<'_>,
    read: &SettingsFile,
    found: &SettingsFinding,
) -> Option<Draft> {
    // One file may serve several solutions.
    let name = found.name.as_str();
    let skip = match found.issue {
        SettingsIssue::UnknownReference => cx.beside.reference(name),
        SettingsIssue::UnknownVariable => cx.beside.variable(name),
        _ => false,
    };
    if skip {
        return None;
    }
    let severity = if found.issue.is_error() { Severity::Error } else { Severity::Warning };
    let nested = read.solution.as_deref().map(|s| format!("/{}", escape(s))).unwrap_or_default();
    let pointer = format!("{nested}{}", found.at);
    let (message, help) = (cut_long(&found.message), found.fix.clone());
    Some(Draft::new(code::CR019, severity, subject(file), at(index, file, pointer), message, help))
}

fn cut_long(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// Members that occur twice: readers differ on which of them counts.
fn duplicate_names(index: usize, file: &SettingsText<'_>, read: &SettingsFile) -> Vec<Draft> {
    let twice = read.problems.iter().filter(|p| p.message.contains("occurs twice"));
    twice
        .map(|problem| {
            Draft::new(
                code::CR019,
                Severity::Error,
                subject(file),
                at(index, file, problem.at.clone()),
                format!("`{}` occurs twice in one object", cut(&problem.at)),
                "keep one of them: readers differ on which counts",
            )
        })
        .collect()
}
