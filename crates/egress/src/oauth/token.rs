//! The token endpoint (RFC 6749 §3.2): every grant is one request to it.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::OAuthError;
use super::answer::{Exchange, exchange, header_safe, seconds};
use crate::client::Egress;
use crate::policy::Policy;

/// Lifetime that RFC 6749 §5.1 leaves open; an hour is what the common servers give.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// Longest lifetime that is believed.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Longest token that is kept.
const MAX_TOKEN: usize = 64 * 1024;
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What the token is for; servers take one or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// `scope` (RFC 6749 §3.3).
    Scope(String),
    /// `resource` (the older Azure endpoint, and RFC 8707).
    Resource(String),
    /// Neither.
    Unstated,
}

/// How the client proves who it is.
#[derive(Clone)]
pub enum ClientProof {
    /// Not at all: a public client.
    None,
    /// `client_secret` in the form.
    Secret(SecretString),
    /// HTTP basic authentication (RFC 6749 §2.3.1).
    BasicSecret(SecretString),
    /// A signed statement (RFC 7523): made from a certificate, or a federated token as it came.
    Assertion(SecretString),
}

/// What is shown for the token.
#[derive(Clone)]
pub enum Grant {
    /// The client itself (§4.4).
    ClientCredentials,
    /// A code from the authorization endpoint (§4.1.3) with its PKCE verifier.
    Code {
        /// The code.
        code: SecretString,
        /// The address the code came to, exactly.
        redirect_uri: String,
        /// The verifier (RFC 7636 §4.5).
        verifier: SecretString,
    },
    /// A device code that a person may have confirmed by now (RFC 8628 §3.4).
    Device {
        /// The code.
        code: SecretString,
    },
    /// A refresh token (§6).
    Refresh {
        /// The token.
        token: SecretString,
    },
}

/// A request to a token endpoint.
#[derive(Clone)]
pub struct TokenRequest {
    /// The token endpoint.
    pub token_url: Url,
    /// The client's id.
    pub client_id: String,
    /// How the client proves who it is.
    pub proof: ClientProof,
    /// What is shown.
    pub grant: Grant,
    /// What the token is for.
    pub audience: Audience,
    /// Time limit.
    pub timeout: Duration,
}

/// A client-credentials request with a secret.
#[derive(Clone)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub token_url: Url,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub secret: SecretString,
    /// What the token is for.
    pub audience: Audience,
    /// Time limit.
    pub timeout: Duration,
}

/// An access token, how long it lives, and what came with it.
#[derive(Clone)]
pub struct Token {
    /// The token.
    pub access_token: SecretString,
    /// Its lifetime from the moment of the answer.
    pub expires_in: Duration,
    /// The refresh token that replaces the one before, if the server gave one.
    pub refresh_token: Option<SecretString>,
    /// The statement about the person who signed in, if one was asked for.
    pub id_token: Option<SecretString>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Secret(_) => "Secret",
            Self::BasicSecret(_) => "BasicSecret",
            Self::Assertion(_) => "Assertion",
        })
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("host", &self.token_url.host_str())
            .field("client_id", &self.client_id)
            .field("proof", &self.proof)
            .field("grant", &self.grant)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("host", &self.token_url.host_str())
            .field("client_id", &self.client_id)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

impl Grant {
    fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Code { .. } => "authorization_code",
            Self::Device { .. } => "urn:ietf:params:oauth:grant-type:device_code",
            Self::Refresh { .. } => "refresh_token",
        }
    }
}

/// Asks for a token. Redirects are not followed.
///
/// # Errors
/// If the endpoint is not reached, refuses, or answers without a token.
pub async fn token_request(
    egress: &Egress,
    policy: &Policy,
    request: &TokenRequest,
) -> Result<Token, OAuthError> {
    let object = exchange(
        egress,
        policy,
        Exchange {
            url: &request.token_url,
            form: form(request),
            headers: headers(request)?,
            timeout: request.timeout,
        },
    )
    .await?;
    token_read(request.token_url.host_str().unwrap_or_default(), &object)
}

/// Asks for a token with the client's own secret (RFC 6749 §4.4).
///
/// # Errors
/// As [`token_request`].
pub async fn client_credentials(
    egress: &Egress,
    policy: &Policy,
    grant: &ClientCredentials,
) -> Result<Token, OAuthError> {
    let request = TokenRequest {
        token_url: grant.token_url.clone(),
        client_id: grant.client_id.clone(),
        proof: ClientProof::Secret(grant.secret.clone()),
        grant: Grant::ClientCredentials,
        audience: grant.audience.clone(),
        timeout: grant.timeout,
    };
    token_request(egress, policy, &request).await
}

fn form(request: &TokenRequest) -> Vec<(&'static str, &str)> {
    let mut form = vec![("grant_type", request.grant.name())];
    match &request.grant {
        Grant::ClientCredentials => {}
        Grant::Code { code, redirect_uri, verifier } => form.extend([
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose_secret()),
        ]),
        Grant::Device { code } => form.push(("device_code", code.expose_secret())),
        Grant::Refresh { token } => form.push(("refresh_token", token.expose_secret())),
    }
    match &request.proof {
        ClientProof::BasicSecret(_) => {}
        ClientProof::None => form.push(("client_id", &request.client_id)),
        ClientProof::Secret(secret) => form.extend([
            ("client_id", &*request.client_id),
            ("client_secret", secret.expose_secret()),
        ]),
        ClientProof::Assertion(assertion) => form.extend([
            ("client_id", &*request.client_id),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.expose_secret()),
        ]),
    }
    // A code and a device code are bound to what was asked for at their beginning.
    let named = matches!(request.grant, Grant::ClientCredentials | Grant::Refresh { .. });
    match &request.audience {
        Audience::Scope(scope) if named => form.push(("scope", scope)),
        Audience::Resource(resource) => form.push(("resource", resource)),
        Audience::Scope(_) | Audience::Unstated => {}
    }
    form
}

fn headers(request: &TokenRequest) -> Result<HeaderMap, OAuthError> {
    use base64::Engine as _;
    let mut headers = HeaderMap::new();
    if let ClientProof::BasicSecret(secret) = &request.proof {
        // Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
        let id: String = byte_serialize(request.client_id.as_bytes()).collect();
        let secret: String = byte_serialize(secret.expose_secret().as_bytes()).collect();
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        let mut value = HeaderValue::from_str(&format!("Basic {pair}")).map_err(|_| {
            OAuthError::Proof { reason: "the secret holds characters that no header may hold" }
        })?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Reads the answer of a token endpoint.
pub(super) fn token_read(host: &str, object: &Map<String, Value>) -> Result<Token, OAuthError> {
    let malformed = |reason| OAuthError::malformed(host, reason);
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let secret = |text: &str| SecretString::from(text.to_owned());
    let access = text("access_token")
        .filter(|token| header_safe(token))
        .ok_or_else(|| malformed("`access_token` is missing or no header-safe text"))?;
    let refresh = text("refresh_token").filter(|token| !token.is_empty());
    let id_token = text("id_token").filter(|token| !token.is_empty());
    if [Some(access), refresh, id_token].iter().flatten().any(|t| t.len() > MAX_TOKEN) {
        return Err(malformed("a token is longer than 64 KiB"));
    }
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(malformed("`token_type` is not bearer"));
    }
    let lifetime = seconds(object.get("expires_in"));
    Ok(Token {
        access_token: secret(access),
        expires_in: lifetime.map_or(DEFAULT_LIFETIME, |s| Duration::from_secs(s).min(MAX_LIFETIME)),
        refresh_token: refresh.map(secret),
        id_token: id_token.map(secret),
    })
}
