//! CA112: a secret or a certificate that ends soon, or ended. The end of an access token is none:
//! it is renewed all the time.
use connref_solution::model::facts::ConnectionFacts;

use super::{Cx, days, many, named};
use crate::catalogue::code;
use crate::departure::dependents;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    cx.facts().connections.iter().filter_map(|connection| finding(cx, connection)).collect()
}

fn finding(cx: &Cx<'_>, connection: &ConnectionFacts) -> Option<Finding> {
    let left = connection.ends_at?.saturating_sub(cx.facts().taken_at);
    if left > cx.options.ends_within {
        return None;
    }
    let (severity, what) = if left <= 0 {
        (Severity::Error, format!("ended {} ago", days(left.saturating_neg())))
    } else {
        (Severity::Warning, format!("ends in {}", days(left)))
    };
    let behind = dependents(&cx.index, connection);
    let message = format!(
        "the secret or certificate of connection {} {what}: {}, {} on",
        named(connection),
        many(behind.references.len(), "reference"),
        many(behind.running.len(), "flow")
    );
    let help = "the new credential is tested before it counts, and the old one kept for a while";
    let subject = Subject::connection(connection);
    Some(Finding::new(code::CA112, severity, subject, message, help).fixed_by(fix::connection(
        cx.facts(),
        "rotate",
        connection,
    )))
}
