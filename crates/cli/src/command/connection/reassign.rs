//! `connref connection reassign`
use clap::Args;
use connref_client::connection::Reassigned;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;
use crate::render::note;

/// Arguments of `connection reassign`.
#[derive(Args, Debug)]
pub(crate) struct ReassignArgs {
    /// Connections by name, id or unique prefix; else all of --owner
    #[arg(value_name = "CONNECTION", required_unless_present = "owner")]
    connections: Vec<String>,
    /// Present owner
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// New owner
    #[arg(long, value_name = "NAME")]
    to: String,
}

impl ReassignArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let mut ids = Vec::new();
        for wanted in &self.connections {
            ids.push(pick(client.connections().await?, wanted)?.id);
        }
        let answer = client.connection_reassign(self.owner.as_deref(), &ids, &self.to).await?;
        if context.output.is_table() {
            context.output.text(&told(&answer, &self.to))?;
        } else {
            let flows: Vec<_> = answer
                .flows
                .iter()
                .map(|(name, from, to)| json!({"name": name, "from": from, "to": to}))
                .collect();
            context.output.one(&json!({
                "to": self.to,
                "applied": answer.applied,
                "connections": answer.connections,
                "references": answer.references,
                "flows": flows,
                "steps": answer.steps,
            }))?;
        }
        if !answer.applied && !context.globals.dry_run && !answer.steps.is_empty() {
            note("nothing was changed: here an owner cannot change, the steps above replace it");
            return Ok(Exit::Refused);
        }
        Ok(Exit::Clean)
    }
}

fn told(answer: &Reassigned, to: &str) -> String {
    let verb = if answer.applied { "now belong to" } else { "would belong to" };
    let mut text = format!("{} connections {verb} {to}\n", answer.connections.len());
    let lists = [("connection", &answer.connections), ("reference", &answer.references)];
    for (noun, names) in lists {
        for name in names {
            text += &format!("  {noun:<10} {}\n", crate::render::clean(name));
        }
    }
    for (name, from, to) in &answer.flows {
        let line = format!("{name}: acts as {to}, before as {from}");
        text += &format!("  flow       {}\n", crate::render::clean(&line));
    }
    for (number, step) in answer.steps.iter().enumerate() {
        text += &format!("  step {}     {}\n", number + 1, crate::render::clean(step));
    }
    text
}
