//! The sealed form of one secret field.
//!
//! ```text
//! 1 byte   format, 1
//! 4 bytes  version of the tenant key, big endian
//! 32 bytes commitment: HMAC-SHA-256(data key, "connref.commit.v1")
//! 60 bytes wrapped data key: 12 nonce ‖ 32 ciphertext ‖ 16 tag, AES-256-GCM under the tenant key
//! rest     12 nonce ‖ ciphertext ‖ 16 tag, AES-256-GCM under the data key
//! ```
//! Associated data of both: the parts `connref.secret.v1` (or `connref.wrap.v1`), tenant,
//! environment, connection, connector, field, version in decimal; each preceded by its length in
//! bytes as 4 bytes big endian. The commitment makes one ciphertext open under one key only.
use ring::hmac;
use zeroize::Zeroizing;

use super::{VaultError, decrypt, encrypt};
use crate::source::Ids;

const FORMAT: u8 = 1;
const HEAD: usize = 1 + 4 + 32;
const WRAP: usize = 12 + 32 + 16;

/// The row and field a secret belongs to.
#[derive(Clone, Copy, Debug)]
pub struct SecretPlace<'a> {
    /// Environment id.
    pub environment: &'a str,
    /// Connection id.
    pub connection: &'a str,
    /// Connector's api name, lower case.
    pub connector: &'a str,
    /// Field name.
    pub field: &'a str,
    /// Version of the credential.
    pub version: i64,
}

impl SecretPlace<'_> {
    fn associated(&self, purpose: &str, tenant: &str) -> Vec<u8> {
        let version = self.version.to_string();
        let parts = [
            purpose,
            tenant,
            self.environment,
            self.connection,
            self.connector,
            self.field,
            &version,
        ];
        let mut out = Vec::with_capacity(parts.iter().map(|part| 4 + part.len()).sum());
        for part in parts {
            out.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend(part.as_bytes());
        }
        out
    }
}

pub(super) fn seal(
    ids: &dyn Ids,
    tenant_key: &[u8; 32],
    key_version: u32,
    tenant: &str,
    place: &SecretPlace<'_>,
    plain: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let mut data_key = Zeroizing::new([0_u8; 32]);
    ids.fill(&mut data_key[..]);
    let mut out = vec![FORMAT];
    out.extend(key_version.to_be_bytes());
    out.extend(commitment(&data_key).as_ref());
    let wrap = place.associated("connref.wrap.v1", tenant);
    out.extend(encrypt(ids, tenant_key, &wrap, &data_key[..])?);
    let secret = place.associated("connref.secret.v1", tenant);
    out.extend(encrypt(ids, &data_key, &secret, plain)?);
    Ok(out)
}

/// The version of the tenant key that a sealed secret names.
pub(crate) fn key_version(sealed: &[u8]) -> Option<u32> {
    let (head, _) = sealed.split_at_checked(HEAD)?;
    (head[0] == FORMAT).then(|| head[1..5].try_into().ok().map(u32::from_be_bytes))?
}

pub(super) fn unseal(
    tenant_key: &[u8; 32],
    tenant: &str,
    place: &SecretPlace<'_>,
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (data_key, body) = data_key(tenant_key, tenant, place, sealed)?;
    decrypt(&data_key, &place.associated("connref.secret.v1", tenant), body)
}

/// The same secret under another tenant key: its data key is wrapped anew, its body stays.
pub(super) fn rewrap(
    ids: &dyn Ids,
    old: &[u8; 32],
    new: (&[u8; 32], u32),
    tenant: &str,
    place: &SecretPlace<'_>,
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let (data_key, body) = data_key(old, tenant, place, sealed)?;
    let mut out = vec![FORMAT];
    out.extend(new.1.to_be_bytes());
    out.extend(commitment(&data_key).as_ref());
    let wrap = place.associated("connref.wrap.v1", tenant);
    out.extend(encrypt(ids, new.0, &wrap, &data_key[..]).ok()?);
    out.extend(body);
    Some(out)
}

/// The data key of a sealed secret, and what it seals.
fn data_key<'s>(
    tenant_key: &[u8; 32],
    tenant: &str,
    place: &SecretPlace<'_>,
    sealed: &'s [u8],
) -> Option<(Zeroizing<[u8; 32]>, &'s [u8])> {
    let (head, rest) = sealed.split_at_checked(HEAD)?;
    if head[0] != FORMAT {
        return None;
    }
    let (wrapped, body) = rest.split_at_checked(WRAP)?;
    let opened = decrypt(tenant_key, &place.associated("connref.wrap.v1", tenant), wrapped)?;
    let data_key: Zeroizing<[u8; 32]> = Zeroizing::new(opened.as_slice().try_into().ok()?);
    hmac::verify(&commitment_key(&data_key), COMMIT, &head[5..]).ok()?;
    Some((data_key, body))
}

const COMMIT: &[u8] = b"connref.commit.v1";

fn commitment_key(data_key: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, data_key)
}

fn commitment(data_key: &[u8; 32]) -> hmac::Tag {
    hmac::sign(&commitment_key(data_key), COMMIT)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::source::SystemIds;

    const KEY: [u8; 32] = [7; 32];
    const PLACE: SecretPlace<'_> = SecretPlace {
        environment: "e",
        connection: "c",
        connector: "shared_x",
        field: "password",
        version: 3,
    };

    fn sealed() -> Vec<u8> {
        seal(&SystemIds::default(), &KEY, 1, "t", &PLACE, b"secret").expect("seals")
    }

    /// Opens as the vault does: with the key of the version that the secret names.
    fn open(
        key: &[u8; 32],
        version: u32,
        tenant: &str,
        place: &SecretPlace<'_>,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        (key_version(sealed)? == version).then(|| unseal(key, tenant, place, sealed))?
    }

    #[test]
    fn it_opens_in_its_place() {
        let opened = open(&KEY, 1, "t", &PLACE, &sealed()).expect("opens");
        assert_eq!(opened.as_slice(), b"secret");
    }

    #[test]
    fn two_seals_differ() {
        assert_ne!(sealed(), sealed());
    }

    #[test]
    fn it_opens_nowhere_else() {
        let places = [
            SecretPlace { environment: "f", ..PLACE },
            SecretPlace { connection: "d", ..PLACE },
            SecretPlace { connector: "shared_y", ..PLACE },
            SecretPlace { field: "passwor", ..PLACE },
            SecretPlace { version: 4, ..PLACE },
            // The lengths keep neighbours apart: "ec" + "" is not "e" + "c".
            SecretPlace { environment: "ec", connection: "", ..PLACE },
        ];
        for place in places {
            assert!(open(&KEY, 1, "t", &place, &sealed()).is_none(), "{place:?}");
        }
        assert!(open(&KEY, 1, "u", &PLACE, &sealed()).is_none());
        assert!(open(&KEY, 2, "t", &PLACE, &sealed()).is_none());
        assert!(open(&[8; 32], 1, "t", &PLACE, &sealed()).is_none());
    }

    /// 20 records of different lengths and fields, every bit and every length of each.
    #[test]
    fn one_flipped_bit_is_seen() {
        for record in 0..20_usize {
            let (field, plain) = (format!("field {record}"), vec![b's'; record * 7]);
            let place = SecretPlace { field: &field, ..PLACE };
            let ids = SystemIds::default();
            let sealed = seal(&ids, &KEY, 1, "t", &place, &plain).expect("seals");
            assert!(open(&KEY, 1, "t", &place, &sealed).is_some());
            for bit in 0..sealed.len() * 8 {
                let mut bad = sealed.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(open(&KEY, 1, "t", &place, &bad).is_none(), "record {record}, bit {bit}");
            }
            for length in 0..sealed.len() {
                assert!(open(&KEY, 1, "t", &place, &sealed[..length]).is_none());
            }
        }
    }

    /// 48 records of two tenants under one and the same tenant key: what keeps them apart is their
    /// place alone.
    #[test]
    fn no_place_opens_what_another_sealed() {
        let mut places = Vec::new();
        for tenant in ["t1", "t2"] {
            for environment in ["e1", "e2"] {
                for connection in ["c1", "c2", "c3", "c4"] {
                    for (field, version) in [("password", 1), ("key", 1), ("key", 2)] {
                        let connector = "shared_x";
                        let place =
                            SecretPlace { environment, connection, connector, field, version };
                        places.push((tenant, place));
                    }
                }
            }
        }
        assert_eq!(places.len(), 48);
        let ids = SystemIds::default();
        let sealed: Vec<_> = places
            .iter()
            .map(|(tenant, place)| seal(&ids, &KEY, 1, tenant, place, b"secret").expect("seals"))
            .collect();
        let mut opened = 0;
        for (to, (tenant, place)) in places.iter().enumerate() {
            for (from, sealed) in sealed.iter().enumerate() {
                let opens = open(&KEY, 1, tenant, place, sealed).is_some();
                assert_eq!(opens, to == from, "{from} at {to}");
                opened += usize::from(opens);
            }
        }
        assert_eq!(opened, 48);
    }

    #[test]
    fn a_rewrapped_secret_opens_under_the_new_key_only() {
        let (ids, old, new) = (SystemIds::default(), sealed(), [9; 32]);
        let moved = rewrap(&ids, &KEY, (&new, 2), "t", &PLACE, &old).expect("rewraps");
        assert_eq!(open(&new, 2, "t", &PLACE, &moved).expect("opens").as_slice(), b"secret");
        assert!(open(&KEY, 2, "t", &PLACE, &moved).is_none());
        assert!(open(&new, 2, "t", &SecretPlace { version: 4, ..PLACE }, &moved).is_none());
        assert_eq!(old[HEAD + WRAP..], moved[HEAD + WRAP..], "the body stays");
        assert!(rewrap(&ids, &new, (&KEY, 3), "t", &PLACE, &old).is_none());
        let elsewhere = SecretPlace { field: "other", ..PLACE };
        assert!(rewrap(&ids, &KEY, (&new, 2), "t", &elsewhere, &old).is_none());
    }

    /// Every write draws a key and nonces of its own.
    #[test]
    fn a_hundred_thousand_writes_share_nothing() {
        let mut seen = HashSet::new();
        for _ in 0..100_000 {
            let sealed = sealed();
            let (data_key, body) = data_key(&KEY, "t", &PLACE, &sealed).expect("opens");
            let wrap = &sealed[HEAD..HEAD + WRAP];
            for part in [&data_key[..], &wrap[..12], &body[..12], &wrap[12..], &body[12..]] {
                assert!(seen.insert(part.to_vec()), "seen before: {part:02x?}");
            }
        }
        assert_eq!(seen.len(), 500_000);
    }
}
