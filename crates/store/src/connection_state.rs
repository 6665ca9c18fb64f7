//! The state of a connection: what tests find, on and off, when it was last used.
use std::collections::BTreeMap;

use connref_solution::model::facts::{ConnectionStatus, Fingerprint, ShareLevel};
use connref_solution::model::{ConnectionId, EnvironmentId, Micros};
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::connection::{Connection, find, find_for, status_columns};
use crate::db::Sql;
use crate::environment::touch;
use crate::{Result, Store};

/// What a test found.
#[derive(Clone, Debug)]
pub enum TestResult {
    /// The target knows us: its fingerprint.
    Passed(Fingerprint),
    /// It does not, with code and cause.
    Failed {
        /// Code.
        code: String,
        /// Cause, in one line without secrets.
        message: String,
        /// What it is about: `token` for the sign-in.
        target: Option<&'static str>,
    },
}

impl Store {
    /// Records what a test found. What is switched off stays off.
    pub async fn connection_tested(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        result: TestResult,
    ) -> Result<()> {
        caller.authorize(environment, Action::Read, "test connections")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let level = ShareLevel::CanView;
                let old = find_for(sql, &caller, &environment, &id, level, "test connection", now)?;
                let (status, target, tested) = match result {
                    TestResult::Passed(tested) => (ConnectionStatus::Connected, None, Some(tested)),
                    TestResult::Failed { code, message, target } => {
                        (ConnectionStatus::Error { code, message }, target, None)
                    }
                };
                let status = match old.facts.status {
                    ConnectionStatus::Disabled => ConnectionStatus::Disabled,
                    _ => status,
                };
                let same_target = match (&old.facts.fingerprint, &tested) {
                    (Some(old), Some(new)) => {
                        (&old.identity, &old.target) == (&new.identity, &new.target)
                    }
                    (_, None) => true,
                    (None, Some(_)) => false,
                };
                let changed = old.facts.status != status || !same_target;
                let version = if changed { Some(touch(sql, &environment)?) } else { None };
                let (word, code, message) = status_columns(&status);
                let (on, identity, place) = match tested {
                    Some(tested) => (Some(tested.tested_at), tested.identity, Some(tested.target)),
                    None => (None, None, None),
                };
                sql.execute(
                    "UPDATE connection SET status = $3, statuserror = $4, statusmessage = $5, statustarget = $6, \
                     account = COALESCE($7, account), testedon = COALESCE($8, testedon), \
                     testedas = COALESCE($7, testedas), testedtarget = COALESCE($9, testedtarget), \
                     versionnumber = COALESCE($10, versionnumber) \
                     WHERE environmentid = $1 AND connectionid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        word.into(),
                        code.into(),
                        message.into(),
                        target.into(),
                        identity.into(),
                        on.into(),
                        place.into(),
                        version.into(),
                    ],
                )?;
                if !changed {
                    return Ok(());
                }
                let entry = Entry {
                    action: "connection_status",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"status": word, "code": code}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// Switches a connection off or on again. What was broken before is tried again.
    pub async fn connection_switch(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        on: bool,
    ) -> Result<Connection> {
        caller.authorize(environment, Action::Read, "switch connections")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let attempt = if on { "enable connection" } else { "disable connection" };
                let old =
                    find_for(sql, &caller, &environment, &id, ShareLevel::Owner, attempt, now)?;
                if on == (old.facts.status != ConnectionStatus::Disabled) {
                    return Ok(old);
                }
                let version = touch(sql, &environment)?;
                sql.execute(
                    "UPDATE connection SET status = $3, statuserror = NULL, statusmessage = NULL, \
                     statustarget = NULL, modifiedon = $4, versionnumber = $5 \
                     WHERE environmentid = $1 AND connectionid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        (if on { "connected" } else { "disabled" }).into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let entry = Entry {
                    action: if on { "connection_enable" } else { "connection_disable" },
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"name": old.facts.display_name}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &id, now)
            })
            .await
    }

    /// When each connection was last called through, those that were.
    pub async fn connection_last_use(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<BTreeMap<ConnectionId, Micros>> {
        caller.authorize(environment, Action::Read, "see connections")?;
        let environment = environment.clone();
        self.db.read(move |sql| last_uses(sql, &environment)).await
    }
}

/// When each connection was last called through: one step into the index per connection, however
/// long the journal is.
pub(crate) fn last_uses(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
) -> Result<BTreeMap<ConnectionId, Micros>> {
    let rows = sql.query(
        "SELECT c.connectionid, (SELECT MAX(e.at) FROM run_event e WHERE e.connectionid = c.connectionid) \
         FROM connection c WHERE c.environmentid = $1",
        &[environment.as_str().into()],
    )?;
    let mut used = BTreeMap::new();
    for row in rows {
        if let Some(at) = row.int_opt(1)? {
            used.insert(row.text(0)?.into(), at);
        }
    }
    Ok(used)
}
