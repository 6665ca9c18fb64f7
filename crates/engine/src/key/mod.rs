//! Key providers of an installation: which are set, and those that lie on another machine.
//!
//! A provider has an address, one line of text without a secret:
//!
//! | address | key |
//! |---|---|
//! | `file:/path` | 32 random bytes in a file of mode 0600 |
//! | `passphrase:` or `passphrase:/file` | made of a passphrase by Argon2id |
//! | `transit:https://host:8200/transit/NAME` | in the transit engine of OpenBao or Vault |
//! | `azure:https://NAME.vault.azure.net/keys/KEY` | an RSA key in Azure Key Vault |
//!
//! The addresses come from a variable, else from a file beside the key file, else there is the key
//! file alone. What a provider is asked with (token, passphrase) is read at its use, so that it can
//! be renewed without a restart.
mod azure;
mod remote;
mod setting;
mod transit;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azure::KeyVault;
use connref_egress::Egress;
use connref_store::vault::{KeyFile, KeyProvider, KeySource, Passphrase, VaultError};
use remote::Remote;
use secrecy::SecretString;
use transit::Transit;
use zeroize::Zeroizing;

pub use setting::KeySetting;

/// Longest credential for a provider: a token, a passphrase, a client secret.
const CREDENTIAL_MAX: u64 = 64 * 1024;

/// Reads a variable of the process's environment.
pub type Variables = Arc<dyn Fn(&str) -> Option<SecretString> + Send + Sync>;

/// The key providers that are set for this installation.
pub struct KeyProviders {
    setting: KeySetting,
    variables: Variables,
    egress: Egress,
}

impl KeyProviders {
    /// Reads the setting, and what providers need, when they are asked for. Remote ones are reached
    /// through `egress`: public addresses over TLS, private ones where `CONNREF_KEY_ALLOW` names them.
    pub fn new(setting: KeySetting, variables: Variables, egress: Egress) -> Self {
        Self { setting, variables, egress }
    }

    fn open(&self, address: &str) -> Result<Arc<dyn KeyProvider>, VaultError> {
        let wrong = |reason: &str| VaultError::Setting {
            setting: address.to_owned(),
            reason: reason.to_owned(),
        };
        let (kind, rest) = address.split_once(':').ok_or_else(|| {
            wrong("it is no address: write `file:/path`, `passphrase:`, `transit:https://…` or `azure:https://…`")
        })?;
        match kind {
            "file" if Path::new(rest).is_absolute() => Ok(Arc::new(KeyFile::at(Path::new(rest)))),
            "file" => Err(wrong("the path is not absolute")),
            "passphrase" => {
                let text = match rest {
                    "" => credential(&self.variables, "CONNREF_KEY_PASSPHRASE")
                        .map_err(|reason| wrong(&reason))?,
                    path => from_file(Path::new(path)).map_err(|reason| wrong(&reason))?,
                };
                Ok(Arc::new(Passphrase::new(text, address)?))
            }
            "transit" => Ok(Arc::new(Transit::new(self.remote(address, rest)?)?)),
            "azure" => Ok(Arc::new(KeyVault::new(self.remote(address, rest)?)?)),
            other => Err(wrong(&format!("`{other}` is no kind of key provider"))),
        }
    }
}

impl KeyProviders {
    fn remote(&self, address: &str, url: &str) -> Result<Remote, VaultError> {
        let variables = Arc::clone(&self.variables);
        Remote::new(address, url, variables, self.egress.clone())
    }
}

impl KeySource for KeyProviders {
    fn providers(&self) -> Result<Vec<Arc<dyn KeyProvider>>, VaultError> {
        let addresses = self.setting.read()?;
        let mut providers = Vec::new();
        let mut refused = None;
        for address in &addresses {
            match self.open(address) {
                Ok(provider) => providers.push(provider),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        // During a move one of two may lack its credential already.
        match (providers.is_empty(), refused) {
            (true, Some(error)) => Err(error),
            _ => Ok(providers),
        }
    }

    fn provider(&self, address: &str) -> Result<Arc<dyn KeyProvider>, VaultError> {
        self.open(&self.setting.whole(address)?)
    }

    fn choose(&self, address: &str, keep: bool) -> Result<(), VaultError> {
        self.setting.choose(&self.setting.whole(address)?, keep)
    }
}

/// The file that the variable with `_FILE` at its end names, else the variable itself.
fn credential(variables: &Variables, name: &str) -> Result<SecretString, String> {
    use secrecy::ExposeSecret;
    let file = format!("{name}_FILE");
    let set = |name: &str| variables(name).filter(|text| !text.expose_secret().trim().is_empty());
    match (set(&file), set(name)) {
        (Some(path), _) => from_file(&PathBuf::from(path.expose_secret())),
        (None, Some(text)) => Ok(text),
        (None, None) => Err(format!("neither {file} nor {name} is set")),
    }
}

/// A credential in a file; the line end at its end is no part of it.
fn from_file(path: &Path) -> Result<SecretString, String> {
    use std::io::Read;
    let failed = |reason: String| format!("`{}` {reason}", path.display());
    let file = std::fs::File::open(path).map_err(|e| failed(format!("cannot be read: {e}")))?;
    let mut text = Zeroizing::new(String::new());
    let size = file
        .take(CREDENTIAL_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|e| failed(format!("cannot be read: {e}")))?;
    if size as u64 > CREDENTIAL_MAX {
        return Err(failed("is larger than 64 KiB".to_owned()));
    }
    let inner = text.strip_suffix('\n').unwrap_or(&text);
    let inner = inner.strip_suffix('\r').unwrap_or(inner);
    if inner.is_empty() {
        return Err(failed("is empty".to_owned()));
    }
    Ok(inner.to_owned().into())
}
