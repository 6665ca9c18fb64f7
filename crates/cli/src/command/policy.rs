//! `connref policy`
use std::path::PathBuf;

use clap::Subcommand;
use connref_client::tenant_policy::TenantPolicy;
use connref_solution::document::json::JsonDocument;
use serde_json::{Value, json};

use super::read_text;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package::chain;
use crate::pick::pick;
use crate::render::note;

// Verbs of policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Set a policy from a file; flows that break it are suspended at once
    Set {
        /// Name; a policy that has it already is replaced
        name: String,
        /// A data policy as the vendor's tools export it, or binding rules (JSON)
        #[arg(short, long, value_name = "PATH")]
        file: PathBuf,
    },
    /// List the policies of the tenant
    List,
    /// Show a policy
    Show {
        /// Name, id or unique prefix
        policy: String,
    },
    /// Delete a policy; flows it suspended stay so until they are turned on
    Delete {
        /// Name, id or unique prefix
        policy: String,
    },
}

impl PolicyCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.control().await?;
        match self {
            Self::Set { name, file } => {
                let document = document(&file)?;
                let (policy, suspended) = client.policy_set(&name, document).await?;
                for (environment, flow, why) in &suspended {
                    note(&format!("{environment}: flow {flow} suspended: {why}"));
                }
                let rows = suspended.iter().map(|(environment, flow, why)| {
                    json!({"environment": environment, "flow": flow, "why": why})
                });
                let item = json!({
                    "name": policy.name, "id": policy.id, "suspended": rows.collect::<Vec<_>>(),
                });
                let sentence =
                    format!("policy {} set, {} flows suspended", policy.name, suspended.len());
                context.output.done(&sentence, &item)?;
            }
            Self::List => {
                let rows: Vec<_> = client.policies().await?.iter().map(row).collect();
                if rows.is_empty() {
                    note("no policies; set one: connref policy set NAME --file POLICY.json");
                }
                const COLUMNS: &[(&str, &str)] =
                    &[("POLICY", "name"), ("HOLDS", "holds"), ("ID", "id")];
                context.output.list(COLUMNS, &rows)?;
            }
            Self::Show { policy } => {
                let policy = pick(client.policies().await?, &policy)?;
                context.output.one(&policy.document)?;
            }
            Self::Delete { policy } => {
                let policy = pick(client.policies().await?, &policy)?;
                client.policy_delete(&policy).await?;
                context.output.done(&format!("policy {} deleted", policy.name), &row(&policy))?;
            }
        }
        Ok(Exit::Clean)
    }
}

/// The file as an object: a list of policies goes into one.
fn document(file: &std::path::Path) -> Result<Value, Failure> {
    let text = read_text(file, "the policy")?;
    let document = JsonDocument::parse(text.as_bytes()).map_err(|error| {
        Failure::usage(format!("cannot read the policy {}: {}", file.display(), chain(&error)))
    })?;
    Ok(match document.value() {
        Value::Object(_) => document.value().clone(),
        other => json!({"policies": other}),
    })
}

fn row(policy: &TenantPolicy) -> Value {
    let environments = policy.document["environments"].as_array().map_or(0, Vec::len);
    let holds = match policy.document["environmentType"].as_str() {
        Some("OnlyEnvironments") => format!("in {environments} environments"),
        Some("ExceptEnvironments") => format!("in all but {environments} environments"),
        _ => "in the tenant".to_owned(),
    };
    json!({"name": policy.name, "id": policy.id, "holds": holds})
}
