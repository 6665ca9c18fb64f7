//! CA120: a flow that names a connection, or none, instead of a reference; or that lies outside any
//! solution. An entry that takes its caller's connection needs no reference.
use connref_solution::model::facts::{Area, FlowFacts};
use connref_solution::model::package::{FlowReference, RuntimeSource};

use super::{Cx, names};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::standing::direct_id;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    cx.facts().flows.iter().filter_map(|flow| finding(cx, flow)).collect()
}

fn direct(entry: &FlowReference) -> bool {
    entry.logical_name.is_none()
        && (entry.source == RuntimeSource::Embedded || direct_id(entry).is_some())
}

fn finding(cx: &Cx<'_>, flow: &FlowFacts) -> Option<Finding> {
    let entries: Vec<&str> =
        flow.references.iter().filter(|e| direct(e)).map(|e| e.key.as_str()).collect();
    let outside = flow.solutions.is_empty() && cx.facts().knows(Area::Membership);
    let (message, help) = if !entries.is_empty() {
        let message = format!(
            "flow `{}` reaches {} without a connection reference",
            flow.name,
            names(entries.iter().copied())
        );
        (message, "in another environment there is nothing to bind: connref solution migrate")
    } else if outside {
        let message = format!("flow `{}` lies outside any solution", flow.name);
        (
            message,
            "it cannot be deployed, and its owner cannot change in place: add it to a solution",
        )
    } else {
        return None;
    };
    Some(Finding::new(code::CA120, Severity::Warning, Subject::flow(flow), message, help))
}
