//! `connref flow`
mod create;
mod run;
mod why;

pub(crate) use why::reason;

use clap::{Args, Subcommand, ValueEnum};
use connref_client::flow::Flow;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::note;

// Verbs of flows.
#[derive(Debug, Subcommand)]
pub(crate) enum FlowCommand {
    /// Make a flow from its definition; it is off
    Create(create::CreateArgs),
    /// List flows
    List,
    /// Show a flow and what it acts through
    Show(Which),
    /// Turn a flow on
    On(Which),
    /// Turn a flow off
    Off(Which),
    /// Run a flow by hand, wait, and show who acted
    Run(run::RunArgs),
    /// Why is this flow off, or would not turn on for me?
    Why(Which),
    /// Let somebody else run or edit a flow
    Share(ShareArgs),
    /// Give a flow to another owner
    Reassign {
        #[command(flatten)]
        which: Which,
        /// User or service principal that owns it from now on
        #[arg(long, value_name = "NAME")]
        to: String,
    },
    /// Delete a flow
    Delete(Which),
}

/// Which flow.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// Name, id or unique prefix
    flow: String,
}

/// Arguments of `flow share`.
#[derive(Args, Debug)]
pub(crate) struct ShareArgs {
    #[command(flatten)]
    which: Which,
    /// User or service principal
    #[arg(long, value_name = "NAME")]
    with: String,
    /// Run it, or own it together
    #[arg(long, value_enum, default_value_t = Level::Run)]
    level: Level,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// Run only
    Run,
    /// Co-owner
    Edit,
}

impl FlowCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create(args) => args.run(context).await,
            Self::List => list(context).await,
            Self::Show(which) => {
                let flow = which.find(context).await?;
                let mut shown = row(&flow);
                shown["connections"] = connections(&flow);
                context.output.one(&shown)?;
                Ok(Exit::Clean)
            }
            Self::On(which) => turn(context, &which, true).await,
            Self::Off(which) => turn(context, &which, false).await,
            Self::Run(args) => args.run(context).await,
            Self::Why(which) => why::run(context, &which).await,
            Self::Share(args) => args.run(context).await,
            Self::Reassign { which, to } => {
                let flow = which.find(context).await?;
                let client = context.client().await?;
                let owner = pick(client.users().await?, &to)?;
                client.flow_reassign(&flow, &owner).await?;
                let sentence = format!("flow {} belongs to {} now", flow.name, owner.name);
                let item = json!({"id": flow.id, "flow": flow.name, "owner": owner.name});
                context.output.done(&sentence, &item)?;
                Ok(Exit::Clean)
            }
            Self::Delete(which) => {
                let flow = which.find(context).await?;
                context.client().await?.flow_delete(&flow).await?;
                context.output.done(&format!("flow {} deleted", flow.name), &row(&flow))?;
                Ok(Exit::Clean)
            }
        }
    }
}

impl Which {
    async fn find(&self, context: &Context) -> Result<Flow, Failure> {
        pick(context.client().await?.flows().await?, &self.flow)
    }
}

async fn list(context: &Context) -> Outcome {
    let rows: Vec<_> = context.client().await?.flows().await?.iter().map(row).collect();
    if rows.is_empty() {
        note("no flows; they come with a solution: connref solution import --path ZIP");
    }
    const COLUMNS: &[(&str, &str)] =
        &[("FLOW", "name"), ("ID", "id"), ("OWNER", "owner"), ("STATE", "state")];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

async fn turn(context: &Context, which: &Which, on: bool) -> Outcome {
    let client = context.client().await?;
    let flow = pick(client.flows().await?, &which.flow)?;
    if let Err(error) = client.flow_turn(&flow, on).await {
        let helps = on && error.status().is_some() && error.fix().is_none();
        let failure = Failure::from(error);
        return Err(if helps {
            failure.fix(format!("connref flow why {}", quoted(&flow.name)))
        } else {
            failure
        });
    }
    let word = if on { "on" } else { "off" };
    let mut item = row(&flow);
    item["state"] = word.into();
    context.output.done(&format!("flow {} is {word}", flow.name), &item)?;
    if on && !context.is_remote() {
        note("its schedule and events are served while a server runs: connref server run");
    }
    Ok(Exit::Clean)
}

impl ShareArgs {
    async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let flow = pick(client.flows().await?, &self.which.flow)?;
        let user = pick(client.users().await?, &self.with)?;
        let (level, words) = match self.level {
            Level::Run => ("run", "may run"),
            Level::Edit => ("edit", "now owns, too,"),
        };
        client.flow_share(&flow, &user.name, level).await?;
        let item = json!({
            "flow": flow.name, "id": flow.id, "principal": user.name, "level": level,
        });
        context.output.done(&format!("{} {words} flow {}", user.name, flow.name), &item)?;
        Ok(Exit::Clean)
    }
}

/// A flow as it is shown.
fn row(flow: &Flow) -> Value {
    json!({
        "name": flow.name,
        "id": flow.id,
        "owner": flow.owner,
        "managed": flow.managed,
        "trigger": flow.trigger(),
        "state": flow.state,
    })
}

fn connections(flow: &Flow) -> Value {
    flow.connections()
        .iter()
        .map(|entry| {
            let through = entry.reference.as_deref().unwrap_or("(a connection named directly)");
            format!("{}: {} through {through}, {}", entry.key, entry.connector, entry.source)
        })
        .collect()
}

/// A name as one word of a shell.
pub(super) fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}
