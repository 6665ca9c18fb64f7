//! `connref solution proof`
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use connref_client::solution::Proof;
use connref_store::source::hex;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::home;
use crate::render::{clean, style};

/// Arguments of `solution proof`.
#[derive(Args, Debug)]
pub(crate) struct ProofArgs {
    /// Solution zip
    #[arg(value_name = "ZIP")]
    zip: PathBuf,
    /// Verify this statement against the zip instead of making one
    #[arg(long, value_name = "STATEMENT")]
    verify: Option<PathBuf>,
    /// File to write; else ZIP.proof.json
    #[arg(long, value_name = "PATH", conflicts_with = "verify")]
    out: Option<PathBuf>,
    /// Key that signs, made if it is not there; else `proof-key` beside the key file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Public key of the signer in base64, to verify with; else that of the own key
    #[arg(long, value_name = "BASE64", requires = "verify")]
    public_key: Option<String>,
}

/// What the statement is, for those who read in-toto statements.
const PAYLOAD: &str = "application/vnd.in-toto+json";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "urn:connref:solution-proof:v1";
/// Packages and statements are not larger.
const MOST: u64 = 512 << 20;

impl ProofArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let file = read(&self.zip)?;
        match &self.verify {
            Some(statement) => self.verify(context, &file, statement),
            None => self.prove(context, &file).await,
        }
    }

    async fn prove(&self, context: &Context, file: &[u8]) -> Outcome {
        let proof = context.client().await?.solution_proof(file).await?;
        if !proof.found.is_empty() {
            return found(context, &proof);
        }
        let name = self.zip.file_name().map(|name| name.to_string_lossy().into_owned());
        let statement = json!({
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": digest(file)}}],
            "predicateType": PREDICATE,
            "predicate": {
                "found": 0,
                "secretsSearched": proof.secrets,
                "secretsTooShort": proof.short,
                "forms": proof.forms,
            },
        });
        let key = self.signer()?;
        let payload = statement.to_string();
        let envelope = json!({
            "payloadType": PAYLOAD,
            "payload": STANDARD.encode(&payload),
            "signatures": [{
                "keyid": digest(key.public_key().as_ref()),
                "sig": STANDARD.encode(key.sign(&signed_over(payload.as_bytes()))),
            }],
        });
        let public = STANDARD.encode(key.public_key());
        let out = self.out.clone().unwrap_or_else(|| {
            let mut name = self.zip.clone().into_os_string();
            name.push(".proof.json");
            name.into()
        });
        if !context.globals.dry_run {
            std::fs::write(&out, format!("{envelope:#}\n")).map_err(|error| {
                Failure::from(error).context(format!("cannot write `{}`", out.display()))
            })?;
        }
        let sentence = format!(
            "none of {} secrets is in {} ({} too short to search for); statement in {}, public key {public}",
            proof.secrets,
            self.zip.display(),
            proof.short,
            out.display()
        );
        let item = json!({
            "found": [], "secretsSearched": proof.secrets, "secretsTooShort": proof.short,
            "statement": out.display().to_string(), "publicKey": public, "sha256": digest(file),
        });
        context.output.done(&sentence, &item)?;
        Ok(Exit::Clean)
    }

    fn verify(&self, context: &Context, file: &[u8], statement: &Path) -> Outcome {
        let bytes = read(statement)?;
        let unreadable = |what: &str| {
            Failure::usage(format!("`{}` is no statement: {what}", statement.display()))
        };
        let envelope: Value =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(&error.to_string()))?;
        let decoded = |pointer: &str| {
            let text = envelope.pointer(pointer).and_then(Value::as_str);
            text.and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| unreadable(pointer))
        };
        let (payload, signature) = (decoded("/payload")?, decoded("/signatures/0/sig")?);
        let public = match &self.public_key {
            Some(text) => STANDARD
                .decode(text.trim())
                .map_err(|_| Failure::usage("the public key is not base64"))?,
            None => self.signer()?.public_key().as_ref().to_vec(),
        };
        let refused = |what: &str| Failure::refused(format!("the statement does not hold: {what}"));
        if envelope["payloadType"] != PAYLOAD {
            return Err(refused("its payload is of another type"));
        }
        UnparsedPublicKey::new(&ED25519, &public)
            .verify(&signed_over(&payload), &signature)
            .map_err(|_| refused("the signature is not of this key"))?;
        let payload: Value =
            serde_json::from_slice(&payload).map_err(|error| unreadable(&error.to_string()))?;
        if payload["_type"] != STATEMENT || payload["predicateType"] != PREDICATE {
            return Err(refused("it states something else"));
        }
        if payload["subject"][0]["digest"]["sha256"] != digest(file) {
            return Err(refused("it is about another package, or the package was changed"));
        }
        if payload["predicate"]["found"] != 0 {
            return Err(refused("secrets were found"));
        }
        let count = &payload["predicate"]["secretsSearched"];
        let sentence = format!("the statement holds: none of {count} secrets is in the package");
        context.output.done(&sentence, &json!({"verified": true, "statement": payload}))?;
        Ok(Exit::Clean)
    }

    /// The key that signs, made if it is not there.
    fn signer(&self) -> Result<Ed25519KeyPair, Failure> {
        let path = match &self.key {
            Some(path) => path.clone(),
            None => home::config()?.join("proof-key"),
        };
        let fail = |error: std::io::Error| {
            Failure::from(error).context(format!("cannot use the signing key `{}`", path.display()))
        };
        if !path.exists() {
            if self.verify.is_some() {
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
        Ed25519KeyPair::from_pkcs8(&document).map_err(|_| {
            Failure::usage(format!("`{}` is no Ed25519 key in PKCS#8", path.display()))
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
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

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What a DSSE signature is made over: type and payload, each with its length.
fn signed_over(payload: &[u8]) -> Vec<u8> {
    let mut over = format!("DSSEv1 {} {PAYLOAD} {} ", PAYLOAD.len(), payload.len()).into_bytes();
    over.extend_from_slice(payload);
    over
}

fn found(context: &Context, proof: &Proof) -> Outcome {
    let rows: Vec<Value> = proof
        .found
        .iter()
        .map(|one| {
            json!({
                "place": one.place, "form": one.form,
                "connection": one.connection, "field": one.field,
            })
        })
        .collect();
    if context.output.is_table() {
        let mut text =
            format!("{} the package holds secrets; no statement is made\n", style::bad("✕"));
        for one in &proof.found {
            let line = format!(
                "{}: {} of connection {} ({})",
                one.place, one.field, one.connection, one.form
            );
            text += &format!("  {} {}\n", style::bad("✕"), clean(&line));
        }
        context.output.text(&text)?;
    } else {
        context.output.one(&json!({"found": rows, "secretsSearched": proof.secrets}))?;
    }
    Ok(Exit::Findings)
}
