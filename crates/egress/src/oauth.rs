//! OAuth 2.0 grants as a client (RFC 6749).

use std::fmt;
use std::time::Duration;

use http::{HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::client::Egress;
use crate::error::EgressError;
use crate::policy::Policy;
use crate::request::{HttpRequest, HttpResponse, Redirects};

/// Largest token response that is read.
const MAX_TOKEN_RESPONSE: usize = 1024 * 1024;
/// Lifetime that RFC 6749 §5.1 leaves open; an hour is what the common servers give.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// Longest lifetime that is believed.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

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

/// A client-credentials request.
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

/// An access token and how long it lives.
#[derive(Clone)]
pub struct Token {
    /// The token.
    pub access_token: SecretString,
    /// Its lifetime from the moment of the answer.
    pub expires_in: Duration,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_in", &self.expires_in).finish_non_exhaustive()
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

/// Why there is no token. The server's free text is left out: it may repeat what we sent.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The token endpoint was not reached.
    #[error("cannot ask for a token")]
    Egress(#[source] EgressError),
    /// The server said no.
    #[error("the token endpoint `{host}` refused with status {status} (`{code}`)")]
    Refused {
        /// The host of the token endpoint.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The OAuth error code, and the vendor's number if there is one.
        code: String,
    },
    /// The server's answer holds no usable token.
    #[error("the token endpoint `{host}` gave no usable token: {reason}")]
    Malformed {
        /// The host of the token endpoint.
        host: String,
        /// What is missing.
        reason: &'static str,
    },
}

impl OAuthError {
    /// True if the same request may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Egress(error) => error.retryable(),
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Malformed { .. } => false,
        }
    }
}

/// Asks for a token with the client's own credentials (RFC 6749 §4.4). Redirects are not followed.
///
/// # Errors
/// If the endpoint is not reached, refuses, or answers without a token.
pub async fn client_credentials(
    egress: &Egress,
    policy: &Policy,
    grant: &ClientCredentials,
) -> Result<Token, OAuthError> {
    let mut request = HttpRequest::new(Method::POST, grant.token_url.clone());
    request.body = form(grant).into();
    request.redirects = Redirects::Never;
    request.timeout = Some(grant.timeout);
    request.max_body = Some(MAX_TOKEN_RESPONSE);
    request.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let response = egress.http(policy, request).await.map_err(OAuthError::Egress)?;
    read_token(grant.token_url.host_str().unwrap_or_default(), &response)
}

/// The request's body. A function of its own, since the serializer must not live across an await.
fn form(grant: &ClientCredentials) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", &grant.client_id);
    form.append_pair("client_secret", grant.secret.expose_secret());
    match &grant.audience {
        Audience::Scope(scope) => form.append_pair("scope", scope),
        Audience::Resource(resource) => form.append_pair("resource", resource),
        Audience::Unstated => &mut form,
    };
    form.finish()
}

fn read_token(host: &str, response: &HttpResponse) -> Result<Token, OAuthError> {
    let json: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    let host = host.to_owned();
    if response.status != 200 {
        let code = json.as_ref().map_or_else(|| "no error code".to_owned(), error_code);
        return Err(OAuthError::Refused { host, status: response.status, code });
    }
    let malformed = |reason| OAuthError::Malformed { host: host.clone(), reason };
    let json = json.ok_or_else(|| malformed("the answer is not JSON"))?;
    let token = json
        .get("access_token")
        .and_then(|v| v.as_str())
        .filter(|t| !t.is_empty() && t.bytes().all(|b| (0x21..0x7f).contains(&b)))
        .ok_or_else(|| malformed("`access_token` is missing or no header-safe text"))?;
    if let Some(kind) = json.get("token_type").and_then(|v| v.as_str())
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return Err(malformed("`token_type` is not bearer"));
    }
    Ok(Token { access_token: SecretString::from(token.to_owned()), expires_in: lifetime(&json) })
}

/// Seconds as number, or as text in the older Azure endpoint.
fn lifetime(json: &serde_json::Value) -> Duration {
    let field = json.get("expires_in");
    let seconds = field
        .and_then(serde_json::Value::as_u64)
        .or_else(|| field.and_then(|v| v.as_str()).and_then(|t| t.parse().ok()));
    seconds.map_or(DEFAULT_LIFETIME, |s| Duration::from_secs(s).min(MAX_LIFETIME))
}

/// The registered error code plus the vendor's `AADSTS…` number, and nothing else of the answer.
fn error_code(json: &serde_json::Value) -> String {
    let code = json.get("error").and_then(|v| v.as_str()).unwrap_or_default();
    let plain = |c: &str| {
        (1..=40).contains(&c.len()) && c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let code = if plain(code) { code } else { "unreadable error code" };
    let number = json
        .get("error_description")
        .and_then(|v| v.as_str())
        .and_then(|text| text.strip_prefix("AADSTS"))
        .map(|rest| rest.bytes().take_while(u8::is_ascii_digit).take(12).count())
        .filter(|n| *n > 0);
    match (number, json.get("error_description").and_then(|v| v.as_str())) {
        (Some(digits), Some(text)) => format!("{code}, {}", &text[..6 + digits]),
        _ => code.to_owned(),
    }
}
