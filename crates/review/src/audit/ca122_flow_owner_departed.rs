//! CA122: a flow whose owner is disabled or has left.
use connref_solution::model::PrincipalId;
use connref_solution::model::facts::{FlowFacts, FlowState, PrincipalFacts};

use super::gone;
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::index::Index;
use crate::right::active;

pub(super) fn findings(index: &Index<'_>, user: Option<&PrincipalId>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let live = |f: &&FlowFacts| f.wanted_on || f.state == FlowState::On;
    for person in gone(index, user) {
        let owned = index.facts.flows.iter().filter(|f| f.owner == person.id).filter(live);
        findings.extend(owned.map(|flow| finding(index, flow, Some(person))));
    }
    if user.is_none() {
        let ownerless =
            index.facts.flows.iter().filter(|f| index.principal(&f.owner).is_none()).filter(live);
        findings.extend(ownerless.map(|flow| finding(index, flow, None)));
    }
    findings
}

fn finding(index: &Index<'_>, flow: &FlowFacts, owner: Option<&PrincipalFacts>) -> Finding {
    let gone = owner.is_none_or(|p| !active(p));
    let name = owner.map_or(flow.owner.as_str(), |p| p.name.as_str());
    let (severity, state) = if gone {
        (Severity::Error, "who is disabled, has left or is unknown here")
    } else {
        (Severity::Warning, "who is still here")
    };
    Finding {
        code: code::CA122,
        severity,
        subject: Subject::flow(flow),
        message: format!("flow `{}` belongs to `{name}`, {state}", flow.name),
        help: format!(
            "nobody answers for it or repairs it; {} runs in the last 30 days",
            flow.recent_runs
        ),
        fix: Some(fix::flow_reassign(index.facts, &flow.name)),
        location: None,
        suppression: None,
    }
}
