//! What `DeleteAndPromote` does: the holding solution takes the place of the installed one, and
//! what it lacks goes.
use std::collections::HashSet;

use connref_solution::model::change_set::Removal;
use connref_solution::model::{Facts, SolutionId};

use super::removals::Leaving;
use super::{Draft, ReportLine};
use crate::catalogue::code;
use crate::finding::{Finding, Subject, SubjectKind};
use crate::refusal::Refusal;

/// A holding solution takes the place of the installed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// Version of the facts it was judged at.
    pub facts_version: i64,
    /// The installed solution, whose row stays.
    pub base: SolutionId,
    /// The holding solution, whose row goes.
    pub holding: SolutionId,
    /// What leaves, in its order.
    pub removals: Vec<Removal>,
    /// One line for everything that leaves.
    pub report: Vec<ReportLine>,
    /// What is worth knowing.
    pub warnings: Vec<Finding>,
}

/// Judges the promotion of the holding solution of `name`, the unique name of the installed one.
pub fn promotion_outcome(facts: &Facts, name: &str) -> Result<Promotion, Vec<Refusal>> {
    let base = facts.solution(name);
    let holding = base
        .and_then(|base| facts.solutions.iter().find(|s| s.upgrade_of.as_ref() == Some(&base.id)));
    let (Some(base), Some(holding)) = (base, holding) else {
        let text = format!("The solution '{name}' has no holding solution that could be promoted.");
        let subject = Subject::new(SubjectKind::Solution, "", name);
        return Err(vec![
            Refusal::new(code::SOLUTION_UPGRADE_REFUSED, 400, subject, text)
                .fix("import the new version first: connref solution import --import-as-holding"),
        ]);
    };
    let stays: HashSet<_> = holding.components.iter().map(|c| (c.kind, c.id.to_string())).collect();
    let mut draft = Draft::default();
    let leaving =
        Leaving { before: facts, future: facts, base, beside: Some(&holding.id), stays: &stays };
    let removals = leaving.judge(&mut draft);
    if !draft.refusals.is_empty() {
        return Err(draft.refusals);
    }
    Ok(Promotion {
        facts_version: facts.environment.version,
        base: base.id.clone(),
        holding: holding.id.clone(),
        removals,
        report: draft.report,
        warnings: draft.warnings,
    })
}
