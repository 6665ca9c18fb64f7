//! The test vectors of docs/vault-format.md: made here, from a fixed stream in place of randomness,
//! and compared with the file, so that neither the format nor the file moves unseen.
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::envelope::{SecretPlace, key_version, rewrap, seal, unseal};
use super::key_file::{wrap_local, wrap_local_with};
use super::{Wrapped, fingerprint};
use crate::source::{Ids, hex};

/// SHA-256 of a counter: anything but random, and the same everywhere.
#[derive(Default)]
struct Stream(AtomicU64);

impl Ids for Stream {
    fn fill(&self, buffer: &mut [u8]) {
        for piece in buffer.chunks_mut(32) {
            let at = self.0.fetch_add(1, Ordering::Relaxed);
            piece.copy_from_slice(&Sha256::digest(at.to_be_bytes())[..piece.len()]);
        }
    }
}

const TENANT: &str = "018f0000-0000-7000-8000-0000000000aa";
const KEY: [u8; 32] = [0x42; 32];
const PLACE: SecretPlace<'_> = SecretPlace {
    environment: "018f0000-0000-7000-8000-0000000000e1",
    connection: "0123456789abcdef0123456789abcdef",
    connector: "shared_sql",
    field: "password",
    version: 3,
};

fn vector(
    name: &str,
    key: &[u8; 32],
    tenant: &str,
    place: &SecretPlace<'_>,
    sealed: &[u8],
    opened: Result<&[u8], &str>,
) -> Value {
    let mut row = json!({
        "name": name,
        "tenant_key": hex(key),
        "tenant_key_version": key_version(sealed),
        "tenant": tenant,
        "environment": place.environment,
        "connection": place.connection,
        "connector": place.connector,
        "field": place.field,
        "version": place.version,
        "sealed": hex(sealed),
    });
    match opened {
        Ok(plain) => row["plain"] = json!(hex(plain)),
        Err(why) => row["why"] = json!(why),
    }
    row
}

fn good(ids: &Stream) -> Vec<Value> {
    let mut rows = Vec::new();
    let texts: Vec<(String, String)> = [0_usize, 1, 15, 16, 17, 31, 32, 33, 255, 256, 1000]
        .iter()
        .map(|length| (format!("{length} bytes"), "s".repeat(*length)))
        .chain([
            ("beyond ASCII".to_owned(), "Pässwört 密码 🔑".to_owned()),
            ("line ends and a zero".to_owned(), "a\r\nb\0c".to_owned()),
            (
                "a PEM block".to_owned(),
                "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n".to_owned(),
            ),
        ])
        .collect();
    for (name, text) in &texts {
        let sealed = seal(ids, &KEY, 1, TENANT, &PLACE, text.as_bytes()).unwrap();
        rows.push(vector(name, &KEY, TENANT, &PLACE, &sealed, Ok(text.as_bytes())));
    }
    let places = [
        ("another field", SecretPlace { field: "~access", ..PLACE }),
        ("a field beyond ASCII", SecretPlace { field: "schlüssel", ..PLACE }),
        ("an empty field", SecretPlace { field: "", ..PLACE }),
        ("the largest version", SecretPlace { version: i64::MAX, ..PLACE }),
        (
            "a custom connector",
            SecretPlace { connector: "shared_cr1-5forders-5f0123456789abcdef", ..PLACE },
        ),
    ];
    for (name, place) in places {
        let sealed = seal(ids, &KEY, 1, TENANT, &place, b"secret").unwrap();
        rows.push(vector(name, &KEY, TENANT, &place, &sealed, Ok(b"secret")));
    }
    for version in [2, 255, 256, u32::MAX] {
        let sealed = seal(ids, &KEY, version, TENANT, &PLACE, b"secret").unwrap();
        let name = format!("version {version} of the tenant key");
        rows.push(vector(&name, &KEY, TENANT, &PLACE, &sealed, Ok(b"secret")));
    }
    let old = seal(ids, &KEY, 1, TENANT, &PLACE, b"secret").unwrap();
    let moved = rewrap(ids, &KEY, (&[0x43; 32], 2), TENANT, &PLACE, &old).unwrap();
    rows.push(vector("under a new tenant key", &[0x43; 32], TENANT, &PLACE, &moved, Ok(b"secret")));
    rows
}

fn bad(ids: &Stream) -> Vec<Value> {
    let sealed = seal(ids, &KEY, 1, TENANT, &PLACE, b"secret").unwrap();
    let mut rows = Vec::new();
    let elsewhere = [
        (
            "environment",
            SecretPlace { environment: "018f0000-0000-7000-8000-0000000000e2", ..PLACE },
        ),
        ("connection", SecretPlace { connection: "1123456789abcdef0123456789abcdef", ..PLACE }),
        ("connector", SecretPlace { connector: "shared_office365", ..PLACE }),
        ("field", SecretPlace { field: "key", ..PLACE }),
        ("field, by case", SecretPlace { field: "Password", ..PLACE }),
        ("version before", SecretPlace { version: 2, ..PLACE }),
        ("version after", SecretPlace { version: 4, ..PLACE }),
        (
            "place whose parts have the same text in a row",
            SecretPlace { connector: "shared_sqlpass", field: "word", ..PLACE },
        ),
    ];
    for (name, place) in elsewhere {
        let why = format!("sealed for another {name}");
        rows.push(vector(&format!("another {name}"), &KEY, TENANT, &place, &sealed, Err(&why)));
    }
    let other = "018f0000-0000-7000-8000-0000000000ab";
    rows.push(vector(
        "another tenant",
        &KEY,
        other,
        &PLACE,
        &sealed,
        Err("sealed for another tenant"),
    ));
    rows.push(vector(
        "another tenant key",
        &[0x44; 32],
        TENANT,
        &PLACE,
        &sealed,
        Err("the tenant key is another one"),
    ));
    let parts = [
        ("format", 0),
        ("commitment", 5),
        ("commitment's end", 36),
        ("data key's nonce", 37),
        ("data key", 49),
        ("data key's tag", 96),
        ("nonce", 97),
        ("secret", 109),
    ];
    for (part, at) in parts {
        for bit in [0, 7] {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1 << bit;
            let why = format!("bit {bit} of byte {at} ({part}) is flipped");
            rows.push(vector(
                &format!("a flipped bit: {part}, {bit}"),
                &KEY,
                TENANT,
                &PLACE,
                &flipped,
                Err(&why),
            ));
        }
    }
    for length in [0, 1, 5, 36, 37, 96, 97, 108, sealed.len() - 1] {
        let why = format!("only {length} of its {} bytes", sealed.len());
        rows.push(vector(
            &format!("cut at {length}"),
            &KEY,
            TENANT,
            &PLACE,
            &sealed[..length],
            Err(&why),
        ));
    }
    let mut longer = sealed.clone();
    longer.push(0);
    rows.push(vector("one byte more", &KEY, TENANT, &PLACE, &longer, Err("a byte follows it")));
    // The data key of one secret with the ciphertext of another of the same row.
    let second = seal(ids, &KEY, 1, TENANT, &PLACE, b"second").unwrap();
    let mixed = [&sealed[..97], &second[97..]].concat();
    rows.push(vector(
        "halves of two secrets",
        &KEY,
        TENANT,
        &PLACE,
        &mixed,
        Err("its data key is another secret's"),
    ));
    let mixed = [&second[..37], &sealed[37..]].concat();
    rows.push(vector(
        "another commitment",
        &KEY,
        TENANT,
        &PLACE,
        &mixed,
        Err("the commitment is another key's"),
    ));
    rows
}

fn tenant_keys(ids: &Stream) -> Vec<Value> {
    let row =
        |name: &str, kind: &str, with: Value, tenant: &str, wrapped: &Wrapped, plain: bool| {
            let mut row = json!({
                "name": name, "provider": kind, "with": with, "tenant": tenant,
                "fingerprint": wrapped.fingerprint, "wrapped": hex(&wrapped.bytes),
            });
            if plain {
                row["plain"] = json!(hex(&KEY));
            } else {
                row["why"] = json!(name);
            }
            row
        };
    let provider = [0x17; 32];
    let wrapped = wrap_local_with(ids, &provider, TENANT, &KEY).unwrap();
    let words = "correct horse battery staple";
    let cheap = super::passphrase::wrap_at_low_cost(words, ids, TENANT, &KEY);
    vec![
        row("by a key file", "file", json!(hex(&provider)), TENANT, &wrapped, true),
        row("another tenant's", "file", json!(hex(&provider)), "other", &wrapped, false),
        row("another provider key", "file", json!(hex(&[0x18; 32])), TENANT, &wrapped, false),
        row("by a passphrase", "passphrase", json!(words), TENANT, &cheap, true),
        row(
            "another passphrase",
            "passphrase",
            json!("another horse battery"),
            TENANT,
            &cheap,
            false,
        ),
    ]
}

#[test]
fn the_vectors_are_those_of_the_file() {
    let ids = Stream::default();
    let mut secrets = good(&ids);
    secrets.extend(bad(&ids));
    let made = json!({"secrets": secrets, "tenant_keys": tenant_keys(&ids)});
    let text = format!("{made:#}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vault-vectors.json");
    if std::env::var_os("CONNREF_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        kept == text,
        "write it anew with CONNREF_WRITE_VECTORS=1, if the format is meant to move"
    );
    assert!(secrets.len() >= 60, "{}", secrets.len());
}

#[test]
fn what_the_file_says_of_each_vector_is_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vault-vectors.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for row in file["secrets"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap();
        let key: [u8; 32] = bytes(text("tenant_key")).try_into().unwrap();
        let sealed = bytes(text("sealed"));
        let place = SecretPlace {
            environment: text("environment"),
            connection: text("connection"),
            connector: text("connector"),
            field: text("field"),
            version: row["version"].as_i64().unwrap(),
        };
        let opened = unseal(&key, text("tenant"), &place, &sealed).map(|plain| hex(&plain));
        assert_eq!(opened.as_deref(), row["plain"].as_str(), "{}", row["name"]);
    }
    let named = wrap_local(&[0x17; 32], TENANT, &KEY).unwrap();
    assert_eq!(named.fingerprint, fingerprint(&[0x17; 32]));
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
