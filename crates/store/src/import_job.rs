//! Import jobs: the record of an import, kept whether it succeeded or not.
use connref_solution::model::{EnvironmentId, JobId, Micros};

use crate::access::{Caller, Privilege};
use crate::db::Sql;
use crate::{Result, Store};

impl Store {
    /// Opens the record of an import. A job that stays at 0 was cut off: nothing of it was written.
    pub async fn import_job_start(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: Option<JobId>,
        solution_name: &str,
        context: &'static str,
    ) -> Result<JobId> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        let now = self.now();
        let id = id.unwrap_or_else(|| self.ids.guid(now).into());
        let (caller, environment, name) =
            (caller.clone(), environment.clone(), solution_name.to_owned());
        self.db
            .change(move |sql| {
                sql.execute(
                    "INSERT INTO importjob (environmentid, importjobid, solutionname, progress, data, createdby, \
                     startedon, completedon, versionnumber, operationcontext) VALUES ($1, $2, $3, 0, '', $4, $5, NULL, 1, $6)",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        name.into(),
                        caller.principal().map_or("", |id| id.as_str()).into(),
                        now.into(),
                        context.into(),
                    ],
                )?;
                Ok(id)
            })
            .await
            .map_err(|e: crate::StoreError| e.on_unique("import job", solution_name))
    }

    /// Records that an import was refused, and why.
    pub async fn import_job_fail(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &JobId,
        data: String,
    ) -> Result<()> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        let (environment, id, now) = (environment.clone(), id.clone(), self.now());
        self.db.change(move |sql| finish(sql, &environment, &id, &data, now)).await
    }
}

pub(crate) fn finish(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &JobId,
    data: &str,
    now: Micros,
) -> Result<()> {
    sql.execute(
        "UPDATE importjob SET progress = 100, data = $3, completedon = $4, versionnumber = versionnumber + 1 \
         WHERE environmentid = $1 AND importjobid = $2",
        &[environment.as_str().into(), id.as_str().into(), data.into(), now.into()],
    )?;
    Ok(())
}
