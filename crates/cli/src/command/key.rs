//! `connref key`
use clap::Subcommand;
use connref_client::key::{KeyChange, KeyVersion};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::render::{note, warning};

// Verbs of the key.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// The versions of the key: provider, fingerprint, age, and how many secrets each protects
    Status,
    /// Make a new version and bring every secret under it, while the system runs
    ///
    /// A change that was interrupted goes on where it stopped.
    Rotate,
    /// Move the key to another provider, with a new version, while the system runs
    Move {
        /// file:/path, passphrase:, transit:https://HOST/MOUNT/NAME or azure:https://HOST/keys/NAME
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
}

impl KeyCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Status => status(context).await,
            Self::Rotate => {
                let begun = context.control().await?.key_rotate().await?;
                carry(context, begun).await
            }
            Self::Move { to } => {
                let begun = context.control().await?.key_move(&to).await?;
                carry(context, begun).await
            }
        }
    }
}

async fn status(context: &Context) -> Outcome {
    let found = context.control().await?.key_status().await?;
    let rows: Vec<_> = found.versions.iter().map(row).collect();
    const COLUMNS: &[(&str, &str)] = &[
        ("VERSION", "version"),
        ("STATE", "state"),
        ("PROVIDER", "provider"),
        ("PLACE", "place"),
        ("FINGERPRINT", "fingerprint"),
        ("CREATED", "created"),
        ("SECRETS", "records"),
    ];
    context.output.list(COLUMNS, &rows)?;
    if let Some(change) = found.change {
        match (&change.ended, change.unreadable) {
            (None, _) => note(&format!(
                "a change to version {} is under way: {} of {}; it goes on in the server, or with: \
                 connref key rotate",
                change.version, change.done, change.total
            )),
            (Some(_), 1..) => warning(&unreadable(&change)),
            _ => {}
        }
    }
    Ok(Exit::Clean)
}

fn row(version: &KeyVersion) -> Value {
    json!({
        "version": version.version,
        "state": if version.newest { "newest" } else { "old" },
        "provider": version.provider,
        "place": version.place,
        "fingerprint": version.fingerprint,
        "created": version.created,
        "records": version.records,
    })
}

/// Goes on until the change is over.
async fn carry(context: &Context, begun: KeyChange) -> Outcome {
    let client = context.control().await?;
    let mut change = begun;
    while change.ended.is_none() {
        change = client.key_continue().await?;
    }
    let sentence = format!(
        "version {} of the key, at {}, protects every secret ({} moved)",
        change.version, change.place, change.done
    );
    let item = json!({
        "kind": change.kind,
        "version": change.version,
        "place": change.place,
        "total": change.total,
        "done": change.done,
        "unreadable": change.unreadable,
        "started": change.started,
        "ended": change.ended,
    });
    if change.unreadable > 0 {
        context
            .output
            .done(&format!("version {} of the key protects what opens", change.version), &item)?;
        warning(&unreadable(&change));
        return Ok(Exit::Partial);
    }
    context.output.done(&sentence, &item)?;
    if change.kind == "move" {
        note(
            "the key it was at before is not needed any more; remove it when your backups are under the new one",
        );
    }
    Ok(Exit::Clean)
}

fn unreadable(change: &KeyChange) -> String {
    format!(
        "{} secrets do not open and stay under an older version, which is kept for them; give their \
         connections their credentials again, then: connref key rotate",
        change.unreadable
    )
}
