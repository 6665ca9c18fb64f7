//! Grants, signing keys, credentials and links, on every engine.
use connref_solution::model::facts::{PrincipalKind, Role};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::identity_issuer::{IdentityIssuer, OutsideSubject};
use connref_store::principal_credential::CredentialNew;
use connref_store::signin_grant::{GrantKind, GrantNew, Shown};
use connref_store::signing_key::SigningKey;
use connref_store::user::UserNew;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::world::{World, each_engine};

const SYSTEM: Caller = Caller::System("test");
const APPLICATION: &str = "BBBBBBBB-0000-4000-8000-000000000001";

fn grant(kind: GrantKind) -> GrantNew {
    GrantNew {
        kind,
        family: None,
        user_code: None,
        client: "tool".to_owned(),
        subject: Some("{}".to_owned()),
        content: json!({"scope": "x"}),
        pause: 0,
        lifetime: 60_000_000,
    }
}

#[test]
fn a_grant_counts_once_even_if_many_show_it_at_once() {
    each_engine(|world| async move {
        let store = &world.store;
        let token = store.grant_create(&SYSTEM, grant(GrantKind::Code)).await.unwrap();
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (store, token) = (store.clone(), token.clone());
                tokio::spawn(async move {
                    store.grant_take(&SYSTEM, GrantKind::Code, &token, |_| true).await.unwrap()
                })
            })
            .collect();
        let mut counts = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Shown::Now(found) => {
                    assert_eq!(found.content, json!({"scope": "x"}));
                    counts.0 += 1;
                }
                Shown::Again => counts.1 += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(counts, (1, 15));
        // Another kind, another token, a caller that is no part of the system.
        let take = |kind, token: &str| {
            let (store, token) = (store.clone(), SecretString::from(token.to_owned()));
            async move { store.grant_take(&SYSTEM, kind, &token, |_| true).await.unwrap() }
        };
        assert_eq!(take(GrantKind::Refresh, token.expose_secret()).await, Shown::Unknown);
        assert_eq!(take(GrantKind::Code, "0").await, Shown::Unknown);
        let refused = store.grant_create(&world.caller, grant(GrantKind::Session)).await;
        assert!(matches!(refused, Err(StoreError::Denied { .. })));
    });
}

#[test]
fn device_codes_are_confirmed_once_and_asked_for_in_time() {
    each_engine(|world| async move {
        let store = &world.store;
        let new = GrantNew {
            user_code: Some("BCDFGHJK".to_owned()),
            subject: None,
            pause: 5_000_000,
            ..grant(GrantKind::Device)
        };
        let token = store.grant_create(&SYSTEM, new).await.unwrap();
        let ask = |client: &'static str| {
            let (store, token) = (store.clone(), token.clone());
            async move { store.grant_ask(&SYSTEM, &token, client).await.unwrap() }
        };
        assert_eq!(ask("other").await, Shown::Unknown);
        assert_eq!(ask("tool").await, Shown::Pending);
        assert_eq!(ask("tool").await, Shown::TooSoon);
        assert!(store.grant_by_user_code(&SYSTEM, "BCDFGHJK").await.unwrap().is_some());
        assert!(store.grant_confirm(&SYSTEM, "BCDFGHJK", "{\"a\":1}", true).await.unwrap());
        assert!(!store.grant_confirm(&SYSTEM, "BCDFGHJK", "{}", false).await.unwrap());
        assert!(store.grant_by_user_code(&SYSTEM, "BCDFGHJK").await.unwrap().is_none());
        let Shown::Now(found) = ask("tool").await else { panic!("it was confirmed") };
        assert_eq!(found.subject.as_deref(), Some("{\"a\":1}"));
        assert_eq!(ask("tool").await, Shown::Unknown);
        let over = GrantNew { lifetime: 0, ..grant(GrantKind::Session) };
        let over = store.grant_create(&SYSTEM, over).await.unwrap();
        let found = store.grant_find(&SYSTEM, GrantKind::Session, &over).await.unwrap();
        assert_eq!(found, None);
    });
}

#[test]
fn signing_keys_are_sealed_and_forgotten() {
    each_engine(|world| async move {
        let store = &world.store;
        let now = store.now();
        let key = |id: &str, created_on| SigningKey {
            id: id.to_owned(),
            public: "p".to_owned(),
            created_on,
            signs_until: created_on + 10,
        };
        let secret = SecretString::from("the private half");
        store.signing_key_add(&SYSTEM, key("old", now - 100), &secret, 0).await.unwrap();
        store.signing_key_add(&SYSTEM, key("new", now), &secret, now - 50).await.unwrap();
        let list = store.signing_key_list(&SYSTEM, 0).await.unwrap();
        assert_eq!(list, [key("new", now)]);
        let opened = store.signing_key_open(&SYSTEM, "new").await.unwrap().unwrap();
        assert_eq!(opened.expose_secret(), "the private half");
        // Under another name the seal does not open.
        world.tamper("UPDATE signing_key SET keyid = 'other'").await;
        assert!(store.signing_key_open(&SYSTEM, "other").await.unwrap().is_none());
        assert!(store.signing_key_open(&world.caller, "other").await.is_err());
    });
}

async fn robot(world: &World) {
    let new = UserNew {
        name: "robot".into(),
        display_name: "robot".into(),
        kind: PrincipalKind::ServicePrincipal,
        application_id: Some(APPLICATION.into()),
        role: Role::BasicUser,
        business_unit: None,
        manager: None,
    };
    let added = world.store.user_add(&world.caller, &world.environment, new).await;
    added.expect("the world of the test is sound");
}

#[test]
fn a_credential_proves_something_where_it_is_and_while_it_lasts() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        robot(&world).await;
        let add = |new: CredentialNew, ends: Option<i64>| {
            let (store, cx, env) = (store.clone(), cx.clone(), env.clone());
            async move {
                let name = String::new();
                store.principal_credential_add(&cx, &env, "robot", name, new, ends).await.unwrap()
            }
        };
        let secret = |text: &str| SecretString::from(text.to_owned());
        let id = add(CredentialNew::Secret(secret("a-secret-that-lasts")), None).await;
        let soon = store.now() + 400_000;
        add(CredentialNew::Secret(secret("a-secret-that-ends")), Some(soon)).await;
        add(CredentialNew::CertificateDer(vec![1, 2, 3]), None).await;
        let verify = |text: &str| {
            let (store, text) = (store.clone(), secret(text));
            async move { store.principal_secret_verify(&SYSTEM, APPLICATION, &text).await.unwrap() }
        };
        assert_eq!(verify("a-secret-that-lasts").await, std::slice::from_ref(env));
        assert_eq!(verify("another-secret").await, []);
        let print = store.principal_certificates(&SYSTEM, APPLICATION).await.unwrap();
        assert_eq!(print[0].der.as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(print[0].thumbprint.len(), 64);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(verify("a-secret-that-ends").await, []);
        store.principal_credential_remove(cx, env, "robot", &id).await.unwrap();
        assert_eq!(verify("a-secret-that-lasts").await, []);
        assert!(store.application_exists(&SYSTEM, APPLICATION).await.unwrap());
        assert!(!store.application_exists(&SYSTEM, "x").await.unwrap());
    });
}

#[test]
fn links_are_made_by_whoever_may_act_for_others_and_noted() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        robot(&world).await;
        let maker = world.member("maker@contoso.test", Role::EnvironmentMaker).await;
        let make = |caller: &Caller, name: &'static str, time: i64| {
            let (store, caller, env) = (store.clone(), caller.clone(), env.clone());
            async move { store.signin_link_create(&caller, &env, name, time).await }
        };
        let code = make(cx, "maker@contoso.test", 1_000_000).await.unwrap();
        let found = store.grant_find(&SYSTEM, GrantKind::SignIn, &code).await.unwrap().unwrap();
        assert!(found.subject.unwrap().contains(env.as_str()));
        let denied = make(&maker, "maker@contoso.test", 1_000_000).await;
        assert!(matches!(denied, Err(StoreError::Denied { .. })), "{denied:?}");
        for (name, time) in
            [("robot", 1_000_000), ("maker@contoso.test", 0), ("maker@contoso.test", i64::MAX)]
        {
            let refused = make(cx, name, time).await;
            assert!(matches!(refused, Err(StoreError::Invalid(_))), "{name} {time}");
        }
        let log = store.audit_list(cx, env, 1).await.unwrap();
        assert_eq!(log[0].action, "user_signin_link");
        assert!(!log[0].detail.to_string().contains(code.expose_secret()));
    });
}

#[test]
fn an_issuer_counts_while_the_operator_says_so() {
    each_engine(|world| async move {
        let store = &world.store;
        let operator = Caller::Operator("operator".to_owned());
        let issuer = |name: &str| IdentityIssuer {
            issuer: name.to_owned(),
            audiences: vec!["api://connref".to_owned()],
            allowed: vec!["10.0.0.1:443".to_owned()],
            by_name: true,
            created_on: 0,
        };
        for bad in [
            "",
            "x",
            "http://id.test",
            "https://",
            "https:///x",
            "https://id.test/?x",
            "https://a b",
            "https://me@id.test",
            "https://id.test/#",
            "ftp://id.test",
            "http://localhost.id.test",
        ] {
            let refused = store.identity_issuer_set(&operator, issuer(bad)).await;
            assert!(matches!(refused, Err(StoreError::Invalid(_))), "{bad}");
        }
        let member = world.member("maker@harbour.test", Role::SystemAdministrator).await;
        let refused = store.identity_issuer_set(&member, issuer("https://id.test/t/v2.0")).await;
        assert!(matches!(refused, Err(StoreError::Denied { .. })));
        for name in ["https://id.test/t/v2.0", "https://id.test/t/v2.0", "http://127.0.0.1:9/x"] {
            store.identity_issuer_set(&operator, issuer(name)).await.unwrap();
        }
        let all = store.identity_issuer_list(&operator).await.unwrap();
        assert_eq!(all.len(), 2);
        // Letter by letter.
        for (name, known) in [("https://id.test/t/v2.0", true), ("https://id.test/T/v2.0", false)] {
            let found = store.identity_issuer_find(&SYSTEM, name).await.unwrap();
            assert_eq!(found.is_some(), known, "{name}");
        }
        store.identity_issuer_remove(&operator, "https://id.test/t/v2.0").await.unwrap();
        let again = store.identity_issuer_remove(&operator, "https://id.test/t/v2.0").await;
        assert!(matches!(again, Err(StoreError::NotFound { .. })));
    });
}

#[test]
fn whom_an_identity_stands_for_is_one_or_nobody() {
    each_engine(|world| async move {
        let store = &world.store;
        robot(&world).await;
        world.member("ada@harbour.test", Role::BasicUser).await;
        let places = |ids: &[&str], name: Option<&str>, application: Option<&str>| {
            let subject = OutsideSubject {
                ids: ids.iter().map(|id| (*id).to_owned()).collect(),
                name: name.map(str::to_owned),
                application: application.map(str::to_owned),
            };
            let store = store.clone();
            async move {
                let found = store.identity_places(&SYSTEM, "https://id.test", subject).await;
                found.unwrap().into_iter().map(|(_, id)| id).collect::<Vec<_>>()
            }
        };
        let id = |name: &'static str| {
            let (store, environment) = (store.clone(), world.environment.clone());
            async move { store.user_get(&SYSTEM, &environment, name).await.unwrap().id }
        };
        let (ada, machine) = (id("ada@harbour.test").await, id("robot").await);
        assert_eq!(
            places(&["1"], Some("ADA@harbour.test"), None).await,
            std::slice::from_ref(&ada)
        );
        assert_eq!(places(&["1"], None, Some(APPLICATION)).await, [machine]);
        // A person's name is no application, and the other way round.
        assert!(places(&["1"], Some("robot"), None).await.is_empty());
        assert!(places(&["1"], None, Some("ada@harbour.test")).await.is_empty());
        assert!(places(&[], None, None).await.is_empty());
        let federated = |audience: Option<&str>| CredentialNew::Federated {
            issuer: "https://id.test".to_owned(),
            subject: "42".to_owned(),
            audience: audience.map(str::to_owned),
        };
        let add = |who: &'static str, new: CredentialNew, until| {
            let (store, caller) = (store.clone(), world.caller.clone());
            let environment = world.environment.clone();
            async move {
                let name = String::new();
                store.principal_credential_add(&caller, &environment, who, name, new, until).await
            }
        };
        add("ada@harbour.test", federated(None), None).await.unwrap();
        assert_eq!(places(&["1", "42"], Some("nobody"), None).await, std::slice::from_ref(&ada));
        assert!(places(&["1"], Some("ada@harbour.test"), None).await.is_empty());
        // Linked to two: nobody. A link that is over no longer counts, and does not free the name.
        add("robot", federated(Some("api://x")), Some(store.now() + 60_000_000)).await.unwrap();
        assert!(places(&["42"], None, None).await.is_empty());
        let known = store.principal_federations(&SYSTEM, APPLICATION, "https://id.test").await;
        let known = known.unwrap();
        let told = (known.len(), known[0].subject.as_str(), known[0].audience.as_str());
        assert_eq!(told, (1, "42", "api://x"));
        for issuer in ["https://id.test/", "https://ID.test", ""] {
            let none = store.principal_federations(&SYSTEM, APPLICATION, issuer).await;
            assert!(none.unwrap().is_empty(), "{issuer}");
        }
        world
            .tamper("UPDATE principal_credential SET expireson = 1 WHERE audience IS NOT NULL")
            .await;
        assert_eq!(places(&["42"], None, None).await, [ada]);
        let none = store.principal_federations(&SYSTEM, APPLICATION, "https://id.test").await;
        assert!(none.unwrap().is_empty());
        let listed = store
            .principal_credential_list(&world.caller, &world.environment, "robot")
            .await
            .unwrap();
        assert_eq!(listed[0].audience.as_deref(), Some("api://x"));
        let secret = CredentialNew::Secret("sixteen-letters-long".to_owned().into());
        assert!(add("ada@harbour.test", secret, None).await.is_err());
    });
}
