//! A package is searched for every secret of the vault, in every form, also in zips inside it; what is
//! clean gets a signed statement that others verify.
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use connref_tests::Home;
use connref_tests::generated::Generated;
use connref_tests::home::Connection;
use connref_tests::package::{fixture, fixture_zip, folder_parts, unzip, zip};
use connref_tests::samples::{samples, zips};
use serde_json::Value;

const PLANTED: usize = 64;

fn secret(at: usize) -> String {
    format!("proof \"mast\"/{at}&kelp-{}", at * 7919 + 13)
}

fn planted() -> (Home, Vec<String>) {
    let home = Home::with_env("dev", &[]);
    let ids = (0..PLANTED).map(|at| {
        let secret = secret(at);
        home.connection(&Connection {
            env: "dev",
            connector: "shared_sql",
            name: &format!("Planted {at}"),
            parameters: &[("server", "db.harbour.test"), ("database", "tides"), ("username", "u")],
            secrets: &[("password", &secret)],
            ..Connection::default()
        })
    });
    let ids = ids.collect();
    (home, ids)
}

/// A secret in one of the forms in which it could leave.
fn form(secret: &str, at: usize) -> Vec<u8> {
    let inside = format!("{{\"token\": \"{}{secret}\"}}", "x".repeat(at % 5));
    match at % 8 {
        0 => secret.as_bytes().to_vec(),
        1 => STANDARD.encode(inside).into_bytes(),
        2 => URL_SAFE_NO_PAD.encode(inside).into_bytes(),
        3 => secret.bytes().map(|byte| format!("{byte:02X}")).collect::<String>().into_bytes(),
        4 => url::form_urlencoded::byte_serialize(secret.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
            .into_bytes(),
        5 => Value::from(secret).to_string().into_bytes(),
        6 => secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => {
            let encoded = STANDARD.encode(inside);
            let lines: Vec<&str> = encoded
                .as_bytes()
                .chunks(20)
                .map(|c| std::str::from_utf8(c).expect("ASCII"))
                .collect();
            lines.join("\r\n").into_bytes()
        }
    }
}

/// A package with every secret in it; `turn` chooses which secret takes which form.
fn poisoned(mut parts: Vec<(String, Vec<u8>)>, turn: usize) -> Vec<u8> {
    for at in 0..PLANTED {
        let mut content = b"before ".to_vec();
        content.extend(form(&secret(at), at + turn));
        content.extend(b" after");
        let part = (format!("Other/note{at}.txt"), content);
        // Every other one lies in a package inside the package, deflated.
        if at % 2 == 0 {
            parts.push(part);
        } else {
            parts.push((format!("Other/inner{at}.zip"), zip(&[part])));
        }
    }
    zip(&parts)
}

/// Every secret is found in the package once it is poisoned, and none in it as it is.
fn judged(home: &Home, ids: &[String], parts: &[(String, Vec<u8>)], turn: usize) {
    let file = home.file("poisoned.zip", poisoned(parts.to_vec(), turn));
    let told = home.run_json(["solution", "proof", &file]).expect(1).json();
    let found: BTreeSet<&str> = told["found"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["connection"].as_str().expect("an id"))
        .collect();
    let missing: Vec<&String> = ids.iter().filter(|id| !found.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "turn {turn}: not found: {missing:?}\n{told:#}");
    let file = home.file("clean.zip", zip(parts));
    let told = home.run_json(["solution", "proof", &file]).expect(0).json();
    assert_eq!(told["secretsSearched"], PLANTED, "{told:#}");
}

#[test]
fn poisoned_packages_are_found_out_and_clean_ones_are_clean() {
    let (home, ids) = planted();
    let generated = Generated { flows: 5, ..Generated::default() };
    let packages = [
        folder_parts(&fixture("harbour_sites")),
        folder_parts(&fixture("harbour_notices")),
        unzip(&generated.zip()),
    ];
    for (turn, parts) in packages.iter().enumerate() {
        judged(&home, &ids, parts, turn);
    }
    let Some(folder) = samples("proof") else { return };
    for (turn, path) in zips(&folder.join("zip")).iter().enumerate() {
        judged(&home, &ids, &unzip(&std::fs::read(path).expect("a sample can be read")), turn);
    }
}

#[test]
fn every_planted_secret_is_found_and_a_clean_package_gets_a_statement() {
    let (home, ids) = planted();
    let parts = folder_parts(&fixture("harbour_notices"));
    let poisoned = home.file("poisoned.zip", poisoned(parts, 0));
    let told = home.run_json(["solution", "proof", &poisoned]).expect(1).json();
    let found: BTreeSet<&str> = told["found"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["connection"].as_str().expect("an id"))
        .collect();
    let missing: Vec<&String> = ids.iter().filter(|id| !found.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "not found: {missing:?}\n{told:#}");
    assert!((0..PLANTED).all(|at| !told.to_string().contains(&secret(at))));
    assert!(!home.path().join("poisoned.zip.proof.json").exists());

    let clean = home.file("clean.zip", fixture_zip("harbour_notices"));
    let made = home.run_json(["solution", "proof", &clean]).expect(0).json();
    assert_eq!(made["secretsSearched"], PLANTED, "{made:#}");
    let statement = format!("{clean}.proof.json");
    home.ok(["solution", "proof", &clean, "--verify", &statement]);
    let public = made["publicKey"].as_str().expect("a key");
    // Somebody else, who has the key's public half alone.
    let other = Home::new();
    other.ok(["solution", "proof", &clean, "--verify", &statement, "--public-key", public]);
    let refused = other
        .run(["solution", "proof", &poisoned, "--verify", &statement, "--public-key", public])
        .expect(4);
    assert!(refused.stderr.contains("another package"), "{}", refused.stderr);
    let text = std::fs::read_to_string(&statement).expect("a statement");
    let mut envelope: Value = serde_json::from_str(&text).expect("JSON");
    let payload =
        STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
    let forged = String::from_utf8(payload).expect("a text").replace("64", "65");
    envelope["payload"] = STANDARD.encode(forged).into();
    let forged = other.file("forged.json", envelope.to_string());
    let refused = other
        .run(["solution", "proof", &clean, "--verify", &forged, "--public-key", public])
        .expect(4);
    assert!(refused.stderr.contains("signature"), "{}", refused.stderr);
}
