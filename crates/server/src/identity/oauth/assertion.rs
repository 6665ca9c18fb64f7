//! A signed statement of a service principal (RFC 7523), checked with the certificate it is known
//! by: one that is kept, or one the statement carries whose thumbprint is kept. A statement of somebody
//! else about it is for [`federated_verify`].
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use connref_solution::model::EnvironmentId;
use connref_store::principal_credential::PrincipalCertificate;
use connref_store::source::hex;
use ring::digest;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};

use super::federated::federated_verify;
use super::{Refusal, issuer};
use crate::App;
use crate::identity::SIGNER;
use crate::identity::jwt::Jwt;

/// Seconds that clocks may differ.
const LEEWAY: i64 = 300;
/// Longest time in seconds that a statement may count: a stolen one is worth no more.
const LONGEST: i64 = 24 * 3600;

fn refused(text: &str) -> Refusal {
    Refusal::new(401, "invalid_client", 700_027, format!("Client assertion refused: {text}."))
}

/// The environments in which the statement proves who the application is.
pub(super) async fn assertion_verify(
    app: &App,
    tenant: &str,
    client: &str,
    text: &str,
) -> Result<Vec<EnvironmentId>, Refusal> {
    let token = Jwt::read(text).ok_or_else(|| refused("it is no signed token"))?;
    // What the application did not say itself, somebody says about it.
    if !token.text("iss").eq_ignore_ascii_case(client) {
        return federated_verify(app, client, &token).await;
    }
    let algorithm: &dyn SignatureVerificationAlgorithm = match token.header("alg") {
        Some("RS256") => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
        Some("PS256") => webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        _ => return Err(refused("it is signed neither with RS256 nor with PS256")),
    };
    claims(app, tenant, client, &token)?;
    let carried = token.certificate().and_then(|text| STANDARD.decode(text).ok());
    let mut proven = Vec::new();
    for one in app.store().principal_certificates(&SIGNER, client).await? {
        let Some(der) = certificate(&token, &one, carried.as_deref()) else { continue };
        let der = CertificateDer::from(der);
        let signed = webpki::EndEntityCert::try_from(&der).is_ok_and(|certificate| {
            let message = token.signed().as_bytes();
            certificate.verify_signature(algorithm, message, token.signature()).is_ok()
        });
        if signed && !proven.contains(&one.environment) {
            proven.push(one.environment);
        }
    }
    if proven.is_empty() {
        return Err(refused("no certificate that is known for the application signed it"));
    }
    Ok(proven)
}

/// The certificate itself, if it is the one that signed by the statement's own word.
fn certificate<'a>(
    token: &Jwt<'_>,
    known: &'a PrincipalCertificate,
    carried: Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    let print = |algorithm, der: &[u8]| digest::digest(algorithm, der);
    if let Some(der) = known.der.as_deref() {
        // Some clients keep the padding, which the standard leaves out.
        let named = |name, algorithm| {
            let said = token.header(name).map(|text| text.trim_end_matches('='));
            said == Some(&*URL_SAFE_NO_PAD.encode(print(algorithm, der)))
        };
        let fits =
            named("x5t#S256", &digest::SHA256) || named("x5t", &digest::SHA1_FOR_LEGACY_USE_ONLY);
        return fits.then_some(der);
    }
    let der = carried?;
    let algorithm = match known.thumbprint.len() {
        40 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        _ => &digest::SHA256,
    };
    (hex(print(algorithm, der).as_ref()) == known.thumbprint).then_some(der)
}

fn claims(app: &App, tenant: &str, client: &str, token: &Jwt<'_>) -> Result<(), Refusal> {
    let is = |name: &str| token.text(name).eq_ignore_ascii_case(client);
    if !is("iss") || !is("sub") {
        return Err(refused("issuer and subject are not the application"));
    }
    let now = app.store().now() / 1_000_000;
    let end = token.time("exp").ok_or_else(|| refused("it has no end"))?;
    if end + LEEWAY <= now {
        return Err(refused("it has expired"));
    }
    if end > now + LONGEST + LEEWAY || token.time("nbf").is_some_and(|from| from > now + LEEWAY) {
        return Err(refused("its time is too long or lies ahead"));
    }
    let audience = token.text("aud");
    let fits = app.addresses().origins().any(|origin| {
        let path = audience.strip_prefix(&origin).and_then(|rest| rest.strip_prefix('/'));
        let named = path.and_then(|path| path.split_once('/'));
        audience == issuer(&origin, tenant)
            || named.is_some_and(|(_, rest)| {
                ["oauth2/v2.0/token", "oauth2/token", "v2.0"].contains(&rest)
            })
    });
    if fits { Ok(()) } else { Err(refused("it is for another audience")) }
}
