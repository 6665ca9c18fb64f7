//! `connref team`
use clap::{Args, Subcommand, ValueEnum};
use connref_client::team::Team;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;

// Verbs of teams.
#[derive(Debug, Subcommand)]
pub(crate) enum TeamCommand {
    /// Make a team
    Create(CreateArgs),
    /// List teams
    List,
    /// Show a team and who is in it
    Show {
        /// Name, id or unique prefix
        team: String,
    },
    /// Add users to a team
    Add(MemberArgs),
    /// Take users out of a team
    Remove(MemberArgs),
    /// Give a team a role, or take it away
    #[command(subcommand)]
    Role(super::role::AssignCommand),
    /// Delete a team that owns nothing
    Delete {
        /// Name, id or unique prefix
        team: String,
    },
}

/// Arguments of `team create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Name
    name: String,
    /// Kind
    #[arg(long, value_enum, default_value_t = Kind::Owner)]
    kind: Kind,
    /// Group of the tenant whose team it is: its object id, or a local group's name
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Id of its business unit; else the root
    #[arg(long, value_name = "ID")]
    business_unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Owns rows and holds roles
    Owner,
    /// Rows are shared with it
    Access,
    /// The members of a security group
    SecurityGroup,
    /// The members of an office group
    OfficeGroup,
}

/// Arguments of `team add` and `team remove`.
#[derive(Args, Debug)]
pub(crate) struct MemberArgs {
    /// Name, id or unique prefix
    team: String,
    /// Users: name, id or unique prefix
    #[arg(required = true)]
    users: Vec<String>,
}

impl TeamCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create(args) => args.run(context).await,
            Self::List => list(context).await,
            Self::Show { team } => show(context, &team).await,
            Self::Add(args) => args.run(context, true).await,
            Self::Remove(args) => args.run(context, false).await,
            Self::Role(command) => command.run(context, true).await,
            Self::Delete { team } => {
                let client = context.client().await?;
                let team = pick(client.teams().await?, &team)?;
                client.team_delete(&team).await?;
                context.output.done(&format!("team {} deleted", team.name), &row(&team))?;
                Ok(Exit::Clean)
            }
        }
    }
}

impl CreateArgs {
    async fn run(self, context: &Context) -> Outcome {
        let of_group = matches!(self.kind, Kind::SecurityGroup | Kind::OfficeGroup);
        if of_group != self.group.is_some() {
            return Err(Failure::usage(
                "the team of a group names its group, and no other team does",
            )
            .fix("--kind security-group --group GROUP"));
        }
        let group = match &self.group {
            // A local group has a name; a directory's is known by its id.
            Some(wanted) if !connref_solution::model::id::is_guid(wanted) => {
                Some(pick(context.control().await?.groups().await?, wanted)?.id)
            }
            other => other.clone(),
        };
        let client = context.client().await?;
        let unit = self.business_unit.as_deref();
        let id = client.team_create(&self.name, self.kind as u8, group.as_deref(), unit).await?;
        let made = json!({"id": id, "name": self.name, "group": group});
        context.output.done(&format!("team {} created", self.name), &made)?;
        Ok(Exit::Clean)
    }
}

impl MemberArgs {
    async fn run(self, context: &Context, inside: bool) -> Outcome {
        let client = context.client().await?;
        let team = pick(client.teams().await?, &self.team)?;
        let all = client.users().await?;
        // All are known before the first is changed.
        let users = self
            .users
            .iter()
            .map(|wanted| pick(all.clone(), wanted))
            .collect::<Result<Vec<_>, _>>()?;
        for user in &users {
            client.team_member_set(&team, &user.id, inside).await?;
        }
        let names: Vec<_> = users.iter().map(|user| user.name.clone()).collect();
        let (verb, way) = if inside { ("added", "to") } else { ("taken", "out of") };
        let sentence = format!("{} {verb} {way} team {}", names.join(", "), team.name);
        context.output.done(&sentence, &json!({"team": team.name, "users": names}))?;
        Ok(Exit::Clean)
    }
}

async fn list(context: &Context) -> Outcome {
    let rows: Vec<_> = context.client().await?.teams().await?.iter().map(row).collect();
    const COLUMNS: &[(&str, &str)] = &[
        ("TEAM", "name"),
        ("KIND", "kind"),
        ("BUSINESS UNIT", "businessUnit"),
        ("GROUP", "group"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

async fn show(context: &Context, wanted: &str) -> Outcome {
    let client = context.client().await?;
    let team = pick(client.teams().await?, wanted)?;
    let (users, members) = (client.users().await?, client.team_members(&team).await?);
    let mut shown = row(&team);
    shown["members"] = users
        .iter()
        .filter(|user| members.contains(&user.id))
        .map(|user| user.name.clone())
        .collect();
    context.output.one(&shown)?;
    Ok(Exit::Clean)
}

fn row(team: &Team) -> Value {
    json!({
        "name": team.name,
        "id": team.id,
        "kind": team.kind,
        "businessUnit": team.business_unit,
        "group": team.group,
    })
}
