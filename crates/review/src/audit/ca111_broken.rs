//! CA111: a connection in error, with its cause. A target that is gone is CA110, a connection that
//! was switched off CA125.
use connref_solution::model::facts::{ConnectionFacts, ConnectionStatus};

use super::cause::{Cause, cause_of};
use super::{Cx, many, named};
use crate::catalogue::code;
use crate::departure::dependents;
use crate::finding::{Finding, Severity, Subject};

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    cx.facts().connections.iter().filter_map(|connection| finding(cx, connection)).collect()
}

fn finding(cx: &Cx<'_>, connection: &ConnectionFacts) -> Option<Finding> {
    let ConnectionStatus::Error { code: status, message: said } = &connection.status else {
        return None;
    };
    let cause = cause_of(status, said);
    if cause == Cause::TargetGone {
        return None;
    }
    let behind = dependents(&cx.index, connection);
    let message = format!(
        "connection {} is broken ({status}): {} on it",
        named(connection),
        many(behind.running.len(), "flow")
    );
    let mut help = cause.words().to_owned();
    if !said.is_empty() {
        help += &format!("; it said: {said}");
    }
    let subject = Subject::connection(connection);
    Some(
        Finding::new(code::CA111, Severity::Error, subject, message, help)
            .fixed_by(cause.fix(cx.facts(), connection)),
    )
}
