//! CA114: bindings that differ from what was recorded, with the line in the record.
use connref_solution::artefact::bindings_lock::{LockedBinding, target_of};
use connref_solution::model::facts::ReferenceFacts;

use super::{Cx, Locked};
use crate::catalogue::code;
use crate::finding::{Finding, Location, Severity, Subject, SubjectKind};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let Some(locked) = &cx.options.lock else { return Vec::new() };
    let mut found: Vec<Finding> = locked
        .lock
        .bindings
        .iter()
        .enumerate()
        .filter_map(|(at, binding)| drifted(cx, locked, at, binding))
        .collect();
    let known: std::collections::HashSet<_> =
        locked.lock.bindings.iter().map(|one| &one.reference).collect();
    for reference in &cx.facts().references {
        if reference.connection.is_some() && !known.contains(&reference.logical_name) {
            let message = format!(
                "connection reference `{}` is bound, and no binding of it is recorded",
                reference.logical_name
            );
            let help = "record it, or take the binding back";
            let subject = Subject::reference(reference);
            let mut finding = Finding::new(code::CA114, Severity::Warning, subject, message, help)
                .fixed_by(fix::lock(cx.facts(), locked.file));
            finding.location = Some(place(locked, "/bindings".to_owned(), 0));
            found.push(finding);
        }
    }
    found
}

fn place(locked: &Locked<'_>, path: String, line: usize) -> Location {
    Location { part: locked.file.to_owned(), path, line, column: 0 }
}

fn drifted(
    cx: &Cx<'_>,
    locked: &Locked<'_>,
    at: usize,
    binding: &LockedBinding,
) -> Option<Finding> {
    let reference = cx.index.reference(&binding.reference);
    let what = match reference {
        None => "it does not exist any more".to_owned(),
        Some(reference) => difference(cx, reference, binding)?,
    };
    let subject = match reference {
        Some(reference) => Subject::reference(reference),
        None => Subject::new(SubjectKind::Reference, "", &binding.reference),
    };
    let message = format!(
        "connection reference `{}` drifted from its recorded binding: {what}",
        binding.reference
    );
    let help = match reference.and_then(|r| r.bound_by.as_deref()) {
        Some(by) => format!("`{by}` made the present binding; take it back, or record it"),
        None => "take the recorded binding back, or record the present one".to_owned(),
    };
    let mut finding = Finding::new(code::CA114, Severity::Warning, subject, message, help);
    finding.fix = Some(match reference {
        Some(_) if cx.index.connection(&binding.connection).is_some() => format!(
            "connref ref bind {} --connection {} --env {}",
            fix::arg(&binding.reference),
            fix::arg(&binding.connection),
            fix::arg(&cx.facts().environment.name)
        ),
        _ => fix::lock(cx.facts(), locked.file),
    });
    finding.location = Some(place(locked, format!("/bindings/{at}"), binding.line));
    Some(finding)
}

/// What differs, the weightiest only.
fn difference(cx: &Cx<'_>, now: &ReferenceFacts, then: &LockedBinding) -> Option<String> {
    let Some(id) = &now.connection else {
        return Some(format!("it was bound to `{}` and is unbound", then.connection));
    };
    if id != &then.connection {
        return Some(format!("it was bound to `{}` and is bound to `{id}`", then.connection));
    }
    if !cx.index.same_connector(&now.api_name, &then.api_name) {
        return Some(format!("it was for `{}` and is for `{}`", then.api_name, now.api_name));
    }
    let connection = cx.index.connection(id)?;
    let owner = cx.index.principal_name(&connection.owner);
    if let Some(then) = then.owner.as_deref().filter(|then| !then.eq_ignore_ascii_case(owner)) {
        return Some(format!("its connection was `{then}`'s and is `{owner}`'s"));
    }
    match (then.target.as_deref(), target_of(connection)) {
        (Some(then), Some(now)) if !then.eq_ignore_ascii_case(now) => {
            Some(format!("its connection reached `{then}` and reaches `{now}`"))
        }
        _ => None,
    }
}
