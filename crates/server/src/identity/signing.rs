//! Signing tokens (ES256) and knowing our own again. The key is made when the first token is
//! wanted, signs for a month, and is known for as long as something it signed can live.
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::signing_key::SigningKey;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::jwt::Jwt;
use crate::App;

/// The part of the server that signs, as the store sees it.
pub(crate) const SIGNER: Caller = Caller::System("identity");

const SECOND: i64 = 1_000_000;
/// How long a key signs.
const SIGNS: i64 = 30 * 24 * 3600 * SECOND;
/// How long a key is known: a day longer than anything it signed lives.
const KNOWN: i64 = SIGNS + 24 * 3600 * SECOND;
/// How long keys are believed before they are read again: another node may have made one.
const FRESH: i64 = 300 * SECOND;
/// Pause between two readings because of a name that is not known: anybody can make up names.
const ASK_PAUSE: i64 = 5 * SECOND;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    /// The store has no key.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key does not sign.
    #[error("the signing key cannot be used")]
    Key,
}

/// The keys as this process holds them.
#[derive(Default)]
pub(crate) struct Signing(Mutex<Held>);

#[derive(Default)]
struct Held {
    read_on: i64,
    known: Vec<SigningKey>,
    signer: Option<(SigningKey, EcdsaKeyPair)>,
}

impl App {
    /// Signs claims.
    pub(crate) async fn sign(&self, claims: &Value) -> Result<String, SigningError> {
        let mut held = self.signing().0.lock().await;
        let now = self.store().now();
        if held.signer.as_ref().is_none_or(|(key, _)| key.signs_until <= now) {
            held.signer = Some(self.signer(now).await?);
            held.read_on = 0;
        }
        let Some((key, pair)) = &held.signer else { return Err(SigningError::Key) };
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": key.id});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut text = format!("{}.{}", encode(&header), encode(claims));
        let signature =
            pair.sign(&SystemRandom::new(), text.as_bytes()).map_err(|_| SigningError::Key)?;
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        Ok(text)
    }

    /// The key that signs now; a new one if there is none that can.
    async fn signer(&self, now: i64) -> Result<(SigningKey, EcdsaKeyPair), SigningError> {
        let store = self.store();
        for key in store.signing_key_list(&SIGNER, now - KNOWN).await? {
            if key.signs_until <= now {
                continue;
            }
            // After a change of the tenant's key it does not open, and another one takes over.
            if let Some(secret) = store.signing_key_open(&SIGNER, &key.id).await? {
                return Ok((key, pair(&secret)?));
            }
        }
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| SigningError::Key)?;
        let secret = SecretString::from(STANDARD.encode(document.as_ref()));
        let made = pair(&secret)?;
        let key = SigningKey {
            id: store.ids().guid(now),
            public: URL_SAFE_NO_PAD.encode(made.public_key().as_ref()),
            created_on: now,
            signs_until: now + SIGNS,
        };
        store.signing_key_add(&SIGNER, key.clone(), &secret, now - KNOWN).await?;
        Ok((key, made))
    }

    /// The public keys, as clients want them (RFC 7517).
    pub(crate) async fn public_keys(&self) -> Result<Value, SigningError> {
        let now = self.store().now();
        // A client that asks before the first token finds the key that will sign it.
        let mut held = self.signing().0.lock().await;
        if held.signer.as_ref().is_none_or(|(key, _)| key.signs_until <= now) {
            held.signer = Some(self.signer(now).await?);
            held.read_on = 0;
        }
        let known = self.store().signing_key_list(&SIGNER, now - KNOWN).await?;
        let keys = known.iter().filter_map(|key| {
            let point = URL_SAFE_NO_PAD.decode(&key.public).ok().filter(|p| p.len() == 65)?;
            let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
            Some(json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.id,
                "x": part(1), "y": part(33),
            }))
        });
        Ok(json!({"keys": keys.collect::<Vec<_>>()}))
    }

    /// Whether one of our keys signed it.
    pub(crate) async fn signed_by_us(&self, token: &Jwt<'_>) -> Result<bool, StoreError> {
        let now = self.store().now();
        let mut held = self.signing().0.lock().await;
        let found = |held: &Held| {
            held.known.iter().find(|key| Some(key.id.as_str()) == token.key()).cloned()
        };
        let stale = now - held.read_on > FRESH;
        if stale || (found(&held).is_none() && now - held.read_on > ASK_PAUSE) {
            held.known = self.store().signing_key_list(&SIGNER, now - KNOWN).await?;
            held.read_on = now;
        }
        let Some(key) = found(&held) else { return Ok(false) };
        drop(held);
        let Ok(point) = URL_SAFE_NO_PAD.decode(&key.public) else { return Ok(false) };
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        Ok(public.verify(token.signed().as_bytes(), token.signature()).is_ok())
    }
}

fn pair(secret: &SecretString) -> Result<EcdsaKeyPair, SigningError> {
    let document = STANDARD.decode(secret.expose_secret()).map_err(|_| SigningError::Key)?;
    let document = Zeroizing::new(document);
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document, &SystemRandom::new())
        .map_err(|_| SigningError::Key)
}
