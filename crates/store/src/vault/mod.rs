//! The vault: every secret field of a connection sealed under its own fresh key, bound to its row.
//!
//! key provider → tenant key → fresh data key per write → AES-256-GCM. The associated data is the
//! length-prefixed list (purpose, tenant, environment, connection, connector, field, version), so a
//! ciphertext moved to another row, field, environment or tenant, or put back after a newer write,
//! does not open. Byte layout: [`envelope`].
pub mod envelope;
mod key_file;

use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use zeroize::Zeroizing;

pub use envelope::SecretPlace;
pub use key_file::KeyFile;

use crate::StoreError;
use crate::db::Db;
use crate::source::{Ids, hex};

/// What can go wrong with a secret. No message holds one.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The stored bytes are not what was sealed for this row.
    #[error(
        "the stored secret `{field}` of connection `{connection}` does not belong to this row or was changed"
    )]
    Integrity {
        /// Connection.
        connection: String,
        /// Field.
        field: String,
    },
    /// The key at hand is not the one the data was sealed under.
    #[error(
        "the key `{found}` does not fit this database, which was sealed under key `{expected}`"
    )]
    WrongKey {
        /// Fingerprint of the key at hand.
        found: String,
        /// Fingerprint recorded in the database.
        expected: String,
    },
    /// The key file cannot be used.
    #[error("cannot use the key file `{path}`: {reason}")]
    KeyFile {
        /// Path.
        path: String,
        /// Why.
        reason: String,
    },
    /// Sealing failed.
    #[error("a secret could not be sealed")]
    Seal,
}

/// Holds the key that wraps tenant keys. Providers behind it: a key file now; a passphrase and
/// remote vaults later.
pub trait KeyProvider: Send + Sync {
    /// Name of the kind, kept beside what it wrapped.
    fn kind(&self) -> &'static str;
    /// Names the key without telling it.
    fn fingerprint(&self) -> String;
    /// Wraps a key for one tenant.
    fn wrap(&self, tenant: &str, key: &[u8; 32]) -> Result<Vec<u8>, VaultError>;
    /// Unwraps it again.
    fn unwrap(&self, tenant: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError>;
}

/// The opened vault of a tenant.
pub struct Vault {
    tenant: String,
    key: SecretBox<[u8; 32]>,
    version: u32,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault {{ tenant: {}, version: {}, key: *** }}", self.tenant, self.version)
    }
}

/// The one tenant of an installation, for now.
const TENANT_NAME: &str = "default";

impl Vault {
    /// Opens the tenant's key with the provider, making tenant and key at the first start.
    pub(crate) async fn open(
        db: &Db,
        provider: Arc<dyn KeyProvider>,
        now: i64,
        ids: &dyn Ids,
    ) -> Result<Self, StoreError> {
        let tenant = ids.guid(now);
        let mut fresh = Zeroizing::new([0_u8; 32]);
        ids.fill(&mut fresh[..]);
        let key = SecretBox::new(Box::new(*fresh));
        db.change(move |sql| {
            let known = sql.query_one(
                "SELECT t.tenantid, k.version, k.fingerprint, k.wrapped FROM tenant t \
                 JOIN tenant_key k ON k.tenantid = t.tenantid ORDER BY k.version DESC",
                &[],
            )?;
            if let Some(row) = known {
                let (tenant, expected) = (row.text(0)?, row.text(2)?);
                let found = provider.fingerprint();
                if found != expected {
                    return Err(VaultError::WrongKey { found, expected }.into());
                }
                let key = provider.unwrap(&tenant, &row.bytes(3)?)?;
                let version = u32::try_from(row.int(1)?).unwrap_or(0);
                return Ok(Self { tenant, key: SecretBox::new(Box::new(*key)), version });
            }
            let wrapped = provider.wrap(&tenant, key.expose_secret())?;
            sql.execute(
                "INSERT INTO tenant (tenantid, name, createdon) VALUES ($1, $2, $3)",
                &[(&tenant).into(), TENANT_NAME.into(), now.into()],
            )?;
            sql.execute(
                "INSERT INTO tenant_key (tenantid, version, provider, fingerprint, wrapped, createdon) \
                 VALUES ($1, 1, $2, $3, $4, $5)",
                &[
                    (&tenant).into(),
                    provider.kind().into(),
                    provider.fingerprint().into(),
                    wrapped.into(),
                    now.into(),
                ],
            )?;
            Ok(Self { tenant, key, version: 1 })
        })
        .await
    }

    /// The tenant this vault belongs to.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Seals a secret for its place.
    pub(crate) fn seal(
        &self,
        ids: &dyn Ids,
        place: &SecretPlace<'_>,
        secret: &SecretString,
    ) -> Result<Vec<u8>, VaultError> {
        envelope::seal(
            ids,
            self.key.expose_secret(),
            self.version,
            &self.tenant,
            place,
            secret.expose_secret().as_bytes(),
        )
    }

    /// Opens what was sealed for this place, and nothing else.
    pub(crate) fn unseal(
        &self,
        place: &SecretPlace<'_>,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let integrity = || VaultError::Integrity {
            connection: place.connection.to_owned(),
            field: place.field.to_owned(),
        };
        let plain =
            envelope::unseal(self.key.expose_secret(), self.version, &self.tenant, place, sealed)
                .ok_or_else(integrity)?;
        let text = std::str::from_utf8(&plain).map_err(|_| integrity())?;
        Ok(SecretString::from(text.to_owned()))
    }
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes"))
}

/// nonce ‖ ciphertext ‖ tag.
fn encrypt(ids: &dyn Ids, key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0_u8; 12];
    ids.fill(&mut nonce);
    let mut body = plain.to_vec();
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body)
        .map_err(|_| VaultError::Seal)?;
    let mut out = nonce.to_vec();
    out.append(&mut body);
    Ok(out)
}

fn decrypt(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_at_checked(12)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = cipher(key).open_in_place(nonce, Aad::from(aad), &mut body).ok()?.len();
    body.truncate(length);
    Some(body)
}

/// A name for a key that does not tell it: the first 8 bytes of a labelled hash.
fn fingerprint(key: &[u8; 32]) -> String {
    let tag = ring::hmac::sign(
        &ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key),
        b"connref.fingerprint.v1",
    );
    hex(&tag.as_ref()[..8])
}
