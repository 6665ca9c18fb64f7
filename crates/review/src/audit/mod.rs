//! Findings from an environment's facts: one file per code, each a pure function.
mod ca101_unbound;
mod ca105_owner_departed;
mod ca106_cannot_use;
mod ca122_flow_owner_departed;

use connref_solution::model::{Facts, PrincipalId};

use crate::finding::Finding;
use crate::index::Index;

/// Every audit, worst first, otherwise in the facts' order.
pub fn audit(facts: &Facts) -> Vec<Finding> {
    let index = Index::new(facts);
    let mut findings = ca105_owner_departed::findings(&index, None);
    findings.extend(ca106_cannot_use::findings(&index));
    findings.extend(ca122_flow_owner_departed::findings(&index, None));
    findings.extend(ca101_unbound::findings(&index));
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    findings
}

/// CA101: references without a connection.
pub fn unbound(facts: &Facts) -> Vec<Finding> {
    ca101_unbound::findings(&Index::new(facts))
}

/// CA105 and CA122: what the departed leave behind. With a `user`, what that one leaves behind, or
/// would if it left today.
pub fn departed(facts: &Facts, user: Option<&PrincipalId>) -> Vec<Finding> {
    let index = Index::new(facts);
    let mut findings = ca105_owner_departed::findings(&index, user);
    findings.extend(ca122_flow_owner_departed::findings(&index, user));
    findings
}

/// CA106: flows that are on and whose calls are refused, because nobody who carries them may use
/// the connection.
pub fn cannot_use(facts: &Facts) -> Vec<Finding> {
    ca106_cannot_use::findings(&Index::new(facts))
}

/// The people an audit is about: the one asked for, else all who are disabled or have left.
fn gone<'a>(
    index: &Index<'a>,
    user: Option<&PrincipalId>,
) -> Vec<&'a connref_solution::model::facts::PrincipalFacts> {
    match user {
        Some(user) => index.principal(user).into_iter().collect(),
        None => index.facts.principals.iter().filter(|p| !crate::right::active(p)).collect(),
    }
}

/// Names for a sentence: the first ten, and how many more.
fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut all: Vec<&str> = names.into_iter().collect();
    all.dedup();
    let more = all.len().saturating_sub(10);
    let shown = all.iter().take(10).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
