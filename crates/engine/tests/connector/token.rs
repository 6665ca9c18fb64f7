//! Tokens of connections: one flight, kept, renewed, never shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use connref_egress::{Egress, EgressConfig, Policy};
use connref_engine::connector::{Credential, Target};
use connref_engine::token::{CredentialFields, FieldError, TokenError, TokenKey, Tokens};
use connref_store::Store;
use connref_store::db::Location;
use connref_store::source::{SystemClock, SystemIds};
use connref_store::vault::KeyFile;
use secrecy::{ExposeSecret, SecretString};

use crate::server::{Server, json};

type Secrets = BTreeMap<String, SecretString>;

fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), SecretString::from(*v))).collect()
}

fn target(pairs: &[(&str, &str)]) -> Target {
    Target {
        endpoint: None,
        parameters: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
    }
}

fn shown(credential: &Credential) -> String {
    match credential {
        Credential::Bearer(token) => token.expose_secret().to_owned(),
        other => format!("{other:?}"),
    }
}

/// A keeper over an empty store.
async fn keeper() -> Tokens {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let ids = SystemIds::default();
    let key = KeyFile::open_or_create(&folder.join("key"), &ids).expect("a key");
    let place = Location::Sqlite(folder.join("db"));
    let store = Store::open(&place, Arc::new(key), Arc::new(SystemClock), Arc::new(ids)).await;
    Tokens::new(Egress::new(EgressConfig::default()), store.expect("a store"), "n".to_owned())
}

fn key(connection: &str) -> TokenKey {
    TokenKey { environment: "e".into(), connection: connection.into(), version: 1 }
}

/// A token endpoint that numbers its tokens.
async fn endpoint(lifetime: u64, status: u16) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |_| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        json(status, &format!(r#"{{"access_token":"canary-{n}","expires_in":{lifetime},"error":"invalid_client"}}"#))
    })
    .await
}

async fn ask(
    tokens: &Tokens,
    server: &Server,
    connection: &str,
    secret: &str,
) -> Result<Credential, TokenError> {
    let target = target(&[
        ("tokenUrl", &format!("{}/token", server.url())),
        ("clientId", "app"),
        ("scope", "s/.default"),
    ]);
    let secrets = secrets(&[("clientSecret", secret)]);
    let policy = Policy::parse(&server.address.to_string()).expect("a policy");
    let fields = CredentialFields {
        kind: "client_credentials",
        target: &target,
        secrets: &secrets,
        default_scope: None,
    };
    tokens.credential(&key(connection), &policy, &fields).await
}

#[tokio::test]
async fn two_hundred_calls_make_one_request() {
    let server = Arc::new(endpoint(3600, 200).await);
    let tokens = keeper().await;
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (tokens, server) = (tokens.clone(), Arc::clone(&server));
            tokio::spawn(async move { ask(&tokens, &server, "c1", "s").await.map(|c| shown(&c)) })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic").expect("a token"), "canary-0");
    }
    assert_eq!(server.seen().len(), 1);
    assert!(server.last().text().contains("scope=s%2F.default"));
    assert_eq!(
        shown(&ask(&tokens, &server, "c2", "s").await.expect("another connection")),
        "canary-1"
    );
    assert_eq!(
        shown(&ask(&tokens, &server, "c1", "rotated").await.expect("another secret")),
        "canary-2"
    );
    tokens.forget(&key("c1"));
    assert_eq!(
        shown(&ask(&tokens, &server, "c1", "rotated").await.expect("asked again")),
        "canary-3"
    );
}

#[tokio::test]
async fn tokens_at_their_end_are_not_kept() {
    let server = endpoint(0, 200).await;
    let tokens = keeper().await;
    for n in 0..3 {
        assert_eq!(
            shown(&ask(&tokens, &server, "c", "s").await.expect("a token")),
            format!("canary-{n}")
        );
    }
}

#[tokio::test]
async fn a_refusal_is_shared_by_those_who_waited() {
    let server = Arc::new(endpoint(3600, 401).await);
    let tokens = keeper().await;
    let together =
        futures::future::join_all((0..50).map(|_| ask(&tokens, &server, "c", "canary-secret")))
            .await;
    for result in together {
        let error = result.expect_err("refused");
        assert!(!error.retryable() && !format!("{error:?}").contains("canary"), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1);
    ask(&tokens, &server, "c", "canary-secret").await.expect_err("asked again later");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn kinds_need_their_fields() {
    let tokens = keeper().await;
    let policy = Policy::default();
    let make = async |kind: &str, target: Target, secrets: Secrets| {
        let fields =
            CredentialFields { kind, target: &target, secrets: &secrets, default_scope: None };
        assert!(!format!("{fields:?}").contains("canary"));
        tokens.credential(&key("c"), &policy, &fields).await
    };
    assert!(matches!(make("none", target(&[]), secrets(&[])).await, Ok(Credential::None)));
    assert!(matches!(
        make("bearer", target(&[]), secrets(&[("token", "canary")])).await,
        Ok(Credential::Bearer(_))
    ));
    assert!(matches!(
        make("api_key", target(&[]), secrets(&[("anything", "canary")])).await,
        Ok(Credential::ApiKey(_))
    ));
    assert!(matches!(
        make("basic", target(&[("username", "u")]), secrets(&[("password", "canary")])).await,
        Ok(Credential::Basic { .. })
    ));
    assert!(
        matches!(make("fields", target(&[]), secrets(&[("a", "canary"), ("b", "canary")])).await, Ok(Credential::Fields(f)) if f.len() == 2)
    );
    for (kind, parameters, kept) in [
        ("basic", vec![], secrets(&[("password", "canary")])),
        ("basic", vec![("username", "u")], secrets(&[])),
        ("api_key", vec![], secrets(&[("a", "canary"), ("b", "canary")])),
        ("client_credentials", vec![("clientId", "x")], secrets(&[("clientSecret", "canary")])),
        (
            "client_credentials",
            vec![("tenant", "a/../b"), ("clientId", "x")],
            secrets(&[("clientSecret", "canary")]),
        ),
        ("magic", vec![], secrets(&[])),
    ] {
        let error = make(kind, target(&parameters), kept).await.expect_err(kind);
        assert!(
            matches!(
                &error,
                TokenError::Fields {
                    source: FieldError::Missing(_) | FieldError::Unusable(_) | FieldError::Kind(_),
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(!format!("{error:?}").contains("canary"));
    }
}
