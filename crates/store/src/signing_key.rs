//! Keys that access tokens are signed with: the private half sealed like every secret. After a
//! change of the tenant's key the old seal opens no more, and the next token gets a new key.
use connref_solution::model::Micros;
use secrecy::SecretString;

use crate::access::Caller;
use crate::vault::SecretPlace;
use crate::{Result, Store};

/// The public side of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in tokens.
    pub id: String,
    /// The public half, as whoever made the key wrote it.
    pub public: String,
    /// Made.
    pub created_on: Micros,
    /// Until when it signs.
    pub signs_until: Micros,
}

fn place(id: &str) -> SecretPlace<'_> {
    SecretPlace { environment: "", connection: id, connector: "", field: "~signing", version: 1 }
}

impl Store {
    /// Adds a key. Keys that were made before `forget` are dropped.
    pub async fn signing_key_add(
        &self,
        caller: &Caller,
        key: SigningKey,
        private: &SecretString,
        forget: Micros,
    ) -> Result<()> {
        caller.authorize_operator("make signing keys")?;
        let sealed = self.vault.seal(&*self.ids, &place(&key.id), private)?;
        let tenant = self.vault.tenant().to_owned();
        self.db
            .change(move |sql| {
                sql.execute(
                    "DELETE FROM signing_key WHERE tenantid = $1 AND createdon < $2",
                    &[(&tenant).into(), forget.into()],
                )?;
                sql.execute(
                    "INSERT INTO signing_key (tenantid, keyid, publickey, sealed, createdon, signsuntil) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    &[
                        (&tenant).into(),
                        (&key.id).into(),
                        (&key.public).into(),
                        sealed.into(),
                        key.created_on.into(),
                        key.signs_until.into(),
                    ],
                )?;
                Ok(())
            })
            .await
    }

    /// The public sides of the keys made since a time, the newest first.
    pub async fn signing_key_list(
        &self,
        caller: &Caller,
        since: Micros,
    ) -> Result<Vec<SigningKey>> {
        caller.authorize_operator("see signing keys")?;
        let tenant = self.vault.tenant().to_owned();
        self.db
            .read(move |sql| {
                sql.query(
                    "SELECT keyid, publickey, createdon, signsuntil FROM signing_key \
                     WHERE tenantid = $1 AND createdon >= $2 ORDER BY createdon DESC, keyid",
                    &[tenant.into(), since.into()],
                )?
                .iter()
                .map(|row| {
                    Ok(SigningKey {
                        id: row.text(0)?,
                        public: row.text(1)?,
                        created_on: row.int(2)?,
                        signs_until: row.int(3)?,
                    })
                })
                .collect()
            })
            .await
    }

    /// The private half; none if there is no such key or its seal opens no more.
    pub async fn signing_key_open(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<SecretString>> {
        caller.authorize_operator("sign tokens")?;
        let (tenant, wanted) = (self.vault.tenant().to_owned(), id.to_owned());
        let sealed = self
            .db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT sealed FROM signing_key WHERE tenantid = $1 AND keyid = $2",
                    &[tenant.into(), wanted.into()],
                )?;
                row.map(|row| row.bytes(0)).transpose().map_err(crate::StoreError::from)
            })
            .await?;
        Ok(sealed.and_then(|sealed| self.vault.unseal(&place(id), &sealed).ok()))
    }

    /// The tenant's id, which every signed token names.
    pub fn tenant_id(&self, caller: &Caller) -> Result<&str> {
        caller.authorize_operator("name the tenant")?;
        Ok(self.vault.tenant())
    }

    /// The tenant: id and name.
    pub async fn tenant(&self, caller: &Caller) -> Result<(String, String)> {
        caller.authorize_operator("name the tenant")?;
        let tenant = self.vault.tenant().to_owned();
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT name FROM tenant WHERE tenantid = $1",
                    &[(&tenant).into()],
                )?;
                let missing = || crate::StoreError::not_found("tenant", &tenant);
                let name = row.ok_or_else(missing)?.text(0)?;
                Ok((tenant, name))
            })
            .await
    }
}
