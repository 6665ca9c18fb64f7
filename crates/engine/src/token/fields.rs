//! Which fields make which credential.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use connref_egress::oauth::{Audience, ClientCredentials};
use secrecy::SecretString;
use url::Url;

use crate::connector::{Credential, Target};

/// Time limit of a token request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Where tokens of Entra ID come from.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// A connection's authentication as it is kept: a kind, open parameters and opened secrets.
pub struct CredentialFields<'a> {
    /// `none`, `bearer`, `basic`, `api_key`, `client_credentials` or `fields`.
    pub kind: &'a str,
    /// Where the connection leads and its open parameters.
    pub target: &'a Target,
    /// Its secrets by name.
    pub secrets: &'a BTreeMap<String, SecretString>,
    /// The scope that the connector needs if the connection names none.
    pub default_scope: Option<&'a str>,
}

impl fmt::Debug for CredentialFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialFields")
            .field("kind", &self.kind)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Why fields make no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A field is missing.
    #[error("the field `{0}` of its credential is missing")]
    Missing(&'static str),
    /// A field cannot be used.
    #[error("the field `{0}` of its credential is not usable")]
    Unusable(&'static str),
    /// The kind is not known.
    #[error("the credential kind `{0}` is not known")]
    Kind(String),
}

/// What has to happen for a credential.
pub(super) enum Plan {
    Ready(Credential),
    Grant(ClientCredentials),
}

impl CredentialFields<'_> {
    pub(super) fn plan(&self) -> Result<Plan, FieldError> {
        let ready = |credential| Ok(Plan::Ready(credential));
        match self.kind {
            "none" => ready(Credential::None),
            "bearer" => ready(Credential::Bearer(self.secret(&["token", "accessToken"])?)),
            "api_key" => ready(Credential::ApiKey(self.secret(&["api_key", "apiKey", "key"])?)),
            "basic" => {
                let username = self
                    .target
                    .parameter("username")
                    .ok_or(FieldError::Missing("username"))?
                    .to_owned();
                ready(Credential::Basic { username, password: self.secret(&["password"])? })
            }
            "fields" => ready(Credential::Fields(self.secrets.clone())),
            "client_credentials" => Ok(Plan::Grant(self.grant()?)),
            other => Err(FieldError::Kind(other.chars().take(40).collect())),
        }
    }

    /// The first of these secrets; a connector's own single secret may have any name.
    fn secret(&self, names: &[&'static str]) -> Result<SecretString, FieldError> {
        let named = names.iter().find_map(|n| self.secrets.get(*n));
        let only = self.secrets.values().next().filter(|_| self.secrets.len() == 1);
        let missing = names.first().copied().unwrap_or("secret");
        named.or(only).cloned().ok_or(FieldError::Missing(missing))
    }

    fn grant(&self) -> Result<ClientCredentials, FieldError> {
        let parameter = |name: &str| self.target.parameter(name);
        let token_url = match (parameter("tokenUrl"), parameter("tenant").or(parameter("tenantId")))
        {
            (Some(url), _) => url.parse().map_err(|_| FieldError::Unusable("tokenUrl"))?,
            (None, Some(tenant)) => tenant_url(tenant)?,
            (None, None) => return Err(FieldError::Missing("tenant")),
        };
        let audience = match (parameter("scope"), parameter("resource"), self.default_scope) {
            (Some(scope), _, _) => Audience::Scope(scope.to_owned()),
            (None, Some(resource), _) => Audience::Resource(resource.to_owned()),
            (None, None, Some(scope)) => Audience::Scope(scope.to_owned()),
            (None, None, None) => Audience::Unstated,
        };
        Ok(ClientCredentials {
            token_url,
            client_id: parameter("clientId").ok_or(FieldError::Missing("clientId"))?.to_owned(),
            secret: self.secret(&["clientSecret"])?,
            audience,
            timeout: TIMEOUT,
        })
    }
}

/// A tenant is a GUID or a domain: nothing that could change the path.
fn tenant_url(tenant: &str) -> Result<Url, FieldError> {
    let valid = tenant.len() <= 255
        && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        && !tenant.contains("..")
        && tenant != ".";
    if !valid {
        return Err(FieldError::Unusable("tenant"));
    }
    format!("{AUTHORITY}/{tenant}/oauth2/v2.0/token")
        .parse()
        .map_err(|_| FieldError::Unusable("tenant"))
}
