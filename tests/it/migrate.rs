//! Exported flow packages become solutions that arrive: every connection has a reference, a second
//! migration has nothing to do, and what the flows do is what they did.
use connref_tests::Home;
use connref_tests::package::{part_text, unzip};
use connref_tests::samples::{samples, zips};
use serde_json::{Value, json};

const FLOW: &str = "Microsoft.Flow/flows/6d3f0a52-91c4-4b7e-8a26-0f5e7c1b9d34/definition.json";

/// A flow package of our own: one connection of its maker, one of whoever runs it.
fn package() -> Vec<(String, Vec<u8>)> {
    let api = |name: &str| format!("/providers/Microsoft.PowerApps/apis/{name}");
    let entry = |name: &str, source: &str| json!({"connectionName": format!("{name}-1f2e"), "source": source, "id": api(name), "tier": "NotSpecified"});
    let call = |key: &str, operation: &str| {
        json!({"type": "OpenApiConnection", "runAfter": {}, "inputs": {
        "host": {"connectionName": key, "operationId": operation, "apiId": api(key)}, "parameters": {"item": "x"},
        "authentication": "@parameters('$authentication')"}})
    };
    let definition = json!({"name": "6d3f0a52-91c4-4b7e-8a26-0f5e7c1b9d34", "type": "Microsoft.Flow/flows", "properties": {
        "apiId": api("shared_logicflows"), "displayName": "Harbour log",
        "connectionReferences": {"shared_teams": entry("shared_teams", "Embedded"), "shared_planner": entry("shared_planner", "Invoker")},
        "definition": {"contentVersion": "1.0.0.0",
            "parameters": {"$connections": {"defaultValue": {}, "type": "Object"}, "$authentication": {"defaultValue": {}, "type": "SecureObject"}},
            "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {"type": "object"}}}},
            "actions": {"Tell": call("shared_teams", "PostMessageToConversation"), "Note": call("shared_planner", "CreateTask_V3")}}}});
    let listing = json!({"packageSchemaVersion": "1.0", "flowAssets": {"assetPaths": ["6d3f0a52-91c4-4b7e-8a26-0f5e7c1b9d34"]}});
    let manifest =
        json!({"schema": "1.0", "details": {"displayName": "Harbour log"}, "resources": {}});
    [
        ("manifest.json", manifest),
        ("Microsoft.Flow/flows/manifest.json", listing),
        (FLOW, definition),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_string().into_bytes()))
    .into()
}

#[test]
fn an_own_flow_package_arrives_with_references() {
    let bytes = connref_tests::package::zip(&package());
    assert_eq!(arrives("own", &bytes), 2);
}

#[test]
fn every_real_flow_package_arrives_with_references() {
    let Some(folder) = samples("migrate") else { return };
    let zips = zips(&folder.join("legacy"));
    assert!(zips.len() >= 16, "{} flow packages", zips.len());
    let mut references = 0;
    for path in &zips {
        let bytes = std::fs::read(path).expect("a sample can be read");
        references += arrives(&path.display().to_string(), &bytes);
    }
    assert!(references >= 27, "only {references} references");
}

/// Migrates a flow package and imports what becomes of it. Answers how many references it has.
fn arrives(at: &str, bytes: &[u8]) -> usize {
    let home = Home::with_env("dev", &[]);
    let original = home.file("flow.zip", bytes);
    home.ok(["solution", "migrate", &original, "--out", "solution.zip"]);
    let solution = std::fs::read(home.path().join("solution.zip")).expect("it was written");
    let found = home.json(["solution", "check", "solution.zip", "--fail-on", "never"]);
    let codes: Vec<_> = rows(&found).filter_map(|row| row["code"].as_str()).collect();
    assert!(!codes.contains(&"CR001") && !codes.contains(&"CR002"), "{at}: {codes:?}");

    let again = home.json(["solution", "migrate", "solution.zip", "--out", "again.zip"]);
    assert_eq!(again["unchanged"], true, "{at}: {again}");
    let twice = std::fs::read(home.path().join("again.zip")).expect("it was written");
    assert_eq!(unzip(&solution), unzip(&twice), "{at}");

    let (before, after) = (definitions(bytes), definitions(&solution));
    assert!(!before.is_empty(), "{at}");
    assert!(before == after, "{at}: the definition changed");

    home.ok(["solution", "import", "--path", "solution.zip"]);
    assert_eq!(rows(&home.json(["flow", "list"])).count(), before.len(), "{at}");
    rows(&home.json(["ref", "list"])).count()
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().expect("a list").iter()
}

/// What each flow does: its definition, whose hosts name connections by keys that stay. Its
/// metadata holds only the account of its maker and when it was saved; that stays behind.
fn definitions(zip: &[u8]) -> Vec<Value> {
    let parts = unzip(zip);
    let body = |name: &str| {
        let body = name.strip_prefix("Workflows/").is_some_and(|name| name.ends_with(".json"));
        body || name.ends_with("/definition.json")
    };
    let bodies = parts.iter().map(|(name, _)| name).filter(|name| body(name));
    let values = bodies.map(|name| part_text(&parts, name));
    values
        .map(|text| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')))
        .map(|value| {
            let mut value = value.expect("a body is JSON");
            let mut definition = value["properties"]["definition"].take();
            definition.as_object_mut().expect("a definition").remove("metadata");
            definition
        })
        .collect()
}
