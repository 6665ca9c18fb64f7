//! CA108: a connection that much depends on: when it breaks, all of it stops.
use connref_solution::model::facts::ConnectionFacts;

use super::{Cx, live, many, named, names};
use crate::catalogue::code;
use crate::departure::dependents;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    cx.facts().connections.iter().filter_map(|connection| finding(cx, connection)).collect()
}

fn finding(cx: &Cx<'_>, connection: &ConnectionFacts) -> Option<Finding> {
    let behind = dependents(&cx.index, connection);
    let flows: Vec<_> = behind.flows.iter().map(|(f, _)| *f).filter(|f| live(f)).collect();
    let runs: i64 = flows.iter().map(|f| f.recent_runs).fold(0, i64::saturating_add);
    if flows.len() < cx.options.high_use_flows && runs < cx.options.high_use_runs {
        return None;
    }
    let message = format!(
        "connection {} is a single point of failure: {}, {runs} runs in the last 30 days",
        named(connection),
        many(flows.len(), "flow")
    );
    let help = format!(
        "its owner `{}`, its credential and its limits carry {}",
        cx.index.principal_name(&connection.owner),
        names(flows.iter().map(|f| f.name.as_str()))
    );
    let subject = Subject::connection(connection);
    Some(
        Finding::new(code::CA108, Severity::Note, subject, message, help)
            .fixed_by(fix::probe(cx.facts(), connection)),
    )
}
