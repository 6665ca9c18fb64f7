//! Azure Key Vault: an RSA key that never leaves it wraps a key of ours (RSA-OAEP-256), under which
//! the tenant key is sealed with the tenant as associated data; the service's own wrapping knows
//! none.
//!
//! ```text
//! 1 byte   format, 1
//! 1 byte   length of the key's version, then the version
//! 2 bytes  length of the wrapped key, big endian, then the wrapped key
//! rest     12 nonce ‖ 32 ciphertext ‖ 16 tag, AES-256-GCM under that key
//! ```
//! Which vault and which key is the setting's word; only the version is read from here.
//!
//! The fingerprint is that of the public key. connref proves itself as Azure's own tools do:
//! `AZURE_TENANT_ID` and `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET` (or a file), or with
//! `AZURE_FEDERATED_TOKEN_FILE`; else with the host's managed identity. It needs get, wrapKey and
//! unwrapKey on the key.
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_egress::Policy;
use connref_egress::oauth::{
    Audience, ClientProof, Grant, ManagedIdentity, TokenRequest, identity_token, token_request,
};
use connref_store::source::{Ids, SystemIds, hex};
use connref_store::vault::{KeyProvider, VaultError, Wrapped, open_local, wrap_local};
use futures::future::BoxFuture;
use http::{HeaderMap, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::remote::Remote;

const FORMAT: u8 = 1;
const ALGORITHM: &str = "RSA-OAEP-256";
const API: &str = "7.4";
/// The largest RSA key has 4096 bits.
const WRAPPED_MAX: usize = 512;
const VERSION_MAX: usize = 64;
const TOKEN_TIME: Duration = Duration::from_secs(10);
const AUTHORITY: &str = "https://login.microsoftonline.com";
const DOMAIN: &str = "vault.azure.net";
/// Where a virtual machine's identity is asked for.
const METADATA_SERVICE: &str = "169.254.169.254:80";

/// A key in Azure Key Vault.
pub(super) struct KeyVault {
    remote: Remote,
    name: String,
    version: Option<String>,
}

/// The public half of a version.
struct Public {
    version: String,
    fingerprint: String,
}

impl KeyVault {
    /// Reads `https://HOST/keys/KEY` or `https://HOST/keys/KEY/VERSION`.
    pub(super) fn new(remote: Remote) -> Result<Self, VaultError> {
        let parts = remote.segments();
        let (name, version) = match parts.as_slice() {
            [keys, name] if keys == "keys" => (name.clone(), None),
            [keys, name, version] if keys == "keys" => (name.clone(), Some(version.clone())),
            _ => return Err(remote.setting("write `azure:https://HOST/keys/KEY`")),
        };
        if !plain(&name) || version.as_deref().is_some_and(|version| !plain(version)) {
            return Err(remote.setting("a key's name is letters, digits and dashes"));
        }
        Ok(Self { remote, name, version })
    }

    async fn ask(
        &self,
        token: &SecretString,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Json, VaultError> {
        let mut headers = HeaderMap::new();
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
        self.remote.secret_header(&mut headers, header::AUTHORIZATION, &bearer)?;
        let mut url = self.remote.at(path);
        url.query_pairs_mut().append_pair("api-version", API);
        let (status, answer) = self.remote.ask(method, url, headers, body).await?;
        if status == 200 { Ok(answer) } else { Err(self.remote.status(status)) }
    }

    /// The key, in one version or the newest.
    async fn public(&self, token: &SecretString, version: &str) -> Result<Public, VaultError> {
        let path = format!("/keys/{}/{version}", self.name);
        let answer = self.ask(token, Method::GET, path.trim_end_matches('/'), None).await?;
        let text = |name: &str| answer.pointer(name).and_then(Json::as_str).unwrap_or_default();
        if !text("/key/kty").starts_with("RSA") {
            return Err(self.remote.failed("has a key that is not RSA", false));
        }
        if answer.pointer("/attributes/enabled") == Some(&Json::Bool(false)) {
            return Err(self.remote.failed("has the key disabled", false));
        }
        let found = self.version_of(text("/key/kid"))?;
        if !version.is_empty() && found != version {
            return Err(self.remote.malformed());
        }
        let bytes = |name| URL_SAFE_NO_PAD.decode(text(name)).unwrap_or_default();
        let (modulus, exponent) = (bytes("/key/n"), bytes("/key/e"));
        if modulus.len() < 256 || modulus.len() > WRAPPED_MAX + 1 || exponent.is_empty() {
            return Err(self.remote.malformed());
        }
        let mut hash = Sha256::new();
        for part in [b"connref.azure.v1".as_slice(), &modulus, &exponent] {
            hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            hash.update(part);
        }
        Ok(Public { version: found, fingerprint: hex(&hash.finalize()[..8]) })
    }

    /// The version in a key's identifier, which must be of the key that was set.
    fn version_of(&self, kid: &str) -> Result<String, VaultError> {
        let url: Url = kid.parse().map_err(|_| self.remote.malformed())?;
        let parts: Vec<_> = url.path().split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["keys", name, version] if name.eq_ignore_ascii_case(&self.name) && plain(version) => {
                Ok((*version).to_owned())
            }
            _ => Err(self.remote.failed("answered for another key", false)),
        }
    }

    async fn seal(&self, tenant: &str, key: &[u8; 32]) -> Result<Wrapped, VaultError> {
        let token = self.token().await?;
        let public = self.public(&token, self.version.as_deref().unwrap_or_default()).await?;
        let mut inner = Zeroizing::new([0_u8; 32]);
        SystemIds::default().fill(&mut inner[..]);
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(&inner[..]));
        let body = json!({"alg": ALGORITHM, "value": value.as_str()});
        let path = format!("/keys/{}/{}/wrapkey", self.name, public.version);
        let answer = self.ask(&token, Method::POST, &path, Some(&body)).await?;
        forget(body);
        let wrapped = answer.get("value").and_then(Json::as_str).unwrap_or_default();
        let wrapped = URL_SAFE_NO_PAD.decode(wrapped).unwrap_or_default();
        if !(256..=WRAPPED_MAX).contains(&wrapped.len()) {
            return Err(self.remote.malformed());
        }
        let sealed = wrap_local(&inner, tenant, key)?;
        let bytes = written(&public.version, &wrapped, &sealed.bytes);
        Ok(Wrapped { bytes, fingerprint: public.fingerprint })
    }

    async fn open(
        &self,
        tenant: &str,
        wrapped: &Wrapped,
    ) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let (place, expected) = (self.remote.place.clone(), wrapped.fingerprint.clone());
        let not_opened =
            || VaultError::NotOpened { place: place.clone(), expected: expected.clone() };
        let (version, inner, sealed) = read(&wrapped.bytes).ok_or_else(not_opened)?;
        let token = self.token().await?;
        let public = self.public(&token, version).await?;
        if public.fingerprint != expected {
            let found = public.fingerprint;
            return Err(VaultError::WrongKey { place, found, expected });
        }
        let body = json!({"alg": ALGORITHM, "value": URL_SAFE_NO_PAD.encode(inner)});
        let path = format!("/keys/{}/{version}/unwrapkey", self.name);
        let answer = match self.ask(&token, Method::POST, &path, Some(&body)).await {
            // What it does not open is a bad request to it.
            Err(VaultError::Provider { reason, .. }) if reason.ends_with("status 400") => {
                return Err(not_opened());
            }
            answer => answer?,
        };
        let value = answer.get("value").and_then(Json::as_str).unwrap_or_default();
        let value = Zeroizing::new(URL_SAFE_NO_PAD.decode(value).unwrap_or_default());
        forget(answer);
        let inner: [u8; 32] = value.as_slice().try_into().map_err(|_| not_opened())?;
        open_local(&Zeroizing::new(inner), tenant, sealed).ok_or_else(not_opened)
    }

    /// A token for the vault, by the first proof that is set.
    async fn token(&self) -> Result<SecretString, VaultError> {
        let remote = &self.remote;
        let failed = |error: connref_egress::oauth::OAuthError| {
            remote.caused("cannot be asked without a token", error.retryable(), error)
        };
        let Some(proof) = self.proof()? else {
            let (identity, policy) = self.identity()?;
            let token = identity_token(&remote.egress, &policy, &identity).await;
            return token.map(|token| token.access_token).map_err(failed);
        };
        let needed = |name: &str| {
            remote.variable(name).ok_or_else(|| remote.setting(format!("{name} is not set")))
        };
        let authority = remote.variable("AZURE_AUTHORITY_HOST").unwrap_or(AUTHORITY.to_owned());
        let tenant = needed("AZURE_TENANT_ID")?;
        if !tenant.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
            return Err(remote.setting("AZURE_TENANT_ID is no tenant"));
        }
        let token_url = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
        let request = TokenRequest {
            token_url: token_url
                .parse()
                .map_err(|_| remote.setting("AZURE_AUTHORITY_HOST is no address"))?,
            client_id: needed("AZURE_CLIENT_ID")?,
            proof,
            grant: Grant::ClientCredentials,
            audience: Audience::Scope(format!("{}/.default", self.resource())),
            timeout: TOKEN_TIME,
        };
        let token = token_request(&remote.egress, &remote.policy, &request).await;
        token.map(|token| token.access_token).map_err(failed)
    }

    fn proof(&self) -> Result<Option<ClientProof>, VaultError> {
        let remote = &self.remote;
        let set = |name: &str| remote.variable(name).is_some();
        if set("AZURE_CLIENT_SECRET") || set("AZURE_CLIENT_SECRET_FILE") {
            return Ok(Some(ClientProof::Secret(remote.credential("AZURE_CLIENT_SECRET")?)));
        }
        if set("AZURE_FEDERATED_TOKEN_FILE") {
            // The platform renews this file: it is read each time.
            let token = remote.credential("AZURE_FEDERATED_TOKEN")?;
            return Ok(Some(ClientProof::Assertion(token)));
        }
        Ok(None)
    }

    /// The host's own identity. That it is asked for is the operator's word: no other proof was
    /// given, so its endpoint needs no further permission.
    fn identity(&self) -> Result<(ManagedIdentity, Policy), VaultError> {
        let remote = &self.remote;
        let endpoint = remote.variable("IDENTITY_ENDPOINT");
        let endpoint: Option<Url> = endpoint
            .map(|text| text.parse().map_err(|_| remote.setting("IDENTITY_ENDPOINT is no address")))
            .transpose()?;
        let header = match (&endpoint, remote.variable("IDENTITY_HEADER")) {
            (Some(_), Some(word)) => Some(SecretString::from(word)),
            (Some(_), None) => return Err(remote.setting("IDENTITY_HEADER is not set")),
            (None, _) => None,
        };
        let address = match &endpoint {
            None => Some(METADATA_SERVICE.to_owned()),
            Some(url) => {
                let host = url.host_str().unwrap_or_default();
                let port = url.port_or_known_default().unwrap_or(80);
                host.parse::<IpAddr>().ok().map(|ip| match ip {
                    IpAddr::V4(v4) => format!("{v4}:{port}"),
                    IpAddr::V6(v6) => format!("[{v6}]:{port}"),
                })
            }
        };
        let policy = match address {
            Some(address) => Policy::parse(&format!("identity:{address}")),
            // By name: what CONNREF_KEY_ALLOW says of it.
            None => Ok(remote.policy.clone()),
        };
        let policy = policy.map_err(|_| remote.setting("IDENTITY_ENDPOINT cannot be allowed"))?;
        let identity = ManagedIdentity {
            endpoint,
            header,
            client_id: remote.variable("AZURE_CLIENT_ID"),
            resource: self.resource(),
            timeout: TOKEN_TIME,
        };
        Ok((identity, policy))
    }

    /// What a token is for: the domain of the cloud that the vault is in.
    fn resource(&self) -> String {
        let host = self.remote.url.host_str().unwrap_or_default();
        let domain = host.split_once('.').map_or(DOMAIN, |(_, domain)| domain);
        let known = ["vault.", "managedhsm."].iter().any(|start| domain.starts_with(start));
        format!("https://{}", if known { domain } else { DOMAIN })
    }
}

fn plain(name: &str) -> bool {
    (1..=VERSION_MAX * 2).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn written(version: &str, wrapped: &[u8], sealed: &[u8]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.push(u8::try_from(version.len()).unwrap_or(u8::MAX));
    bytes.extend(version.as_bytes());
    bytes.extend(u16::try_from(wrapped.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend(wrapped);
    bytes.extend(sealed);
    bytes
}

fn read(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[FORMAT])?;
    let (length, rest) = rest.split_first()?;
    let (version, rest) = rest.split_at_checked(usize::from(*length))?;
    let version = std::str::from_utf8(version).ok().filter(|version| plain(version))?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (wrapped, sealed) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    (wrapped.len() <= WRAPPED_MAX).then_some((version, wrapped, sealed))
}

/// Overwrites the texts of a document that held a key.
fn forget(document: Json) {
    if let Json::Object(members) = document {
        for (_, value) in members {
            if let Json::String(text) = value {
                drop(Zeroizing::new(text));
            }
        }
    }
}

impl KeyProvider for KeyVault {
    fn kind(&self) -> &'static str {
        "azure"
    }

    fn place(&self) -> String {
        self.remote.place.clone()
    }

    fn wrap<'a>(
        &'a self,
        tenant: &'a str,
        key: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Wrapped, VaultError>> {
        Box::pin(self.seal(tenant, key))
    }

    fn unwrap<'a>(
        &'a self,
        tenant: &'a str,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<Zeroizing<[u8; 32]>, VaultError>> {
        Box::pin(self.open(tenant, wrapped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let bytes = written("0123456789abcdef", &[7; 256], &[8; 60]);
        let (version, wrapped, sealed) = read(&bytes).unwrap();
        assert_eq!((version, wrapped, sealed), ("0123456789abcdef", &[7; 256][..], &[8; 60][..]));
        for length in 0..20 + 256 {
            assert!(read(&bytes[..length]).is_none(), "{length}");
        }
        assert!(read(&written("../secrets", &[7; 256], &[])).is_none(), "a version is no path");
        assert!(read(&written("", &[7; 256], &[])).is_none());
    }
}
