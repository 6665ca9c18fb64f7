//! Jobs that go on while nobody waits (`asyncoperations`), the one lock under which deployments
//! change an environment, and what is left of a process that ended in the middle.
use connref_solution::model::{EnvironmentId, JobId, Micros};
use serde_json::json;

use crate::access::{Caller, Privilege};
use crate::audit_log::{self, Entry};
use crate::db::{Lock, Param, Sql};
use crate::{Result, Store, StoreError};

/// In progress.
const RUNNING: i64 = 20;
/// Asked to end.
const CANCELLING: i64 = 22;
/// Succeeded.
const SUCCEEDED: i64 = 30;
/// Failed.
const FAILED: i64 = 31;
/// Cancelled.
const CANCELLED: i64 = 32;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// As wanted.
    Succeeded,
    /// Refused or failed: the code that clients know, and why.
    Failed {
        /// Dataverse error code.
        code: i64,
        /// Why, one line.
        message: String,
    },
}

/// A job to be run.
#[derive(Clone, Debug)]
pub struct JobNew {
    /// Message, `ImportSolutionAsync` for one.
    pub message: &'static str,
    /// The import or export job it carries out.
    pub job: JobId,
    /// The process that carries it out.
    pub node: String,
}

impl Store {
    /// Takes the lock under which one import, upgrade or promotion at a time changes an environment;
    /// `None` while another one has it. It goes with the process. Whoever has it notes jobs that were
    /// cut off: nothing of them was written.
    pub async fn deployment_lock(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Option<Lock>> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        let name = format!("deploy-{}", environment.as_str());
        let Some(lock) = self.db.lock(&name).await? else { return Ok(None) };
        let (environment, now) = (environment.clone(), self.now());
        let wanted = environment.clone();
        let open = self.db.read(move |sql| open(sql, &wanted)).await?;
        if open.is_some() {
            self.db.change(move |sql| sweep(sql, &environment, now)).await?;
        }
        Ok(Some(lock))
    }

    /// The solution whose import runs, for whoever has to wait for it.
    pub async fn import_running(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Option<String>> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        let environment = environment.clone();
        self.db.read(move |sql| open(sql, &environment)).await
    }

    /// Notes how far an import job is, in percent.
    pub async fn import_job_progress(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &JobId,
        percent: i64,
    ) -> Result<()> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        let (environment, id) = (environment.clone(), id.clone());
        self.db
            .change(move |sql| {
                sql.execute(
                    "UPDATE importjob SET progress = $3, versionnumber = versionnumber + 1 \
                     WHERE environmentid = $1 AND importjobid = $2 AND completedon IS NULL",
                    &[environment.as_str().into(), id.as_str().into(), percent.into()],
                )?;
                Ok(())
            })
            .await
    }

    /// Opens the record of a job; it is in progress from here on.
    pub async fn job_start(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: JobNew,
    ) -> Result<JobId> {
        require(caller, environment)?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = JobId::from(self.ids.guid(now));
        let token = format!("SolutionOperation_{}", self.ids.guid(now));
        let correlation = self.ids.guid(now);
        let environment = environment.clone();
        self.db
            .change(move |sql| {
                sql.execute(
                    "INSERT INTO asyncoperation (environmentid, asyncoperationid, name, messagename, operationtype, \
                     statecode, statuscode, dependencytoken, jobid, ownerid, createdby, createdon, startedon, \
                     modifiedon, versionnumber, hostid, correlationid) \
                     VALUES ($1, $2, $3, $4, 54, 2, $5, $6, $7, $8, $8, $9, $9, $9, 1, $10, $11)",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        new.message.trim_end_matches("Async").into(),
                        new.message.into(),
                        RUNNING.into(),
                        token.into(),
                        new.job.as_str().into(),
                        owner.as_str().into(),
                        now.into(),
                        new.node.into(),
                        correlation.into(),
                    ],
                )?;
                Ok(id)
            })
            .await
    }

    /// Records how a job ended. One that was asked to end, and failed, was cancelled.
    pub async fn job_finish(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &JobId,
        end: JobEnd,
    ) -> Result<()> {
        require(caller, environment)?;
        let (environment, id, now) = (environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let (status, code, message) = match &end {
                    JobEnd::Succeeded => (SUCCEEDED, None, None),
                    JobEnd::Failed { code, message } => (FAILED, Some(*code), Some(message)),
                };
                sql.execute(
                    "UPDATE asyncoperation SET statecode = 3, \
                     statuscode = CASE WHEN statuscode = 22 AND CAST($3 AS BIGINT) = 31 THEN 32 ELSE $3 END, \
                     errorcode = $4, message = $5, friendlymessage = $5, completedon = $6, modifiedon = $6, \
                     versionnumber = versionnumber + 1 WHERE environmentid = $1 AND asyncoperationid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        status.into(),
                        code.into(),
                        message.into(),
                        now.into(),
                    ],
                )?;
                Ok(())
            })
            .await
    }

    /// Asks a job to end. What it has not committed by then is never written.
    pub async fn job_cancel(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &JobId,
    ) -> Result<()> {
        caller.require(environment, Privilege::ImportCustomization, "cancel jobs")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                let row = sql.query_one(
                    "SELECT statuscode FROM asyncoperation WHERE environmentid = $1 AND asyncoperationid = $2",
                    &keys,
                )?;
                let row = row.ok_or_else(|| StoreError::not_found("job", id.as_str()))?;
                if row.int(0)? >= SUCCEEDED {
                    return Err(StoreError::Invalid(format!("job `{id}` has ended already")));
                }
                // A bulk deletion only waits: there is nobody to end it but this.
                sql.execute(
                    "UPDATE asyncoperation SET modifiedon = $4, versionnumber = versionnumber + 1, \
                     statecode = CASE WHEN operationtype = 13 THEN 3 ELSE statecode END, \
                     statuscode = CASE WHEN operationtype = 13 THEN 32 ELSE CAST($3 AS BIGINT) END, \
                     completedon = CASE WHEN operationtype = 13 THEN CAST($4 AS BIGINT) ELSE completedon END \
                     WHERE environmentid = $1 AND asyncoperationid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        CANCELLING.into(),
                        now.into(),
                    ],
                )?;
                let entry = Entry {
                    action: "job_cancel",
                    object: "job",
                    object_id: id.as_str(),
                    detail: json!({}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}

/// Jobs belong to those who import or export.
fn require(caller: &Caller, environment: &EnvironmentId) -> Result<()> {
    if caller.may(Privilege::ExportCustomization) {
        return caller.require(environment, Privilege::ExportCustomization, "run jobs");
    }
    caller.require(environment, Privilege::ImportCustomization, "run jobs")
}

/// The solution of the newest job that has not ended.
fn open(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Option<String>> {
    let row = sql.query_one(
        "SELECT solutionname FROM importjob WHERE environmentid = $1 AND completedon IS NULL \
         ORDER BY startedon DESC",
        &[environment.as_str().into()],
    )?;
    Ok(row.map(|row| row.text(0)).transpose()?)
}

const CUT_OFF: &str = "The process that ran it ended; nothing of it was written.";

/// Ends jobs whose process is gone. The caller holds the lock, so no other process runs one.
fn sweep(sql: &mut Sql<'_>, environment: &EnvironmentId, now: Micros) -> Result<()> {
    sql.execute(
        "UPDATE asyncoperation SET statecode = 3, statuscode = CASE WHEN statuscode = 22 THEN 32 ELSE 31 END, \
         message = $2, friendlymessage = $2, completedon = $3, modifiedon = $3, \
         versionnumber = versionnumber + 1 WHERE environmentid = $1 AND statecode <> 3 AND jobid IN \
         (SELECT importjobid FROM importjob WHERE environmentid = $1 AND completedon IS NULL)",
        &[environment.as_str().into(), CUT_OFF.into(), now.into()],
    )?;
    sql.execute(
        "UPDATE importjob SET data = $2, completedon = $3, versionnumber = versionnumber + 1 \
         WHERE environmentid = $1 AND completedon IS NULL",
        &[
            environment.as_str().into(),
            format!(
                "<importexportxml><solutionManifests><solutionManifest><result result=\"failure\" \
                 errorcode=\"0x80048033\" errortext=\"{CUT_OFF}\" /></solutionManifest>\
                 </solutionManifests></importexportxml>"
            )
            .into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// Refuses, inside the transaction of an import, to go on with one that was cancelled.
pub(crate) fn cancel_check(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    job: &JobId,
) -> Result<()> {
    let lock = sql.for_update();
    let row = sql.query_one(
        &format!(
            "SELECT statuscode FROM asyncoperation WHERE environmentid = $1 AND jobid = $2{lock}"
        ),
        &[environment.as_str().into(), job.as_str().into()],
    )?;
    match row.map(|row| row.int(0)).transpose()? {
        Some(CANCELLING | CANCELLED) => {
            Err(StoreError::Invalid("the import was cancelled; nothing of it was written".into()))
        }
        _ => Ok(()),
    }
}
