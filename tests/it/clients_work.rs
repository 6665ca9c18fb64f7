//! Clients that exist, at the work they are made for: more than a sign-in and a row.
use std::path::Path;

use connref_tests::home::Connection;
use connref_tests::package::fixture_zip;
use serde_json::{Value, json};

use crate::clients::{MODULES, PYTHON, World, lines, setting};

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

fn mailbox(world: &World) -> String {
    world.home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Mail",
        endpoint: Some("mail.harbour.test:587"),
        owner: Some("robot"),
        parameters: &[("username", "pilots@harbour.test")],
        secrets: &[("password", "buoy-rope-4417")],
        ..Connection::default()
    })
}

fn import(world: &World) -> String {
    let package = world.home.file("notices.zip", fixture_zip("harbour_notices"));
    world.home.ok(["solution", "import", "--path", &package]);
    package
}

/// What a client told, line by line.
fn told(command: &mut std::process::Command) -> Vec<Value> {
    let mut heard = Vec::new();
    lines(command, |line| heard.push(line.clone()));
    heard
}

#[test]
fn the_client_for_tables_does_all_its_kinds_of_work() {
    let Some(python) = setting(PYTHON) else { return };
    let world = World::new();
    import(&world);
    let heard = told(world.client(&python).arg(script("dataverse.py")));
    let picklist = "#Microsoft.Dynamics.CRM.ComplexPicklistAttributeMetadata";
    let expected = [
        json!({
            "several": {"pier_a": "both", "pier_b": "second", "pier_c": "third", "pier_d": "upserted", "pier_e": "upserted"},
            "twice": [412, "0x80040237"],
        }),
        json!({
            "batch": [204, 204, 200, 200, 204, 404, 200, 200, 204, 204, 404],
            "read": "in a batch", "listed": ["pier_a", "pier_b"], "code": "0x80040217",
            "sql": ["pier_e"], "table": "workflows",
            "publishers": [["pier1", "PIER1"], ["pier2", "Second pier"]],
            // What fails ends a batch, and is its status.
            "stopped": 404, "there": true,
        }),
        json!({
            "sql": [["harbour", 1], ["pier1", 0]],
            "pages": [["pier_a", "pier_b"], ["pier_c", "pier_e"]],
            "built": [["HarbourNotices", "harbour"]],
            "refused": [400, "0x80041103"],
        }),
        json!({
            "table": ["connectionreference", "connectionreferences", "connectionreferenceid", true],
            "none": [null, null], "listed": true,
            "columns": ["Uniqueidentifier", "String", "State", "Owner"],
            "choices": ["promptingbehavior", "componentstate"],
            "typed": [picklist, "Picklist"],
            "keys": [["connectionreferencelogicalname"]],
            "relationship": ["solution"], "expands": ["publisherid"],
            "sql_columns": ["publisherid", "friendlyname"],
            "created": [501, "0x80040229"], "added": [501, "0x80040229"],
        }),
        json!({"job": [30, "Succeeded", "2 rows were deleted"], "left": ["pier_c", "pier_e"]}),
    ];
    for (heard, expected) in heard.iter().zip(&expected) {
        assert_eq!(heard, expected);
    }
    assert_eq!(heard.len(), expected.len());
    // By another way in: what stayed, and that each change is in the log.
    let references = world.home.json(["ref", "list"]).to_string();
    assert!(references.contains("pier_c") && !references.contains("pier_a"), "{references}");
    world.home.ok(["audit", "verify"]);
}

#[test]
fn the_client_for_management_reads_its_types() {
    let Some(python) = setting(PYTHON) else { return };
    let world = World::new();
    mailbox(&world);
    let definition = json!({
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}},
        "actions": {"Note": {"type": "Compose", "inputs": "x", "runAfter": {}}},
    });
    let file = world.home.file("tides.json", definition.to_string());
    world.home.ok(["flow", "create", "Tides", "--definition", &file]);
    world.home.ok(["flow", "on", "Tides"]);
    world.home.ok(["flow", "run", "Tides"]);
    let heard = told(world.client(&python).arg(script("management.py")));
    let api = "/providers/Microsoft.PowerApps/apis/shared_office365";
    assert_eq!(
        heard,
        [json!({
            "environments": ["dev"],
            "environment": [true, "Developer", "dev", true],
            "connections": [["Mail", api, "User", ["Connected"], true, true]],
            "connectors": true,
            "connector": ["shared_office365", "Office 365 Outlook", false],
            "flow": ["Published", "Published", "PowerAutomateFlow", ["Note"], true],
            "runs": [["Succeeded", true, true]],
            "actions": [["Note", "Compose", false], ["manual", "Request", true]],
            "refused": 403,
        })]
    );
}

#[test]
fn a_client_for_node_does_all_its_kinds_of_work() {
    let Some(modules) = setting(MODULES) else { return };
    let world = World::new();
    let connection = mailbox(&world);
    let package = import(&world);
    let before = world.home.json(["ref", "list"]).to_string();
    assert!(!before.contains(&connection), "{before}");
    let heard = told(
        world
            .client("node")
            .arg(script("dynamics.mjs"))
            .arg(modules)
            .arg(&package)
            .arg(&connection),
    );
    let expected = [
        json!({
            "pages": [["buoy_a", "buoy_b"], ["buoy_c"]], "count": 3,
            "formatted": ["Active", "systemuser"], "last": true, "all": [5, 3],
        }),
        json!({
            "versions": [true, false, false], "shown": "third", "now": "fourth", "upsert": null,
            "missing": [404, "0x80040217"], "twice": [412, "0x80040237"], "nowhere": [404, "0x80060888"],
        }),
        json!({
            "bound": ["Buoys", "buoy"], "failed": [[404, "0x80040217"]], "rolledBack": 0,
            "mixed": ["0x80040217", true, "in a batch"],
        }),
        json!({"fetched": ["buoy_a", "buoy_b", "buoy_c"]}),
        json!({
            "joined": [true], "parted": 0, "access": true, "several": 1,
            "unknown": [404, "0x80060888"],
        }),
        json!({
            "set": "workflows", "flows": "Modern Flow", "attribute": ["String", 100],
            "relationships": ["publisher_solution"], "sets": 0, "csdl": true,
            "created": [501, "0x80040229"],
        }),
        json!({"job": 30, "result": "Passed", "bound": [true, "Harbour mail"]}),
    ];
    for (heard, expected) in heard.iter().zip(&expected) {
        assert_eq!(heard, expected);
    }
    assert_eq!(heard.len(), expected.len());
    // The commands see the binding; the flow's other reference keeps it off.
    let references = world.home.json(["ref", "list"]);
    let all = references.as_array().expect("a list");
    let bound = |name: &str| {
        let row = all.iter().find(|row| row.to_string().contains(name));
        row.unwrap_or_else(|| panic!("{references}")).to_string().contains(&connection)
    };
    assert!(bound("hbr_Mail") && !bound("hbr_Ledger"), "{references}");
    let why = world.home.run(["flow", "on", "Notice of arrivals"]);
    assert!(why.code != Some(0) && why.stderr.contains("hbr_Ledger"), "{}", why.stderr);
    assert!(!why.stderr.contains("hbr_Mail"), "{}", why.stderr);
}

#[test]
fn a_client_that_asks_the_metadata_first_works() {
    let Some(python) = setting(PYTHON) else { return };
    let world = World::new();
    let heard = told(world.client(&python).arg(script("entity.py")));
    assert_eq!(
        heard,
        [json!({
            "table": ["connectionreferences", "connectionreferenceid"],
            "keys": {"ConnectionReferenceLogicalNameKey": ["connectionreferencelogicalname"]},
            "several": [true, true], "lookup": true, "single": null,
            "made": [["mole_a"], ["mole_b"], ["mole_c"], ["mole_d"], ["mole_e"]],
            "changed": [
                ["mole_a", "by id"], ["mole_b", "by key"], ["mole_c", null], ["mole_d", null], ["mole_e", null],
            ],
            "left": [["mole_c"], ["mole_d"]],
            "languages": [1033],
        })]
    );
}
