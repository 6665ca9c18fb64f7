//! Chapter 4: the flows run, and the targets tell who arrived.
use std::time::{Duration, Instant};

use connref_client::Client;
use connref_client::run::Run;
use serde_json::{Value, json};

use super::cast::{BOB, DEV, PROD, REPORT, STAGES, SYNC, Stage};
use super::{Demo, flow};
use crate::exit::{Exit, Failure};

/// Longest wait for one run.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at a run.
const PAUSE: Duration = Duration::from_millis(20);

impl Demo {
    pub(super) async fn act(&mut self) -> Result<(), Failure> {
        self.story.chapter("The flows run, and each target tells who arrived")?;
        let mut rows = Vec::new();
        for stage in STAGES {
            for name in [SYNC, REPORT] {
                let run = self.play(stage, name).await?;
                rows.push(row(stage, name, &run));
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
        self.arrived()
    }

    /// Runs a flow by hand, as bob, to its end.
    pub(super) async fn play(&self, stage: &Stage, name: &str) -> Result<Run, Failure> {
        self.story.command(&format!("flow run '{name}' --env {} --as {BOB}", stage.name))?;
        let client = self.bob(stage);
        let flow = flow(&client, name).await?;
        let id = client.flow_run(&flow, &json!({}), &[]).await?;
        ended(&client, &flow.id, &id).await
    }

    /// What the targets wrote down, beside what each environment should have sent.
    fn arrived(&mut self) -> Result<(), Failure> {
        self.story.say(
            "The record of the targets themselves. SQLite knows no users: there the file and what \
             the flow wrote into it are the proof.",
        )?;
        let mut rows = Vec::new();
        for (stage, database) in STAGES.iter().zip(&self.databases) {
            for visit in self.targets.orders.visits() {
                if visit.identity.as_deref() == Some(stage.service) {
                    let what = format!("{} {}", visit.method, visit.path);
                    rows.push(seen("order book", stage, stage.service, &what));
                }
            }
            for one in database.rows()? {
                let what = format!("{} {}", one.order, one.customer);
                rows.push(seen(stage.database, stage, &one.written_by, &what));
            }
            for letter in self.targets.mail.letters() {
                if letter.account == stage.mailbox {
                    let what = format!("to {}: {}", letter.recipients.join(", "), letter.subject);
                    rows.push(seen("mail server", stage, &letter.account, &what));
                }
            }
        }
        const COLUMNS: &[(&str, &str)] = &[
            ("TARGET", "target"),
            ("ENVIRONMENT", "environment"),
            ("IDENTITY THAT ARRIVED", "identity"),
            ("WHAT", "what"),
        ];
        self.story.table(COLUMNS, &rows)?;
        self.story.fact("arrived", rows);
        self.judge_orders()?;
        self.judge_rows()?;
        self.judge_letters()
    }

    fn judge_orders(&mut self) -> Result<(), Failure> {
        let mut seen: Vec<String> = self
            .targets
            .orders
            .visits()
            .into_iter()
            .filter(|visit| visit.path == "/orders?status=open" && visit.method == "GET")
            .map(|visit| visit.identity.unwrap_or_default())
            .collect();
        seen.sort();
        self.story.expect(
            format!(
                "the order book saw {} for DEV and {} for PROD, once each",
                DEV.service, PROD.service
            ),
            seen == [DEV.service, PROD.service],
        )
    }

    fn judge_rows(&mut self) -> Result<(), Failure> {
        let mut held = true;
        for (stage, database) in STAGES.iter().zip(&self.databases) {
            let rows = database.rows()?;
            let orders: Vec<&str> = rows.iter().map(|row| row.order.as_str()).collect();
            let by = format!("Sync orders in {}", stage.name);
            held &= orders == ["SO-1001", "SO-1003"] && rows.iter().all(|row| row.written_by == by);
        }
        self.story.expect("each order log holds the 2 open orders, written by its own stage", held)
    }

    fn judge_letters(&mut self) -> Result<(), Failure> {
        let wanted = STAGES.map(|stage| (stage.mailbox, stage.recipient, stage.name));
        let letters = self.targets.mail.letters();
        let held = letters.len() == wanted.len()
            && letters.iter().zip(wanted).all(|(letter, (mailbox, recipient, name))| {
                letter.account == mailbox
                    && letter.recipients == [recipient]
                    && letter.subject == format!("Orders in {name}: 2")
            });
        self.story.expect(
            format!("the mail server saw {} for DEV and {} for PROD", DEV.mailbox, PROD.mailbox),
            held,
        )
    }
}

fn seen(target: &str, stage: &Stage, identity: &str, what: &str) -> Value {
    json!({"target": target, "environment": stage.name, "identity": identity, "what": what})
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
