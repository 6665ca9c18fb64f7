//! The solution row: managed or not, version, duplicates, dependencies.
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;

use connref_solution::model::change_set::SolutionChange;
use connref_solution::model::facts::{Fidelity, SolutionFacts};
use connref_solution::model::id::is_guid;
use connref_solution::model::package::{Managed, Manifest};
use connref_solution::model::{Facts, LogicalName, Package};

use super::{Draft, Import};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::index::Index;
use crate::refusal::Refusal;

fn installed<'f>(facts: &'f Facts, name: &str) -> Option<&'f SolutionFacts> {
    facts.solutions.iter().find(|s| s.unique_name.eq_ignore_ascii_case(name))
}

fn subject(manifest: &Manifest) -> Subject {
    Subject::new(SubjectKind::Solution, "", &manifest.unique_name)
}

/// The manifest with "both" decided. A package that holds both kinds comes in as what is there
/// already, else as unmanaged, unless it is to be managed.
pub(super) fn manifest_check(facts: &Facts, import: &Import<'_>, draft: &mut Draft) -> Manifest {
    let mut manifest = import.package.manifest.clone();
    let there = installed(facts, &manifest.unique_name).map(|s| s.managed);
    let convert = import.options.convert_to_managed;
    if manifest.managed == Managed::Both {
        let managed = convert || there == Some(true);
        manifest.managed = if managed { Managed::Managed } else { Managed::Unmanaged };
    }
    let refusal = match (there, manifest.managed) {
        (Some(false), Managed::Managed) if !convert => Some((
            "unmanaged",
            "managed",
            "import with --convert-to-managed, or delete the unmanaged solution first",
        )),
        (Some(true), Managed::Unmanaged) => {
            Some(("managed", "unmanaged", "import the managed package, or make a patch"))
        }
        _ => None,
    };
    if let Some((old, new, fix)) = refusal {
        let text = format!(
            "The solution '{}' is installed as {old}; a package that is {new} cannot replace it.",
            manifest.unique_name
        );
        draft.refusals.push(
            Refusal::new(code::SOLUTION_MANAGED_MISMATCH, 400, subject(&manifest), text).fix(fix),
        );
    }
    if manifest.unique_name.is_empty() {
        let text = "The package has no unique name.".to_owned();
        draft.refusals.push(Refusal::new(code::PACKAGE_MALFORMED, 400, subject(&manifest), text));
    }
    manifest
}

/// Whether `--skip-lower-version` leaves nothing to do.
pub(super) fn nothing_to_do(facts: &Facts, import: &Import<'_>) -> bool {
    let manifest = &import.package.manifest;
    import.options.skip_lower_version
        && installed(facts, &manifest.unique_name)
            .is_some_and(|s| version_order(&s.version, &manifest.version) != Ordering::Less)
}

/// Order of two dotted versions; parts that are missing or not numbers count as 0.
pub(super) fn version_order(one: &str, two: &str) -> Ordering {
    let part = |v: &str, i: usize| -> u64 {
        v.split('.').nth(i).and_then(|p| p.trim().parse().ok()).unwrap_or(0)
    };
    (0..4).map(|i| part(one, i).cmp(&part(two, i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// The change of the solution row.
pub(super) fn change(
    facts: &Facts,
    manifest: Manifest,
    parts: Vec<(String, Vec<u8>)>,
) -> SolutionChange {
    let existing = installed(facts, &manifest.unique_name).map(|s| s.id.clone());
    SolutionChange { existing, manifest, parts }
}

/// Refuses what would collide inside the package: two rows of one name, or a row without what it
/// is found by.
pub(super) fn duplicates_check(package: &Package, draft: &mut Draft) {
    let references: Vec<_> = package.references.iter().map(|r| &r.logical_name).collect();
    let variables: Vec<_> = package.variables.iter().map(|v| &v.schema_name).collect();
    let flows: Vec<_> = package.workflows.iter().map(|w| &w.id).collect();
    for name in repeated(&references) {
        draft.refusals.push(duplicate(SubjectKind::Reference, name.as_str()));
    }
    for name in repeated(&variables) {
        draft.refusals.push(duplicate(SubjectKind::Variable, name.as_str()));
    }
    for id in repeated(&flows) {
        draft.refusals.push(duplicate(SubjectKind::Flow, id.as_str()));
    }
    for reference in &package.references {
        let what = match (reference.logical_name.as_str(), reference.api_name.as_str()) {
            ("", _) => "logical name",
            (_, "") => "connector",
            _ => continue,
        };
        let subject = Subject::new(SubjectKind::Reference, "", &reference.logical_name);
        let text = format!(
            "The connection reference '{}' of the package has no {what}.",
            reference.logical_name
        );
        draft.refusals.push(Refusal::new(code::PACKAGE_MALFORMED, 400, subject, text));
    }
}

fn duplicate(kind: SubjectKind, name: &str) -> Refusal {
    let text = format!("The package defines the {} '{name}' more than once.", kind.as_str());
    Refusal::new(code::DUPLICATE_NAME, 400, Subject::new(kind, "", name), text)
        .fix("keep one of them: names are compared without regard to case")
}

fn repeated<'n, T: Hash + Eq>(names: &[&'n T]) -> Vec<&'n T> {
    let mut seen = HashSet::new();
    let mut told = HashSet::new();
    names.iter().copied().filter(|n| !seen.insert(*n) && told.insert(*n)).collect()
}

/// References that the package declares as missing: the vendor's service refuses without them, the
/// full practice imports and leaves off what depends on them.
pub(super) fn dependencies_check(index: &Index<'_>, import: &Import<'_>, draft: &mut Draft) {
    for missing in &import.package.manifest.missing_dependencies {
        let name = LogicalName::new(&missing.required);
        let known = index.reference(&name).is_some()
            || import.package.references.iter().any(|r| r.logical_name == name);
        if !missing.required_type.eq_ignore_ascii_case("connectionreference")
            || is_guid(&missing.required)
            || known
        {
            continue;
        }
        let subject = Subject::new(SubjectKind::Reference, "", &name);
        let help = format!(
            "import the solution that provides it first (the package says \"{}\")",
            missing.solution
        );
        if index.facts.environment.fidelity == Fidelity::Dataverse {
            let text = format!(
                "There are missing dependencies. Install the following solutions before installing \
                 this one: \"{}\" (connection reference '{name}').",
                missing.solution
            );
            draft
                .refusals
                .push(Refusal::new(code::MISSING_DEPENDENCY, 400, subject, text).fix(help));
        } else {
            draft.warnings.push(Finding {
                code: code::CR002,
                severity: Severity::Warning,
                message: format!(
                    "the package needs connection reference `{name}`, which is not here"
                ),
                subject,
                help,
                fix: None,
                location: None,
                suppression: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(version_order("1.10", "1.9.0.0"), Ordering::Greater);
        assert_eq!(version_order("1.0", "1.0.0.0"), Ordering::Equal);
        assert_eq!(version_order("1.0.0.1", "1.0.1"), Ordering::Less);
    }
}
