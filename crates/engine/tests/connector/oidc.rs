//! A real authorization server of another make: every grant, and exactly one refresh per expiry.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use connref_egress::{Egress, EgressConfig, Policy};
use connref_engine::connector::{Credential, Target};
use connref_engine::credential::{credential_fields, credential_open};
use connref_engine::sign_in::sign_in_code;
use connref_engine::token::{TokenError, TokenKey, Tokens};
use connref_solution::model::facts::ConnectionKind;
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connector::BuiltIn;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::source::{Clock, SystemIds};
use connref_store::vault::KeyFile;
use connref_tests::browser::{Browser, Ended};
use connref_tests::provider::Provider;
use secrecy::{ExposeSecret, SecretString};

/// Expiries, and uses at once after each: over two nodes.
const EXPIRIES: u64 = 100;
const USES: usize = 200;
/// A certificate with its key, and its public key as the server knows it.
const CERTIFICATE: &str = include_str!("../../../egress/tests/it/certificate/client.pem");
const KEY: &str = include_str!("../../../egress/tests/it/certificate/client.jwk.json");
const HOUR: i64 = 3_600_000_000;

/// A clock that is set by hand.
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Stage {
    store: Store,
    clock: Arc<Hands>,
    egress: Egress,
    policy: Policy,
    target: Target,
    secrets: BTreeMap<String, SecretString>,
    key: TokenKey,
    _folder: tempfile::TempDir,
}

fn target(pairs: &[(&str, &str)]) -> Target {
    let parameters = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Target { endpoint: None, parameters }
}

/// A connection with the refresh token of a real sign-in.
async fn signed_in(provider: &Provider) -> Stage {
    let folder = tempfile::tempdir().expect("a folder");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_micros()).expect("before 294247");
    let (clock, ids) = (Arc::new(Hands(AtomicI64::new(now))), SystemIds::default());
    let key = KeyFile::open_or_create(&folder.path().join("key"), &ids).expect("a key");
    let place = Location::Sqlite(folder.path().join("db"));
    let store = Store::open(&place, Arc::new(key), clock.clone(), Arc::new(ids)).await;
    let store = store.expect("a store");
    let operator = Caller::Operator("admin".to_owned());
    let environment = EnvironmentNew {
        name: "dev".to_owned(),
        kind: Default::default(),
        fidelity: Default::default(),
        allowed: Vec::new(),
    };
    let environment = store.environment_create(&operator, environment).await.expect("made").id;
    let built_in = BuiltIn {
        api_name: "shared_sql".into(),
        display_name: "SQL".to_owned(),
        service_principal: Default::default(),
    };
    store.connector_seed(&operator, &environment, vec![built_in]).await.expect("seeded");
    let egress = Egress::new(EgressConfig::default());
    let policy = Policy::parse(&provider.allow()).expect("a policy");
    let tokens = Tokens::new(egress.clone(), store.clone(), "sign-in".to_owned());
    let mut parameters = target(&[
        ("grantType", "code"),
        ("clientId", "native"),
        ("issuer", &provider.issuer),
        ("prompt", "consent"),
    ]);
    let none = BTreeMap::new();
    let fields = credential_fields(&parameters, &none);
    let redirect = "http://127.0.0.1:54321/cb";
    let begun = sign_in_code(&egress, &policy, &fields, redirect, store.ids()).await;
    let (url, kept) = begun.expect("it begins");
    let ended =
        tokio::task::spawn_blocking(move || Browser::default().sign_in(url.as_str(), "ada"));
    let Ended::Elsewhere(back) = ended.await.expect("no panic") else { panic!("not sent back") };
    assert!(back.as_str().starts_with(redirect), "{back}");
    let query = back.query().expect("an answer");
    assert!(query.contains("iss="), "{query}");
    // Another state, another issuer: nothing is exchanged.
    for wrong in [query.replace("state=", "state=x"), query.replace("iss=http", "iss=https")] {
        let refused = tokens.sign_in_code_finish(&egress, &policy, &fields, &kept, &wrong).await;
        assert!(refused.is_err(), "{wrong}");
    }
    let done = tokens.sign_in_code_finish(&egress, &policy, &fields, &kept, query).await;
    let done = done.expect("signed in");
    assert_eq!(done.account.as_deref(), Some("ada"));
    parameters.parameters.insert("tokenUrl".to_owned(), done.token_url);
    let refresh = done.token.refresh_token.expect("offline access");
    let administrator = store.user_get(&operator, &environment, "admin").await.expect("a user").id;
    let secrets = BTreeMap::from([("refreshToken".to_owned(), refresh)]);
    let new = ConnectionNew {
        id: Some("aaaaaaaa".into()),
        api_name: "shared_sql".into(),
        display_name: "c".to_owned(),
        owner: administrator,
        kind: ConnectionKind::User,
        endpoint: None,
        account: None,
        parameters: parameters.parameters.clone(),
        secrets: secrets.clone(),
        ends_on: None,
    };
    let member = store.caller_find(&environment, "admin").await.expect("a member");
    store.connection_create(&member, &environment, new).await.expect("made");
    let key = TokenKey { environment, connection: "aaaaaaaa".into(), version: 1 };
    Stage { store, clock, egress, policy, target: parameters, secrets, key, _folder: folder }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_hundred_expiries_times_two_hundred_uses_are_one_hundred_refreshes() {
    let Some(provider) = Provider::start(None) else { return };
    let stage = Arc::new(signed_in(&provider).await);
    let nodes: Vec<Tokens> = ["one", "two"]
        .map(|node| Tokens::new(stage.egress.clone(), stage.store.clone(), node.to_owned()))
        .into();
    let before = provider.count("refresh_token");
    let mut last = String::new();
    for expiry in 1..=EXPIRIES {
        let uses = (0..USES).map(|n| {
            let (tokens, stage) = (nodes[n % nodes.len()].clone(), Arc::clone(&stage));
            tokio::spawn(async move {
                let (target, secrets) = (&stage.target, &stage.secrets);
                credential_open(&tokens, &stage.policy, &stage.key, target, secrets).await
            })
        });
        let mut tokens = Vec::new();
        for one in uses.collect::<Vec<_>>() {
            match one.await.expect("no panic").expect("a token") {
                Credential::Bearer(token) => tokens.push(token.expose_secret().to_owned()),
                other => panic!("{other:?}"),
            }
        }
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "all use the same token");
        assert_ne!(tokens[0], last, "a new one after each expiry");
        last = tokens.remove(0);
        assert_eq!(provider.count("refresh_token") - before, expiry, "one refresh each");
        // To the minute after the token's end.
        stage.clock.0.fetch_add(HOUR + 60_000_000, Ordering::SeqCst);
    }
    assert_eq!(provider.count("refused"), 0, "no refresh token was shown twice");
    // A refresh token that was replaced is refused, once, and then nobody asks again.
    stale_is_final(&provider, &stage).await;
}

/// What a restored backup would do: the first refresh token again.
async fn stale_is_final(provider: &Provider, stage: &Stage) {
    let parameters = BTreeMap::from([("scope".to_owned(), "openid offline_access".to_owned())]);
    let old = ConnectionNew {
        id: Some(stage.key.connection.clone()),
        api_name: "shared_sql".into(),
        display_name: "c".to_owned(),
        owner: stage
            .store
            .user_get(&Caller::System("t"), &stage.key.environment, "admin")
            .await
            .expect("a user")
            .id,
        kind: ConnectionKind::User,
        endpoint: None,
        account: None,
        parameters,
        secrets: stage.secrets.clone(),
        ends_on: None,
    };
    let system = Caller::System("test");
    stage.store.connection_update(&system, &stage.key.environment, old).await.expect("changed");
    let key = TokenKey { version: 2, ..stage.key.clone() };
    let tokens = Tokens::new(stage.egress.clone(), stage.store.clone(), "three".to_owned());
    for _ in 0..3 {
        let (policy, target, secrets) = (&stage.policy, &stage.target, &stage.secrets);
        let refused = credential_open(&tokens, policy, &key, target, secrets).await;
        assert!(matches!(refused, Err(TokenError::SignIn { .. })), "{refused:?}");
    }
    assert_eq!(provider.count("refused"), 1, "asked once, then never again");
}

#[tokio::test]
async fn clients_prove_themselves_by_secret_and_by_certificate() {
    let Some(provider) = Provider::start(Some(KEY)) else { return };
    let stage = signed_in(&provider).await;
    let tokens = Tokens::new(stage.egress.clone(), stage.store.clone(), "n".to_owned());
    let token_url = format!("{}/token", provider.issuer);
    for (at, how, secret, fine) in [
        (1, "post", "service-secret-1", true),
        (2, "basic", "service-secret-2", true),
        (1, "post", "wrong", false),
    ] {
        let client = format!("service-{at}");
        let target = target(&[
            ("tokenUrl", &token_url),
            ("clientId", &client),
            ("clientAuthentication", how),
        ]);
        let secrets = BTreeMap::from([("clientSecret".to_owned(), secret.to_owned().into())]);
        let key = TokenKey { version: at, connection: secret.into(), ..stage.key.clone() };
        let opened = credential_open(&tokens, &stage.policy, &key, &target, &secrets).await;
        assert_eq!(matches!(opened, Ok(Credential::Bearer(_))), fine, "{how}: {opened:?}");
    }
    assert_eq!(provider.count("client_credentials"), 2);
    for algorithm in ["RS256", "PS256"] {
        let target = target(&[
            ("tokenUrl", &token_url),
            ("clientId", "service-3"),
            ("assertionAudience", &provider.issuer),
            ("assertionAlgorithm", algorithm),
        ]);
        let secrets = BTreeMap::from([("certificate".to_owned(), CERTIFICATE.to_owned().into())]);
        let key = TokenKey { connection: algorithm.into(), ..stage.key.clone() };
        let opened = credential_open(&tokens, &stage.policy, &key, &target, &secrets).await;
        assert!(matches!(opened, Ok(Credential::Bearer(_))), "{algorithm}: {opened:?}");
    }
    assert_eq!(provider.count("client_credentials"), 4);
}
