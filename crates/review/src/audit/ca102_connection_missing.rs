//! CA102: a reference bound to a connection that does not exist, or a flow that names one.
use connref_solution::model::ConnectionId;
use connref_solution::model::facts::{Area, ReferenceFacts};

use super::{Cx, live, names};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::standing::direct_id;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let index = &cx.index;
    let mut found = Vec::new();
    for reference in &index.facts.references {
        if let Some(id) = reference.connection.as_ref().filter(|id| index.connection(id).is_none())
        {
            found.push(bound(cx, reference, id));
        }
    }
    for flow in index.facts.flows.iter().filter(|f| live(f)) {
        for id in flow.references.iter().filter_map(direct_id) {
            if index.connection(&id).is_some() {
                continue;
            }
            let (severity, state) = state(cx);
            let message = format!("flow `{}` names connection `{id}`, which {state}", flow.name);
            let help =
                "it cannot run; a connection reference would be bound anew in each environment";
            found.push(
                Finding::new(code::CA102, severity, Subject::flow(flow), message, help)
                    .fixed_by(fix::why(index.facts, &flow.name)),
            );
        }
    }
    found
}

/// Whoever cannot see the connections of others cannot tell a missing one from a hidden one.
fn state(cx: &Cx<'_>) -> (Severity, &'static str) {
    if cx.facts().knows(Area::Connections) {
        (Severity::Error, "does not exist")
    } else {
        (Severity::Warning, "is not among the connections that could be seen")
    }
}

fn bound(cx: &Cx<'_>, reference: &ReferenceFacts, id: &ConnectionId) -> Finding {
    let (severity, state) = state(cx);
    let flows = cx.index.uses_of(&reference.logical_name).filter(|(f, _)| live(f));
    let flows: Vec<&str> = flows.map(|(f, _)| f.name.as_str()).collect();
    let help = if flows.is_empty() {
        "no flow that should be on depends on it".to_owned()
    } else {
        format!("it stops: {}", names(flows))
    };
    let message = format!(
        "connection reference `{}` ({}) is bound to connection `{id}`, which {state}",
        reference.logical_name, reference.api_name
    );
    Finding::new(code::CA102, severity, Subject::reference(reference), message, help)
        .fixed_by(fix::bind(cx.facts(), &reference.logical_name))
}
