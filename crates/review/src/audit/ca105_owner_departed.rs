//! CA105: a connection whose owner is disabled or has left, and everything that stops with it.
use connref_solution::model::PrincipalId;
use connref_solution::model::facts::{ConnectionFacts, PrincipalFacts};

use super::{gone, names};
use crate::catalogue::code;
use crate::departure::dependents;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::index::Index;
use crate::right::active;

pub(super) fn findings(index: &Index<'_>, user: Option<&PrincipalId>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for person in gone(index, user) {
        let owned = index.facts.connections.iter().filter(|c| c.owner == person.id);
        findings.extend(owned.map(|connection| finding(index, person, connection)));
    }
    if user.is_none() {
        let ownerless =
            index.facts.connections.iter().filter(|c| index.principal(&c.owner).is_none());
        findings.extend(ownerless.map(|connection| unknown_owner(index, connection)));
    }
    findings
}

fn finding(index: &Index<'_>, person: &PrincipalFacts, connection: &ConnectionFacts) -> Finding {
    let state = if person.departed_at.is_some() {
        "who has left"
    } else if person.disabled {
        "who is disabled"
    } else {
        "who is still here"
    };
    build(index, connection, &person.name, state, !active(person))
}

fn unknown_owner(index: &Index<'_>, connection: &ConnectionFacts) -> Finding {
    build(index, connection, connection.owner.as_str(), "whom nobody knows here", true)
}

fn build(
    index: &Index<'_>,
    connection: &ConnectionFacts,
    owner: &str,
    state: &str,
    gone: bool,
) -> Finding {
    let behind = dependents(index, connection);
    let references: Vec<&str> = behind.references.iter().map(|r| r.logical_name.as_str()).collect();
    let flows: Vec<&str> = behind.running.iter().map(|f| f.name.as_str()).collect();
    let runs: i64 = behind.running.iter().map(|f| f.recent_runs).sum();
    let verb = if gone { "stop" } else { "would stop" };
    let mut help = if flows.is_empty() {
        "no flow that is on acts through it".to_owned()
    } else {
        format!("flows that {verb}: {} ({runs} runs in the last 30 days)", names(flows.clone()))
    };
    if !references.is_empty() {
        help.push_str(&format!("; references: {}", names(references.clone())));
    }
    Finding {
        code: code::CA105,
        severity: if gone { Severity::Error } else { Severity::Warning },
        subject: Subject::connection(connection),
        message: format!(
            "connection `{}` ({}) belongs to `{owner}`, {state}: {} reference(s), {} flow(s) {verb}",
            Subject::connection(connection).name,
            connection.api_name,
            references.len(),
            flows.len()
        ),
        help,
        fix: Some(fix::reassign(index.facts, owner)),
        location: None,
        suppression: None,
    }
}
