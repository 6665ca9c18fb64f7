//! Connections: connector, owner, credential. The credential goes in sealed and comes out for one
//! use at a time; nothing else of the store ever holds it.
use std::collections::BTreeMap;

use connref_solution::model::facts::{
    ConnectionFacts, ConnectionKind, ConnectionStatus, ShareLevel,
};
use connref_solution::model::{ApiName, ConnectionId, EnvironmentId, FlowId, Micros, PrincipalId};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::credential::secrets_write;
use crate::db::{Param, Row, Sql};
use crate::environment::{touch, touch_at};
use crate::text::{Stored, stored};
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
}

pub(crate) const COLUMNS: &str = "connectionid, api_name, displayname, ownerid, kind, status, statuserror, statusmessage, \
     endpoint, account, createdon, parameters, credentialversion, createdby, modifiedon";

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
            endpoint: row.text_opt(8)?,
            account: row.text_opt(9)?,
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
    })
}

/// All connections of an environment, with shares and the names of their secret fields.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<Connection>> {
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
         ORDER BY connectionid, principalid",
        &key,
    )?;
    for row in &shares {
        if let Some(&at) = index.get(&row.text(0)?) {
            found[at].facts.shares.push((row.text(1)?.into(), stored(row, 2)?));
        }
    }
    let fields = sql.query(
        "SELECT connectionid, field FROM connection_secret WHERE environmentid = $1 \
         ORDER BY connectionid, field",
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
         ORDER BY principalid",
        &keys,
    )? {
        found.facts.shares.push((row.text(0)?.into(), stored(&row, 1)?));
    }
    for row in sql.query(
        "SELECT field FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 ORDER BY field",
        &keys,
    )? {
        found.secret_fields.push(row.text(0)?);
    }
    Ok(found)
}

/// Administrators, the owner and those it is shared with see a connection.
fn visible(caller: &Caller, connection: &Connection) -> bool {
    caller.is_administrator()
        || caller.principal().is_some_and(|p| {
            p == &connection.facts.owner || connection.facts.shares.iter().any(|(q, _)| q == p)
        })
}

/// Whether the caller holds at least a level on it.
fn holds(caller: &Caller, connection: &Connection, level: ShareLevel) -> bool {
    caller.is_administrator()
        || caller.principal().is_some_and(|p| {
            p == &connection.facts.owner
                || connection.facts.shares.iter().any(|(q, l)| q == p && *l >= level)
        })
}

pub(crate) fn find_for(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    id: &ConnectionId,
    level: ShareLevel,
    attempt: &str,
) -> Result<Connection> {
    let found = find(sql, environment, id)?;
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
        let sealed = self.seal_all(environment, &id, &new.api_name, 1, &new.secrets)?;
        let (caller, environment) = (caller.clone(), environment.clone());
        let name = id.as_str().to_owned();
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
                find(sql, &environment, &id)
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
            let (caller, environment, id) = (caller.clone(), environment.clone(), id.clone());
            self.db
                .read(move |sql| {
                    let level = ShareLevel::CanEdit;
                    find_for(sql, &caller, &environment, &id, level, "change connection")
                })
                .await?
        };
        // Fields that are not given again keep their secret: opened and sealed for the new version.
        let mut secrets = self.open_all(environment, &old).await?;
        secrets.extend(new.secrets);
        let credential = old.credential_version + 1;
        let sealed = self.seal_all(environment, &id, &old.facts.api_name, credential, &secrets)?;
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let mut parameters = old.parameters.clone();
                parameters.extend(new.parameters);
                let changed = sql.execute(
                    "UPDATE connection SET displayname = $3, endpoint = $4, account = $5, parameters = $6, \
                     credentialversion = $7, modifiedon = $8, versionnumber = $9, status = 'connected', \
                     statuserror = NULL, statusmessage = NULL \
                     WHERE environmentid = $1 AND connectionid = $2 AND credentialversion = $10",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        (&new.display_name).into(),
                        new.endpoint.or(old.facts.endpoint.clone()).into(),
                        new.account.or(old.facts.account.clone()).into(),
                        json!(parameters).to_string().into(),
                        credential.into(),
                        now.into(),
                        version.into(),
                        old.credential_version.into(),
                    ],
                )?;
                if changed == 0 {
                    let name = old.facts.display_name.clone();
                    return Err(StoreError::Modified { kind: "connection", name });
                }
                secrets_write(sql, &environment, &id, credential, &sealed)?;
                let entry = Entry {
                    action: "connection_update",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"name": new.display_name, "credentialVersion": credential}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &id)
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
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.clone());
        self.db
            .read(move |sql| {
                find_for(sql, &caller, &environment, &id, ShareLevel::CanView, "see connection")
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
        let environment = environment.clone();
        let found = self.db.snapshot(move |sql| all(sql, &environment)).await?;
        Ok(found.into_iter().filter(|c| visible(caller, c)).collect())
    }

    /// Shares a connection with a principal at a level, or with `None` takes the share away.
    pub async fn connection_share(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        principal: &PrincipalId,
        level: Option<ShareLevel>,
    ) -> Result<()> {
        caller.authorize(environment, Action::Read, "share connections")?;
        let (caller, environment, id, principal, now) =
            (caller.clone(), environment.clone(), id.clone(), principal.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let attempt = "share connection";
                // Who may use and share may pass on use; more than that takes edit.
                let needed = match level {
                    Some(ShareLevel::CanView | ShareLevel::CanViewWithShare) => {
                        ShareLevel::CanViewWithShare
                    }
                    _ => ShareLevel::CanEdit,
                };
                find_for(sql, &caller, &environment, &id, needed, attempt)?;
                let user = crate::user::find(sql, &environment, principal.as_str())?;
                let keys: [Param<'_>; 3] =
                    [environment.as_str().into(), id.as_str().into(), principal.as_str().into()];
                sql.execute(
                    "DELETE FROM connection_share WHERE environmentid = $1 AND connectionid = $2 \
                     AND principalid = $3",
                    &keys,
                )?;
                if let Some(level) = level {
                    let [environment, connection, principal] = keys;
                    sql.execute(
                        "INSERT INTO connection_share (environmentid, connectionid, principalid, level, createdon) \
                         VALUES ($1, $2, $3, $4, $5)",
                        &[environment, connection, principal, level.text().into(), now.into()],
                    )?;
                }
                let entry = Entry {
                    action: "connection_share",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"with": user.name, "level": level.map(Stored::text)}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
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
                    let old = find(sql, &environment, id)?;
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
                )?;
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                let users = sql
                    .query(
                        "SELECT connectionreferencelogicalname FROM connectionreference \
                         WHERE environmentid = $1 AND connectionid = $2 ORDER BY 1",
                        &keys,
                    )?
                    .iter()
                    .map(|row| Ok(format!("`{}`", row.text(0)?)))
                    .collect::<Result<Vec<_>>>()?;
                if !users.is_empty() && !force {
                    let name = found.facts.display_name;
                    let users = format!("references {}", users.join(", "));
                    return Err(StoreError::InUse { kind: "connection", name, users });
                }
                for table in ["connection_secret", "connection_share", "connection"] {
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

    /// Records what a test or a call found.
    pub async fn connection_status_set(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        status: ConnectionStatus,
        account: Option<String>,
    ) -> Result<()> {
        caller.authorize(environment, Action::Read, "test connections")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let level = ShareLevel::CanView;
                let old = find_for(sql, &caller, &environment, &id, level, "test connection")?;
                if old.facts.status == status && (account.is_none() || old.facts.account == account)
                {
                    return Ok(());
                }
                let version = touch(sql, &environment)?;
                let (word, code, message) = status_columns(&status);
                sql.execute(
                    "UPDATE connection SET status = $3, statuserror = $4, statusmessage = $5, \
                     account = COALESCE($6, account), modifiedon = $7, versionnumber = $8 \
                     WHERE environmentid = $1 AND connectionid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        word.into(),
                        code.into(),
                        message.into(),
                        account.into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let detail = json!({"status": word, "code": code});
                let entry = Entry {
                    action: "connection_status",
                    object: "connection",
                    object_id: id.as_str(),
                    detail,
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}

fn status_columns(status: &ConnectionStatus) -> (&'static str, Option<&str>, Option<&str>) {
    match status {
        ConnectionStatus::Connected => ("connected", None, None),
        ConnectionStatus::Disabled => ("disabled", None, None),
        ConnectionStatus::Error { code, message } => ("error", Some(code), Some(message)),
    }
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
    let parameters = Value::from_iter(new.parameters.iter().map(|(k, v)| (k.clone(), v.clone())));
    sql.execute(
        "INSERT INTO connection (environmentid, connectionid, api_name, api_key, displayname, ownerid, kind, \
         status, endpoint, account, parameters, credentialversion, createdby, createdon, modifiedon, \
         versionnumber) VALUES ($1, $2, $3, $4, $5, $6, $7, 'connected', $8, $9, $10, $11, $12, $13, $13, $14)",
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
        ],
    )?;
    Ok(())
}
