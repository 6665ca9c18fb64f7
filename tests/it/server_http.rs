//! The same service over a socket: signed in by a token, spoken to by hand and by the commands.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_tests::home::Connection;
use connref_tests::package::{self, fixture};
use connref_tests::served::Served;
use connref_tests::{Home, database, http};
use serde_json::{Value, json};

struct World {
    home: Home,
    served: Served,
    mailbox: String,
}

const API: &str = "/api/data/v9.2";

impl World {
    fn new() -> Self {
        let home = Home::with_env("dev", &[]);
        let path = fixture("harbour_notices").display().to_string();
        home.ok(["solution", "import", "--path", &path]);
        let mailbox = home.connection(&Connection {
            env: "dev",
            connector: "shared_office365",
            name: "Mailbox",
            endpoint: Some("mail.harbour.test:587"),
            secrets: &[("password", "http-buoy-4471")],
            ..Connection::default()
        });
        let served = Served::start(&home);
        Self { home, served, mailbox }
    }

    #[track_caller]
    fn get(&self, query: &str) -> Value {
        let answer = self.served.ask("dev", "GET", &format!("{API}/{query}"), None);
        assert_eq!(answer.status, 200, "{query}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("odata-version"), Some("4.0"));
        answer.json()
    }
}

fn names(list: &Value) -> Vec<&str> {
    let rows = list["value"].as_array().expect("a list");
    rows.iter().filter_map(|row| row["connectionreferencelogicalname"].as_str()).collect()
}

#[test]
fn nobody_gets_in_without_a_token() {
    let world = World::new();
    let (port, host) = (world.served.port, world.served.host("dev"));
    let caller = ("mscrmcallerid", "harbourmaster");
    let wrong = ("authorization", "Bearer 0000000000000000000000000000000000000000");
    for headers in [vec![], vec![wrong], vec![caller]] {
        for path in [
            format!("{API}/WhoAmI"),
            format!("{API}/connectionreferences"),
            "/providers/Microsoft.PowerApps/connections?$filter=environment%20eq%20'dev'"
                .to_owned(),
            "/providers/Microsoft.BusinessAppPlatform/environments".to_owned(),
        ] {
            let answer = http::send(port, &host, "GET", &path, &headers, None);
            assert_eq!(answer.status, 401, "{path} with {headers:?}");
            let error = &answer.json()["error"];
            assert!(error["code"].is_string() && error["message"].is_string(), "{error}");
        }
    }
    let me = world.get("WhoAmI");
    for member in ["UserId", "BusinessUnitId", "OrganizationId"] {
        assert_eq!(me[member].as_str().map(str::len), Some(36), "{me:#}");
    }
    assert_eq!(world.get("WhoAmI()")["UserId"], me["UserId"]);
    for version in ["v9.0", "v9.1"] {
        let answer = world.served.ask("dev", "GET", &format!("/api/data/{version}/WhoAmI"), None);
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn queries_select_filter_order_page_and_expand() {
    let world = World::new();
    let all = world.get("connectionreferences?$orderby=connectionreferencelogicalname desc");
    assert_eq!(names(&all), ["hbr_Mail", "hbr_Ledger"]);
    let encoded = "connectionreferences?%24select=connectionreferencelogicalname\
                   &%24filter=contains(connectorid,%27office365%27)&%24count=true";
    let one = world.get(encoded);
    assert_eq!(names(&one), ["hbr_Mail"]);
    assert_eq!(one["@odata.count"], 1);
    let row = one["value"][0].as_object().expect("a row");
    assert!(!row.contains_key("connectorid"), "{row:?}");
    let top = world.get("connectionreferences?$top=1&$orderby=connectionreferencelogicalname");
    assert_eq!(names(&top), ["hbr_Ledger"]);
    let unbound = world.get("connectionreferences?$filter=connectionid eq null&$count=true&$top=1");
    assert_eq!(unbound["@odata.count"], 2);
    let expanded = world.get(
        "solutions?$select=uniquename&$filter=uniquename eq 'HarbourNotices'\
         &$expand=publisherid($select=customizationprefix)",
    );
    assert_eq!(expanded["value"][0]["publisherid"]["customizationprefix"], "hbr", "{expanded:#}");
    let flows = world.get("workflows?$select=name,statecode&$filter=category eq 5");
    assert_eq!(flows["value"][0]["name"], "Notice of arrivals");
}

#[test]
fn references_are_bound_and_unbound_by_patch() {
    let world = World::new();
    let by_name = format!("{API}/connectionreferences(connectionreferencelogicalname='hbr_Mail')");
    let read = || world.served.ask("dev", "GET", &by_name, None).json();
    let id = read()["connectionreferenceid"].as_str().expect("a row has an id").to_owned();
    let by_id = format!("{API}/connectionreferences({id})");
    let patch = |path: &str, connection: Value| {
        world.served.ask("dev", "PATCH", path, Some(&json!({"connectionid": connection})))
    };
    let bound = patch(&by_id, world.mailbox.as_str().into());
    assert_eq!(bound.status, 204, "{}", String::from_utf8_lossy(&bound.body));
    assert_eq!(read()["connectionid"], world.mailbox.as_str());
    assert_eq!(patch(&by_name, Value::Null).status, 204);
    assert!(read()["connectionid"].is_null());
    let history = world.get("connref_BindingHistory(Reference='hbr_Mail')");
    assert!(history["value"].as_array().is_some_and(|rows| rows.len() >= 2), "{history:#}");

    let wrong = patch(
        &format!("{API}/connectionreferences(connectionreferencelogicalname='hbr_Ledger')"),
        world.mailbox.as_str().into(),
    );
    assert!((400..500).contains(&wrong.status), "{}", wrong.status);
    let error = &wrong.json()["error"];
    assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "{error}");
    assert!(error["message"].to_string().contains(&world.mailbox), "{error}");
    assert!(
        error["@connref.fix"].to_string().contains("shared_commondataserviceforapps"),
        "{error}"
    );
}

#[test]
fn errors_have_the_shape_clients_know() {
    let world = World::new();
    let rows = [
        ("nosuchtables", 404),
        ("connectionreferences(00000000-0000-4000-8000-000000000000)", 404),
        ("connectionreferences?$filter=nosuchcolumn eq 1", 400),
        ("connectionreferences?$filter=connectionid eq", 400),
    ];
    for (path, status) in rows {
        let answer = world.served.ask("dev", "GET", &format!("{API}/{path}"), None);
        assert_eq!(answer.status, status, "{path}");
        let error = &answer.json()["error"];
        assert!(
            error["code"].as_str().is_some_and(|code| code.starts_with("0x")),
            "{path}: {error}"
        );
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
    }
    let turned = world.get("workflows?$select=workflowid&$filter=name eq 'Notice of arrivals'");
    let id = turned["value"][0]["workflowid"].as_str().expect("a row has an id");
    let on = json!({"statecode": 1, "statuscode": 2});
    let refused = world.served.ask("dev", "PATCH", &format!("{API}/workflows({id})"), Some(&on));
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("XrmConnectionReferenceMissingConnection"), "{message}");
    let elsewhere = world.served.ask("nowhere", "GET", &format!("{API}/WhoAmI"), None);
    assert_eq!(elsewhere.status, 404);
}

/// The commands look at a package before they send it; whoever speaks the API may not.
#[test]
fn bad_packages_are_refused_over_the_socket() {
    let world = World::new();
    let before = database::dump(&world.home.database());
    let dtd = b"<!DOCTYPE x [<!ENTITY a \"a\">]><ImportExportXml/>".to_vec();
    let body = "Workflows/Noticeofarrivals-3C1F7A52-0D44-4C1E-9A61-7B5F20C8E101.json";
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes();
    let mut climbing = package::folder_parts(&fixture("harbour_notices"));
    climbing.push(("../outside.xml".to_owned(), b"<x/>".to_vec()));
    let cases = [
        ("no zip", b"Dear harbour master,".to_vec(), ""),
        ("no solution.xml", fixture_with(&[("solution.xml", None)]), "solution.xml"),
        ("a DTD", fixture_with(&[("solution.xml", Some(dtd))]), "solution.xml"),
        ("a path that climbs", package::zip(&climbing), "outside.xml"),
        ("a body too deep", fixture_with(&[(body, Some(deep))]), "Noticeofarrivals"),
    ];
    for (what, zip, word) in cases {
        let import = json!({
            "CustomizationFile": STANDARD.encode(zip), "OverwriteUnmanagedCustomizations": false,
            "PublishWorkflows": true, "ImportJobId": "9b1d0f7e-0000-4000-8000-00000000c0de",
        });
        let answer =
            world.served.ask("dev", "POST", &format!("{API}/ImportSolution"), Some(&import));
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains(word) && !message.contains("panicked"), "{what}: {message}");
        let after = database::dump(&world.home.database());
        assert_eq!(database::difference(&before, &after), "", "{what}");
    }
}

fn fixture_with(changes: &[(&str, Option<Vec<u8>>)]) -> Vec<u8> {
    package::fixture_zip_with("harbour_notices", changes)
}

#[test]
fn the_commands_speak_to_a_server() {
    let world = World::new();
    let url = world.served.url("dev");
    let remote = |words: &[&str]| {
        let mut command = world.home.command(words);
        command
            .args(["--environment", &url, "-o", "json"])
            .env("CONNREF_TOKEN", &world.served.token)
            // Nothing local may answer in its place.
            .env("CONNREF_HOME", world.home.path().join("elsewhere"));
        world.home.finish(command, None)
    };
    let references = remote(&["ref", "list"]).expect(0).json();
    assert_eq!(references.as_array().map(Vec::len), Some(2), "{references:#}");
    remote(&["ref", "bind", "hbr_Mail", "--connection", &world.mailbox]).expect(0);
    let shown = remote(&["ref", "show", "hbr_Mail"]).expect(0).json();
    assert_eq!(shown["connectionId"], world.mailbox.as_str());
    let why = remote(&["flow", "why", "Notice of arrivals"]).expect(1).json();
    assert!(why["refusals"].to_string().contains("hbr_Ledger"), "{why:#}");
    remote(&["solution", "export", "HarbourNotices", "--path", "remote.zip"]).expect(0);
    assert!(world.home.path().join("remote.zip").exists());
    remote(&["audit", "verify"]).expect(0);
    let mut command = world.home.command(["ref", "list", "--environment", &url]);
    command.env("CONNREF_TOKEN", "not-the-token");
    let refused = world.home.finish(command, None).expect(3);
    assert!(refused.fix().is_some(), "{refused:?}");
    assert!(!world.home.path().join("elsewhere").exists());
}
