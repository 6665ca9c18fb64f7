//! `connref demo` from an empty folder.
use connref_tests::Home;
use connref_tests::home::Connection;
use serde_json::Value;

#[test]
fn the_demo_tells_its_story_and_holds_it() {
    let home = Home::new();
    let mut command = home.command(["demo", "--json"]);
    // It is to work where nothing was set up.
    command.env_remove("CONNREF_HOME").env_remove("CONNREF_CONFIG");
    let story = home.finish(command, None).expect(0).json();
    assert_eq!(story["ok"], true, "{story:#}");
    let broken: Vec<_> =
        list(&story["expectations"]).iter().filter(|one| one["held"] != true).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(list(&story["expectations"]).len() >= 10);

    for row in list(&story["referencesAtFirst"]) {
        assert!(row["connection"].is_null(), "{row}");
    }
    for reason in list(&story["whyOff"]) {
        assert_eq!(reason["code"], "XrmConnectionReferenceMissingConnection", "{reason}");
    }
    for target in ["order book", "mail server"] {
        let [dev, prod] = ["DEV", "PROD"].map(|env| identities(&story, target, env));
        assert!(!dev.is_empty() && !prod.is_empty(), "{target}: {dev:?} {prod:?}");
        assert!(dev.iter().all(|one| !prod.contains(one)), "{target}: {dev:?} {prod:?}");
    }
    assert_eq!(story["runWithoutOwner"]["status"], "Failed");
    assert_eq!(story["runWithoutOwner"]["code"], "ConnectionOwnerDisabled");
    assert_eq!(story["runAfterReassign"]["status"], "Succeeded");
    assert_eq!(story["flowHash"]["before"], story["flowHash"]["after"]);
    assert!(list(&story["audit"]).iter().all(|one| one["state"] == "ok"));
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Who arrived at a target from an environment.
fn identities<'a>(story: &'a Value, target: &str, env: &str) -> Vec<&'a str> {
    list(&story["arrived"])
        .iter()
        .filter(|one| one["target"] == target && one["environment"] == env)
        .filter_map(|one| one["identity"].as_str())
        .collect()
}

#[test]
fn the_demo_is_readable_and_leaves_the_own_data_alone() {
    let home = Home::with_env("mine", &[]);
    home.connection(&Connection {
        env: "mine",
        connector: "shared_office365",
        name: "My mailbox",
        secrets: &[("password", "demo-sail-2291")],
        ..Connection::default()
    });
    let before = home.json(["connection", "list"]);
    let mut command = home.command(["demo"]);
    command.env_remove("CONNREF_HOME").env_remove("CONNREF_CONFIG");
    let told = home.finish(command, None).expect(0).stdout;
    for part in ["DEV", "PROD", "svc-orders-prod", "alice@contoso.test", "connref ref"] {
        let known = told.contains(part) || part == "connref ref" && told.contains("connref ");
        assert!(known, "`{part}` is not in:\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "no colour where NO_COLOR is set");
    assert_eq!(home.json(["connection", "list"]), before);
}
