//! The authorization endpoint: where a person is sent, and what comes back (RFC 6749 §4.1, PKCE by
//! RFC 7636 with S256 always, RFC 9207, OpenID Connect Core 1.0 §3.1.3.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::OAuthError;
use super::answer::{plain_code, shown};
use super::token::Audience;

/// Longest part of an answer that is read.
const MAX_PART: usize = 16 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 300;

/// What the person's browser is sent with.
#[derive(Clone, Copy, Debug)]
pub struct Authorization<'a> {
    /// The authorization endpoint.
    pub endpoint: &'a Url,
    /// The client's id.
    pub client_id: &'a str,
    /// Where the answer goes.
    pub redirect_uri: &'a str,
    /// What the token is for.
    pub audience: &'a Audience,
    /// Comes back with the answer.
    pub state: &'a str,
    /// Comes back inside the statement about the person.
    pub nonce: &'a str,
    /// Hash of the PKCE verifier, by [`challenge`].
    pub challenge: &'a str,
    /// Further parameters that a server wants (`prompt`, `access_type` …).
    pub extra: &'a [(String, String)],
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// The address to open in a browser.
#[must_use]
pub fn authorization_url(ask: &Authorization<'_>) -> Url {
    let own = [
        ("response_type", "code"),
        ("client_id", ask.client_id),
        ("redirect_uri", ask.redirect_uri),
        ("state", ask.state),
        ("nonce", ask.nonce),
        ("code_challenge", ask.challenge),
        ("code_challenge_method", "S256"),
    ];
    let mut url = ask.endpoint.clone();
    // What the endpoint's own address or the extras say cannot replace what protects the exchange.
    let taken = |name: &str| own.iter().any(|(own, _)| *own == name);
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| !taken(name)).collect();
    let mut query = url.query_pairs_mut();
    query.clear().extend_pairs(&kept).extend_pairs(own);
    match ask.audience {
        Audience::Scope(scope) => query.append_pair("scope", scope),
        Audience::Resource(resource) => query.append_pair("resource", resource),
        Audience::Unstated => &mut query,
    };
    query.extend_pairs(ask.extra.iter().filter(|(name, _)| !taken(name)));
    drop(query);
    url
}

/// What came back to the redirect address, unchecked.
#[derive(Clone, Default)]
pub struct Callback {
    /// The code.
    pub code: Option<SecretString>,
    /// The state.
    pub state: Option<String>,
    /// Who answers.
    pub issuer: Option<String>,
    /// The error code instead of a code.
    pub error: Option<String>,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback").field("error", &self.error).finish_non_exhaustive()
    }
}

impl Callback {
    /// Reads the query of the redirect. A parameter that comes twice counts as absent.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let one = |name: &str| {
            let mut all = url::form_urlencoded::parse(query.as_bytes())
                .filter(|(found, value)| found == name && value.len() <= MAX_PART);
            let first = all.next().map(|(_, value)| value.into_owned());
            first.filter(|_| all.next().is_none())
        };
        Self {
            code: one("code").map(SecretString::from),
            state: one("state"),
            issuer: one("iss"),
            error: one("error"),
        }
    }
}

/// The code of an answer, once it is known to be the answer to this sign-in: the state first, then
/// the issuer, then what it says.
///
/// # Errors
/// If state or issuer differ, or the sign-in was declined.
pub fn callback_read<'a>(
    callback: &'a Callback,
    state: &str,
    issuer: Option<&str>,
    names_issuer: bool,
) -> Result<&'a SecretString, OAuthError> {
    let given = callback.state.as_deref().unwrap_or_default();
    let same = ring::digest::digest(&digest::SHA256, given.as_bytes()).as_ref()
        == ring::digest::digest(&digest::SHA256, state.as_bytes()).as_ref();
    if !same {
        return Err(OAuthError::Callback { reason: "its state is another one" });
    }
    match (issuer, &callback.issuer) {
        (Some(expected), Some(found)) if expected != found => {
            return Err(OAuthError::Issuer { expected: shown(expected), found: shown(found) });
        }
        (Some(_), None) if names_issuer => {
            return Err(OAuthError::Callback { reason: "it does not name its issuer" });
        }
        _ => {}
    }
    if let Some(error) = &callback.error {
        return Err(OAuthError::Declined { code: plain_code(error).to_owned() });
    }
    callback.code.as_ref().ok_or(OAuthError::Callback { reason: "it carries no code" })
}

/// Who signed in, as far as the statement tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityClaims {
    /// The name that people know: `preferred_username`, `upn`, `email`, else the subject.
    pub account: Option<String>,
}

/// Reads the claims of an identity token that came straight from the token endpoint, and checks that
/// they belong to this sign-in. Its signature adds nothing there (OIDC Core §3.1.3.7, point 6).
///
/// # Errors
/// If issuer, audience, nonce or lifetime are not those of this sign-in, or it cannot be read.
pub fn identity_claims(
    token: &SecretString,
    client_id: &str,
    issuer: Option<&str>,
    nonce: Option<&str>,
    now: i64,
) -> Result<IdentityClaims, OAuthError> {
    let unreadable = OAuthError::Callback { reason: "its identity token cannot be read" };
    let claims = token.expose_secret().split('.').nth(1).and_then(|part| {
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?)
            .ok()
    });
    let Some(claims) = claims else { return Err(unreadable) };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if let (Some(expected), found) = (issuer, text("iss").unwrap_or_default())
        && expected != found
    {
        return Err(OAuthError::Issuer { expected: shown(expected), found: shown(found) });
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(client_id)),
        _ => false,
    };
    if !for_us {
        return Err(OAuthError::Callback { reason: "its identity token is for another client" });
    }
    if let Some(nonce) = nonce
        && text("nonce") != Some(nonce)
    {
        return Err(OAuthError::Callback { reason: "its identity token has another nonce" });
    }
    if claims.get("exp").and_then(Value::as_i64).is_none_or(|end| end + LEEWAY < now) {
        return Err(OAuthError::Callback { reason: "its identity token has ended" });
    }
    let account = ["preferred_username", "upn", "email", "sub"]
        .iter()
        .find_map(|name| text(name).filter(|t| !t.is_empty()))
        .map(shown);
    Ok(IdentityClaims { account })
}
