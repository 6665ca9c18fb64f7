//! CA125: a connection that was switched off, or a flow that was suspended: by policy, not by a
//! fault.
use connref_solution::model::facts::{ConnectionStatus, FlowState};

use super::{Cx, named, names};
use crate::catalogue::code;
use crate::departure::dependents;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let facts = cx.facts();
    let mut found = Vec::new();
    for connection in facts.connections.iter().filter(|c| c.status == ConnectionStatus::Disabled) {
        let behind = dependents(&cx.index, connection);
        let message = format!("connection {} is switched off by policy", named(connection));
        let help = if behind.flows.is_empty() {
            "no flow acts through it".to_owned()
        } else {
            format!("it stops: {}", names(behind.flows.iter().map(|(f, _)| f.name.as_str())))
        };
        let subject = Subject::connection(connection);
        found.push(
            Finding::new(code::CA125, Severity::Warning, subject, message, help)
                .fixed_by(fix::connection(facts, "enable", connection)),
        );
    }
    for flow in facts.flows.iter().filter(|f| f.state == FlowState::Suspended) {
        let message = format!("flow `{}` is suspended", flow.name);
        let why = flow.why_off.as_deref().unwrap_or("a policy or a limit");
        let help = format!("{why}; it does not come back by itself when the cause is gone");
        found.push(
            Finding::new(code::CA125, Severity::Warning, Subject::flow(flow), message, help)
                .fixed_by(fix::flow_on(facts, &flow.name)),
        );
    }
    found
}
