//! Deployments of pipelines, recorded in the environment they reach, with the package each brought. Who
//! may see and decide them stands in the pipeline, which the operations judge; here only the operator and
//! the system come in.
use connref_solution::model::{EnvironmentId, Micros};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::audit_log::{self, Entry};
use crate::db::{Lock, Row, Sql};
use crate::{Result, Store, StoreError};

/// A deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Id.
    pub id: String,
    /// Id of the pipeline.
    pub pipeline: String,
    /// Stage.
    pub stage: String,
    /// Unique name of the solution.
    pub solution: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the package.
    pub package: String,
    /// `waiting`, `running`, `succeeded`, `partly`, `failed`, `refused` or `rejected`.
    pub state: String,
    /// Service principal that deploys.
    pub delegate: String,
    /// The deployment whose release it brings back.
    pub rollback_of: Option<String>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_on: Micros,
    /// Who approved or rejected.
    pub decided_by: Option<String>,
    /// When.
    pub decided_on: Option<Micros>,
    /// What they said.
    pub remark: Option<String>,
    /// Begun.
    pub started_on: Option<Micros>,
    /// Ended.
    pub completed_on: Option<Micros>,
    /// Findings, refusals, references, flows, bindings.
    pub detail: Value,
}

/// A deployment to record.
#[derive(Clone, Debug)]
pub struct DeploymentNew {
    /// Id of the pipeline.
    pub pipeline: String,
    /// Stage.
    pub stage: String,
    /// Unique name of the solution.
    pub solution: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the package.
    pub package: String,
    /// The package; none if it is there already.
    pub content: Option<Vec<u8>>,
    /// State.
    pub state: &'static str,
    /// Service principal that deploys.
    pub delegate: String,
    /// The deployment whose release it brings back.
    pub rollback_of: Option<String>,
    /// Who asked.
    pub requested_by: String,
    /// What is known so far.
    pub detail: Value,
}

/// What becomes of a deployment.
#[derive(Clone, Debug)]
pub struct DeploymentChange {
    /// The state it must be in; another one means that somebody else was faster.
    pub from: &'static str,
    /// The state it gets.
    pub to: &'static str,
    /// Who decided, and what they said.
    pub decided: Option<(String, Option<String>)>,
    /// What is known now; none leaves what is there.
    pub detail: Option<Value>,
}

/// What is recorded of a deployment whose process ended.
const CUT_OFF: &str = "cut off: the process that carried it out ended. The import is in as a whole or not at \
    all; deploy again, which finds out";

const COLUMNS: &str = "deploymentid, pipelineid, stage, solutionname, solutionversion, packagehash, state, delegate, \
    rollbackof, requestedby, requestedon, decidedby, decidedon, remark, startedon, completedon, detail";

fn deployment(row: &Row) -> Result<Deployment> {
    Ok(Deployment {
        id: row.text(0)?,
        pipeline: row.text(1)?,
        stage: row.text(2)?,
        solution: row.text(3)?,
        version: row.text(4)?,
        package: row.text(5)?,
        state: row.text(6)?,
        delegate: row.text(7)?,
        rollback_of: row.text_opt(8)?,
        requested_by: row.text(9)?,
        requested_on: row.int(10)?,
        decided_by: row.text_opt(11)?,
        decided_on: row.int_opt(12)?,
        remark: row.text_opt(13)?,
        started_on: row.int_opt(14)?,
        completed_on: row.int_opt(15)?,
        detail: serde_json::from_str(&row.text(16)?)
            .map_err(|source| StoreError::Document { kind: "deployment", source })?,
    })
}

fn find(sql: &mut Sql<'_>, environment: &EnvironmentId, id: &str) -> Result<Deployment> {
    let row = sql.query_one(
        &format!("SELECT {COLUMNS} FROM deployment WHERE environmentid = $1 AND deploymentid = $2"),
        &[environment.as_str().into(), id.to_lowercase().into()],
    )?;
    deployment(&row.ok_or_else(|| StoreError::not_found("deployment", id))?)
}

impl Store {
    /// Records a deployment that is asked for.
    pub async fn deployment_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: DeploymentNew,
    ) -> Result<Deployment> {
        caller.authorize_operator("record deployments")?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .change(move |sql| {
                if let Some(content) = &new.content {
                    sql.execute(
                        "INSERT INTO deployment_package (environmentid, packagehash, content) \
                         VALUES ($1, $2, $3) ON CONFLICT (environmentid, packagehash) DO NOTHING",
                        &[
                            environment.as_str().into(),
                            (&new.package).into(),
                            content.as_slice().into(),
                        ],
                    )?;
                }
                let started = (new.state == "running").then_some(now);
                let ended = (new.state == "refused").then_some(now);
                sql.execute(
                    &format!(
                        "INSERT INTO deployment (environmentid, {COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
                         $9, $10, $11, $12, NULL, NULL, NULL, $13, $14, $15)"
                    ),
                    &[
                        environment.as_str().into(),
                        (&id).into(),
                        (&new.pipeline).into(),
                        (&new.stage).into(),
                        (&new.solution).into(),
                        (&new.version).into(),
                        (&new.package).into(),
                        new.state.into(),
                        (&new.delegate).into(),
                        new.rollback_of.as_deref().into(),
                        (&new.requested_by).into(),
                        now.into(),
                        started.into(),
                        ended.into(),
                        new.detail.to_string().into(),
                    ],
                )?;
                let detail = json!({
                    "stage": new.stage, "requestedBy": new.requested_by, "version": new.version,
                    "package": new.package, "state": new.state, "rollbackOf": new.rollback_of,
                });
                let entry = Entry {
                    action: "deployment_request",
                    object: "deployment",
                    object_id: &id,
                    detail,
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &id)
            })
            .await
    }

    /// Changes the state of a deployment, if it is still in the one that was judged.
    pub async fn deployment_change(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &str,
        change: DeploymentChange,
    ) -> Result<Deployment> {
        caller.authorize_operator("change deployments")?;
        let now = self.now();
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.to_owned());
        self.db
            .change(move |sql| {
                let started = (change.to == "running").then_some(now);
                let ended = (!matches!(change.to, "waiting" | "running")).then_some(now);
                let (by, remark) = match &change.decided {
                    Some((by, remark)) => (Some(by.as_str()), remark.as_deref()),
                    None => (None, None),
                };
                let changed = sql.execute(
                    "UPDATE deployment SET state = $4, decidedby = COALESCE($5, decidedby), \
                     decidedon = CASE WHEN $5 IS NULL THEN decidedon ELSE $6 END, \
                     remark = COALESCE($7, remark), startedon = COALESCE($8, startedon), \
                     completedon = $9, detail = COALESCE($10, detail) \
                     WHERE environmentid = $1 AND deploymentid = $2 AND state = $3",
                    &[
                        environment.as_str().into(),
                        (&id).into(),
                        change.from.into(),
                        change.to.into(),
                        by.into(),
                        now.into(),
                        remark.into(),
                        started.into(),
                        ended.into(),
                        change.detail.as_ref().map(Value::to_string).as_deref().into(),
                    ],
                )?;
                let row = find(sql, &environment, &id)?;
                if changed == 0 {
                    return Err(StoreError::Modified { kind: "deployment", name: id.clone() });
                }
                let detail = json!({"state": change.to, "decidedBy": by, "remark": remark});
                let entry = Entry {
                    action: "deployment_state",
                    object: "deployment",
                    object_id: &id,
                    detail,
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                Ok(row)
            })
            .await
    }

    /// Takes the lock under which one deployment of a pipeline at a time is carried out in an
    /// environment; `None` while another one has it. It goes with the process, so whoever has it knows
    /// that what is still recorded as running was cut off, and records that.
    pub async fn pipeline_lock(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Option<Lock>> {
        caller.authorize_operator("carry out deployments")?;
        let name = format!("pipeline-{}", environment.as_str());
        let Some(lock) = self.db.lock(&name).await? else { return Ok(None) };
        let wanted = environment.clone();
        let cut_off: Vec<Deployment> = self
            .db
            .read(move |sql| {
                let query = format!(
                    "SELECT {COLUMNS} FROM deployment WHERE environmentid = $1 AND state = 'running'"
                );
                sql.query(&query, &[wanted.as_str().into()])?.iter().map(deployment).collect::<Result<_>>()
            })
            .await?;
        for mut row in cut_off {
            row.detail["why"] = CUT_OFF.into();
            let change = DeploymentChange {
                from: "running",
                to: "failed",
                decided: None,
                detail: Some(row.detail),
            };
            self.deployment_change(caller, environment, &row.id, change).await?;
        }
        Ok(Some(lock))
    }

    /// The deployments of a pipeline to an environment, oldest first.
    pub async fn deployment_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        pipeline: &str,
    ) -> Result<Vec<Deployment>> {
        caller.authorize_operator("see deployments")?;
        let (environment, pipeline) = (environment.clone(), pipeline.to_owned());
        self.db
            .read(move |sql| {
                sql.query(
                    &format!(
                        "SELECT {COLUMNS} FROM deployment WHERE environmentid = $1 AND pipelineid = $2 \
                         ORDER BY requestedon, deploymentid"
                    ),
                    &[environment.as_str().into(), pipeline.into()],
                )?
                .iter()
                .map(deployment)
                .collect()
            })
            .await
    }

    /// The package of a deployment, by its SHA-256.
    pub async fn deployment_package(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        package: &str,
    ) -> Result<Vec<u8>> {
        caller.authorize_operator("take the packages of deployments")?;
        let (environment, package) = (environment.clone(), package.to_owned());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT content FROM deployment_package WHERE environmentid = $1 AND packagehash = $2",
                    &[environment.as_str().into(), (&package).into()],
                )?;
                let row = row.ok_or_else(|| StoreError::not_found("package", &package))?;
                Ok(row.bytes(0)?)
            })
            .await
    }
}
