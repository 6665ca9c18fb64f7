//! Planted secrets are nowhere: not in what commands say, errors included, not in the database, not
//! in the history of runs.
use connref_tests::home::{Connection, OPERATOR};
use connref_tests::package::fixture;
use connref_tests::spy::{Canary, absent};
use connref_tests::stand_in::dataverse::{self, TOKEN_PATH};
use connref_tests::stand_in::smtp::Smtp;
use connref_tests::{Home, database};
use serde_json::json;

const APPLICATION: &str = "33333333-cccc-4000-8000-000000000003";
const SECRETS: [&str; 4] = [
    "planted-\"client\"-secret-70913",
    "planted\\mail\\password-55108",
    "planted-wrong-password-41277",
    "planted-bearer-token-99321",
];

#[test]
fn planted_secrets_are_nowhere() {
    let quotes = dataverse::start(&[(APPLICATION, SECRETS[0])], vec![json!({"quotenumber": "Q1"})]);
    let mail = Smtp::start(&[("pilot@harbour.test", SECRETS[1])]);
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
        parameters: &[("clientId", APPLICATION), ("tokenUrl", &token_url)],
        secrets: &[("clientSecret", SECRETS[0])],
        ..Connection::default()
    });
    let mailbox = |name: &str, password: &str| {
        home.connection(&Connection {
            env: "dev",
            connector: "shared_office365",
            name,
            endpoint: Some(&mail.address()),
            parameters: &[("username", "pilot@harbour.test"), ("tls", "none")],
            secrets: &[("password", password)],
            ..Connection::default()
        })
    };
    let (right, wrong) = (mailbox("Right mail", SECRETS[1]), mailbox("Wrong mail", SECRETS[2]));
    home.ok(["ref", "bind", "hbr_Ledger", "--connection", &ledger]);

    // A run that fails at the login, and one that succeeds.
    for (bound, code) in [(&wrong, 1), (&right, 0)] {
        home.ok(["ref", "bind", "hbr_Mail", "--connection", bound]);
        home.ok(["flow", "on", "Notice of arrivals"]);
        home.run(["flow", "run", "Notice of arrivals"]).expect(code);
    }
    assert_eq!(mail.take().len(), 1, "the right password was used");
    everything_said(&home, &ledger, &wrong);
    refusals(&home);

    let mut planted: Vec<Canary> = SECRETS.iter().map(|secret| Canary::new(secret)).collect();
    planted.push(Canary::new(&format!("access-token-of-{APPLICATION}")));
    for ran in home.heard() {
        absent(&planted, &format!("stdout of `{}`", ran.line), ran.stdout.as_bytes());
        absent(&planted, &format!("stderr of `{}`", ran.line), ran.stderr.as_bytes());
    }
    for (name, bytes) in database::raw(&home.database()) {
        absent(&planted, &name, &bytes);
    }
    let exported = std::fs::read(home.path().join("HarbourNotices.zip")).expect("it was exported");
    for (part, content) in connref_tests::package::unzip(&exported) {
        absent(&planted, &part, &content);
    }
    // The control: the search finds what is there.
    assert!(
        Canary::new(&ledger).find(&std::fs::read(home.database()).expect("it is there")).is_some()
    );
}

/// Every command that reads, in every format.
fn everything_said(home: &Home, connection: &str, broken: &str) {
    for format in ["table", "json", "ndjson", "csv", "md"] {
        let lines: [&[&str]; 12] = [
            &["env", "list"],
            &["user", "list"],
            &["connector", "list"],
            &["connection", "list"],
            &["connection", "show", connection],
            &["connection", "test", connection],
            &["ref", "list"],
            &["ref", "history", "hbr_Mail"],
            &["flow", "list"],
            &["flow", "show", "Notice of arrivals"],
            &["run", "list"],
            &["audit", "log"],
        ];
        for line in lines {
            let mut words = line.to_vec();
            words.extend(["-o", format]);
            home.ok(words);
        }
        let ran = home.run(["connection", "test", broken, "-o", format]);
        assert_ne!(ran.code, Some(0), "{ran:?}");
    }
    let runs = home.json(["run", "list"]);
    for run in runs.as_array().expect("a list") {
        home.json(["run", "show", run["id"].as_str().expect("a run has an id")]);
    }
    home.run(["audit", "departed", "--user", OPERATOR]);
    home.ok(["audit", "verify"]);
    home.ok(["solution", "export", "HarbourNotices"]);
}

/// Secrets on their way in, refused.
fn refusals(home: &Home) {
    let create =
        ["connection", "create", "shared_nosuch", "--name", "X", "--secret-stdin", "token"];
    home.run_with_input(create, SECRETS[3]).expect(4);
    let twice = [
        "connection",
        "create",
        "shared_sql",
        "--name",
        "X",
        "--param",
        "token=1",
        "--secret-stdin",
        "token",
        "--owner",
        "nobody@harbour.test",
    ];
    let ran = home.run_with_input(twice, SECRETS[3]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let dry = [
        "connection",
        "create",
        "shared_office365",
        "--name",
        "X",
        "--dry-run",
        "--secret-stdin",
        "password",
    ];
    home.run_with_input(dry, SECRETS[3]);
    let mut command = home.command(["connection", "list", "--environment", "http://127.0.0.1:9"]);
    command.env("CONNREF_TOKEN", SECRETS[3]);
    let ran = home.finish(command, None);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let mut verbose = home.command(["connection", "list"]);
    verbose.env("CONNREF_LOG", "trace");
    home.finish(verbose, None).expect(0);
}
