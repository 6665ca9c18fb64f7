//! The stores that Secret variables may point to, from the environment of the process. A credential
//! itself is better given as a file: it can be renewed without a restart.
use std::sync::Arc;

use connref_engine::secret::{Held, KeyVaultStore, SecretStores, VaultStore};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::exit::Failure;

/// Reads the settings. What is not set is no store; what is set by half is refused.
pub(crate) fn stores() -> Result<SecretStores, Failure> {
    Ok(SecretStores {
        vault: vault()?,
        key_vault: key_vault()?,
        environment: Some(Arc::new(|name| std::env::var(name).ok().map(SecretString::from))),
    })
}

fn vault() -> Result<Option<VaultStore>, Failure> {
    let Some(address) = set("CONNREF_VAULT_ADDR") else { return Ok(None) };
    let address = url("CONNREF_VAULT_ADDR", &address)?;
    let token = held("CONNREF_VAULT_TOKEN")?;
    Ok(Some(VaultStore { address, token, namespace: set("CONNREF_VAULT_NAMESPACE") }))
}

fn key_vault() -> Result<Option<KeyVaultStore>, Failure> {
    let Some(tenant) = set("CONNREF_KEYVAULT_TENANT") else { return Ok(None) };
    let client_id = set("CONNREF_KEYVAULT_CLIENT_ID").ok_or_else(|| {
        Failure::usage("CONNREF_KEYVAULT_TENANT is set and CONNREF_KEYVAULT_CLIENT_ID is not")
    })?;
    let token_url = set("CONNREF_KEYVAULT_TOKEN_URL");
    let token_url = token_url.map(|text| url("CONNREF_KEYVAULT_TOKEN_URL", &text)).transpose()?;
    let address = set("CONNREF_KEYVAULT_ADDRESS").unwrap_or(KeyVaultStore::ADDRESS.to_owned());
    url("CONNREF_KEYVAULT_ADDRESS", &address.replace("{vault}", "vault"))?;
    Ok(Some(KeyVaultStore {
        tenant,
        client_id,
        client_secret: held("CONNREF_KEYVAULT_CLIENT_SECRET")?,
        token_url,
        address,
        scope: set("CONNREF_KEYVAULT_SCOPE").unwrap_or(KeyVaultStore::SCOPE.to_owned()),
    }))
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The variable itself, or a file that the variable with `_FILE` at its end names.
fn held(name: &str) -> Result<Held, Failure> {
    let file = format!("{name}_FILE");
    match (set(name).map(Zeroizing::new), set(&file)) {
        (_, Some(path)) => Ok(Held::File(std::path::absolute(path)?)),
        (Some(text), None) => Ok(Held::Text(text.as_str().to_owned().into())),
        (None, None) => Err(Failure::usage(format!("neither {file} nor {name} is set"))),
    }
}

fn url(name: &str, text: &str) -> Result<url::Url, Failure> {
    let wrong =
        || Failure::usage(format!("{name} is no address: write https://host or http://host"));
    let url: url::Url = text.parse().map_err(|_| wrong())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none();
    if plain { Ok(url) } else { Err(wrong()) }
}
