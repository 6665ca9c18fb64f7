//! `connref job`
use std::time::{Duration, Instant};

use clap::Subcommand;
use connref_client::Client;
use connref_client::job::{ImportJob, Operation};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::note;

// Verbs of jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List imports, newest first
    List,
    /// Show what a job did with each component
    Show {
        /// Id of the job, of its operation, or a unique prefix
        job: String,
    },
    /// Wait until a job has ended; 4 if it failed
    Wait {
        /// Id of the job, of its operation, or a unique prefix
        job: String,
        /// How long at most
        #[arg(long, default_value_t = 60, value_name = "MINUTES")]
        max_wait_time: u64,
    },
    /// Ask a job to end; what it has not committed is never written
    Cancel {
        /// Id of the job, of its operation, or a unique prefix
        job: String,
    },
}

impl JobCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        match self {
            Self::List => list(context, &client).await,
            Self::Show { job } => {
                let (job, operation) = find(&client, &job).await?;
                show(context, &client.import_job(&job.id).await?, operation.as_ref())
            }
            Self::Wait { job, max_wait_time } => {
                let (job, operation) = find(&client, &job).await?;
                let limit = Duration::from_secs(max_wait_time.saturating_mul(60));
                let operation = match operation {
                    Some(operation) => Some(wait(&client, &operation.id, limit).await?),
                    None => None,
                };
                show(context, &client.import_job(&job.id).await?, operation.as_ref())
            }
            Self::Cancel { job } => {
                let (_, operation) = find(&client, &job).await?;
                let operation = operation.ok_or_else(|| {
                    Failure::refused(format!(
                        "job `{job}` is waited for by the one who started it and ends with it"
                    ))
                })?;
                client.operation_cancel(&operation.id).await?;
                let item = json!({"id": operation.id});
                context.output.done(&format!("job {} asked to end", operation.id), &item)?;
                Ok(Exit::Clean)
            }
        }
    }
}

/// Looks at an operation until it has ended.
pub(crate) async fn wait(client: &Client, id: &str, limit: Duration) -> Result<Operation, Failure> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let operation = client.operation(id).await?;
        if operation.ended() {
            return Ok(operation);
        }
        if begun.elapsed() > limit {
            return Err(Failure::new(
                Exit::Partial,
                anyhow::anyhow!("job `{id}` has not ended after {} minutes", limit.as_secs() / 60),
            )
            .fix(format!("connref job wait {id}")));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// A job by its id or its operation's, or a unique prefix of either.
async fn find(client: &Client, wanted: &str) -> Result<(ImportJob, Option<Operation>), Failure> {
    let operations = client.operations().await?;
    let wanted = wanted.to_ascii_lowercase();
    let mut found: Vec<ImportJob> = client.import_jobs().await?;
    found.retain(|job| {
        let by = operations.iter().find(|one| one.job.as_deref() == Some(job.id.as_str()));
        job.id.starts_with(&wanted) || by.is_some_and(|one| one.id.starts_with(&wanted))
    });
    if found.len() > 1 {
        return Err(
            Failure::usage(format!("several jobs begin with `{wanted}`")).fix("connref job list")
        );
    }
    let job = found.pop().ok_or_else(|| {
        Failure::missing(format!("job `{wanted}` does not exist")).fix("connref job list")
    })?;
    let operation = operations.into_iter().find(|one| one.job.as_deref() == Some(&job.id));
    Ok((job, operation))
}

async fn list(context: &Context, client: &Client) -> Outcome {
    let operations = client.operations().await?;
    let rows: Vec<Value> = client
        .import_jobs()
        .await?
        .iter()
        .map(|job| {
            let by = operations.iter().find(|one| one.job.as_deref() == Some(job.id.as_str()));
            row(job, by)
        })
        .collect();
    if rows.is_empty() {
        note("no jobs; every import leaves one");
    }
    const COLUMNS: &[(&str, &str)] = &[
        ("JOB", "id"),
        ("SOLUTION", "solution"),
        ("WHAT", "context"),
        ("STATUS", "status"),
        ("PROGRESS", "progress"),
        ("STARTED", "startedOn"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

fn row(job: &ImportJob, operation: Option<&Operation>) -> Value {
    let open = if job.completed_on.is_some() { "ended" } else { "open" };
    json!({
        "id": job.id,
        "operation": operation.map(|one| one.id.clone()),
        "solution": job.solution,
        "context": job.context,
        "status": operation.map_or(open, Operation::word),
        "progress": job.progress,
        "message": operation.and_then(|one| one.message.clone()),
        "startedOn": job.started_on,
        "completedOn": job.completed_on,
    })
}

fn show(context: &Context, job: &ImportJob, operation: Option<&Operation>) -> Outcome {
    let mut item = row(job, operation);
    let report = Report::read(&job.data);
    item["result"] = json!(report.result);
    item["components"] = json!(report.components);
    if let Some(text) = &report.error {
        item["message"] = json!(text);
    }
    if context.output.is_table() {
        let mut text = format!(
            "{} {} · {} · {}%\n",
            job.solution,
            job.context,
            report.result.as_deref().unwrap_or("open"),
            job.progress
        );
        if let Some(error) = &report.error {
            text += &format!("  {}\n", crate::render::clean(error));
        }
        for one in &report.components {
            let line =
                format!("{} {}: {}", word(&one["kind"]), word(&one["name"]), word(&one["change"]));
            text += &format!("  {}\n", crate::render::clean(&line));
        }
        context.output.text(&text)?;
    } else {
        context.output.one(&item)?;
    }
    let failed = report.result.as_deref() == Some("failure");
    Ok(if failed { Exit::Refused } else { Exit::Clean })
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What stands in a job's report.
#[derive(Default)]
struct Report {
    /// `success` or `failure`.
    result: Option<String>,
    error: Option<String>,
    components: Vec<Value>,
}

impl Report {
    /// Reads the XML as the services write it; what is not understood is left out.
    fn read(data: &str) -> Self {
        let mut report = Self::default();
        let Ok(document) = connref_solution::document::xml::XmlDocument::parse(data.as_bytes())
        else {
            return report;
        };
        let root = document.root();
        if let Some(result) = root
            .child("solutionManifests")
            .and_then(|list| list.child("solutionManifest"))
            .and_then(|one| one.child("result"))
        {
            report.result = result.attribute("result").map(Into::into);
            report.error =
                result.attribute("errortext").filter(|text| !text.is_empty()).map(Into::into);
        }
        for list in
            ["connectors", "connectionreferences", "environmentvariabledefinitions", "workflows"]
        {
            for one in root.child(list).into_iter().flat_map(|list| list.children()) {
                let attribute = |name: &str| one.attribute(name).map(|text| text.to_string());
                let change = one
                    .child("result")
                    .and_then(|r| r.attribute("errortext").map(|t| t.trim().to_owned()));
                report.components.push(json!({
                    "kind": one.name(),
                    "id": attribute("id"),
                    "name": attribute("LocalizedName"),
                    "change": change,
                }));
            }
        }
        report
    }
}
