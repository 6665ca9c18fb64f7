//! `connref flow run`
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use connref_client::Client;
use connref_client::flow::Flow;
use connref_client::run::Run;
use serde_json::{Value, json};

use super::Which;
use crate::command::read_text;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::secret::pair;

/// Pauses between two looks grow from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Arguments of `flow run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    which: Which,
    /// Inputs of the trigger: JSON, or @FILE
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    body: String,
    /// Your own connection for a key of the flow, where you have several
    #[arg(long, value_name = "KEY=CONNECTION", value_parser = pair)]
    connection: Vec<(String, String)>,
    /// Stop waiting after this many seconds; the run goes on
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

impl RunArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let body = body(&self.body)?;
        let client = context.client().await?;
        let flow = pick(client.flows().await?, &self.which.flow)?;
        let mut connections = Vec::new();
        for (key, wanted) in &self.connection {
            connections.push((key.clone(), pick(client.connections().await?, wanted)?.id));
        }
        let id = client.flow_run(&flow, &body, &connections).await?;
        let run = wait(&client, &flow, &id, Duration::from_secs(self.timeout)).await?;
        let run = Run { flow: Some(flow.id.clone()), ..run };
        let succeeded = run.succeeded();
        crate::command::run::show(context.output, &[flow], &run)?;
        Ok(if succeeded { Exit::Clean } else { Exit::Findings })
    }
}

/// Waits for the end of a run.
async fn wait(client: &Client, flow: &Flow, id: &str, limit: Duration) -> Result<Run, Failure> {
    let begun = Instant::now();
    let mut pause = PAUSE_MIN;
    loop {
        let run = client.run(&flow.id, id).await?;
        if run.is_over() {
            return Ok(run);
        }
        if begun.elapsed() > limit {
            let late = format!("run `{id}` is not over after {} seconds", limit.as_secs());
            return Err(Failure::new(Exit::Partial, anyhow::anyhow!(late))
                .fix(format!("connref run show {id}")));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn body(text: &str) -> Result<Value, Failure> {
    let text = match text.strip_prefix('@') {
        Some(path) => read_text(Path::new(path), "the inputs")?,
        None => text.to_owned(),
    };
    if text.trim().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Usage, error).context("the inputs of the trigger are not JSON")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_json_or_a_file() {
        assert_eq!(body("").unwrap(), json!({}));
        assert_eq!(body(r#"{"a":1}"#).unwrap(), json!({"a": 1}));
        assert!(body("{").is_err());
        assert!(body("@/no/such/file").is_err());
    }
}
