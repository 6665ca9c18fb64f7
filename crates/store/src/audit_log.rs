//! The audit log: one row per change or refusal, written in the change's own transaction
//! (invariant 11), chained by hashes per environment so that a missing or altered row shows.
use connref_solution::model::{EnvironmentId, Micros};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::access::{Caller, Privilege};
use crate::db::Sql;
use crate::source::hex;
use crate::{Result, Store, StoreError};

/// One row of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// Number, from 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: Micros,
    /// Who.
    pub actor: String,
    /// `noun_verb`.
    pub action: String,
    /// Noun.
    pub object: String,
    /// Which.
    pub object_id: String,
    /// What changed; never a secret.
    pub detail: Value,
}

/// Answer of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCheck {
    /// Rows read.
    pub entries: i64,
    /// Hash of the newest row.
    pub head: String,
    /// The first row that does not fit, if any.
    pub first_bad: Option<i64>,
}

/// What a change writes into the log.
pub(crate) struct Entry<'a> {
    pub(crate) action: &'a str,
    pub(crate) object: &'a str,
    pub(crate) object_id: &'a str,
    pub(crate) detail: Value,
}

const GENESIS: &str = "0";

/// Adds a row inside the caller's transaction. On PostgreSQL the head row is locked, so that two
/// nodes cannot give one number twice.
pub(crate) fn record(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    now: Micros,
    caller: &Caller,
    entry: &Entry<'_>,
) -> Result<()> {
    let lock = sql.for_update();
    let head = sql.query_one(
        &format!("SELECT seq, hash FROM audit_head WHERE environmentid = $1{lock}"),
        &[environment.as_str().into()],
    )?;
    let (seq, previous) = match &head {
        Some(row) => (row.int(0)? + 1, row.text(1)?),
        None => (1, GENESIS.to_owned()),
    };
    let row = AuditRow {
        seq,
        at: now,
        actor: caller.name().to_owned(),
        action: entry.action.to_owned(),
        object: entry.object.to_owned(),
        object_id: entry.object_id.to_owned(),
        detail: entry.detail.clone(),
    };
    let hash = chain(environment, &previous, &row, &entry.detail.to_string());
    sql.execute(
        "INSERT INTO audit (environmentid, seq, at, actor, action, object, objectid, detail, previous, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            environment.as_str().into(),
            seq.into(),
            now.into(),
            (&row.actor).into(),
            (&row.action).into(),
            (&row.object).into(),
            (&row.object_id).into(),
            entry.detail.to_string().into(),
            previous.into(),
            (&hash).into(),
        ],
    )?;
    sql.execute(
        "INSERT INTO audit_head (environmentid, seq, hash) VALUES ($1, $2, $3) \
         ON CONFLICT (environmentid) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        &[environment.as_str().into(), seq.into(), hash.into()],
    )?;
    Ok(())
}

/// SHA-256 over the previous hash and the row, each part preceded by its length.
fn chain(environment: &EnvironmentId, previous: &str, row: &AuditRow, detail: &str) -> String {
    let (seq, at) = (row.seq.to_string(), row.at.to_string());
    let parts: [&str; 9] = [
        environment.as_str(),
        previous,
        &seq,
        &at,
        &row.actor,
        &row.action,
        &row.object,
        &row.object_id,
        detail,
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

const VERIFY_PAGE: i64 = 1000;

impl Store {
    /// Records something that changed nothing: a refusal, or that a thing was looked into.
    pub async fn audit_record(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        action: &'static str,
        object: &'static str,
        object_id: &str,
        detail: Value,
    ) -> Result<()> {
        let (caller, environment, id) = (caller.clone(), environment.clone(), object_id.to_owned());
        let now = self.now();
        self.db
            .change(move |sql| {
                let entry = Entry { action, object, object_id: &id, detail };
                record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// The newest rows, newest first.
    pub async fn audit_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        top: i64,
    ) -> Result<Vec<AuditRow>> {
        caller.require(environment, Privilege::ReadAuditSummary, "read the audit log")?;
        let environment = environment.clone();
        self.db
            .read(move |sql| {
                sql.query(
                    "SELECT seq, at, actor, action, object, objectid, detail FROM audit \
                     WHERE environmentid = $1 ORDER BY seq DESC LIMIT $2",
                    &[environment.as_str().into(), top.clamp(1, 5000).into()],
                )?
                .iter()
                .map(audit_row)
                .collect()
            })
            .await
    }

    /// Reads the whole log and checks every hash and number.
    pub async fn audit_verify(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<AuditCheck> {
        caller.require(environment, Privilege::ReadAuditSummary, "verify the audit log")?;
        let environment = environment.clone();
        self.db.snapshot(move |sql| verify(sql, &environment)).await
    }
}

fn verify(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<AuditCheck> {
    let mut check = AuditCheck { entries: 0, head: GENESIS.to_owned(), first_bad: None };
    loop {
        let rows = sql.query(
            "SELECT seq, at, actor, action, object, objectid, detail, previous, hash FROM audit \
             WHERE environmentid = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            &[environment.as_str().into(), check.entries.into(), VERIFY_PAGE.into()],
        )?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let entry = audit_row(row)?;
            let expected = chain(environment, &check.head, &entry, &row.text(6)?);
            let fits = entry.seq == check.entries + 1
                && row.text(7)? == check.head
                && row.text(8)? == expected;
            if !fits {
                check.first_bad = Some(check.entries + 1);
                return Ok(check);
            }
            check.entries = entry.seq;
            check.head = expected;
        }
    }
    let head = sql.query_one(
        "SELECT seq, hash FROM audit_head WHERE environmentid = $1",
        &[environment.as_str().into()],
    )?;
    let head = match head {
        Some(row) => (row.int(0)?, row.text(1)?),
        None => (0, GENESIS.to_owned()),
    };
    if head != (check.entries, check.head.clone()) {
        check.first_bad = Some(check.entries + 1);
    }
    Ok(check)
}

fn audit_row(row: &crate::db::Row) -> Result<AuditRow> {
    Ok(AuditRow {
        seq: row.int(0)?,
        at: row.int(1)?,
        actor: row.text(2)?,
        action: row.text(3)?,
        object: row.text(4)?,
        object_id: row.text(5)?,
        detail: serde_json::from_str(&row.text(6)?)
            .map_err(|source| StoreError::Document { kind: "audit", source })?,
    })
}
