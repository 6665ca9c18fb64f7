//! The two slots of a rotation: a candidate that is tested before it counts, and the previous
//! credential, which comes back if the new one turns out not to be accepted. Both lie sealed beside
//! the active one, each under its own field names and version.
use std::collections::BTreeMap;

use connref_solution::model::facts::ShareLevel;
use connref_solution::model::{ConnectionId, EnvironmentId, Micros};
use secrecy::SecretString;
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::connection::{Connection, find, find_for};
use crate::connection_token::{TokenKey, TokenNew, token_begin, token_forget, token_generation};
use crate::credential::{Opened, secrets_write, unless_key_changed};
use crate::db::Sql;
use crate::environment::touch;
use crate::{Result, Store, StoreError};

/// Field names of a candidate begin with this.
const CANDIDATE: &str = "~candidate.";
/// Field names of the previous credential begin with this.
const PREVIOUS: &str = "~previous.";
/// How often a promotion starts anew because a refresh came between.
const ATTEMPTS: usize = 5;

/// A credential that is to replace the active one: all of it, not only what differs.
pub struct Candidate {
    /// Non-secret parameters.
    pub parameters: BTreeMap<String, String>,
    /// Secret fields.
    pub secrets: BTreeMap<String, SecretString>,
    /// Account it authenticates as.
    pub account: Option<String>,
    /// When its secret or certificate ends.
    pub ends_on: Option<Micros>,
}

/// How a candidate becomes active.
pub struct Promotion {
    /// The version of the credential it replaces; another one means that somebody was faster.
    pub from_version: i64,
    /// Until when the replaced credential comes back by itself; none keeps nothing of it.
    pub keep_until: Option<Micros>,
    /// Tokens that came with it.
    pub token: Option<TokenNew>,
    /// Who the sign-in says it is, if it was one.
    pub account: Option<String>,
}

struct Slot {
    version: i64,
    parameters: String,
    account: Option<String>,
    ends_on: Option<Micros>,
    sealed: Vec<(String, Vec<u8>)>,
}

fn slot_find(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    prefix: &str,
) -> Result<Option<Slot>> {
    let name = prefix.trim_matches(['~', '.']);
    let row = sql.query_one(
        "SELECT version, parameters, account, endson FROM connection_slot \
         WHERE environmentid = $1 AND connectionid = $2 AND slot = $3",
        &[environment.as_str().into(), id.as_str().into(), name.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let sealed = sql
        .query(
            "SELECT field, envelope FROM connection_secret WHERE environmentid = $1 \
             AND connectionid = $2 AND field LIKE $3 ORDER BY field",
            &[environment.as_str().into(), id.as_str().into(), format!("{prefix}%").into()],
        )?
        .iter()
        .map(|row| Ok((row.text(0)?, row.bytes(1)?)))
        .collect::<Result<_>>()?;
    Ok(Some(Slot {
        version: row.int(0)?,
        parameters: row.text(1)?,
        account: row.text_opt(2)?,
        ends_on: row.int_opt(3)?,
        sealed,
    }))
}

fn slot_remove(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    prefix: &str,
) -> Result<()> {
    let name = prefix.trim_matches(['~', '.']);
    sql.execute(
        "DELETE FROM connection_slot WHERE environmentid = $1 AND connectionid = $2 AND slot = $3",
        &[environment.as_str().into(), id.as_str().into(), name.into()],
    )?;
    sql.execute(
        "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 AND field LIKE $3",
        &[environment.as_str().into(), id.as_str().into(), format!("{prefix}%").into()],
    )?;
    Ok(())
}

fn slot_insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    prefix: &str,
    slot: &Slot,
    now: Micros,
) -> Result<()> {
    slot_remove(sql, environment, id, prefix)?;
    sql.execute(
        "INSERT INTO connection_slot (environmentid, connectionid, slot, version, parameters, account, endson, \
         createdon) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            environment.as_str().into(),
            id.as_str().into(),
            prefix.trim_matches(['~', '.']).into(),
            slot.version.into(),
            (&slot.parameters).into(),
            slot.account.as_ref().into(),
            slot.ends_on.into(),
            now.into(),
        ],
    )?;
    secrets_write(sql, environment, id, slot.version, &slot.sealed)
}

fn with_prefix(
    prefix: &str,
    secrets: &BTreeMap<String, SecretString>,
) -> BTreeMap<String, SecretString> {
    secrets.iter().map(|(name, secret)| (format!("{prefix}{name}"), secret.clone())).collect()
}

fn without_prefix(
    prefix: &str,
    secrets: BTreeMap<String, SecretString>,
) -> BTreeMap<String, SecretString> {
    let bare = |name: String| name.strip_prefix(prefix).map(str::to_owned).unwrap_or(name);
    secrets.into_iter().map(|(name, secret)| (bare(name), secret)).collect()
}

fn parameters(text: &str) -> Result<BTreeMap<String, String>> {
    serde_json::from_str(text).map_err(|source| StoreError::Document { kind: "connection", source })
}

/// Makes fields the active ones: the connection's row, its secrets, nothing of its old ones.
struct Activation {
    id: ConnectionId,
    version: i64,
    parameters: String,
    account: Option<String>,
    ends_on: Option<Micros>,
    previous_until: Option<Micros>,
    sealed: Vec<(String, Vec<u8>)>,
}

fn activate(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    new: &Activation,
    now: Micros,
) -> Result<()> {
    let version = touch(sql, environment)?;
    let changed = sql.execute(
        "UPDATE connection SET parameters = $3, account = COALESCE($4, account), endson = $5, \
         previousuntil = $6, credentialversion = $7, modifiedon = $8, versionnumber = $9, \
         status = CASE WHEN status = 'disabled' THEN 'disabled' ELSE 'connected' END, \
         statuserror = NULL, statusmessage = NULL, statustarget = NULL \
         WHERE environmentid = $1 AND connectionid = $2 AND credentialversion = $10",
        &[
            environment.as_str().into(),
            new.id.as_str().into(),
            (&new.parameters).into(),
            new.account.as_ref().into(),
            new.ends_on.into(),
            new.previous_until.into(),
            new.version.into(),
            now.into(),
            version.into(),
            (new.version - 1).into(),
        ],
    )?;
    if changed == 0 {
        return Err(StoreError::Modified { kind: "connection", name: new.id.to_string() });
    }
    sql.execute(
        "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 \
         AND field NOT LIKE '~%'",
        &[environment.as_str().into(), new.id.as_str().into()],
    )?;
    secrets_write(sql, environment, &new.id, new.version, &new.sealed)
}

impl Store {
    /// Keeps a candidate, replacing one that is there. Nothing uses it until it is promoted.
    pub async fn connection_candidate_put(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        candidate: Candidate,
    ) -> Result<()> {
        let active = self.editable(caller, environment, id, "rotate connection").await?;
        let version = active.credential_version + 1;
        let secrets = with_prefix(CANDIDATE, &candidate.secrets);
        let sealed = self.seal_all(environment, id, &active.facts.api_name, version, &secrets)?;
        let slot = Slot {
            version,
            parameters: json!(candidate.parameters).to_string(),
            account: candidate.account,
            ends_on: candidate.ends_on,
            sealed,
        };
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                find(sql, &environment, &id, now)?;
                slot_insert(sql, &environment, &id, CANDIDATE, &slot, now)?;
                let entry = Entry {
                    action: "connection_candidate",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"credentialVersion": slot.version}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// The candidate, opened for its test.
    pub async fn connection_candidate_open(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Opened> {
        let active = self.editable(caller, environment, id, "rotate connection").await?;
        let slot = self.slot(environment, id, CANDIDATE).await?;
        let slot =
            slot.ok_or_else(|| StoreError::not_found("candidate of connection", id.as_str()))?;
        let secrets = self.unseal_fields(environment, &active, slot.version, slot.sealed).await?;
        Ok(Opened {
            id: active.facts.id,
            api_name: active.facts.api_name,
            kind: active.facts.kind,
            owner: active.facts.owner,
            endpoint: active.facts.endpoint,
            account: slot.account,
            parameters: parameters(&slot.parameters)?,
            secrets: without_prefix(CANDIDATE, secrets),
            credential_version: slot.version,
            previous_until: None,
        })
    }

    /// Drops a candidate that did not pass its test.
    pub async fn connection_candidate_drop(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        why: &str,
    ) -> Result<()> {
        self.editable(caller, environment, id, "rotate connection").await?;
        let (caller, environment, id, why, now) =
            (caller.clone(), environment.clone(), id.clone(), why.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                slot_remove(sql, &environment, &id, CANDIDATE)?;
                let entry = Entry {
                    action: "connection_rotate_refused",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"because": why}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// Makes the candidate the active credential and keeps the one before as the previous.
    pub async fn connection_candidate_promote(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        promotion: Promotion,
    ) -> Result<Connection> {
        let active = self.editable(caller, environment, id, "rotate connection").await?;
        if active.credential_version != promotion.from_version {
            let name = active.facts.display_name;
            return Err(StoreError::Modified { kind: "connection", name });
        }
        for _ in 0..ATTEMPTS {
            let attempt = self.promote(caller, environment, &active, &promotion).await;
            if let Some(done) = unless_key_changed(attempt)? {
                return Ok(done);
            }
        }
        Err(StoreError::Modified { kind: "connection", name: active.facts.display_name })
    }

    /// One attempt; none if a refresh came between reading and writing.
    async fn promote(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        active: &Connection,
        promotion: &Promotion,
    ) -> Result<Option<Connection>> {
        let id = &active.facts.id;
        let api = &active.facts.api_name;
        let (old_secrets, generation) = self.open_effective(environment, active).await?;
        let slot = self.slot(environment, id, CANDIDATE).await?;
        let slot =
            slot.ok_or_else(|| StoreError::not_found("candidate of connection", id.as_str()))?;
        let version = slot.version;
        let opened = self.unseal_fields(environment, active, version, slot.sealed).await?;
        let secrets = without_prefix(CANDIDATE, opened);
        let key = TokenKey { environment: environment.clone(), connection: id.clone(), version };
        let token = match &promotion.token {
            None => None,
            Some(new) => {
                let sealed = self.token_seal(&key, &api.key(), generation + 1, new)?;
                Some(((new.renew_on, new.expires_on), sealed))
            }
        };
        let activation = Activation {
            id: id.clone(),
            version,
            parameters: slot.parameters,
            account: promotion.account.clone().or(slot.account),
            ends_on: slot.ends_on,
            previous_until: promotion.keep_until,
            sealed: self.seal_all(environment, id, api, version, &secrets)?,
        };
        let previous = with_prefix(PREVIOUS, &old_secrets);
        let previous = Slot {
            version: active.credential_version,
            parameters: json!(active.parameters).to_string(),
            account: active.facts.account.clone(),
            ends_on: active.facts.ends_at,
            sealed: self.seal_all(environment, id, api, active.credential_version, &previous)?,
        };
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        self.db
            .change(move |sql| {
                let id = &activation.id;
                if token_generation(sql, &environment, id)? != generation {
                    return Ok(None);
                }
                activate(sql, &environment, &activation, now)?;
                slot_remove(sql, &environment, id, CANDIDATE)?;
                match activation.previous_until {
                    Some(_) => slot_insert(sql, &environment, id, PREVIOUS, &previous, now)?,
                    None => slot_remove(sql, &environment, id, PREVIOUS)?,
                }
                match &token {
                    Some((times, sealed)) => {
                        token_begin(sql, &key, generation + 1, *times, sealed)?;
                    }
                    None => token_forget(sql, &environment, id)?,
                }
                let entry = Entry {
                    action: "connection_rotate",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"credentialVersion": activation.version}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, id, now).map(Some)
            })
            .await
    }

    /// Makes the previous credential the active one again. `by_itself` wants its time not to be over.
    /// False if there is none, or somebody was faster.
    pub async fn connection_return(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        from_version: i64,
        by_itself: bool,
    ) -> Result<bool> {
        let active = self.editable(caller, environment, id, "rotate connection").await?;
        let over = by_itself && active.previous_until.is_none_or(|until| until < self.now());
        if active.credential_version != from_version || over {
            return Ok(false);
        }
        let Some(slot) = self.slot(environment, id, PREVIOUS).await? else { return Ok(false) };
        let opened = self.unseal_fields(environment, &active, slot.version, slot.sealed).await?;
        let secrets = without_prefix(PREVIOUS, opened);
        let version = from_version + 1;
        let activation = Activation {
            id: id.clone(),
            version,
            parameters: slot.parameters,
            account: slot.account,
            ends_on: slot.ends_on,
            previous_until: None,
            sealed: self.seal_all(environment, id, &active.facts.api_name, version, &secrets)?,
        };
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        let done = self
            .db
            .change(move |sql| {
                activate(sql, &environment, &activation, now)?;
                slot_remove(sql, &environment, &activation.id, PREVIOUS)?;
                token_forget(sql, &environment, &activation.id)?;
                let entry = Entry {
                    action: "connection_return",
                    object: "connection",
                    object_id: activation.id.as_str(),
                    detail: json!({"credentialVersion": version, "byItself": by_itself}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await;
        match done {
            Ok(()) => Ok(true),
            Err(StoreError::Modified { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn slot(
        &self,
        environment: &EnvironmentId,
        id: &ConnectionId,
        prefix: &'static str,
    ) -> Result<Option<Slot>> {
        let (environment, id) = (environment.clone(), id.clone());
        self.db.snapshot(move |sql| slot_find(sql, &environment, &id, prefix)).await
    }

    /// The connection, if the caller may change it.
    pub(crate) async fn editable(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        attempt: &'static str,
    ) -> Result<Connection> {
        caller.authorize(environment, Action::Read, "change connections")?;
        // What is sealed next is sealed under the newest key.
        self.vault.refresh(&self.db).await?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .read(move |sql| {
                find_for(sql, &caller, &environment, &id, ShareLevel::CanEdit, attempt, now)
            })
            .await
    }
}
