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
    let (host, object) = document(egress, policy, issuer, timeout).await?;
    let found = object.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if found != issuer {
        return Err(OAuthError::Issuer { expected: shown(issuer), found: shown(found) });
    }
    let place = object.get("jwks_uri").and_then(Value::as_str);
    let url = place.and_then(|text| text.parse::<Url>().ok());
    let url = url.ok_or_else(|| OAuthError::malformed(&host, "it names no `jwks_uri`"))?;
    let ask = Exchange { url: &url, form: Vec::new(), headers: HeaderMap::new(), timeout };
    let mut object = exchange(egress, policy, ask).await?;
    let host = url.host_str().unwrap_or_default();
    let Some(Value::Array(keys)) = object.remove("keys") else {
        return Err(OAuthError::malformed(host, "its key set has no `keys`"));
    };
    if keys.len() > KEYS_MAX {
        return Err(OAuthError::malformed(host, "its key set has more than 200 keys"));
    }
    let objects = keys.into_iter().filter_map(|key| match key {
        Value::Object(key) => Some(key),
        _ => None,
    });
    Ok(objects.collect())
}
