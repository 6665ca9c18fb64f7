//! A plan from a facts file: the judgement of an import over a snapshot, without the environment.
use std::path::Path;

use connref_client::solution::{Import, Plan};
use connref_solution::model::facts::PrincipalFacts;
use connref_solution::model::{Facts, PrincipalId};

use super::plan::judged;
use crate::context::Context;
use crate::exit::Failure;
use crate::facts_file::facts;
use crate::package::SolutionFile;
use crate::render::note;

/// What an import would do to the environment that the facts of a file were taken of.
pub(super) async fn planned_from(
    context: &Context,
    file: &Path,
    solution: &SolutionFile,
    import: &Import<'_>,
    skip_lower_version: bool,
) -> Result<Plan, Failure> {
    let facts = facts(context, Some(file)).await?;
    if !facts.unknown.is_empty() {
        let unseen: Vec<_> = facts.unknown.iter().map(|area| area.words()).collect();
        note(&format!(
            "these facts do not tell {}: where the import meets that, this plan is a prediction",
            unseen.join(", ")
        ));
    }
    let caller = caller(&facts, context.globals.acting.as_deref())?;
    judged(solution, &facts, &caller, import, skip_lower_version)
}

/// The principal that is asked about; without a name the operator of this machine, who is an
/// administrator of the environments it made.
fn caller(facts: &Facts, acting: Option<&str>) -> Result<PrincipalId, Failure> {
    let own = crate::home::user();
    let wanted = acting.unwrap_or(&own);
    let is = |one: &&PrincipalFacts| {
        one.name.eq_ignore_ascii_case(wanted)
            || one.id.as_str().eq_ignore_ascii_case(wanted)
            || one.application_id.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(wanted))
    };
    match facts.principals.iter().find(is) {
        Some(one) => Ok(one.id.clone()),
        None => Err(Failure::missing(format!("the facts know no principal `{wanted}`")).fix(
            match acting {
                Some(_) => "connref user list, where the facts were taken",
                None => "add --as NAME: who is going to import",
            },
        )),
    }
}
