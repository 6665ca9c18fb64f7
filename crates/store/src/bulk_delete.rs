//! Deleting what only tells of the past: jobs that have ended, records of imports, runs that are over.
//! Once, or again and again.
use connref_solution::model::{EnvironmentId, JobId, Micros};
use serde_json::json;

use crate::access::{Caller, Entity, Privilege, Verb, on};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Sql};
use crate::{Result, Store, StoreError};

/// What can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkTarget {
    /// Jobs that have ended (`asyncoperation`).
    Jobs,
    /// Records of imports that have ended (`importjob`).
    Imports,
    /// Runs that are over, with their journal (`flowrun`).
    Runs,
}

impl BulkTarget {
    /// Every target.
    pub const ALL: [Self; 3] = [Self::Jobs, Self::Imports, Self::Runs];

    /// Logical name of its table on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jobs => "asyncoperation",
            Self::Imports => "importjob",
            Self::Runs => "flowrun",
        }
    }

    /// Table, its key, and the condition under which a row belongs to the past.
    fn table(self) -> (&'static str, &'static str, &'static str) {
        match self {
            // A bulk deletion that waits for its next turn has not ended.
            Self::Jobs => ("asyncoperation", "asyncoperationid", "statecode = 3"),
            Self::Imports => ("importjob", "importjobid", "completedon IS NOT NULL"),
            Self::Runs => ("run", "runid", "status <> 'Running'"),
        }
    }

    /// The column behind a name on the wire.
    fn column(self, name: &str) -> Option<&'static str> {
        let known: &[(&str, &str)] = match self {
            Self::Jobs => &[
                ("asyncoperationid", "asyncoperationid"),
                ("completedon", "completedon"),
                ("createdon", "createdon"),
                ("messagename", "messagename"),
                ("modifiedon", "modifiedon"),
                ("name", "name"),
                ("operationtype", "operationtype"),
                ("ownerid", "ownerid"),
                ("startedon", "startedon"),
                ("statecode", "statecode"),
                ("statuscode", "statuscode"),
            ],
            Self::Imports => &[
                ("completedon", "completedon"),
                ("createdon", "startedon"),
                ("importjobid", "importjobid"),
                ("operationcontext", "operationcontext"),
                ("solutionname", "solutionname"),
                ("startedon", "startedon"),
            ],
            Self::Runs => &[
                ("createdon", "startedon"),
                ("endtime", "endedon"),
                ("name", "runid"),
                ("ownerid", "callerid"),
                ("starttime", "startedon"),
                ("status", "status"),
                ("workflow", "workflowid"),
                ("workflowid", "workflowid"),
            ],
        };
        known.iter().find(|(wire, _)| wire.eq_ignore_ascii_case(name)).map(|(_, column)| *column)
    }

    fn require(self, caller: &Caller, environment: &EnvironmentId) -> Result<()> {
        let privilege = match self {
            Self::Jobs | Self::Imports => on(Verb::Delete, Entity::ImportJob),
            Self::Runs => Privilege::AdministerConnections,
        };
        caller.require(environment, privilege, &format!("delete rows of `{}` in bulk", self.name()))
    }
}

/// How a column compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkCompare {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Less, or before.
    Less,
    /// At most, or until.
    AtMost,
    /// Greater, or after.
    Greater,
    /// At least, or from.
    AtLeast,
}

impl BulkCompare {
    fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What a column is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkValue {
    /// Text.
    Text(String),
    /// A number, or a moment.
    Number(i64),
    /// As long ago as so many microseconds, when it is carried out.
    Ago(Micros),
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkCondition {
    /// Name of the column on the wire.
    pub column: String,
    /// How.
    pub by: BulkCompare,
    /// With what.
    pub value: BulkValue,
}

/// Which rows of a table: those that fit all conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkQuery {
    /// Table.
    pub target: BulkTarget,
    /// Conditions.
    pub conditions: Vec<BulkCondition>,
}

/// A bulk deletion to be made.
#[derive(Clone, Debug)]
pub struct BulkDeleteNew {
    /// Name of its job.
    pub name: String,
    /// What is deleted.
    pub queries: Vec<BulkQuery>,
    /// The queries as they were asked, kept for later turns.
    pub document: String,
    /// How often, as it was asked; once if missing.
    pub recurrence: Option<String>,
    /// The same as time.
    pub every: Option<Micros>,
    /// When the first turn is.
    pub start: Micros,
    /// The process that carries it out.
    pub node: String,
}

/// A bulk deletion whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkDeleteDue {
    /// Where.
    pub environment: EnvironmentId,
    /// Its job.
    pub job: JobId,
    /// Row id of whoever asked for it.
    pub owner: String,
    /// The queries as they were asked.
    pub document: String,
    /// How often.
    pub every: Option<Micros>,
    /// When this turn was to be.
    pub turn: Micros,
}

/// Rows that one transaction deletes.
const BATCH: i64 = 500;

/// The condition of a query, its values from `$2` on.
fn condition(query: &BulkQuery, now: Micros) -> Result<(String, Vec<Param<'static>>)> {
    let mut text = query.target.table().2.to_owned();
    let mut values: Vec<Param<'static>> = Vec::new();
    for one in &query.conditions {
        let column = query.target.column(&one.column).ok_or_else(|| {
            StoreError::Invalid(format!(
                "rows of `{}` cannot be deleted by `{}`",
                query.target.name(),
                one.column
            ))
        })?;
        let number = values.len() + 2;
        let folded = matches!(one.value, BulkValue::Text(_));
        text += &match folded {
            true => format!(" AND LOWER({column}) {} ${number}", one.by.sql()),
            false => format!(" AND {column} {} ${number}", one.by.sql()),
        };
        values.push(match &one.value {
            BulkValue::Text(text) => text.to_lowercase().into(),
            BulkValue::Number(number) => (*number).into(),
            BulkValue::Ago(ago) => (now - ago).into(),
        });
    }
    Ok((text, values))
}

impl Store {
    /// How many rows each query would delete now.
    pub async fn bulk_delete_count(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        queries: Vec<BulkQuery>,
    ) -> Result<Vec<i64>> {
        for query in &queries {
            query.target.require(caller, environment)?;
        }
        let (environment, now) = (environment.clone(), self.now());
        self.db
            .read(move |sql| {
                let count = |query: &BulkQuery| {
                    let (fits, values) = condition(query, now)?;
                    let table = query.target.table().0;
                    let mut all: Vec<Param<'_>> = vec![environment.as_str().into()];
                    all.extend(values);
                    let text =
                        format!("SELECT COUNT(*) FROM {table} WHERE environmentid = $1 AND {fits}");
                    let row = sql.query_one(&text, &all)?;
                    Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or_default())
                };
                queries.iter().map(count).collect()
            })
            .await
    }

    /// Opens the job of a bulk deletion. It waits for its turn.
    pub async fn bulk_delete_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: BulkDeleteNew,
    ) -> Result<JobId> {
        for query in &new.queries {
            query.target.require(caller, environment)?;
            condition(query, self.now())?;
        }
        let (owner, now) = (caller.owner()?, self.now());
        let (id, correlation) = (JobId::from(self.ids.guid(now)), self.ids.guid(now));
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .change(move |sql| {
                let (place, key) = (environment.as_str(), id.as_str());
                sql.execute(
                    "INSERT INTO asyncoperation (environmentid, asyncoperationid, name, messagename, operationtype, \
                     statecode, statuscode, dependencytoken, jobid, ownerid, createdby, createdon, modifiedon, \
                     versionnumber, hostid, correlationid) \
                     VALUES ($1, $2, $3, 'BulkDelete', 13, 1, 10, $4, $2, $5, $5, $6, $6, 1, $7, $4)",
                    &[
                        place.into(),
                        key.into(),
                        (&new.name).into(),
                        correlation.into(),
                        owner.as_str().into(),
                        now.into(),
                        (&new.node).into(),
                    ],
                )?;
                sql.execute(
                    "INSERT INTO bulkdelete (environmentid, jobid, queries, recurrence, every, nextrun, deleted) \
                     VALUES ($1, $2, $3, $4, $5, $6, 0)",
                    &[
                        place.into(),
                        key.into(),
                        (&new.document).into(),
                        new.recurrence.as_ref().into(),
                        new.every.into(),
                        new.start.into(),
                    ],
                )?;
                let entry = Entry {
                    action: "bulk_delete_create",
                    object: "job",
                    object_id: key,
                    detail: json!({"name": new.name, "recurrence": new.recurrence}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                Ok(id)
            })
            .await
    }

    /// The bulk deletions whose turn has come; of one job alone if it is named.
    pub async fn bulk_delete_due(
        &self,
        caller: &Caller,
        only: Option<&JobId>,
    ) -> Result<Vec<BulkDeleteDue>> {
        if only.is_none() {
            caller.authorize_operator("carry out bulk deletions")?;
        }
        let (only, now) = (only.map(|id| id.as_str().to_owned()), self.now());
        self.db
            .read(move |sql| {
                sql.query(
                    "SELECT b.environmentid, b.jobid, a.ownerid, b.queries, b.every, b.nextrun \
                     FROM bulkdelete b JOIN asyncoperation a ON a.environmentid = b.environmentid \
                     AND a.asyncoperationid = b.jobid WHERE a.statecode <> 3 AND b.nextrun <= $1 \
                     AND b.jobid = COALESCE($2, b.jobid) ORDER BY b.nextrun LIMIT 100",
                    &[now.into(), only.into()],
                )?
                .iter()
                .map(|row| {
                    Ok(BulkDeleteDue {
                        environment: row.text(0)?.into(),
                        job: row.text(1)?.into(),
                        owner: row.text(2)?,
                        document: row.text(3)?,
                        every: row.int_opt(4)?,
                        turn: row.int(5)?,
                    })
                })
                .collect()
            })
            .await
    }

    /// Carries out a turn: deletes, in transactions of some hundred rows, and notes when the next turn
    /// is, or the end. Of several processes one does it.
    pub async fn bulk_delete_run(
        &self,
        caller: &Caller,
        due: &BulkDeleteDue,
        queries: &[BulkQuery],
    ) -> Result<i64> {
        for query in queries {
            query.target.require(caller, &due.environment)?;
        }
        if !self.bulk_delete_claim(due).await? {
            return Ok(0);
        }
        let mut deleted = 0;
        for query in queries {
            loop {
                let (some, place) = (query.clone(), due.environment.clone());
                let (now, before) = (self.now(), due.turn);
                // Never what came after the turn: a run of the same job does not eat its own tail.
                let count =
                    self.db.change(move |sql| batch(sql, &place, &some, now, before)).await?;
                deleted += count;
                if count < BATCH {
                    break;
                }
            }
        }
        self.bulk_delete_note(caller, due, deleted, 0).await?;
        Ok(deleted)
    }

    /// Takes the turn, unless another process took it.
    pub async fn bulk_delete_claim(&self, due: &BulkDeleteDue) -> Result<bool> {
        let (due, now) = (due.clone(), self.now());
        self.db
            .change(move |sql| {
                // Turns that were missed are made up for by one.
                let next = due.every.map(|every| {
                    let missed = (now - due.turn).max(0) / every.max(1);
                    due.turn + (missed + 1) * every.max(1)
                });
                let changed = sql.execute(
                    "UPDATE bulkdelete SET nextrun = $4 WHERE environmentid = $1 AND jobid = $2 AND nextrun = $3",
                    &[
                        due.environment.as_str().into(),
                        due.job.as_str().into(),
                        due.turn.into(),
                        next.into(),
                    ],
                )?;
                Ok(changed == 1)
            })
            .await
    }

    /// Notes what a turn did, and that it ended if no other follows.
    pub async fn bulk_delete_note(
        &self,
        caller: &Caller,
        due: &BulkDeleteDue,
        deleted: i64,
        failed: i64,
    ) -> Result<()> {
        let (caller, due, now) = (caller.clone(), due.clone(), self.now());
        self.db
            .change(move |sql| {
                let keys = (due.environment.as_str(), due.job.as_str());
                sql.execute(
                    "UPDATE bulkdelete SET deleted = deleted + $3 WHERE environmentid = $1 AND jobid = $2",
                    &[keys.0.into(), keys.1.into(), deleted.into()],
                )?;
                let (state, status, ended) = match due.every {
                    Some(_) => (1_i64, 10_i64, None),
                    None => (3, 30, Some(now)),
                };
                sql.execute(
                    "UPDATE asyncoperation SET statecode = $3, statuscode = $4, completedon = $5, \
                     startedon = $6, modifiedon = $6, message = $7, versionnumber = versionnumber + 1 \
                     WHERE environmentid = $1 AND asyncoperationid = $2 AND statecode <> 3",
                    &[
                        keys.0.into(),
                        keys.1.into(),
                        state.into(),
                        status.into(),
                        ended.into(),
                        now.into(),
                        told(deleted, failed).into(),
                    ],
                )?;
                let entry = Entry {
                    action: "bulk_delete",
                    object: "job",
                    object_id: due.job.as_str(),
                    detail: json!({"deleted": deleted}),
                };
                audit_log::record(sql, &due.environment, now, &caller, &entry)
            })
            .await
    }
}

fn told(deleted: i64, failed: i64) -> String {
    match failed {
        0 => format!("{deleted} rows were deleted"),
        _ => format!("{deleted} rows were deleted, {failed} could not be"),
    }
}

/// Deletes some rows that began before the turn; answers how many.
fn batch(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    query: &BulkQuery,
    now: Micros,
    before: Micros,
) -> Result<i64> {
    let (fits, values) = condition(query, now)?;
    let (table, key, _) = query.target.table();
    let begun = query.target.column("createdon").unwrap_or("createdon");
    let place = values.len() + 2;
    let mut all: Vec<Param<'_>> = vec![environment.as_str().into()];
    all.extend(values);
    all.push(before.into());
    let text = format!(
        "SELECT {key} FROM {table} WHERE environmentid = $1 AND {fits} AND {begun} <= ${place} \
         ORDER BY {key} LIMIT {BATCH}"
    );
    let ids: Vec<String> = sql
        .query(&text, &all)?
        .iter()
        .map(|row| row.text(0))
        .collect::<std::result::Result<_, _>>()?;
    for id in &ids {
        let keys: [Param<'_>; 2] = [environment.as_str().into(), id.into()];
        match query.target {
            BulkTarget::Jobs => {
                let text = "DELETE FROM bulkdelete WHERE environmentid = $1 AND jobid = $2";
                sql.execute(text, &keys)?;
            }
            BulkTarget::Imports => {}
            BulkTarget::Runs => {
                let text = "DELETE FROM run_event WHERE environmentid = $1 AND runid = $2";
                sql.execute(text, &keys)?;
                let text =
                    "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2";
                sql.execute(text, &keys)?;
            }
        }
        let text = format!("DELETE FROM {table} WHERE environmentid = $1 AND {key} = $2");
        sql.execute(&text, &keys)?;
    }
    Ok(i64::try_from(ids.len()).unwrap_or(BATCH))
}
