//! One refresh per connection, whoever asks and wherever: claimed in the store, asked for, made
//! durable, then used.
use std::sync::Arc;
use std::time::{Duration, Instant};

use connref_egress::Policy;
use connref_egress::oauth::{Grant, OAuthError};
use connref_solution::model::Micros;
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::connection_token::{Claim, TokenNew, TokenState};
use secrecy::SecretString;

use super::{Client, Live, TokenError, TokenKey, Tokens, WAIT};

/// Tokens are renewed this long before they end, or at half their life if that is later.
const MARGIN: Duration = Duration::from_secs(300);
/// How long a claim holds: longer than a token request may take, so that nobody asks beside us.
const LEASE: Micros = 75_000_000;
/// Pause between two looks at another node's refresh.
const PAUSE: Duration = Duration::from_millis(100);
/// A token that still lives is used this long before its renewal is tried again.
const AGAIN: Micros = 5_000_000;
/// How often a new token is written before it is given up.
const WRITES: usize = 5;

const CALLER: Caller = Caller::System("tokens");

/// When to renew a token of this lifetime, and when it ends.
#[must_use]
pub fn token_lifetimes(now: Micros, expires_in: Duration) -> (Micros, Micros) {
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4);
    let renew = expires_in.saturating_sub(MARGIN).max(expires_in / 2);
    (now + micros(renew), now + micros(expires_in))
}

pub(super) fn sign_in(key: &TokenKey, reason: &str) -> TokenError {
    TokenError::SignIn { connection: key.connection.to_string(), reason: reason.to_owned() }
}

/// A refresh to be made, if nobody made it yet.
pub(super) struct Refresh {
    pub(super) tokens: Tokens,
    pub(super) key: TokenKey,
    pub(super) policy: Policy,
    pub(super) client: Client,
    /// The refresh token that the credential began with.
    pub(super) first: Option<SecretString>,
}

impl Refresh {
    pub(super) async fn run(self) -> Result<Live, TokenError> {
        let inner = &self.tokens.0;
        let deadline = Instant::now() + WAIT;
        while Instant::now() < deadline {
            let state = inner.store.connection_token_get(&CALLER, &self.key).await;
            let state = state.map_err(|e| self.store(e))?.unwrap_or_else(empty);
            if let Some(reason) = &state.failure {
                return Err(sign_in(&self.key, reason));
            }
            let now = inner.store.now();
            if let Some(live) = usable(&state, now, state.renew_on) {
                return Ok(live);
            }
            let Some(refresh) = state.refresh.as_ref().or(self.first.as_ref()).cloned() else {
                // Without a refresh token the access token is used to its end.
                return usable(&state, now, state.expires_on).ok_or_else(|| {
                    sign_in(&self.key, "there is no refresh token, and no access token that lives")
                });
            };
            let generation = state.generation;
            let claimed = inner
                .store
                .connection_token_claim(&CALLER, &self.key, generation, &inner.node, now + LEASE)
                .await
                .map_err(|e| self.store(e))?;
            match claimed {
                Claim::Held => match self.ask(&state, refresh).await? {
                    Some(live) => return Ok(live),
                    None => continue,
                },
                Claim::Moved => {}
                Claim::Busy => {
                    if let Some(live) = alive(&state, now) {
                        return Ok(live);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(TokenError::Busy { connection: self.key.connection.to_string() })
    }

    /// Asks with the claim in hand. None if somebody else wrote meanwhile: read again.
    async fn ask(
        &self,
        state: &TokenState,
        refresh: SecretString,
    ) -> Result<Option<Live>, TokenError> {
        let inner = &self.tokens.0;
        let grant = Grant::Refresh { token: refresh.clone() };
        let stamp = self.tokens.stamp();
        let answer = self.client.token(&inner.egress, &self.policy, &stamp, grant).await;
        let now = inner.store.now();
        match answer {
            Ok(token) => {
                let (renew_on, expires_on) = token_lifetimes(now, token.expires_in);
                let new = TokenNew {
                    access: token.access_token.clone(),
                    refresh: Some(token.refresh_token.unwrap_or(refresh)),
                    renew_on,
                    expires_on,
                };
                let written = self.write(state.generation, &new).await?;
                Ok(written.then_some(Live { token: token.access_token, renew_on }))
            }
            Err(error) if error.credential_refused() => {
                let reason = error.to_string();
                let store = &inner.store;
                let failed = store
                    .connection_token_fail(&CALLER, &self.key, state.generation, &reason)
                    .await;
                if failed.map_err(|e| self.store(e))? {
                    return Err(sign_in(&self.key, &reason));
                }
                Ok(None)
            }
            Err(error) => {
                let released =
                    inner.store.connection_token_release(&CALLER, &self.key, &inner.node).await;
                released.map_err(|e| self.store(e))?;
                alive(state, now).map(Some).ok_or_else(|| self.refused(error))
            }
        }
    }

    /// The new refresh token is the only one the server still takes: a database that hesitates is
    /// asked again.
    async fn write(&self, generation: i64, new: &TokenNew) -> Result<bool, TokenError> {
        let store = &self.tokens.0.store;
        let mut attempt = 1;
        loop {
            match store.connection_token_put(&CALLER, &self.key, generation, new).await {
                Ok(written) => return Ok(written),
                Err(StoreError::Database(_)) if attempt < WRITES => {
                    tokio::time::sleep(PAUSE * 5).await;
                    attempt += 1;
                }
                Err(error) => return Err(self.store(error)),
            }
        }
    }

    fn store(&self, source: StoreError) -> TokenError {
        let connection = self.key.connection.to_string();
        TokenError::Store { connection, source: Arc::new(source) }
    }

    fn refused(&self, source: OAuthError) -> TokenError {
        let connection = self.key.connection.to_string();
        TokenError::OAuth { connection, source: Arc::new(source) }
    }
}

fn empty() -> TokenState {
    TokenState {
        generation: 0,
        access: None,
        refresh: None,
        renew_on: 0,
        expires_on: 0,
        failure: None,
    }
}

/// The access token if it is to be used up to `end`.
fn usable(state: &TokenState, now: Micros, end: Micros) -> Option<Live> {
    let token = state.access.as_ref().filter(|_| now < end)?;
    Some(Live { token: token.clone(), renew_on: end })
}

/// The access token if it still lives although it should be renewed.
fn alive(state: &TokenState, now: Micros) -> Option<Live> {
    let token = state.access.as_ref().filter(|_| now + AGAIN < state.expires_on)?;
    Some(Live { token: token.clone(), renew_on: now + AGAIN })
}
