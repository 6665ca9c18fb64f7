//! Tokens through the router, in process: which count, which do not, and what each grant gives.
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_egress::{Egress, EgressConfig};
use connref_solution::model::facts::{EnvironmentKind, Fidelity, PrincipalKind, Role};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::principal_credential::CredentialNew;
use connref_store::signin_grant::{GrantKind, GrantNew};
use connref_store::source::{SystemClock, SystemIds};
use connref_store::user::UserNew;
use connref_store::vault::KeyFile;
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::oauth::Subject;
use super::{ENVIRONMENTS, SIGNER};
use crate::address::Addresses;
use crate::operation::environment::environment_create;
use crate::{App, router};

const ROBOT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const SECRET: &str = "a-secret-of-the-robot";
const ALICE: &str = "alice@harbour.test";
const WHO: &str = "/api/data/v9.2/WhoAmI";

struct World {
    _folder: tempfile::TempDir,
    app: App,
    router: Router,
    tenant: String,
    dev: String,
}

type Answer = (u16, Value);

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Arc::new(
            KeyFile::open_or_create(&folder.path().join("key"), &SystemIds::default()).unwrap(),
        );
        let location = Location::Sqlite(folder.path().join("t.db"));
        let ids = Arc::new(SystemIds::default());
        let store = Store::open(&location, key, Arc::new(SystemClock), ids).await.unwrap();
        let egress = Egress::new(EgressConfig::default());
        let app = App::new(store, egress, "operator".to_owned(), "node".to_owned());
        app.serving(Addresses {
            scheme: "https",
            hosts: vec!["connref.test".to_owned()],
            port: 443,
            ports: Vec::new(),
        });
        let operator = Caller::Operator("operator".to_owned());
        let mut dev = String::new();
        for name in ["dev", "prod"] {
            let new = EnvironmentNew {
                name: name.to_owned(),
                kind: EnvironmentKind::Developer,
                fidelity: Fidelity::Extended,
                allowed: Vec::new(),
            };
            let made = environment_create(&app, &operator, new).await.unwrap();
            // The same names in both: what is proven in one counts nothing in the other.
            for (name, application) in [("robot", Some(ROBOT)), (ALICE, None)] {
                let new = UserNew {
                    name: name.to_owned(),
                    display_name: name.to_owned(),
                    kind: match application {
                        Some(_) => PrincipalKind::ServicePrincipal,
                        None => PrincipalKind::User,
                    },
                    application_id: application.map(str::to_owned),
                    role: Role::EnvironmentMaker,
                    business_unit: None,
                    manager: None,
                };
                app.store().user_add(&operator, &made.id, new).await.unwrap();
            }
            if name == "dev" {
                dev = made.id.as_str().to_owned();
                let secret = CredentialNew::Secret(SECRET.to_owned().into());
                let name = String::new();
                app.store()
                    .principal_credential_add(&operator, &made.id, "robot", name, secret, None)
                    .await
                    .unwrap();
            }
        }
        let (tenant, _) = app.store().tenant(&SIGNER).await.unwrap();
        let router = router(app.clone());
        Self { _folder: folder, app, router, tenant, dev }
    }

    async fn ask(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, host: &str, path: &str, token: &str) -> Answer {
        let request = Request::get(path)
            .header("host", host)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty());
        self.ask(request.unwrap()).await
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let path = format!("/{}/oauth2/v2.0/{path}", self.tenant);
        let request = Request::post(path)
            .header("host", "connref.test")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body));
        self.ask(request.unwrap()).await
    }

    async fn robot(&self, secret: &str, scope: &str) -> Answer {
        self.form(
            "token",
            &[
                ("grant_type", "client_credentials"),
                ("client_id", ROBOT),
                ("client_secret", secret),
                ("scope", scope),
            ],
        )
        .await
    }

    /// Claims that count, to be spoiled.
    fn claims(&self) -> Value {
        let now = self.app.store().now() / 1_000_000;
        json!({
            "iss": format!("https://connref.test/{}/v2.0", self.tenant),
            "aud": "https://dev.connref.test", "tid": self.tenant, "idtyp": "user", "upn": ALICE,
            "iat": now, "nbf": now, "exp": now + 600, ENVIRONMENTS: [self.dev],
        })
    }

    /// A grant for Alice, as a sign-in leaves it.
    async fn grant(&self, kind: GrantKind, content: Value) -> SecretString {
        let subject = Subject {
            name: ALICE.to_owned(),
            application: false,
            environments: vec![self.dev.as_str().into()],
        };
        let new = GrantNew {
            kind,
            family: None,
            user_code: None,
            client: "tool".to_owned(),
            subject: Some(subject.text()),
            content,
            pause: 0,
            lifetime: 60_000_000,
        };
        self.app.store().grant_create(&SIGNER, new).await.unwrap()
    }
}

fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.1[name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_application_gets_a_token_for_where_it_is_known_alone() {
    let world = World::new().await;
    let answer = world.robot(SECRET, "https://dev.connref.test/.default").await;
    assert_eq!(answer.0, 200, "{answer:?}");
    let token = text(&answer, "access_token");
    assert_eq!(world.get("dev.connref.test", WHO, token).await.0, 200);
    // Another environment's Web API, and one where only the name is the same.
    let other = world.get("prod.connref.test", WHO, token).await;
    assert_eq!((other.0, other.1["error"]["code"].as_str()), (401, Some("0x80040236")));
    let control = world.robot(SECRET, "https://service.powerapps.com//.default").await;
    let token = text(&control, "access_token");
    let list = |env: &str| {
        format!("/providers/Microsoft.PowerApps/connections?$filter=environment%20eq%20'{env}'")
    };
    assert_eq!(world.get("connref.test", &list("dev"), token).await.0, 200);
    assert_eq!(world.get("connref.test", &list("prod"), token).await.0, 403);
    assert_eq!(world.get("dev.connref.test", WHO, token).await.0, 401);
    let all = "/providers/connref/key";
    assert_eq!(world.get("connref.test", all, token).await.0, 403);
    // Pipelines are judged by names of the whole tenant, and this token proves one in `dev` alone.
    let pipelines = "/providers/connref/pipelines";
    assert_eq!(world.get("connref.test", pipelines, token).await.0, 401);
    let operator = world.app.store().token_create(world.app.operator()).await.unwrap();
    assert_eq!(world.get("connref.test", pipelines, operator.expose_secret()).await.0, 200);
}

#[tokio::test]
async fn what_proves_nothing_gets_nothing() {
    let world = World::new().await;
    let dev = "https://dev.connref.test/.default";
    for (answer, status, error, number) in [
        (world.robot("another-secret-here", dev).await, 401, "invalid_client", 7_000_215),
        (
            world.robot(SECRET, "https://prod.connref.test/.default").await,
            400,
            "invalid_grant",
            50_020,
        ),
        (
            world.robot(SECRET, "https://none.connref.test/.default").await,
            400,
            "invalid_resource",
            500_011,
        ),
        (world.robot("", dev).await, 401, "invalid_client", 7_000_218),
        (world.form("token", &[]).await, 400, "invalid_request", 900_144),
        (
            world.form("token", &[("client_id", "x"), ("grant_type", "password")]).await,
            400,
            "unsupported_grant_type",
            70_003,
        ),
    ] {
        assert_eq!((answer.0, text(&answer, "error")), (status, error), "{answer:?}");
        assert_eq!(answer.1["error_codes"][0], number, "{answer:?}");
        assert!(!answer.1.to_string().contains(SECRET));
    }
    let wrong =
        Request::get("/elsewhere/v2.0/.well-known/openid-configuration").body(Body::empty());
    assert_eq!(world.ask(wrong.unwrap()).await.1["error_codes"][0], 90_002);
}

#[tokio::test]
async fn a_signed_token_counts_only_if_all_of_it_holds() {
    let world = World::new().await;
    let good = world.app.sign(&world.claims()).await.unwrap();
    assert_eq!(world.get("dev.connref.test", WHO, &good).await.0, 200);
    let now = world.app.store().now() / 1_000_000;
    for (name, value) in [
        ("iss", json!("https://evil.test/v2.0")),
        ("iss", json!(format!("https://connref.test/{}", world.tenant))),
        ("tid", json!("00000000-0000-4000-8000-000000000000")),
        ("aud", json!("https://prod.connref.test")),
        ("aud", json!("https://connref.test")),
        ("aud", json!("tool")),
        ("aud", json!(["https://dev.connref.test"])),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("nbf", json!(now + 600)),
        ("upn", json!("")),
        (ENVIRONMENTS, json!([])),
        (ENVIRONMENTS, Value::Null),
    ] {
        let mut claims = world.claims();
        claims[name] = value.clone();
        let token = world.app.sign(&claims).await.unwrap();
        let answer = world.get("dev.connref.test", WHO, &token).await;
        assert_eq!(
            (answer.0, answer.1["error"]["code"].as_str()),
            (401, Some("0x80040236")),
            "{name} {value}"
        );
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let body = head.split_once('.').unwrap().1;
    let none = format!("{}.{body}.", part(json!({"alg": "none", "typ": "JWT"})));
    let hmac = format!("{}.{body}.{signature}", part(json!({"alg": "HS256", "kid": "x"})));
    let mut more = world.claims();
    more["upn"] = "operator".into();
    let changed = format!("{}.{}.{signature}", head.split_once('.').unwrap().0, part(more));
    // A key of the same name in another installation.
    let stranger = World::new().await.app.sign(&world.claims()).await.unwrap();
    for token in [none, hmac, changed, stranger, format!("{good}x"), "a.b.c".to_owned()] {
        for (host, path) in
            [("dev.connref.test", WHO), ("dev.connref.test", "/connectivity/connections")]
        {
            assert_eq!(world.get(host, path, &token).await.0, 401, "{token}");
        }
    }
}

#[tokio::test]
async fn a_code_counts_once_with_its_verifier() {
    let world = World::new().await;
    let verifier = "v".repeat(43);
    let challenge =
        URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()));
    let content = json!({
        "scope": "openid offline_access https://dev.connref.test/user_impersonation",
        "resource": "https://dev.connref.test", "nonce": "n",
        "redirect_uri": "http://localhost:1/", "challenge": challenge,
    });
    let code = world.grant(GrantKind::Code, content).await;
    let ask = |client: &'static str, redirect: &'static str, verifier: String| {
        let (world, code) = (&world, code.clone());
        async move {
            world
                .form(
                    "token",
                    &[
                        ("grant_type", "authorization_code"),
                        ("client_id", client),
                        ("code", code.expose_secret()),
                        ("redirect_uri", redirect),
                        ("code_verifier", &verifier),
                    ],
                )
                .await
        }
    };
    for (client, redirect, verifier) in [
        ("other", "http://localhost:1/", verifier.clone()),
        ("tool", "http://localhost:2/", verifier.clone()),
        ("tool", "http://localhost:1/", "w".repeat(43)),
    ] {
        let refused = ask(client, redirect, verifier).await;
        assert_eq!((refused.0, text(&refused, "error")), (400, "invalid_grant"), "{refused:?}");
    }
    let good = ask("tool", "http://localhost:1/", verifier.clone()).await;
    assert_eq!(good.0, 200, "{good:?}");
    assert_eq!(world.get("dev.connref.test", WHO, text(&good, "access_token")).await.0, 200);
    // A statement about the person is no access token.
    assert_eq!(world.get("dev.connref.test", WHO, text(&good, "id_token")).await.0, 401);
    // Shown again, the code is stolen: what came of it ends too.
    assert_eq!(ask("tool", "http://localhost:1/", verifier).await.0, 400);
    let refreshed = refresh(&world, text(&good, "refresh_token"), "tool").await;
    assert_eq!(refreshed.0, 400, "{refreshed:?}");
}

async fn refresh(world: &World, token: &str, client: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
    world.form("token", &fields).await
}

#[tokio::test]
async fn refresh_tokens_rotate_and_a_stolen_one_ends_the_family() {
    let world = World::new().await;
    let content = json!({
        "scope": "offline_access https://dev.connref.test/user_impersonation",
        "resource": "https://dev.connref.test",
    });
    let first = world.grant(GrantKind::Refresh, content).await;
    assert_eq!(refresh(&world, first.expose_secret(), "other").await.0, 400);
    let second = refresh(&world, first.expose_secret(), "tool").await;
    assert_eq!(second.0, 200, "{second:?}");
    let second = text(&second, "refresh_token").to_owned();
    let third = refresh(&world, &second, "tool").await;
    assert_eq!(third.0, 200);
    assert_eq!(refresh(&world, first.expose_secret(), "tool").await.1["error_codes"][0], 54_005);
    assert_eq!(refresh(&world, text(&third, "refresh_token"), "tool").await.0, 400);
}

#[tokio::test]
async fn a_device_is_signed_in_by_whoever_types_its_code() {
    let world = World::new().await;
    let scope = "https://dev.connref.test/user_impersonation offline_access";
    let begun = world.form("devicecode", &[("client_id", "tool"), ("scope", scope)]).await;
    assert_eq!(begun.0, 200, "{begun:?}");
    let device = text(&begun, "device_code").to_owned();
    let poll = || {
        let (world, device) = (&world, device.clone());
        async move {
            let grant = "urn:ietf:params:oauth:grant-type:device_code";
            let fields = [("grant_type", grant), ("client_id", "tool"), ("device_code", &*device)];
            world.form("token", &fields).await
        }
    };
    assert_eq!(text(&poll().await, "error"), "authorization_pending");
    assert_eq!(text(&poll().await, "error"), "slow_down");
    let subject = Subject {
        name: ALICE.to_owned(),
        application: false,
        environments: vec![world.dev.as_str().into()],
    };
    let code = text(&begun, "user_code").to_owned();
    let store = world.app.store();
    assert!(store.grant_confirm(&SIGNER, &code, &subject.text(), true).await.unwrap());
    assert!(!store.grant_confirm(&SIGNER, &code, &subject.text(), false).await.unwrap());
    let done = poll().await;
    assert_eq!(done.0, 200, "{done:?}");
    assert!(!text(&done, "refresh_token").is_empty());
    assert_eq!(text(&poll().await, "error"), "invalid_grant");
}

#[tokio::test]
async fn after_a_change_of_the_key_old_tokens_count_and_new_ones_are_made() {
    let world = World::new().await;
    let old = world.app.sign(&world.claims()).await.unwrap();
    let operator = Caller::Operator("operator".to_owned());
    let store = world.app.store();
    store.key_change_begin(&operator, None).await.unwrap();
    store.key_change_continue(&operator, std::time::Duration::from_secs(10)).await.unwrap();
    // Another process, which holds nothing yet.
    let egress = Egress::new(EgressConfig::default());
    let again = App::new(store.clone(), egress, "operator".to_owned(), "two".to_owned());
    again.serving(world.app.addresses().clone());
    let world = World { router: router(again.clone()), app: again, ..world };
    let new = world.app.sign(&world.claims()).await.unwrap();
    for token in [old, new] {
        assert_eq!(world.get("dev.connref.test", WHO, &token).await.0, 200);
    }
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_told_where_to_sign_in() {
    let world = World::new().await;
    let request = Request::get(WHO).header("host", "dev.connref.test").body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 401);
    let words = response.headers()["www-authenticate"].to_str().unwrap();
    let expected =
        format!("authorization_uri=\"https://connref.test/{}/oauth2/authorize\"", world.tenant);
    assert!(words.contains(&expected), "{words}");
    assert!(words.contains("resource_id=\"https://dev.connref.test/\""), "{words}");
}
