//! Findings from an environment's facts: one file per code, each a pure function.
mod ca101_unbound;
mod ca102_connection_missing;
mod ca103_connector_mismatch;
mod ca104_user_in_production;
mod ca105_owner_departed;
mod ca106_cannot_use;
mod ca107_orphaned;
mod ca108_high_use;
mod ca109_duplicates;
mod ca110_stale;
mod ca111_broken;
mod ca112_ends_soon;
mod ca113_off_though_ready;
mod ca114_drift;
mod ca115_policy;
mod ca116_unused_reference;
mod ca117_variable;
mod ca118_identity;
mod ca119_wrong_target;
mod ca120_direct;
mod ca121_hidden_update;
mod ca122_flow_owner_departed;
mod ca123_shared_widely;
mod ca125_disabled;
pub mod cause;
mod options;
pub mod uses;
mod verify;

use connref_solution::model::facts::{
    Area, ConnectionFacts, EnvironmentKind, FlowFacts, FlowState, PrincipalFacts,
};
use connref_solution::model::{Facts, PrincipalId};

use crate::catalogue::code;
use crate::finding::Finding;
use crate::index::Index;

pub use options::{AuditOptions, DAY, Locked};
pub use verify::{Intended, solution_verify};

/// What a rule looks at.
pub(crate) struct Cx<'a> {
    index: Index<'a>,
    options: &'a AuditOptions<'a>,
}

impl<'a> Cx<'a> {
    fn facts(&self) -> &'a Facts {
        self.index.facts
    }

    /// How long ago something was, in microseconds.
    fn since(&self, moment: i64) -> i64 {
        self.facts().taken_at.saturating_sub(moment)
    }
}

/// A rule over an environment's facts.
struct Rule {
    code: &'static str,
    /// What it cannot do without: where a snapshot did not see this, the rule does not judge.
    needs: &'static [Area],
    findings: fn(&Cx<'_>) -> Vec<Finding>,
}

const fn rule(
    code: &'static str,
    needs: &'static [Area],
    findings: fn(&Cx<'_>) -> Vec<Finding>,
) -> Rule {
    Rule { code, needs, findings }
}

/// Every rule, by code.
const RULES: &[Rule] = &[
    rule(code::CA101, &[], ca101_unbound::findings),
    rule(code::CA102, &[], ca102_connection_missing::findings),
    rule(code::CA103, &[], ca103_connector_mismatch::findings),
    rule(code::CA104, &[], ca104_user_in_production::findings),
    rule(code::CA105, &[], |cx| ca105_owner_departed::findings(&cx.index, None)),
    rule(code::CA106, &[Area::Shares, Area::Activations], |cx| {
        ca106_cannot_use::findings(&cx.index)
    }),
    rule(code::CA107, &[], ca107_orphaned::findings),
    rule(code::CA108, &[], ca108_high_use::findings),
    rule(code::CA109, &[], ca109_duplicates::findings),
    rule(code::CA110, &[], ca110_stale::findings),
    rule(code::CA111, &[], ca111_broken::findings),
    rule(code::CA112, &[Area::Ends], ca112_ends_soon::findings),
    rule(code::CA113, &[Area::WantedOn], ca113_off_though_ready::findings),
    rule(code::CA114, &[], ca114_drift::findings),
    rule(code::CA115, &[], ca115_policy::findings),
    rule(code::CA116, &[], ca116_unused_reference::findings),
    rule(code::CA117, &[], ca117_variable::findings),
    rule(code::CA118, &[Area::Runs], ca118_identity::findings),
    rule(code::CA119, &[], ca119_wrong_target::findings),
    rule(code::CA120, &[], ca120_direct::findings),
    rule(code::CA121, &[Area::Layers], ca121_hidden_update::findings),
    rule(code::CA122, &[Area::FlowShares], |cx| {
        ca122_flow_owner_departed::findings(&cx.index, None)
    }),
    rule(code::CA123, &[Area::Shares], ca123_shared_widely::findings),
    rule(code::CA125, &[], ca125_disabled::findings),
];

/// What an audit found, and what it could not judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Findings, worst first, otherwise by code and in the facts' order.
    pub findings: Vec<Finding>,
    /// Rules that were not held against these facts, with what was not seen.
    pub unjudged: Vec<(&'static str, Vec<Area>)>,
}

/// Every rule, over facts with [`crate::index::Index`] made once.
pub fn audit(facts: &Facts, options: &AuditOptions<'_>) -> Audited {
    audit_codes(facts, options, &[])
}

/// The rules with these codes; all if none is named.
pub fn audit_codes(facts: &Facts, options: &AuditOptions<'_>, codes: &[&str]) -> Audited {
    let mut index = Index::new(facts);
    if let Some(policies) = options.policies {
        index.policies_add(policies);
    }
    let cx = Cx { index, options };
    let mut audited = Audited::default();
    for rule in RULES.iter().filter(|r| codes.is_empty() || codes.contains(&r.code)) {
        let unseen: Vec<Area> =
            rule.needs.iter().copied().filter(|area| !facts.knows(*area)).collect();
        if unseen.is_empty() {
            audited.findings.extend((rule.findings)(&cx));
            let blind = blind_spots(rule.code, &cx);
            if !blind.is_empty() {
                audited.unjudged.push((rule.code, blind));
            }
        } else {
            audited.unjudged.push((rule.code, unseen));
        }
    }
    audited.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    audited
}

/// What a rule that judged what it saw did not see: without a finding it is not fine all the same.
fn blind_spots(code: &str, cx: &Cx<'_>) -> Vec<Area> {
    let facts = cx.facts();
    let area = match code {
        // A file of policies stands for those of the tenant.
        code::CA115 if cx.options.policies.is_none() => Area::Policies,
        code::CA119 if facts.environment.kind == EnvironmentKind::Production => Area::Fingerprints,
        _ => return Vec::new(),
    };
    if facts.knows(area) { Vec::new() } else { vec![area] }
}

/// The codes of all audit rules.
pub fn audit_rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.code)
}

/// CA105 and CA122: what the departed leave behind. With a `user`, what that one leaves behind, or
/// would if it left today.
pub fn departed(facts: &Facts, user: Option<&PrincipalId>) -> Vec<Finding> {
    let index = Index::new(facts);
    let mut findings = ca105_owner_departed::findings(&index, user);
    findings.extend(ca122_flow_owner_departed::findings(&index, user));
    findings
}

/// The people an audit is about: the one asked for, else all who are disabled or have left.
fn gone<'a>(index: &Index<'a>, user: Option<&PrincipalId>) -> Vec<&'a PrincipalFacts> {
    match user {
        Some(user) => index.principal(user).into_iter().collect(),
        None => index.facts.principals.iter().filter(|p| !crate::right::active(p)).collect(),
    }
}

/// A flow that is on or should be.
fn live(flow: &FlowFacts) -> bool {
    flow.wanted_on || flow.state == FlowState::On
}

/// A connection as a sentence names it.
fn named(connection: &ConnectionFacts) -> String {
    format!("`{}` ({})", crate::finding::Subject::connection(connection).name, connection.api_name)
}

/// A number of days as people say it.
fn days(micros: i64) -> String {
    match micros / DAY {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// How many, with the word for one.
fn many(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Names for a sentence: the first ten, and how many more.
fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut all: Vec<&str> = names.into_iter().collect();
    all.dedup();
    let more = all.len().saturating_sub(10);
    let shown = all.iter().take(10).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
