//! Secrets that Secret variables point to: fetched at the moment of their use, checked against who
//! runs and where, kept nowhere.
//!
//! Which references an environment may read is an operator's word, in the entries `secret:…` of the
//! environment's allow-list; without one nothing is read. Who may ask is the store's word: whoever
//! reads the variable. Where the stores are and who connref is there comes with [`SecretStores`].
mod resolve;
mod store;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connref_egress::{Egress, EgressError, HttpRequest, HttpResponse, Policy, Redirects};
use connref_solution::model::{EnvironmentId, SecretReference};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use zeroize::Zeroizing;

pub use resolve::VariableError;
pub(crate) use resolve::asks;
pub use store::{Held, KeyVaultStore, Lookup, SecretStores, VaultStore};

use crate::connector::{Credential, Target};
use crate::token::{CredentialFields, TokenError, Tokens};

/// Time limit of fetching one secret, its token included.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer of a store that is read.
const ANSWER_MAX: usize = 1 << 20;
/// Longest secret, in bytes; a Key Vault keeps at most 25 KB.
pub const SECRET_MAX: usize = 64 * 1024;
/// Version of the Key Vault interface that is asked.
const KEY_VAULT_API: &str = "7.4";

/// Why there is no secret. Names the place, never what lies there.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment's allow-list does not cover the reference.
    #[error(
        "this environment may not read the secret `{reference}`: the operator allows it with \
         `connref env allow ENVIRONMENT secret:{reference}`"
    )]
    NotAllowed {
        /// The reference.
        reference: String,
    },
    /// No store of this kind was set up.
    #[error("connref was not told how to reach {store}: set {setting}")]
    NoStore {
        /// `Azure Key Vault` or `Vault`.
        store: &'static str,
        /// What has to be set.
        setting: &'static str,
    },
    /// What connref proves itself with to the store cannot be read.
    #[error("connref's own credential for {store} cannot be read")]
    Credential {
        /// The store.
        store: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store refused connref, or the secret is not for this environment.
    #[error("User is not authorized to read secrets from '{reference}' resource.")]
    Forbidden {
        /// The reference.
        reference: String,
    },
    /// There is no such secret, field, variable or file.
    #[error("there is no secret at `{reference}`")]
    NotFound {
        /// The reference.
        reference: String,
    },
    /// The store answered with another status.
    #[error("the store of the secret `{reference}` answered with status {status}")]
    Refused {
        /// The reference.
        reference: String,
        /// Status.
        status: u16,
    },
    /// The answer or the file holds no usable text.
    #[error("what lies at `{reference}` cannot be used as a secret: {reason}")]
    Unusable {
        /// The reference.
        reference: String,
        /// Why.
        reason: &'static str,
    },
    /// The store was not reached.
    #[error("the store of the secret `{reference}` was not reached")]
    Egress {
        /// The reference.
        reference: String,
        /// Why.
        #[source]
        source: EgressError,
    },
    /// No token for the store.
    #[error("cannot authenticate to the store of the secret `{reference}`")]
    Token {
        /// The reference.
        reference: String,
        /// Why.
        #[source]
        source: TokenError,
    },
}

impl SecretError {
    /// True if the same request may succeed later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Egress { source, .. } => source.retryable(),
            Self::Token { source, .. } => source.retryable(),
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }

    /// The status an HTTP edge answers with.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotAllowed { .. } | Self::Forbidden { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Egress { .. } | Self::Token { .. } | Self::Refused { .. } => 502,
            Self::NoStore { .. } | Self::Credential { .. } | Self::Unusable { .. } => 400,
        }
    }
}

/// Fetches secrets. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    egress: Egress,
    tokens: Tokens,
    stores: Arc<SecretStores>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Fetches through this way out, from these stores.
    pub fn new(egress: Egress, tokens: Tokens, stores: SecretStores) -> Self {
        Self { egress, tokens, stores: Arc::new(stores) }
    }

    /// The secret that a reference means. `policy` and `environment` are those of the environment
    /// that asks; whether the caller may ask was settled before.
    ///
    /// # Errors
    /// If the environment may not, the store is not set up, refuses, does not answer in time, or has
    /// nothing usable there.
    pub async fn read(
        &self,
        policy: &Policy,
        environment: &EnvironmentId,
        reference: &SecretReference,
    ) -> Result<SecretString, SecretError> {
        let name = reference.to_string();
        if !policy.secrets().iter().any(|entry| reference.under(entry)) {
            return Err(SecretError::NotAllowed { reference: name });
        }
        let text = match reference {
            SecretReference::KeyVault { vault, secret, .. } => {
                self.key_vault(policy, environment, &name, vault, secret).await?
            }
            SecretReference::Vault { mount, path, field } => {
                self.vault(policy, &name, mount, path, field).await?
            }
            SecretReference::Environment(variable) => self
                .stores
                .environment
                .as_ref()
                .and_then(|lookup| lookup(variable))
                .ok_or(SecretError::NotFound { reference: name.clone() })?,
            SecretReference::File(path) => self.file(policy, &name, Path::new(path))?,
        };
        let unusable = |reason| SecretError::Unusable { reference: name, reason };
        match text.expose_secret().len() {
            0 => Err(unusable("it is empty")),
            1..=SECRET_MAX => Ok(text),
            _ => Err(unusable("it is longer than 64 KiB")),
        }
    }

    async fn key_vault(
        &self,
        policy: &Policy,
        environment: &EnvironmentId,
        name: &str,
        vault: &str,
        secret: &str,
    ) -> Result<SecretString, SecretError> {
        let store = self.stores.key_vault.as_ref().ok_or(SecretError::NoStore {
            store: "Azure Key Vault",
            setting: "CONNREF_KEYVAULT_TENANT, CONNREF_KEYVAULT_CLIENT_ID and CONNREF_KEYVAULT_CLIENT_SECRET_FILE",
        })?;
        let base = store.address.replace("{vault}", &vault.to_ascii_lowercase());
        let url =
            format!("{}/secrets/{secret}?api-version={KEY_VAULT_API}", base.trim_end_matches('/'));
        let mut again = true;
        loop {
            let token = self.key_vault_token(policy, environment, name, store).await?;
            let mut headers = HeaderMap::new();
            bearer(&mut headers, &token, name)?;
            let response = self.get(policy, name, &url, headers).await?;
            if response.status == 401 && again {
                // The token was revoked before its time.
                self.tokens.forget(&store.token_key(environment));
                again = false;
                continue;
            }
            let body = answer(name, &response)?;
            return key_vault_value(name, environment, &body);
        }
    }

    async fn key_vault_token(
        &self,
        policy: &Policy,
        environment: &EnvironmentId,
        name: &str,
        store: &KeyVaultStore,
    ) -> Result<SecretString, SecretError> {
        let secret = store
            .client_secret
            .read()
            .map_err(|source| SecretError::Credential { store: "Azure Key Vault", source })?;
        let secrets = [("clientSecret".to_owned(), secret)].into();
        let target = Target { endpoint: None, parameters: store.parameters() };
        let fields = CredentialFields {
            kind: "client_credentials",
            target: &target,
            secrets: &secrets,
            default_scope: None,
        };
        let credential =
            self.tokens.credential(&store.token_key(environment), policy, &fields).await;
        match credential {
            Ok(Credential::Bearer(token)) => Ok(token),
            Ok(_) => Err(SecretError::Unusable {
                reference: name.to_owned(),
                reason: "the token endpoint gave no bearer token",
            }),
            Err(source) => Err(SecretError::Token { reference: name.to_owned(), source }),
        }
    }

    /// The key-value engine, version 2, of Vault and OpenBao.
    async fn vault(
        &self,
        policy: &Policy,
        name: &str,
        mount: &str,
        path: &str,
        field: &str,
    ) -> Result<SecretString, SecretError> {
        let store = self.stores.vault.as_ref().ok_or(SecretError::NoStore {
            store: "Vault",
            setting: "CONNREF_VAULT_ADDR and CONNREF_VAULT_TOKEN_FILE",
        })?;
        let token = store
            .token
            .read()
            .map_err(|source| SecretError::Credential { store: "Vault", source })?;
        let mut headers = HeaderMap::new();
        sensitive(&mut headers, "x-vault-token", token.expose_secret(), name)?;
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = &store.namespace {
            sensitive(&mut headers, "x-vault-namespace", namespace, name)?;
        }
        let address = store.address.as_str().trim_end_matches('/');
        let url = format!("{address}/v1/{mount}/data/{path}");
        let response = self.get(policy, name, &url, headers).await?;
        let body = answer(name, &response)?;
        match body.pointer("/data/data").and_then(|data| data.get(field)) {
            Some(Json::String(text)) => Ok(text.clone().into()),
            Some(Json::Null) | None => Err(SecretError::NotFound { reference: name.to_owned() }),
            Some(_) => Err(SecretError::Unusable {
                reference: name.to_owned(),
                reason: "the field is no text",
            }),
        }
    }

    async fn get(
        &self,
        policy: &Policy,
        name: &str,
        url: &str,
        headers: HeaderMap,
    ) -> Result<HttpResponse, SecretError> {
        let url = url.parse().map_err(|_| SecretError::Unusable {
            reference: name.to_owned(),
            reason: "the store's address is not valid",
        })?;
        let mut request = HttpRequest::new(Method::GET, url);
        request.headers = headers;
        request.timeout = Some(TIMEOUT);
        request.max_body = Some(ANSWER_MAX);
        // The store's own word or none: its credential goes nowhere else.
        request.redirects = Redirects::Never;
        let response = self.egress.http(policy, request).await;
        response.map_err(|source| SecretError::Egress { reference: name.to_owned(), source })
    }

    /// A file below a folder that an entry `secret:file:…` names. Links are followed first.
    fn file(&self, policy: &Policy, name: &str, path: &Path) -> Result<SecretString, SecretError> {
        let not_found = || SecretError::NotFound { reference: name.to_owned() };
        let real = self.egress.file(&policy.for_secret_files(), path).map_err(|_| not_found())?;
        let unusable = |reason| SecretError::Unusable { reference: name.to_owned(), reason };
        let file = std::fs::File::open(real).map_err(|_| not_found())?;
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = u64::try_from(SECRET_MAX).unwrap_or(u64::MAX) + 2;
        file.take(limit).read_to_end(&mut bytes).map_err(|_| not_found())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable("it is no UTF-8 text"))?;
        // One line end at the end of a file is no part of the secret.
        let text = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
        Ok(text.to_owned().into())
    }
}

fn bearer(headers: &mut HeaderMap, token: &SecretString, name: &str) -> Result<(), SecretError> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    sensitive(headers, header::AUTHORIZATION.as_str(), &text, name)
}

fn sensitive(
    headers: &mut HeaderMap,
    header: &'static str,
    text: &str,
    name: &str,
) -> Result<(), SecretError> {
    let mut value = HeaderValue::from_str(text.trim()).map_err(|_| SecretError::Unusable {
        reference: name.to_owned(),
        reason: "connref's own credential for the store cannot stand in a header",
    })?;
    value.set_sensitive(true);
    headers.insert(HeaderName::from_static(header), value);
    Ok(())
}

/// The JSON of a store's answer, or what its status means. Nothing of a refusal is repeated.
fn answer(name: &str, response: &HttpResponse) -> Result<Json, SecretError> {
    let reference = name.to_owned();
    match response.status {
        200 => serde_json::from_slice(&response.body).map_err(|_| SecretError::Unusable {
            reference,
            reason: "the store's answer is not JSON",
        }),
        401 | 403 => Err(SecretError::Forbidden { reference }),
        404 => Err(SecretError::NotFound { reference }),
        status => Err(SecretError::Refused { reference, status }),
    }
}

/// A tag that limits a secret to environments: their ids, separated by commas.
const ALLOWED_ENVIRONMENTS: &str = "AllowedEnvironments";

fn key_vault_value(
    name: &str,
    environment: &EnvironmentId,
    body: &Json,
) -> Result<SecretString, SecretError> {
    let tag = body.get("tags").and_then(|tags| tags.get(ALLOWED_ENVIRONMENTS));
    if let Some(tag) = tag {
        let own = environment.as_str();
        let listed = tag.as_str().is_some_and(|ids| {
            ids.split(',').any(|id| id.trim().trim_matches(['{', '}']).eq_ignore_ascii_case(own))
        });
        if !listed {
            return Err(SecretError::Forbidden { reference: name.to_owned() });
        }
    }
    match body.get("value") {
        Some(Json::String(text)) => Ok(text.clone().into()),
        _ => Err(SecretError::Unusable {
            reference: name.to_owned(),
            reason: "the store's answer has no `value`",
        }),
    }
}
