//! Credentials: the sealed fields of a connection, put in and taken out. Nothing else of the store
//! ever holds one open.
use std::collections::{BTreeMap, BTreeSet};

use connref_solution::model::facts::{ConnectionKind, ShareLevel};
use connref_solution::model::{ApiName, ConnectionId, EnvironmentId, Micros, PrincipalId};
use secrecy::SecretString;

use crate::access::{Action, Caller};
use crate::connection::{COLUMNS, Connection, connection, find_for};
use crate::connection_token::{TokenKey, token_generation};
use crate::db::{Param, Row, Sql, Statement};
use crate::text::stored;
use crate::vault::{SecretPlace, VaultError, envelope};
use crate::{Result, Store, StoreError};

/// How often a credential is read anew while another process changes the key.
const ATTEMPTS: usize = 4;

/// Sealed fields: (name, envelope).
pub(crate) type Sealed = Vec<(String, Vec<u8>)>;

/// Whose fields are opened, in which version.
#[derive(Clone, Copy, Debug)]
pub struct CredentialOf<'a> {
    /// Environment.
    pub environment: &'a EnvironmentId,
    /// Connection.
    pub connection: &'a ConnectionId,
    /// Its connector.
    pub connector: &'a ApiName,
    /// Version of the credential.
    pub version: i64,
}

/// A credential taken out of the vault for one use.
pub struct Opened {
    /// Connection.
    pub id: ConnectionId,
    /// Connector.
    pub api_name: ApiName,
    /// Kind.
    pub kind: ConnectionKind,
    /// Owner.
    pub owner: PrincipalId,
    /// Endpoint.
    pub endpoint: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Non-secret parameters.
    pub parameters: BTreeMap<String, String>,
    /// Secret fields.
    pub secrets: BTreeMap<String, SecretString>,
    /// Version of the credential.
    pub credential_version: i64,
    /// Until when the credential before the last rotation comes back by itself.
    pub previous_until: Option<Micros>,
}

/// An attempt whose key was changed between sealing and writing is one to make again.
pub(crate) fn unless_key_changed<T>(attempt: Result<Option<T>>) -> Result<Option<T>> {
    match attempt {
        Err(StoreError::Vault(VaultError::KeyChanged)) => Ok(None),
        other => other,
    }
}

impl Store {
    /// Takes a credential out for one use. The caller has been authorised for that use: either it
    /// is the runner after `review` judged the call, or it holds the connection itself.
    pub async fn connection_open(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Opened> {
        caller.authorize(environment, Action::Read, "use connections")?;
        let mut attempts = 1;
        let (found, secrets) = loop {
            let (asker, place, wanted, now) =
                (caller.clone(), environment.clone(), id.clone(), self.now());
            let (found, sealed) = self
                .db
                .read(move |sql| {
                    if !asker.is_administrator() {
                        let level = ShareLevel::CanView;
                        find_for(sql, &asker, &place, &wanted, level, "use connection", now)?;
                    }
                    with_sealed(sql, &place, &wanted)
                })
                .await?;
            let version = found.credential_version;
            match self.unseal_fields(environment, &found, version, sealed).await {
                // Another process changed the key, and what was read is under one that is gone by now.
                Err(StoreError::Vault(VaultError::KeyGone { .. })) if attempts < ATTEMPTS => {
                    attempts += 1;
                }
                opened => break (found, opened?),
            }
        };
        Ok(Opened {
            id: found.facts.id,
            api_name: found.facts.api_name,
            kind: found.facts.kind,
            owner: found.facts.owner,
            endpoint: found.facts.endpoint,
            account: found.facts.account,
            parameters: found.parameters,
            secrets,
            credential_version: found.credential_version,
            previous_until: found.previous_until,
        })
    }

    /// Takes a credential out for one use if the environment is still at the version that the use was
    /// judged at: both in one statement, so that nothing comes between. None if it moved on, or the
    /// connection is gone. For the runner, which judges by the facts of that version.
    pub async fn connection_open_at(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        version: i64,
    ) -> Result<Option<Opened>> {
        caller.authorize(environment, Action::Administer, "use connections")?;
        let mut attempts = 1;
        loop {
            let (place, wanted) = (environment.clone(), id.clone());
            let found = self.db.read(move |sql| with_sealed_at(sql, &place, &wanted, version));
            let Some((mut found, sealed)) = found.await? else { return Ok(None) };
            let of = CredentialOf {
                environment,
                connection: id,
                connector: &found.api_name,
                version: found.credential_version,
            };
            match self.unseal_of(&of, &sealed).await {
                // Another process changed the key, and what was read is under one that is gone by now.
                Err(StoreError::Vault(VaultError::KeyGone { .. })) if attempts < ATTEMPTS => {
                    attempts += 1;
                }
                opened => {
                    found.secrets = opened?;
                    return Ok(Some(found));
                }
            }
        }
    }

    /// The secret fields of a connection that [`Store::connection_open_at`] opened at the same version
    /// of the environment: what else it has is the same still. None if the version moved on.
    pub async fn connection_secrets_at(
        &self,
        caller: &Caller,
        of: &CredentialOf<'_>,
        version: i64,
    ) -> Result<Option<BTreeMap<String, SecretString>>> {
        caller.authorize(of.environment, Action::Administer, "use connections")?;
        let mut attempts = 1;
        loop {
            let rows = self.db.query(&sealed_at(of.environment, of.connection, version)).await?;
            if rows.is_empty() {
                return Ok(None);
            }
            let sealed = taken(rows, 0)?;
            match self.unseal_of(of, &sealed).await {
                Err(StoreError::Vault(VaultError::KeyGone { .. })) if attempts < ATTEMPTS => {
                    attempts += 1;
                }
                opened => return opened.map(Some),
            }
        }
    }

    /// The fields as they count now, with the refresh token that the last refresh brought, and the
    /// generation of the tokens they were read at.
    pub(crate) async fn open_effective(
        &self,
        environment: &EnvironmentId,
        connection: &Connection,
    ) -> Result<(BTreeMap<String, SecretString>, i64)> {
        self.vault.refresh(&self.db).await?;
        let (place, id) = (environment.clone(), connection.facts.id.clone());
        let (sealed, generation) = self
            .db
            .snapshot(move |sql| {
                Ok::<_, StoreError>((
                    sealed(sql, &place, &id)?,
                    token_generation(sql, &place, &id)?,
                ))
            })
            .await?;
        let version = connection.credential_version;
        let mut secrets = self.unseal_fields(environment, connection, version, sealed).await?;
        let key = TokenKey {
            environment: environment.clone(),
            connection: connection.facts.id.clone(),
            version,
        };
        let state = self.connection_token_get(&Caller::System("vault"), &key).await?;
        if let Some(token) = state.and_then(|state| state.refresh) {
            secrets.insert("refreshToken".to_owned(), token);
        }
        Ok((secrets, generation))
    }

    /// Opens fields that were sealed for this version. A key that another process made meanwhile is
    /// fetched.
    pub(crate) async fn unseal_fields(
        &self,
        environment: &EnvironmentId,
        connection: &Connection,
        version: i64,
        sealed: Sealed,
    ) -> Result<BTreeMap<String, SecretString>> {
        let (id, connector) = (&connection.facts.id, &connection.facts.api_name);
        let of = CredentialOf { environment, connection: id, connector, version };
        self.unseal_of(&of, &sealed).await
    }

    async fn unseal_of(
        &self,
        of: &CredentialOf<'_>,
        sealed: &Sealed,
    ) -> Result<BTreeMap<String, SecretString>> {
        match self.unseal_held(of, sealed) {
            Err(StoreError::Vault(VaultError::KeyGone { .. })) => {
                self.vault.reload(&self.db).await?;
                self.unseal_held(of, sealed)
            }
            opened => opened,
        }
    }

    fn unseal_held(
        &self,
        of: &CredentialOf<'_>,
        sealed: &Sealed,
    ) -> Result<BTreeMap<String, SecretString>> {
        let connector = of.connector.key();
        let mut secrets = BTreeMap::new();
        for (field, envelope) in sealed {
            // The version comes from the connection's row: an older envelope put back over a newer
            // one does not open.
            let place = SecretPlace {
                environment: of.environment.as_str(),
                connection: of.connection.as_str(),
                connector: &connector,
                field,
                version: of.version,
            };
            let secret = self.vault.unseal(&place, envelope)?;
            secrets.insert(field.clone(), secret);
        }
        Ok(secrets)
    }

    pub(crate) fn seal_all(
        &self,
        environment: &EnvironmentId,
        id: &ConnectionId,
        api: &ApiName,
        version: i64,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<Sealed> {
        let connector = api.key();
        let mut sealed = Vec::with_capacity(secrets.len());
        for (field, secret) in secrets {
            let place = SecretPlace {
                environment: environment.as_str(),
                connection: id.as_str(),
                connector: &connector,
                field,
                version,
            };
            sealed.push((field.clone(), self.vault.seal(&*self.ids, &place, secret)?));
        }
        Ok(sealed)
    }
}

fn sealed(sql: &mut Sql<'_>, environment: &EnvironmentId, id: &ConnectionId) -> Result<Sealed> {
    sql.query(
        "SELECT field, envelope FROM connection_secret \
         WHERE environmentid = $1 AND connectionid = $2 AND field NOT LIKE '~%'",
        &[environment.as_str().into(), id.as_str().into()],
    )?
    .iter()
    .map(|row| Ok((row.text(0)?, row.bytes(1)?)))
    .collect()
}

/// A connection with its sealed fields in one query: what every call of a run reads.
fn with_sealed(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
) -> Result<(Connection, Sealed)> {
    let columns = COLUMNS.split(", ").map(|c| format!("c.{}", c.trim())).collect::<Vec<_>>();
    let rows = sql.query(
        &format!(
            "SELECT {}, s.field, s.envelope FROM connection c LEFT JOIN connection_secret s \
             ON s.environmentid = c.environmentid AND s.connectionid = c.connectionid AND s.field NOT LIKE '~%' \
             WHERE c.environmentid = $1 AND c.connectionid = $2 ORDER BY s.field",
            columns.join(", ")
        ),
        &[environment.as_str().into(), id.as_str().into()],
    )?;
    let first = rows.first().ok_or_else(|| StoreError::not_found("connection", id.as_str()))?;
    let mut sealed = Vec::new();
    for row in &rows {
        if let Some(field) = row.text_opt(columns.len())? {
            sealed.push((field, row.bytes(columns.len() + 1)?));
        }
    }
    Ok((connection(first)?, sealed))
}

/// Asks for the sealed fields, if the environment is at this version: no row if not, one without a
/// field if there are none.
fn sealed_at(environment: &EnvironmentId, id: &ConnectionId, version: i64) -> Statement {
    let text = |text: &str| Param::from(text.to_owned());
    Statement {
        text: "SELECT s.field, s.envelope FROM environment e LEFT JOIN connection_secret s \
               ON s.environmentid = e.environmentid AND s.connectionid = $1 AND s.field NOT LIKE '~%' \
               WHERE e.environmentid = $2 AND e.version = $3",
        params: vec![text(id.as_str()), text(environment.as_str()), version.into()],
    }
}

/// The sealed fields that rows end with.
fn taken(rows: Vec<Row>, at: usize) -> Result<Sealed> {
    let mut sealed = Vec::with_capacity(rows.len());
    for mut row in rows {
        if let Some(field) = row.take_text_opt(at)? {
            sealed.push((field, row.take_bytes(at + 1)?));
        }
    }
    Ok(sealed)
}

/// What a use needs of a connection and its sealed fields, if the environment is at this version.
fn with_sealed_at(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    version: i64,
) -> Result<Option<(Opened, Sealed)>> {
    let mut rows = sql.query(
        "SELECT c.api_name, c.kind, c.ownerid, c.endpoint, c.account, c.parameters, c.credentialversion, \
         c.previousuntil, s.field, s.envelope FROM environment e JOIN connection c \
         ON c.environmentid = e.environmentid LEFT JOIN connection_secret s \
         ON s.environmentid = c.environmentid AND s.connectionid = c.connectionid AND s.field NOT LIKE '~%' \
         WHERE e.environmentid = $1 AND c.connectionid = $2 AND e.version = $3",
        &[environment.as_str().into(), id.as_str().into(), version.into()],
    )?;
    let Some(first) = rows.first_mut() else { return Ok(None) };
    let opened = Opened {
        id: id.clone(),
        kind: stored(first, 1)?,
        api_name: first.take_text(0)?.into(),
        owner: first.take_text(2)?.into(),
        endpoint: first.take_text_opt(3)?,
        account: first.take_text_opt(4)?,
        parameters: parameters(&first.take_text(5)?)?,
        secrets: BTreeMap::new(),
        credential_version: first.int(6)?,
        previous_until: first.int_opt(7)?,
    };
    Ok(Some((opened, taken(rows, 8)?)))
}

fn parameters(text: &str) -> Result<BTreeMap<String, String>> {
    serde_json::from_str(text).map_err(|source| StoreError::Document { kind: "connection", source })
}

pub(crate) fn secrets_write(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    version: i64,
    sealed: &[(String, Vec<u8>)],
) -> Result<()> {
    // A secret under a key that was dropped meanwhile would never open again. The lock keeps the
    // key from being dropped before this is written.
    let versions: BTreeSet<u32> =
        sealed.iter().filter_map(|(_, envelope)| envelope::key_version(envelope)).collect();
    for version in versions {
        let lock = sql.for_share();
        let held = sql.query_one(
            &format!(
                "SELECT version FROM tenant_key WHERE version = $2 AND tenantid = \
                 (SELECT tenantid FROM environment WHERE environmentid = $1){lock}"
            ),
            &[environment.as_str().into(), i64::from(version).into()],
        )?;
        held.ok_or(VaultError::KeyChanged)?;
    }
    for (field, envelope) in sealed {
        sql.execute(
            "INSERT INTO connection_secret (environmentid, connectionid, field, version, envelope) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (environmentid, connectionid, field) \
             DO UPDATE SET version = excluded.version, envelope = excluded.envelope",
            &[
                environment.as_str().into(),
                id.as_str().into(),
                field.into(),
                version.into(),
                envelope.as_slice().into(),
            ],
        )?;
    }
    Ok(())
}
