//! The format of the vault, read by a decoder of its own in another language.
use std::path::Path;
use std::process::{Command, Output};

use connref_tests::Home;
use connref_tests::home::Connection;
use serde_json::Value;

/// Runs the decoder; none where there is no Python for it.
#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
fn decode(arguments: &[&str]) -> Option<Output> {
    let Some(python) = std::env::var_os("CONNREF_TEST_PYTHON") else {
        eprintln!("not run: CONNREF_TEST_PYTHON names no Python with the package cryptography");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("vault_decode.py");
    let ran = Command::new(python).arg(script).args(arguments).output();
    let ran = ran.expect("Python can be started");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(ran)
}

#[test]
fn every_vector_is_read_by_an_independent_decoder() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vault-vectors.json");
    let Some(ran) = decode(&["vectors", &path.display().to_string()]) else { return };
    let answer: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(answer["wrong"], serde_json::json!([]));
    assert!(answer["vectors"].as_u64() >= Some(65), "{answer}");
    assert!(answer["moved"].as_u64() >= Some(100), "{answer}");
}

#[test]
fn an_installation_is_read_by_an_independent_decoder() {
    let home = Home::with_env("dev", &[]);
    for at in 0..3 {
        home.connection(&Connection {
            env: "dev",
            connector: "shared_office365",
            name: &format!("Mailbox {at}"),
            endpoint: Some("mail.harbour.test:587"),
            parameters: &[("username", "pilot@harbour.test")],
            secrets: &[("password", &format!("planted {at} ü")), ("second", "other")],
            ..Connection::default()
        });
    }
    for version in 1..=2 {
        let arguments =
            ["database", &home.database().display().to_string(), &home.key().display().to_string()];
        let Some(ran) = decode(&arguments) else { return };
        let text = String::from_utf8(ran.stdout).expect("UTF-8");
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let secrets: Vec<_> = rows.iter().filter_map(|row| row["secret"].as_str()).collect();
        let expected = ["planted 0 ü", "other", "planted 1 ü", "other", "planted 2 ü", "other"];
        assert_eq!(secrets, expected);
        assert!(rows.iter().all(|row| row["key"] == version), "{rows:?}");
        home.ok(["key", "rotate"]);
    }
}
