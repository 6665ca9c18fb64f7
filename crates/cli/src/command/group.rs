//! `connref group`
use clap::{Subcommand, ValueEnum};
use connref_client::tenant_group::Group;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;

// Verbs of groups.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group
    Create {
        /// Name
        name: String,
        /// It is an office group, not a security group
        #[arg(long)]
        office: bool,
        /// Object id, as the directory has it; else a new one
        #[arg(long, value_name = "GUID")]
        id: Option<String>,
    },
    /// List groups and their members
    List,
    /// Put people into a group
    Add {
        /// Name, id or unique prefix
        group: String,
        /// Names of people, as their users are called
        #[arg(required = true)]
        members: Vec<String>,
        /// As what
        #[arg(long, value_enum, default_value_t = Kind::Member)]
        kind: Kind,
    },
    /// Take people out of a group
    Remove {
        /// Name, id or unique prefix
        group: String,
        /// Names of people
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Delete a group no team stands for
    Delete {
        /// Name, id or unique prefix
        group: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// Member
    Member,
    /// Owner
    Owner,
    /// Guest
    Guest,
}

impl GroupCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create { name, office, id } => {
                let client = context.control().await?;
                let id = client.group_create(&name, office, id.as_deref()).await?;
                let made = json!({"id": id, "name": name});
                context.output.done(&format!("group {name} created"), &made)?;
                Ok(Exit::Clean)
            }
            Self::List => list(context).await,
            Self::Add { group, members, kind } => {
                let word = match kind {
                    Kind::Member => "member",
                    Kind::Owner => "owner",
                    Kind::Guest => "guest",
                };
                change(context, &group, &members, Some(word)).await
            }
            Self::Remove { group, members } => change(context, &group, &members, None).await,
            Self::Delete { group } => {
                let client = context.control().await?;
                let group = pick(client.groups().await?, &group)?;
                client.group_delete(&group).await?;
                context.output.done(&format!("group {} deleted", group.name), &row(&group))?;
                Ok(Exit::Clean)
            }
        }
    }
}

async fn change(context: &Context, group: &str, members: &[String], kind: Option<&str>) -> Outcome {
    let client = context.control().await?;
    let group = pick(client.groups().await?, group)?;
    for member in members {
        client.group_member_set(&group, member, kind).await?;
    }
    let way = if kind.is_some() { "put into" } else { "taken out of" };
    let sentence = format!("{} {way} group {}", members.join(", "), group.name);
    let done = json!({"group": group.name, "members": members, "as": kind});
    context.output.done(&sentence, &done)?;
    Ok(Exit::Clean)
}

async fn list(context: &Context) -> Outcome {
    let rows: Vec<_> = context.control().await?.groups().await?.iter().map(row).collect();
    const COLUMNS: &[(&str, &str)] =
        &[("GROUP", "name"), ("KIND", "kind"), ("MEMBERS", "members"), ("ID", "id")];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

fn row(group: &Group) -> Value {
    let members: Vec<String> = group
        .members
        .iter()
        .map(
            |(name, kind)| if kind == "member" { name.clone() } else { format!("{name} ({kind})") },
        )
        .collect();
    json!({"name": group.name, "id": group.id, "kind": group.kind, "members": members.join(", ")})
}
