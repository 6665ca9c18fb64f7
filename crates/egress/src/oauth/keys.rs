//! The keys with which an issuer signs what it says about others (OpenID Connect Discovery 1.0,
//! RFC 7517). Fetched as they are: whoever verifies reads them.
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value};
use url::Url;

use super::OAuthError;
use super::answer::{Exchange, exchange, shown};
use super::metadata::document;
use crate::client::Egress;
use crate::policy::Policy;

/// Most keys of an issuer that are looked at.
const KEYS_MAX: usize = 200;

/// Reads an issuer's description of itself and then its keys: the members of `keys`.
///
/// # Errors
/// If it is not reached, describes another issuer, or has no readable keys.
pub async fn issuer_keys(
    egress: &Egress,
    policy: &Policy,
    issuer: &str,
    timeout: Duration,
) -> Result<Vec<Map<String, Value>>, OAuthError> {
    let (host, object) = document(egress, policy, issuer, timeout).await.map_err(of_keys)?;
    let found = object.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if found != issuer {
        return Err(OAuthError::Issuer { expected: shown(issuer), found: shown(found) });
    }
    let place = object.get("jwks_uri").and_then(Value::as_str);
    let url = place.and_then(|text| text.parse::<Url>().ok());
    let url = url.ok_or_else(|| keys(&host, "it names no `jwks_uri`"))?;
    let ask = Exchange { url: &url, form: Vec::new(), headers: HeaderMap::new(), timeout };
    let mut object = exchange(egress, policy, ask).await.map_err(of_keys)?;
    let host = url.host_str().unwrap_or_default();
    let Some(Value::Array(all)) = object.remove("keys") else {
        return Err(keys(host, "its key set has no `keys`"));
    };
    if all.len() > KEYS_MAX {
        return Err(keys(host, "its key set has more than 200 keys"));
    }
    let objects = all.into_iter().filter_map(|key| match key {
        Value::Object(key) => Some(key),
        _ => None,
    });
    Ok(objects.collect())
}

fn keys(host: &str, reason: impl Into<String>) -> OAuthError {
    OAuthError::Keys { host: host.to_owned(), reason: reason.into() }
}

/// The same exchange is for tokens elsewhere, and says so.
fn of_keys(error: OAuthError) -> OAuthError {
    match error {
        OAuthError::Malformed { host, reason } => keys(&host, reason),
        OAuthError::Refused { host, status, .. } => keys(&host, format!("status {status}")),
        other => other,
    }
}
