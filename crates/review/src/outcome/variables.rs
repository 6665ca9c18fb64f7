//! Variables of a package. In a managed package a value that travels is the base, which the
//! environment's own value hides; in an unmanaged one it is taken only where there is none.
use connref_solution::model::change_set::VariableChange;
use connref_solution::model::facts::VariableFacts;
use connref_solution::model::package::{Managed, Manifest, PackageVariable};

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
            VariableChange { existing: existing.map(|e| e.id.clone()), variable, value }
        })
        .collect()
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
