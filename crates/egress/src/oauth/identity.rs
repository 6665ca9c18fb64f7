//! Managed identities: the host that connref runs on has an identity, and an endpoint on it hands out
//! tokens. Two forms: the instance metadata service, and the one of App Service and its kin.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::OAuthError;
use super::answer::{Exchange, exchange};
use super::token::{Token, token_read};
use crate::client::Egress;
use crate::policy::Policy;

/// Where the instance metadata service listens.
const METADATA_SERVICE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const METADATA_VERSION: &str = "2018-02-01";
const APP_VERSION: &str = "2019-08-01";

/// A request to an identity endpoint.
#[derive(Clone)]
pub struct ManagedIdentity {
    /// The endpoint; without one the instance metadata service.
    pub endpoint: Option<Url>,
    /// The word that App Service wants in `X-IDENTITY-HEADER`; with it the form is App Service's.
    pub header: Option<SecretString>,
    /// Which of several identities, by its client id.
    pub client_id: Option<String>,
    /// What the token is for.
    pub resource: String,
    /// Time limit.
    pub timeout: Duration,
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity")
            .field("host", &self.endpoint.as_ref().and_then(Url::host_str))
            .field("client_id", &self.client_id)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

/// Asks the host's identity endpoint for a token. Reaches what the policy names as an identity
/// endpoint (`identity:ADDRESS`) and nothing else that is not public: who may make a connection must
/// not thereby become the host.
///
/// # Errors
/// If the endpoint is not allowed, is not reached, refuses, or answers without a token.
pub async fn identity_token(
    egress: &Egress,
    policy: &Policy,
    identity: &ManagedIdentity,
) -> Result<Token, OAuthError> {
    let mut url = match &identity.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => METADATA_SERVICE.parse().expect("a constant address is valid"),
    };
    let mut headers = HeaderMap::new();
    let version = match &identity.header {
        Some(word) => {
            let mut value = HeaderValue::from_str(word.expose_secret()).map_err(|_| {
                OAuthError::Proof { reason: "its header holds characters that no header may hold" }
            })?;
            value.set_sensitive(true);
            headers.insert("x-identity-header", value);
            APP_VERSION
        }
        None => {
            headers.insert("metadata", HeaderValue::from_static("true"));
            METADATA_VERSION
        }
    };
    url.query_pairs_mut()
        .append_pair("api-version", version)
        .append_pair("resource", &identity.resource);
    if let Some(client) = &identity.client_id {
        url.query_pairs_mut().append_pair("client_id", client);
    }
    let ask = Exchange { url: &url, form: Vec::new(), headers, timeout: identity.timeout };
    let object = exchange(egress, &policy.for_identity(), ask).await?;
    token_read(url.host_str().unwrap_or_default(), &object)
}
