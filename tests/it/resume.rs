//! A run whose node dies goes on at the next: what was durable is not done again, what was in flight
//! is sent at most once more and says that it is the same call.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connref_tests::served::Served;
use connref_tests::stand_in::{Reply, Request, StandIn};
use connref_tests::{Home, database, http};
use serde_json::{Value, json};

const PROCESS: &str = "/providers/Microsoft.ProcessSimple/environments/dev/flows";

/// First → Slow → Third, each a call to the stand-in; the variable is made before the crash and
/// used after it.
fn definition(target: &StandIn) -> Value {
    let call = |path: &str, after: Value, body: Value| {
        json!({"type": "Http", "runAfter": after,
            "inputs": {"method": "POST", "uri": format!("{}/{path}", target.url()), "body": body}})
    };
    json!({
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}},
        "actions": {
            "Name": {"type": "InitializeVariable", "runAfter": {},
                "inputs": {"variables": [{"name": "mark", "type": "string", "value": "@{guid()}"}]}},
            "First": call("first", json!({"Name": ["Succeeded"]}), json!("@variables('mark')")),
            "Slow": call("slow", json!({"First": ["Succeeded"]}), json!("@body('First')?['n']")),
            "Third": call("third", json!({"Slow": ["Succeeded"]}), json!("@variables('mark')")),
        },
    })
}

fn of(requests: &[Request], path: &str) -> Vec<Request> {
    requests.iter().filter(|r| r.path == path).cloned().collect()
}

#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_run_survives_the_node_that_carried_it() {
    let held = Arc::new(AtomicBool::new(true));
    let hold = Arc::clone(&held);
    let target = StandIn::start_open(move |request, _| {
        // The first time the slow call is never answered while the node lives.
        if request.path == "/slow" && hold.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(2));
        }
        Reply::ok(json!({"n": request.path}))
    });
    let home = Home::with_env("dev", &[target.allow()]);
    let file = home.file("flow.json", definition(&target).to_string());
    let made = home.json(["flow", "create", "Survivor", "--definition", &file]);
    let flow = made["id"].as_str().expect("a flow has an id").to_owned();
    home.ok(["flow", "on", "Survivor"]);

    let served = Served::start(&home);
    let path = format!("{PROCESS}/{flow}/triggers/manual/run");
    let started = served.ask("dev", "POST", &path, Some(&json!({})));
    assert_eq!(started.status, 202);
    let run = started.json()["name"].as_str().expect("a run has a name").to_owned();
    wait_for("the slow call", || of(&target.requests(), "/slow").first().cloned());
    drop(served);
    held.store(false, Ordering::SeqCst);

    // The lease of a dead node ends by itself after a minute; the test does not wait for it.
    let db = database::open(&home.database());
    let open = db.execute("UPDATE run SET leaseuntil = 0 WHERE status = 'Running'", []);
    assert_eq!(open, Ok(1), "the run is still open");
    let durable: i64 = db
        .query_row("SELECT COUNT(*) FROM run_event", [], |row| row.get(0))
        .expect("the journal can be read");
    assert_eq!(durable, 1, "the first result was durable before the second call started");
    drop(db);

    let served = Served::start(&home);
    let path = format!("{PROCESS}/{flow}/runs/{run}");
    let ended = wait_for("the end of the run", || {
        let bearer = format!("Bearer {}", served.token);
        let headers = [("authorization", bearer.as_str())];
        let answer = http::send(served.port, &served.host("dev"), "GET", &path, &headers, None);
        let run = answer.json();
        (run["properties"]["status"] != "Running").then_some(run)
    });
    assert_eq!(ended["properties"]["status"], "Succeeded", "{ended:#}");

    let requests = target.requests();
    let (first, slow, third) =
        (of(&requests, "/first"), of(&requests, "/slow"), of(&requests, "/third"));
    assert_eq!((first.len(), slow.len(), third.len()), (1, 2, 1));
    let key = |request: &Request| request.header("x-ms-client-tracking-id").map(str::to_owned);
    assert!(key(&slow[0]).is_some());
    assert_eq!(key(&slow[0]), key(&slow[1]), "a call sent again says that it is the same");
    assert_ne!(key(&slow[0]), key(&first[0]));
    assert_eq!(first[0].body, third[0].body, "what was random before the crash is so after it");
}
