//! The vault: every secret field of a connection sealed under its own fresh key, bound to its row.
//!
//! key provider → tenant key → fresh data key per write → AES-256-GCM. The associated data is the
//! length-prefixed list (purpose, tenant, environment, connection, connector, field, version), so a
//! ciphertext moved to another row, field, environment or tenant, or put back after a newer write,
//! does not open. Byte layout: [`envelope`] and docs/vault-format.md.
//!
//! A tenant key has versions. New secrets are sealed under the newest; the older ones are held as
//! long as a secret needs them (`tenant_key` brings those under the newest).
pub mod envelope;
mod error;
mod held;
mod key_file;
mod passphrase;
mod provider;
#[cfg(test)]
mod vectors;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

pub use envelope::SecretPlace;
pub use error::VaultError;
pub(crate) use held::{Vault, key_insert, newest_recorded, version};
pub use key_file::{KeyFile, associated, open_local, wrap_local};
pub use passphrase::Passphrase;
pub use provider::{Fixed, KeyProvider, KeySource, Wrapped};

use crate::source::{Ids, hex};

/// The longest secret that is kept: certificates and keys fit many times over.
pub const SECRET_MAX: usize = 1 << 20;

impl Vault {
    /// Seals a secret for its place, under the newest key.
    pub(crate) fn seal(
        &self,
        ids: &dyn Ids,
        place: &SecretPlace<'_>,
        secret: &SecretString,
    ) -> Result<Vec<u8>, VaultError> {
        let plain = secret.expose_secret().as_bytes();
        if plain.len() > SECRET_MAX {
            let (field, size) = (place.field.to_owned(), plain.len());
            return Err(VaultError::TooLarge { field, size, max: SECRET_MAX });
        }
        let held = self.held();
        let (version, key) = held.newest();
        envelope::seal(ids, key, version, self.tenant(), place, plain)
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
        let version = envelope::key_version(sealed).ok_or_else(integrity)?;
        let held = self.held();
        let key = held.key(version).ok_or_else(|| VaultError::KeyGone {
            connection: place.connection.to_owned(),
            field: place.field.to_owned(),
            version,
        })?;
        let mut plain =
            envelope::unseal(key, self.tenant(), place, sealed).ok_or_else(integrity)?;
        // The bytes become the text where they are: no copy is left behind.
        let text = String::from_utf8(std::mem::take(&mut *plain)).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            integrity()
        })?;
        Ok(SecretString::from(text))
    }

    /// The same secret under another version of the key; none if it does not open in this place.
    pub(crate) fn rewrap(
        &self,
        ids: &dyn Ids,
        place: &SecretPlace<'_>,
        sealed: &[u8],
        to: u32,
    ) -> Option<Vec<u8>> {
        let held = self.held();
        let old = held.key(envelope::key_version(sealed)?)?;
        envelope::rewrap(ids, old, (held.key(to)?, to), self.tenant(), place, sealed)
    }
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes"))
}

/// nonce ‖ ciphertext ‖ tag.
fn encrypt(ids: &dyn Ids, key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0_u8; 12];
    ids.fill(&mut nonce);
    let mut out = Vec::with_capacity(12 + plain.len() + 16);
    out.extend(nonce);
    out.extend(plain);
    let tag = cipher(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad),
            &mut out[12..],
        )
        .map_err(|_| VaultError::Seal)?;
    out.extend(tag.as_ref());
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
