//! The solution row: managed or not, version, duplicates, dependencies.
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;

use connref_solution::model::change_set::SolutionChange;
use connref_solution::model::facts::{Fidelity, SolutionFacts};
use connref_solution::model::id::is_guid;
use connref_solution::model::package::{Managed, Manifest, Publisher};
use connref_solution::model::{ApiName, Facts, LogicalName, Package};

use super::layers::Target;
use super::{Draft, Import, ImportMode};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::index::Index;
use crate::refusal::Refusal;

fn installed<'f>(facts: &'f Facts, name: &str) -> Option<&'f SolutionFacts> {
    facts.solution(name)
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
            "an unmanaged",
            "managed",
            "import with --convert-to-managed, or delete the unmanaged solution first",
        )),
        (Some(true), Managed::Unmanaged) => {
            Some(("a managed", "unmanaged", "import the managed package"))
        }
        _ => None,
    };
    if let Some((old, new, fix)) = refusal {
        // The service's own words, which clients know, with the name in front.
        let text = format!(
            "Solution '{}': The solution is already installed on this system as {old} solution and the \
             package supplied is attempting to install it in {new} mode. Import can only update \
             solutions when the modes match. Uninstall the current solution and try again.",
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

/// Where the package comes in; refuses what does not fit the version that is there.
pub(super) fn target<'f>(
    facts: &'f Facts,
    import: &Import<'_>,
    manifest: &Manifest,
    draft: &mut Draft,
) -> Target<'f> {
    let base = installed(facts, &manifest.unique_name);
    let mode = import.options.mode;
    let managed = manifest.managed == Managed::Managed;
    let mut refuse = |code, text: String, fix: &str| {
        draft.refusals.push(Refusal::new(code, 400, subject(manifest), text).fix(fix));
    };
    if let Some(base) = base {
        version_check(facts, import, base, manifest, &mut refuse);
        if facts.solutions.iter().any(|s| s.upgrade_of.as_ref() == Some(&base.id)) {
            let text = format!(
                "The solution '{}' has a holding solution that waits to be promoted.",
                base.unique_name
            );
            let fix = format!(
                "promote it (connref solution upgrade {0}), or delete {0}{HOLDING_SUFFIX}",
                base.unique_name
            );
            refuse(code::SOLUTION_UPGRADE_REFUSED, text, &fix);
        }
    }
    if mode != ImportMode::Update && !managed {
        let text = format!(
            "The solution '{}' is unmanaged; only managed solutions are upgraded.",
            manifest.unique_name
        );
        refuse(code::SOLUTION_UPGRADE_REFUSED, text, "import it as an update");
    }
    if mode == ImportMode::Holding && base.is_none() {
        let text = format!(
            "The solution '{}' is not installed; a holding solution waits beside an installed one.",
            manifest.unique_name
        );
        refuse(code::SOLUTION_UPGRADE_REFUSED, text, "import it without --import-as-holding");
    }
    let taken_over = import.options.convert_to_managed && base.is_some_and(|s| !s.managed);
    let overwrite = import.options.overwrite || taken_over;
    Target::new(facts, base, managed, mode == ImportMode::Holding, overwrite)
}

/// What the unique name of a holding solution ends with.
pub(super) const HOLDING_SUFFIX: &str = "_Upgrade";

fn version_check(
    facts: &Facts,
    import: &Import<'_>,
    base: &SolutionFacts,
    manifest: &Manifest,
    refuse: &mut impl FnMut(&'static str, String, &str),
) {
    let upgrade = import.options.mode != ImportMode::Update;
    let older = match version_order(&manifest.version, &base.version) {
        Ordering::Less => true,
        Ordering::Equal => upgrade && facts.environment.fidelity == Fidelity::Dataverse,
        Ordering::Greater => false,
    };
    if !older || import.options.allow_older {
        return;
    }
    let name = &manifest.unique_name;
    let text = if upgrade {
        format!(
            "Solution '{name}': The import solution must have a higher version than the existing \
             solution it is upgrading ({} is here, the package is {}).",
            base.version, manifest.version
        )
    } else {
        format!(
            "The solution '{name}' is here in version {}, which is newer than the package's {}.",
            base.version, manifest.version
        )
    };
    refuse(
        code::SOLUTION_VERSION,
        text,
        "import a newer version; --allow-older goes back, --skip-lower-version does nothing then",
    );
}

/// Refuses a publisher that is not the one known here: names under one prefix belong to one.
pub(super) fn publisher_check(
    facts: &Facts,
    import: &Import<'_>,
    base: Option<&SolutionFacts>,
    draft: &mut Draft,
) {
    let manifest = &import.package.manifest;
    let publisher = &manifest.publisher;
    let same = |other: &Publisher| publisher.unique_name.eq_ignore_ascii_case(&other.unique_name);
    let mut refuse = |text: String, fix: &str| {
        draft
            .refusals
            .push(Refusal::new(code::PUBLISHER_CLASH, 400, subject(manifest), text).fix(fix));
    };
    let here = facts.solutions.iter().map(|s| &s.publisher);
    if let Some(known) = here.clone().find(|p| same(p))
        && !known.prefix.eq_ignore_ascii_case(&publisher.prefix)
    {
        let text = format!(
            "The publisher '{}' has the prefix '{}' in this environment and '{}' in the package.",
            known.unique_name, known.prefix, publisher.prefix
        );
        refuse(text, "export the package under the publisher it belongs to");
    }
    if let Some(base) = base.filter(|base| !same(&base.publisher)) {
        let text = format!(
            "The solution '{}' belongs to the publisher '{}' in this environment and to '{}' in \
             the package.",
            base.unique_name, base.publisher.unique_name, publisher.unique_name
        );
        refuse(text, "another publisher's solution needs another unique name");
        return;
    }
    if let Some((name, other)) = taken(facts, import, publisher) {
        let text = format!(
            "'{name}' came here with a managed solution of the publisher '{}'; the package of the \
             publisher '{}' has the same prefix '{}' and brings it too.",
            other.unique_name, publisher.unique_name, publisher.prefix
        );
        refuse(text, "give the package's components the prefix of its own publisher");
    }
}

/// A reference or variable of the package that another publisher's managed solution brought under
/// the same prefix. (Two publishers may have one prefix: only what really meets is refused.)
fn taken<'f>(
    facts: &'f Facts,
    import: &Import<'_>,
    publisher: &Publisher,
) -> Option<(String, &'f Publisher)> {
    let others: Vec<&SolutionFacts> = facts
        .solutions
        .iter()
        .filter(|s| s.managed && s.publisher.prefix.eq_ignore_ascii_case(&publisher.prefix))
        .filter(|s| !publisher.unique_name.eq_ignore_ascii_case(&s.publisher.unique_name))
        .collect();
    if others.is_empty() {
        return None;
    }
    let index = Index::new(facts);
    let package = import.package;
    let references = package.references.iter().filter_map(|r| index.reference(&r.logical_name));
    let variables = package.variables.iter().filter_map(|v| index.variable(&v.schema_name));
    let mut names = references
        .map(|r| (r.id.as_str(), r.logical_name.as_str()))
        .chain(variables.map(|v| (v.id.as_str(), v.schema_name.as_str())));
    names.find_map(|(id, name)| {
        let holder = others.iter().find(|s| s.components.iter().any(|c| &*c.id == id))?;
        Some((name.to_owned(), &holder.publisher))
    })
}

/// The change of the solution row; its parts are put in later.
pub(super) fn change(
    facts: &Facts,
    import: &Import<'_>,
    target: &Target<'_>,
    mut manifest: Manifest,
) -> SolutionChange {
    if import.options.mode == ImportMode::Holding {
        manifest.unique_name.push_str(HOLDING_SUFFIX);
    }
    SolutionChange {
        existing: installed(facts, &manifest.unique_name).map(|s| s.id.clone()),
        upgrade_of: target.base.filter(|_| target.holding).map(|base| base.id.clone()),
        manifest,
        parts: Vec::new(),
    }
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

/// What the package declares as missing, as far as connref keeps it: references, variables and custom
/// connectors. The vendor's service refuses without them, the full practice imports and leaves off
/// what depends on them.
pub(super) fn dependencies_check(index: &Index<'_>, import: &Import<'_>, draft: &mut Draft) {
    let mut told = HashSet::new();
    for missing in &import.package.manifest.missing_dependencies {
        let name = LogicalName::new(&missing.required);
        let Some(kind) =
            dependency_kind(&missing.required_type).filter(|_| !is_guid(&missing.required))
        else {
            continue;
        };
        // Each of its users is told as a dependency of its own.
        if is_there(index, import, kind, &name) || !told.insert((kind, name.clone())) {
            continue;
        }
        let subject = Subject::new(kind, "", &name);
        let noun = kind.as_str();
        let help = format!(
            "import the solution that provides it first (the package says \"{}\")",
            missing.solution
        );
        if index.facts.environment.fidelity == Fidelity::Dataverse {
            let text = format!(
                "There are missing dependencies. Install the following solutions before installing \
                 this one: \"{}\" ({noun} '{name}').",
                missing.solution
            );
            draft
                .refusals
                .push(Refusal::new(code::MISSING_DEPENDENCY, 400, subject, text).fix(help));
        } else {
            let code = if kind == SubjectKind::Reference { code::CR002 } else { code::CR016 };
            let message = format!("the package needs {noun} `{name}`, which is not here");
            draft.warnings.push(Finding::new(code, Severity::Warning, subject, message, help));
        }
    }
}

/// The kind of a dependency by its type: a name, or the number that tables have.
pub(crate) fn dependency_kind(required_type: &str) -> Option<SubjectKind> {
    match required_type.to_ascii_lowercase().as_str() {
        "connectionreference" => Some(SubjectKind::Reference),
        "environmentvariabledefinition" | "380" => Some(SubjectKind::Variable),
        "connector" | "371" | "372" => Some(SubjectKind::Connector),
        _ => None,
    }
}

fn is_there(index: &Index<'_>, import: &Import<'_>, kind: SubjectKind, name: &LogicalName) -> bool {
    let package = import.package;
    match kind {
        SubjectKind::Reference => {
            index.reference(name).is_some()
                || package.references.iter().any(|r| &r.logical_name == name)
        }
        SubjectKind::Variable => {
            index.variable(name).is_some()
                || package.variables.iter().any(|v| &v.schema_name == name)
        }
        _ => {
            // `new_5Ftool` and `new_tool` are two spellings of one name.
            let plain = name.key().replacen("_5f", "_", 1);
            let named = LogicalName::new(&plain);
            let api = ApiName::new(&format!("shared_{}", plain.replacen('_', "-5f", 1)));
            index.connector_named(&named).is_some()
                || index.connector(&api).is_some()
                || package.connectors.iter().any(|c| c.logical_name() == named)
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
