//! Statements that a client signs instead of sending a secret (RFC 7523 §3).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256};
use secrecy::SecretString;
use serde_json::json;

use super::{Certificate, OAuthError};

/// How long an assertion is valid: long enough for clocks that differ, short for one that leaks.
const LIFETIME: Duration = Duration::from_secs(600);

/// The signature of an assertion (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    #[default]
    Ps256,
}

/// What an assertion says.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// The client: issuer and subject.
    pub client_id: &'a str,
    /// Whom it is for: the token endpoint, or the issuer.
    pub audience: &'a str,
    /// Now, in seconds since 1970.
    pub now: i64,
    /// Its own id, never used twice.
    pub id: &'a str,
}

/// Signs an assertion with a certificate's key; its header carries both thumbprints, by which
/// servers find the certificate.
///
/// # Errors
/// If the key cannot sign.
pub fn assertion(
    certificate: &Certificate,
    algorithm: Algorithm,
    says: Assertion<'_>,
) -> Result<SecretString, OAuthError> {
    let (name, padding): (_, &'static dyn ring::signature::RsaEncoding) = match algorithm {
        Algorithm::Rs256 => ("RS256", &RSA_PKCS1_SHA256),
        Algorithm::Ps256 => ("PS256", &RSA_PSS_SHA256),
    };
    let header = json!({
        "alg": name, "typ": "JWT",
        "x5t": certificate.thumbprint(), "x5t#S256": certificate.thumbprint_256(),
    });
    let end = says.now + i64::try_from(LIFETIME.as_secs()).unwrap_or(600);
    let claims = json!({
        "iss": says.client_id, "sub": says.client_id, "aud": says.audience, "jti": says.id,
        "iat": says.now, "nbf": says.now, "exp": end,
    });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut text = format!("{}.{}", encode(&header), encode(&claims));
    let key = certificate.key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| OAuthError::Proof { reason: "its private key does not sign" })?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(&signature));
    Ok(text.into())
}
