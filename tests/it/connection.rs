//! A connection's life: signed in to, tested, rotated, taken back, switched off, deleted.
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use connref_tests::Home;
use connref_tests::browser::{Browser, Ended};
use connref_tests::home::Connection;
use connref_tests::package::fixture;
use connref_tests::provider::Provider;
use connref_tests::stand_in::StandIn;
use connref_tests::stand_in::dataverse::{self, TOKEN_PATH};
use connref_tests::stand_in::smtp::Smtp;
use serde_json::{Value, json};

const ONE: (&str, &str) = ("33333333-cccc-4000-8000-000000000003", "first-client-secret-18");
const TWO: (&str, &str) = ("44444444-dddd-4000-8000-000000000004", "second-client-secret-27");

/// Runs a sign-in whose pages a browser goes through, and answers what the command said.
#[track_caller]
fn signed_in(home: &Home, words: &[&str], login: &str) -> Value {
    let mut command = home.command(words);
    let mut child = command.args(["-o", "json"]).stderr(Stdio::piped()).spawn().expect("it starts");
    let errors = BufReader::new(child.stderr.take().expect("asked for"));
    let mut told = String::new();
    for line in errors.lines() {
        let line = line.expect("text");
        told += &format!("{line}\n");
        let Some(at) = line.find("http://") else { continue };
        // Of a device's lines the one with the code in its address.
        let device = words.contains(&"--device-code");
        if device && !line.contains("user_code=") {
            continue;
        }
        let address = line[at..].split(' ').next().expect("an address").to_owned();
        match Browser::default().sign_in(&address, login) {
            Ended::Elsewhere(back) => {
                let (status, page) = Browser::default().open(&back);
                assert_eq!((status, device), (200, false), "{page}");
            }
            Ended::Page(page) => assert!(device && page.contains("Success"), "{page}"),
        }
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

#[test]
fn people_sign_in_with_a_browser_and_on_another_device() {
    let Some(provider) = Provider::start(None) else { return };
    let home = Home::with_env("dev", &[provider.allow()]);
    let issuer = provider.issuer.as_str();
    for (how, name, grant) in [
        ("--sign-in", "By browser", "authorization_code"),
        ("--device-code", "By device", "urn:ietf:params:oauth:grant-type:device_code"),
    ] {
        let made = signed_in(
            &home,
            &[
                "connection",
                "create",
                "shared_commondataserviceforapps",
                "--name",
                name,
                how,
                "--issuer",
                issuer,
                "--param",
                "clientId=native",
                "--param",
                "prompt=consent",
                "--redirect-path",
                "/cb",
            ],
            "ada@harbour.test",
        );
        assert_eq!(made["status"], "Connected", "{made}");
        assert_eq!(made["kind"], "user", "{made}");
        assert_eq!(provider.count(grant), 1);
    }
    // A token of the sign-in is used; the answer of a stranger's browser is not.
    let all = home.json(["connection", "list"]);
    assert_eq!(all.as_array().map(Vec::len), Some(2), "{all}");
    home.run(["connection", "sign-in", "By browser", "--dry-run"]).expect(0);
    let refused = home.run([
        "connection",
        "create",
        "shared_commondataserviceforapps",
        "--name",
        "Wrong issuer",
        "--sign-in",
        "--issuer",
        &format!("{issuer}/"),
        "--param",
        "clientId=native",
    ]);
    assert_eq!(refused.code, Some(7), "{refused:?}");
    assert!(refused.stderr.contains("issuer"), "{refused:?}");
    let all = home.json(["connection", "list"]);
    assert_eq!(all.as_array().map(Vec::len), Some(2), "nothing half done: {all}");
}

#[test]
fn a_rotation_is_tested_and_a_bad_one_is_taken_back() {
    let quotes = dataverse::start(&[ONE, TWO], vec![json!({"quotenumber": "Q1"})]);
    let mail = Smtp::start(&[("pilot@harbour.test", "mail-password-63")]);
    let home = Home::with_env("dev", &[quotes.allow(), mail.address()]);
    let package = fixture("harbour_notices").display().to_string();
    home.ok(["solution", "import", "--path", &package]);
    let token_url = format!("{}{TOKEN_PATH}", quotes.url());
    let ledger = home.connection(&Connection {
        env: "dev",
        connector: "shared_commondataserviceforapps",
        name: "Ledger",
        endpoint: Some(&quotes.url()),
        kind: Some("service-principal"),
        parameters: &[("clientId", ONE.0), ("tokenUrl", &token_url)],
        secrets: &[("clientSecret", ONE.1)],
        ..Connection::default()
    });
    let mailbox = home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Mail",
        endpoint: Some(&mail.address()),
        parameters: &[("username", "pilot@harbour.test"), ("tls", "none")],
        secrets: &[("password", "mail-password-63")],
        ..Connection::default()
    });
    home.ok(["ref", "bind", "hbr_Ledger", "--connection", &ledger]);
    home.ok(["ref", "bind", "hbr_Mail", "--connection", &mailbox]);
    home.ok(["flow", "on", "Notice of arrivals"]);
    let show = || home.json(["connection", "show", "Ledger"]);
    home.ok(["connection", "test", "Ledger"]);
    let before = show();
    assert_eq!(before["testedAs"], ONE.0, "{before}");

    let rotate = |more: &[&str], secret: &str| {
        let mut words = vec!["connection", "rotate", "Ledger", "--secret-stdin", "clientSecret"];
        words.extend(more);
        home.run_with_input(words, secret)
    };
    // A candidate that the target refuses changes nothing.
    let refused = rotate(&[], "no-such-secret-99");
    assert_eq!(refused.code, Some(7), "{refused:?}");
    assert_eq!(show()["testedAs"], before["testedAs"]);
    assert_eq!(show()["status"], "Connected");
    home.run(["flow", "run", "Notice of arrivals"]).expect(0);
    // One that it accepts counts at once, with its own end and identity.
    let two = format!("clientId={}", TWO.0);
    rotate(&["--param", &two, "--secret-ends", "2031-05-06"], TWO.1).expect(0);
    let now = show();
    assert_eq!(now["testedAs"], TWO.0, "{now}");
    assert_eq!(now["credentialEnds"].as_str().map(|end| &end[..10]), Some("2031-05-06"), "{now}");
    assert!(now["previousUntil"].is_string() && now["lastUsed"].is_string(), "{now}");
    home.ok(["connection", "rotate", "Ledger", "--back"]);
    assert!(show()["credentialEnds"].is_null(), "{}", show());
    // One that nobody tested and the target refuses is taken back at the first call.
    rotate(&["--no-test"], "no-such-secret-98").expect(0);
    home.run(["flow", "run", "Notice of arrivals"]).expect(0);
    let log = home.json(["audit", "log"]);
    let returned = |row: &&Value| row["action"] == "connection_return";
    let rows = log.as_array().expect("a list");
    assert_eq!(rows.iter().filter(returned).count(), 2, "by hand, then by itself: {log}");
    home.ok(["audit", "verify"]);
    rotate(&["--window", "0s", "--no-test"], ONE.1).expect(0);
    home.run(["connection", "rotate", "Ledger", "--back"]).expect(6);

    off_and_gone(&home);
}

/// The flow of the fixture over two connections to one target, of which the first is bound.
fn two_ledgers(quotes: &StandIn, mail: &Smtp) -> Home {
    let home = Home::with_env("dev", &[quotes.allow(), mail.address()]);
    let package = fixture("harbour_notices").display().to_string();
    home.ok(["solution", "import", "--path", &package]);
    let token_url = format!("{}{TOKEN_PATH}", quotes.url());
    for (name, who, secret) in
        [("Old", ONE.0, ONE.1), ("New", TWO.0, TWO.1), ("Bad", ONE.0, "no-such-secret-97")]
    {
        home.connection(&Connection {
            env: "dev",
            connector: "shared_commondataserviceforapps",
            name,
            endpoint: Some(&quotes.url()),
            kind: Some("service-principal"),
            parameters: &[("clientId", who), ("tokenUrl", &token_url)],
            secrets: &[("clientSecret", secret)],
            ..Connection::default()
        });
    }
    let mailbox = home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Mail",
        endpoint: Some(&mail.address()),
        parameters: &[("username", "pilot@harbour.test"), ("tls", "none")],
        secrets: &[("password", "mail-password-63")],
        ..Connection::default()
    });
    home.ok(["ref", "bind", "hbr_Mail", "--connection", &mailbox]);
    home
}

#[test]
fn a_binding_is_tested_and_one_that_nobody_accepts_goes_back() {
    let quotes = dataverse::start(&[ONE, TWO], vec![json!({"quotenumber": "Q1"})]);
    let mail = Smtp::start(&[("pilot@harbour.test", "mail-password-63")]);
    let home = two_ledgers(&quotes, &mail);
    let bound = || home.json(["ref", "show", "hbr_Ledger"])["connection"].clone();
    let run = || home.run(["flow", "run", "Notice of arrivals"]);
    let tested = ["ref", "bind", "hbr_Ledger", "--tested", "--connection"];
    let bind = |name: &str| home.run(tested.iter().copied().chain([name]));
    // A first binding that the target refuses is none.
    let refused = bind("Bad");
    assert_eq!(refused.code, Some(7), "{refused:?}");
    assert_eq!(bound(), Value::Null);
    bind("Old").expect(0);
    home.ok(["flow", "on", "Notice of arrivals"]);
    run().expect(0);
    assert_eq!(bind("Bad").code, Some(7));
    assert_eq!(bound(), "Old");
    // The new one is accepted, and used; then its target thinks better of it.
    bind("New").expect(0);
    run().expect(0);
    assert_eq!(bound(), "New");
    let breaks = ["connection", "rotate", "New", "--secret-stdin", "clientSecret"];
    let breaks = breaks.iter().chain(&["--no-test", "--window", "0s"]);
    home.run_with_input(breaks.clone(), "no-such-secret-96").expect(0);
    run().expect(0);
    assert_eq!(bound(), "Old", "the run went on over the binding before");
    let history = home.json(["ref", "history", "hbr_Ledger"]);
    assert_eq!(history[0]["source"], "return", "{history:#}");
    home.ok(["audit", "verify"]);
    // It went back once; and without a window it does not.
    home.run_with_input(["connection", "rotate", "New", "--secret-stdin", "clientSecret"], TWO.1)
        .expect(0);
    home.run(tested.iter().copied().chain(["New", "--window", "0s"])).expect(0);
    home.run_with_input(breaks, "no-such-secret-95").expect(0);
    run().expect(1);
    assert_eq!(bound(), "New");
    home.run(["ref", "bind", "hbr_Ledger", "--connection", "Old", "--window", "1h"]).expect(2);
}

fn off_and_gone(home: &Home) {
    home.ok(["connection", "disable", "Ledger"]);
    home.run(["flow", "run", "Notice of arrivals"]).expect(1);
    home.run(["connection", "test", "Ledger"]).expect(6);
    home.ok(["connection", "enable", "Ledger"]);
    home.run(["flow", "run", "Notice of arrivals"]).expect(0);
    home.ok(["connection", "update", "Ledger", "--name", "Ledger of quotes"]);
    let used = home.run(["connection", "delete", "Ledger of quotes"]).expect(6);
    for name in ["hbr_Ledger", "Notice of arrivals"] {
        assert!(used.stderr.contains(name), "{used:?}");
    }
    home.ok(["connection", "delete", "Ledger of quotes", "--force"]);
}

#[test]
fn credentials_that_cannot_be_used_are_refused_in_one_line() {
    let home = Home::with_env("dev", &[]);
    let pem =
        home.file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let huge = home.file("huge.txt", vec![b'x'; 10 << 20]);
    let create = ["connection", "create", "shared_sql", "--name", "X"];
    let cases: [(&[&str], i32); 4] = [
        (&["--application-id", ONE.0, "--certificate-file", &pem], 4),
        (&["--secret-file", &format!("password={huge}")], 2),
        (&["--secret-ends", "soon", "--param", "server=x"], 4),
        (&["--sign-in"], 4),
    ];
    for (more, code) in cases {
        let ran = home.run(create.iter().chain(more));
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert_eq!(ran.stderr.matches("error").count(), 1, "{ran:?}");
    }
    assert_eq!(home.json(["connection", "list"]), json!([]), "nothing half done");
}
