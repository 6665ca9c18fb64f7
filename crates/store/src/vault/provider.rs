//! Key providers: who wraps the tenant keys, and where an installation finds them.
use std::sync::Arc;

use futures::future::BoxFuture;
use zeroize::Zeroizing;

use super::VaultError;

/// A tenant key as a provider wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// What only the provider's key opens.
    pub bytes: Vec<u8>,
    /// Names the provider's key without telling it; of 16 hexadecimal digits.
    pub fingerprint: String,
}

/// Holds a key that wraps tenant keys. One conformance suite runs over all of them.
pub trait KeyProvider: Send + Sync {
    /// Name of the kind, kept beside what it wrapped: `file`, `passphrase`, `transit`, `azure`.
    fn kind(&self) -> &'static str;

    /// Where its key lies, for people. No secret.
    fn place(&self) -> String;

    /// Wraps a key for one tenant. A provider that keeps its key itself makes it here if there is
    /// none yet.
    ///
    /// # Errors
    /// If the key cannot be had or the provider refuses.
    fn wrap<'a>(
        &'a self,
        tenant: &'a str,
        key: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Wrapped, VaultError>>;

    /// Unwraps it again.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] if the key at hand is another one than the one that wrapped, by
    /// fingerprint where the provider can tell; else why it cannot be had.
    fn unwrap<'a>(
        &'a self,
        tenant: &'a str,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<Zeroizing<[u8; 32]>, VaultError>>;
}

/// The key providers an installation is set up with. Asked at the start, and again when the
/// database names a key that was not seen before: another process may have moved it.
///
/// Where a provider lies is never taken from the database: whoever can write there could have the
/// provider's credential sent to a place of his own.
pub trait KeySource: Send + Sync {
    /// The providers. A new installation takes the first; during a move there are two.
    ///
    /// # Errors
    /// If the setting cannot be read.
    fn providers(&self) -> Result<Vec<Arc<dyn KeyProvider>>, VaultError>;

    /// The provider that an address names, to move to.
    ///
    /// # Errors
    /// If the address is not understood, or what the provider needs is not set.
    fn provider(&self, address: &str) -> Result<Arc<dyn KeyProvider>, VaultError>;

    /// Makes the setting name `address` first; with `keep` what it named before stays behind it.
    ///
    /// # Errors
    /// If the setting cannot be written.
    fn choose(&self, address: &str, keep: bool) -> Result<(), VaultError>;
}

/// One provider, for good.
pub struct Fixed(pub Arc<dyn KeyProvider>);

impl KeySource for Fixed {
    fn providers(&self) -> Result<Vec<Arc<dyn KeyProvider>>, VaultError> {
        Ok(vec![Arc::clone(&self.0)])
    }

    fn provider(&self, address: &str) -> Result<Arc<dyn KeyProvider>, VaultError> {
        Err(VaultError::Setting {
            setting: address.to_owned(),
            reason: "this installation was opened with one fixed key provider".to_owned(),
        })
    }

    fn choose(&self, address: &str, _keep: bool) -> Result<(), VaultError> {
        self.provider(address).map(drop)
    }
}

/// Unwraps a tenant key with whichever of the providers it belongs to: of its kind, at its place if
/// one is there. Answers that provider too.
pub(super) async fn unwrap_any(
    providers: &[Arc<dyn KeyProvider>],
    tenant: &str,
    recorded: &Recorded,
) -> Result<(Zeroizing<[u8; 32]>, Arc<dyn KeyProvider>), VaultError> {
    let mut fitting: Vec<_> = providers.iter().filter(|p| p.kind() == recorded.kind).collect();
    // The place may have another name today: the same key is the same key.
    fitting.sort_by_key(|p| p.place() != recorded.place);
    let mut first = None;
    for provider in fitting {
        match provider.unwrap(tenant, &recorded.wrapped).await {
            Ok(key) => return Ok((key, Arc::clone(provider))),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| VaultError::OtherProvider {
        recorded: recorded.name(),
        fingerprint: recorded.wrapped.fingerprint.clone(),
        set: providers.iter().map(|p| p.place()).collect::<Vec<_>>().join("`, `"),
    }))
}

/// What the database says of a wrapped tenant key.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) kind: String,
    pub(super) place: String,
    pub(super) wrapped: Wrapped,
}

impl Recorded {
    /// How people name it. The place says the kind too, except in rows of old.
    fn name(&self) -> String {
        if self.place.is_empty() { self.kind.clone() } else { self.place.clone() }
    }
}
