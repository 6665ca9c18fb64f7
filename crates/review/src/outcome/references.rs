//! References of a package: matched by logical name without case, bound only when the settings say
//! so, never blanked and never unbound.
use connref_solution::model::change_set::ReferenceChange;
use connref_solution::model::facts::{ConnectionStatus, Fidelity, ReferenceFacts};
use connref_solution::model::package::PackageReference;
use connref_solution::model::{ComponentKind, ConnectionId, layer_digest};

use super::layers::{Known, Target};
use super::report::Word;
use super::settings::Wanted;
use super::{Draft, Import, ReportLine};
use crate::binding::{bindable, effect, effect_findings};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::policy::standing::binding_refusal;
use crate::refusal::Refusal;

/// The changes of the package's references.
pub(super) fn changes(
    index: &Index<'_>,
    import: &Import<'_>,
    wanted: &Wanted,
    target: &Target<'_>,
    draft: &mut Draft,
) -> Vec<ReferenceChange> {
    import
        .package
        .references
        .iter()
        .map(|reference| {
            let existing = index.reference(&reference.logical_name);
            connector_check(index, reference, existing, draft);
            let merged = merged(index, reference, existing);
            let asked = wanted.connection(&reference.logical_name);
            let bind = asked.and_then(|id| binding(index, import, &merged, existing, id, draft));
            report(reference, existing, bind.as_ref(), draft);
            let hidden = existing.is_some_and(|e| hides(target, e, &merged, draft));
            let existing = existing.map(|e| e.id.clone());
            ReferenceChange { existing, reference: merged, hidden, bind }
        })
        .collect()
}

/// Whether a layer above hides the names that the package brings.
fn hides(
    target: &Target<'_>,
    existing: &ReferenceFacts,
    merged: &PackageReference,
    draft: &mut Draft,
) -> bool {
    let digest = layer_digest(&merged.display_name, merged.description.as_deref(), None);
    let known = Known {
        kind: ComponentKind::Reference,
        id: existing.id.as_str(),
        managed: existing.managed,
        digest: &digest,
    };
    target.hides(&known, &Subject::reference(existing), draft)
}

/// A reference's connector never changes: what is bound to it would reach another system.
fn connector_check(
    index: &Index<'_>,
    reference: &PackageReference,
    existing: Option<&ReferenceFacts>,
    draft: &mut Draft,
) {
    let Some(existing) = existing else { return };
    if index.same_connector(&existing.api_name, &reference.api_name)
        || reference.api_name.as_str().is_empty()
    {
        return;
    }
    let text = format!(
        "The connection reference '{}' is for '{}' in this environment and for '{}' in the package.",
        existing.logical_name, existing.api_name, reference.api_name
    );
    draft.refusals.push(
        Refusal::new(code::REFERENCE_CONNECTOR_CHANGED, 400, Subject::reference(existing), text)
            .fix("give the reference of the package another logical name, or delete the one here"),
    );
}

/// The package's reference as it will be stored: an empty name or description leaves the stored
/// one, and the api name is this environment's (the package's carries another one's hash).
fn merged(
    index: &Index<'_>,
    reference: &PackageReference,
    existing: Option<&ReferenceFacts>,
) -> PackageReference {
    let mut merged = reference.clone();
    if merged.display_name.trim().is_empty() {
        merged.display_name = existing
            .map(|e| e.display_name.clone())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| merged.logical_name.to_string());
    }
    if merged.description.as_ref().is_none_or(|d| d.trim().is_empty()) {
        merged.description = existing.and_then(|e| e.description.clone()).or(merged.description);
    }
    match existing {
        Some(existing) => merged.api_name = existing.api_name.clone(),
        None => {
            if let Some(connector) = index.connector(&reference.api_name) {
                merged.api_name = connector.api_name.clone();
            }
        }
    }
    merged
}

/// The binding asked for, if it is one and allowed. The binding that is there already is no
/// change, and needs no right.
fn binding(
    index: &Index<'_>,
    import: &Import<'_>,
    reference: &PackageReference,
    existing: Option<&ReferenceFacts>,
    asked: &ConnectionId,
    draft: &mut Draft,
) -> Option<ConnectionId> {
    if existing.is_some_and(|e| e.connection.as_ref() == Some(asked)) {
        return None;
    }
    let name = &reference.logical_name;
    let judged = bindable(index, &reference.api_name, asked, import.caller).and_then(|found| {
        binding_refusal(index, name, found, Some(import.caller)).map_or(Ok(found), Err)
    });
    let connection = match judged {
        Ok(connection) => connection,
        Err(refusal) if is_optional(index, reference) => {
            draft.warnings.push(left(reference, existing, refusal));
            return None;
        }
        Err(refusal) => {
            draft.refusals.push(refusal);
            return None;
        }
    };
    if matches!(connection.status, ConnectionStatus::Error { .. }) {
        draft.warnings.push(Finding {
            code: code::CA111,
            severity: Severity::Warning,
            subject: Subject::connection(connection),
            message: format!(
                "connection {} that `{}` gets is in error",
                connection.id, reference.logical_name
            ),
            help: "flows that use it stay off until it is repaired".into(),
            fix: Some(fix::probe(index.facts, connection)),
            location: None,
            suppression: None,
        });
    }
    if let Some(existing) = existing {
        let effect = effect(index, existing, connection);
        draft.warnings.extend(effect_findings(index.facts, &effect));
    }
    Some(connection.id.clone())
}

/// Whether the rest of an import goes on without this reference's binding (design, rule 10): its
/// maker marked it as one that nobody is asked for at import. The vendor's service knows no such
/// thing.
fn is_optional(index: &Index<'_>, reference: &PackageReference) -> bool {
    index.facts.environment.fidelity == Fidelity::Extended
        && reference.prompting_behavior == Some(SKIP)
}

/// `promptingbehavior`: skip.
const SKIP: u32 = 1;

/// Tells of an optional reference that cannot be bound as asked.
fn left(
    reference: &PackageReference,
    existing: Option<&ReferenceFacts>,
    refusal: Refusal,
) -> Finding {
    let id = existing.map_or("", |e| e.id.as_str());
    let subject = Subject::new(SubjectKind::Reference, id, &reference.logical_name);
    let message = format!(
        "optional connection reference `{}` is not bound as asked: {}",
        reference.logical_name, refusal.text
    );
    let help = "the rest is imported; flows that need it stay off and say so";
    let finding = Finding::new(refusal.code, Severity::Warning, subject, message, help);
    Finding { fix: refusal.fix, ..finding }
}

fn report(
    reference: &PackageReference,
    existing: Option<&ReferenceFacts>,
    bind: Option<&ConnectionId>,
    draft: &mut Draft,
) {
    let id = existing.map_or("", |e| e.id.as_str());
    let subject = Subject::new(SubjectKind::Reference, id, &reference.logical_name);
    let before = existing.and_then(|e| e.connection.as_ref());
    let line = match (before, bind) {
        (None, None) => ReportLine::new(subject, Word::Unbound),
        (None, Some(to)) => ReportLine::new(subject, Word::Bound).detail(format!("to {to}")),
        (Some(kept), None) => {
            ReportLine::new(subject, Word::KeptBinding).detail(format!("to {kept}"))
        }
        (Some(from), Some(to)) => {
            ReportLine::new(subject, Word::Rebound).detail(format!("from {from} to {to}"))
        }
    };
    draft.report.push(line);
}
