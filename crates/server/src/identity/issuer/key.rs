//! Public keys of other issuers (RFC 7517), and what they say of a signature. RS256, PS256 and ES256
//! and nothing else: a symmetric key, or none at all, proves nothing.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};

use crate::identity::jwt::Jwt;

/// An algorithm that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
}

impl Algorithm {
    /// By its registered name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

#[derive(Clone)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
}

/// A key that an issuer signs with.
#[derive(Clone)]
pub(super) struct IssuerKey {
    id: Option<String>,
    /// The one algorithm it is for, if it says so.
    only: Option<Algorithm>,
    material: Material,
}

/// Longest name of a key.
const ID_MAX: usize = 500;

impl IssuerKey {
    /// Reads one; none if it is for something else, or of a kind that does not count.
    pub(super) fn read(key: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let operations = key.get("key_ops").and_then(Value::as_array);
        if operations.is_some_and(|all| !all.iter().any(|one| one == "verify")) {
            return None;
        }
        let only = match text("alg") {
            Some(name) => Some(Algorithm::parse(name)?),
            None => None,
        };
        let material = match text("kty")? {
            "RSA" => {
                let (modulus, exponent) = (bytes("n")?, bytes("e")?);
                if !(256..=1024).contains(&modulus.len()) || !(1..=8).contains(&exponent.len()) {
                    return None;
                }
                Material::Rsa { modulus, exponent }
            }
            "EC" if text("crv") == Some("P-256") => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                Material::P256([&[4], &x[..], &y[..]].concat())
            }
            _ => return None,
        };
        let id = text("kid").filter(|id| id.len() <= ID_MAX).map(str::to_owned);
        Some(Self { id, only, material })
    }

    fn serves(&self, algorithm: Algorithm) -> bool {
        let kind = match self.material {
            Material::Rsa { .. } => algorithm != Algorithm::Es256,
            Material::P256(_) => algorithm == Algorithm::Es256,
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether it signed a token.
    pub(super) fn signed(&self, algorithm: Algorithm, token: &Jwt<'_>) -> bool {
        let message = token.signed().as_bytes();
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                let how: &RsaParameters = match algorithm {
                    Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    Algorithm::Es256 => return false,
                };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(how, message, token.signature()).is_ok()
            }
            Material::P256(point) => {
                algorithm == Algorithm::Es256
                    && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                        .verify(message, token.signature())
                        .is_ok()
            }
        }
    }
}

/// The keys that may have signed: those of the token's name; without one, the only one there is.
pub(super) fn fitting(
    keys: &[IssuerKey],
    id: Option<&str>,
    algorithm: Algorithm,
) -> Vec<IssuerKey> {
    let mut found = keys.iter().filter(|key| key.serves(algorithm));
    match id {
        Some(id) => found.filter(|key| key.id.as_deref() == Some(id)).take(4).cloned().collect(),
        None => match (found.next(), found.next()) {
            (Some(one), None) => vec![one.clone()],
            _ => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Option<IssuerKey> {
        IssuerKey::read(value.as_object().unwrap())
    }

    fn rsa(more: &[(&str, Value)]) -> Value {
        let mut key = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB"});
        for (name, value) in more {
            key[*name] = value.clone();
        }
        key
    }

    #[test]
    fn keys_of_other_kinds_and_for_other_uses_are_none() {
        assert!(read(&rsa(&[])).is_some());
        assert!(read(&rsa(&[("use", json!("sig")), ("key_ops", json!(["verify"]))])).is_some());
        for (name, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["encrypt"])),
            ("alg", json!("RSA-OAEP")),
            ("alg", json!("HS256")),
            ("n", json!("AQAB")),
            ("n", json!(URL_SAFE_NO_PAD.encode([0xff; 1025]))),
            ("e", json!("")),
            ("kty", json!("oct")),
            ("kty", Value::Null),
        ] {
            assert!(read(&rsa(&[(name, value.clone())])).is_none(), "{name} {value}");
        }
        let part = URL_SAFE_NO_PAD.encode([1; 32]);
        assert!(read(&json!({"kty": "EC", "crv": "P-256", "x": part, "y": part})).is_some());
        assert!(read(&json!({"kty": "EC", "crv": "P-384", "x": part, "y": part})).is_none());
        assert!(read(&json!({"kty": "EC", "crv": "P-256", "x": part, "y": "AQ"})).is_none());
    }

    #[test]
    fn a_token_without_a_name_of_a_key_counts_only_where_there_is_one_key() {
        let key = |id: &str| read(&rsa(&[("kid", json!(id))])).unwrap();
        let keys = [key("a"), key("b")];
        assert_eq!(fitting(&keys, Some("a"), Algorithm::Rs256).len(), 1);
        assert!(fitting(&keys, Some("a"), Algorithm::Es256).is_empty());
        assert!(fitting(&keys, Some("c"), Algorithm::Rs256).is_empty());
        assert!(fitting(&keys, None, Algorithm::Rs256).is_empty());
        assert_eq!(fitting(&keys[..1], None, Algorithm::Ps256).len(), 1);
        let only = read(&rsa(&[("alg", json!("RS256"))])).unwrap();
        assert!(fitting(&[only], None, Algorithm::Ps256).is_empty());
    }
}
