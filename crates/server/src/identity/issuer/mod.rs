//! Tokens that somebody else signed: an issuer the operator trusts ([`outside`]), or one that a
//! service principal's credential names. Their keys are fetched through egress, kept for a while, and
//! asked for again at most once in a pause, whatever strangers show.
mod key;
pub(super) mod outside;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connref_egress::oauth::issuer_keys;
use connref_egress::{Egress, Policy};

use super::jwt::Jwt;
use crate::App;
use crate::operation::with_causes;
use key::{Algorithm, IssuerKey, fitting};

const SECOND: i64 = 1_000_000;
/// Keys that are older are asked for again beside the work.
const FRESH: i64 = 3600 * SECOND;
/// Keys that are older count no longer: an issuer that is away for so long may have lost them.
const KEPT: i64 = 24 * 3600 * SECOND;
/// Pause between two questions: anybody can make up the name of a key.
const PAUSE: i64 = 30 * SECOND;
/// The same after a question that failed.
const PAUSE_FAILED: i64 = 10 * SECOND;
/// Longest a question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Issuers whose keys are held at once; the one that rests longest is forgotten.
const ISSUERS_MAX: usize = 256;
/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;

/// Why a token of another issuer does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// It proves nothing.
    #[error("{0}")]
    Refused(&'static str),
    /// The issuer's keys cannot be had, so nothing is known of the token.
    #[error("the keys of the issuer `{issuer}` cannot be had: {why}")]
    Away {
        /// The issuer.
        issuer: String,
        /// Why.
        why: String,
    },
}

/// Seconds after which a caller may ask again where an issuer is away.
pub(crate) const AGAIN: i64 = PAUSE_FAILED / SECOND;

/// The keys of other issuers as this process holds them.
#[derive(Default)]
pub(crate) struct Issuers(Mutex<HashMap<(String, Policy), Arc<Slot>>>);

/// The keys of one issuer.
#[derive(Default)]
struct Slot {
    known: Mutex<Known>,
    /// Held by the one who asks the issuer.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    keys: Arc<[IssuerKey]>,
    /// When the keys came; 0: never.
    read_on: i64,
    /// When they were asked for.
    asked_on: i64,
    /// Why the last question failed.
    failed: Option<String>,
}

impl Known {
    fn age(&self, now: i64) -> i64 {
        if self.read_on == 0 { i64::MAX } else { now - self.read_on }
    }

    fn may_ask(&self, now: i64) -> bool {
        let pause = if self.failed.is_some() { PAUSE_FAILED } else { PAUSE };
        self.asked_on == 0 || now - self.asked_on >= pause
    }
}

impl Slot {
    fn known<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the issuer, unless it was asked a moment ago. One asks, whoever else wants to know waits.
    async fn ask(&self, egress: &Egress, policy: &Policy, issuer: &str, now: i64) {
        let _flight = self.flight.lock().await;
        let due = self.known(|known| {
            let due = known.may_ask(now);
            if due {
                known.asked_on = now;
                // Whoever gives up waiting must not leave an answer that is not one.
                known.failed = Some("it was asked and did not answer yet".to_owned());
            }
            due
        });
        if !due {
            return;
        }
        let answer = issuer_keys(egress, policy, issuer, TIMEOUT).await;
        self.known(|known| match answer {
            Ok(keys) => {
                known.keys = keys.iter().filter_map(IssuerKey::read).collect();
                known.read_on = now;
                known.failed = None;
            }
            Err(error) => {
                let why = with_causes(&error);
                tracing::warn!(issuer, why, "the keys of an issuer cannot be had");
                known.failed = Some(why);
            }
        });
    }
}

impl Issuers {
    fn slot(&self, issuer: &str, policy: &Policy) -> Arc<Slot> {
        let key = (issuer.to_owned(), policy.clone());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ISSUERS_MAX && !all.contains_key(&key) {
            let oldest = all.iter().min_by_key(|(_, slot)| slot.known(|known| known.asked_on));
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                all.remove(&oldest);
            }
        }
        Arc::clone(all.entry(key).or_default())
    }

    /// The keys that may have signed a token.
    async fn keys(
        &self,
        app: &App,
        (issuer, policy): (&str, &Policy),
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<IssuerKey>, IssuerError> {
        let slot = self.slot(issuer, policy);
        let now = app.store().now();
        let found = |known: &mut Known| match known.age(now) {
            age if age > KEPT => Vec::new(),
            _ => fitting(&known.keys, id, algorithm),
        };
        let (keys, stale) = slot.known(|known| (found(known), known.age(now) > FRESH));
        if !keys.is_empty() {
            if stale && slot.known(|known| known.may_ask(now)) {
                // What is known serves meanwhile: nobody waits for an issuer that is slow.
                let (slot, egress) = (Arc::clone(&slot), app.egress().clone());
                let (issuer, policy) = (issuer.to_owned(), policy.clone());
                tokio::spawn(async move { slot.ask(&egress, &policy, &issuer, now).await });
            }
            return Ok(keys);
        }
        slot.ask(app.egress(), policy, issuer, now).await;
        slot.known(|known| {
            let keys = found(known);
            match &known.failed {
                Some(why) if keys.is_empty() => {
                    Err(IssuerError::Away { issuer: issuer.to_owned(), why: why.clone() })
                }
                _ => Ok(keys),
            }
        })
    }

    /// Asks an issuer for its keys, whatever is known of it: how many of them count.
    pub(crate) async fn try_out(
        app: &App,
        issuer: &str,
        policy: &Policy,
    ) -> Result<usize, IssuerError> {
        let keys = issuer_keys(app.egress(), policy, issuer, TIMEOUT).await.map_err(|error| {
            IssuerError::Away { issuer: issuer.to_owned(), why: with_causes(&error) }
        })?;
        Ok(keys.iter().filter_map(IssuerKey::read).count())
    }
}

/// Whether this issuer signed the token, and it counts at this moment. Whom it is about and what it
/// is for is for the caller to judge.
pub(super) async fn verify(
    app: &App,
    token: &Jwt<'_>,
    issuer: &str,
    policy: &Policy,
) -> Result<(), IssuerError> {
    let refused = IssuerError::Refused;
    // Above all not `none`, and none that takes a public key for a shared secret.
    let algorithm = token.header("alg").and_then(Algorithm::parse);
    let algorithm = algorithm.ok_or(refused("it is signed with none of RS256, PS256 and ES256"))?;
    if token.has_header("crit") {
        return Err(refused("its header demands what is not understood here"));
    }
    if token.text("iss") != issuer {
        return Err(refused("it is of another issuer"));
    }
    let now = app.store().now() / SECOND;
    if token.time("exp").is_none_or(|end| end + LEEWAY <= now) {
        return Err(refused("it has expired"));
    }
    if token.time("nbf").is_some_and(|begin| begin - LEEWAY > now) {
        return Err(refused("it does not count yet"));
    }
    let keys = app.issuers().keys(app, (issuer, policy), token.key(), algorithm).await?;
    match keys.iter().any(|key| key.signed(algorithm, token)) {
        true => Ok(()),
        false => Err(refused("it was signed by somebody else")),
    }
}
