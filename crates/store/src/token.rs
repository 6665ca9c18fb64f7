//! Access tokens of a listening server: 256 random bits, of which only the hash is kept.
use connref_solution::model::Micros;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::access::Caller;
use crate::audit_log::Entry;
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
    /// request, and one question costs half of two.
    pub async fn token_find_at(
        &self,
        token: &str,
        environment: &str,
    ) -> Result<(Option<String>, Option<Environment>)> {
        let (hash, now, wanted) = (hash(token), self.now(), environment.to_lowercase());
        let both = self
            .db
            .read(move |sql| {
                let row = sql.query_one(
                    &format!(
                        "SELECT {}, (SELECT principalname FROM access_token WHERE hash = $1 \
                         AND (expireson IS NULL OR expireson > $2)) \
                         FROM environment WHERE environmentid = $3 OR name_key = $3",
                        environment::COLUMNS
                    ),
                    &[hash.into(), now.into(), wanted.into()],
                )?;
                let Some(row) = row else { return Ok::<_, StoreError>(None) };
                Ok(Some((row.text_opt(row.len() - 1)?, environment::environment(&row)?)))
            })
            .await?;
        match both {
            Some((name, environment)) => Ok((name, Some(environment))),
            None => Ok((self.token_find(token).await?, None)),
        }
    }
}
