//! Flows and runs over their API: made, steered, shared, run, cancelled, started again, and deleted when
//! their time is over.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connref_tests::Home;
use connref_tests::package::fixture;
use connref_tests::served::Served;
use connref_tests::stand_in::{Reply, StandIn};
use serde_json::{Value, json};

const FLOWS: &str = "/providers/Microsoft.ProcessSimple";
const VERSION: &str = "api-version=2016-11-01";

fn names(list: &Value) -> Vec<&str> {
    let rows = list["value"].as_array().unwrap_or_else(|| panic!("no list: {list:#}"));
    rows.iter().map(|row| row["name"].as_str().expect("a name")).collect()
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

/// One HTTP call, then another.
fn definition(target: &StandIn) -> Value {
    let call = |path: &str, after: Value| {
        json!({"type": "Http", "runAfter": after,
            "inputs": {"method": "POST", "uri": format!("{}/{path}", target.url()), "body": "@triggerBody()"}})
    };
    json!({
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}},
        "actions": {"First": call("first", json!({})), "Then": call("then", json!({"First": ["Succeeded"]}))},
    })
}

#[test]
fn flows_and_runs_are_steered_over_their_api() {
    let held = Arc::new(AtomicBool::new(false));
    let hold = Arc::clone(&held);
    let target = StandIn::start_open(move |request, _| {
        if request.path == "/first" && hold.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(2));
        }
        Reply::ok(json!({"n": 1}))
    });
    let home = Home::with_env("dev", &[target.allow()]);
    home.ok(["user", "add", "maker@harbour.test", "--role", "maker", "--env", "dev"]);
    let served = Served::start(&home);
    let ask =
        |method: &str, path: &str, body: Option<&Value>| served.ask("dev", method, path, body);
    let base = format!("{FLOWS}/environments/dev/flows");
    let body = json!({"properties": {"displayName": "Tides", "state": "Started",
        "definition": definition(&target), "connectionReferences": {}}});
    let made = ask("POST", &format!("{base}?{VERSION}"), Some(&body));
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let id = made.json()["name"].as_str().expect("a name").to_owned();
    let one = format!("{base}/{id}");
    let state = || ask("GET", &one, None).json()["properties"]["state"].clone();
    assert_eq!(state(), "Started");
    assert_eq!(ask("POST", &format!("{one}/stop?{VERSION}"), None).status, 200);
    assert_eq!(state(), "Stopped");
    assert_eq!(ask("POST", &format!("{one}/start?{VERSION}"), None).status, 200);
    let renamed = ask("PATCH", &one, Some(&json!({"properties": {"displayName": "Tides 2"}})));
    assert_eq!(renamed.json()["properties"]["displayName"], "Tides 2");
    for list in [&base, &format!("{FLOWS}/scopes/admin/environments/dev/v2/flows")] {
        let list = ask("GET", &format!("{list}?{VERSION}&include=softDeletedFlows"), None).json();
        assert_eq!(names(&list), [id.as_str()]);
        assert_eq!(
            list["value"][0]["properties"]["definitionSummary"]["actions"][0]["type"],
            "Http"
        );
    }

    // Shares.
    let put = json!({"put": [{"properties": {"roleName": "CanEdit", "principal": {"id": "maker@harbour.test", "type": "User"}}}]});
    assert_eq!(ask("POST", &format!("{one}/modifyPermissions?{VERSION}"), Some(&put)).status, 200);
    let shares = ask("GET", &format!("{one}/permissions?{VERSION}"), None).json();
    let roles: Vec<_> = shares["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| p["properties"]["roleName"].as_str())
        .collect();
    assert_eq!(roles, [Some("Owner"), Some("CanEdit")]);
    let taken = json!({"delete": [{"id": shares["value"][1]["name"]}]});
    assert_eq!(
        ask("POST", &format!("{one}/modifyPermissions?{VERSION}"), Some(&taken)).status,
        200
    );
    assert_eq!(
        ask("GET", &format!("{one}/permissions"), None).json()["value"].as_array().map(Vec::len),
        Some(1)
    );

    // A run to its end, and again.
    let payload = json!({"ship": "Ada"});
    let run = |path: &str, body: Option<&Value>| {
        let answer = ask("POST", path, body);
        assert_eq!(answer.status, 202, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()["name"].as_str().expect("a run has a name").to_owned()
    };
    let status = |run: &str| {
        ask("GET", &format!("{one}/runs/{run}"), None).json()["properties"]["status"].clone()
    };
    let first = run(&format!("{one}/triggers/manual/run"), Some(&payload));
    wait_for("the end of the run", || (status(&first) == "Succeeded").then_some(()));
    let again = run(&format!("{one}/triggers/manual/histories/{first}/resubmit?{VERSION}"), None);
    wait_for("the end of the second", || (status(&again) == "Succeeded").then_some(()));
    let seen: Vec<_> = target
        .requests()
        .iter()
        .filter(|r| r.path == "/first")
        .map(|r| serde_json::from_str::<Value>(&r.body).expect("JSON"))
        .collect();
    assert_eq!(seen, [payload.clone(), payload.clone()]);
    assert_eq!(ask("POST", &format!("{one}/runs/{first}/cancel?{VERSION}"), None).status, 400);

    // One that is stopped half way: nothing of it happens from there on.
    held.store(true, Ordering::SeqCst);
    let third = run(&format!("{one}/triggers/manual/run"), Some(&payload));
    wait_for("its first call", || {
        (target.requests().iter().filter(|r| r.path == "/first").count() == 3).then_some(())
    });
    assert_eq!(ask("POST", &format!("{one}/runs/{third}/cancel?{VERSION}"), None).status, 200);
    assert_eq!(status(&third), "Cancelled");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(target.requests().iter().filter(|r| r.path == "/then").count(), 2);
    assert_eq!(status(&third), "Cancelled");
    home.ok(["audit", "verify"]);

    let failed =
        ask("GET", &format!("{one}/runs?{VERSION}&$filter=Status eq 'Cancelled'"), None).json();
    assert_eq!(names(&failed), [third.as_str()]);
    let runs = ask("GET", &format!("{one}/runs?$top=2"), None).json();
    assert_eq!(names(&runs), [third.as_str(), again.as_str()]);
    assert!(runs["nextLink"].is_string());
    let elsewhere = "00000000-0000-4000-8000-000000000000";
    assert_eq!(ask("GET", &format!("{base}/{elsewhere}/runs/{first}"), None).status, 404);
    assert_eq!(
        ask("GET", &format!("{base}/{elsewhere}"), None).json()["error"]["code"],
        "FlowNotFound"
    );

    // The newer addresses.
    let new = "/powerautomate/environments/dev";
    let flows =
        ask("GET", &format!("{new}/cloudFlows?api-version=2024-10-01&workflowId={id}"), None)
            .json();
    assert_eq!(flows["value"][0]["workflowId"], id.as_str());
    let runs = ask("GET", &format!("{new}/flowRuns?workflowId={id}"), None).json();
    assert_eq!(names(&runs), [third.as_str(), again.as_str(), first.as_str()]);
    let steps =
        ask("GET", &format!("{new}/flowActions?workflowId={id}&isTrigger=false"), None).json();
    assert_eq!(names(&steps), ["First", "Then"]);
    // All that go on, by the action of the Web API; once more there are none.
    let more = [0, 1].map(|_| run(&format!("{one}/triggers/manual/run"), Some(&payload)));
    wait_for("their first calls", || {
        (target.requests().iter().filter(|r| r.path == "/first").count() == 5).then_some(())
    });
    let all =
        format!("/api/data/v9.2/workflows({id})/Microsoft.Dynamics.CRM.CancelAllCloudFlowRuns");
    for _ in 0..2 {
        assert_eq!(served.ask("dev", "POST", &all, None).status, 204);
        assert_eq!(more.each_ref().map(|run| status(run)), ["Cancelled", "Cancelled"]);
    }
    let read = served.ask("dev", "GET", &all, None);
    assert_eq!((read.status, read.header("allow")), (405, Some("POST")));
    assert_eq!(ask("DELETE", &format!("{one}?{VERSION}"), None).status, 200);
    assert_eq!(ask("GET", &one, None).status, 404);
}

/// The keys of a flow as this API tells them.
#[test]
fn a_flow_tells_its_references() {
    let home = Home::with_env("dev", &[]);
    home.ok(["solution", "import", "--path", &fixture("harbour_notices").display().to_string()]);
    let served = Served::start(&home);
    let base = format!("{FLOWS}/environments/dev/flows");
    let list = served.ask("dev", "GET", &base, None).json();
    let id = names(&list)[0].to_owned();
    let flow = served.ask("dev", "GET", &format!("{base}/{id}"), None).json();
    let references = flow["properties"]["connectionReferences"].as_object().expect("keys");
    assert!(
        references.values().any(|one| one["connectionReferenceLogicalName"] == "hbr_Ledger"),
        "{references:?}"
    );
    let off = served.ask("dev", "POST", &format!("{base}/{id}/start"), None);
    assert_eq!(off.status, 400);
    assert!(
        off.json()["error"]["code"].as_str().is_some_and(|c| c.contains("MissingConnection")),
        "{}",
        off.json()
    );
    let steps = served
        .ask(
            "dev",
            "GET",
            "/powerautomate/environments/dev/flowActions?connector=shared_office365",
            None,
        )
        .json();
    assert!(!names(&steps).is_empty(), "{steps:#}");
}

/// Runs older than a moment go when their turn has come, by the server itself, and no others.
#[test]
fn old_runs_are_deleted_again_and_again() {
    let home = Home::with_env("dev", &[]);
    let definition = json!({
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}},
        "actions": {"Note": {"type": "Compose", "inputs": "x", "runAfter": {}}},
    });
    let file = home.file("flow.json", definition.to_string());
    let made = home.json(["flow", "create", "Tides", "--definition", &file]);
    let flow = made["id"].as_str().expect("a flow has an id").to_owned();
    home.ok(["flow", "on", "Tides"]);
    let served = Served::start(&home);
    let run = |served: &Served| {
        let path = format!("{FLOWS}/environments/dev/flows/{flow}/triggers/manual/run");
        let started = served.ask("dev", "POST", &path, Some(&json!({}))).json();
        started["name"].as_str().expect("a run has a name").to_owned()
    };
    let runs = |served: &Served| {
        let path = format!("{FLOWS}/environments/dev/flows/{flow}/runs");
        let list = served.ask("dev", "GET", &path, None).json();
        names(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let old = [run(&served), run(&served)];
    let ended = |served: &Served| {
        let path =
            format!("{FLOWS}/environments/dev/flows/{flow}/runs?$filter=Status eq 'Succeeded'");
        served.ask("dev", "GET", &path, None).json()["value"].as_array().map(Vec::len)
    };
    wait_for("the end of both", || (ended(&served) == Some(2)).then_some(()));
    let now = jiff::Timestamp::now();
    let query = json!([{"EntityName": "flowrun", "Criteria": {"Conditions": [
        {"AttributeName": "starttime", "Operator": "LessThan", "Values": [now.to_string()]}]}}]);
    let ask = |body: &Value, verb: &str| {
        let answer = served.ask("dev", "POST", &format!("/api/data/v9.2/{verb}"), Some(body));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    };
    let seen = ask(&json!({"QuerySet": query}), "connref_BulkDeletePreview");
    assert_eq!(seen["value"][0]["Count"], 2, "{seen}");
    let start = now + jiff::Span::new().seconds(2);
    let body = json!({"QuerySet": query, "JobName": "Old runs", "StartDateTime": start.to_string(),
        "RecurrencePattern": "FREQ=DAILY;INTERVAL=1"});
    let job = ask(&body, "BulkDelete")["JobId"].as_str().expect("a job").to_owned();
    let new = run(&served);
    assert_eq!(runs(&served).len(), 3, "its turn has not come");
    std::thread::sleep(Duration::from_secs(2));
    drop(served);
    let served = Served::start(&home);
    wait_for("the deletion", || (runs(&served) == [new.clone()]).then_some(()));
    let row =
        served.ask("dev", "GET", &format!("/api/data/v9.2/asyncoperations({job})"), None).json();
    assert_eq!((&row["statecode"], &row["message"]), (&json!(1), &json!("2 rows were deleted")));
    let next: jiff::Timestamp =
        row["postponeuntil"].as_str().and_then(|t| t.parse().ok()).expect("a moment");
    assert!(next > now + jiff::Span::new().hours(23), "{row:#}");
    assert!(!old.contains(&new));
    home.ok(["audit", "verify"]);
}
