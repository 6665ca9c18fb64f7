//! Whoever shows too many wrong secrets, codes or links waits, and nobody else does. The clock is set
//! by hand; a proxy of this machine says for whom it asks.
use connref_store::principal_credential::CredentialNew;
use connref_tests::http::{self, Answer};
use connref_tests::provider::Provider;
use serde_json::json;

use super::clock_world::{ROBOT, World, operator};

const SECRET: &str = "a-secret-of-the-robot";

impl World {
    async fn secret(&self) {
        let secret = CredentialNew::Secret(SECRET.to_owned().into());
        let store = self.app.store();
        let place = self.place("dev");
        let made = store
            .principal_credential_add(&operator(), place, "robot", String::new(), secret, None)
            .await;
        made.expect("a credential");
    }

    fn sends(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let host = format!("localhost:{}", self.port);
        http::form(self.port, &host, path, &[("x-forwarded-for", from)], fields)
    }

    fn asks(&self, from: &str, fields: &[(&str, &str)]) -> (u16, u64, Option<u64>) {
        let answer = self.sends(from, "/common/oauth2/v2.0/token", fields);
        let number = answer.json()["error_codes"][0].as_u64().unwrap_or_default();
        let wait = answer.header("retry-after").and_then(|text| text.parse().ok());
        (answer.status, number, wait)
    }

    fn robot(&self, from: &str, client: &str, secret: &str) -> (u16, u64, Option<u64>) {
        let scope = format!("{}/.default", self.url("dev"));
        self.asks(
            from,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", client),
                ("client_secret", secret),
                ("scope", &scope),
            ],
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_a_secret_end_after_ten_for_whoever_guesses() {
    let world = World::new().await;
    world.secret().await;
    let wrong = "another-secret-of-it";
    for _ in 0..10 {
        assert_eq!(world.robot("192.0.2.1", ROBOT, wrong), (401, 7_000_215, None));
    }
    let waits = world.robot("192.0.2.1", ROBOT, wrong);
    assert!(waits.0 == 429 && waits.1 == 50_053 && waits.2.is_some_and(|s| s > 250), "{waits:?}");
    // Not even the right one, so that nothing is learned; spelled in another way it is the same.
    assert_eq!(world.robot("192.0.2.1", ROBOT, SECRET).0, 429);
    assert_eq!(world.robot("192.0.2.1", &ROBOT.to_uppercase(), SECRET).0, 429);
    // Whoever else has the right one notices nothing.
    assert_eq!(world.robot("192.0.2.2", ROBOT, SECRET).0, 200);
    assert_eq!(world.robot("2001:db8::1", ROBOT, SECRET).0, 200);
    world.later(301);
    assert_eq!(world.robot("192.0.2.1", ROBOT, SECRET).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_names_and_codes_end_too() {
    let world = World::new().await;
    world.secret().await;
    for n in 0..100 {
        let client = format!("aaaaaaaa-0000-4000-9000-{n:012}");
        let told = match n % 4 {
            0 => world.robot("192.0.2.1", &client, SECRET),
            1 => world.asks(
                "192.0.2.1",
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", "tool"),
                    ("refresh_token", &client),
                ],
            ),
            2 => world.asks(
                "192.0.2.1",
                &[
                    ("grant_type", "authorization_code"),
                    ("client_id", "tool"),
                    ("code", &client),
                    ("redirect_uri", "http://localhost/"),
                    ("code_verifier", "v"),
                ],
            ),
            _ => world.asks(
                "192.0.2.1",
                &[("grant_type", "device_code"), ("client_id", "tool"), ("device_code", &client)],
            ),
        };
        assert_eq!(told.0, 400, "{n}: {told:?}");
    }
    assert_eq!(world.robot("192.0.2.1", ROBOT, SECRET).0, 429);
    let page = world.sends("192.0.2.1", "/signin", &[("code", "x")]);
    assert!(page.status == 429 && page.header("retry-after").is_some(), "{page:?}");
    assert_eq!(world.robot("192.0.2.9", ROBOT, SECRET).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_links_end_and_a_right_link_counts_elsewhere() {
    let world = World::new().await;
    let store = world.app.store();
    let place = world.place("dev");
    let hour = 3600 * 1_000_000;
    let code = store.signin_link_create(&operator(), place, "alice@harbour.test", hour).await;
    let code = code.expect("a link");
    let host = format!("localhost:{}", world.port);
    let get = |from: &str, path: &str| {
        http::send(world.port, &host, "GET", path, &[("x-forwarded-for", from)], None).status
    };
    for n in 0..99 {
        let status = match n % 3 {
            0 => get("192.0.2.1", &format!("/signin/{n}")),
            1 => get("192.0.2.1", &format!("/consent/{n}")),
            _ => world.sends("192.0.2.1", "/signin", &[("code", "x")]).status,
        };
        assert!(matches!(status, 403 | 404), "{n}: {status}");
    }
    use secrecy::ExposeSecret as _;
    let path = format!("/signin/{}", code.expose_secret());
    assert_eq!(get("192.0.2.1", &path), 200);
    assert_eq!(get("192.0.2.1", "/signin/last"), 403);
    assert_eq!(get("192.0.2.1", &path), 429);
    assert_eq!(get("192.0.2.2", &path), 200);
    let entered = world.sends("192.0.2.2", "/signin", &[("code", code.expose_secret())]);
    assert_eq!(entered.status, 303);
    // A code of a device, by whoever is signed in.
    let cookie = entered.header("set-cookie").and_then(|c| c.split(';').next()).expect("a session");
    let device = |from: &str| {
        let headers = [("x-forwarded-for", from), ("cookie", cookie)];
        http::form(world.port, &host, "/device", &headers, &[("user_code", "BCDFGHJK")]).status
    };
    for _ in 0..100 {
        assert_eq!(device("192.0.2.3"), 404);
    }
    assert_eq!(device("192.0.2.3"), 429);
    assert_eq!(device("192.0.2.4"), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_others_are_guesses_too() {
    let Some(issuer) = Provider::issuer() else { return };
    let world = World::new().await;
    world.secret().await;
    world.link("dev", "robot", &issuer.issuer, "workload").await;
    world.allow("dev", &issuer.allow()).await;
    let wrong = json!({"claims": {"sub": "workload", "aud": "api://else"}});
    let wrong =
        issuer.ask("POST", "/-/sign", Some(&wrong))["token"].as_str().expect("a token").to_owned();
    let ask = |from: &str| {
        let scope = format!("{}/.default", world.url("dev"));
        world.asks(
            from,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", ROBOT),
                ("scope", &scope),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &wrong),
            ],
        )
    };
    for _ in 0..10 {
        assert_eq!(ask("192.0.2.1"), (401, 700_212, None));
    }
    assert_eq!(ask("192.0.2.1").0, 429);
    assert_eq!(world.robot("192.0.2.2", ROBOT, SECRET).0, 200);
}
