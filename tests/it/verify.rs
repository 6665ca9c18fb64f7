//! The gate of a solution, and bindings that are found by what a connection is.
use connref_tests::Home;
use connref_tests::package::fixture;
use serde_json::{Value, json};

use crate::plan::settings;

const PASSED: &str = "\
✓ HarbourNotices 1.0.0.0 in dev can work as it is meant to: 2 references, 1 flow; 0 errors, 0 warnings, 0 notes
";
const FAILED: &str = "\
✕ CA101 connection reference `hbr_Ledger` (shared_commondataserviceforapps) has no connection
  it keeps off, or stops: `Notice of arrivals`
  fix: connref ref bind hbr_Ledger --connection CONNECTION --env dev
! CA114 connection reference `hbr_Ledger` drifted from its recorded binding: it was bound to `ID` and is unbound
  bindings.lock.json:9
  `harbourmaster` made the present binding; take it back, or record it
  fix: connref ref bind hbr_Ledger --connection ID --env dev
✕ HarbourNotices 1.0.0.0 in dev is not ready: 2 references, 1 flow; 1 error, 1 warning, 0 notes
";
const DRY_RUN: &str = "\
✓ hbr_Ledger (shared_commondataserviceforapps): would be bound → Harbour 0 (ID), acts as the key of connection ID
✓ hbr_Mail (shared_office365): would be bound → Harbour 1 (ID), acts as office1@harbour.test
2 of 2 to be bound
";
const REFUSED: &str = "\
✓ hbr_Ledger (shared_commondataserviceforapps): would be bound → Harbour 0 (ID), acts as the key of connection ID
✕ hbr_Mail (shared_office365): ambiguous
    Harbour 1 (ID), owned by harbourmaster: fits
      fix: connref ref bind hbr_Mail --connection ID --env dev
    Second mailbox (ID), owned by harbourmaster: fits
      fix: connref ref bind hbr_Mail --connection ID --env dev
nothing was bound: 1 not clear · say which is meant in bindings.yaml, or bind by hand; --partly binds the rest
";

/// The fixture, imported with every reference bound.
fn deployed() -> Home {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices");
    let settings = settings(&home, &path);
    let path = path.display().to_string();
    home.ok(["solution", "import", "--path", &path, "--settings-file", &settings]);
    home
}

/// What a person reads, without ids.
fn read(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for letter in text.chars().chain([' ']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
        } else {
            let id = word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
            out += if id { "ID" } else { &word };
            word.clear();
            out.push(letter);
        }
    }
    out.pop();
    out
}

fn references(home: &Home) -> Vec<(String, Option<String>)> {
    let rows = home.json(["ref", "list"]);
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|r| (text(r, "name").expect("a name"), text(r, "connectionId"))).collect()
}

#[test]
fn the_gate_passes_what_was_deployed_and_names_what_breaks_it() {
    let home = deployed();
    home.ok(["ref", "lock", "--solution", "HarbourNotices"]);
    let gate = ["solution", "verify", "HarbourNotices", "--lock", "bindings.lock.json"];
    let passed = home.run(gate);
    assert_eq!(read(&passed.stdout), PASSED);
    passed.expect(0);
    let (name, _) = references(&home).remove(0);
    home.ok(["ref", "unbind", &name]);
    let failed = home.run(gate);
    assert_eq!(read(&failed.stdout), FAILED);
    failed.expect(1);
    for format in ["sarif", "junit", "html", "md", "json"] {
        let mut words = gate.to_vec();
        words.extend(["-o", format]);
        let told = home.run(words).expect(1);
        assert!(told.stdout.contains("CA101") && told.stdout.contains(&name), "{format}");
    }
    home.run(["solution", "verify", "Nobody"]).expect(5);
}

#[test]
fn what_a_facts_file_does_not_hold_is_not_fine() {
    let home = deployed();
    let mut facts = home.json(["facts", "export"]);
    facts["unknown"] = json!(["policies"]);
    let file = home.file("facts.json", facts.to_string());
    let gate = ["solution", "verify", "HarbourNotices", "--facts", &file];
    let blind = home.run(gate).expect(1);
    assert!(blind.stderr.contains("CA115 was not judged"), "{}", blind.stderr);
    let mut words = gate.to_vec();
    words.extend(["-o", "junit"]);
    assert!(home.run(words).expect(1).stdout.contains("<error message=\"CA115"));
    let mut words = gate.to_vec();
    words.push("--accept-unknown");
    home.run(words).expect(0);
}

#[test]
fn one_usable_connection_is_bound_and_several_are_a_refusal() {
    let home = deployed();
    let before = references(&home);
    for (name, _) in &before {
        home.ok(["ref", "unbind", name]);
    }
    let dry = home.run(["ref", "match", "--dry-run"]).expect(0);
    assert_eq!(read(&dry.stdout), DRY_RUN);
    assert!(references(&home).iter().all(|(_, connection)| connection.is_none()));
    home.run(["ref", "match", "--solution", "HarbourNotices"]).expect(0);
    assert_eq!(references(&home), before);
    // A second connection of one connector: nobody guesses, and nothing at all is bound.
    let mail = connref_tests::home::Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Second mailbox",
        endpoint: Some("mail.harbour.test:587"),
        parameters: &[("username", "second@harbour.test")],
        secrets: &[("password", "plan-rope-7743")],
        ..Default::default()
    };
    home.connection(&mail);
    for (name, _) in &before {
        home.ok(["ref", "unbind", name]);
    }
    let refused = home.run(["ref", "match"]).expect(4);
    assert_eq!(read(&refused.stdout), REFUSED);
    assert!(references(&home).iter().all(|(_, connection)| connection.is_none()));
    // What is meant, said in a file.
    let yaml = "version: 1\ndefaults: {name: 'Harbour *'}\n";
    let file = home.file("bindings.yaml", yaml);
    home.run(["ref", "match", "--bindings", &file]).expect(0);
    assert_eq!(references(&home), before);
    home.run(["solution", "verify", "HarbourNotices", "--bindings", &file]).expect(0);
}

#[test]
fn recorded_bindings_come_back_where_ids_changed() {
    let home = deployed();
    let before = references(&home);
    let lock = home.path().join("bindings.lock.json");
    let shown = lock.display().to_string();
    home.ok(["ref", "lock", "-f", &shown]);
    for (name, _) in &before {
        home.ok(["ref", "unbind", name]);
    }
    // As after a copy: the record holds the ids of the other environment.
    let mut record: Value =
        serde_json::from_slice(&std::fs::read(&lock).expect("it was written")).expect("JSON");
    for (at, one) in record["bindings"].as_array_mut().expect("a list").iter_mut().enumerate() {
        one["connection"] = json!(format!("{at:032x}"));
    }
    std::fs::write(&lock, record.to_string()).expect("it can be written");
    home.run(["ref", "rebind", "--from", &shown]).expect(0);
    assert_eq!(references(&home), before);
    record["bindings"][0]["owner"] = json!("somebody@harbour.test");
    std::fs::write(&lock, record.to_string()).expect("it can be written");
    home.run(["ref", "rebind", "--from", &shown]).expect(4);
    home.run(["ref", "rebind", "--from", &shown, "--ignore", "owner"]).expect(0);
}
