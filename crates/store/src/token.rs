//! Access tokens of a listening server: 256 random bits, of which only the hash is kept.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use connref_solution::model::Micros;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::access::Caller;
use crate::audit_log::Entry;
use crate::db::Mark;
use crate::environment::{self, Environment};
use crate::source::hex;
use crate::tenant_group::everywhere;
use crate::{Result, Store, StoreError};

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

impl Store {
    /// Makes a token for the operator. It is told once.
    pub async fn token_create(&self, principal_name: &str) -> Result<secrecy::SecretString> {
        let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
        self.ids.fill(&mut bytes[..]);
        let token = hex(&bytes[..]);
        let (hash, tenant, name, now) =
            (hash(&token), self.vault.tenant().to_owned(), principal_name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                sql.execute(
                    "INSERT INTO access_token (hash, tenantid, principalname, createdon, expireson) \
                     VALUES ($1, $2, $3, $4, NULL)",
                    &[hash.into(), tenant.into(), name.into(), now.into()],
                )?;
                Ok::<_, crate::StoreError>(())
            })
            .await?;
        Ok(token.into())
    }

    /// Makes a token for a user or service principal of any environment, valid until a moment. It is
    /// told once.
    pub async fn token_create_for(
        &self,
        caller: &Caller,
        principal_name: &str,
        until: Micros,
    ) -> Result<secrecy::SecretString> {
        caller.authorize_operator("make tokens for others")?;
        let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
        self.ids.fill(&mut bytes[..]);
        let token = hex(&bytes[..]);
        let (hash, tenant, now) = (hash(&token), self.vault.tenant().to_owned(), self.now());
        let (caller, wanted) = (caller.clone(), principal_name.to_owned());
        self.db
            .change(move |sql| {
                let known = sql.query_one(
                    "SELECT u.domainname FROM systemuser u JOIN environment e \
                     ON e.environmentid = u.environmentid \
                     WHERE e.tenantid = $1 AND u.domainname_key = $2 ORDER BY e.name_key LIMIT 1",
                    &[(&tenant).into(), wanted.to_lowercase().into()],
                )?;
                let known = known.ok_or_else(|| StoreError::not_found("principal", &wanted))?;
                let name = known.text(0)?;
                sql.execute(
                    "INSERT INTO access_token (hash, tenantid, principalname, createdon, expireson) \
                     VALUES ($1, $2, $3, $4, $5)",
                    &[hash.into(), (&tenant).into(), (&name).into(), now.into(), until.into()],
                )?;
                let entry = Entry {
                    action: "token_create",
                    object: "principal",
                    object_id: &name,
                    detail: json!({"until": until}),
                };
                everywhere(sql, &tenant, now, &caller, &entry)
            })
            .await?;
        Ok(token.into())
    }

    /// Whose token it is; none if it is unknown or expired.
    pub async fn token_find(&self, token: &str) -> Result<Option<String>> {
        let (hash, now) = (hash(token), self.now());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT principalname FROM access_token WHERE hash = $1 \
                     AND (expireson IS NULL OR expireson > $2)",
                    &[hash.into(), now.into()],
                )?;
                row.map(|row| row.text(0).map_err(Into::into)).transpose()
            })
            .await
    }

    /// As [`Store::token_find`], together with an environment by name or id: both are asked at every
    /// request. One question costs half of two, and none is needed while nobody has changed the
    /// database since the last one.
    pub async fn token_find_at(
        &self,
        token: &str,
        environment: &str,
    ) -> Result<(Option<String>, Option<Environment>)> {
        let (now, key) = (self.now(), (hash(token), environment.to_lowercase()));
        // Taken first: what is changed meanwhile makes another one.
        let mark = self.db.mark();
        if let Some(mark) = &mark
            && let Some((name, until, found)) = self.entrances.get(&key, mark)
        {
            let name = until.is_none_or(|until| until > now).then_some(name);
            return Ok((name, Some(found)));
        }
        let (hash, wanted) = key.clone();
        let both = self
            .db
            .read(move |sql| {
                let row = sql.query_one(
                    &format!(
                        "SELECT {}, principalname, expireson FROM environment LEFT JOIN \
                         (SELECT principalname, expireson FROM access_token WHERE hash = $1) token \
                         ON 1 = 1 WHERE environmentid = $2 OR name_key = $2",
                        environment::COLUMNS
                    ),
                    &[hash.into(), wanted.into()],
                )?;
                let Some(row) = row else { return Ok::<_, StoreError>(None) };
                let token = row.len() - 2;
                let (name, until) = (row.text_opt(token)?, row.int_opt(token + 1)?);
                Ok(Some((name, until, environment::environment(&row)?)))
            })
            .await?;
        let Some((name, until, found)) = both else {
            return Ok((self.token_find(token).await?, None));
        };
        if let (Some(mark), Some(name)) = (mark, &name) {
            self.entrances.keep(key, mark, (name.clone(), until, found.clone()));
        }
        Ok((name.filter(|_| until.is_none_or(|until| until > now)), Some(found)))
    }
}

/// Whose a token is, until when, and the environment it was shown at.
type Entrance = (String, Option<Micros>, Environment);

/// Entrances as they were at a state of the database, by the hash of the token and the name of the
/// environment.
#[derive(Default)]
pub(crate) struct Entrances(Mutex<HashMap<(String, String), (Mark, Entrance)>>);

/// Entrances that are kept at once; beyond it the memory is given back.
const KEPT_MAX: usize = 10_000;

impl Entrances {
    fn get(&self, key: &(String, String), mark: &Mark) -> Option<Entrance> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(at, _)| at == mark).map(|(_, entrance)| entrance.clone())
    }

    fn keep(&self, key: (String, String), mark: Mark, entrance: Entrance) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, (mark, entrance));
    }
}
