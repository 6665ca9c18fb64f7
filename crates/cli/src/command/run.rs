//! `connref run`
use clap::{Args, Subcommand};
use connref_client::Client;
use connref_client::flow::Flow;
use connref_client::run::{Acting, EVERY_FLOW, Run, RunAction};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::{Output, note};

// Verbs of runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// List runs, newest first
    List {
        /// Only runs of this flow: name, id or unique prefix
        #[arg(long)]
        flow: Option<String>,
    },
    /// Show a run: each action, and who acted
    Show(ShowArgs),
}

/// Arguments of `run show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Id of the run or unique prefix
    run: String,
    /// Its flow, which makes the search shorter
    #[arg(long)]
    flow: Option<String>,
}

impl RunCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        match self {
            Self::List { flow } => {
                let flows = client.flows().await?;
                let runs = runs(&client, flows.clone(), flow.as_deref()).await?;
                let rows: Vec<_> = runs.iter().map(|run| row(&flows, run)).collect();
                if rows.is_empty() {
                    note("no runs; start one: connref flow run NAME");
                }
                const COLUMNS: &[(&str, &str)] = &[
                    ("RUN", "id"),
                    ("FLOW", "flow"),
                    ("STARTED", "startedOn"),
                    ("STATUS", "status"),
                    ("ERROR", "error"),
                ];
                context.output.list(COLUMNS, &rows)?;
                Ok(Exit::Clean)
            }
            Self::Show(args) => {
                let flows = client.flows().await?;
                let found =
                    pick(runs(&client, flows.clone(), args.flow.as_deref()).await?, &args.run)?;
                let flow = found.flow.clone().unwrap_or_default();
                let run = Run { flow: found.flow, ..client.run(&flow, &found.id).await? };
                show(context.output, &flows, &run)?;
                Ok(Exit::Clean)
            }
        }
    }
}

/// The newest runs of one flow, or of all; each knows its flow.
async fn runs(
    client: &Client,
    flows: Vec<Flow>,
    wanted: Option<&str>,
) -> Result<Vec<Run>, Failure> {
    let flows = match wanted {
        Some(wanted) => vec![pick(flows, wanted)?],
        None if client.place().extended => return Ok(client.runs(EVERY_FLOW).await?),
        None => flows,
    };
    let mut all = Vec::new();
    for flow in flows {
        let runs = client.runs(&flow.id).await?.into_iter();
        all.extend(runs.map(|run| Run { flow: Some(flow.id.clone()), ..run }));
    }
    Ok(all)
}

fn row(flows: &[Flow], run: &Run) -> Value {
    let id = run.flow.as_deref();
    let flow = flows.iter().find(|flow| id.is_some_and(|id| flow.id.eq_ignore_ascii_case(id)));
    json!({
        "id": run.id,
        "flow": flow.map_or(id, |flow| Some(flow.name.as_str())),
        "flowId": id,
        "status": run.status,
        "code": run.code,
        "error": run.error,
        "startedOn": run.started,
        "endedOn": run.ended,
    })
}

/// Prints a run: for people a line per action with who acted through what, for programs all of it.
pub(super) fn show(output: Output, flows: &[Flow], run: &Run) -> Result<(), Failure> {
    let actions: Vec<Value> = run.actions.iter().map(action).collect();
    if !output.is_table() {
        let mut whole = row(flows, run);
        whole["response"] = run.response.clone().unwrap_or(Value::Null);
        whole["actions"] = actions.into();
        return output.one(&whole);
    }
    const COLUMNS: &[(&str, &str)] = &[
        ("ACTION", "path"),
        ("STATUS", "status"),
        ("ACTED AS", "actedAs"),
        ("THROUGH", "through"),
        ("ERROR", "error"),
    ];
    output.list(COLUMNS, &actions)?;
    let mut summary = row(flows, run);
    if let Some(response) = &run.response {
        summary["response"] = response.clone();
    }
    output.text("\n")?;
    output.one(&summary)
}

fn action(one: &RunAction) -> Value {
    let mut shown = json!({
        "path": one.path,
        "status": one.status,
        "code": one.code,
        "error": one.error,
    });
    if let Some(acting) = &one.acting {
        shown["actedAs"] = acted_as(acting).into();
        shown["through"] = through(acting).into();
        shown["identity"] = acting.identity.clone().into();
        shown["account"] = acting.account.clone().into();
        shown["mode"] = acting.mode.clone().into();
        shown["onBehalfOf"] = acting.on_behalf_of.clone().into();
        shown["reference"] = acting.reference.clone().into();
        shown["connection"] = acting.connection.clone().into();
        shown["connectionName"] = acting.connection_name.clone().into();
        shown["bindingVersion"] = acting.binding_version.into();
    }
    shown["inputs"] = one.inputs.clone();
    shown["outputs"] = one.outputs.clone();
    shown
}

/// Owner of the credential, the account where it differs, and for whom it acted.
fn acted_as(acting: &Acting) -> Option<String> {
    let identity = acting.identity.clone().or_else(|| acting.account.clone())?;
    let account =
        acting.account.as_ref().filter(|account| !account.eq_ignore_ascii_case(&identity));
    let account = account.map(|account| format!(" ({account})")).unwrap_or_default();
    let other = acting.on_behalf_of.as_ref();
    let other = other.map(|name| format!(" on behalf of {name}")).unwrap_or_default();
    Some(format!("{identity}{account}{other}"))
}

/// Reference and connection, or the caller's own connection.
fn through(acting: &Acting) -> Option<String> {
    let connection = acting.connection_name.as_ref().or(acting.connection.as_ref())?;
    let mode = acting.mode.as_deref().filter(|mode| *mode == "invoker");
    Some(match (&acting.reference, mode) {
        (Some(reference), None) => format!("{reference} → {connection}"),
        (Some(reference), Some(_)) => format!("{reference} → {connection} (the caller's own)"),
        (None, _) => connection.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_acted_is_told_in_words() {
        let acting = Acting {
            identity: Some("svc-orders".into()),
            account: Some("orders_rw".into()),
            mode: Some("embedded".into()),
            on_behalf_of: None,
            connection: Some("0f".into()),
            connection_name: Some("SQL PROD".into()),
            reference: Some("contoso_orders".into()),
            binding_version: Some(2),
        };
        assert_eq!(acted_as(&acting).as_deref(), Some("svc-orders (orders_rw)"));
        assert_eq!(through(&acting).as_deref(), Some("contoso_orders → SQL PROD"));
        let invoker = Acting { mode: Some("invoker".into()), account: None, ..acting };
        assert_eq!(acted_as(&invoker).as_deref(), Some("svc-orders"));
        assert_eq!(
            through(&invoker).as_deref(),
            Some("contoso_orders → SQL PROD (the caller's own)")
        );
    }
}
