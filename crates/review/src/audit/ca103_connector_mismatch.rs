//! CA103: a reference bound to a connection of another connector, or a flow's entry for another
//! connector than its reference's.
use super::Cx;
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let index = &cx.index;
    let mut found = Vec::new();
    for reference in &index.facts.references {
        let bound = reference.connection.as_ref().and_then(|id| index.connection(id));
        let Some(connection) =
            bound.filter(|c| !index.same_connector(&c.api_name, &reference.api_name))
        else {
            continue;
        };
        let message = format!(
            "connection reference `{}` is for `{}`, but bound to connection `{}` of `{}`",
            reference.logical_name,
            reference.api_name,
            Subject::connection(connection).name,
            connection.api_name
        );
        let help = "every call through it is refused; bind a connection of its own connector";
        let subject = Subject::reference(reference);
        found.push(
            Finding::new(code::CA103, Severity::Error, subject, message, help)
                .fixed_by(fix::bind(index.facts, &reference.logical_name)),
        );
    }
    for flow in &index.facts.flows {
        for entry in &flow.references {
            let reference = entry.logical_name.as_ref().and_then(|name| index.reference(name));
            let Some(reference) = reference.filter(|r| !index.entry_matches(entry, &r.api_name))
            else {
                continue;
            };
            let message = format!(
                "flow `{}` uses connection reference `{}` for `{}`, but it is for `{}`",
                flow.name, reference.logical_name, entry.api_name, reference.api_name
            );
            let help = format!(
                "the flow cannot be turned on; point its entry `{}` at a reference for `{}`",
                entry.key, entry.api_name
            );
            found.push(
                Finding::new(code::CA103, Severity::Error, Subject::flow(flow), message, help)
                    .fixed_by(fix::why(index.facts, &flow.name)),
            );
        }
    }
    found
}
