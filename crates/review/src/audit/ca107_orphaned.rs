//! CA107: a connection that nothing refers to and nobody uses. Who runs a flow with a connection of
//! one's own leaves no reference, but a trace of use.
use connref_solution::model::facts::{Area, ConnectionFacts};

use super::{Cx, DAY, days, named};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

/// Use within this time is use.
const RECENT: i64 = 30 * DAY;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let granted: std::collections::HashSet<_> =
        cx.facts().flows.iter().flat_map(|f| &f.uses).map(|(id, _)| id).collect();
    cx.facts()
        .connections
        .iter()
        .filter(|c| {
            cx.index.bound_to(&c.id).is_empty()
                && cx.index.reaching(&c.id).is_empty()
                && !granted.contains(&c.id)
                && c.last_used_at.is_none_or(|at| cx.since(at) > RECENT)
        })
        .map(|connection| finding(cx, connection))
        .collect()
}

fn finding(cx: &Cx<'_>, connection: &ConnectionFacts) -> Finding {
    let message = format!(
        "connection {} of `{}` is orphaned: no reference and no flow leads to it",
        named(connection),
        cx.index.principal_name(&connection.owner)
    );
    let used = match connection.last_used_at {
        Some(at) => format!("last used {} ago", days(cx.since(at))),
        None if cx.facts().knows(Area::LastUse) => {
            format!("never used since it was made {} ago", days(cx.since(connection.created_at)))
        }
        None => "when it was last used is not known: apps may use it".to_owned(),
    };
    let help = format!("{used}; its credential is kept for nothing");
    let subject = Subject::connection(connection);
    Finding::new(code::CA107, Severity::Note, subject, message, help).fixed_by(fix::connection(
        cx.facts(),
        "delete",
        connection,
    ))
}
