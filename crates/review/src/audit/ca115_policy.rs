//! CA115: a flow that breaks a data policy, or a binding that breaks a rule for bindings. The
//! policies are those of the tenant, and those of a file where one was given.
use connref_solution::model::facts::{FlowFacts, ReferenceFacts};

use super::{Cx, live};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::policy::standing::{binding_violations, flow_violations};

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for flow in cx.facts().flows.iter().filter(|f| live(f)) {
        found.extend(flow_findings(cx, flow));
    }
    for reference in &cx.facts().references {
        found.extend(binding_findings(cx, reference));
    }
    found
}

fn flow_findings(cx: &Cx<'_>, flow: &FlowFacts) -> Vec<Finding> {
    let broken = flow_violations(&cx.index, flow).into_iter();
    broken
        .map(|reason| {
            let message = format!("flow `{}`: {reason}", flow.name);
            let help = "the environment suspends what breaks a data policy (`CompanyDlpViolation`), and the parents of a child flow with it";
            Finding::new(code::CA115, Severity::Error, Subject::flow(flow), message, help)
                .fixed_by(fix::why(cx.facts(), &flow.name))
        })
        .collect()
}

fn binding_findings(cx: &Cx<'_>, reference: &ReferenceFacts) -> Vec<Finding> {
    let bound = reference.connection.as_ref().and_then(|id| cx.index.connection(id));
    let Some(connection) = bound else { return Vec::new() };
    let binder = reference.bound_by.as_deref().and_then(|name| {
        cx.facts().principals.iter().find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| &p.id)
    });
    let name = &reference.logical_name;
    binding_violations(&cx.index, name, connection, binder)
        .into_iter()
        .map(|(reason, known)| {
            let (severity, word) = match known {
                true => (Severity::Error, "breaks a rule"),
                false => (Severity::Warning, "cannot be held against a rule"),
            };
            let message = format!("the binding of `{name}` {word}: {reason}");
            let help = "bind a connection that satisfies the rule, or ask for the rule to change";
            Finding::new(code::CA115, severity, Subject::reference(reference), message, help)
                .fixed_by(fix::bind(cx.facts(), name))
        })
        .collect()
}
