//! Pipelines: the operator sets them; their people see them.
use std::collections::BTreeMap;

use connref_review::pipeline::{Asker, delegate};
use connref_solution::artefact::pipeline_yaml::{
    Pipeline, Stage, pipeline_from_json, pipeline_to_json,
};
use connref_solution::artefact::settings_json::settings_read;
use connref_solution::model::DeploymentSettings;
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::pipeline::PipelineRow;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{OperationError, Result, with_causes};
use crate::{App, Context};

/// Reads and records what its judgement allowed; the audit log names who asked.
pub(super) const PIPELINE: Caller = Caller::System("pipeline");

/// A pipeline that was read.
#[derive(Clone, Debug)]
pub struct PipelineKept {
    /// Id.
    pub id: String,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Settings by stage, names in lower case.
    pub settings: BTreeMap<String, Value>,
}

/// A stage with its environment, entered as its delegate.
pub(super) struct Place {
    pub(super) stage: Stage,
    pub(super) settings: Option<DeploymentSettings>,
    pub(super) settings_document: Value,
    pub(super) cx: Context,
}

impl PipelineKept {
    fn read(row: &PipelineRow) -> Result<Self> {
        let broken = |why: String| StoreError::Invalid(format!("pipeline `{}`: {why}", row.name));
        let value: Value = serde_json::from_str(&row.document)
            .map_err(|source| StoreError::Document { kind: "pipeline", source })?;
        let pipeline =
            pipeline_from_json(&value["pipeline"]).map_err(|error| broken(error.to_string()))?;
        let settings = value["settings"].as_object().into_iter().flatten();
        let settings = settings.map(|(stage, value)| (stage.to_lowercase(), value.clone()));
        Ok(Self { id: row.id.clone(), pipeline, settings: settings.collect() })
    }

    /// The pipeline as it is sent; without the settings, which say what is bound to what.
    pub fn document(&self) -> Value {
        pipeline_to_json(&self.pipeline)
    }

    fn is_seen_by(&self, who: &Asker) -> bool {
        let named =
            |stage: &Stage| who.is_named(&stage.requesters) || who.is_named(&stage.approvers);
        who.operator || self.pipeline.stages.iter().any(named)
    }

    pub(super) fn stage(&self, name: &str) -> Result<(usize, &Stage)> {
        let stages = self.pipeline.stages.iter().enumerate();
        let mut found = stages.filter(|(_, stage)| stage.name.eq_ignore_ascii_case(name));
        found.next().ok_or_else(|| StoreError::not_found("stage", name).into())
    }

    /// What an approval is for, beside the package: the stage with its settings.
    pub(super) fn stage_hash(&self, stage: &Stage) -> String {
        let mut one = self.pipeline.clone();
        one.stages.retain(|other| other.name == stage.name);
        let settings = self.settings.get(&stage.name.to_lowercase());
        let text = format!("{}{}", pipeline_to_json(&one), settings.unwrap_or(&Value::Null));
        connref_store::source::hex(&Sha256::digest(text))
    }

    /// Enters the environment of a stage as its delegate, who is a service principal.
    pub(super) async fn place(&self, app: &App, stage: &Stage) -> Result<Place> {
        let environment = app.store().environment_get(&PIPELINE, &stage.environment).await?;
        let facts = app.store().facts(&PIPELINE, &environment.id).await?;
        delegate(&facts, stage).map_err(|why| no_delegate(why, stage))?;
        let caller = app.store().caller_find(&environment.id, &stage.delegate).await?;
        let document = self.settings.get(&stage.name.to_lowercase()).cloned();
        let settings = document
            .as_ref()
            .map(|value| settings_of(value, &self.pipeline.solution))
            .transpose()?;
        Ok(Place {
            stage: stage.clone(),
            settings,
            settings_document: document.unwrap_or(Value::Null),
            cx: Context { app: app.clone(), caller, environment },
        })
    }
}

fn no_delegate(why: String, stage: &Stage) -> OperationError {
    let fix = format!(
        "connref user add {} --service-principal --role Deployer --env {}",
        stage.delegate, stage.environment
    );
    OperationError::invalid(why, &fix)
}

pub(super) fn settings_of(value: &Value, solution: &str) -> Result<DeploymentSettings> {
    let file = settings_read(value.to_string().as_bytes(), Some(solution)).map_err(|error| {
        OperationError::invalid(
            with_causes(&error),
            "make a file to fill in with `connref solution create-settings`",
        )
    })?;
    Ok(file.settings)
}

/// Refuses with the words of a judgement.
pub(super) fn denied(who: &Asker, attempt: String) -> OperationError {
    StoreError::Denied { caller: who.name.clone(), attempt }.into()
}

/// Somebody who works here. A token of a person who left opens nothing.
pub(super) async fn working(app: &App, who: &Asker) -> Result<()> {
    if who.operator || app.store().principal_works(&PIPELINE, &who.name).await? {
        return Ok(());
    }
    Err(denied(who, "use pipelines: it is no enabled user of any environment".to_owned()))
}

/// A pipeline by name or id. To whoever is in none of its stages, it does not exist.
pub async fn pipeline_get(app: &App, who: &Asker, name: &str) -> Result<PipelineKept> {
    working(app, who).await?;
    let kept = PipelineKept::read(&app.store().pipeline_get(&PIPELINE, name).await?)?;
    if kept.is_seen_by(who) {
        return Ok(kept);
    }
    Err(StoreError::not_found("pipeline", name).into())
}

/// The pipelines that somebody is in, by name.
pub async fn pipeline_list(app: &App, who: &Asker) -> Result<Vec<PipelineKept>> {
    working(app, who).await?;
    let rows = app.store().pipeline_list(&PIPELINE).await?;
    let kept: Vec<_> = rows.iter().map(PipelineKept::read).collect::<Result<_>>()?;
    Ok(kept.into_iter().filter(|kept| kept.is_seen_by(who)).collect())
}

/// Sets the pipeline of a name; answers it and what is worth saying. Every stage is tried: its
/// environment, its delegate, its settings.
pub async fn pipeline_set(
    app: &App,
    caller: &Caller,
    document: &Value,
) -> Result<(PipelineKept, Vec<String>)> {
    caller.authorize_operator("set pipelines")?;
    let pipeline = pipeline_from_json(&document["pipeline"]).map_err(|error| {
        OperationError::invalid(error.to_string(), "see docs/howto/pipelines.md")
    })?;
    let given = document["settings"].as_object().cloned().unwrap_or_default();
    for name in given.keys() {
        if !pipeline.stages.iter().any(|stage| stage.name.eq_ignore_ascii_case(name)) {
            let what = format!("there are settings for `{name}`, which is no stage");
            return Err(OperationError::invalid(what, "name them as the stage is named"));
        }
    }
    if let Some(source) = &pipeline.source {
        app.store().environment_get(caller, source).await?;
    }
    let mut warnings = Vec::new();
    for stage in &pipeline.stages {
        let environment = app.store().environment_get(caller, &stage.environment).await?;
        let facts = app.store().facts(caller, &environment.id).await?;
        let (_, warning) = delegate(&facts, stage).map_err(|why| no_delegate(why, stage))?;
        warnings.extend(warning);
        let named = given.iter().find(|(name, _)| name.eq_ignore_ascii_case(&stage.name));
        if let Some((_, value)) = named {
            settings_of(value, &pipeline.solution)?;
        }
    }
    let kept = json!({"pipeline": pipeline_to_json(&pipeline), "settings": given}).to_string();
    let row = app.store().pipeline_set(caller, pipeline.name, kept).await?;
    Ok((PipelineKept::read(&row)?, warnings))
}

/// Deletes a pipeline, by name or id.
pub async fn pipeline_delete(app: &App, caller: &Caller, name: &str) -> Result<()> {
    Ok(app.store().pipeline_delete(caller, name).await?)
}
