//! Bad input gets one clear line, the right exit code, and changes nothing.
use connref_tests::home::Connection;
use connref_tests::package::{fixture, fixture_zip, fixture_zip_with, zip};
use connref_tests::{Home, Ran, database};
use serde_json::json;

/// An environment with something in it: the own package, one bound reference, a connection.
struct World {
    home: Home,
    mailbox: String,
    before: database::Dump,
}

impl World {
    fn new() -> Self {
        let home = Home::with_env("dev", &[]);
        home.env_create("prod", &[]);
        let path = fixture("harbour_sites").display().to_string();
        home.ok(["solution", "import", "--path", &path, "--env", "dev"]);
        let mailbox = home.connection(&Connection {
            env: "dev",
            connector: "shared_office365",
            name: "Mailbox",
            endpoint: Some("mail.harbour.test:587"),
            secrets: &[("password", "bad-oar-1123")],
            ..Connection::default()
        });
        let before = database::dump(&home.database());
        Self { home, mailbox, before }
    }

    /// One more thing that belongs to the state before.
    fn settle(&mut self) {
        self.before = database::dump(&self.home.database());
    }

    /// Refused: the code, one line that holds the words, a fix, and nothing changed.
    #[track_caller]
    fn refused(&self, ran: Ran, code: i32, words: &[&str]) {
        // The fix is a line of its own, or the end of the line that says why.
        let repairs = ran.fix().is_some() || ran.stderr.contains("; ");
        assert!(repairs, "no repair in:\n{}", ran.stderr);
        self.refused_without_fix(ran, code, words);
    }

    /// The same where no command can repair it.
    #[track_caller]
    fn refused_without_fix(&self, ran: Ran, code: i32, words: &[&str]) {
        let ran = ran.expect(code);
        assert_eq!(ran.stdout, "", "{ran:?}");
        let first = ran.error();
        assert!(!first.trim().is_empty(), "{ran:?}");
        for word in words {
            let told = ran.stderr.to_lowercase().contains(&word.to_lowercase());
            assert!(told, "`{word}` is not in:\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        let after = database::dump(&self.home.database());
        assert_eq!(database::difference(&self.before, &after), "", "after `{}`", ran.line);
        assert_eq!(self.before, after);
    }

    #[track_caller]
    fn import_refused(&self, file: &str, bytes: &[u8], code: i32, words: &[&str]) {
        let path = self.home.file(file, bytes);
        let ran = self.home.run(["solution", "import", "--path", &path, "--env", "dev"]);
        self.refused(ran, code, words);
    }

    #[track_caller]
    fn settings_refused(&self, settings: &str, code: i32, words: &[&str]) {
        let package = fixture("harbour_notices").display().to_string();
        let settings = self.home.file("settings.json", settings);
        let ran = self.home.run([
            "solution",
            "import",
            "--path",
            &package,
            "--settings-file",
            &settings,
            "--env",
            "dev",
        ]);
        self.refused(ran, code, words);
    }
}

#[test]
fn files_that_are_no_solutions() {
    let world = World::new();
    world.import_refused("letter.zip", b"Dear harbour master,", 2, &["letter.zip", "not a zip"]);
    world.import_refused("empty.zip", b"", 2, &["empty.zip", "zip"]);
    let whole = fixture_zip("harbour_notices");
    world.import_refused("half.zip", &whole[..whole.len() / 2], 2, &["half.zip", "damaged"]);
    let headless = fixture_zip_with("harbour_notices", &[("solution.xml", None)]);
    world.import_refused("headless.zip", &headless, 2, &["headless.zip", "solution.xml"]);
    let other = zip(&[("readme.txt".to_owned(), b"hello".to_vec())]);
    world.import_refused("other.zip", &other, 2, &["other.zip", "solution.xml"]);
    let ran = world.home.run(["solution", "import", "--path", "no/such.zip", "--env", "dev"]);
    world.refused(ran, 2, &["no/such.zip"]);
}

#[test]
fn archives_that_attack() {
    let world = World::new();
    for name in ["../outside.xml", "a/../../outside.xml", "/etc/outside.xml"] {
        let mut parts = vec![(name.to_owned(), b"<x/>".to_vec())];
        parts.extend(connref_tests::package::unzip(&fixture_zip("harbour_notices")));
        world.import_refused("climb.zip", &zip(&parts), 2, &["climb.zip", "outside.xml"]);
        assert!(!world.home.path().join("../outside.xml").exists());
    }
    // Far below the limit of one part, far above any honest ratio.
    let bomb = vec![b'0'; 24 << 20];
    let bomb = fixture_zip_with("harbour_notices", &[("Workflows/bomb.json", Some(bomb))]);
    assert!(bomb.len() < 128 << 10);
    world.import_refused("bomb.zip", &bomb, 2, &["bomb.zip", "limit"]);
}

#[test]
fn documents_that_attack() {
    let world = World::new();
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">]>\
                    <ImportExportXml><SolutionManifest><UniqueName>&a;</UniqueName>\
                    </SolutionManifest></ImportExportXml>";
    for part in ["solution.xml", "customizations.xml"] {
        let zip =
            fixture_zip_with("harbour_notices", &[(part, Some(entities.as_bytes().to_vec()))]);
        world.import_refused("dtd.zip", &zip, 2, &["dtd.zip", part, "DOCTYPE"]);
    }
    let broken =
        fixture_zip_with("harbour_notices", &[("solution.xml", Some(b"<a><b></a>".to_vec()))]);
    let path = world.home.file("broken.zip", broken);
    let ran = world.home.run(["solution", "import", "--path", &path, "--env", "dev"]);
    world.refused_without_fix(ran, 2, &["broken.zip", "solution.xml", "line 1"]);
}

#[test]
fn json_of_ten_thousand_levels() {
    let world = World::new();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = "Workflows/Noticeofarrivals-3C1F7A52-0D44-4C1E-9A61-7B5F20C8E101.json";
    let zip = fixture_zip_with("harbour_notices", &[(body, Some(deep.clone().into_bytes()))]);
    world.import_refused("deep.zip", &zip, 2, &["deep.zip", "Noticeofarrivals", "deep"]);
    let definition = world.home.file("deep.json", deep);
    let ran =
        world.home.run(["flow", "create", "Deep", "--definition", &definition, "--env", "dev"]);
    world.refused_without_fix(ran, 2, &["deep.json"]);
}

#[test]
fn settings_that_do_not_fit() {
    let world = World::new();
    let connector = "/providers/Microsoft.PowerApps/apis/shared_office365";
    let bind = |name: &str, id: &str| {
        let entry = json!({"LogicalName": name, "ConnectionId": id, "ConnectorId": connector});
        json!({"EnvironmentVariables": [], "ConnectionReferences": [entry]}).to_string()
    };
    world.settings_refused(
        &bind("hbr_Nobody", &world.mailbox),
        4,
        &["hbr_Nobody", "remove the entry"],
    );
    let path = format!("shared_office365/{}", world.mailbox);
    world.settings_refused(
        &bind("hbr_Mail", &path),
        4,
        &["ConnectionId", &path, &format!("`{}`", world.mailbox)],
    );
    world.settings_refused(&bind("hbr_Mail", "#{mail}#"), 4, &["hbr_Mail", "token"]);
    world.settings_refused(
        &bind("hbr_Mail", "0123456789abcdef0123456789abcdef"),
        4,
        &["0123456789abcdef0123456789abcdef"],
    );
    world.settings_refused("[1, 2", 2, &["settings.json"]);
    world.settings_refused("[]", 2, &["settings.json"]);
    let wrong = json!({"ConnectionReferences": {"hbr_Mail": world.mailbox}}).to_string();
    world.settings_refused(&wrong, 2, &["settings.json", "ConnectionReferences"]);
}

#[test]
fn connections_that_do_not_fit() {
    let mut world = World::new();
    let ran =
        world.home.run(["ref", "bind", "hbr_Site", "--connection", &world.mailbox, "--env", "dev"]);
    world.refused(ran, 4, &["hbr_Site", "shared_office365", "shared_sharepointonline"]);
    let elsewhere = world.home.connection(&Connection {
        env: "prod",
        connector: "shared_sharepointonline",
        name: "Site of prod",
        endpoint: Some("http://127.0.0.1:9"),
        secrets: &[("token", "bad-keel-9915")],
        ..Connection::default()
    });
    world.settle();
    let ran =
        world.home.run(["ref", "bind", "hbr_Site", "--connection", &elsewhere, "--env", "dev"]);
    world.refused(ran, 5, &[&elsewhere]);
    let settings = json!({"ConnectionReferences": [{
        "LogicalName": "hbr_Mail", "ConnectionId": elsewhere,
        "ConnectorId": "/providers/Microsoft.PowerApps/apis/shared_office365",
    }]});
    world.settings_refused(&settings.to_string(), 4, &[&elsewhere]);
}

#[test]
fn flows_that_cannot_be_on_and_names_nobody_has() {
    let world = World::new();
    let ran = world.home.run(["flow", "on", "Find log", "--env", "dev"]);
    world.refused(ran, 4, &["hbr_Site"]);
    let ran = world.home.run(["flow", "on", "No such flow", "--env", "dev"]);
    world.refused(ran, 5, &["No such flow"]);
    let ran = world.home.run(["ref", "bind", "hbr_Site", "--connection", "nobody", "--env", "dev"]);
    world.refused(ran, 5, &["nobody"]);
    let ran = world.home.run(["flow", "list", "--env", "nowhere"]);
    world.refused(ran, 5, &["nowhere"]);
    let ran = world.home.run(["env", "create", "dev"]);
    world.refused_without_fix(ran, 6, &["dev", "exists"]);
}
