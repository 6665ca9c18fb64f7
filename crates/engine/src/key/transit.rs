//! The transit engine of OpenBao and of Vault: the tenant key is encrypted there, with the tenant as
//! associated data, under the newest version of a key that never leaves it.
//!
//! The fingerprint names the engine's mount, the key, and the moment its version was made. The
//! token needs `read` on the key and `update` on `encrypt/` and `decrypt/` of it.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_store::source::hex;
use connref_store::vault::{KeyProvider, VaultError, Wrapped, associated};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::remote::Remote;

/// A ciphertext of 32 bytes takes about a hundred.
const CIPHERTEXT_MAX: usize = 1024;

/// A key in a transit engine.
pub(super) struct Transit {
    remote: Remote,
    mount: String,
    key: String,
}

impl Transit {
    /// Reads `https://HOST/MOUNT/KEY`.
    pub(super) fn new(remote: Remote) -> Result<Self, VaultError> {
        let mut parts = remote.segments();
        let key = parts.pop().unwrap_or_default();
        if parts.is_empty() {
            return Err(remote.setting("write `transit:https://HOST/MOUNT/KEY`"));
        }
        Ok(Self { mount: parts.join("/"), key, remote })
    }

    async fn ask(
        &self,
        method: Method,
        verb: &str,
        body: Option<&Json>,
    ) -> Result<(u16, Json), VaultError> {
        let token = self.remote.credential("CONNREF_KEY_TOKEN")?;
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("x-vault-token");
        self.remote.secret_header(&mut headers, name, token.expose_secret())?;
        // Makes sure that no cache or browser speaks (the product's own agent mode wants it).
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = self.remote.variable("CONNREF_KEY_NAMESPACE") {
            let name = HeaderName::from_static("x-vault-namespace");
            self.remote.secret_header(&mut headers, name, &namespace)?;
        }
        let url = self.remote.at(&format!("/v1/{}/{verb}/{}", self.mount, self.key));
        self.remote.ask(method, url, headers, body).await
    }

    /// The key's versions and when each was made. Encrypting under a name that is not there would
    /// make a key, so it is asked for first.
    async fn versions(&self) -> Result<Json, VaultError> {
        let (status, answer) = self.ask(Method::GET, "keys", None).await?;
        if status != 200 {
            return Err(self.remote.status(status));
        }
        let data = answer.get("data").ok_or_else(|| self.remote.malformed())?;
        if data.get("supports_encryption") != Some(&Json::Bool(true)) {
            return Err(self.remote.failed("has a key that does not encrypt", false));
        }
        data.get("keys").cloned().ok_or_else(|| self.remote.malformed())
    }

    fn fingerprint(&self, versions: &Json, version: u64) -> Option<String> {
        let made = versions.get(version.to_string())?;
        // Symmetric keys tell the second they were made in, others an object that holds it.
        let made = made.get("creation_time").unwrap_or(made).to_string();
        let mut hash = Sha256::new();
        for part in ["connref.transit.v1", &self.mount, &self.key, &version.to_string(), &made] {
            hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            hash.update(part);
        }
        Some(hex(&hash.finalize()[..8]))
    }

    async fn encrypt(&self, tenant: &str, key: &[u8; 32]) -> Result<Wrapped, VaultError> {
        let versions = self.versions().await?;
        let plain = Zeroizing::new(STANDARD.encode(key));
        let body = json!({
            "plaintext": plain.as_str(),
            "associated_data": STANDARD.encode(associated(tenant)),
        });
        let (status, answer) = self.ask(Method::POST, "encrypt", Some(&body)).await?;
        forget(body);
        if status != 200 {
            return Err(self.remote.status(status));
        }
        let sealed = answer.pointer("/data/ciphertext").and_then(Json::as_str);
        let sealed = sealed.ok_or_else(|| self.remote.malformed())?;
        let version = key_version(sealed.as_bytes()).ok_or_else(|| self.remote.malformed())?;
        let fingerprint = match self.fingerprint(&versions, version) {
            Some(fingerprint) => fingerprint,
            // The key got a new version in between.
            None => self
                .fingerprint(&self.versions().await?, version)
                .ok_or_else(|| self.remote.malformed())?,
        };
        Ok(Wrapped { bytes: sealed.as_bytes().to_vec(), fingerprint })
    }

    async fn decrypt(
        &self,
        tenant: &str,
        wrapped: &Wrapped,
    ) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let expected = wrapped.fingerprint.clone();
        let place = self.remote.place.clone();
        let not_opened =
            || VaultError::NotOpened { place: place.clone(), expected: expected.clone() };
        let version = key_version(&wrapped.bytes).ok_or_else(not_opened)?;
        let text = std::str::from_utf8(&wrapped.bytes).map_err(|_| not_opened())?;
        let versions = self.versions().await?;
        let Some(found) = self.fingerprint(&versions, version) else {
            let reason = format!("has no version {version} of the key (any more)");
            return Err(self.remote.failed(reason, false));
        };
        if found != expected {
            return Err(VaultError::WrongKey { place, found, expected });
        }
        let body = json!({
            "ciphertext": text,
            "associated_data": STANDARD.encode(associated(tenant)),
        });
        let (status, answer) = self.ask(Method::POST, "decrypt", Some(&body)).await?;
        match status {
            200 => {}
            400 => return Err(not_opened()),
            other => return Err(self.remote.status(other)),
        }
        let plain = answer.pointer("/data/plaintext").and_then(Json::as_str);
        let plain = plain.map(|text| Zeroizing::new(STANDARD.decode(text).unwrap_or_default()));
        let plain = plain.ok_or_else(|| self.remote.malformed())?;
        forget(answer);
        let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| self.remote.malformed())?;
        Ok(Zeroizing::new(key))
    }
}

/// `vault:vN:` and base64.
fn key_version(ciphertext: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(ciphertext).ok().filter(|text| text.len() <= CIPHERTEXT_MAX)?;
    let (version, rest) = text.strip_prefix("vault:v")?.split_once(':')?;
    let plain = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
    let fits = rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    if plain && fits { version.parse().ok() } else { None }
}

/// Overwrites the texts of a document that held a key.
fn forget(document: Json) {
    match document {
        Json::String(text) => drop(Zeroizing::new(text)),
        Json::Object(members) => members.into_iter().for_each(|(_, value)| forget(value)),
        Json::Array(items) => items.into_iter().for_each(forget),
        _ => {}
    }
}

impl KeyProvider for Transit {
    fn kind(&self) -> &'static str {
        "transit"
    }

    fn place(&self) -> String {
        self.remote.place.clone()
    }

    fn wrap<'a>(
        &'a self,
        tenant: &'a str,
        key: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Wrapped, VaultError>> {
        Box::pin(self.encrypt(tenant, key))
    }

    fn unwrap<'a>(
        &'a self,
        tenant: &'a str,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<Zeroizing<[u8; 32]>, VaultError>> {
        Box::pin(self.decrypt(tenant, wrapped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ciphertext_names_its_version() {
        assert_eq!(key_version(b"vault:v12:abc+/="), Some(12));
        for bad in ["", "vault:v:abc", "vault:v1", "vault:vx:abc", "vault:v1:a b", "vault:v-1:a"] {
            assert_eq!(key_version(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(key_version(format!("vault:v1:{}", "a".repeat(2000)).as_bytes()), None);
    }
}
