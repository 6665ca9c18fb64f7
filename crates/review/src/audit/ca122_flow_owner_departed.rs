//! CA122: a flow whose owner is disabled or has left, and that nobody else may change.
use connref_solution::model::PrincipalId;
use connref_solution::model::facts::{FlowFacts, PrincipalFacts};

use super::{gone, live};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::index::Index;
use crate::right::active;

pub(super) fn findings(index: &Index<'_>, user: Option<&PrincipalId>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let left = |f: &&FlowFacts| live(f) && !has_co_owner(index, f, user);
    for person in gone(index, user) {
        let owned = index.facts.flows.iter().filter(|f| f.owner == person.id).filter(left);
        findings.extend(owned.map(|flow| finding(index, flow, Some(person))));
    }
    if user.is_none() {
        let ownerless =
            index.facts.flows.iter().filter(|f| index.principal(&f.owner).is_none()).filter(left);
        findings.extend(ownerless.map(|flow| finding(index, flow, None)));
    }
    findings
}

/// Whether somebody who is here may change the flow beside its owner: a person, a service principal,
/// or a team with somebody in it.
fn has_co_owner(index: &Index<'_>, flow: &FlowFacts, leaving: Option<&PrincipalId>) -> bool {
    let here = |p: &&PrincipalFacts| {
        active(p) && p.id != flow.owner && leaving.is_none_or(|leaving| leaving != &p.id)
    };
    flow.co_owners.iter().any(|id| {
        index.principal(id).filter(here).is_some()
            || index.facts.principals.iter().filter(here).any(|p| p.counts_as.contains(id))
    })
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
