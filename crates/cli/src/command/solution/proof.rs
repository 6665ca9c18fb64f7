//! `connref solution proof`
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use connref_client::solution::Proof;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::{clean, style};
use crate::statement::{Envelope, Signer, digest, public_key, read, refused};

/// Prove that a package holds no secret of the vault: search it, sign the result, verify it
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

/// What the statement says.
const PREDICATE: &str = "urn:connref:solution-proof:v1";

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
        let predicate = json!({
            "found": 0,
            "secretsSearched": proof.secrets,
            "secretsTooShort": proof.short,
            "forms": proof.forms,
        });
        let key = Signer::open(self.key.as_ref(), true)?;
        let envelope = key.envelope(name.as_deref(), file, PREDICATE, &predicate);
        let public = STANDARD.encode(key.public());
        let out = self.out.clone().unwrap_or_else(|| {
            let mut name = self.zip.clone().into_os_string();
            name.push(".proof.json");
            name.into()
        });
        if !context.globals.dry_run {
            std::fs::write(&out, envelope).map_err(|error| {
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
        let envelope = Envelope::read(statement)?;
        let public = match &self.public_key {
            Some(text) => public_key(text)?,
            None => Signer::open(self.key.as_ref(), false)?.public(),
        };
        let payload = envelope.open(&public, PREDICATE, file)?;
        if payload["predicate"]["found"] != 0 {
            return Err(refused("secrets were found"));
        }
        let count = &payload["predicate"]["secretsSearched"];
        let sentence = format!("the statement holds: none of {count} secrets is in the package");
        context.output.done(&sentence, &json!({"verified": true, "statement": payload}))?;
        Ok(Exit::Clean)
    }
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
