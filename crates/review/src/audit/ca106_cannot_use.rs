//! CA106: a flow that is on while nobody who carries it may use the connection it acts through.
//! Run-only users need no share on embedded connections, so they are not looked at.
use connref_solution::model::facts::{ConnectionFacts, FlowFacts, FlowState};
use connref_solution::model::package::RuntimeSource;

use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::index::Index;
use crate::standing::{carrier, route};

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for flow in index.facts.flows.iter().filter(|f| f.state == FlowState::On) {
        let mut told: Vec<&ConnectionFacts> = Vec::new();
        for entry in flow.references.iter().filter(|e| e.source == RuntimeSource::Embedded) {
            let Some(connection) = route(index, flow, entry).ok().and_then(|r| r.connection())
            else {
                continue;
            };
            // A departed owner is CA105: one cause, one finding.
            if index.active(&connection.owner).is_none()
                || carrier(index, flow, connection).is_some()
                || told.iter().any(|c| c.id == connection.id)
            {
                continue;
            }
            told.push(connection);
            findings.push(finding(index, flow, connection));
        }
    }
    findings
}

fn finding(index: &Index<'_>, flow: &FlowFacts, connection: &ConnectionFacts) -> Finding {
    let owner = index.principal_name(&flow.owner);
    let activator = flow.activated_by.as_ref().unwrap_or(&flow.owner);
    Finding {
        code: code::CA106,
        severity: Severity::Error,
        subject: Subject::flow(flow),
        message: format!(
            "flow `{}` is on, but neither its owner `{owner}` nor `{}`, who turned it on, may use \
             connection `{}` ({})",
            flow.name,
            index.principal_name(activator),
            Subject::connection(connection).name,
            connection.api_name
        ),
        help: format!(
            "share the connection with one of them, or let its owner `{}` turn the flow on",
            index.principal_name(&connection.owner)
        ),
        fix: Some(format!(
            "{} --as {}",
            fix::flow_on(index.facts, &flow.name),
            fix::arg(index.principal_name(&connection.owner))
        )),
        location: None,
        suppression: None,
    }
}
