//! From a connection's sealed fields to the credential of a call.
//!
//! A token is asked for once per connection however many calls wait, and kept until shortly before
//! it ends. Tokens of clients and hosts are kept in memory alone: a restart asks again. Tokens of
//! people are refreshed by one node at a time and kept sealed in the store, since a server may end
//! the whole sign-in when it sees a refresh token twice.

mod ask;
mod fields;
mod refresh;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use connref_egress::oauth::OAuthError;
use connref_egress::{Egress, Policy};
use connref_solution::model::Micros;
use connref_store::{Store, StoreError};
use secrecy::SecretString;

use crate::connector::Credential;
pub(crate) use ask::{Client, Stamp};
pub use connref_store::connection_token::TokenKey;
use fields::Plan;
pub(crate) use fields::tenant_url;
pub use fields::{CredentialFields, FieldError};
pub use refresh::token_lifetimes;

/// Most connections whose tokens are kept.
const MAX_ENTRIES: usize = 10_000;

/// Why a connection has no credential right now. Holds no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The connection's fields do not make a credential.
    #[error("the connection `{connection}` has no usable credential")]
    Fields {
        /// The connection.
        connection: String,
        /// What is missing.
        #[source]
        source: FieldError,
    },
    /// The token endpoint gave none.
    #[error("cannot get a token for the connection `{connection}`")]
    OAuth {
        /// The connection.
        connection: String,
        /// Its answer.
        #[source]
        source: Arc<OAuthError>,
    },
    /// A person has to sign in, for the first time or again.
    #[error("somebody has to sign in to the connection `{connection}`: {reason}")]
    SignIn {
        /// The connection.
        connection: String,
        /// Why.
        reason: String,
    },
    /// Another node's refresh did not end in time.
    #[error("the connection `{connection}` is being refreshed elsewhere and did not become ready")]
    Busy {
        /// The connection.
        connection: String,
    },
    /// The tokens that are kept cannot be read or written.
    #[error("cannot use the kept tokens of the connection `{connection}`")]
    Store {
        /// The connection.
        connection: String,
        /// The cause.
        #[source]
        source: Arc<StoreError>,
    },
}

impl TokenError {
    /// True if the same request may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Fields { .. } | Self::SignIn { .. } => false,
            Self::OAuth { source, .. } => source.retryable(),
            Self::Busy { .. } | Self::Store { .. } => true,
        }
    }
}

/// Makes credentials and keeps tokens. Cheap to clone; clones share the tokens.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    egress: Egress,
    store: Store,
    node: String,
    entries: Mutex<HashMap<TokenKey, Arc<Entry>>>,
    hasher: RandomState,
}

/// One connection's token; the lock is the single flight of this node.
#[derive(Default)]
struct Entry(tokio::sync::Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Empty,
    /// A token with the moment to renew it and what it was asked with.
    Held { token: SecretString, renew_on: Micros, asked_with: u64 },
    /// The last attempt failed: those who waited for it share the answer.
    Failed { error: TokenError, at: Instant, asked_with: u64 },
}

/// A live token and when to renew it.
struct Live {
    token: SecretString,
    renew_on: Micros,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// An empty keeper that asks through this way out. `node` names this process among several.
    #[must_use]
    pub fn new(egress: Egress, store: Store, node: String) -> Self {
        let (entries, hasher) = (Mutex::default(), RandomState::new());
        Self(Arc::new(Inner { egress, store, node, entries, hasher }))
    }

    /// The credential of a connection, with a live token if it needs one.
    ///
    /// # Errors
    /// If fields are missing, the token endpoint gives no token, or a person has to sign in.
    pub async fn credential(
        &self,
        key: &TokenKey,
        policy: &Policy,
        fields: &CredentialFields<'_>,
    ) -> Result<Credential, TokenError> {
        let connection = key.connection.to_string();
        let plan = fields.plan().map_err(|source| TokenError::Fields { connection, source })?;
        if let Plan::Ready(credential) = plan {
            return Ok(credential);
        }
        let came = Instant::now();
        let asked_with = self.fingerprint(policy, fields);
        let entry = self.entry(key);
        let mut state = entry.0.lock().await;
        match &*state {
            State::Held { token, renew_on, asked_with: with }
                if *with == asked_with && self.0.store.now() < *renew_on =>
            {
                return Ok(Credential::Bearer(token.clone()));
            }
            State::Failed { error, at, asked_with: with } if *with == asked_with && *at >= came => {
                return Err(error.clone());
            }
            _ => {}
        }
        match self.obtain(key, policy, fields, plan).await {
            Ok(Live { token, renew_on }) => {
                *state = State::Held { token: token.clone(), renew_on, asked_with };
                Ok(Credential::Bearer(token))
            }
            Err(error) => {
                *state = State::Failed { error: error.clone(), at: Instant::now(), asked_with };
                Err(error)
            }
        }
    }

    /// Forgets a connection's token: after a 401, a rotation or a removal.
    pub fn forget(&self, key: &TokenKey) {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    async fn obtain(
        &self,
        key: &TokenKey,
        policy: &Policy,
        fields: &CredentialFields<'_>,
        plan: Plan,
    ) -> Result<Live, TokenError> {
        match plan {
            Plan::Ready(_) => Err(refresh::sign_in(key, "there is nothing to ask with")),
            Plan::Ask(ask) => {
                let token = ask.token(&self.0.egress, policy, &self.stamp()).await;
                let token = token.map_err(|source| TokenError::OAuth {
                    connection: key.connection.to_string(),
                    source: Arc::new(source),
                })?;
                let (renew_on, _) = token_lifetimes(self.0.store.now(), token.expires_in);
                Ok(Live { token: token.access_token, renew_on })
            }
            Plan::Refresh(client) => {
                let work = refresh::Refresh {
                    tokens: self.clone(),
                    key: key.clone(),
                    policy: policy.clone(),
                    client: *client,
                    first: fields.refresh_token().cloned(),
                };
                // On a task of its own: a call that is given up must not lose a refresh token that the
                // server has already replaced.
                let joined = tokio::spawn(work.run()).await;
                joined.unwrap_or_else(|_| {
                    Err(TokenError::Busy { connection: key.connection.to_string() })
                })
            }
        }
    }

    /// Now, and an id that is used once.
    pub(crate) fn stamp(&self) -> Stamp {
        let now = self.0.store.now();
        Stamp { now: now / 1_000_000, id: self.0.store.ids().guid(now) }
    }

    fn entry(&self, key: &TokenKey) -> Arc<Entry> {
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(key) {
            // Those in flight keep their own handle; the others are asked for again.
            entries.clear();
        }
        Arc::clone(entries.entry(key.clone()).or_default())
    }

    /// Changes with everything the token depends on, so that a rotated secret is used at once.
    fn fingerprint(&self, policy: &Policy, fields: &CredentialFields<'_>) -> u64 {
        use secrecy::ExposeSecret as _;
        let secrets: Vec<(&str, &str)> =
            fields.secrets.iter().map(|(k, v)| (k.as_str(), v.expose_secret())).collect();
        let scope = fields.default_scope;
        self.0.hasher.hash_one((policy, fields.kind, &fields.target.parameters, secrets, scope))
    }
}

/// How long a retry may wait for what another node does.
pub(crate) const WAIT: Duration = Duration::from_secs(90);
