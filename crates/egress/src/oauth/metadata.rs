//! What an authorization server says about itself (RFC 8414, OpenID Connect Discovery 1.0).

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value};
use url::Url;

use super::OAuthError;
use super::answer::{Exchange, exchange, shown};
use crate::client::Egress;
use crate::policy::Policy;

/// The endpoints of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    /// Who it is; equal to what was asked for, byte by byte.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: Option<Url>,
    /// Where tokens come from.
    pub token_endpoint: Url,
    /// Where device codes come from.
    pub device_authorization_endpoint: Option<Url>,
    /// Whether its answers name the issuer (RFC 9207 §3).
    pub names_issuer: bool,
}

/// Reads the server's own description of itself.
///
/// # Errors
/// If it is not reached, is no description, or is another issuer's.
pub async fn metadata_discover(
    egress: &Egress,
    policy: &Policy,
    issuer: &str,
    timeout: Duration,
) -> Result<ServerMetadata, OAuthError> {
    let (host, object) = document(egress, policy, issuer, timeout).await?;
    read(&host, issuer, &object)
}

/// An issuer's description of itself, unread, and the host that gave it.
pub(super) async fn document(
    egress: &Egress,
    policy: &Policy,
    issuer: &str,
    timeout: Duration,
) -> Result<(String, Map<String, Value>), OAuthError> {
    let base = issuer.trim_end_matches('/');
    let url: Url = format!("{base}/.well-known/openid-configuration").parse().map_err(|_| {
        OAuthError::Malformed { host: shown(issuer), reason: "the issuer is not an address" }
    })?;
    let ask = |url| Exchange { url, form: Vec::new(), headers: HeaderMap::new(), timeout };
    let object = match exchange(egress, policy, ask(&url)).await {
        Err(OAuthError::Refused { status: 404, .. }) => {
            // RFC 8414 §3.1 puts the well-known part before the issuer's path.
            let mut other = url.clone();
            let path = issuer.parse::<Url>().map(|u| u.path().to_owned()).unwrap_or_default();
            let path = path.trim_end_matches('/');
            other.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
            exchange(egress, policy, ask(&other)).await?
        }
        answered => answered?,
    };
    Ok((url.host_str().unwrap_or_default().to_owned(), object))
}

fn read(
    host: &str,
    issuer: &str,
    object: &Map<String, Value>,
) -> Result<ServerMetadata, OAuthError> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let found = text("issuer").unwrap_or_default();
    if found != issuer {
        return Err(OAuthError::Issuer { expected: shown(issuer), found: shown(found) });
    }
    let endpoint = |name: &str| text(name).and_then(|url| url.parse::<Url>().ok());
    Ok(ServerMetadata {
        issuer: found.to_owned(),
        authorization_endpoint: endpoint("authorization_endpoint"),
        token_endpoint: endpoint("token_endpoint")
            .ok_or_else(|| OAuthError::malformed(host, "it names no `token_endpoint`"))?,
        device_authorization_endpoint: endpoint("device_authorization_endpoint"),
        names_issuer: object
            .get("authorization_response_iss_parameter_supported")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}
