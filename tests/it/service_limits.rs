//! How much one user may ask of the Web API.
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_tests::Home;
use connref_tests::http::{self, Answer};
use connref_tests::package;
use connref_tests::served::Served;
use serde_json::json;

const WHO: &str = "/api/data/v9.2/WhoAmI";
const REQUESTS: &str = "x-ms-ratelimit-burst-remaining-xrm-requests";
const TIME: &str = "x-ms-ratelimit-time-remaining-xrm-requests";

#[track_caller]
fn who(served: &Served, env: &str) -> Answer {
    served.ask(env, "GET", WHO, None)
}

#[test]
fn whoever_asks_too_much_is_told_to_wait() {
    let home = Home::with_env("dev", &[]);
    home.ok(["user", "add", "maker@harbour.test", "--role", "maker"]);
    let served = Served::start_as(&home, &["--limits", "requests=4,window=600"]);
    for left in ["3", "2", "1", "0"] {
        let answer = who(&served, "dev");
        assert_eq!((answer.status, answer.header(REQUESTS)), (200, Some(left)));
        assert!(answer.header(TIME).is_some());
    }
    let told = who(&served, "dev");
    assert_eq!(told.status, 429);
    let seconds: u64 = told.header("retry-after").and_then(|s| s.parse().ok()).expect("seconds");
    assert!((1..=600).contains(&seconds), "{seconds}");
    let error = &told.json()["error"];
    assert_eq!(error["code"], "0x80072322", "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains('4')), "{error}");
    // Another user has a share of its own; the control plane is another service.
    let bearer = format!("Bearer {}", served.token);
    let headers = [("authorization", bearer.as_str()), ("mscrmcallerid", "maker@harbour.test")];
    let other = http::send(served.port, &served.host("dev"), "GET", WHO, &headers, None);
    assert_eq!((other.status, other.header(REQUESTS)), (200, Some("3")));
    let list = served.ask("dev", "GET", "/connectivity/connections", None);
    assert_eq!(list.status, 200);
    // Commands in the operator's own process are not limited.
    home.ok(["ref", "list"]);
    home.ok(["ref", "list"]);
}

#[test]
fn too_many_at_once_are_told_to_come_again() {
    let home = Home::with_env("dev", &[]);
    let served = Served::start_as(&home, &["--limits", "concurrent=1,requests=100000"]);
    // Staging takes a while; meanwhile there is no room for anything else.
    let zip = STANDARD.encode(package::fixture_zip("harbour_notices"));
    let body = json!({"CustomizationFile": zip});
    let (stop, met) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let answer =
                        served.ask("dev", "POST", "/api/data/v9.2/StageSolution", Some(&body));
                    if answer.status == 429 {
                        assert_eq!(answer.json()["error"]["code"], "0x80072326");
                        assert_eq!(answer.header("retry-after"), Some("1"));
                        met.store(true, Ordering::SeqCst);
                    } else {
                        assert_eq!(answer.status, 200);
                    }
                }
            });
        }
        for _ in 0..600 {
            if met.load(Ordering::SeqCst) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert!(met.load(Ordering::SeqCst), "two at once were never told apart");
    assert_eq!(who(&served, "dev").status, 200);
}

#[test]
fn without_a_word_the_service_limits_hold_in_its_fidelity_only() {
    let home = Home::with_env("dev", &[]);
    home.ok(["env", "create", "strict", "--fidelity", "dataverse"]);
    let served = Served::start(&home);
    assert_eq!(who(&served, "dev").header(REQUESTS), None);
    let strict = who(&served, "strict");
    assert_eq!((strict.header(REQUESTS), strict.header(TIME)), (Some("5999"), Some("1200")));
    drop(served);
    let off = Served::start_as(&home, &["--limits", "off"]);
    assert_eq!(who(&off, "strict").header(REQUESTS), None);
    let wrong = home.run(["server", "run", "--limits", "speed=1"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("requests=6000"), "{}", wrong.stderr);
}
