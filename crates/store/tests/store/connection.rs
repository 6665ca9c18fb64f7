//! Tokens, slots and sign-ins of connections, on each engine.
#![expect(clippy::unwrap_used, reason = "tests")]
use std::collections::BTreeMap;

use connref_solution::model::ConnectionId;
use connref_solution::model::facts::{ConnectionStatus, Fingerprint};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connection_signin::{Due, SignInKind, SignInNew};
use connref_store::connection_slot::{Candidate, Promotion};
use connref_store::connection_state::TestResult;
use connref_store::connection_token::{Claim, TokenKey, TokenNew};
use secrecy::{ExposeSecret, SecretString};

use crate::world::{World, each_engine};

const FAR: i64 = 4_000_000_000_000_000;

fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), SecretString::from((*v).to_owned()))).collect()
}

async fn made(world: &World, id: &str, pairs: &[(&str, &str)]) -> ConnectionId {
    let parameters = if pairs.iter().any(|(name, _)| *name == "refreshToken") {
        BTreeMap::from([("grantType".to_owned(), "code".to_owned())])
    } else {
        BTreeMap::new()
    };
    let new = ConnectionNew {
        id: Some(id.into()),
        api_name: "shared_sql".into(),
        display_name: id.to_owned(),
        owner: world.administrator.clone(),
        kind: Default::default(),
        endpoint: None,
        account: None,
        parameters,
        secrets: secrets(pairs),
        ends_on: None,
    };
    world.store.connection_create(&world.caller, &world.environment, new).await.unwrap();
    id.into()
}

fn new_token(access: &str, refresh: &str) -> TokenNew {
    TokenNew {
        access: access.to_owned().into(),
        refresh: Some(refresh.to_owned().into()),
        renew_on: FAR,
        expires_on: FAR,
    }
}

fn candidate(pairs: &[(&str, &str)]) -> Candidate {
    let parameters = BTreeMap::from([("clientId".to_owned(), "new".to_owned())]);
    Candidate { parameters, secrets: secrets(pairs), account: None, ends_on: Some(77) }
}

fn promotion(from_version: i64, keep_until: Option<i64>) -> Promotion {
    Promotion { from_version, keep_until, token: None, account: None }
}

async fn open(world: &World, id: &ConnectionId) -> BTreeMap<String, String> {
    let opened = world.store.connection_open(&world.caller, &world.environment, id).await.unwrap();
    opened.secrets.iter().map(|(k, v)| (k.clone(), v.expose_secret().to_owned())).collect()
}

fn plain(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn a_refresh_is_one_nodes_and_a_late_one_writes_nothing() {
    each_engine(|world| async move {
        let (store, cx) = (&world.store, &world.caller);
        let connection = made(&world, "aaaaaaaa", &[("refreshToken", "first")]).await;
        let key = TokenKey { environment: world.environment.clone(), connection, version: 1 };
        assert!(store.connection_token_get(cx, &key).await.unwrap().is_none());
        let claim = async |generation, owner: &str, until| {
            store.connection_token_claim(cx, &key, generation, owner, until).await.unwrap()
        };
        assert_eq!(claim(0, "one", FAR).await, Claim::Held);
        assert_eq!(claim(0, "two", FAR).await, Claim::Busy);
        assert!(store.connection_token_put(cx, &key, 0, &new_token("a1", "r1")).await.unwrap());
        assert_eq!(claim(0, "two", FAR).await, Claim::Moved);
        assert!(
            !store.connection_token_put(cx, &key, 0, &new_token("late", "late")).await.unwrap()
        );
        assert!(!store.connection_token_fail(cx, &key, 0, "late").await.unwrap());
        let state = store.connection_token_get(cx, &key).await.unwrap().unwrap();
        assert_eq!((state.generation, state.access.unwrap().expose_secret()), (1, "a1"));
        assert_eq!(state.refresh.unwrap().expose_secret(), "r1");
        // A lease that ran out is taken over.
        assert_eq!(claim(1, "one", 1).await, Claim::Held);
        assert_eq!(claim(1, "two", FAR).await, Claim::Held);
        assert!(store.connection_token_fail(cx, &key, 1, "no more").await.unwrap());
        let state = store.connection_token_get(cx, &key).await.unwrap().unwrap();
        assert_eq!(state.failure.as_deref(), Some("no more"));
        let row = store.connection_get(cx, &key.environment, &key.connection).await.unwrap();
        assert!(matches!(row.facts.status, ConnectionStatus::Error { .. }), "{row:?}");
        assert_eq!(row.facts.status_target.as_deref(), Some("token"));
        // Changing the connection keeps the newest refresh token, under a new version.
        let mut parameters = BTreeMap::new();
        parameters.insert("scope".to_owned(), "x".to_owned());
        let change = ConnectionNew {
            id: Some(key.connection.clone()),
            api_name: "shared_sql".into(),
            display_name: "renamed".into(),
            owner: world.administrator.clone(),
            kind: Default::default(),
            endpoint: None,
            account: None,
            parameters,
            secrets: BTreeMap::new(),
            ends_on: None,
        };
        let changed = store.connection_update(cx, &key.environment, change).await.unwrap();
        assert_eq!(changed.credential_version, 2);
        assert_eq!(changed.secret_fields, ["refreshToken"]);
        assert_eq!(open(&world, &key.connection).await, plain(&[("refreshToken", "r1")]));
        assert_eq!(claim(1, "one", FAR).await, Claim::Moved, "the credential is another one");
        let key = TokenKey { version: 2, ..key };
        let claimed = store.connection_token_claim(cx, &key, 0, "one", FAR).await.unwrap();
        assert_eq!(claimed, Claim::Held);
    });
}

#[test]
fn many_who_claim_at_once_are_one() {
    each_engine(|world| async move {
        let connection = made(&world, "abababab", &[("refreshToken", "first")]).await;
        let key = TokenKey { environment: world.environment.clone(), connection, version: 1 };
        for generation in 0..5 {
            let claims = (0..20).map(|n| {
                let (store, cx, key) = (world.store.clone(), world.caller.clone(), key.clone());
                tokio::spawn(async move {
                    let owner = format!("node {n}");
                    store.connection_token_claim(&cx, &key, generation, &owner, FAR).await
                })
            });
            let mut held = 0;
            for claim in claims.collect::<Vec<_>>() {
                // Two first claims may meet at the row itself: then one is told so, and asks again.
                if matches!(claim.await.unwrap(), Ok(Claim::Held)) {
                    held += 1;
                }
            }
            assert_eq!(held, 1, "generation {generation}");
            let token = new_token("a", "r");
            let put =
                world.store.connection_token_put(&world.caller, &key, generation, &token).await;
            assert!(put.unwrap());
        }
    });
}

#[test]
fn a_candidate_counts_when_it_is_promoted_and_the_one_before_comes_back() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let id = made(&world, "bbbbbbbb", &[("key", "old"), ("only", "once")]).await;
        store.connection_candidate_put(cx, env, &id, candidate(&[("key", "new")])).await.unwrap();
        assert_eq!(open(&world, &id).await, plain(&[("key", "old"), ("only", "once")]));
        let tried = store.connection_candidate_open(cx, env, &id).await.unwrap();
        assert_eq!(tried.secrets["key"].expose_secret(), "new");
        let stale = store.connection_candidate_promote(cx, env, &id, promotion(9, None)).await;
        assert!(matches!(stale, Err(StoreError::Modified { .. })), "{stale:?}");
        let row = store
            .connection_candidate_promote(cx, env, &id, promotion(1, Some(FAR)))
            .await
            .unwrap();
        assert_eq!((row.credential_version, row.facts.ends_at), (2, Some(77)));
        assert_eq!(row.previous_until, Some(FAR));
        assert_eq!(open(&world, &id).await, plain(&[("key", "new")]));
        assert!(store.connection_candidate_open(cx, env, &id).await.is_err(), "it is active now");
        // Two who see a refusal take it back once.
        assert!(store.connection_return(cx, env, &id, 2, true).await.unwrap());
        assert!(!store.connection_return(cx, env, &id, 2, true).await.unwrap());
        assert!(!store.connection_return(cx, env, &id, 3, true).await.unwrap(), "nothing is kept");
        assert_eq!(open(&world, &id).await, plain(&[("key", "old"), ("only", "once")]));
        // Over its time it does not come back by itself, but by hand.
        store.connection_candidate_put(cx, env, &id, candidate(&[("key", "third")])).await.unwrap();
        store.connection_candidate_promote(cx, env, &id, promotion(3, Some(1))).await.unwrap();
        assert!(!store.connection_return(cx, env, &id, 4, true).await.unwrap());
        assert!(store.connection_return(cx, env, &id, 4, false).await.unwrap());
        // Dropped candidates leave nothing.
        store.connection_candidate_put(cx, env, &id, candidate(&[("key", "bad")])).await.unwrap();
        store.connection_candidate_drop(cx, env, &id, "refused").await.unwrap();
        assert!(store.connection_candidate_open(cx, env, &id).await.is_err());
        assert_eq!(open(&world, &id).await["key"], "old");
        assert!(store.audit_verify(cx, env).await.unwrap().first_bad.is_none());
        store.connection_delete(cx, env, &id, false).await.unwrap();
    });
}

#[test]
fn a_sign_in_is_answered_once_and_by_whoever_began_it() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let id = made(&world, "cccccccc", &[]).await;
        let new = |kind, pause| SignInNew {
            kind,
            kept: "kept".to_owned().into(),
            expires_on: FAR,
            pause,
        };
        let code = new(SignInKind::Code, 0);
        let signin = store.connection_signin_begin(cx, env, &id, code).await.unwrap();
        let other = Caller::Operator("somebody else".to_owned());
        assert!(store.connection_signin_due(&other, env, &id, &signin).await.is_err());
        let due = store.connection_signin_due(cx, env, &id, &signin).await.unwrap();
        assert!(matches!(due, Due::Now(kept) if kept.kept.expose_secret() == "kept"));
        assert!(store.connection_signin_due(cx, env, &id, &signin).await.is_err(), "once");
        let device = new(SignInKind::Device, 3_600_000_000);
        let signin = store.connection_signin_begin(cx, env, &id, device).await.unwrap();
        let due = store.connection_signin_due(cx, env, &id, &signin).await.unwrap();
        assert!(matches!(due, Due::Later(_)), "not before the pause is over");
        let expired = SignInNew { expires_on: 1, ..new(SignInKind::Code, 0) };
        let late = store.connection_signin_begin(cx, env, &id, expired).await.unwrap();
        assert!(store.connection_signin_due(cx, env, &id, &late).await.is_err());
        assert!(store.connection_signin_due(cx, env, &id, &signin).await.is_err(), "the newest");
    });
}

#[test]
fn tests_leave_a_fingerprint_and_what_is_off_stays_off() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let id = made(&world, "dddddddd", &[("key", "k")]).await;
        let tested = Fingerprint {
            tested_at: 5,
            identity: Some("app".to_owned()),
            target: "https://t".to_owned(),
        };
        store.connection_tested(cx, env, &id, TestResult::Passed(tested.clone())).await.unwrap();
        assert_eq!(
            store.connection_get(cx, env, &id).await.unwrap().facts.fingerprint,
            Some(tested.clone())
        );
        let off = store.connection_switch(cx, env, &id, false).await.unwrap();
        assert_eq!(off.facts.status, ConnectionStatus::Disabled);
        store.connection_tested(cx, env, &id, TestResult::Passed(tested)).await.unwrap();
        let failed =
            TestResult::Failed { code: "c".to_owned(), message: "m".to_owned(), target: None };
        store.connection_tested(cx, env, &id, failed).await.unwrap();
        let row = store.connection_get(cx, env, &id).await.unwrap();
        assert_eq!(row.facts.status, ConnectionStatus::Disabled);
        assert_eq!(
            row.facts.fingerprint.unwrap().tested_at,
            5,
            "a failed test does not forget where we were"
        );
        let on = store.connection_switch(cx, env, &id, true).await.unwrap();
        assert_eq!(on.facts.status, ConnectionStatus::Connected);
        assert!(store.connection_last_use(cx, env).await.unwrap().is_empty());
    });
}
