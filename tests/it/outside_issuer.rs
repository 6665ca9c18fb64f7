//! Access tokens of another issuer: a real one (`oidc-provider`), asked through egress. What counts,
//! what does not, and what happens while the issuer's keys change or the issuer is away. The clock is
//! set by hand.
use connref_store::principal_credential::CredentialNew;
use connref_store::source::{Clock as _, SystemClock};
use connref_tests::Home;
use connref_tests::browser::{Browser, Ended};
use connref_tests::http;
use connref_tests::provider::Provider;
use connref_tests::served::Served;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::clock_world::{ROBOT, SECOND, WHO, World, operator};

/// What an application gets from the issuer for a resource.
#[track_caller]
fn application(issuer: &Provider, client: &str, resource: &str) -> String {
    let answer = issuer.form(
        "/token",
        &[
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", "service-secret"),
            ("scope", "api"),
            ("resource", resource),
        ],
    );
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// What a person gets, who signs in with a browser.
#[track_caller]
fn person(issuer: &Provider, login: &str, resource: &str) -> String {
    let verifier = "v".repeat(43);
    let mut url: url::Url = format!("{}/auth", issuer.issuer).parse().expect("an address");
    url.query_pairs_mut().extend_pairs([
        ("client_id", "native"),
        ("response_type", "code"),
        ("redirect_uri", "http://127.0.0.1/cb"),
        ("scope", "openid api"),
        ("resource", resource),
        // base64url of SHA-256 of 43 times `v`.
        ("code_challenge", "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"),
        ("code_challenge_method", "S256"),
    ]);
    let ended = Browser::default().sign_in(url.as_str(), login);
    let Ended::Elsewhere(back) = ended else { panic!("{ended:?}") };
    let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let answer = issuer.form(
        "/token",
        &[
            ("grant_type", "authorization_code"),
            ("client_id", "native"),
            ("code", &code),
            ("redirect_uri", "http://127.0.0.1/cb"),
            ("code_verifier", &verifier),
            ("resource", resource),
        ],
    );
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// A token that the issuer's own key signed, whatever it says.
#[track_caller]
fn signed(issuer: &Provider, header: Value, claims: Value) -> String {
    let parts = [("header".to_owned(), header), ("claims".to_owned(), claims)];
    let wanted = Value::Object(parts.into_iter().collect());
    let answer = issuer.ask("POST", "/-/sign", Some(&wanted));
    answer["token"].as_str().expect("a token").to_owned()
}

const MEMBER: (u16, &str) = (200, "");
const STRANGER: (u16, &str) = (403, "0x80072560");
const REFUSED: (u16, &str) = (401, "0x80040236");
const AWAY: (u16, &str) = (503, "0x80044150");

macro_rules! says {
    ($world:expr, $token:expr, $wanted:expr) => {
        let said = $world.dev(&$token);
        assert_eq!((said.0, said.1.as_str()), $wanted, "{}", stringify!($token));
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_programs_of_another_issuer_are_who_it_says() {
    let Some(issuer) = Provider::issuer() else { return };
    let world = World::new().await;
    let dev = world.url("dev");
    let robot = application(&issuer, ROBOT, &dev);
    // Nobody said that this issuer counts, and nothing is asked of it.
    says!(world, robot, REFUSED);
    assert_eq!(issuer.count("jwks"), 0);

    world.trust(&issuer, &["api://connref"], true).await;
    says!(world, robot, MEMBER);
    let alice = person(&issuer, "alice", &dev);
    says!(world, alice, MEMBER);
    // Each is the row of that name, here and there.
    for (place, who, audience) in [
        ("dev", "robot", &dev),
        ("dev", "alice@harbour.test", &dev),
        ("prod", "robot", &world.url("prod")),
    ] {
        let token = match who {
            "robot" => application(&issuer, ROBOT, audience),
            _ => person(&issuer, "alice", audience),
        };
        let told = world.get(&format!("{place}.localhost"), WHO, &token).json();
        let row = world.app.store().user_get(&operator(), world.place(place), who).await;
        assert_eq!(told["UserId"], row.expect("a user").id.as_str(), "{told}");
    }
    // A token for one environment counts there alone; the operator's word for an audience everywhere.
    assert_eq!(world.get("prod.localhost", WHO, &alice).status, 401);
    let any = application(&issuer, ROBOT, "api://connref");
    let list = "/providers/Microsoft.PowerApps/connections?$filter=environment%20eq%20'dev'";
    for (host, path) in [("dev.localhost", WHO), ("prod.localhost", WHO), ("localhost", list)] {
        assert_eq!(world.get(host, path, &any).status, 200, "{host}");
    }
    let control = application(&issuer, ROBOT, &format!("http://localhost:{}", world.port));
    assert_eq!(world.get("localhost", list, &control).status, 200);
    says!(world, control, REFUSED);
    // It is no operator, whatever it is called, and pipelines are judged by names of our own.
    assert_eq!(world.get("localhost", "/providers/connref/key", &any).status, 403);
    assert_eq!(world.get("localhost", "/providers/connref/pipelines", &any).status, 401);
    let named = json!({"sub": "x", "preferred_username": "operator", "aud": "api://connref"});
    says!(world, signed(&issuer, json!({}), named), STRANGER);
    // Somebody of the issuer who is no user here.
    let bob = person(&issuer, "bob", &dev);
    says!(world, bob, STRANGER);
    let other = application(&issuer, "workload", &dev);
    says!(world, other, STRANGER);
    // A person's token names the program that asked for it; it is the person's all the same.
    let delegated = json!({"sub": "alice", "azp": ROBOT, "client_id": ROBOT, "aud": dev});
    says!(world, signed(&issuer, json!({}), delegated), STRANGER);
    let delegated =
        json!({"sub": ROBOT, "client_id": ROBOT, "scp": "user_impersonation", "aud": dev});
    says!(world, signed(&issuer, json!({}), delegated), STRANGER);
    // The vendor's claims.
    let v1 = json!({"appid": ROBOT, "sub": "o", "oid": "o", "aud": dev});
    says!(world, signed(&issuer, json!({}), v1), MEMBER);
    let v2 = json!({"idtyp": "app", "azp": ROBOT.to_uppercase(), "sub": "o", "aud": [dev]});
    says!(world, signed(&issuer, json!({}), v2), MEMBER);
    let upn = json!({"upn": "Alice@Harbour.test", "sub": "p", "oid": "o", "scp": "x", "aud": format!("{dev}/")});
    says!(world, signed(&issuer, json!({}), upn), MEMBER);
    // No longer trusted: at once.
    let store = world.app.store();
    store.identity_issuer_remove(&operator(), &issuer.issuer).await.expect("it is removed");
    says!(world, robot, REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_strange_token_must_not_do() {
    let Some(issuer) = Provider::issuer() else { return };
    let Some(other) = Provider::issuer() else { return };
    let world = World::new().await;
    world.trust(&issuer, &[], true).await;
    let dev = world.url("dev");
    let now = SystemClock.now() / SECOND;
    let claims = |more: &[(&str, Value)]| {
        let mut all =
            json!({"sub": "alice", "preferred_username": "alice@harbour.test", "aud": dev});
        for (name, value) in more {
            all[*name] = value.clone();
        }
        all
    };
    for algorithm in ["RS256", "PS256", "ES256"] {
        let _mode = issuer.ask("GET", &format!("/-/mode?alg={algorithm}"), None);
        says!(world, person(&issuer, "alice", &dev), MEMBER);
    }
    let good = signed(&issuer, json!({}), claims(&[]));
    says!(world, good, MEMBER);
    for (name, value) in [
        ("iss", json!(other.issuer)),
        ("iss", json!(format!("{}/", issuer.issuer))),
        ("iss", Value::Null),
        ("aud", json!("https://dev.elsewhere.test")),
        ("aud", json!(format!("http://dev.elsewhere.test:{}", world.port))),
        ("aud", json!(format!("http://x.dev.localhost:{}", world.port))),
        ("aud", json!(format!("https://dev.localhost:{}", world.port))),
        ("aud", json!("http://dev.localhost")),
        ("aud", json!(format!("{dev}/api/data"))),
        ("aud", json!("https://service.powerapps.com/")),
        ("aud", json!(world.url("nowhere"))),
        ("aud", json!(world.url("prod"))),
        ("aud", json!("native")),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("exp", json!("never")),
        ("nbf", json!(now + 600)),
        ("at_hash", json!("x")),
        ("events", json!({})),
        ("typ", json!("ID")),
    ] {
        let token = signed(&issuer, json!({}), claims(&[(name, value.clone())]));
        let said = world.dev(&token);
        assert_eq!((said.0, said.1.as_str()), REFUSED, "{name} {value}");
    }
    for header in [
        json!({"kid": "another"}),
        json!({"kid": ""}),
        json!({"typ": "logout+jwt"}),
        json!({"crit": ["b64"], "b64": true}),
    ] {
        says!(world, signed(&issuer, header.clone(), claims(&[])), REFUSED);
    }
    // Without the name of a key there is one of the kind, and that one counts.
    says!(world, signed(&issuer, json!({"kid": null, "alg": "ES256"}), claims(&[])), MEMBER);
    // Another issuer's key under the same name, and tokens that nobody signed.
    let kid = header_of(&good)["kid"].clone();
    says!(
        world,
        signed(&other, json!({"kid": kid}), claims(&[("iss", json!(issuer.issuer))])),
        REFUSED
    );
    let parts: Vec<&str> = good.split('.').collect();
    for alg in ["none", "NONE", "HS256", "ES384", ""] {
        let header = encode(&json!({"alg": alg, "kid": kid}));
        says!(world, format!("{header}.{}.{}", parts[1], parts[2]), REFUSED);
        says!(world, format!("{header}.{}.", parts[1]), REFUSED);
    }
    let more = encode(&claims(&[("preferred_username", json!("robot"))]));
    says!(world, format!("{}.{more}.{}", parts[0], parts[2]), REFUSED);
    says!(world, format!("{good}A"), REFUSED);
    says!(
        world,
        signed(&issuer, json!({}), claims(&[("pad", json!("x".repeat(40_000)))])),
        REFUSED
    );
    // A name that is nobody's, with what a log or a page would trip over.
    let odd = claims(&[("preferred_username", json!("<b>\r\nx: y\u{0}"))]);
    says!(world, signed(&issuer, json!({}), odd), STRANGER);
    // All this asked for the keys no more often than the pause allows.
    assert_eq!((issuer.count("jwks"), other.count("jwks")), (1, 0));
    // An id token of the real sign-in, and our own tokens under the strange issuer's eyes.
    let operator = world.app.store().token_create("operator").await.expect("a token");
    assert_eq!(
        world.get("localhost", "/providers/connref/key", operator.expose_secret()).status,
        200
    );
}

fn encode(value: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header_of(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').next().unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_and_issuers_go_away() {
    let Some(issuer) = Provider::issuer() else { return };
    let world = World::new().await;
    world.trust(&issuer, &["api://connref"], true).await;
    let robot = || application(&issuer, ROBOT, "api://connref");
    let first = robot();
    says!(world, first, MEMBER);
    // New keys: the next question comes after a pause, however many show unknown ones.
    let _rotated = issuer.ask("GET", "/-/rotate", None);
    let second = robot();
    for _ in 0..20 {
        says!(world, second, REFUSED);
    }
    assert_eq!(issuer.count("jwks"), 1);
    world.later(31);
    says!(world, second, MEMBER);
    assert_eq!(issuer.count("jwks"), 2);
    // What the old key signed is over: the issuer no longer knows it.
    says!(world, first, REFUSED);
    assert_eq!(issuer.count("jwks"), 2);

    // Keys that cannot be read leave those that are known in force, and are not asked for each time.
    for jwks in ["giant", "broken"] {
        let _mode = issuer.ask("GET", &format!("/-/mode?jwks={jwks}"), None);
        world.later(31);
        let before = issuer.count("jwks");
        let unknown = signed(
            &issuer,
            json!({"kid": "x"}),
            json!({"sub": "x", "aud": "api://connref", "exp": 9_999_999_999_i64}),
        );
        let answer = world.get("dev.localhost", WHO, &unknown);
        assert_eq!(answer.status, 503, "{jwks}");
        assert_eq!(answer.header("retry-after"), Some("10"));
        let text = answer.json().to_string();
        assert!(text.contains(&issuer.issuer) && text.contains("cannot be had"), "{text}");
        says!(world, unknown, AWAY);
        says!(world, robot(), MEMBER);
        assert_eq!(issuer.count("jwks"), before + 1, "{jwks}");
    }
    let _mode = issuer.ask("GET", "/-/mode?jwks=right", None);
    // The issuer is gone. Known keys serve for a day.
    let claims =
        json!({"sub": ROBOT, "client_id": ROBOT, "aud": "api://connref", "exp": 9_999_999_999_i64});
    let long = signed(&issuer, json!({}), claims.clone());
    let unknown = signed(&issuer, json!({"kid": "y"}), claims);
    let operator = world.app.store().token_create("operator").await.expect("a token");
    drop(issuer);
    world.later(2 * 3600);
    says!(world, long, MEMBER);
    world.later(60);
    says!(world, unknown, AWAY);
    let list = "/providers/Microsoft.PowerApps/connections?$filter=environment%20eq%20'dev'";
    let control = world.get("localhost", list, &unknown);
    assert_eq!((control.status, control.header("retry-after")), (503, Some("10")));
    world.later(25 * 3600);
    says!(world, long, AWAY);
    // Nobody else notices.
    assert_eq!(
        world.get("localhost", "/providers/connref/key", operator.expose_secret()).status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_a_better_word_than_a_name() {
    let Some(issuer) = Provider::issuer() else { return };
    let world = World::new().await;
    world.trust(&issuer, &["api://connref"], true).await;
    let token = |sub: &str, name: &str| {
        let claims = json!({"sub": sub, "preferred_username": name, "aud": "api://connref"});
        signed(&issuer, json!({}), claims)
    };
    let alice = "alice@harbour.test";
    says!(world, token("id-1", alice), MEMBER);
    // From here on the name is this identity's, whoever else gets the name at the issuer.
    let link = world.link("dev", alice, &issuer.issuer, "id-1").await;
    says!(world, token("id-1", alice), MEMBER);
    says!(world, token("id-1", "married@harbour.test"), MEMBER);
    says!(world, token("id-2", alice), STRANGER);
    assert_eq!(world.get("prod.localhost", WHO, &token("id-2", alice)).status, 200);
    // A link of another issuer says nothing about this one.
    world.link("prod", alice, "https://elsewhere.test", "id-9").await;
    assert_eq!(world.get("prod.localhost", WHO, &token("id-2", alice)).status, 200);
    // One identity that is linked to two is nobody.
    world.user("dev", "twin@harbour.test", None).await;
    world.link("dev", "twin@harbour.test", &issuer.issuer, "id-1").await;
    says!(world, token("id-1", alice), STRANGER);
    let store = world.app.store();
    let place = world.place("dev");
    store.principal_credential_remove(&operator(), place, alice, &link).await.expect("it goes");
    let told = world.get("dev.localhost", WHO, &token("id-1", alice)).json();
    let twin = store.user_get(&operator(), place, "twin@harbour.test").await.expect("a user");
    assert_eq!(told["UserId"], twin.id.as_str());
    // A disabled user stays out.
    let update = connref_store::user::UserUpdate { disabled: Some(true), ..Default::default() };
    store.user_update(&operator(), place, &twin.id, update).await.expect("it is disabled");
    assert_eq!(world.dev(&token("id-1", alice)).0, 403);
    // Where the operator wants links, a name is none.
    world.trust(&issuer, &["api://connref"], false).await;
    assert_eq!(world.get("prod.localhost", WHO, &token("id-2", alice)).status, 403);
    world.link("prod", alice, &issuer.issuer, "id-2").await;
    assert_eq!(world.get("prod.localhost", WHO, &token("id-2", alice)).status, 200);
    // People get no secrets, and a link wants the right to act for others.
    let secret = CredentialNew::Secret("sixteen-letters-long".to_owned().into());
    let refused = store
        .principal_credential_add(&operator(), place, alice, String::new(), secret, None)
        .await;
    assert!(refused.is_err());
    let maker = store.caller_find(place, "alice@harbour.test").await.expect("a caller");
    let new = CredentialNew::Federated {
        issuer: issuer.issuer.clone(),
        subject: "mine".to_owned(),
        audience: None,
    };
    let refused = store
        .principal_credential_add(&maker, place, "twin@harbour.test", String::new(), new, None)
        .await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_signs_in_with_a_token_of_its_own_issuer() {
    let Some(issuer) = Provider::issuer() else { return };
    let world = World::new().await;
    let exchange = "api://AzureADTokenExchange";
    let ask = |assertion: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", ROBOT),
            ("scope", &*format!("{}/.default", world.url("dev"))),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        let host = format!("localhost:{}", world.port);
        let answer = http::form(world.port, &host, "/common/oauth2/v2.0/token", &[], &fields);
        let body = answer.json();
        let number = body["error_codes"][0].as_u64().unwrap_or_default();
        (answer.status, number, body)
    };
    let workload = application(&issuer, "workload", exchange);
    // Nobody named the issuer: it is not even asked.
    assert_eq!(ask(&workload).1, 700_213);
    assert_eq!(issuer.count("jwks"), 0);
    world.link("dev", "robot", &issuer.issuer, "workload").await;
    // The environment does not let it be reached yet.
    let away = ask(&workload);
    assert_eq!(away.0, 503, "{away:?}");
    world.allow("dev", &issuer.allow()).await;
    let good = ask(&workload);
    assert_eq!(good.0, 200, "{good:?}");
    let token = good.2["access_token"].as_str().expect("a token");
    says!(world, token, MEMBER);
    assert_eq!(world.get("prod.localhost", WHO, token).status, 401);
    // The token itself is no access token here.
    says!(world, workload, REFUSED);
    let claims = |name: &str, value: Value| {
        let mut all = json!({"sub": "workload", "aud": exchange});
        all[name] = value;
        signed(&issuer, json!({}), all)
    };
    let now = SystemClock.now() / SECOND;
    for (name, value, number) in [
        ("sub", json!("Workload"), 700_213),
        ("sub", json!("workload "), 700_213),
        ("iss", json!("https://elsewhere.test"), 700_213),
        ("aud", json!("api://else"), 700_212),
        ("aud", json!([]), 700_212),
        ("exp", json!(now - 61), 700_027),
        ("nbf", json!(now + 600), 700_027),
    ] {
        let told = ask(&claims(name, value.clone()));
        assert_eq!((told.0, told.1), (401, number), "{name} {value} {told:?}");
    }
    let none = format!(
        "{}.{}.",
        encode(&json!({"alg": "none"})),
        encode(&json!({
            "iss": issuer.issuer, "sub": "workload", "aud": exchange, "exp": now + 60,
        }))
    );
    assert_eq!(ask(&none).1, 700_027);
    // Who did not get it from the issuer learns nothing of what the credential holds.
    let Some(other) = Provider::issuer() else { return };
    // So many wrong ones were enough for a while.
    world.later(301);
    for (sub, aud) in [("workload", exchange), ("else", exchange), ("workload", "api://else")] {
        let stolen = json!({"sub": sub, "aud": aud, "iss": issuer.issuer});
        let told = ask(&signed(&other, json!({}), stolen));
        assert_eq!((told.0, told.1), (401, 700_027), "{sub} {aud} {told:?}");
    }
    assert_eq!(other.count("jwks"), 0);
}

#[test]
fn an_operator_trusts_an_issuer_and_a_person_uses_it() {
    let Some(issuer) = Provider::issuer() else { return };
    let home = Home::with_env("dev", &[issuer.allow()]);
    home.ok(["user", "add", "alice@harbour.test", "--role", "maker"]);
    home.ok(["user", "add", "robot", "--service-principal", "--application-id", ROBOT]);
    // What cannot work is told at once, and nothing is kept.
    home.run(["server", "issuer", "add", &issuer.issuer]).expect(7);
    home.run(["server", "issuer", "add", "http://elsewhere.test"]).expect(7);
    let slash = format!("{}/", issuer.issuer);
    let allow = issuer.allow();
    home.run(["server", "issuer", "add", &slash, "--allow", &allow]).expect(7);
    assert_eq!(home.json(["server", "issuer", "list"]), json!([]));
    let made = home.json(["server", "issuer", "add", &issuer.issuer, "--allow", &allow]);
    assert_eq!(made["keys"], 2, "{made}");
    let listed = home.json(["server", "issuer", "list"]);
    assert_eq!(listed[0]["issuer"], issuer.issuer.as_str(), "{listed}");
    let refused = home.run(["server", "issuer", "remove", &issuer.issuer, "--as", "robot"]);
    refused.expect(4);

    let served = Served::start(&home);
    let token = person(&issuer, "alice", &served.url("dev"));
    let file = home.file("token", &token);
    let address = served.url("dev");
    let line = ["ref", "list", "--environment", &address, "--token-file", &file];
    home.ok(line);
    // A workload of the issuer's, by a credential and the token endpoint.
    let federated = format!("issuer={},subject=workload,audience=api://harbour", issuer.issuer);
    home.ok(["user", "credential", "add", "robot", "--federated", &federated]);
    let shown = home.json(["user", "credential", "list", "robot"]);
    assert_eq!(
        (shown[0]["kind"].as_str(), shown[0]["audience"].as_str()),
        (Some("federated"), Some("api://harbour")),
        "{shown}"
    );
    let linked = format!("issuer={},subject=alice", issuer.issuer);
    home.ok(["user", "credential", "add", "alice@harbour.test", "--federated", &linked]);
    let assertion = application(&issuer, "workload", "api://harbour");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", ROBOT),
        ("scope", &*format!("{address}/.default")),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    let host = format!("localhost:{}", served.port);
    let answer = http::form(served.port, &host, "/common/oauth2/v2.0/token", &[], &fields).json();
    assert!(answer["access_token"].is_string(), "{answer}");
    let log = home.json(["audit", "log"]);
    let rows: Vec<&Value> = log.as_array().into_iter().flatten().collect();
    let noted = |action: &str, name: &str, value: &str| {
        rows.iter().any(|row| row["action"] == action && row["detail"][name] == value)
    };
    assert!(noted("principal_credential_add", "subject", "workload"), "{log}");
    assert!(rows.iter().any(|row| row["action"] == "issuer_set"), "{log}");
    home.ok(["server", "issuer", "remove", &issuer.issuer]);
    home.run(line).expect(3);
    home.run(["server", "issuer", "remove", &issuer.issuer]).expect(5);
}
