//! Signed statements about a package: in-toto statements in a DSSE envelope, signed with Ed25519. The
//! subject is the package, by its SHA-256; the predicate says what was found, planned or verified.
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_store::source::hex;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::exit::Failure;
use crate::home;

/// What the statement is, for those who read in-toto statements.
const PAYLOAD: &str = "application/vnd.in-toto+json";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// Packages and statements are not larger.
const MOST: u64 = 512 << 20;

/// A key that signs.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    /// The key in the file, else in `proof-key` beside the key file; made if it is not there and may
    /// be.
    pub(crate) fn open(path: Option<&PathBuf>, make: bool) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => path.clone(),
            None => home::config()?.join("proof-key"),
        };
        let fail = |error: std::io::Error| {
            Failure::from(error).context(format!("cannot use the signing key `{}`", path.display()))
        };
        if !path.exists() {
            if !make {
                return Err(
                    Failure::usage("no public key to verify with").fix("give it with --public-key")
                );
            }
            let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .map_err(|_| Failure::usage("this machine gives no random numbers"))?;
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(fail)?;
            }
            let opened =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let mut file = opened.map_err(fail)?;
            file.write_all(document.as_ref()).and_then(|()| file.sync_all()).map_err(fail)?;
        }
        let document = std::fs::read(&path).map_err(fail)?;
        Ed25519KeyPair::from_pkcs8(&document).map(Self).map_err(|_| {
            Failure::usage(format!("`{}` is no Ed25519 key in PKCS#8", path.display()))
        })
    }

    /// The public half.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// The envelope of a statement about a package.
    pub(crate) fn envelope(
        &self,
        name: Option<&str>,
        package: &[u8],
        kind: &str,
        predicate: &Value,
    ) -> String {
        let statement = json!({
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": digest(package)}}],
            "predicateType": kind,
            "predicate": predicate,
        });
        let payload = statement.to_string();
        let envelope = json!({
            "payloadType": PAYLOAD,
            "payload": STANDARD.encode(&payload),
            "signatures": [{
                "keyid": digest(&self.public()),
                "sig": STANDARD.encode(self.0.sign(&signed_over(payload.as_bytes()))),
            }],
        });
        format!("{envelope:#}\n")
    }
}

/// An envelope that was read, not trusted yet.
pub(crate) struct Envelope {
    payload: Vec<u8>,
    signature: Vec<u8>,
    place: String,
}

impl Envelope {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let place = path.display().to_string();
        let unreadable = |what: &str| Failure::usage(format!("`{place}` is no statement: {what}"));
        let envelope: Value =
            serde_json::from_slice(&read(path)?).map_err(|error| unreadable(&error.to_string()))?;
        let decoded = |pointer: &str| {
            let text = envelope.pointer(pointer).and_then(Value::as_str);
            text.and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| unreadable(pointer))
        };
        let (payload, signature) = (decoded("/payload")?, decoded("/signatures/0/sig")?);
        if envelope["payloadType"] != PAYLOAD {
            return Err(refused("its payload is of another type"));
        }
        Ok(Self { payload, signature, place })
    }

    /// Whether this key signed it.
    pub(crate) fn is_signed_by(&self, public: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, public)
            .verify(&signed_over(&self.payload), &self.signature)
            .is_ok()
    }

    /// The statement, if this key signed it, it is of this kind and about this package.
    pub(crate) fn open(&self, public: &[u8], kind: &str, package: &[u8]) -> Result<Value, Failure> {
        if !self.is_signed_by(public) {
            return Err(refused("the signature is not of this key"));
        }
        let payload: Value = serde_json::from_slice(&self.payload).map_err(|error| {
            Failure::usage(format!("`{}` is no statement: {error}", self.place))
        })?;
        if payload["_type"] != STATEMENT || payload["predicateType"] != kind {
            return Err(refused("it states something else"));
        }
        if payload["subject"][0]["digest"]["sha256"] != digest(package) {
            return Err(refused("it is about another package, or the package was changed"));
        }
        Ok(payload)
    }
}

/// A statement that does not hold.
pub(crate) fn refused(what: &str) -> Failure {
    Failure::refused(format!("the statement does not hold: {what}"))
}

/// A public key in base64.
pub(crate) fn public_key(text: &str) -> Result<Vec<u8>, Failure> {
    let key = STANDARD.decode(text.trim()).ok().filter(|key| key.len() == 32);
    key.ok_or_else(|| Failure::usage("the public key is not 32 bytes in base64"))
}

/// Reads a package or a statement.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let fail = |error: std::io::Error| {
        Failure::from(error).context(format!("cannot read `{}`", path.display()))
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    let size = file.take(MOST + 1).read_to_end(&mut bytes).map_err(fail)?;
    if size as u64 > MOST {
        let most = MOST >> 20;
        return Err(Failure::usage(format!("`{}` is larger than {most} MiB", path.display())));
    }
    Ok(bytes)
}

/// The SHA-256 of a file, in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What a DSSE signature is made over: type and payload, each with its length.
fn signed_over(payload: &[u8]) -> Vec<u8> {
    let mut over = format!("DSSEv1 {} {PAYLOAD} {} ", PAYLOAD.len(), payload.len()).into_bytes();
    over.extend_from_slice(payload);
    over
}
