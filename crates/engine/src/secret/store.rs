//! Where secrets are kept and who connref is there. Made by the binary from its own settings.
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use connref_solution::model::{ConnectionId, EnvironmentId};
use secrecy::SecretString;
use url::Url;

use crate::token::TokenKey;

/// Reads an environment variable of the process.
pub type Lookup = Arc<dyn Fn(&str) -> Option<SecretString> + Send + Sync>;

/// The stores that references may lead to. None by default.
#[derive(Clone, Default)]
pub struct SecretStores {
    /// Vault or OpenBao.
    pub vault: Option<VaultStore>,
    /// Azure Key Vault.
    pub key_vault: Option<KeyVaultStore>,
    /// Environment variables of the process.
    pub environment: Option<Lookup>,
}

impl fmt::Debug for SecretStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretStores")
            .field("vault", &self.vault.is_some())
            .field("key_vault", &self.key_vault.is_some())
            .field("environment", &self.environment.is_some())
            .finish()
    }
}

/// A Vault or OpenBao server.
#[derive(Clone)]
pub struct VaultStore {
    /// Its address, without `/v1`.
    pub address: Url,
    /// connref's token there.
    pub token: Held,
    /// Namespace, if the server has some.
    pub namespace: Option<String>,
}

/// Azure Key Vaults, read as a service principal.
#[derive(Clone)]
pub struct KeyVaultStore {
    /// Tenant of the service principal.
    pub tenant: String,
    /// Its application id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Held,
    /// Token endpoint, where it is not the tenant's public one.
    pub token_url: Option<Url>,
    /// Address of a vault, `{vault}` standing for its name.
    pub address: String,
    /// Scope of the token.
    pub scope: String,
}

impl KeyVaultStore {
    /// Address of a vault in the public cloud.
    pub const ADDRESS: &str = "https://{vault}.vault.azure.net";
    /// Scope of a token for vaults in the public cloud.
    pub const SCOPE: &str = "https://vault.azure.net/.default";

    /// The token is no connection's; its key stands beside theirs.
    pub(super) fn token_key(&self, environment: &EnvironmentId) -> TokenKey {
        TokenKey {
            environment: environment.clone(),
            connection: ConnectionId::new(&format!("key-vault/{}/{}", self.tenant, self.client_id)),
            version: 0,
        }
    }

    pub(super) fn parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::from([
            ("tenant".to_owned(), self.tenant.clone()),
            ("clientId".to_owned(), self.client_id.clone()),
            ("scope".to_owned(), self.scope.clone()),
        ]);
        if let Some(url) = &self.token_url {
            parameters.insert("tokenUrl".to_owned(), url.to_string());
        }
        parameters
    }
}

/// A credential of connref's own: given, or in a file that is read at each use, so that whoever
/// renews it need not restart anything.
#[derive(Clone)]
pub enum Held {
    /// Given.
    Text(SecretString),
    /// In a file.
    File(PathBuf),
}

impl Held {
    pub(super) fn read(&self) -> io::Result<SecretString> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let text = std::fs::read_to_string(path)?;
                Ok(text.trim_end().to_owned().into())
            }
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Held(given)"),
            Self::File(path) => write!(f, "Held({})", path.display()),
        }
    }
}
