//! `connref audit uses`
use std::path::PathBuf;

use clap::Args;
use connref_review::audit::uses::{FlowUse, connection_uses, reference_uses};
use connref_solution::model::Facts;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::facts_file::facts;
use crate::render::note;

/// Arguments of `audit uses`.
#[derive(Args, Debug)]
pub(crate) struct UsesArgs {
    /// Connection (name or id) or connection reference (logical name)
    what: String,
    /// Facts file to look into instead of the environment (see `facts export`)
    #[arg(long, value_name = "PATH")]
    facts: Option<PathBuf>,
}

impl UsesArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let facts = facts(context, self.facts.as_deref()).await?;
        let uses = uses_of(&facts, &self.what)?;
        const COLUMNS: &[(&str, &str)] = &[
            ("FLOW", "flow"),
            ("STATE", "state"),
            ("REFERENCE", "reference"),
            ("ACTS AS", "actsAs"),
            ("OWNER", "owner"),
            ("RUNS 30 D", "recentRuns"),
        ];
        let rows: Vec<Value> = uses.iter().map(row).collect();
        context.output.list(COLUMNS, &rows)?;
        if rows.is_empty() {
            note("no flow uses it; apps and agents are not looked at");
        }
        Ok(Exit::Clean)
    }
}

fn uses_of(facts: &Facts, what: &str) -> Result<Vec<FlowUse>, Failure> {
    let reference =
        facts.references.iter().find(|r| r.logical_name.as_str().eq_ignore_ascii_case(what));
    if let Some(reference) = reference {
        return Ok(reference_uses(facts, reference));
    }
    let id = what.to_ascii_lowercase();
    let mut named = facts.connections.iter().filter(|c| {
        c.id.as_str() == id
            || (id.len() >= 4 && c.id.as_str().starts_with(&id))
            || c.display_name.eq_ignore_ascii_case(what)
    });
    match (named.next(), named.next()) {
        (Some(connection), None) => Ok(connection_uses(facts, &connection.id)),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several connections are called `{what}`"))
                .fix("give the id: connref connection list"))
        }
        (None, _) => Err(Failure::missing(format!(
            "there is no connection and no connection reference `{what}`"
        ))
        .fix("connref connection list")),
    }
}

fn row(one: &FlowUse) -> Value {
    json!({
        "flow": one.flow.name,
        "id": &*one.flow.id,
        "state": if one.on { "on" } else { "off" },
        "reference": one.reference.as_ref().map(|name| name.as_str()),
        "connection": one.connection.as_ref().map(|id| id.as_str()),
        "actsAs": one.acts_as.as_deref().unwrap_or("its caller"),
        "owner": one.owner,
        "recentRuns": one.recent_runs,
    })
}
