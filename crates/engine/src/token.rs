//! From a connection's sealed fields to the credential of a call.
//!
//! Tokens are asked for once per connection however many calls wait, and kept until shortly before
//! they end. Nothing is written anywhere: a restart asks again.

mod fields;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connref_egress::oauth::{ClientCredentials, OAuthError, Token, client_credentials};
use connref_egress::{Egress, Policy};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::connector::Credential;
use fields::Plan;
pub use fields::{CredentialFields, FieldError};

/// Tokens are renewed this long before they end, or at half their life if that is later.
const MARGIN: Duration = Duration::from_secs(300);
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
}

impl TokenError {
    /// True if the same request may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Fields { .. } => false,
            Self::OAuth { source, .. } => source.retryable(),
        }
    }
}

/// Makes credentials and keeps tokens. Cheap to clone; clones share the tokens.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    egress: Egress,
    entries: Mutex<HashMap<String, Arc<Entry>>>,
    hasher: RandomState,
}

/// One connection's token; the lock is the single flight.
#[derive(Default)]
struct Entry(tokio::sync::Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Empty,
    /// A token with the moment to renew it and what it was asked with.
    Held { token: SecretString, renew_at: Instant, asked_with: u64 },
    /// The last attempt failed: those who waited for it share the answer.
    Failed { error: Arc<OAuthError>, at: Instant, asked_with: u64 },
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// An empty keeper that asks through this way out.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self(Arc::new(Inner { egress, entries: Mutex::default(), hasher: RandomState::new() }))
    }

    /// The credential of a connection, with a live token if it needs one.
    ///
    /// # Errors
    /// If fields are missing or the token endpoint gives no token.
    pub async fn credential(
        &self,
        connection: &str,
        policy: &Policy,
        fields: &CredentialFields<'_>,
    ) -> Result<Credential, TokenError> {
        let plan = fields
            .plan()
            .map_err(|source| TokenError::Fields { connection: connection.to_owned(), source })?;
        match plan {
            Plan::Ready(credential) => Ok(credential),
            Plan::Grant(grant) => {
                let token = self.token(connection, policy, &grant).await;
                let token = token.map_err(|source| TokenError::OAuth {
                    connection: connection.to_owned(),
                    source,
                })?;
                Ok(Credential::Bearer(token))
            }
        }
    }

    /// Forgets a connection's token: after a 401, a rotation or a removal.
    pub fn forget(&self, connection: &str) {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }

    async fn token(
        &self,
        connection: &str,
        policy: &Policy,
        grant: &ClientCredentials,
    ) -> Result<SecretString, Arc<OAuthError>> {
        let came = Instant::now();
        let asked_with = self.fingerprint(policy, grant);
        let entry = self.entry(connection);
        let mut state = entry.0.lock().await;
        match &*state {
            State::Held { token, renew_at, asked_with: with }
                if *with == asked_with && Instant::now() < *renew_at =>
            {
                return Ok(token.clone());
            }
            State::Failed { error, at, asked_with: with } if *with == asked_with && *at >= came => {
                return Err(Arc::clone(error));
            }
            _ => {}
        }
        let answer = client_credentials(&self.0.egress, policy, grant).await;
        let now = Instant::now();
        match answer {
            Ok(Token { access_token, expires_in }) => {
                let renew_at = now + expires_in.saturating_sub(MARGIN).max(expires_in / 2);
                *state = State::Held { token: access_token.clone(), renew_at, asked_with };
                Ok(access_token)
            }
            Err(error) => {
                let error = Arc::new(error);
                *state = State::Failed { error: Arc::clone(&error), at: now, asked_with };
                Err(error)
            }
        }
    }

    fn entry(&self, connection: &str) -> Arc<Entry> {
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(connection) {
            // Those in flight keep their own handle; the others are asked for again.
            entries.clear();
        }
        Arc::clone(entries.entry(connection.to_owned()).or_default())
    }

    /// Changes with everything the token depends on, so that a rotated secret is used at once.
    fn fingerprint(&self, policy: &Policy, grant: &ClientCredentials) -> u64 {
        let audience = format!("{:?}", grant.audience);
        self.0.hasher.hash_one((
            policy,
            grant.token_url.as_str(),
            &grant.client_id,
            grant.secret.expose_secret(),
            audience,
        ))
    }
}
