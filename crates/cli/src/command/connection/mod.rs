//! `connref connection`
mod create;
mod proof;
mod reassign;
pub(crate) mod rotate;
mod sign_in;
mod update;

use clap::{Args, Subcommand, ValueEnum};
use connref_client::Client;
use connref_client::connection::Connection;
use connref_client::team::Team;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::note;

// Verbs of connections.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionCommand {
    /// Make a connection
    Create(Box<create::CreateArgs>),
    /// List connections
    List(ListArgs),
    /// Show a connection, who may use it, and what uses it
    Show(Which),
    /// Ask the target who the connection is there
    Test(Which),
    /// Change a connection; what is not given stays as it is
    Update(Box<update::UpdateArgs>),
    /// Sign in to a connection, for the first time or again
    SignIn(sign_in::SignInArgs),
    /// Rotate the credential: the new one is tested before it counts, the old one kept for a while
    Rotate(Box<rotate::RotateArgs>),
    /// Switch a connection off: nothing gets through it
    Disable(Which),
    /// Switch a connection on again
    Enable(Which),
    /// Let somebody else use a connection
    Share(ShareArgs),
    /// Give connections to another owner
    Reassign(reassign::ReassignArgs),
    /// Delete a connection
    Delete(DeleteArgs),
}

/// Which connection.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// Name, id or unique prefix
    #[arg(required_unless_present = "connection_id")]
    connection: Option<String>,
    /// Id, as an option
    #[arg(long, value_name = "ID", conflicts_with = "connection")]
    connection_id: Option<String>,
}

/// Arguments of `connection list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only connections of this connector
    #[arg(long, value_name = "CONNECTOR")]
    connector: Option<String>,
    /// Only connections of this owner
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
}

/// Arguments of `connection share`.
#[derive(Args, Debug)]
pub(crate) struct ShareArgs {
    #[command(flatten)]
    which: Which,
    /// User, service principal or team
    #[arg(long, value_name = "NAME", required_unless_present_any = ["with_group", "with_tenant"])]
    with: Option<String>,
    /// Group of the tenant, by object id or name
    #[arg(long, value_name = "GROUP", conflicts_with = "with")]
    with_group: Option<String>,
    /// Everybody in the tenant
    #[arg(long, conflicts_with_all = ["with", "with_group"])]
    with_tenant: bool,
    /// Until when; then it is as if never shared (2026-03-31T12:00:00Z)
    #[arg(long, value_name = "MOMENT", conflicts_with = "remove")]
    until: Option<String>,
    /// What it may do with the connection
    #[arg(long, value_enum, default_value_t = Level::Use)]
    level: Level,
    /// Take the share back
    #[arg(long)]
    remove: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// Use it
    #[value(alias = "CanView")]
    Use,
    /// Use it, and share it with others
    #[value(alias = "CanViewWithShare")]
    UseAndShare,
    /// Change it
    #[value(alias = "CanEdit")]
    Edit,
}

/// Arguments of `connection delete`.
#[derive(Args, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    which: Which,
    /// Also when references and flows use it
    #[arg(long)]
    force: bool,
}

impl Which {
    async fn find(&self, client: &Client) -> Result<Connection, Failure> {
        let wanted = self.connection.as_deref().or(self.connection_id.as_deref());
        pick(client.connections().await?, wanted.unwrap_or_default())
    }
}

impl ConnectionCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Show(which) => show(context, &which).await,
            Self::Test(which) => test(context, &which).await,
            Self::Update(args) => args.run(context).await,
            Self::SignIn(args) => args.run(context).await,
            Self::Rotate(args) => args.run(context).await,
            Self::Disable(which) => switch(context, &which, false).await,
            Self::Enable(which) => switch(context, &which, true).await,
            Self::Share(args) => args.run(context).await,
            Self::Reassign(args) => args.run(context).await,
            Self::Delete(args) => {
                let client = context.client().await?;
                let connection = args.which.find(&client).await?;
                client.connection_delete(&connection, args.force).await?;
                let sentence = format!("connection {} deleted", connection.display_name);
                context.output.done(&sentence, &row(&connection))?;
                Ok(Exit::Clean)
            }
        }
    }
}

impl ListArgs {
    async fn run(self, context: &Context) -> Outcome {
        let all = context.client().await?.connections().await?;
        let wanted = |one: &&Connection| {
            let connector = self.connector.as_ref();
            let owner = self.owner.as_ref();
            connector.is_none_or(|name| one.connector.eq_ignore_ascii_case(name))
                && owner.is_none_or(|name| one.owner.eq_ignore_ascii_case(name))
        };
        let rows: Vec<_> = all.iter().filter(wanted).map(row).collect();
        const COLUMNS: &[(&str, &str)] = &[
            ("CONNECTION", "name"),
            ("ID", "id"),
            ("CONNECTOR", "connector"),
            ("OWNER", "owner"),
            ("KIND", "kind"),
            ("STATUS", "status"),
        ];
        if rows.is_empty() {
            note("no connections; make one: connref connection create CONNECTOR --name NAME");
        }
        context.output.list(COLUMNS, &rows)?;
        Ok(Exit::Clean)
    }
}

async fn show(context: &Context, which: &Which) -> Outcome {
    let client = context.client().await?;
    let connection = which.find(&client).await?;
    let permissions = client.connection_permissions(&connection).await?;
    let references = client.references().await?;
    let mut shown = row(&connection);
    shown["sharedWith"] = permissions
        .iter()
        .map(|one| {
            let who = if one.principal.is_empty() { &one.principal_id } else { &one.principal };
            format!("{who} ({})", one.level)
        })
        .collect();
    shown["references"] = references
        .iter()
        .filter(|one| one.connection.as_deref() == Some(connection.id.as_str()))
        .map(|one| one.logical_name.clone())
        .collect();
    context.output.one(&shown)?;
    Ok(Exit::Clean)
}

async fn switch(context: &Context, which: &Which, on: bool) -> Outcome {
    let client = context.client().await?;
    let connection = client.connection_switch(&which.find(&client).await?, on).await?;
    let word = if on { "enabled" } else { "disabled" };
    let sentence = format!("connection {} {word}", connection.display_name);
    context.output.done(&sentence, &row(&connection))?;
    Ok(Exit::Clean)
}

async fn test(context: &Context, which: &Which) -> Outcome {
    let client = context.client().await?;
    let connection = which.find(&client).await?;
    let tested = client.connection_test(&connection).await?;
    context.output.one(&json!({
        "connection": connection.display_name,
        "id": connection.id,
        "result": if tested.ok { "ok" } else { "failed" },
        "identity": tested.identity,
        "target": tested.target,
        "detail": tested.detail,
        "error": tested.error,
    }))?;
    Ok(if tested.ok { Exit::Clean } else { Exit::Findings })
}

impl ShareArgs {
    async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let connection = self.which.find(&client).await?;
        let (id, name, kind) = self.receiver(&client).await?;
        let level = match self.level {
            Level::Use => "CanView",
            Level::UseAndShare => "CanViewWithShare",
            Level::Edit => "CanEdit",
        };
        let put = (!self.remove).then_some(level);
        let until = self.until.as_deref();
        client.connection_share(&connection, &id, kind, put, until).await?;
        let sentence = if self.remove {
            format!("connection {} no longer shared with {name}", connection.display_name)
        } else {
            format!("connection {} shared with {name} ({level})", connection.display_name)
        };
        let item = json!({
            "id": connection.id, "connection": connection.display_name,
            "principal": name, "level": put, "until": until,
        });
        context.output.done(&sentence, &item)?;
        Ok(Exit::Clean)
    }
}

impl ShareArgs {
    /// Id, name and kind of whoever it is shared with.
    async fn receiver(&self, client: &Client) -> Result<(String, String, &'static str), Failure> {
        if self.with_tenant {
            return Ok(("tenant".to_owned(), "everybody in the tenant".to_owned(), "Tenant"));
        }
        if let Some(group) = &self.with_group {
            return Ok((group.clone(), group.clone(), "Group"));
        }
        let wanted = self.with.as_deref().unwrap_or_default();
        let teams = client.teams().await?;
        let means = |team: &&Team| {
            team.name.eq_ignore_ascii_case(wanted) || team.id.eq_ignore_ascii_case(wanted)
        };
        if let Some(team) = teams.iter().find(means) {
            return Ok((team.id.clone(), team.name.clone(), "Group"));
        }
        let user = pick(client.users().await?, wanted)?;
        let kind = user.principal_type();
        Ok((user.id, user.name, kind))
    }
}

/// A connection as it is shown.
fn row(one: &Connection) -> Value {
    json!({
        "name": one.display_name,
        "id": one.id,
        "connector": one.connector,
        "owner": one.owner,
        "kind": one.kind,
        "status": one.status,
        "cause": one.cause,
        "endpoint": one.endpoint,
        "account": one.account,
        "createdOn": one.created_on,
        "lastUsed": one.last_used,
        "credentialEnds": one.credential_ends,
        "previousUntil": one.previous_until,
        "testedOn": one.tested.as_ref().map(|(on, _, _)| on),
        "testedAs": one.tested.as_ref().and_then(|(_, identity, _)| identity.as_ref()),
        "testedTarget": one.tested.as_ref().map(|(_, _, target)| target),
    })
}
