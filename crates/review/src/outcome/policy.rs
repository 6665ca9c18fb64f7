//! What an import's new bodies do to flows that are on: one that breaks a data policy is suspended,
//! and what calls it with it (design, rule 13). New flows are off and simply do not come on.
use std::collections::HashSet;

use connref_solution::model::{Facts, FlowId};

use super::{Draft, Import};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::index::Index;
use crate::policy::flows_to_suspend;

/// The flows that the import suspends, each with the reason. What broke a policy before, and is not
/// in the package, is no matter of this import.
pub(super) fn suspensions(
    before: &Index<'_>,
    import: &Import<'_>,
    future: &Facts,
    draft: &mut Draft,
) -> Vec<(FlowId, String)> {
    let mut all = flows_to_suspend(&Index::new(future));
    if all.is_empty() {
        return all;
    }
    let known: HashSet<FlowId> = flows_to_suspend(before).into_iter().map(|(id, _)| id).collect();
    let own: HashSet<&FlowId> = import.package.workflows.iter().map(|w| &w.id).collect();
    all.retain(|(id, _)| own.contains(id) || !known.contains(id));
    for (id, why) in &all {
        let Some(flow) = future.flow(id) else { continue };
        let message = format!("flow `{}` is suspended: {why}", flow.name);
        let help = "it does not come back by itself when the cause is gone";
        draft.warnings.push(
            Finding::new(code::CA125, Severity::Error, Subject::flow(flow), message, help)
                .fixed_by(fix::why(future, &flow.name)),
        );
    }
    all
}
