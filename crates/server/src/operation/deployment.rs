//! Deployments: asked for, approved, carried out by the stage's delegate, rolled back. Whoever asks gains
//! no right in the environment: what happens there, the delegate does.
use connref_review::pipeline::{
    Asker, Release, may_decide, may_request, may_roll_back, release_before,
};
use connref_solution::artefact::pipeline_yaml::Stage;
use connref_solution::artefact::settings_json::settings_write;
use connref_solution::model::settings::SettingsReference;
use connref_solution::model::{DeploymentSettings, LogicalName};
use connref_store::StoreError;
use connref_store::deployment::{Deployment, DeploymentChange, DeploymentNew};
use serde_json::{Value, json};

use super::deployment_run::{Brought, carry_out, checked, foreseen, turn};
use super::pipeline::{PIPELINE, PipelineKept, Place, denied, pipeline_get, settings_of};
use super::solution::solution_export;
use super::{OperationError, Result};
use crate::{App, Context};

/// A deployment that is asked for.
#[derive(Debug)]
pub struct DeploymentAsked {
    /// Stage.
    pub stage: String,
    /// The package; none takes that of the stage before, or exports from the source.
    pub package: Option<Vec<u8>>,
    /// Only foreseen; nothing is written.
    pub plan_only: bool,
}

/// Asks for a deployment. Without approvers it is carried out at once.
pub async fn deployment_request(
    app: &App,
    who: &Asker,
    pipeline: &str,
    asked: DeploymentAsked,
) -> Result<Deployment> {
    let kept = pipeline_get(app, who, pipeline).await?;
    let (at, stage) = kept.stage(&asked.stage)?;
    may_request(stage, who).map_err(|attempt| denied(who, attempt))?;
    let place = kept.place(app, stage).await?;
    let file = package_for(app, who, &kept, at, asked.package).await?;
    let brought = Brought::read(file, &kept.pipeline.solution)?;
    let mut detail = checked(&brought, &place)?;
    detail["stageHash"] = kept.stage_hash(stage).into();
    let failed = detail["failed"].as_u64().unwrap_or_default() > 0;
    let refused = failed || !foreseen(&place, &brought, None, &mut detail).await?;
    let state = match (refused, stage.approvers.is_empty()) {
        (true, _) => "refused",
        (false, true) => "running",
        (false, false) => "waiting",
    };
    let new = DeploymentNew {
        content: (!refused).then(|| brought.file.clone()),
        state,
        detail,
        ..record(&kept, stage, who, &brought)
    };
    if asked.plan_only {
        return Ok(planned(new));
    }
    let environment = place.cx.environment.id.clone();
    if state != "running" {
        return Ok(app.store().deployment_create(&PIPELINE, &environment, new).await?);
    }
    let lock = turn(&place).await?;
    let row = app.store().deployment_create(&PIPELINE, &environment, new).await?;
    carry_out(place, brought, row, None, lock).await
}

/// The record of a deployment that is asked for, as far as it is the same for all.
fn record(kept: &PipelineKept, stage: &Stage, who: &Asker, brought: &Brought) -> DeploymentNew {
    DeploymentNew {
        pipeline: kept.id.clone(),
        stage: stage.name.clone(),
        solution: brought.manifest.unique_name.clone(),
        version: brought.manifest.version.clone(),
        package: brought.hash.clone(),
        content: None,
        state: "refused",
        delegate: stage.delegate.clone(),
        rollback_of: None,
        requested_by: who.name.clone(),
        detail: Value::Null,
    }
}

/// What would be recorded.
fn planned(new: DeploymentNew) -> Deployment {
    let state = if new.state == "running" { "planned" } else { new.state };
    Deployment {
        id: String::new(),
        pipeline: new.pipeline,
        stage: new.stage,
        solution: new.solution,
        version: new.version,
        package: new.package,
        state: state.to_owned(),
        delegate: new.delegate,
        rollback_of: new.rollback_of,
        requested_by: new.requested_by,
        requested_on: 0,
        decided_by: None,
        decided_on: None,
        remark: None,
        started_on: None,
        completed_on: None,
        detail: new.detail,
    }
}

/// The package for a stage. What goes into a later stage is what the stage before has deployed, to the
/// byte: otherwise what was tried there says nothing of what comes.
async fn package_for(
    app: &App,
    who: &Asker,
    kept: &PipelineKept,
    at: usize,
    given: Option<Vec<u8>>,
) -> Result<Vec<u8>> {
    let Some(before) = at.checked_sub(1).map(|at| &kept.pipeline.stages[at]) else {
        return match (given, &kept.pipeline.source) {
            (Some(file), _) => Ok(file),
            (None, Some(source)) => exported(app, who, source, &kept.pipeline.solution).await,
            (None, None) => Err(OperationError::invalid(
                "the pipeline has no source to export from",
                "give the package: connref pipeline deploy PIPELINE --stage STAGE --path ZIP",
            )),
        };
    };
    let environment = app.store().environment_get(&PIPELINE, &before.environment).await?;
    let rows = app.store().deployment_list(&PIPELINE, &environment.id, &kept.id).await?;
    let done: Vec<&Deployment> = rows.iter().filter(|row| is_release(row, &before.name)).collect();
    let wanted = given.as_deref().map(Brought::hash_of);
    let found = match &wanted {
        Some(hash) => done.iter().rev().find(|row| &row.package == hash),
        None => done.last(),
    };
    let Some(row) = found else {
        let what = if wanted.is_some() { "this package has" } else { "nothing has" };
        return Err(OperationError::conflict(
            format!("{what} succeeded in stage `{}` yet", before.name),
            &format!("connref pipeline deploy {} --stage {}", kept.pipeline.name, before.name),
        ));
    };
    Ok(app.store().deployment_package(&PIPELINE, &environment.id, &row.package).await?)
}

/// Exported by whoever asks, with their own rights in the source.
async fn exported(app: &App, who: &Asker, source: &str, solution: &str) -> Result<Vec<u8>> {
    let environment = app.store().environment_get(&PIPELINE, source).await?;
    let caller = app.store().caller_find(&environment.id, &who.name).await?;
    let cx = Context { app: app.clone(), caller, environment };
    solution_export(&cx, solution, true).await
}

fn is_release(row: &Deployment, stage: &str) -> bool {
    row.stage.eq_ignore_ascii_case(stage) && matches!(row.state.as_str(), "succeeded" | "partly")
}

/// Approves or rejects a deployment that waits; what is approved is carried out at once.
pub async fn deployment_decide(
    app: &App,
    who: &Asker,
    pipeline: &str,
    id: &str,
    approve: bool,
    remark: Option<String>,
) -> Result<Deployment> {
    let kept = pipeline_get(app, who, pipeline).await?;
    let row = find(app, &kept, id).await?;
    let (_, stage) = kept.stage(&row.stage)?;
    may_decide(stage, who, &row.requested_by).map_err(|attempt| denied(who, attempt))?;
    if row.state != "waiting" {
        return Err(OperationError::conflict(
            format!("the deployment waits for nobody: it is {}", row.state),
            &format!("connref pipeline history {}", kept.pipeline.name),
        ));
    }
    if remark.as_ref().is_some_and(|text| text.chars().count() > 2_000) {
        return Err(OperationError::invalid("the comment is longer than 2,000 characters", ""));
    }
    let place = kept.place(app, stage).await?;
    if approve && row.detail["stageHash"] != kept.stage_hash(stage).as_str() {
        return Err(OperationError::conflict(
            "the stage or its settings were changed since it was asked for",
            "reject it, and ask again",
        ));
    }
    let environment = place.cx.environment.id.clone();
    let lock = if approve { Some(turn(&place).await?) } else { None };
    let change = DeploymentChange {
        from: "waiting",
        to: if approve { "running" } else { "rejected" },
        decided: Some((who.name.clone(), remark)),
        detail: None,
    };
    let row = app.store().deployment_change(&PIPELINE, &environment, &row.id, change).await?;
    let Some(lock) = lock else { return Ok(row) };
    let file = app.store().deployment_package(&PIPELINE, &environment, &row.package).await?;
    let brought = Brought::read(file, &kept.pipeline.solution)?;
    carry_out(place, brought, row, None, lock).await
}

/// Brings back the release before, or the one of a deployment: its package and the bindings recorded with
/// it, in one import, so all of it or nothing.
pub async fn deployment_roll_back(
    app: &App,
    who: &Asker,
    pipeline: &str,
    stage: &str,
    to: Option<&str>,
    plan_only: bool,
) -> Result<Deployment> {
    let kept = pipeline_get(app, who, pipeline).await?;
    let (_, stage) = kept.stage(stage)?;
    may_roll_back(stage, who).map_err(|attempt| denied(who, attempt))?;
    let place = kept.place(app, stage).await?;
    let environment = place.cx.environment.id.clone();
    let rows = app.store().deployment_list(&PIPELINE, &environment, &kept.id).await?;
    let target = target(&kept, &rows, &stage.name, to)?.clone();
    let file = app.store().deployment_package(&PIPELINE, &environment, &target.package).await?;
    let brought = Brought::read(file, &kept.pipeline.solution)?;
    let settings = recorded(&target, &kept.pipeline.solution)?;
    let place = Place {
        settings_document: serde_json::from_slice(&settings_write(&settings))
            .map_err(|source| StoreError::Document { kind: "deployment settings", source })?,
        settings: Some(settings),
        ..place
    };
    let mut detail = json!({});
    let allowed = foreseen(&place, &brought, Some(&target), &mut detail).await?;
    let new = DeploymentNew {
        state: if allowed { "running" } else { "refused" },
        rollback_of: Some(target.id.clone()),
        detail,
        ..record(&kept, stage, who, &brought)
    };
    if plan_only {
        return Ok(planned(new));
    }
    if !allowed {
        return Ok(app.store().deployment_create(&PIPELINE, &environment, new).await?);
    }
    let lock = turn(&place).await?;
    let row = app.store().deployment_create(&PIPELINE, &environment, new).await?;
    carry_out(place, brought, row, Some(target), lock).await
}

fn target<'r>(
    kept: &PipelineKept,
    rows: &'r [Deployment],
    stage: &str,
    to: Option<&str>,
) -> Result<&'r Deployment> {
    let done: Vec<&Deployment> = rows.iter().filter(|row| is_release(row, stage)).collect();
    let history = format!("connref pipeline history {} --stage {stage}", kept.pipeline.name);
    let id = match to {
        Some(id) => Some(id.to_owned()),
        None => {
            let releases: Vec<Release> = done
                .iter()
                .map(|row| Release { id: row.id.clone(), back_to: row.rollback_of.clone() })
                .collect();
            release_before(&releases)
        }
    };
    let Some(id) = id else {
        let what = format!("stage `{stage}` has no release before the present one");
        return Err(OperationError::conflict(what, &history));
    };
    let found = done.into_iter().find(|row| row.id.eq_ignore_ascii_case(&id));
    found.ok_or_else(|| {
        let what = format!("deployment `{id}` is no release of stage `{stage}`");
        OperationError::conflict(what, &history)
    })
}

/// The settings that bring a release back: what its references were bound to, and the values it was
/// deployed with.
fn recorded(target: &Deployment, solution: &str) -> Result<DeploymentSettings> {
    let mut settings = match &target.detail["settings"] {
        Value::Null => DeploymentSettings::default(),
        value => settings_of(value, solution)?,
    };
    let bindings = target.detail["bindings"].as_array().into_iter().flatten();
    settings.references = bindings
        .filter_map(|one| {
            Some(SettingsReference {
                logical_name: LogicalName::new(one["reference"].as_str()?),
                connection_id: one["connection"].as_str()?.to_owned(),
                api_name: None,
                owner: None,
            })
        })
        .collect();
    Ok(settings)
}

/// A deployment by id or unique prefix.
async fn find(app: &App, kept: &PipelineKept, id: &str) -> Result<Deployment> {
    let wanted = id.to_lowercase();
    let all = history(app, kept, None).await?;
    let mut fitting =
        all.into_iter().filter(|row| !wanted.is_empty() && row.id.starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(_)) if one.id == wanted => Ok(one),
        (Some(_), Some(_)) => Err(OperationError::invalid(
            format!("`{id}` begins the ids of several deployments"),
            "give more of it",
        )),
        (None, _) => Err(StoreError::not_found("deployment", id).into()),
    }
}

/// A deployment of a pipeline.
pub async fn deployment_get(
    app: &App,
    who: &Asker,
    pipeline: &str,
    id: &str,
) -> Result<Deployment> {
    let kept = pipeline_get(app, who, pipeline).await?;
    find(app, &kept, id).await
}

/// The deployments of a pipeline, oldest first.
pub async fn deployment_list(
    app: &App,
    who: &Asker,
    pipeline: &str,
    stage: Option<&str>,
) -> Result<Vec<Deployment>> {
    let kept = pipeline_get(app, who, pipeline).await?;
    history(app, &kept, stage).await
}

async fn history(app: &App, kept: &PipelineKept, stage: Option<&str>) -> Result<Vec<Deployment>> {
    if let Some(stage) = stage {
        kept.stage(stage)?;
    }
    let mut all = Vec::new();
    for one in &kept.pipeline.stages {
        if stage.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&one.name)) {
            let environment = app.store().environment_get(&PIPELINE, &one.environment).await?.id;
            let list = || app.store().deployment_list(&PIPELINE, &environment, &kept.id);
            let mut rows = list().await?;
            // What nobody carries out any more is not shown as if it ran.
            if rows.iter().any(|row| row.state == "running")
                && app.store().pipeline_lock(&PIPELINE, &environment).await?.is_some()
            {
                rows = list().await?;
            }
            all.extend(rows);
        }
    }
    all.sort_by(|a, b| (a.requested_on, &a.id).cmp(&(b.requested_on, &b.id)));
    Ok(all)
}
