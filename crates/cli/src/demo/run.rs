//! Chapter 4: the flows run, and the targets tell who arrived.
use std::time::{Duration, Instant};

use connref_client::Client;
use connref_client::run::Run;
use serde_json::{Value, json};

use super::arrival::Arrival;
use super::cast::{BOB, REPORT, STAGES, SYNC, Stage};
use super::{Demo, flow};
use crate::exit::{Exit, Failure};

/// Longest wait for one run.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at a run.
const PAUSE: Duration = Duration::from_millis(20);

impl Demo {
    pub(super) async fn act(&mut self) -> Result<(), Failure> {
        self.story.chapter("The flows run, and each target tells who arrived")?;
        let (mut rows, mut arrived) = (Vec::new(), Vec::new());
        for stage in STAGES {
            for name in [SYNC, REPORT] {
                let run = self.play(stage, name).await?;
                rows.push(row(stage, name, &run));
                arrived.extend(self.arrivals(stage)?);
            }
        }
        const COLUMNS: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("FLOW", "flow"),
            ("STATUS", "status"),
            ("ERROR", "error"),
        ];
        self.story.table(COLUMNS, &rows)?;
        let good = rows.iter().all(|row| row["status"] == "Succeeded");
        self.story.fact("runs", rows);
        self.story.expect("all 4 runs succeeded", good)?;
        self.arrived(&arrived)
    }

    /// Runs a flow by hand, as bob, to its end.
    pub(super) async fn play(&mut self, stage: &Stage, name: &str) -> Result<Run, Failure> {
        self.story.command(&format!("flow run '{name}' --env {} --as {BOB}", stage.name))?;
        let client = self.bob(stage);
        let flow = flow(&client, name).await?;
        let id = client.flow_run(&flow, &json!({}), &[]).await?;
        ended(&client, &flow.id, &id).await
    }

    /// What the targets wrote down, held against who should have arrived.
    fn arrived(&mut self, arrived: &[Arrival]) -> Result<(), Failure> {
        self.story.say(
            "The record of the targets themselves. SQLite knows no users: there the file and what \
             the flow wrote into it are the proof.",
        )?;
        let rows: Vec<Value> = arrived.iter().map(Arrival::to_json).collect();
        const COLUMNS: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("TARGET", "target"),
            ("IDENTITY THAT ARRIVED", "identity"),
            ("WHAT", "what"),
        ];
        self.story.table(COLUMNS, &rows)?;
        self.story.fact("arrived", rows);
        for stage in STAGES {
            let seen = arrived.iter().filter(|one| one.environment == stage.name);
            let what = format!(
                "{} reached the order book as {}, the mail server as {}, and only its own order log",
                stage.name, stage.service, stage.mailbox
            );
            self.story.expect(what, seen.eq(due(stage).iter()))?;
        }
        Ok(())
    }
}

/// What one run of each flow leaves behind at the targets.
fn due(stage: &Stage) -> [Arrival; 4] {
    let arrival = |target: &str, identity: &str, what: &str| Arrival {
        environment: stage.name,
        target: target.to_owned(),
        identity: identity.to_owned(),
        what: what.to_owned(),
    };
    let by = format!("Sync orders in {}", stage.name);
    let mail = format!("to {}: Orders in {}: 2", stage.recipient, stage.name);
    [
        arrival("order book", stage.service, "GET /orders?status=open"),
        arrival(stage.database, &by, "SO-1001 Fabrikam"),
        arrival(stage.database, &by, "SO-1003 Adventure Works"),
        arrival("mail server", stage.mailbox, &mail),
    ]
}

/// Waits for the end of a run.
async fn ended(client: &Client, flow: &str, id: &str) -> Result<Run, Failure> {
    let begun = Instant::now();
    loop {
        let run = client.run(flow, id).await?;
        if run.is_over() {
            return Ok(run);
        }
        if begun.elapsed() > PATIENCE {
            let late = format!("run `{id}` is not over after {} seconds", PATIENCE.as_secs());
            return Err(Failure::new(Exit::Partial, anyhow::anyhow!(late)));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A run as a row; the error is the one of the action that failed, which says more.
pub(super) fn row(stage: &Stage, flow: &str, run: &Run) -> Value {
    let failed = run.actions.iter().find(|action| action.status.eq_ignore_ascii_case("failed"));
    json!({
        "environment": stage.name,
        "flow": flow,
        "run": run.id,
        "status": run.status,
        "action": failed.map(|action| action.path.as_str()),
        "code": failed.and_then(|action| action.code.clone()).or_else(|| run.code.clone()),
        "error": failed.and_then(|action| action.error.clone()).or_else(|| run.error.clone()),
    })
}
