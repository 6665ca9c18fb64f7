//! A holding solution takes the place of the installed one.
use connref_solution::model::change_set::{Fate, Removal};
use connref_solution::model::{EnvironmentId, JobId, SolutionId};
use serde_json::json;

use crate::access::{Caller, Privilege};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Sql};
use crate::environment::touch_at;
use crate::layer::{At, removals_apply};
use crate::solution::find;
use crate::{Result, Store, StoreError, import_job};

/// What a promotion writes, as it was judged.
#[derive(Clone, Debug)]
pub struct Promote {
    /// Version of the facts it was judged at; another version refuses it.
    pub facts_version: i64,
    /// The installed solution: its row stays.
    pub base: SolutionId,
    /// The holding solution: its row goes.
    pub holding: SolutionId,
    /// What leaves, in its order.
    pub removals: Vec<Removal>,
}

impl Store {
    /// Promotes a holding solution in one transaction, and records the job as done in it.
    pub async fn solution_promote(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        promote: Promote,
        job: Option<(JobId, String)>,
    ) -> Result<SolutionId> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        let points = self.points.clone();
        let done = self
            .db
            .change(move |sql| {
                let version = touch_at(sql, &environment, promote.facts_version)?;
                points.reach("promote-begun");
                let at = At { environment: &environment, by: caller.name(), now, version };
                removals_apply(sql, &at, &promote.base, &promote.removals)?;
                points.reach("promote-removals");
                let (name, to) = rows_move(sql, &at, &promote)?;
                points.reach("promote-moved");
                if let Some((job, data)) = &job {
                    import_job::finish(sql, &environment, job, data, now)?;
                }
                let removed = promote.removals.iter().filter(|r| r.fate == Fate::Deleted).count();
                let entry = Entry {
                    action: "solution_promote",
                    object: "solution",
                    object_id: promote.base.as_str(),
                    detail: json!({"name": name, "version": to, "removed": removed}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                Ok::<_, StoreError>(promote.base.clone())
            })
            .await?;
        self.points.reach("promote-committed");
        Ok(done)
    }
}

/// Gives the installed solution's row what the holding one has. Answers its name and new version.
fn rows_move(sql: &mut Sql<'_>, at: &At<'_>, promote: &Promote) -> Result<(String, String)> {
    let base = find(sql, at.environment, promote.base.as_str())?;
    let holding = find(sql, at.environment, promote.holding.as_str())?;
    if holding.facts.upgrade_of.as_ref() != Some(&promote.base) {
        return Err(StoreError::not_found("holding solution", promote.holding.as_str()));
    }
    let (environment, from, to) =
        (at.environment.as_str(), promote.holding.as_str(), promote.base.as_str());
    for table in ["solutioncomponent", "component_layer", "solution_part"] {
        let keys: [Param<'_>; 2] = [environment.into(), to.into()];
        sql.execute(
            &format!("DELETE FROM {table} WHERE environmentid = $1 AND solutionid = $2"),
            &keys,
        )?;
        sql.execute(
            &format!(
                "UPDATE {table} SET solutionid = $3 WHERE environmentid = $1 AND solutionid = $2"
            ),
            &[environment.into(), from.into(), to.into()],
        )?;
    }
    sql.execute(
        "DELETE FROM solution WHERE environmentid = $1 AND solutionid = $2",
        &[environment.into(), from.into()],
    )?;
    sql.execute(
        "UPDATE solution SET friendlyname = $3, description = $4, version = $5, modifiedon = $6, \
         versionnumber = $7 WHERE environmentid = $1 AND solutionid = $2",
        &[
            environment.into(),
            to.into(),
            (&holding.display_name).into(),
            holding.description.as_ref().into(),
            (&holding.facts.version).into(),
            at.now.into(),
            at.version.into(),
        ],
    )?;
    Ok((base.facts.unique_name, holding.facts.version))
}
