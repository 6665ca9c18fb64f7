//! Runs and their journal. Each durable step is one statement of the grouping writer; what a node
//! writes carries the fencing number of its lease, so a node that lost it writes nothing.
//!
//! What a run must not show lies with the secrets (`run_secret`); a row says only that there is more.
use connref_solution::model::{ConnectionId, EnvironmentId, FlowId, Micros, ReferenceId, RunId};

use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Row, Statement};
use crate::{Result, Store, StoreError};

/// A run to start.
#[derive(Clone, Debug)]
pub struct RunNew {
    /// Id.
    pub id: RunId,
    /// Flow.
    pub flow: FlowId,
    /// Version of the body it runs.
    pub definition_version: i64,
    /// Who started it: a principal's id.
    pub caller: String,
    /// The run that called it as a child.
    pub parent: Option<RunId>,
    /// What it starts with, as JSON: trigger outputs, parameters, seed.
    pub start: String,
    /// Part of it must not be shown and lies with the secrets.
    pub secured: bool,
    /// When.
    pub started_on: Micros,
    /// Node that holds the lease.
    pub node: String,
    /// Until when.
    pub lease_until: Micros,
}

/// One event of a run's journal.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEvent {
    /// Number from 1 in commit order.
    pub seq: i64,
    /// When.
    pub at: Micros,
    /// Path of the action.
    pub path: String,
    /// The outcome as JSON.
    pub payload: String,
    /// Part of it must not be shown and lies with the secrets, until the run is over.
    pub secured: bool,
    /// Connection used.
    pub connection: Option<ConnectionId>,
    /// Reference it came from.
    pub reference: Option<ReferenceId>,
    /// Version of the binding.
    pub binding_version: Option<i64>,
    /// Who acted.
    pub acting: Option<String>,
}

/// A run row.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Id.
    pub id: RunId,
    /// Flow.
    pub flow: FlowId,
    /// Version of its body.
    pub definition_version: i64,
    /// `Running`, `Succeeded`, `Failed`, `Cancelled`, `TimedOut`.
    pub status: String,
    /// Code of the end.
    pub code: Option<String>,
    /// Message of the end.
    pub message: Option<String>,
    /// Who started it.
    pub caller: String,
    /// Parent run.
    pub parent: Option<RunId>,
    /// What it started with, JSON.
    pub start: String,
    /// Part of that must not be shown and lies with the secrets.
    pub secured: bool,
    /// Its response, JSON.
    pub response: Option<String>,
    /// That must not be shown and lies with the secrets.
    pub secured_response: bool,
    /// Its history, JSON.
    pub history: Option<String>,
    /// Started.
    pub started_on: Micros,
    /// Ended.
    pub ended_on: Option<Micros>,
    /// Fencing number of its lease.
    pub fence: i64,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// Status.
    pub status: String,
    /// Code.
    pub code: Option<String>,
    /// Message.
    pub message: Option<String>,
    /// Response, JSON.
    pub response: Option<String>,
    /// It must not be shown and lies with the secrets.
    pub secured_response: bool,
    /// Whether earlier events hid something, which goes now.
    pub forget: bool,
    /// History, JSON.
    pub history: String,
    /// When.
    pub ended_on: Micros,
}

const COLUMNS: &str = "runid, workflowid, definitionversion, status, code, message, callerid, parentrunid, \
     start, response, history, startedon, endedon, fence, sealed, sealedresponse";

fn run(row: &Row) -> Result<Run> {
    Ok(Run {
        id: RunId::new(&row.text(0)?),
        flow: row.text(1)?.into(),
        definition_version: row.int(2)?,
        status: row.text(3)?,
        code: row.text_opt(4)?,
        message: row.text_opt(5)?,
        caller: row.text(6)?,
        parent: row.text_opt(7)?.map(Into::into),
        start: row.text(8)?,
        response: row.text_opt(9)?,
        history: row.text_opt(10)?,
        started_on: row.int(11)?,
        ended_on: row.int_opt(12)?,
        fence: row.int(13)?,
        secured: row.text_opt(14)?.is_some(),
        secured_response: row.text_opt(15)?.is_some(),
    })
}

fn event_statement(
    environment: &EnvironmentId,
    run: &RunId,
    fence: i64,
    event: RunEvent,
) -> Statement {
    Statement {
        text: "INSERT INTO run_event (environmentid, runid, seq, at, path, payload, connectionid, \
               connectionreferenceid, bindingversion, acting, sealed) \
               SELECT environmentid, runid, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS TEXT), \
               CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS BIGINT), CAST($10 AS TEXT), CAST($12 AS TEXT) \
               FROM run WHERE environmentid = $1 AND runid = $2 AND fence = $11",
        params: vec![
            environment.as_str().to_owned().into(),
            run.as_str().to_owned().into(),
            event.seq.into(),
            event.at.into(),
            event.path.into(),
            event.payload.into(),
            event.connection.map(|c| c.as_str().to_owned()).into(),
            event.reference.map(|r| r.as_str().to_owned()).into(),
            event.binding_version.into(),
            event.acting.into(),
            fence.into(),
            marked(event.secured).into(),
        ],
    }
}

/// The columns hold a word where there is more.
fn marked(secured: bool) -> Option<String> {
    secured.then(|| "secured".to_owned())
}

impl Store {
    /// Writes the run's row. Durable when it answers.
    pub async fn run_start(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: RunNew,
    ) -> Result<i64> {
        caller.authorize(environment, Action::Read, "start runs")?;
        let statement = Statement {
            text: "INSERT INTO run (environmentid, runid, workflowid, definitionversion, status, callerid, \
                   parentrunid, start, startedon, leaseowner, leaseuntil, fence, sealed) \
                   VALUES ($1, $2, $3, $4, 'Running', $5, $6, $7, $8, $9, $10, 1, $11)",
            params: vec![
                environment.as_str().to_owned().into(),
                new.id.as_str().to_owned().into(),
                new.flow.as_str().to_owned().into(),
                new.definition_version.into(),
                new.caller.into(),
                new.parent.map(|p| p.as_str().to_owned()).into(),
                new.start.into(),
                new.started_on.into(),
                new.node.into(),
                new.lease_until.into(),
                marked(new.secured).into(),
            ],
        };
        self.db.append(statement).await?;
        Ok(1)
    }

    /// Writes an event. Durable when it answers; refused when the lease is gone.
    pub async fn run_event(
        &self,
        environment: &EnvironmentId,
        run: &RunId,
        fence: i64,
        event: RunEvent,
    ) -> Result<()> {
        let changed = self.db.append(event_statement(environment, run, fence, event)).await?;
        if changed == 1 { Ok(()) } else { Err(StoreError::LeaseLost(run.to_string())) }
    }

    /// Writes the last events, the history and the end in one commit. What the events hid is not kept
    /// longer than the run lasts.
    pub async fn run_finish(
        &self,
        environment: &EnvironmentId,
        run: &RunId,
        fence: i64,
        events: Vec<RunEvent>,
        end: RunEnd,
    ) -> Result<()> {
        let mut statements: Vec<Statement> =
            events.into_iter().map(|e| event_statement(environment, run, fence, e)).collect();
        statements.push(Statement {
            text: "UPDATE run SET status = $3, code = $4, message = $5, response = $6, history = $7, endedon = $8, \
                   leaseowner = NULL, leaseuntil = NULL, sealedresponse = $10 \
                   WHERE environmentid = $1 AND runid = $2 AND fence = $9 AND status = 'Running'",
            params: vec![
                environment.as_str().to_owned().into(),
                run.as_str().to_owned().into(),
                end.status.into(),
                end.code.into(),
                end.message.into(),
                end.response.into(),
                end.history.into(),
                end.ended_on.into(),
                fence.into(),
                marked(end.secured_response).into(),
            ],
        });
        let ends = statements.len() - 1;
        if end.forget {
            statements.push(Statement {
                text: "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 \
                       AND field LIKE 'event/%' AND EXISTS (SELECT 1 FROM run r \
                       WHERE r.environmentid = $1 AND r.runid = $2 AND r.status <> 'Running')",
                params: vec![
                    environment.as_str().to_owned().into(),
                    run.as_str().to_owned().into(),
                ],
            });
        }
        let counts = self.db.append_all(statements).await?;
        if counts.get(ends) == Some(&1) {
            Ok(())
        } else {
            Err(StoreError::LeaseLost(run.to_string()))
        }
    }

    /// A run the caller may see: its own, or any for an administrator.
    pub async fn run_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &RunId,
    ) -> Result<Run> {
        caller.authorize(environment, Action::Read, "see runs")?;
        let (environment, wanted) = (environment.clone(), id.clone());
        let found = self
            .db
            .read(move |sql| {
                let row = sql.query_one(
                    &format!("SELECT {COLUMNS} FROM run WHERE environmentid = $1 AND runid = $2"),
                    &[environment.as_str().into(), wanted.as_str().into()],
                )?;
                run(&row.ok_or_else(|| StoreError::not_found("run", wanted.as_str()))?)
            })
            .await?;
        self.run_visible(caller, &found)
            .then_some(())
            .ok_or_else(|| StoreError::not_found("run", id.as_str()))?;
        Ok(found)
    }

    fn run_visible(&self, caller: &Caller, run: &Run) -> bool {
        caller.is_administrator() || caller.principal().is_some_and(|p| p.as_str() == run.caller)
    }

    /// The runs of a flow, or of all, newest first.
    pub async fn run_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        flow: Option<FlowId>,
        top: i64,
    ) -> Result<Vec<Run>> {
        self.runs(caller, environment, flow, None, top).await
    }

    /// The runs of a flow that go on, as far as the caller sees them; at most 5000.
    pub async fn run_list_active(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        flow: FlowId,
    ) -> Result<Vec<Run>> {
        self.runs(caller, environment, Some(flow), Some("Running"), i64::MAX).await
    }

    async fn runs(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        flow: Option<FlowId>,
        status: Option<&'static str>,
        top: i64,
    ) -> Result<Vec<Run>> {
        caller.authorize(environment, Action::Read, "see runs")?;
        let own = match caller {
            Caller::Member(member) if !caller.is_administrator() => {
                Some(member.id.as_str().to_owned())
            }
            _ => None,
        };
        let environment = environment.clone();
        self.db
            .read(move |sql| {
                sql.query(
                    &format!(
                        "SELECT {COLUMNS} FROM run WHERE environmentid = $1 \
                         AND workflowid = COALESCE($2, workflowid) AND callerid = COALESCE($3, callerid) \
                         AND status = COALESCE($5, status) ORDER BY startedon DESC, runid LIMIT $4"
                    ),
                    &[
                        environment.as_str().into(),
                        flow.as_ref().map(FlowId::as_str).into(),
                        own.into(),
                        top.clamp(1, 5000).into(),
                        status.into(),
                    ],
                )?
                .iter()
                .map(run)
                .collect()
            })
            .await
    }

    /// Ends a run that goes on, for whoever may see it. Its fencing number grows: the node that
    /// carries it out writes nothing more of it. What it hid is not kept longer.
    pub async fn run_cancel(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &RunId,
    ) -> Result<()> {
        let found = self.run_get(caller, environment, id).await?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let keys: [Param<'_>; 3] =
                    [environment.as_str().into(), id.as_str().into(), now.into()];
                let changed = sql.execute(
                    "UPDATE run SET status = 'Cancelled', code = 'RunCancelled', message = NULL, \
                     endedon = $3, leaseowner = NULL, leaseuntil = NULL, fence = fence + 1 \
                     WHERE environmentid = $1 AND runid = $2 AND status = 'Running'",
                    &keys,
                )?;
                if changed == 0 {
                    return Err(StoreError::Invalid(format!("run `{id}` has ended already")));
                }
                sql.execute(
                    "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 \
                     AND field LIKE 'event/%'",
                    &[environment.as_str().into(), id.as_str().into()],
                )?;
                let entry = Entry {
                    action: "run_cancel",
                    object: "run",
                    object_id: id.as_str(),
                    detail: json!({"flow": found.flow.as_str()}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// The journal of a run, in order.
    pub async fn run_events(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &RunId,
    ) -> Result<Vec<RunEvent>> {
        self.run_get(caller, environment, id).await?;
        let (environment, id) = (environment.clone(), id.clone());
        self.db
            .read(move |sql| {
                sql.query(
                    "SELECT seq, at, path, payload, connectionid, connectionreferenceid, bindingversion, acting, sealed \
                     FROM run_event WHERE environmentid = $1 AND runid = $2 ORDER BY seq",
                    &[environment.as_str().into(), id.as_str().into()],
                )?
                .iter()
                .map(|row| {
                    Ok(RunEvent {
                        seq: row.int(0)?,
                        at: row.int(1)?,
                        path: row.text(2)?,
                        payload: row.text(3)?,
                        connection: row.text_opt(4)?.map(Into::into),
                        reference: row.text_opt(5)?.map(Into::into),
                        binding_version: row.int_opt(6)?,
                        acting: row.text_opt(7)?,
                        secured: row.text_opt(8)?.is_some(),
                    })
                })
                .collect()
            })
            .await
    }

    /// Takes one open run whose lease has ended; its fencing number grows. For a node that resumes.
    pub async fn run_claim(
        &self,
        caller: &Caller,
        node: &str,
        lease_until: Micros,
    ) -> Result<Option<(EnvironmentId, Run)>> {
        caller.authorize_operator("resume runs")?;
        let (node, now) = (node.to_owned(), self.now());
        self.db
            .change(move |sql| {
                let lock = if sql.for_update().is_empty() { "" } else { " FOR UPDATE SKIP LOCKED" };
                let row = sql.query_one(
                    &format!(
                        "UPDATE run SET leaseowner = $1, leaseuntil = $2, fence = fence + 1 \
                         WHERE runid = (SELECT runid FROM run WHERE status = 'Running' AND leaseuntil < $3 \
                         ORDER BY startedon LIMIT 1{lock}) RETURNING {COLUMNS}, environmentid"
                    ),
                    &[node.into(), lease_until.into(), now.into()],
                )?;
                row.map(|row| Ok((row.text(16)?.into(), run(&row)?))).transpose()
            })
            .await
    }

    /// Prolongs a lease; refused when it is gone.
    pub async fn run_renew(
        &self,
        environment: &EnvironmentId,
        id: &RunId,
        fence: i64,
        lease_until: Micros,
    ) -> Result<()> {
        let statement = Statement {
            text: "UPDATE run SET leaseuntil = $4 WHERE environmentid = $1 AND runid = $2 AND fence = $3 \
                   AND status = 'Running'",
            params: vec![
                environment.as_str().to_owned().into(),
                id.as_str().to_owned().into(),
                fence.into(),
                lease_until.into(),
            ],
        };
        let changed = self.db.append(statement).await?;
        if changed == 1 { Ok(()) } else { Err(StoreError::LeaseLost(id.to_string())) }
    }
}
