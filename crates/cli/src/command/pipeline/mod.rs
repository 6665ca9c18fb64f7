//! `connref pipeline`
mod told;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use connref_client::Client;
use connref_client::pipeline::{Deployment, Pipeline};
use connref_solution::artefact::pipeline_yaml::{pipeline_read, pipeline_to_json};
use connref_solution::document::json::JsonDocument;
use serde_json::{Map, Value, json};

use self::told::{row, told};
use super::read_text;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package::{self, chain};
use crate::pick::pick;
use crate::render::{note, warning};

// Verbs of pipelines.
#[derive(Debug, Subcommand)]
pub(crate) enum PipelineCommand {
    /// List the pipelines that one is in
    List,
    /// Show a pipeline: its stages, who may ask and approve, and what each stage has
    Show {
        /// Name, id or unique prefix
        pipeline: String,
    },
    /// Set a pipeline from a file; one of the same name is replaced
    Create {
        /// Pipeline file (YAML)
        file: PathBuf,
    },
    /// Delete a pipeline; what it deployed stays
    Delete {
        /// Name, id or unique prefix
        pipeline: String,
    },
    /// Deploy to a stage, as its delegate; 8 if it waits for an approval or something stays open
    Deploy(DeployArgs),
    /// Approve a deployment that waits, which carries it out; or reject it
    Approve(ApproveArgs),
    /// List deployments, the newest first
    History(HistoryArgs),
    /// Bring back the release before: its package and its bindings, all or nothing
    Rollback(RollbackArgs),
}

/// Arguments of `pipeline deploy`.
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// Pipeline
    pipeline: String,
    /// Stage
    #[arg(long)]
    stage: String,
    /// Solution zip or unpacked folder; else what the stage before has, or an export of the source
    #[arg(short, long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// Wait until it is approved or rejected, this long at most
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u64>,
}

/// Arguments of `pipeline approve`.
#[derive(Args, Debug)]
pub(crate) struct ApproveArgs {
    /// Pipeline
    pipeline: String,
    /// Deployment by id or unique prefix
    deployment: String,
    /// Reject it instead
    #[arg(long)]
    reject: bool,
    /// What to say about it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Arguments of `pipeline history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Pipeline
    pipeline: String,
    /// Only this stage
    #[arg(long)]
    stage: Option<String>,
}

/// Arguments of `pipeline rollback`.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    /// Pipeline
    pipeline: String,
    /// Stage
    #[arg(long)]
    stage: String,
    /// To the release of this deployment; else the one before
    #[arg(long, value_name = "DEPLOYMENT")]
    to: Option<String>,
}

impl PipelineCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        if context.is_remote() && context.globals.acting.is_some() {
            return Err(Failure::usage("on a server pipelines are used as oneself")
                .fix("leave --as away, and sign in with the token of that user"));
        }
        let client = context.control().await?;
        match self {
            Self::List => list(context, &client).await,
            Self::Show { pipeline } => show(context, &client, &pipeline).await,
            Self::Create { file } => create(context, &client, &file).await,
            Self::Delete { pipeline } => {
                let one = pick(client.pipelines().await?, &pipeline)?;
                client.pipeline_delete(&one).await?;
                let item = json!({"name": one.name, "id": one.id});
                context.output.done(&format!("pipeline {} deleted", one.name), &item)?;
                Ok(Exit::Clean)
            }
            Self::Deploy(args) => args.run(context, &client).await,
            Self::Approve(args) => args.run(context, &client).await,
            Self::History(args) => args.run(context, &client).await,
            Self::Rollback(args) => args.run(context, &client).await,
        }
    }
}

async fn list(context: &Context, client: &Client) -> Outcome {
    let pipelines = client.pipelines().await?;
    if pipelines.is_empty() {
        note("no pipelines; set one: connref pipeline create pipeline.yaml");
    }
    let rows: Vec<Value> = pipelines
        .iter()
        .map(|one| {
            let stages = one.document["stages"].as_array().into_iter().flatten();
            json!({
                "name": one.name, "id": one.id, "solution": one.document["solution"],
                "source": one.document["source"],
                "stages": stages.map(|stage| stage["name"].clone()).collect::<Vec<_>>(),
            })
        })
        .collect();
    const COLUMNS: &[(&str, &str)] = &[
        ("PIPELINE", "name"),
        ("SOLUTION", "solution"),
        ("SOURCE", "source"),
        ("STAGES", "stages"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

async fn show(context: &Context, client: &Client, wanted: &str) -> Outcome {
    let one: Pipeline = pick(client.pipelines().await?, wanted)?;
    let history = client.pipeline_history(&one.id, None).await?;
    let stages = one.document["stages"].as_array().into_iter().flatten();
    let rows: Vec<Value> = stages
        .map(|stage| {
            let mut row = stage.clone();
            let name = stage["name"].as_str().unwrap_or_default();
            let of_stage = || history.iter().rev().filter(|d| d.stage == name);
            let done = of_stage().find(|d| matches!(d.state.as_str(), "succeeded" | "partly"));
            row["release"] = done.map(|d| d.version.as_str()).into();
            row["last"] = of_stage().next().map(|d| d.state.as_str()).into();
            row
        })
        .collect();
    if context.output.is_table() {
        const COLUMNS: &[(&str, &str)] = &[
            ("STAGE", "name"),
            ("ENVIRONMENT", "environment"),
            ("DELEGATE", "delegate"),
            ("ASKS", "requesters"),
            ("APPROVES", "approvers"),
            ("RELEASE", "release"),
            ("LAST", "last"),
        ];
        context.output.list(COLUMNS, &rows)?;
    } else {
        let mut document = one.document.clone();
        document["id"] = one.id.as_str().into();
        document["stages"] = rows.into();
        context.output.one(&document)?;
    }
    Ok(Exit::Clean)
}

async fn create(context: &Context, client: &Client, file: &Path) -> Outcome {
    let text = read_text(file, "the pipeline")?;
    let pipeline = pipeline_read(&text).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot use `{}`", file.display()))
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut settings = Map::new();
    for stage in &pipeline.stages {
        if let Some(name) = &stage.settings {
            let path = folder.join(name);
            // Read as the import reads it, so that a wrong shape ends here, with its place.
            package::settings_file(&path, &pipeline.solution)?;
            let text = read_text(&path, "the deployment settings")?;
            let document = JsonDocument::parse(text.as_bytes()).map_err(|error| {
                Failure::usage(format!("cannot read `{}`: {}", path.display(), chain(&error)))
            })?;
            settings.insert(stage.name.clone(), document.value().clone());
        }
    }
    let document = pipeline_to_json(&pipeline);
    let (kept, warnings) =
        client.pipeline_set(&pipeline.name, &document, &Value::Object(settings)).await?;
    warnings.iter().for_each(|text| warning(text));
    let sentence = format!("pipeline {} set, {} stages", kept.name, pipeline.stages.len());
    let item = json!({"name": kept.name, "id": kept.id, "warnings": warnings});
    context.output.done(&sentence, &item)?;
    Ok(Exit::Clean)
}

impl DeployArgs {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let file = match &self.path {
            Some(path) => Some(package::read(path)?.zip()?),
            None => None,
        };
        let mut done = client.pipeline_deploy(&self.pipeline, &self.stage, file.as_deref()).await?;
        let begun = Instant::now();
        let limit = self.wait.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        if limit.is_some() && done.state == "waiting" {
            note(&format!("waits for an approval: {}", approve_line(&self.pipeline, &done)));
        }
        while matches!(done.state.as_str(), "waiting" | "running")
            && limit.is_some_and(|limit| begun.elapsed() < limit)
        {
            tokio::time::sleep(Duration::from_secs(1)).await;
            done = client.pipeline_deployment(&self.pipeline, &done.id).await?;
        }
        end(context, &self.pipeline, &done)
    }
}

fn approve_line(pipeline: &str, done: &Deployment) -> String {
    format!("connref pipeline approve {pipeline} {}", done.id)
}

/// Tells how a deployment stands, and the exit code for it.
fn end(context: &Context, pipeline: &str, done: &Deployment) -> Outcome {
    if context.output.is_table() {
        context.output.text(&told(done))?;
        if done.state == "waiting" {
            note(&format!("approve it: {}", approve_line(pipeline, done)));
        }
    } else {
        context.output.one(&done.document)?;
    }
    Ok(match done.state.as_str() {
        "planned" | "succeeded" => Exit::Clean,
        "refused" | "rejected" => Exit::Refused,
        "failed" if !done.document["refusals"].as_array().is_none_or(Vec::is_empty) => {
            Exit::Refused
        }
        "failed" => Exit::Network,
        _ => Exit::Partial,
    })
}

impl ApproveArgs {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let done = client
            .pipeline_decide(
                &self.pipeline,
                &self.deployment,
                !self.reject,
                self.comment.as_deref(),
            )
            .await?;
        if self.reject {
            // What was to be done is done: the deployment is rejected.
            let sentence = format!("deployment {} rejected", done.id);
            context.output.done(&sentence, &done.document)?;
            return Ok(Exit::Clean);
        }
        end(context, &self.pipeline, &done)
    }
}

impl HistoryArgs {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let mut all = client.pipeline_history(&self.pipeline, self.stage.as_deref()).await?;
        all.reverse();
        if all.is_empty() {
            note("no deployments yet");
        }
        let rows: Vec<Value> = all.iter().map(row).collect();
        const COLUMNS: &[(&str, &str)] = &[
            ("DEPLOYMENT", "id"),
            ("STAGE", "stage"),
            ("VERSION", "version"),
            ("STATE", "state"),
            ("ASKED BY", "requestedBy"),
            ("DECIDED BY", "decidedBy"),
            ("ON", "requestedOn"),
            ("BACK TO", "rollbackOf"),
        ];
        context.output.list(COLUMNS, &rows)?;
        Ok(Exit::Clean)
    }
}

impl RollbackArgs {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let to = match &self.to {
            None => None,
            Some(id) => Some(client.pipeline_deployment(&self.pipeline, id).await?.id),
        };
        let done = client.pipeline_rollback(&self.pipeline, &self.stage, to.as_deref()).await?;
        end(context, &self.pipeline, &done)
    }
}
