//! `connref role`, and the giving of roles to users and teams.
use clap::{Args, Subcommand};
use connref_client::role::Role;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;

// Verbs of roles.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// List roles
    List,
    /// Show what a role grants, and how deep
    Show {
        /// Name, id or unique prefix
        role: String,
    },
    /// Make a role of its own
    Create {
        /// Name
        name: String,
        /// A privilege and its depth (user, business unit, parent-child, organization); several times
        #[arg(long = "grant", value_name = "PRIVILEGE=DEPTH", required = true)]
        grants: Vec<String>,
    },
    /// Delete a role nobody holds
    Delete {
        /// Name, id or unique prefix
        role: String,
    },
}

/// `user role` and `team role`.
#[derive(Debug, Subcommand)]
pub(crate) enum AssignCommand {
    /// Give a role
    Add(AssignArgs),
    /// Take a role away
    Remove(AssignArgs),
}

/// Who, and which role.
#[derive(Args, Debug)]
pub(crate) struct AssignArgs {
    /// Who holds it: name, id or unique prefix
    holder: String,
    /// Role: name, id or unique prefix
    role: String,
}

impl RoleCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List => list(context).await,
            Self::Show { role } => show(context, &role).await,
            Self::Create { name, grants } => {
                let client = context.client().await?;
                let id = client.role_create(&name, &grants.join(",")).await?;
                let made = json!({"id": id, "name": name, "grants": grants});
                context.output.done(&format!("role {name} created"), &made)?;
                Ok(Exit::Clean)
            }
            Self::Delete { role } => {
                let client = context.client().await?;
                let role = pick(client.roles().await?, &role)?;
                client.role_delete(&role).await?;
                context.output.done(&format!("role {} deleted", role.name), &row(&role))?;
                Ok(Exit::Clean)
            }
        }
    }
}

impl AssignCommand {
    /// Runs the verb for a user or a team.
    pub(crate) async fn run(self, context: &Context, team: bool) -> Outcome {
        let (args, given) = match self {
            Self::Add(args) => (args, true),
            Self::Remove(args) => (args, false),
        };
        let client = context.client().await?;
        let (id, name) = if team {
            let team = pick(client.teams().await?, &args.holder)?;
            (team.id, team.name)
        } else {
            let user = pick(client.users().await?, &args.holder)?;
            (user.id, user.name)
        };
        let role = pick(client.roles().await?, &args.role)?;
        client.role_assign(&role, &id, team, given).await?;
        let sentence = if given {
            format!("{name} is {} now", role.name)
        } else {
            format!("{name} is no longer {}", role.name)
        };
        let done = json!({"holder": name, "role": role.name, "given": given});
        context.output.done(&sentence, &done)?;
        Ok(Exit::Clean)
    }
}

async fn list(context: &Context) -> Outcome {
    let rows: Vec<_> = context.client().await?.roles().await?.iter().map(row).collect();
    const COLUMNS: &[(&str, &str)] = &[("ROLE", "name"), ("KIND", "kind"), ("ID", "id")];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

async fn show(context: &Context, wanted: &str) -> Outcome {
    let client = context.client().await?;
    let role = pick(client.roles().await?, wanted)?;
    let rows: Vec<_> = client
        .role_privileges(&role)
        .await?
        .into_iter()
        .map(|(privilege, mask)| {
            let depth = match mask {
                1 => "user",
                2 => "business unit",
                4 => "parent-child",
                8 => "organization",
                _ => "unknown",
            };
            json!({"privilege": privilege, "depth": depth})
        })
        .collect();
    const COLUMNS: &[(&str, &str)] = &[("PRIVILEGE", "privilege"), ("DEPTH", "depth")];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

fn row(role: &Role) -> Value {
    let kind = if role.managed { "built in" } else { "custom" };
    json!({"name": role.name, "id": role.id, "kind": kind})
}
