//! CA116: a reference that no flow uses.
use super::Cx;
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let unused = cx
        .facts()
        .references
        .iter()
        .filter(|reference| cx.index.uses_of(&reference.logical_name).next().is_none());
    unused
        .map(|reference| {
            let message = format!(
                "connection reference `{}` ({}) is used by no flow",
                reference.logical_name, reference.api_name
            );
            let subject = Subject::reference(reference);
            if reference.managed {
                let help = "it came with a managed solution, whose publisher could leave it out; apps and agents may use it";
                return Finding::new(code::CA116, Severity::Note, subject, message, help);
            }
            let help = "delete it if no app and no agent uses it either: they are not looked at";
            Finding::new(code::CA116, Severity::Note, subject, message, help)
                .fixed_by(fix::reference_delete(cx.facts(), &reference.logical_name))
        })
        .collect()
}
