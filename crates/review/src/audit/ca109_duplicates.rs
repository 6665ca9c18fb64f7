//! CA109: several connections that reach one target as one identity. Two identities at one target,
//! or one identity at two, are no duplicates; what was never tested is not compared.
use std::collections::BTreeMap;

use connref_solution::artefact::bindings_lock::target_of;
use connref_solution::model::facts::ConnectionFacts;

use super::{Cx, named};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let mut groups: BTreeMap<(String, String, String), Vec<&ConnectionFacts>> = BTreeMap::new();
    for connection in &cx.facts().connections {
        if let Some(target) = target_of(connection) {
            let connector = cx.index.connector(&connection.api_name);
            let api = connector.map_or_else(|| connection.api_name.key(), |c| c.api_name.key());
            let key = (api, folded(target), who(connection));
            groups.entry(key).or_default().push(connection);
        }
    }
    let mut found = Vec::new();
    for group in groups.values_mut().filter(|group| group.len() > 1) {
        // The one that most depends on stays, the oldest of those.
        group.sort_by_key(|c| {
            let behind = cx.index.reaching(&c.id).len();
            (std::cmp::Reverse(behind), c.created_at, c.id.clone())
        });
        let keep = group[0];
        found.extend(group[1..].iter().map(|other| finding(cx, keep, other)));
    }
    found
}

/// As whom a connection signs in: what its target says, else what it says of itself, else its
/// owner.
fn who(connection: &ConnectionFacts) -> String {
    let tested = connection.fingerprint.as_ref().and_then(|print| print.identity.as_deref());
    let who = tested.or(connection.account.as_deref());
    who.unwrap_or(connection.owner.as_str()).to_lowercase()
}

fn folded(target: &str) -> String {
    target.trim_end_matches('/').to_lowercase()
}

fn finding(cx: &Cx<'_>, keep: &ConnectionFacts, other: &ConnectionFacts) -> Finding {
    let bound = cx.index.bound_to(&other.id);
    let message = format!(
        "connection {} reaches `{}` as `{}`, and so does `{}`",
        named(other),
        target_of(other).unwrap_or_default(),
        who(other),
        Subject::connection(keep).name
    );
    let (help, fix) = match bound.first() {
        Some(reference) => (
            "two credentials to rotate and two to forget; bind its references to the other one",
            fix::rebind(cx.facts(), &reference.logical_name, keep),
        ),
        None => (
            "two credentials to rotate and two to forget; nothing is bound to this one",
            fix::connection(cx.facts(), "delete", other),
        ),
    };
    Finding::new(code::CA109, Severity::Note, Subject::connection(other), message, help)
        .fixed_by(fix)
}
