//! Deployment settings that name what is not the importer's: nothing is bound, and each is explained;
//! by the file, and past the command line by the API itself.
use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::http;
use connref_tests::package::fixture_zip;
use connref_tests::served::Served;
use serde_json::{Value, json};

const ANN: &str = "ann@harbour.test";
const API: &str = "/providers/Microsoft.PowerApps/apis/shared_office365";

/// Ids of connections, by whose they are.
struct World {
    home: Home,
    own: String,
    other: String,
    far: String,
    tenant: String,
    wrong: String,
    departed: String,
    off: String,
    deleted: String,
}

fn connection(home: &Home, env: &str, connector: &str, owner: &str) -> String {
    let sql: &[(&str, &str)] =
        &[("server", "db.harbour.test"), ("database", "tides"), ("username", "u")];
    let mail: &[(&str, &str)] = &[("username", owner)];
    home.connection(&Connection {
        env,
        connector,
        name: &format!("{connector} of {owner}"),
        endpoint: (connector != "shared_sql").then_some("mail.harbour.test:587"),
        acting: Some(owner),
        parameters: if connector == "shared_sql" { sql } else { mail },
        secrets: &[("password", "hostile-rope-2216")],
        ..Connection::default()
    })
}

fn world() -> World {
    let home = Home::with_env("dev", &[]);
    home.env_create("far", &[]);
    home.set("CONNREF_ENV", "dev");
    for env in ["dev", "far"] {
        home.ok(["user", "add", ANN, "--role", "maker", "--env", env]);
        home.ok(["user", "role", "add", ANN, "Deployer", "--env", env]);
    }
    for name in ["bob@harbour.test", "gone@harbour.test"] {
        home.ok(["user", "add", name, "--role", "maker"]);
    }
    let mail = "shared_office365";
    let own = connection(&home, "dev", mail, ANN);
    let other = connection(&home, "dev", mail, "bob@harbour.test");
    let far = connection(&home, "far", mail, ANN);
    let wrong = connection(&home, "dev", "shared_sql", ANN);
    let departed = connection(&home, "dev", mail, "gone@harbour.test");
    home.ok(["connection", "share", &departed, "--with", ANN, "--as", "gone@harbour.test"]);
    home.ok(["user", "disable", "gone@harbour.test"]);
    let off = connection(&home, "dev", mail, ANN);
    home.ok(["connection", "disable", &off]);
    let deleted = connection(&home, "dev", mail, ANN);
    home.ok(["connection", "delete", &deleted]);
    let elsewhere = Home::with_env("dev", &[]);
    elsewhere.ok(["user", "add", ANN, "--role", "maker"]);
    let tenant = connection(&elsewhere, "dev", mail, ANN);
    World { home, own, other, far, tenant, wrong, departed, off, deleted }
}

/// What stands where the id of a connection belongs.
fn ids(w: &World) -> Vec<(&'static str, String)> {
    let (own, other) = (&w.own, &w.other);
    let guid = |id: &str| {
        format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
    };
    let wide: String = own
        .chars()
        .map(|c| char::from_u32(u32::from(c) + 0xFEE0).expect("ASCII has wide forms"))
        .collect();
    // Every id has such a letter or digit: the twins look alike.
    let twin =
        |id: &str| id.replace('a', "а").replace('c', "с").replace('e', "е").replace('0', "О");
    vec![
        ("another's", other.clone()),
        ("another's in capitals", other.to_uppercase()),
        ("another's in braces", format!("{{{other}}}")),
        ("another's with blanks", format!("  {other} ")),
        ("another's with a line end", format!("{other}\n")),
        ("another's as a path", format!("shared_office365/{other}")),
        ("another's as a whole path", format!("{API}/connections/{other}")),
        ("another's with a backslash", format!("shared_office365\\{other}")),
        ("another's as an address", format!("https://make.harbour.test/connections/{other}")),
        ("another's with a wildcard", format!("{}%", &other[..31])),
        ("another's with a star", format!("{}*", &other[..16])),
        ("another's with a question mark", format!("{}?", &other[..31])),
        ("another's with an underscore", format!("{}_", &other[..31])),
        ("another's after one's own", format!("{own},{other}")),
        ("another's below one's own", format!("{own}\n{other}")),
        ("another's with a comment", format!("{other}--")),
        ("another's with a quote", format!("{own}' OR connectionid = '{other}")),
        ("another's as a GUID", guid(other)),
        ("another's as a GUID in braces", format!("{{{}}}", guid(other))),
        ("another's, percent-encoded", format!("%{:02X}{}", other.as_bytes()[0], &other[1..])),
        ("one's own as a GUID", guid(own)),
        ("one's own as a GUID in braces", format!("{{{}}}", guid(own))),
        ("one's own in braces", format!("{{{own}}}")),
        ("one's own in two braces", format!("{{{{{own}}}}}")),
        ("one's own in parentheses", format!("({own})")),
        ("one's own in quotes", format!("\"{own}\"")),
        ("one's own in wide letters", wide),
        ("one's own in letters that look alike", format!("{}а", twin(&own[..31]))),
        ("one's own with a hidden blank", format!("{}\u{200b}{}", &own[..9], &own[9..])),
        ("one's own after a turn of direction", format!("\u{202e}{own}")),
        ("one's own after a mark", format!("\u{feff}{own}")),
        ("one's own with an accent", format!("{own}\u{301}")),
        ("one's own with a zero byte", format!("{own}\0")),
        ("one's own, too short", own[..31].to_owned()),
        ("one's own, too long", format!("{own}0")),
        ("one's own, backwards", own.chars().rev().collect()),
        ("one's own of another environment", w.far.clone()),
        ("the same in capitals", w.far.to_uppercase()),
        ("the same with its environment", format!("far/{}", w.far)),
        ("one's own in another tenant", w.tenant.clone()),
        ("the same with its tenant", format!("tenant/{}", w.tenant)),
        ("of another connector", w.wrong.clone()),
        ("of one who has left", w.departed.clone()),
        ("switched off", w.off.clone()),
        ("deleted", w.deleted.clone()),
        ("everything", "*".to_owned()),
        ("everything in SQL", "%".to_owned()),
        ("every id of this length", "_".repeat(32)),
        ("a condition", "' OR '1'='1".to_owned()),
        ("a token", "#{ConnectionId}#".to_owned()),
        ("a variable of a pipeline", "$(ConnectionId)".to_owned()),
        ("a variable of a shell", "${ConnectionId}".to_owned()),
        ("a template", "{{ connection }}".to_owned()),
        ("an expression", "@parameters('connection')".to_owned()),
        ("a display name", format!("shared_office365 of {ANN}")),
        ("an account", ANN.to_owned()),
        ("a word for nothing", "undefined".to_owned()),
        ("very long", "0".repeat(100_000)),
        ("a path out of everything", "../../../etc/passwd".to_owned()),
        ("markup", "<a href=x>id</a>".to_owned()),
    ]
}

/// What is wrong is the entry around the id.
fn documents(w: &World) -> Vec<(&'static str, String)> {
    let (own, other) = (&w.own, &w.other);
    let entry = |name: &str, id: Value, connector: &str| json!({"LogicalName": name, "ConnectionId": id, "ConnectorId": connector});
    let of = |entries: Vec<Value>| json!({"ConnectionReferences": entries}).to_string();
    vec![
        ("a name in other letters", of(vec![entry("hbr_Mаil", json!(own), API)])),
        ("a name in wide letters", of(vec![entry("ｈｂｒ_Mail", json!(own), API)])),
        ("a name whose small form is ours", of(vec![entry("hbr_Ban\u{212a}", json!(own), API)])),
        ("a name with a blank inside", of(vec![entry("hbr_ Mail", json!(own), API)])),
        ("a name with a wildcard", of(vec![entry("hbr_%", json!(own), API)])),
        ("every name", of(vec![entry("*", json!(own), API)])),
        ("no name", of(vec![entry("", json!(own), API)])),
        (
            "two ids for one name",
            of(vec![entry("hbr_Mail", json!(own), API), entry("HBR_MAIL", json!(other), API)]),
        ),
        (
            "another connector",
            of(vec![entry(
                "hbr_Mail",
                json!(own),
                "/providers/Microsoft.PowerApps/apis/shared_sql",
            )]),
        ),
        ("a number", of(vec![entry("hbr_Mail", json!(7), API)])),
        ("a list", of(vec![entry("hbr_Mail", json!([own]), API)])),
        ("an object", of(vec![entry("hbr_Mail", json!({"id": own}), API)])),
        (
            "a member twice",
            format!(
                "{{\"ConnectionReferences\": [{{\"LogicalName\": \"hbr_Mail\", \"ConnectionId\": \"{other}\", \
                 \"ConnectionId\": \"{own}\", \"ConnectorId\": \"{API}\"}}]}}"
            ),
        ),
        (
            "a section twice",
            format!(
                "{{\"ConnectionReferences\": [], \"ConnectionReferences\": {}}}",
                json!([entry("hbr_Mail", json!(own), API)])
            ),
        ),
        ("a list of settings", format!("[{}]", of(vec![entry("hbr_Mail", json!(own), API)]))),
        ("too deep", format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        ("cut off", of(vec![entry("hbr_Mail", json!(own), API)])[..60].to_owned()),
    ]
}

fn settings(id: &str) -> String {
    json!({"ConnectionReferences": [
        {"LogicalName": "hbr_Mail", "ConnectionId": id, "ConnectorId": API}]})
    .to_string()
}

fn bound(home: &Home) -> Vec<Value> {
    let rows = home.json(["ref", "list"]);
    let rows = rows.as_array().expect("a list").clone();
    rows.into_iter().filter(|row| !row["connectionId"].is_null()).collect()
}

#[test]
fn hostile_settings_bind_nothing_and_each_is_explained() {
    let w = world();
    let package = w.home.file("package.zip", fixture_zip("harbour_notices"));
    let of_ids = ids(&w);
    assert!(of_ids.len() >= 60, "{}", of_ids.len());
    let import = |text: &str| {
        let file = w.home.file("settings.json", text);
        w.home.run([
            "solution",
            "import",
            "--path",
            &package,
            "--settings-file",
            &file,
            "--as",
            ANN,
        ])
    };
    let files = of_ids.iter().map(|(what, id)| (*what, settings(id)));
    for (what, text) in files.chain(documents(&w)) {
        let ran = import(&text);
        assert!(matches!(ran.code, Some(2 | 4)), "{what}: {ran:?}");
        assert!(ran.stderr.contains("error:"), "{what}: {ran:?}");
        let reference = ["hbr_", "onnection", "settings"];
        assert!(reference.iter().any(|word| ran.stderr.contains(word)), "{what}: {}", ran.stderr);
    }
    assert_eq!(w.home.json(["solution", "list"]), json!([]));
    assert_eq!(bound(&w.home), Vec::<Value>::new());
    past_the_command_line(&w, &of_ids);
    // The near miss: one's own connection, in capitals too, is bound.
    import(&settings(&w.own.to_uppercase())).expect(0);
    assert_eq!(bound(&w.home).len(), 1);
}

/// The same ids straight to the API, as a client of another kind sends them.
fn past_the_command_line(w: &World, ids: &[(&str, String)]) {
    use base64::Engine as _;
    let zip = base64::engine::general_purpose::STANDARD.encode(fixture_zip("harbour_notices"));
    let users = w.home.json(["user", "list"]);
    let ann = users.as_array().expect("a list").iter().find(|row| row["name"] == ANN);
    let ann = ann.expect("she is there")["id"].as_str().expect("an id").to_owned();
    let served = Served::start(&w.home);
    let bearer = format!("Bearer {}", served.token);
    let headers = [("authorization", bearer.as_str()), ("mscrmcallerid", ann.as_str())];
    for (at, (what, id)) in ids.iter().enumerate() {
        let body = json!({
            "CustomizationFile": zip, "PublishWorkflows": true, "OverwriteUnmanagedCustomizations": false,
            "ImportJobId": format!("00000000-0000-4000-8000-{at:012x}"),
            "ComponentParameters": [{
                "@odata.type": "Microsoft.Dynamics.CRM.connectionreference",
                "connectionreferencelogicalname": "hbr_Mail", "connectionid": id, "connectorid": API,
            }],
        });
        let path = "/api/data/v9.2/ImportSolution";
        let answer =
            http::send(served.port, &served.host("dev"), "POST", path, &headers, Some(&body));
        assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.json());
        let message = answer.json()["error"]["message"].as_str().map(str::to_owned);
        assert!(message.is_some_and(|text| text.len() > 20), "{what}: {}", answer.json());
    }
    drop(served);
    assert_eq!(w.home.json(["ref", "list"]), json!([]));
}
