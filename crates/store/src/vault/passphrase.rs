//! A key made of a passphrase (Argon2id, RFC 9106). The salt and the cost lie beside what was
//! wrapped; the passphrase lies nowhere.
//!
//! ```text
//! 1 byte   format, 1
//! 4 bytes  memory in KiB, big endian
//! 4 bytes  passes, big endian
//! 4 bytes  lanes, big endian
//! 16 bytes salt
//! rest     12 nonce ‖ 32 ciphertext ‖ 16 tag, AES-256-GCM under the derived key
//! ```
use argon2::{Algorithm, Argon2, Params, Version};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::key_file::{unwrap_local, wrap_local};
use super::{KeyProvider, VaultError, Wrapped};
use crate::source::{Ids, SystemIds};

const FORMAT: u8 = 1;
const SALT: usize = 16;
const HEAD: usize = 1 + 3 * 4 + SALT;
/// RFC 9106 §4, the second recommended choice: 64 MiB, three passes, four lanes.
const COST: Cost = Cost { memory: 64 * 1024, passes: 3, lanes: 4 };
/// The most that is believed of a database: 1 GiB, 16 passes, 16 lanes.
const COST_MAX: Cost = Cost { memory: 1024 * 1024, passes: 16, lanes: 16 };
/// Below this a passphrase is guessed too quickly, whatever the cost.
const LENGTH_MIN: usize = 12;

#[derive(Clone, Copy)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// A key made of a passphrase.
pub struct Passphrase {
    text: SecretString,
    place: String,
}

impl Passphrase {
    /// Takes the passphrase, and how its setting is named.
    ///
    /// # Errors
    /// If it is shorter than 12 bytes.
    pub fn new(text: SecretString, place: &str) -> Result<Self, VaultError> {
        if text.expose_secret().len() < LENGTH_MIN {
            return Err(VaultError::Setting {
                setting: place.to_owned(),
                reason: format!("the passphrase is shorter than {LENGTH_MIN} characters"),
            });
        }
        Ok(Self { text, place: place.to_owned() })
    }

    /// Takes a moment and 64 MiB, so it is done aside.
    async fn derive(
        &self,
        cost: Cost,
        salt: [u8; SALT],
    ) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let text = self.text.clone();
        let failed = |reason: String| VaultError::Provider {
            place: self.place.clone(),
            reason,
            retryable: false,
            source: None,
        };
        match tokio::task::spawn_blocking(move || derive(&text, cost, &salt)).await {
            Ok(derived) => derived.map_err(|error| failed(format!("cannot derive a key: {error}"))),
            Err(_) => Err(failed("stopped while it derived a key".to_owned())),
        }
    }
}

fn derive(text: &SecretString, cost: Cost, salt: &[u8]) -> argon2::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0_u8; 32]);
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
        text.expose_secret().as_bytes(),
        salt,
        &mut key[..],
    )?;
    Ok(key)
}

/// Format, cost and salt before what is sealed under the derived key.
fn written(cost: Cost, salt: &[u8], sealed: Wrapped) -> Wrapped {
    let mut bytes = vec![FORMAT];
    for number in [cost.memory, cost.passes, cost.lanes] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(salt);
    bytes.extend(sealed.bytes);
    Wrapped { bytes, fingerprint: sealed.fingerprint }
}

/// For the test vectors, which are read often.
#[cfg(test)]
pub(super) fn wrap_at_low_cost(
    words: &str,
    ids: &dyn Ids,
    tenant: &str,
    key: &[u8; 32],
) -> Wrapped {
    let cost = Cost { memory: 1024, passes: 2, lanes: 2 };
    let mut salt = [0_u8; SALT];
    ids.fill(&mut salt);
    let own = derive(&words.to_owned().into(), cost, &salt).unwrap();
    written(cost, &salt, super::key_file::wrap_local_with(ids, &own, tenant, key).unwrap())
}

fn read(bytes: &[u8]) -> Option<(Cost, [u8; SALT], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let number =
        |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    let cost = Cost { memory: number(1)?, passes: number(5)?, lanes: number(9)? };
    let fits = head[0] == FORMAT
        && cost.memory <= COST_MAX.memory
        && cost.passes <= COST_MAX.passes
        && cost.lanes <= COST_MAX.lanes;
    fits.then_some((cost, head[13..].try_into().ok()?, rest))
}

impl KeyProvider for Passphrase {
    fn kind(&self) -> &'static str {
        "passphrase"
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    fn wrap<'a>(
        &'a self,
        tenant: &'a str,
        key: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Wrapped, VaultError>> {
        Box::pin(async move {
            let mut salt = [0_u8; SALT];
            SystemIds::default().fill(&mut salt);
            let own = self.derive(COST, salt).await?;
            Ok(written(COST, &salt, wrap_local(&own, tenant, key)?))
        })
    }

    fn unwrap<'a>(
        &'a self,
        tenant: &'a str,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<Zeroizing<[u8; 32]>, VaultError>> {
        Box::pin(async move {
            let expected = &wrapped.fingerprint;
            let (cost, salt, sealed) = read(&wrapped.bytes).ok_or_else(|| {
                VaultError::NotOpened { place: self.place.clone(), expected: expected.clone() }
            })?;
            let own = self.derive(cost, salt).await?;
            unwrap_local(&own, &self.place, tenant, sealed, expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_passphrase_is_refused() {
        assert!(Passphrase::new("eleven char".into(), "passphrase:").is_err());
        assert!(Passphrase::new("twelve chars".into(), "passphrase:").is_ok());
    }

    #[test]
    fn a_cost_out_of_bounds_is_not_paid() {
        let mut bytes = vec![0_u8; HEAD + 60];
        bytes[0] = FORMAT;
        assert!(read(&bytes).is_some());
        for at in [1, 5, 9] {
            let mut bad = bytes.clone();
            bad[at] = 0xff;
            assert!(read(&bad).is_none(), "{at}");
        }
        assert!(read(&bytes[..HEAD - 1]).is_none());
    }
}
