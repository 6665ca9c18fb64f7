//! `connref solution`
pub(crate) mod check;
pub(crate) mod create_settings;
mod diff;
mod export;
mod graph;
mod import;
mod inspect;
mod kit;
mod migrate;
mod pack;
mod plan;
mod planned;
mod proof;
mod record;
mod runbook;
pub(crate) mod verify;

pub(crate) use import::{BUSY, activate};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::note;

// Verbs of solutions.
#[derive(Debug, Subcommand)]
// Each verb is made when it is called for, or every command would wait for all of them. What a verb does
// stands twice where it has arguments of its own: here for the list, there for its own help.
#[command(defer = true)]
pub(crate) enum SolutionCommand {
    /// Make an unmanaged solution
    Create(CreateArgs),
    /// Check solutions before they are deployed; offline
    Check(check::CheckArgs),
    /// Show what solution files hold; offline
    Inspect(inspect::InspectArgs),
    /// Write a deployment settings file for a solution; offline
    CreateSettings(create_settings::CreateSettingsArgs),
    /// Compare two versions: what an upgrade adds, changes, removes and needs; offline
    Diff(diff::DiffArgs),
    /// Draw flows, references and connectors; offline
    Graph(graph::GraphArgs),
    /// Give hard-coded connections references; a flow package becomes a solution; offline
    Migrate(migrate::MigrateArgs),
    /// Write what a deployment takes, to read and tick off: bindings, variables, order; offline
    Runbook(runbook::RunbookArgs),
    /// Pack what a customer gets: package, settings file to fill in, runbook, checks; offline
    Kit(kit::KitArgs),
    /// Make a zip of an unpacked solution; the same files give the same bytes; offline
    Pack(pack::PackArgs),
    /// Write the parts of a zip as files; offline
    Unpack(pack::UnpackArgs),
    /// Tell exactly what an import would do, as this caller, here or by a facts file; 4 if it would be refused
    Plan(plan::PlanArgs),
    /// Import a solution, bind its references and tell which flows stay off, and why
    Import(import::ImportArgs),
    /// The gate after a deployment and before a release: whether a solution can work as it is meant
    /// to; 1 if not, or if not all of it could be seen
    Verify(verify::VerifyArgs),
    /// Export a solution; no connection and no secret travels in it
    Export(export::ExportArgs),
    /// Prove that a package holds no secret of the vault: search it, sign the result, verify it
    Proof(proof::ProofArgs),
    /// Put the holding solution in the place of the installed one; what it lacks goes
    Upgrade {
        /// Unique name of the installed solution
        #[arg(value_name = "SOLUTION")]
        name: String,
    },
    /// List solutions
    List,
    /// Delete a solution
    Delete {
        /// Unique name, id or unique prefix
        solution: String,
    },
}

/// Make an unmanaged solution
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Unique name: letters, digits and underscores
    name: String,
    /// Unique name of its publisher, who is made if not there
    #[arg(long, value_name = "NAME")]
    publisher: String,
    /// Prefix of a publisher to be made (contoso)
    #[arg(long)]
    prefix: Option<String>,
    /// Display name; else the unique name
    #[arg(long)]
    display_name: Option<String>,
    /// Version
    #[arg(long, default_value = "1.0.0.0", value_name = "VERSION")]
    version: String,
}

/// Adds the arguments of a verb.
type Augment = fn(clap::Command) -> clap::Command;

/// Verbs that read files and are done, with what adds their arguments.
const ALONE: [(&str, Augment); 6] = [
    ("check", check::CheckArgs::augment_args),
    ("inspect", inspect::InspectArgs::augment_args),
    ("create-settings", create_settings::CreateSettingsArgs::augment_args),
    ("diff", diff::DiffArgs::augment_args),
    ("graph", graph::GraphArgs::augment_args),
    ("runbook", runbook::RunbookArgs::augment_args),
];

impl SolutionCommand {
    /// A verb by itself, of those that read files and are done.
    pub(super) fn alone(verb: &str) -> Option<clap::Command> {
        let (verb, augment) = ALONE.iter().find(|(name, _)| *name == verb)?;
        Some(augment(clap::Command::new(*verb)))
    }

    /// Whether it works on files alone.
    pub(super) fn is_offline(&self) -> bool {
        if let Self::Plan(args) = self {
            return args.is_offline();
        }
        !matches!(
            self,
            Self::Create(_)
                | Self::Import(_)
                | Self::Verify(_)
                | Self::Export(_)
                | Self::Proof(_)
                | Self::Upgrade { .. }
                | Self::List
                | Self::Delete { .. }
        )
    }

    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create(args) => args.run(context).await,
            Self::Check(args) => args.run(context),
            Self::Inspect(args) => args.run(context),
            Self::Diff(args) => args.run(context),
            Self::Graph(args) => args.run(context),
            Self::Migrate(args) => args.run(context),
            Self::Runbook(args) => args.run(context),
            Self::Kit(args) => args.run(context),
            Self::Pack(args) => args.run(context),
            Self::Unpack(args) => args.run(context),
            Self::CreateSettings(args) => args.run(context),
            Self::Plan(args) => args.run(context).await,
            Self::Import(args) => args.run(context).await,
            Self::Verify(args) => args.run(context).await,
            Self::Export(args) => args.run(context).await,
            Self::Proof(args) => args.run(context).await,
            Self::Upgrade { name } => {
                context.client().await?.solution_promote(&name).await?;
                context
                    .output
                    .done(&format!("solution {name} upgraded"), &json!({"uniqueName": name}))?;
                Ok(Exit::Clean)
            }
            Self::List => list(context).await,
            Self::Delete { solution } => {
                let client = context.client().await?;
                let one = pick(client.solutions().await?, &solution)?;
                client.solution_delete(&one).await?;
                let item = json!({"uniqueName": one.unique_name, "id": one.id});
                context.output.done(&format!("solution {} deleted", one.unique_name), &item)?;
                Ok(Exit::Clean)
            }
        }
    }
}

impl CreateArgs {
    async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let publisher = match (client.publisher(&self.publisher).await?, &self.prefix) {
            (Some(found), Some(prefix)) if !found.prefix.eq_ignore_ascii_case(prefix) => {
                return Err(Failure::refused(format!(
                    "publisher `{}` has the prefix `{}`, not `{prefix}`",
                    self.publisher, found.prefix
                )));
            }
            (Some(found), _) => found.id,
            (None, Some(prefix)) => {
                let number = option_value_prefix(prefix);
                client.publisher_create(&self.publisher, prefix, number).await?
            }
            (None, None) => {
                return Err(Failure::missing(format!(
                    "publisher `{}` does not exist",
                    self.publisher
                ))
                .fix("add --prefix PREFIX to make it"));
            }
        };
        let display_name = self.display_name.as_deref().unwrap_or(&self.name);
        let id =
            client.solution_create(&self.name, display_name, &self.version, &publisher).await?;
        let item = json!({
            "uniqueName": self.name, "id": id, "version": self.version,
            "publisher": self.publisher, "publisherId": publisher,
        });
        context.output.done(&format!("solution {} created", self.name), &item)?;
        Ok(Exit::Clean)
    }
}

/// A number from 10000 to 99999 that is the same for the same prefix everywhere.
fn option_value_prefix(prefix: &str) -> u32 {
    let sum = prefix.bytes().fold(17_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte.to_ascii_lowercase()))
    });
    10_000 + sum % 90_000
}

async fn list(context: &Context) -> Outcome {
    let rows: Vec<_> = context
        .client()
        .await?
        .solutions()
        .await?
        .iter()
        .map(|one| {
            json!({
                "uniqueName": one.unique_name,
                "displayName": one.display_name,
                "id": one.id,
                "version": one.version,
                "managed": one.managed,
                "installedOn": one.installed_on,
            })
        })
        .collect();
    if rows.is_empty() {
        note("no solutions; import one: connref solution import --path ZIP");
    }
    const COLUMNS: &[(&str, &str)] = &[
        ("SOLUTION", "uniqueName"),
        ("NAME", "displayName"),
        ("VERSION", "version"),
        ("MANAGED", "managed"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

#[cfg(test)]
mod tests;
