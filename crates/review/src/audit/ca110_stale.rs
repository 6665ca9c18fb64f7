//! CA110: a connection that is idle for longer than the flows behind it are by their schedules, or
//! whose target is gone.
use connref_solution::model::facts::{Area, ConnectionFacts, ConnectionStatus};

use super::cause::{Cause, cause_of};
use super::{Cx, days, named};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    cx.facts()
        .connections
        .iter()
        .filter_map(|connection| gone(cx, connection).or_else(|| idle(cx, connection)))
        .collect()
}

fn gone(cx: &Cx<'_>, connection: &ConnectionFacts) -> Option<Finding> {
    let ConnectionStatus::Error { code: status, message } = &connection.status else {
        return None;
    };
    (cause_of(status, message) == Cause::TargetGone).then(|| {
        let message = format!(
            "connection {} is stale: its target is gone ({})",
            named(connection),
            if message.is_empty() { status } else { message }
        );
        let help = "its name no longer resolves, or it answers that it does not exist";
        let subject = Subject::connection(connection);
        Finding::new(code::CA110, Severity::Warning, subject, message, help)
            .fixed_by(fix::probe(cx.facts(), connection))
    })
}

fn idle(cx: &Cx<'_>, connection: &ConnectionFacts) -> Option<Finding> {
    if !cx.facts().knows(Area::LastUse) {
        return None;
    }
    let flows = cx.index.reaching(&connection.id);
    let schedules = flows.iter().filter_map(|(f, _)| f.schedule);
    // A flow may miss one turn: twice its schedule is still its rhythm.
    let rhythm = schedules.map(|s| s.longest().saturating_mul(2)).max().unwrap_or(0);
    let allowed = cx.options.stale_after.max(rhythm);
    let last = connection.last_used_at.unwrap_or(connection.created_at);
    let idle = cx.since(last);
    if idle <= allowed {
        return None;
    }
    let what = match connection.last_used_at {
        Some(_) => format!("was last used {} ago", days(idle)),
        None => format!("was never used in the {} since it was made", days(idle)),
    };
    let message = format!("connection {} is stale: it {what}", named(connection));
    let help = if rhythm > cx.options.stale_after {
        format!("the rarest schedule behind it allows {}", days(rhythm))
    } else {
        format!("idle for more than {}", days(cx.options.stale_after))
    };
    let verb = if flows.is_empty() { "delete" } else { "disable" };
    let subject = Subject::connection(connection);
    Some(
        Finding::new(code::CA110, Severity::Note, subject, message, help)
            .fixed_by(fix::connection(cx.facts(), verb, connection)),
    )
}
