//! Signing in on another device (RFC 8628).

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::OAuthError;
use super::answer::{Exchange, exchange, seconds};
use super::token::{Audience, ClientProof};
use crate::client::Egress;
use crate::policy::Policy;

/// Pause between two questions if the server names none (§3.2).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// Longest pause that is believed.
const MAX_INTERVAL: Duration = Duration::from_secs(60);
/// Longest time for a person to answer.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// Longest text that is shown to a person.
const MAX_SHOWN: usize = 2048;

/// A request for a device code.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    /// The device authorization endpoint.
    pub device_url: Url,
    /// The client's id.
    pub client_id: String,
    /// How the client proves who it is.
    pub proof: ClientProof,
    /// What the token is for.
    pub audience: Audience,
    /// Time limit.
    pub timeout: Duration,
}

/// What the person has to do.
#[derive(Clone)]
pub struct DeviceCode {
    /// What is shown for the token later.
    pub device_code: SecretString,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: Url,
    /// The same with the code in it.
    pub verification_uri_complete: Option<Url>,
    /// How long the person has.
    pub expires_in: Duration,
    /// Pause between two questions.
    pub interval: Duration,
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Asks for a device code (§3.1).
///
/// # Errors
/// If the endpoint is not reached, refuses, or answers without a code.
pub async fn device_request(
    egress: &Egress,
    policy: &Policy,
    request: &DeviceRequest,
) -> Result<DeviceCode, OAuthError> {
    let mut form = vec![("client_id", request.client_id.as_str())];
    match &request.proof {
        ClientProof::Secret(secret) | ClientProof::BasicSecret(secret) => {
            form.push(("client_secret", secret.expose_secret()));
        }
        ClientProof::None | ClientProof::Assertion(_) => {}
    }
    match &request.audience {
        Audience::Scope(scope) => form.push(("scope", scope)),
        Audience::Resource(resource) => form.push(("resource", resource)),
        Audience::Unstated => {}
    }
    let host = request.device_url.host_str().unwrap_or_default();
    let ask = Exchange {
        url: &request.device_url,
        form,
        headers: HeaderMap::new(),
        timeout: request.timeout,
    };
    let object = exchange(egress, policy, ask).await?;
    let text = |name: &str| {
        let plain =
            |t: &&str| !t.is_empty() && t.len() <= MAX_SHOWN && !t.chars().any(char::is_control);
        object.get(name).and_then(Value::as_str).filter(plain)
    };
    // What a person is sent to must be a web page: never a `file:` or a program of theirs.
    let web = |name: &str| {
        let url: Url = text(name)?.parse().ok()?;
        matches!(url.scheme(), "https" | "http").then_some(url)
    };
    let missing = |reason| OAuthError::malformed(host, reason);
    let limited = |name: &str, most: Duration| {
        seconds(object.get(name)).map(|s| Duration::from_secs(s).min(most))
    };
    Ok(DeviceCode {
        device_code: text("device_code")
            .ok_or_else(|| missing("`device_code` is missing"))?
            .to_owned()
            .into(),
        user_code: text("user_code").ok_or_else(|| missing("`user_code` is missing"))?.to_owned(),
        verification_uri: web("verification_uri")
            .or_else(|| web("verification_url"))
            .ok_or_else(|| missing("`verification_uri` is missing or no web address"))?,
        verification_uri_complete: web("verification_uri_complete"),
        expires_in: limited("expires_in", MAX_LIFETIME)
            .ok_or_else(|| missing("`expires_in` is missing"))?,
        interval: limited("interval", MAX_INTERVAL)
            .unwrap_or(DEFAULT_INTERVAL)
            .max(Duration::from_secs(1)),
    })
}
