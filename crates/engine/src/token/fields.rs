//! Which fields make which credential. Parameters may carry the service's prefix (`token:clientId`).

use std::collections::BTreeMap;
use std::fmt;

use connref_egress::oauth::{Algorithm, Audience, ManagedIdentity};
use secrecy::SecretString;
use url::Url;

use super::ask::{Ask, Client, Proof, TIMEOUT};
use crate::connector::{Credential, Target};

/// Where tokens of Entra ID come from.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// A connection's authentication as it is kept: a kind, open parameters and opened secrets.
#[derive(Clone, Copy)]
pub struct CredentialFields<'a> {
    /// `none`, `bearer`, `basic`, `api_key`, `client_credentials`, `managed_identity`,
    /// `refresh_token` or `fields`.
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
    /// Ask with the connection's own proof.
    Ask(Box<Ask>),
    /// Ask with what a person's sign-in left.
    Refresh(Box<Client>),
}

impl<'a> CredentialFields<'a> {
    pub(super) fn plan(&self) -> Result<Plan, FieldError> {
        let ready = |credential| Ok(Plan::Ready(credential));
        match self.kind {
            "none" => ready(Credential::None),
            "bearer" => ready(Credential::Bearer(self.secret(&["token", "accessToken"])?)),
            "api_key" => ready(Credential::ApiKey(self.secret(&["api_key", "apiKey", "key"])?)),
            "basic" => {
                let username =
                    self.parameter("username").ok_or(FieldError::Missing("username"))?.to_owned();
                ready(Credential::Basic { username, password: self.secret(&["password"])? })
            }
            "fields" => ready(Credential::Fields(self.secrets.clone())),
            "client_credentials" => {
                let client = self.client()?;
                if matches!(client.proof, Proof::None) {
                    return Err(FieldError::Missing("clientSecret"));
                }
                Ok(Plan::Ask(Box::new(Ask::Client(client))))
            }
            "managed_identity" => Ok(Plan::Ask(Box::new(Ask::Identity(self.identity()?)))),
            "refresh_token" => Ok(Plan::Refresh(Box::new(self.client()?))),
            other => Err(FieldError::Kind(other.chars().take(40).collect())),
        }
    }

    /// A parameter, with or without the service's prefix.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.target.parameter(name).or_else(|| self.target.parameter(&format!("token:{name}")))
    }

    fn named(&self, name: &str) -> Option<&'a SecretString> {
        let same = |key: &str| {
            let key = key.strip_prefix("token:").unwrap_or(key);
            key.eq_ignore_ascii_case(name)
        };
        self.secrets.iter().find(|(key, _)| same(key)).map(|(_, secret)| secret)
    }

    /// The first of these secrets; a connector's own single secret may have any name.
    fn secret(&self, names: &[&'static str]) -> Result<SecretString, FieldError> {
        let named = names.iter().find_map(|n| self.secrets.get(*n));
        let only = self.secrets.values().next().filter(|_| self.secrets.len() == 1);
        let missing = names.first().copied().unwrap_or("secret");
        named.or(only).cloned().ok_or(FieldError::Missing(missing))
    }

    /// The refresh token that the credential began with.
    pub(crate) fn refresh_token(&self) -> Option<&'a SecretString> {
        self.named("refreshToken")
    }

    /// The client of any grant.
    pub(crate) fn client(&self) -> Result<Client, FieldError> {
        self.client_at(self.token_url()?)
    }

    /// The client at a token endpoint that is known otherwise.
    pub(crate) fn client_at(&self, token_url: Url) -> Result<Client, FieldError> {
        Ok(Client {
            token_url,
            client_id: self
                .parameter("clientId")
                .ok_or(FieldError::Missing("clientId"))?
                .to_owned(),
            proof: self.proof()?,
            audience: self.audience(),
        })
    }

    fn token_url(&self) -> Result<Url, FieldError> {
        let tenant = self.parameter("tenant").or_else(|| self.parameter("tenantId"));
        match (self.parameter("tokenUrl"), tenant) {
            (Some(url), _) => url.parse().map_err(|_| FieldError::Unusable("tokenUrl")),
            (None, Some(tenant)) => tenant_url(tenant, "token"),
            (None, None) => Err(FieldError::Missing("tenant")),
        }
    }

    /// What the token is for.
    pub(crate) fn audience(&self) -> Audience {
        let resource = self.parameter("resource").or_else(|| self.parameter("resourceUri"));
        match (self.parameter("scope"), resource, self.default_scope) {
            (Some(scope), _, _) => Audience::Scope(scope.to_owned()),
            (None, Some(resource), _) => Audience::Resource(resource.to_owned()),
            (None, None, Some(scope)) => Audience::Scope(scope.to_owned()),
            (None, None, None) => Audience::Unstated,
        }
    }

    fn proof(&self) -> Result<Proof, FieldError> {
        if let Some(pem) = self.named("certificate") {
            return Ok(Proof::Certificate {
                pem: pem.clone(),
                algorithm: match self.parameter("assertionAlgorithm") {
                    None | Some("PS256") => Algorithm::Ps256,
                    Some("RS256") => Algorithm::Rs256,
                    Some(_) => return Err(FieldError::Unusable("assertionAlgorithm")),
                },
                audience: self.parameter("assertionAudience").map(str::to_owned),
            });
        }
        if let Some(token) = self.named("federatedToken") {
            return Ok(Proof::Federated(token.clone()));
        }
        if let Some(path) = self.parameter("federatedTokenFile") {
            return Ok(Proof::FederatedFile(path.to_owned()));
        }
        match self.named("clientSecret") {
            Some(secret) => Ok(Proof::Secret {
                secret: secret.clone(),
                basic: match self.parameter("clientAuthentication") {
                    None | Some("post") => false,
                    Some("basic") => true,
                    Some(_) => return Err(FieldError::Unusable("clientAuthentication")),
                },
            }),
            None => Ok(Proof::None),
        }
    }

    fn identity(&self) -> Result<ManagedIdentity, FieldError> {
        let endpoint = self.parameter("identityEndpoint");
        let endpoint = endpoint.map(str::parse).transpose();
        let resource = match self.audience() {
            Audience::Resource(resource) => resource,
            // These endpoints take the resource that the v2 scope names.
            Audience::Scope(scope) => {
                scope.strip_suffix("/.default").map(str::to_owned).unwrap_or(scope)
            }
            Audience::Unstated => return Err(FieldError::Missing("resource")),
        };
        Ok(ManagedIdentity {
            endpoint: endpoint.map_err(|_| FieldError::Unusable("identityEndpoint"))?,
            header: self.named("identityHeader").cloned(),
            client_id: self.parameter("clientId").map(str::to_owned),
            resource,
            timeout: TIMEOUT,
        })
    }
}

/// An endpoint of a tenant of Entra ID. A tenant is a GUID or a domain: nothing that could change
/// the path.
pub(crate) fn tenant_url(tenant: &str, endpoint: &str) -> Result<Url, FieldError> {
    let valid = tenant.len() <= 255
        && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        && !tenant.contains("..")
        && tenant != ".";
    if !valid {
        return Err(FieldError::Unusable("tenant"));
    }
    format!("{AUTHORITY}/{tenant}/oauth2/v2.0/{endpoint}")
        .parse()
        .map_err(|_| FieldError::Unusable("tenant"))
}
