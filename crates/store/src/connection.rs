//! Connections: connector, owner, credential. The credential goes in sealed and comes out for one
//! use at a time; nothing else of the store ever holds it.
use std::collections::BTreeMap;
use std::sync::Arc;

use connref_solution::model::facts::{
    ConnectionFacts, ConnectionKind, ConnectionStatus, Fingerprint, ShareLevel,
};
use connref_solution::model::{ApiName, ConnectionId, EnvironmentId, FlowId, Micros, PrincipalId};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::connection_share::level_of;
use crate::connection_token::{token_forget, token_generation};
use crate::credential::{Sealed, secrets_write, unless_key_changed};
use crate::db::{Param, Row, Sql};
use crate::environment::{touch, touch_at};
use crate::text::{Stored, stored};
use crate::vault::VaultError;
use crate::{Result, Store, StoreError};

/// A connection row with its shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// What audits see of it.
    pub facts: ConnectionFacts,
    /// Non-secret connection parameters.
    pub parameters: BTreeMap<String, String>,
    /// Names of the secret fields it has.
    pub secret_fields: Vec<String>,
    /// Version of its credential, from 1.
    pub credential_version: i64,
    /// Who made it.
    pub created_by: PrincipalId,
    /// Last change.
    pub modified_on: Micros,
    /// Until when the credential before the last rotation comes back by itself.
    pub previous_until: Option<Micros>,
}

/// A connection to make.
pub struct ConnectionNew {
    /// Id; made if missing.
    pub id: Option<ConnectionId>,
    /// Connector, as the environment knows it.
    pub api_name: ApiName,
    /// Display name.
    pub display_name: String,
    /// Owner.
    pub owner: PrincipalId,
    /// Whose credential.
    pub kind: ConnectionKind,
    /// Endpoint it reaches instead of the public one.
    pub endpoint: Option<String>,
    /// Account it authenticates as.
    pub account: Option<String>,
    /// Non-secret parameters.
    pub parameters: BTreeMap<String, String>,
    /// Secret fields.
    pub secrets: BTreeMap<String, SecretString>,
    /// When its secret or certificate ends.
    pub ends_on: Option<Micros>,
}

/// How often an update starts anew because a refresh of tokens came between.
const ATTEMPTS: usize = 5;

pub(crate) const COLUMNS: &str = "connectionid, api_name, displayname, ownerid, kind, status, statuserror, statusmessage, \
     endpoint, account, createdon, parameters, credentialversion, createdby, modifiedon, statustarget, endson, \
     previousuntil, testedon, testedas, testedtarget";

pub(crate) fn connection(row: &Row) -> Result<Connection> {
    let status = match row.text(5)?.as_str() {
        "connected" => ConnectionStatus::Connected,
        "disabled" => ConnectionStatus::Disabled,
        _ => ConnectionStatus::Error {
            code: row.text_opt(6)?.unwrap_or_default(),
            message: row.text_opt(7)?.unwrap_or_default(),
        },
    };
    Ok(Connection {
        facts: ConnectionFacts {
            id: row.text(0)?.into(),
            api_name: row.text(1)?.into(),
            display_name: row.text(2)?,
            owner: row.text(3)?.into(),
            kind: stored(row, 4)?,
            status,
            status_target: row.text_opt(15)?,
            endpoint: row.text_opt(8)?,
            account: row.text_opt(9)?,
            fingerprint: match (row.int_opt(18)?, row.text_opt(20)?) {
                (Some(tested_at), Some(target)) => {
                    Some(Fingerprint { tested_at, identity: row.text_opt(19)?, target })
                }
                _ => None,
            },
            ends_at: row.int_opt(16)?,
            shares: Vec::new(),
            created_at: row.int(10)?,
            last_used_at: None,
        },
        parameters: serde_json::from_str(&row.text(11)?)
            .map_err(|source| StoreError::Document { kind: "connection", source })?,
        secret_fields: Vec::new(),
        credential_version: row.int(12)?,
        created_by: row.text(13)?.into(),
        modified_on: row.int(14)?,
        previous_until: row.int_opt(17)?,
    })
}

/// All connections of an environment, with shares and the names of their secret fields.
pub(crate) fn all(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    now: Micros,
) -> Result<Vec<Connection>> {
    let key: [Param<'_>; 1] = [environment.as_str().into()];
    let mut found: Vec<Connection> = sql
        .query(
            &format!(
                "SELECT {COLUMNS} FROM connection WHERE environmentid = $1 ORDER BY connectionid"
            ),
            &key,
        )?
        .iter()
        .map(connection)
        .collect::<Result<_>>()?;
    let index: BTreeMap<String, usize> =
        found.iter().enumerate().map(|(i, c)| (c.facts.id.as_str().to_owned(), i)).collect();
    let shares = sql.query(
        "SELECT connectionid, principalid, level FROM connection_share WHERE environmentid = $1 \
         AND (expireson IS NULL OR expireson > $2) ORDER BY connectionid, principalid",
        &[environment.as_str().into(), now.into()],
    )?;
    for row in &shares {
        if let Some(&at) = index.get(&row.text(0)?) {
            found[at].facts.shares.push((row.text(1)?.into(), stored(row, 2)?));
        }
    }
    let fields = sql.query(
        "SELECT connectionid, field FROM connection_secret WHERE environmentid = $1 \
         AND field NOT LIKE '~%' ORDER BY connectionid, field",
        &key,
    )?;
    for row in &fields {
        if let Some(&at) = index.get(&row.text(0)?) {
            found[at].secret_fields.push(row.text(1)?);
        }
    }
    Ok(found)
}

pub(crate) fn find(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    now: Micros,
) -> Result<Connection> {
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
    let row = sql.query_one(
        &format!("SELECT {COLUMNS} FROM connection WHERE environmentid = $1 AND connectionid = $2"),
        &keys,
    )?;
    let mut found =
        connection(&row.ok_or_else(|| StoreError::not_found("connection", id.as_str()))?)?;
    for row in sql.query(
        "SELECT principalid, level FROM connection_share WHERE environmentid = $1 AND connectionid = $2 \
         AND (expireson IS NULL OR expireson > $3) ORDER BY principalid",
        &[environment.as_str().into(), id.as_str().into(), now.into()],
    )? {
        found.facts.shares.push((row.text(0)?.into(), stored(&row, 1)?));
    }
    for row in sql.query(
        "SELECT field FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 \
         AND field NOT LIKE '~%' ORDER BY field",
        &keys,
    )? {
        found.secret_fields.push(row.text(0)?);
    }
    Ok(found)
}

/// Administrators, the owner and those it is shared with see a connection.
fn visible(caller: &Caller, connection: &Connection) -> bool {
    caller.is_administrator() || level_of(caller, connection).is_some()
}

/// Whether the caller holds at least a level on it.
fn holds(caller: &Caller, connection: &Connection, level: ShareLevel) -> bool {
    caller.is_administrator() || level_of(caller, connection).is_some_and(|held| held >= level)
}

/// A connection for something that needs a level on it; to whoever may not see it, it does not
/// exist.
pub(crate) fn find_for(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    id: &ConnectionId,
    level: ShareLevel,
    attempt: &str,
    now: Micros,
) -> Result<Connection> {
    let found = find(sql, environment, id, now)?;
    if !visible(caller, &found) {
        return Err(StoreError::not_found("connection", id.as_str()));
    }
    if !holds(caller, &found, level) {
        return Err(StoreError::Denied {
            caller: caller.name().to_owned(),
            attempt: format!("{attempt} `{}`", found.facts.display_name),
        });
    }
    Ok(found)
}

impl Store {
    /// Makes a connection. Its secret fields are sealed before they reach the database.
    pub async fn connection_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: ConnectionNew,
    ) -> Result<Connection> {
        caller.authorize(environment, Action::Read, "create connections")?;
        let maker = caller.owner()?;
        if maker != new.owner && !caller.is_administrator() {
            return Err(StoreError::Denied {
                caller: caller.name().to_owned(),
                attempt: "create a connection for somebody else".to_owned(),
            });
        }
        let now = self.now();
        let id = new.id.clone().unwrap_or_else(|| self.ids.connection_id().into());
        let new = Arc::new(new);
        for _ in 0..ATTEMPTS {
            let attempt = self.create(caller, environment, &id, &new, &maker, now).await;
            if let Some(made) = unless_key_changed(attempt.map(Some))? {
                return Ok(made);
            }
        }
        Err(VaultError::KeyChanged.into())
    }

    async fn create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        new: &Arc<ConnectionNew>,
        maker: &PrincipalId,
        now: Micros,
    ) -> Result<Connection> {
        self.vault.refresh(&self.db).await?;
        let sealed = self.seal_all(environment, id, &new.api_name, 1, &new.secrets)?;
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.clone());
        let (new, maker, name) = (Arc::clone(new), maker.clone(), id.as_str().to_owned());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                insert(sql, &environment, &id, &new, &maker, now, version)?;
                secrets_write(sql, &environment, &id, 1, &sealed)?;
                let detail = json!({
                    "name": new.display_name, "connector": new.api_name.as_str(),
                    "owner": new.owner.as_str(), "kind": new.kind.text(), "endpoint": new.endpoint,
                });
                let entry = Entry {
                    action: "connection_create",
                    object: "connection",
                    object_id: id.as_str(),
                    detail,
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &id, now)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("connection", &name))
    }

    /// Replaces display name, parameters, endpoint and, where given, secret fields.
    pub async fn connection_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: ConnectionNew,
    ) -> Result<Connection> {
        caller.authorize(environment, Action::Read, "change connections")?;
        let id = new.id.clone().unwrap_or_else(|| ConnectionId::new(""));
        let old = {
            let (caller, environment, id, now) =
                (caller.clone(), environment.clone(), id.clone(), self.now());
            self.db
                .read(move |sql| {
                    let (level, attempt) = (ShareLevel::CanEdit, "change connection");
                    let old = find_for(sql, &caller, &environment, &id, level, attempt, now)?;
                    // An administrator's right ends here: whoever changes where a connection goes
                    // could send its credential there.
                    let level = level_of(&caller, &old);
                    if caller.principal().is_some() && level.is_none_or(|l| l < ShareLevel::CanEdit)
                    {
                        let name = &old.facts.display_name;
                        return Err(caller.denied(&format!("change connection `{name}`")));
                    }
                    Ok(old)
                })
                .await?
        };
        for _ in 0..ATTEMPTS {
            let attempt = self.update(caller, environment, &old, &new).await;
            if let Some(done) = unless_key_changed(attempt)? {
                return Ok(done);
            }
        }
        Err(StoreError::Modified { kind: "connection", name: old.facts.display_name })
    }

    /// One attempt; none if a refresh of its tokens came between reading and writing.
    async fn update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        old: &Connection,
        new: &ConnectionNew,
    ) -> Result<Option<Connection>> {
        let id = old.facts.id.clone();
        let mut parameters = old.parameters.clone();
        parameters.extend(new.parameters.clone());
        // A new name leaves the credential, its tokens and its version alone.
        let kept = new.secrets.is_empty() && parameters == old.parameters;
        let credential = old.credential_version + i64::from(!kept);
        let (mut sealed, mut generation) = (Vec::new(), None);
        if !kept {
            // Fields that are not given again keep their secret: opened and sealed for the new version.
            let (mut secrets, at) = self.open_effective(environment, old).await?;
            secrets.extend(new.secrets.iter().map(|(k, v)| (k.clone(), v.clone())));
            sealed = self.seal_all(environment, &id, &old.facts.api_name, credential, &secrets)?;
            generation = Some(at);
        }
        let change = Update {
            id,
            display_name: new.display_name.clone(),
            endpoint: new.endpoint.clone().or(old.facts.endpoint.clone()),
            account: new.account.clone().or(old.facts.account.clone()),
            parameters: json!(parameters).to_string(),
            ends_on: new.ends_on.or(old.facts.ends_at.filter(|_| new.secrets.is_empty())),
            credential: (old.credential_version, credential),
            sealed,
        };
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        self.db
            .change(move |sql| {
                if let Some(generation) = generation {
                    if token_generation(sql, &environment, &change.id)? != generation {
                        return Ok(None);
                    }
                    token_forget(sql, &environment, &change.id)?;
                }
                update(sql, &environment, &change, now)?;
                let entry = Entry {
                    action: "connection_update",
                    object: "connection",
                    object_id: change.id.as_str(),
                    detail: json!({"name": change.display_name, "credentialVersion": credential}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &change.id, now).map(Some)
            })
            .await
    }

    /// A connection the caller may see.
    pub async fn connection_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Connection> {
        caller.authorize(environment, Action::Read, "see connections")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .read(move |sql| {
                let level = ShareLevel::CanView;
                find_for(sql, &caller, &environment, &id, level, "see connection", now)
            })
            .await
    }

    /// The connections the caller may see.
    pub async fn connection_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Vec<Connection>> {
        caller.authorize(environment, Action::Read, "see connections")?;
        let (environment, now) = (environment.clone(), self.now());
        let found = self.db.snapshot(move |sql| all(sql, &environment, now)).await?;
        Ok(found.into_iter().filter(|c| visible(caller, c)).collect())
    }

    /// Gives connections to another owner, in one transaction. Whether this environment's fidelity
    /// allows it is decided by `review`, and so is which flows were on by the old owner's right: the
    /// new owner takes its place there.
    pub async fn connection_reassign(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        facts_version: i64,
        ids: Vec<ConnectionId>,
        to: &PrincipalId,
        activations: Vec<FlowId>,
    ) -> Result<()> {
        caller.authorize(environment, Action::Administer, "reassign connections")?;
        let (caller, environment, to, now) =
            (caller.clone(), environment.clone(), to.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch_at(sql, &environment, facts_version)?;
                let owner = crate::user::find(sql, &environment, to.as_str())?;
                for id in &ids {
                    let old = find(sql, &environment, id, now)?;
                    sql.execute(
                        "UPDATE connection SET ownerid = $3, modifiedon = $4, versionnumber = $5 \
                         WHERE environmentid = $1 AND connectionid = $2",
                        &[
                            environment.as_str().into(),
                            id.as_str().into(),
                            to.as_str().into(),
                            now.into(),
                            version.into(),
                        ],
                    )?;
                    let entry = Entry {
                        action: "connection_reassign",
                        object: "connection",
                        object_id: id.as_str(),
                        detail: json!({"from": old.facts.owner.as_str(), "to": owner.name}),
                    };
                    audit_log::record(sql, &environment, now, &caller, &entry)?;
                }
                for flow in &activations {
                    for id in &ids {
                        sql.execute(
                            "UPDATE workflow_use SET grantedby = $4, grantedon = $5 \
                             WHERE environmentid = $1 AND workflowid = $2 AND connectionid = $3",
                            &[
                                environment.as_str().into(),
                                flow.as_str().into(),
                                id.as_str().into(),
                                to.as_str().into(),
                                now.into(),
                            ],
                        )?;
                    }
                    sql.execute(
                        "UPDATE workflow SET activatedby = $3, versionnumber = $4 \
                         WHERE environmentid = $1 AND workflowid = $2",
                        &[
                            environment.as_str().into(),
                            flow.as_str().into(),
                            to.as_str().into(),
                            version.into(),
                        ],
                    )?;
                }
                Ok(())
            })
            .await
    }

    /// Deletes a connection; one that references use only when forced, leaving them bound to
    /// nothing that exists (audit CA102).
    pub async fn connection_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        force: bool,
    ) -> Result<()> {
        caller.authorize(environment, Action::Read, "delete connections")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let found = find_for(
                    sql,
                    &caller,
                    &environment,
                    &id,
                    ShareLevel::Owner,
                    "delete connection",
                    now,
                )?;
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                let users = used_by(sql, &environment, &id)?;
                if !users.is_empty() && !force {
                    let name = found.facts.display_name;
                    let users = users.join(", ");
                    return Err(StoreError::InUse { kind: "connection", name, users });
                }
                for table in [
                    "connection_secret",
                    "connection_share",
                    "connection_token",
                    "connection_slot",
                    "connection_signin",
                    "workflow_use",
                    "connection",
                ] {
                    sql.execute(
                        &format!(
                            "DELETE FROM {table} WHERE environmentid = $1 AND connectionid = $2"
                        ),
                        &keys,
                    )?;
                }
                let entry = Entry {
                    action: "connection_delete",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"name": found.facts.display_name, "usedBy": users}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}

/// A connection for a person's sign-in has nothing until the person signed in.
fn signed_in(new: &ConnectionNew) -> bool {
    let grant = new.parameters.get("grantType").or_else(|| new.parameters.get("token:grantType"));
    let person = matches!(
        grant.map(String::as_str),
        Some("code" | "authorization_code" | "device_code" | "refresh_token")
    );
    !person || new.secrets.contains_key("refreshToken")
}

/// The status of a connection before its first sign-in, in the service's words.
fn unauthenticated() -> ConnectionStatus {
    ConnectionStatus::Error {
        code: "Unauthenticated".to_owned(),
        message: "This connection is not authenticated.".to_owned(),
    }
}

pub(crate) fn status_columns(
    status: &ConnectionStatus,
) -> (&'static str, Option<&str>, Option<&str>) {
    match status {
        ConnectionStatus::Connected => ("connected", None, None),
        ConnectionStatus::Disabled => ("disabled", None, None),
        ConnectionStatus::Error { code, message } => ("error", Some(code), Some(message)),
    }
}

/// What an update writes.
struct Update {
    id: ConnectionId,
    display_name: String,
    endpoint: Option<String>,
    account: Option<String>,
    parameters: String,
    ends_on: Option<Micros>,
    /// Version of the credential, before and after.
    credential: (i64, i64),
    sealed: Sealed,
}

fn update(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    change: &Update,
    now: Micros,
) -> Result<()> {
    let version = touch(sql, environment)?;
    let (from, to) = change.credential;
    let changed = sql.execute(
        "UPDATE connection SET displayname = $3, endpoint = $4, account = $5, parameters = $6, \
         credentialversion = $7, modifiedon = $8, versionnumber = $9, endson = $10 \
         WHERE environmentid = $1 AND connectionid = $2 AND credentialversion = $11",
        &[
            environment.as_str().into(),
            change.id.as_str().into(),
            (&change.display_name).into(),
            change.endpoint.as_ref().into(),
            change.account.as_ref().into(),
            (&change.parameters).into(),
            to.into(),
            now.into(),
            version.into(),
            change.ends_on.into(),
            from.into(),
        ],
    )?;
    if changed == 0 {
        let name = change.display_name.clone();
        return Err(StoreError::Modified { kind: "connection", name });
    }
    if from != to {
        // A new credential has not failed yet; what is switched off stays so.
        sql.execute(
            "UPDATE connection SET status = 'connected', statuserror = NULL, statusmessage = NULL, \
             statustarget = NULL WHERE environmentid = $1 AND connectionid = $2 AND status <> 'disabled'",
            &[environment.as_str().into(), change.id.as_str().into()],
        )?;
        secrets_write(sql, environment, &change.id, to, &change.sealed)?;
    }
    Ok(())
}

/// What uses a connection: the references bound to it, the flows that reach it through them, and the
/// flows that name it themselves.
fn used_by(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
) -> Result<Vec<String>> {
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
    let mut users = Vec::new();
    for (noun, query) in [
        (
            "reference",
            "SELECT connectionreferencelogicalname FROM connectionreference \
             WHERE environmentid = $1 AND connectionid = $2 ORDER BY 1",
        ),
        (
            "flow",
            "SELECT DISTINCT w.name FROM workflow w JOIN workflow_reference u \
             ON u.environmentid = w.environmentid AND u.workflowid = w.workflowid \
             LEFT JOIN connectionreference r ON r.environmentid = u.environmentid \
             AND r.logicalname_key = u.logicalname_key WHERE w.environmentid = $1 \
             AND (r.connectionid = $2 OR u.connectionname = $2) ORDER BY 1",
        ),
    ] {
        for row in sql.query(query, &keys)? {
            users.push(format!("{noun} `{}`", row.text(0)?));
        }
    }
    Ok(users)
}

fn insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    new: &ConnectionNew,
    maker: &PrincipalId,
    now: Micros,
    version: i64,
) -> Result<()> {
    // The owner must exist here: a connection of another environment's user helps nobody.
    crate::user::find(sql, environment, new.owner.as_str())?;
    let status = if signed_in(new) { ConnectionStatus::Connected } else { unauthenticated() };
    let (word, code, message) = status_columns(&status);
    let parameters = Value::from_iter(new.parameters.iter().map(|(k, v)| (k.clone(), v.clone())));
    sql.execute(
        "INSERT INTO connection (environmentid, connectionid, api_name, api_key, displayname, ownerid, kind, \
         status, statuserror, statusmessage, statustarget, endpoint, account, parameters, credentialversion, \
         createdby, createdon, modifiedon, versionnumber, endson) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $15, $16, $17, $18, $8, $9, $10, $11, $12, $13, $13, $14, $19)",
        &[
            environment.as_str().into(),
            id.as_str().into(),
            new.api_name.as_str().into(),
            new.api_name.key().into(),
            (&new.display_name).into(),
            new.owner.as_str().into(),
            new.kind.text().into(),
            new.endpoint.as_ref().into(),
            new.account.as_ref().into(),
            parameters.to_string().into(),
            1_i64.into(),
            maker.as_str().into(),
            now.into(),
            version.into(),
            word.into(),
            code.into(),
            message.into(),
            (code.is_some().then_some("token")).into(),
            new.ends_on.into(),
        ],
    )?;
    Ok(())
}
