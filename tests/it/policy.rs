//! Data policies where they are enforced: the plan, the import, turning on, saving, and a flow that is
//! on when the policy comes.
use connref_tests::Home;
use connref_tests::package::fixture;
use serde_json::{Value, json};

fn blocks(home: &Home, api: &str, group: &str) -> String {
    let policy = json!({
        "displayName": "from a file", "defaultConnectorsClassification": "General",
        "environmentType": "OnlyEnvironments", "environments": [{"name": "DEV"}],
        "connectorGroups": [{"classification": group, "connectors": [
            {"id": format!("/providers/Microsoft.PowerApps/apis/{api}")}]}],
    });
    home.file("policy.json", policy.to_string())
}

fn codes(document: &Value) -> Vec<String> {
    let flows = document["flows"].as_array().expect("flows are a list").iter();
    let refusals = flows.flat_map(|flow| flow["refusals"].as_array().cloned().unwrap_or_default());
    let mut codes: Vec<String> =
        refusals.filter_map(|one| one["code"].as_str().map(str::to_owned)).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn a_policy_stops_a_flow_wherever_it_could_begin() {
    let home = Home::with_env("dev", &[]);
    let package = fixture("harbour_notices").display().to_string();
    let file = blocks(&home, "shared_office365", "Blocked");
    home.ok(["policy", "set", "Main", "--file", &file]);
    assert_eq!(home.json(["policy", "list"])[0]["holds"], "in 1 environments");

    let plan = home.run_json(["solution", "plan", &package]).expect(0).json();
    assert!(codes(&plan).contains(&"DlpViolation".to_owned()), "{plan:#}");
    let done = home.run_json(["solution", "import", "--path", &package]).expect(0).json();
    assert_eq!(codes(&plan), codes(&done));

    // Without the policy the same flow is only unbound; another environment was never concerned.
    home.ok(["policy", "delete", "Main"]);
    let plan = home.run_json(["solution", "plan", &package]).expect(0).json();
    assert!(!codes(&plan).contains(&"DlpViolation".to_owned()), "{plan:#}");
    assert_eq!(home.json(["policy", "list"]), json!([]));
}

#[test]
fn a_flow_that_is_on_is_suspended_and_does_not_run() {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices");
    let (package, settings) = (path.display().to_string(), crate::plan::settings(&home, &path));
    let import = ["solution", "import", "--path", &package, "--settings-file", &settings];
    let done = home.run_json(import).expect(0).json();
    let on: Vec<&Value> = done["flows"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|flow| flow["state"] == "on")
        .collect();
    let Some(flow) = on.first() else { panic!("nothing is on: {done:#}") };
    let name = flow["name"].as_str().expect("a name");
    let file = blocks(&home, "shared_office365", "Blocked");
    let set = home.run_json(["policy", "set", "Main", "--file", &file]).expect(0).json();
    let suspended = set["suspended"].as_array().expect("a list");
    assert!(suspended.iter().any(|one| one["flow"] == name), "{set:#}");
    let ran = home.run(["flow", "run", name]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let refused = home.run(["flow", "on", name]);
    refused.expect(4);
    // It is not turned on again by itself.
    home.ok(["policy", "delete", "Main"]);
    let flows = home.json(["flow", "list"]);
    let row = flows.as_array().expect("a list").iter().find(|row| row["name"] == name);
    assert_eq!(row.expect("it is there")["state"], "suspended");
    home.ok(["flow", "on", name]);
}

#[test]
fn a_policy_that_cannot_be_read_is_not_set() {
    let home = Home::with_env("dev", &[]);
    let file = home.file("policy.json", json!({"connectorGroups": 7}).to_string());
    let refused = home.run(["policy", "set", "Main", "--file", &file]);
    assert!(matches!(refused.code, Some(2 | 4)), "{refused:?}");
    assert_eq!(home.json(["policy", "list"]), json!([]));
}
