//! What `solution plan` says is what `solution import` then does, flow by flow and code by code.
use std::path::Path;

use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::fixture;
use connref_tests::samples::{samples, zips};
use serde_json::{Value, json};

#[test]
fn a_plan_of_own_packages_is_what_the_import_does() {
    for name in ["harbour_notices", "harbour_sites"] {
        let home = Home::with_env("dev", &[]);
        let path = fixture(name);
        agrees(&home, &path, None);
        // An update: everything is there, and stays as it is.
        agrees(&home, &path, None);
    }
}

#[test]
fn a_plan_with_settings_says_bound_and_on() {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices");
    let settings = settings(&home, &path);
    let plan = agrees(&home, &path, Some(&settings));
    let flows = plan["flows"].as_array().expect("a list");
    assert!(flows.iter().any(|flow| flow["state"] == "on"), "{plan:#}");
    let bound = plan["components"].as_array().expect("a list");
    assert!(bound.iter().any(|one| one["change"] == "bound"), "{plan:#}");
}

#[test]
fn a_refused_import_is_planned_as_refused_and_writes_nothing() {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices").display().to_string();
    let template = home.json(["solution", "create-settings", "-f", &path]);
    let mut settings = template.clone();
    settings["ConnectionReferences"][0]["ConnectionId"] = json!("0123456789abcdef0123456789abcdef");
    let file = home.file("settings.json", settings.to_string());
    let plan = home.run_json(["solution", "plan", &path, "--settings-file", &file]).expect(4);
    let plan = plan.json();
    assert_eq!(plan["allowed"], false);
    assert_eq!(plan["refusals"][0]["code"], "ConnectionNotFound", "{plan:#}");
    let refused = home.run(["solution", "import", "--path", &path, "--settings-file", &file]);
    refused.expect(4);
    assert_eq!(home.json(["ref", "list"]), json!([]));
    assert_eq!(home.json(["solution", "list"]), json!([]));
}

#[test]
fn a_rebinding_update_names_who_acts_afterwards() {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices");
    let first = settings(&home, &path);
    agrees(&home, &path, Some(&first));
    let second = settings(&home, &path);
    let plan = agrees(&home, &path, Some(&second));
    let changes = plan["identityChanges"].as_array().expect("a list");
    assert!(!changes.is_empty(), "{plan:#}");
    assert!(changes.iter().all(|one| one["before"] != one["after"]), "{plan:#}");
}

#[test]
fn a_plan_of_real_packages_is_what_the_import_does() {
    let Some(folder) = samples("plan") else { return };
    for path in zips(&folder.join("zip")) {
        agrees(&Home::with_env("dev", &[]), &path, None);
    }
}

#[test]
fn a_plan_over_facts_needs_nothing_but_the_files_and_says_who_it_is_for() {
    let home = Home::with_env("dev", &[]);
    home.ok(["user", "add", "maker@harbour.test", "--role", "maker"]);
    let path = fixture("harbour_notices").display().to_string();
    let facts = home.file("facts.json", home.ok(["facts", "export"]).stdout);
    let elsewhere = Home::new();
    let plan = |who: &[&str]| {
        let words = ["solution", "plan", &path, "--facts", &facts];
        elsewhere.run_json(words.iter().chain(who))
    };
    assert_eq!(plan(&[]).expect(0).json(), home.json(["solution", "plan", &path]));
    assert!(!elsewhere.path().join("data").exists(), "an offline plan makes no installation");
    // Who may not import is told so, here and there alike, and the import says it too.
    let refused = plan(&["--as", "Maker@harbour.test"]).expect(4).json();
    assert_eq!(refused["refusals"][0]["code"], "0x80040220", "{refused:#}");
    let online = ["solution", "plan", &path, "--as", "maker@harbour.test"];
    assert_eq!(home.run_json(online).expect(4).json(), refused);
    let import = ["solution", "import", "--path", &path, "--as", "maker@harbour.test"];
    let told = home.run(import).expect(4).stderr;
    assert!(told.contains(refused["refusals"][0]["message"].as_str().expect("a text")), "{told}");
    // The fix that is named is the one that helps.
    let fix = refused["refusals"][0]["fix"].as_str().expect("a command");
    home.ok(fix.split(' ').skip(1));
    home.ok(import);
    let nobody = plan(&["--as", "nobody@harbour.test"]).expect(5);
    assert!(nobody.stderr.contains("know no principal `nobody@harbour.test`"), "{nobody:?}");
}

#[test]
fn facts_that_do_not_tell_all_give_a_prediction() {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices").display().to_string();
    let mut facts: Value =
        serde_json::from_str(&home.ok(["facts", "export"]).stdout).expect("it is JSON");
    facts["unknown"] = json!(["shares"]);
    let file = home.file("facts.json", facts.to_string());
    let told = home.ok(["solution", "plan", &path, "--facts", &file]).stderr;
    assert!(told.contains("a prediction") && told.contains("shar"), "{told}");
    let file = home.file("facts.json", "{\"schemaVersion\": 99}");
    let told = home.run(["solution", "plan", &path, "--facts", &file]).expect(2).stderr;
    assert!(told.contains("version 99"), "{told}");
}

/// Plans, imports, compares; answers the plan.
fn agrees(home: &Home, path: &Path, settings: Option<&str>) -> Value {
    let at = path.display().to_string();
    let with = |words: &[&str]| -> Vec<String> {
        let mut all: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if let Some(settings) = settings {
            all.extend(["--settings-file".to_owned(), settings.to_owned()]);
        }
        all
    };
    home.ok(["facts", "export", "--file", "facts.json", "--overwrite"]);
    let plan = home.run_json(with(&["solution", "plan", &at])).expect(0).json();
    let by_file = with(&["solution", "plan", &at, "--facts", "facts.json"]);
    assert_eq!(home.run_json(by_file).expect(0).json(), plan, "{at}: over the file");
    let done = home.run_json(with(&["solution", "import", "--path", &at])).expect(0).json();
    assert_eq!(flows(&plan), flows(&done), "{at}");
    let references = done["references"].as_array().expect("a list");
    for one in references {
        let name = one["name"].as_str().expect("a name");
        let planned = plan["components"].as_array().expect("a list").iter().find(|line| {
            line["kind"] == "connection reference"
                && line["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name))
        });
        let planned = planned.unwrap_or_else(|| panic!("{at}: {name} is not in the plan"));
        let unbound = planned["change"] == "unbound";
        assert_eq!(unbound, one["state"] == "not bound", "{at}: {name}: {planned}");
    }
    plan
}

/// Id, state and codes of every flow, sorted.
fn flows(document: &Value) -> Vec<(String, String, Vec<String>)> {
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut all: Vec<_> = document["flows"]
        .as_array()
        .expect("flows are a list")
        .iter()
        .map(|flow| {
            let refusals = flow["refusals"].as_array().expect("refusals are a list");
            let mut codes: Vec<String> = refusals.iter().map(|one| word(&one["code"])).collect();
            codes.sort();
            (word(&flow["id"]).to_lowercase(), word(&flow["state"]), codes)
        })
        .collect();
    all.sort();
    all
}

/// A settings file that binds every reference to a new connection of its own.
pub(crate) fn settings(home: &Home, path: &Path) -> String {
    let mut settings =
        home.json(["solution", "create-settings", "-f", &path.display().to_string()]);
    let taken = home.json(["connection", "list"]).as_array().map_or(0, Vec::len);
    for (at, entry) in settings["ConnectionReferences"]
        .as_array_mut()
        .expect("references are a list")
        .iter_mut()
        .enumerate()
    {
        let connector = entry["ConnectorId"].as_str().expect("a connector").to_owned();
        let api = connector.rsplit('/').next().expect("the last part").to_owned();
        let name = format!("Harbour {}", taken + at);
        let account = format!("office{}@harbour.test", taken + at);
        entry["ConnectionId"] = json!(connection(home, &api, &name, &account));
    }
    home.file(&format!("settings{taken}.json"), settings.to_string())
}

fn connection(home: &Home, api: &str, name: &str, account: &str) -> String {
    let new = Connection { env: "dev", connector: api, name, ..Connection::default() };
    match api {
        "shared_office365" => home.connection(&Connection {
            endpoint: Some("mail.harbour.test:587"),
            parameters: &[("username", account)],
            secrets: &[("password", "plan-rope-7741")],
            ..new
        }),
        "shared_sql" => home.connection(&Connection {
            parameters: &[
                ("server", "db.harbour.test"),
                ("database", "tides"),
                ("username", account),
            ],
            secrets: &[("password", "plan-rope-7742")],
            ..new
        }),
        // The environment's own tables, as the connection's owner.
        "shared_commondataserviceforapps" => home.connection(&new),
        other => panic!("no recipe for {other}"),
    }
}

#[test]
fn an_update_that_breaks_a_policy_is_planned_and_suspended() {
    let home = Home::with_env("dev", &[]);
    let part = "Workflows/Noticeofarrivals-3C1F7A52-0D44-4C1E-9A61-7B5F20C8E101.json";
    let parts = connref_tests::package::folder_parts(&fixture("harbour_notices"));
    let body = connref_tests::package::part_text(&parts, part);
    let mut first: Value = serde_json::from_str(&body).expect("it is JSON");
    let properties = &mut first["properties"];
    properties["connectionReferences"].as_object_mut().expect("a map").remove("shared_office365");
    properties["definition"]["actions"] = json!({});
    let first = connref_tests::package::fixture_zip_with(
        "harbour_notices",
        &[(part, Some(first.to_string().into_bytes()))],
    );
    let first = home.path().join(home.file("first.zip", first));
    let settings = settings(&home, &fixture("harbour_notices"));
    agrees(&home, &first, Some(&settings));
    let policy = json!({
        "displayName": "Apart", "environmentType": "AllEnvironments",
        "defaultConnectorsClassification": "Confidential",
        "connectorGroups": [{"classification": "General", "connectors":
            [{"id": "/providers/Microsoft.PowerApps/apis/shared_office365"}]}],
    });
    let file = home.file("policy.json", policy.to_string());
    home.ok(["policy", "set", "Apart", "--file", &file]);
    assert_eq!(home.json(["flow", "list"])[0]["state"], "on", "each connector alone is allowed");
    let plan = agrees(&home, &fixture("harbour_notices"), None);
    assert_eq!(plan["flows"][0]["state"], "suspended", "{plan:#}");
    assert_eq!(plan["flows"][0]["refusals"][0]["code"], "DlpViolation", "{plan:#}");
}

/// The server as an organisation without connref has it: what is connref's own is not there.
struct Plain {
    port: u16,
}

impl Plain {
    fn before(served: &connref_tests::served::Served) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let behind = served.port;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || relay(stream, port, behind));
            }
        });
        Self { port }
    }
}

/// Passes one request on, without keeping the connection.
fn relay(mut client: std::net::TcpStream, port: u16, behind: u16) {
    use std::io::{Read, Write};
    let mut raw = Vec::new();
    let mut piece = [0; 65_536];
    let end = loop {
        if let Some(at) = raw.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        match client.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => raw.extend_from_slice(&piece[..read]),
        }
    };
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = lengths.next_back().unwrap_or(0);
    while raw.len() < end + 4 + length {
        match client.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => raw.extend_from_slice(&piece[..read]),
        }
    }
    if head.lines().next().is_some_and(|line| line.contains("connref_")) {
        let body = r#"{"error":{"code":"0x80060888","message":"Resource not found."}}"#;
        let _ = write!(
            client,
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        return;
    }
    let kept = head.lines().filter(|line| !line.to_lowercase().starts_with("connection:"));
    let head =
        kept.collect::<Vec<_>>().join("\r\n").replace(&port.to_string(), &behind.to_string());
    let mut server = std::net::TcpStream::connect(("127.0.0.1", behind)).expect("it listens");
    let sent = server
        .write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes())
        .and_then(|()| server.write_all(&raw[end + 4..]));
    let mut answer = Vec::new();
    if sent.is_ok() && server.read_to_end(&mut answer).is_ok() {
        // Of its own properties nothing is told either; the length stays.
        let told = String::from_utf8_lossy(&answer).replace("\"connref\":", "\"another\":");
        let _ = client.write_all(told.as_bytes());
    }
}

#[test]
fn an_organisation_without_connref_is_planned_from_its_tables() {
    let home = Home::new();
    home.ok(["env", "create", "dev", "--fidelity", "dataverse"]);
    let path = fixture("harbour_notices");
    let settings = settings(&home, &path);
    let served = connref_tests::served::Served::start(&home);
    let plain = Plain::before(&served);
    let token = home.file("token", &served.token);
    let address = format!("http://dev.localhost:{}", plain.port);
    let at = path.display().to_string();
    let words = |more: &[&str]| -> Vec<String> {
        ["solution", "plan", &at, "--settings-file", &settings, "--environment", &address]
            .into_iter()
            .chain(["--token-file", &token])
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect()
    };
    // It would go through, but policies were not seen: that is not fine.
    let plan = home.run_json(words(&[])).expect(1).json();
    assert_eq!(plan["allowed"], true, "{plan:#}");
    assert_eq!(plan["flows"][0]["state"], "on", "{plan:#}");
    assert_eq!(plan["flows"][0]["certainty"], "unknown", "{plan:#}");
    assert_eq!(plan["flows"][0]["because"], json!(["the policies of the tenant"]), "{plan:#}");
    assert!(plan["unknown"].as_array().is_some_and(|all| all.len() > 5), "{plan:#}");
    home.run(words(&["--accept-unknown"])).expect(0);
    let told = home.run(words(&[])).expect(1).stdout;
    assert!(told.contains("? flow Notice of arrivals is turned on (no. 1) [not known: "), "{told}");
    // The same server with all it knows is sure, and says the same.
    let address = served.url("dev");
    let sure =
        words(&[]).into_iter().map(|w| if w.starts_with("http:") { address.clone() } else { w });
    let sure = home.run_json(sure.collect::<Vec<_>>()).expect(0).json();
    assert_eq!(flows(&sure), flows(&plan));
    assert_eq!(sure["flows"][0]["certainty"], "known", "{sure:#}");
    assert_eq!(sure["unknown"], json!([]));
}

#[test]
fn an_organisation_without_connref_is_verified_and_bound_one_by_one() {
    let home = Home::new();
    home.ok(["env", "create", "dev", "--fidelity", "dataverse"]);
    let path = fixture("harbour_notices");
    let settings = settings(&home, &path);
    let at = path.display().to_string();
    home.ok(["solution", "import", "--path", &at, "--settings-file", &settings]);
    let before = home.json(["ref", "list"]);
    home.ok(["ref", "lock"]);
    let names = before.as_array().expect("a list").iter().map(|r| r["name"].as_str());
    let names: Vec<&str> = names.map(|name| name.expect("a name")).collect();
    let served = connref_tests::served::Served::start(&home);
    let plain = Plain::before(&served);
    let token = home.file("token", &served.token);
    let address = format!("http://dev.localhost:{}", plain.port);
    let there = ["--environment", &address, "--token-file", &token];
    let run = |words: &[&str]| home.run(words.iter().chain(&there).copied());
    let gate = ["solution", "verify", "HarbourNotices", "--lock", "bindings.lock.json"];
    // Nothing is wrong as far as it was seen, and much was not seen.
    let blind = run(&gate).expect(1);
    assert!(
        blind.stdout.contains("0 errors, 0 warnings")
            && blind.stderr.contains("CA106 was not judged"),
        "{blind:?}"
    );
    let accepted: Vec<&str> = gate.iter().copied().chain(["--accept-unknown"]).collect();
    run(&accepted).expect(0);
    for name in &names {
        run(&["ref", "unbind", name]).expect(0);
    }
    run(&accepted).expect(1);
    run(&["ref", "match", "--solution", "HarbourNotices"]).expect(0);
    let bound = |rows: &Value| -> Vec<Value> {
        rows.as_array().expect("a list").iter().map(|r| r["connectionId"].clone()).collect()
    };
    drop(served);
    assert_eq!(bound(&home.json(["ref", "list"])), bound(&before));
}
