//! `connref facts`
use std::path::PathBuf;

use clap::Subcommand;
use connref_solution::artefact::facts_json::{FACTS_VERSION, facts_write};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::facts_file::facts;

// Verbs of facts.
#[derive(Debug, Subcommand)]
pub(crate) enum FactsCommand {
    /// Write the facts of an environment to a file: who owns and uses what, no credentials
    Export {
        /// File to write; else standard output
        #[arg(short, long, value_name = "PATH")]
        file: Option<PathBuf>,
        /// Replace the file
        #[arg(long)]
        overwrite: bool,
    },
    /// Show what facts hold, and what they could not see
    Show {
        /// Facts file instead of the environment
        #[arg(short, long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
}

impl FactsCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Export { file, overwrite } => export(context, file, overwrite).await,
            Self::Show { file } => show(context, file).await,
        }
    }
}

async fn export(context: &Context, file: Option<PathBuf>, overwrite: bool) -> Outcome {
    let facts = facts(context, None).await?;
    let text = facts_write(&facts);
    let Some(path) = file else {
        context.output.text(&text)?;
        return Ok(Exit::Clean);
    };
    let shown = path.display().to_string();
    if !overwrite && path.exists() {
        return Err(Failure::new(Exit::Conflict, anyhow::anyhow!("`{shown}` is there already"))
            .fix("add --overwrite"));
    }
    if !context.globals.dry_run {
        std::fs::write(&path, &text)
            .map_err(|error| Failure::from(error).context(format!("cannot write `{shown}`")))?;
    }
    let name = &facts.environment.name;
    let sentence = format!("facts of {name} written to {shown}");
    let item = json!({
        "environment": name, "path": shown, "bytes": text.len(), "schemaVersion": FACTS_VERSION,
    });
    context.output.done(&sentence, &item)?;
    Ok(Exit::Clean)
}

async fn show(context: &Context, file: Option<PathBuf>) -> Outcome {
    let facts = facts(context, file.as_deref()).await?;
    let taken = jiff::Timestamp::from_microsecond(facts.taken_at);
    let unknown: Vec<Value> = facts.unknown.iter().map(|area| area.words().into()).collect();
    let bound = facts.references.iter().filter(|r| r.connection.is_some()).count();
    context.output.one(&json!({
        "environment": facts.environment.name,
        "takenAt": taken.map(|t| t.to_string()).unwrap_or_default(),
        "version": facts.environment.version,
        "principals": facts.principals.len(),
        "connectors": facts.connectors.len(),
        "connections": facts.connections.len(),
        "references": facts.references.len(),
        "bound": bound,
        "flows": facts.flows.len(),
        "variables": facts.variables.len(),
        "solutions": facts.solutions.len(),
        "unknown": unknown,
    }))?;
    Ok(Exit::Clean)
}
