//! Tokens of connections that a person signed in: kept sealed, so that every node uses the same one,
//! refreshed by one node at a time.
//!
//! A refresh is claimed, asked for, and written. The claim is a lease, so that nobody asks twice; the
//! generation is the fence, so that whoever comes too late writes nothing. The new refresh token is
//! durable before anybody uses what came with it. These rows are no part of the model: they neither
//! move the environment's version nor make audit rows, except when a sign-in has ended for good.
use connref_solution::model::{ConnectionId, EnvironmentId, Micros};
use secrecy::SecretString;
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::credential::{Sealed, secrets_write};
use crate::db::{Param, Sql};
use crate::environment::touch;
use crate::vault::{SecretPlace, VaultError};
use crate::{Result, Store, StoreError};

/// How often something is tried again while the key is being changed.
const ATTEMPTS: usize = 4;

/// The sealed access token.
pub(crate) const ACCESS: &str = "~access";
/// The sealed refresh token that the last refresh brought.
pub(crate) const REFRESH: &str = "~refresh";

/// Which credential of which connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey {
    /// Environment.
    pub environment: EnvironmentId,
    /// Connection.
    pub connection: ConnectionId,
    /// Version of its credential.
    pub version: i64,
}

/// What is kept for a credential.
pub struct TokenState {
    /// Grows with each refresh; 0 before the first.
    pub generation: i64,
    /// The access token.
    pub access: Option<SecretString>,
    /// The refresh token, if a refresh or a sign-in brought one.
    pub refresh: Option<SecretString>,
    /// When to renew the access token.
    pub renew_on: Micros,
    /// When it ends.
    pub expires_on: Micros,
    /// Why there will be no other without a new sign-in.
    pub failure: Option<String>,
}

/// What a refresh or a sign-in brought.
pub struct TokenNew {
    /// The access token.
    pub access: SecretString,
    /// The refresh token for the next time: the new one, or the one before if that one stays.
    pub refresh: Option<SecretString>,
    /// When to renew the access token.
    pub renew_on: Micros,
    /// When it ends.
    pub expires_on: Micros,
}

impl std::fmt::Debug for TokenState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenState").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TokenNew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenNew").field("expires_on", &self.expires_on).finish_non_exhaustive()
    }
}

/// Whether a refresh may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the caller's.
    Held,
    /// Somebody else's is under way.
    Busy,
    /// Things moved on: read them again.
    Moved,
}

impl Store {
    /// What is kept for this credential.
    pub async fn connection_token_get(
        &self,
        caller: &Caller,
        key: &TokenKey,
    ) -> Result<Option<TokenState>> {
        caller.authorize(&key.environment, Action::Read, "use connections")?;
        let mut attempts = 1;
        loop {
            let wanted = key.clone();
            let found = self.db.read(move |sql| token_find(sql, &wanted)).await?;
            let Some(found) = found else { return Ok(None) };
            match self.token_open(key, found) {
                // Another process changed the key: what was read may be under one that is gone.
                Err(StoreError::Vault(VaultError::KeyGone { .. })) if attempts < ATTEMPTS => {
                    self.vault.reload(&self.db).await?;
                    attempts += 1;
                }
                opened => return opened.map(Some),
            }
        }
    }

    fn token_open(&self, key: &TokenKey, found: Found) -> Result<TokenState> {
        let mut state = TokenState {
            generation: found.generation,
            access: None,
            refresh: None,
            renew_on: found.renew_on,
            expires_on: found.expires_on,
            failure: found.failure,
        };
        for (field, envelope) in found.sealed {
            let place = SecretPlace {
                environment: key.environment.as_str(),
                connection: key.connection.as_str(),
                connector: &found.api_key,
                field: &field,
                version: found.generation,
            };
            let secret = self.vault.unseal(&place, &envelope)?;
            if field == ACCESS {
                state.access = Some(secret);
            } else {
                state.refresh = Some(secret);
            }
        }
        Ok(state)
    }

    /// Claims the refresh that follows `generation`, until the given time.
    pub async fn connection_token_claim(
        &self,
        caller: &Caller,
        key: &TokenKey,
        generation: i64,
        owner: &str,
        until: Micros,
    ) -> Result<Claim> {
        caller.authorize(&key.environment, Action::Read, "use connections")?;
        let (key, owner, now) = (key.clone(), owner.to_owned(), self.now());
        self.db.change(move |sql| claim(sql, &key, generation, &owner, now, until)).await
    }

    /// Writes what a refresh brought. False if somebody else wrote meanwhile: then this one is void.
    pub async fn connection_token_put(
        &self,
        caller: &Caller,
        key: &TokenKey,
        generation: i64,
        new: &TokenNew,
    ) -> Result<bool> {
        caller.authorize(&key.environment, Action::Read, "use connections")?;
        let (connection, wanted) = (key.connection.clone(), key.clone());
        let api_key =
            self.db.read(move |sql| api_key(sql, &wanted.environment, &connection)).await?;
        let mut attempts = 1;
        loop {
            self.vault.refresh(&self.db).await?;
            let sealed = self.token_seal(key, &api_key, generation + 1, new)?;
            match self.token_write(key, generation, new, sealed).await {
                // What a refresh brought is not lost because the key was changed meanwhile.
                Err(StoreError::Vault(VaultError::KeyChanged)) if attempts < ATTEMPTS => {
                    attempts += 1;
                }
                written => return written,
            }
        }
    }

    async fn token_write(
        &self,
        key: &TokenKey,
        generation: i64,
        new: &TokenNew,
        sealed: Sealed,
    ) -> Result<bool> {
        let (key, times) = (key.clone(), (new.renew_on, new.expires_on));
        self.db
            .change(move |sql| {
                let changed = sql.execute(
                    "UPDATE connection_token SET generation = generation + 1, renewon = $5, expireson = $6, \
                     failure = NULL, leaseowner = NULL, leaseuntil = NULL WHERE environmentid = $1 \
                     AND connectionid = $2 AND credentialversion = $3 AND generation = $4",
                    &[
                        key.environment.as_str().into(),
                        key.connection.as_str().into(),
                        key.version.into(),
                        generation.into(),
                        times.0.into(),
                        times.1.into(),
                    ],
                )?;
                if changed == 0 {
                    return Ok(false);
                }
                // Each generation has its own envelopes; the older do not open any more.
                secrets_remove(sql, &key.environment, &key.connection)?;
                secrets_write(sql, &key.environment, &key.connection, generation + 1, &sealed)?;
                Ok(true)
            })
            .await
    }

    /// Gives a claim back: the refresh failed and may be tried again.
    pub async fn connection_token_release(
        &self,
        caller: &Caller,
        key: &TokenKey,
        owner: &str,
    ) -> Result<()> {
        caller.authorize(&key.environment, Action::Read, "use connections")?;
        let (key, owner) = (key.clone(), owner.to_owned());
        self.db
            .change(move |sql| {
                sql.execute(
                    "UPDATE connection_token SET leaseowner = NULL, leaseuntil = NULL \
                     WHERE environmentid = $1 AND connectionid = $2 AND leaseowner = $3",
                    &[
                        key.environment.as_str().into(),
                        key.connection.as_str().into(),
                        owner.into(),
                    ],
                )?;
                Ok(())
            })
            .await
    }

    /// Records that the server accepts the sign-in no more: nobody asks again until there is a new
    /// one, and the connection's status says so. False if things moved on meanwhile.
    pub async fn connection_token_fail(
        &self,
        caller: &Caller,
        key: &TokenKey,
        generation: i64,
        message: &str,
    ) -> Result<bool> {
        caller.authorize(&key.environment, Action::Read, "use connections")?;
        let (caller, key, message, now) =
            (caller.clone(), key.clone(), message.to_owned(), self.now());
        self.db
            .change(move |sql| {
                let keys: [Param<'_>; 2] =
                    [key.environment.as_str().into(), key.connection.as_str().into()];
                let [environment, connection] = keys.clone();
                let changed = sql.execute(
                    "UPDATE connection_token SET failure = $5, leaseowner = NULL, leaseuntil = NULL \
                     WHERE environmentid = $1 AND connectionid = $2 AND credentialversion = $3 AND generation = $4",
                    &[environment, connection, key.version.into(), generation.into(), (&message).into()],
                )?;
                if changed == 0 {
                    return Ok(false);
                }
                let version = touch(sql, &key.environment)?;
                let [environment, connection] = keys;
                sql.execute(
                    "UPDATE connection SET status = 'error', statuserror = 'Unauthorized', statusmessage = $3, \
                     statustarget = 'token', modifiedon = $4, versionnumber = $5 \
                     WHERE environmentid = $1 AND connectionid = $2 AND status <> 'disabled'",
                    &[environment, connection, (&message).into(), now.into(), version.into()],
                )?;
                let entry = Entry {
                    action: "connection_status",
                    object: "connection",
                    object_id: key.connection.as_str(),
                    detail: json!({"status": "error", "code": "Unauthorized"}),
                };
                audit_log::record(sql, &key.environment, now, &caller, &entry)?;
                Ok(true)
            })
            .await
    }

    pub(crate) fn token_seal(
        &self,
        key: &TokenKey,
        api_key: &str,
        generation: i64,
        new: &TokenNew,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        let mut sealed = Vec::new();
        let refresh = new.refresh.as_ref().map(|secret| (REFRESH, secret));
        for (field, secret) in [(ACCESS, &new.access)].into_iter().chain(refresh) {
            let place = SecretPlace {
                environment: key.environment.as_str(),
                connection: key.connection.as_str(),
                connector: api_key,
                field,
                version: generation,
            };
            sealed.push((field.to_owned(), self.vault.seal(&*self.ids, &place, secret)?));
        }
        Ok(sealed)
    }
}

struct Found {
    generation: i64,
    renew_on: Micros,
    expires_on: Micros,
    failure: Option<String>,
    api_key: String,
    sealed: Vec<(String, Vec<u8>)>,
}

fn token_find(sql: &mut Sql<'_>, key: &TokenKey) -> Result<Option<Found>> {
    let rows = sql.query(
        "SELECT t.generation, t.renewon, t.expireson, t.failure, c.api_key, s.field, s.envelope \
         FROM connection_token t JOIN connection c \
         ON c.environmentid = t.environmentid AND c.connectionid = t.connectionid \
         LEFT JOIN connection_secret s ON s.environmentid = t.environmentid \
         AND s.connectionid = t.connectionid AND s.field IN ('~access', '~refresh') \
         WHERE t.environmentid = $1 AND t.connectionid = $2 AND t.credentialversion = $3",
        &[key.environment.as_str().into(), key.connection.as_str().into(), key.version.into()],
    )?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut sealed = Vec::new();
    for row in &rows {
        if let Some(field) = row.text_opt(5)? {
            sealed.push((field, row.bytes(6)?));
        }
    }
    Ok(Some(Found {
        generation: first.int(0)?,
        renew_on: first.int(1)?,
        expires_on: first.int(2)?,
        failure: first.text_opt(3)?,
        api_key: first.text(4)?,
        sealed,
    }))
}

pub(crate) fn api_key(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    connection: &ConnectionId,
) -> Result<String> {
    let row = sql.query_one(
        "SELECT api_key FROM connection WHERE environmentid = $1 AND connectionid = $2",
        &[environment.as_str().into(), connection.as_str().into()],
    )?;
    let row = row.ok_or_else(|| crate::StoreError::not_found("connection", connection.as_str()))?;
    Ok(row.text(0)?)
}

fn claim(
    sql: &mut Sql<'_>,
    key: &TokenKey,
    generation: i64,
    owner: &str,
    now: Micros,
    until: Micros,
) -> Result<Claim> {
    let keys: [Param<'_>; 2] = [key.environment.as_str().into(), key.connection.as_str().into()];
    let lock = sql.for_update();
    let current = sql.query_one(
        &format!(
            "SELECT credentialversion FROM connection WHERE environmentid = $1 AND connectionid = $2{lock}"
        ),
        &keys,
    )?;
    if current.map(|row| row.int(0)).transpose()? != Some(key.version) {
        return Ok(Claim::Moved);
    }
    let row = sql.query_one(
        "SELECT credentialversion, generation, leaseuntil FROM connection_token \
         WHERE environmentid = $1 AND connectionid = $2",
        &keys,
    )?;
    let [environment, connection] = keys;
    let Some(row) = row else {
        if generation != 0 {
            return Ok(Claim::Moved);
        }
        sql.execute(
            "INSERT INTO connection_token (environmentid, connectionid, credentialversion, generation, renewon, \
             expireson, leaseowner, leaseuntil) VALUES ($1, $2, $3, 0, 0, 0, $4, $5)",
            &[environment, connection, key.version.into(), owner.into(), until.into()],
        )?;
        return Ok(Claim::Held);
    };
    let (version, found) = (row.int(0)?, row.int(1)?);
    if version == key.version {
        if found != generation {
            return Ok(Claim::Moved);
        }
        if row.int_opt(2)?.is_some_and(|until| until > now) {
            return Ok(Claim::Busy);
        }
    } else {
        // The tokens of an older credential: the generation goes on, so that they never fit again.
        token_forget(sql, &key.environment, &key.connection)?;
        let [environment, connection] =
            [key.environment.as_str().into(), key.connection.as_str().into()];
        sql.execute(
            "INSERT INTO connection_token (environmentid, connectionid, credentialversion, generation, renewon, \
             expireson) VALUES ($1, $2, $3, $4, 0, 0)",
            &[environment, connection, key.version.into(), (found + 1).into()],
        )?;
        return Ok(Claim::Moved);
    }
    sql.execute(
        "UPDATE connection_token SET leaseowner = $3, leaseuntil = $4 \
         WHERE environmentid = $1 AND connectionid = $2",
        &[environment, connection, owner.into(), until.into()],
    )?;
    Ok(Claim::Held)
}

/// Removes what is kept for a connection.
pub(crate) fn token_forget(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    connection: &ConnectionId,
) -> Result<()> {
    let keys: [Param<'_>; 2] = [environment.as_str().into(), connection.as_str().into()];
    sql.execute(
        "DELETE FROM connection_token WHERE environmentid = $1 AND connectionid = $2",
        &keys,
    )?;
    secrets_remove(sql, environment, connection)
}

fn secrets_remove(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    connection: &ConnectionId,
) -> Result<()> {
    sql.execute(
        "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 \
         AND field IN ('~access', '~refresh')",
        &[environment.as_str().into(), connection.as_str().into()],
    )?;
    Ok(())
}

/// Writes the tokens that came with a new credential, in the transaction that makes it the active
/// one. Generations go on from whatever there was.
pub(crate) fn token_begin(
    sql: &mut Sql<'_>,
    key: &TokenKey,
    generation: i64,
    times: (Micros, Micros),
    sealed: &[(String, Vec<u8>)],
) -> Result<()> {
    token_forget(sql, &key.environment, &key.connection)?;
    sql.execute(
        "INSERT INTO connection_token (environmentid, connectionid, credentialversion, generation, renewon, \
         expireson) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            key.environment.as_str().into(),
            key.connection.as_str().into(),
            key.version.into(),
            generation.into(),
            times.0.into(),
            times.1.into(),
        ],
    )?;
    secrets_write(sql, &key.environment, &key.connection, generation, sealed)
}

/// The generation that a connection's tokens are at, whatever the credential.
pub(crate) fn token_generation(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    connection: &ConnectionId,
) -> Result<i64> {
    let row = sql.query_one(
        "SELECT generation FROM connection_token WHERE environmentid = $1 AND connectionid = $2",
        &[environment.as_str().into(), connection.as_str().into()],
    )?;
    Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0))
}
