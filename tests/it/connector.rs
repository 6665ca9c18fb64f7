//! Custom connectors by commands: files with slips, sets, secrets in files, changes, downloads.
use std::path::Path;

use connref_tests::Home;
use serde_json::{Value, json};

/// A definition with a comment, a comma too many, a trigger and two operations of one path.
const DEFINITION: &str = r##"{
  "swagger": "2.0",
  "info": {"title": "Harbour Berths", "description": "Berths and who lies there.", "version": "1"},
  "host": "berths.harbour.test", "basePath": "/v1", "schemes": ["https"],
  // the harbour master's own numbering
  "parameters": {"berth": {"name": "berth", "in": "path", "required": true, "type": "string"}},
  "definitions": {"Ship": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
  "paths": {
    "/berths": {"get": {"operationId": "ListBerths", "summary": "List berths", "parameters": [
      {"name": "free", "in": "query", "type": "boolean"}]}},
    "/berths/{berth}": {
      "parameters": [{"$ref": "#/parameters/berth"}],
      "get": {"operationId": "GetBerth", "summary": "Get a berth", "responses": {"200": {"description": "it"}}},
      "put": {"operationId": "Moor", "summary": "Moor a ship", "parameters": [
        {"name": "ship", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Ship"}}]}
    },
    "/hooks": {"x-ms-notification-content": {}, "post": {"operationId": "WhenMoored", "x-ms-trigger": "single"}},
  }
}"##;

fn properties() -> Value {
    let token = |grant: &str| {
        json!({"type": "oauthSetting", "oAuthSettings": {
            "identityProvider": "oauth2generic", "clientId": "berths", "clientSecret": "canary-of-the-files",
            "scopes": ["read"], "customParameters": {
                "tokenUrlTemplate": {"value": "https://login.harbour.test/token"},
                "tokenBodyTemplate": {"value": format!("grant_type={grant}")}}}})
    };
    json!({"properties": {
        "iconBrandColor": "#007ee5",
        "capabilities": ["actions"],
        "connectionParameters": {},
        "connectionParameterSets": {"uiDefinition": {"displayName": "Sign-in"}, "values": [
            {"name": "person", "uiDefinition": {"displayName": "A person"}, "parameters": {"token": token("authorization_code")}},
            {"name": "application", "uiDefinition": {"displayName": "An application"}, "parameters": {"token": token("client_credentials")}},
            {"name": "key", "uiDefinition": {"displayName": "A key"}, "parameters": {
                "api_key": {"type": "securestring", "uiDefinition": {"constraints": {"required": "true"}}},
                "region": {"type": "string", "uiDefinition": {"constraints": {"allowedValues": [{"text": "North", "value": "n"}, {"text": "South", "value": "s"}]}}}}}
        ]},
        "policyTemplateInstances": [{"templateId": "stringtoarray", "title": "t", "parameters": {"x-ms-apimTemplate-operationName": ["GetBerth"]}}]
    }})
}

fn write(folder: &Path, definition: &str, properties: Option<&Value>) {
    std::fs::create_dir_all(folder).expect("a new folder");
    std::fs::write(folder.join("apiDefinition.swagger.json"), definition).expect("a new file");
    if let Some(properties) = properties {
        std::fs::write(folder.join("apiProperties.json"), properties.to_string())
            .expect("a new file");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

#[test]
fn a_folder_becomes_a_connector_and_a_folder_again() {
    let home = Home::with_env("dev", &[]);
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("berths");
    write(&files, DEFINITION, Some(&properties()));
    let ran = home.run(["connector", "create", path(&files), "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for told in [
        "apiDefinition.swagger.json:5:3: not strict JSON: a comment",
        "apiDefinition.swagger.json:18:3: not strict JSON: a comma after the last entry",
        "the client secret is not kept",
        "`stringtoarray` is not offered",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {ran:?}");
    }
    let all = format!("{ran:?}{}", home.json(["connector", "show", "Harbour Berths"]));
    assert!(!all.contains("canary-of-the-files"), "{all}");
    let shown = home.json(["connector", "show", "Harbour Berths"]);
    let ids: Vec<_> = shown["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| {
            format!(
                "{} {} {} {}",
                o["id"].as_str().unwrap(),
                o["method"].as_str().unwrap(),
                o["path"].as_str().unwrap(),
                o["callable"]
            )
        })
        .collect();
    assert_eq!(
        ids,
        [
            "ListBerths GET /berths true",
            "GetBerth GET /berths/{berth} false",
            "Moor PUT /berths/{berth} true",
            "WhenMoored POST /hooks false"
        ]
    );
    let moor = shown["operations"][2]["parameters"].clone();
    assert_eq!(moor[0], json!({"name": "berth", "in": "path", "type": "string", "required": true}));
    assert_eq!((&moor[1]["name"], &moor[1]["in"]), (&json!("ship"), &json!("body")));
    let ways: Vec<_> = shown["authentication"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| {
            format!(
                "{} {} {}",
                w["set"].as_str().unwrap(),
                w["kinds"][0].as_str().unwrap(),
                w["servicePrincipal"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(ways, ["person oauthUser No", "application clientSecret Yes", "key apiKey Yes"]);
    assert_eq!(shown["servicePrincipal"], "Yes");
    let region = shown["parameters"].as_array().unwrap().iter().find(|p| p["name"] == "region");
    assert_eq!(region.unwrap()["allowedValues"], json!(["n", "s"]));

    let name = shown["name"].as_str().unwrap().to_owned();
    let out = folder.path().join("out");
    let line = ["connector", "download", "--connector-id", &name, "--output-directory", path(&out)];
    home.ok(line);
    assert_eq!(home.run(line).code, Some(6), "files that are there stay");
    let text = std::fs::read_to_string(out.join("apiProperties.json")).unwrap();
    let back: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(back["properties"]["iconBrandColor"], "#007ee5");
    assert_eq!(
        back["properties"]["policyTemplateInstances"],
        properties()["properties"]["policyTemplateInstances"]
    );
    assert!(!text.contains("canary") && !text.contains("displayName\": \"Harbour"), "{text}");
    home.ok(["connector", "create", path(&out), "--name", "Harbour Berths"]);
    let rows = home.json(["connector", "list"]);
    let made = rows.as_array().unwrap().iter().filter(|c| c["displayName"] == "Harbour Berths");
    assert_eq!(made.count(), 2, "a name may stand twice, the api names differ");
}

#[test]
fn a_change_keeps_connections_and_asks_before_credentials_go_elsewhere() {
    let home = Home::with_env("dev", &[]);
    home.ok(["user", "add", "ann@harbour.test"]);
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("berths");
    let key =
        json!({"properties": {"connectionParameters": {"api_key": {"type": "securestring"}}}});
    write(&files, DEFINITION, Some(&key));
    home.ok(["connector", "create", path(&files)]);
    let name =
        home.json(["connector", "show", "Harbour Berths"])["name"].as_str().unwrap().to_owned();
    let secret = folder.path().join("key");
    std::fs::write(&secret, "k").unwrap();
    let secret = format!("api_key={}", path(&secret));
    let create = [
        "connection",
        "create",
        &name,
        "--name",
        "Quay",
        "--owner",
        "ann@harbour.test",
        "--kind",
        "shared-key",
        "--secret-file",
        &secret,
    ];
    home.ok(create);
    let more = DEFINITION
        .replace("\"/hooks\"", "\"/tides\": {\"get\": {\"operationId\": \"Tides\"}}, \"/hooks\"");
    write(&files, &more, None);
    let update = ["connector", "update", "--connector-id", &name, path(&files)];
    home.ok(update);
    let shown = home.json(["connector", "show", &name]);
    assert_eq!(shown["operations"].as_array().unwrap().len(), 5);
    assert_eq!(home.json(["connection", "list"]).as_array().unwrap().len(), 1);

    write(&files, &more.replace("berths.harbour.test", "elsewhere.test"), None);
    let ran = home.run(update);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("https://elsewhere.test"), "{ran:?}");
    let after = home.json(["connector", "show", &name]);
    assert_eq!(after, shown, "a refused change leaves nothing");
    let mut accept = update.to_vec();
    accept.push("--accept-new-targets");
    home.ok(accept);
    let ran = home.run(["connector", "update", "--connector-id", "shared_sql", "--name", "x"]);
    assert!(ran.code == Some(4) && ran.stderr.contains("built in"), "{ran:?}");
}

#[test]
fn bad_files_make_one_line_and_nothing_else() {
    let home = Home::with_env("dev", &[]);
    let folder = tempfile::tempdir().unwrap();
    let before = home.json(["connector", "list"]);
    let rows = [
        ("no json", "{\"swagger\": oops", "line 1, column 13"),
        (
            "openapi 3",
            "{\"openapi\": \"3.0.0\", \"info\": {\"title\": \"t\"}, \"paths\": {}}",
            "OpenAPI 3",
        ),
        ("no paths", "{\"swagger\": \"2.0\", \"info\": {\"title\": \"t\"}}", "no `paths`"),
        ("a list", "[]", "not an object"),
    ];
    for (name, definition, told) in rows {
        let files = folder.path().join(name);
        write(&files, definition, None);
        let ran = home.run(["connector", "create", path(&files)]);
        assert!(matches!(ran.code, Some(2 | 4)) && ran.stderr.contains(told), "{name}: {ran:?}");
        assert!(ran.stdout.is_empty() && ran.stderr.matches("error:").count() == 1, "{ran:?}");
    }
    let files = folder.path().join("parameters");
    write(&files, DEFINITION, Some(&json!({"properties": {"connectionParameters": []}})));
    let ran = home.run(["connector", "create", path(&files)]);
    assert!(ran.code == Some(4) && ran.stderr.contains("parameters are not an object"), "{ran:?}");
    for missing in ["nowhere", "nowhere.json"] {
        let ran = home.run(["connector", "create", path(&folder.path().join(missing))]);
        assert!(ran.code == Some(2) && ran.stderr.contains("cannot read"), "{ran:?}");
    }
    // What only the caller may say is not taken from a file.
    write(
        &files,
        DEFINITION,
        Some(
            &json!({"properties": {"environment": {"name": "other"}, "connref": {"acceptNewTargets": true}, "name": "x"}}),
        ),
    );
    home.ok(["connector", "create", path(&files)]);
    let after = home.json(["connector", "list"]);
    assert_eq!(after.as_array().unwrap().len(), before.as_array().unwrap().len() + 1);
}

#[test]
fn files_are_validated_offline() {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("many").join("berths");
    write(&files, DEFINITION, Some(&properties()));
    let validate = |more: &[&str]| {
        let mut line = vec!["connector", "validate", path(folder.path())];
        line.extend(more);
        home.run(line)
    };
    let ran = validate(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("apiDefinition.swagger.json:5:3  CC002"), "{ran:?}");
    assert_eq!(validate(&["--fail-on", "warning"]).code, Some(1));

    write(&files, &DEFINITION.replace("#/definitions/Ship", "#/definitions/Boat"), None);
    let ran = validate(&["-o", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let wrong = found.as_array().unwrap().iter().find(|f| f["code"] == "CC005").unwrap();
    assert_eq!((&wrong["line"], &wrong["severity"]), (&json!(15), &json!("error")));
    let ran = validate(&["-o", "sarif"]);
    let log: Value = serde_json::from_str(&ran.stdout).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let result = results.iter().find(|r| r["ruleId"] == "CC005").unwrap();
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 15);
    assert!(result["ruleIndex"].is_number());
    home.ok(["explain", "CC005"]);

    let empty = tempfile::tempdir().unwrap();
    for (place, told) in
        [(path(empty.path()), "no connector definition"), ("nowhere", "cannot read")]
    {
        let ran = home.run(["connector", "validate", place]);
        assert!(ran.code == Some(2) && ran.stderr.contains(told), "{ran:?}");
    }
}

/// Operations by a walk that knows nothing but names.
fn operations(folder: &Path) -> Option<usize> {
    let bytes = std::fs::read(folder.join("apiDefinition.swagger.json")).ok()?;
    let document: Value = serde_json::from_slice(&bytes).ok()?;
    let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
    let paths = document["paths"].as_object()?.values();
    Some(paths.map(|item| methods.iter().filter(|m| item[**m].is_object()).count()).sum())
}

#[test]
fn every_published_connector_is_made() {
    let Some(samples) = std::env::var_os("CONNREF_SAMPLES") else {
        eprintln!("skipped: CONNREF_SAMPLES is not set");
        return;
    };
    let home = Home::with_env("dev", &[]);
    let (mut made, mut slips) = (0, 0);
    for entry in std::fs::read_dir(Path::new(&samples).join("connectors")).unwrap() {
        let folder = entry.unwrap().path();
        let ran = home.run(["connector", "create", path(&folder), "-o", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        let count = told["operations"].as_array().unwrap().len();
        match operations(&folder) {
            Some(expected) => assert_eq!(count, expected, "{}", folder.display()),
            None => {
                let place = |line: &str| {
                    let rest = line.split("apiDefinition.swagger.json:").nth(1)?;
                    rest.split(':').next()?.parse::<usize>().ok()
                };
                assert!(ran.stderr.lines().any(|line| place(line).is_some()), "{ran:?}");
                slips += 1;
            }
        }
        let ways = told["authentication"].as_array().unwrap();
        assert!(ways.iter().all(|w| w["kinds"][0].is_string() && w["reason"] != ""), "{ran:?}");
        made += 1;
    }
    assert!(made >= 58 && slips >= 4, "{made} made, {slips} not strict JSON");
    let rows = home.json(["connector", "list"]);
    assert_eq!(rows.as_array().unwrap().iter().filter(|c| c["custom"] == true).count(), made);
}
