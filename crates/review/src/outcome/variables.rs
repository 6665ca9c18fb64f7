//! Variables of a package. In a managed package a value that travels is the base, which the
//! environment's own value hides; in an unmanaged one it is taken only where there is none.
use connref_solution::model::change_set::VariableChange;
use connref_solution::model::facts::VariableFacts;
use connref_solution::model::package::{Managed, Manifest, PackageVariable};
use connref_solution::model::{ComponentKind, layer_digest};

use super::layers::{Known, Target};
use super::report::Word;
use super::settings::Wanted;
use super::{Draft, Import, ReportLine};
use crate::finding::{Subject, SubjectKind};
use crate::index::Index;

/// The changes of the package's variables.
pub(super) fn changes(
    index: &Index<'_>,
    import: &Import<'_>,
    wanted: &Wanted,
    manifest: &Manifest,
    target: &Target<'_>,
    draft: &mut Draft,
) -> Vec<VariableChange> {
    let managed = manifest.managed == Managed::Managed;
    import
        .package
        .variables
        .iter()
        .map(|variable| {
            let existing = index.variable(&variable.schema_name);
            let asked = wanted.value(&variable.schema_name);
            let value = value(variable, existing, asked, managed);
            report(variable, existing, value.as_ref(), managed, draft);
            let mut variable = variable.clone();
            if variable.display_name.is_empty() {
                variable.display_name = existing
                    .map_or_else(|| variable.schema_name.to_string(), |e| e.display_name.clone());
            }
            let hidden = existing.is_some_and(|e| hides(target, e, &variable, draft));
            VariableChange { existing: existing.map(|e| e.id.clone()), variable, hidden, value }
        })
        .collect()
}

/// Whether a layer above hides the definition that the package brings. Values have their own rule:
/// the environment's wins over the one that travelled.
fn hides(
    target: &Target<'_>,
    existing: &VariableFacts,
    variable: &PackageVariable,
    draft: &mut Draft,
) -> bool {
    let digest = layer_digest(
        &variable.display_name,
        variable.description.as_deref(),
        variable.default_value.as_deref(),
    );
    let known = Known {
        kind: ComponentKind::Variable,
        id: existing.id.as_str(),
        managed: existing.managed,
        digest: &digest,
    };
    let subject = Subject::new(SubjectKind::Variable, &existing.id, &existing.schema_name);
    target.hides(&known, &subject, draft)
}

fn filled(value: Option<&String>) -> Option<&String> {
    value.filter(|v| !v.is_empty())
}

/// The value to set in this environment.
fn value(
    variable: &PackageVariable,
    existing: Option<&VariableFacts>,
    asked: Option<&String>,
    managed: bool,
) -> Option<String> {
    let here = existing.and_then(|e| filled(e.value.as_ref()));
    let travelled = || filled(variable.value.as_ref()).filter(|_| !managed && here.is_none());
    asked.or_else(travelled).cloned()
}

fn report(
    variable: &PackageVariable,
    existing: Option<&VariableFacts>,
    value: Option<&String>,
    managed: bool,
    draft: &mut Draft,
) {
    let id = existing.map_or("", |e| e.id.as_str());
    let subject = Subject::new(SubjectKind::Variable, id, &variable.schema_name);
    let word = if value.is_some() {
        Word::ValueSet
    } else if existing.is_some_and(|e| filled(e.value.as_ref()).is_some()) {
        Word::ValueKept
    } else if managed && filled(variable.value.as_ref()).is_some() {
        Word::BaseValue
    } else if filled(variable.default_value.as_ref()).is_some() {
        Word::DefaultValue
    } else {
        Word::NoValue
    };
    // Values never stand in a report: some are secrets kept where they should not be.
    draft.report.push(ReportLine::new(subject, word));
}
