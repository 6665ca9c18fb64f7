//! A deployment carried out: checked, foreseen, imported by the delegate, flows turned on, and what came
//! of it looked at and recorded.
use std::time::{Duration, Instant};

use connref_review::check::{CheckInput, CheckOptions, CheckSource, check};
use connref_review::{ImportMode, ImportOptions, Refusal, Severity, Standing};
use connref_solution::archive::{Archive, Limits};
use connref_solution::artefact::pipeline_yaml::FailOn;
use connref_solution::model::facts::{EnvironmentKind, FlowState};
use connref_solution::model::package::{Managed, Manifest};
use connref_solution::model::{Facts, LogicalName};
use connref_store::db::Lock;
use connref_store::deployment::{Deployment, DeploymentChange};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::flow::flow_state_set;
use super::pipeline::{PIPELINE, Place};
use super::solution::{SolutionImport, SolutionPlan, solution_import, solution_plan};
use super::{OperationError, Result, with_causes};

/// How long to wait while another import runs in the environment.
const WAIT: Duration = Duration::from_secs(60);
/// Findings that are kept at most.
const FINDINGS_MAX: usize = 100;

/// What a roll back of an unmanaged release says.
const UNMANAGED: &str = "the release is unmanaged: what later ones added is not taken away, as nothing says what was theirs";

/// A package that is to be deployed.
pub(super) struct Brought {
    pub(super) file: Vec<u8>,
    pub(super) hash: String,
    pub(super) manifest: Manifest,
    references: Vec<LogicalName>,
    source: CheckSource,
}

impl Brought {
    pub(super) fn hash_of(file: &[u8]) -> String {
        connref_store::source::hex(&Sha256::digest(file))
    }

    /// Reads it; another solution than the pipeline's is refused.
    pub(super) fn read(file: Vec<u8>, solution: &str) -> Result<Self> {
        let unreadable = |error: &dyn std::error::Error| {
            OperationError::invalid(
                with_causes(error),
                "export the solution again and give the zip as it is",
            )
        };
        let archive =
            Archive::from_zip(&file, &Limits::default()).map_err(|error| unreadable(&error))?;
        let source = CheckSource::read(archive).map_err(|error| unreadable(&error))?;
        let package = source.package();
        let manifest = package.manifest.clone();
        if !manifest.unique_name.eq_ignore_ascii_case(solution) {
            return Err(OperationError::invalid(
                format!(
                    "the package holds `{}`, the pipeline is for `{solution}`",
                    manifest.unique_name
                ),
                "give the package of the pipeline's solution",
            ));
        }
        let references = package.references.iter().map(|one| one.logical_name.clone()).collect();
        Ok(Self { hash: Self::hash_of(&file), file, manifest, references, source })
    }
}

/// Checks the package; answers the beginning of the record.
pub(super) fn checked(brought: &Brought, place: &Place) -> Result<Value> {
    let options = CheckOptions {
        production: place.cx.environment.kind == EnvironmentKind::Production,
        ..CheckOptions::default()
    };
    let least = match place.stage.fail_on {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Never => None,
    };
    let findings = check(&CheckInput::new(&brought.source), &options);
    let told = |one: &&connref_review::Finding| one.severity >= Severity::Warning;
    let failed = findings.iter().filter(|one| least.is_some_and(|least| one.severity >= least));
    let rows = findings.iter().filter(told).take(FINDINGS_MAX).map(|one| {
        json!({"code": one.code, "severity": one.severity.to_string(), "message": one.message})
    });
    Ok(json!({"failed": failed.count(), "findings": rows.collect::<Vec<_>>()}))
}

fn asked(place: &Place, brought: &Brought, facts: &Facts, back: bool) -> SolutionImport {
    let installed = facts.solution(&brought.manifest.unique_name).is_some();
    let managed = brought.manifest.managed == Managed::Managed;
    let upgrade = installed && managed && (place.stage.upgrade || back);
    SolutionImport {
        file: brought.file.clone(),
        settings: place.settings.clone(),
        options: ImportOptions {
            mode: if upgrade { ImportMode::Upgrade } else { ImportMode::Update },
            allow_older: back,
            ..ImportOptions::default()
        },
        job: None,
    }
}

/// Foresees the import as the delegate; whether it is allowed. What it found goes into the record.
pub(super) async fn foreseen(
    place: &Place,
    brought: &Brought,
    back: Option<&Deployment>,
    detail: &mut Value,
) -> Result<bool> {
    let cx = &place.cx;
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let plan = solution_plan(cx, &asked(place, brought, &facts, back.is_some())).await?;
    told(&plan, detail);
    if let Some(target) = back {
        detail["notReturned"] = stays(target, &facts).into();
        if brought.manifest.managed != Managed::Managed {
            detail["notes"] = json!([UNMANAGED]);
        }
    }
    Ok(plan.outcome.is_ok())
}

/// What a plan says of references, flows and refusals.
fn told(plan: &SolutionPlan, detail: &mut Value) {
    let references = plan.references();
    let references = references.iter().map(|one| {
        json!({"name": one.logical_name.as_str(), "state": one.state.as_str(), "code": one.code})
    });
    detail["references"] = references.collect();
    match &plan.outcome {
        Err(refusals) => detail["refusals"] = refusals.iter().map(refusal).collect(),
        Ok(outcome) => {
            let flows = outcome.flows.iter().map(|flow| {
                json!({
                    "name": flow.name, "state": state(flow.state), "wantedOn": flow.wanted_on,
                    "codes": flow.refusals.iter().map(|one| one.code).collect::<Vec<_>>(),
                })
            });
            detail["flows"] = flows.collect();
        }
    }
}

fn refusal(one: &Refusal) -> Value {
    json!({"code": one.code, "message": one.text, "fix": one.fix})
}

fn state(state: FlowState) -> &'static str {
    match state {
        FlowState::On => "on",
        FlowState::Off => "off",
        FlowState::Suspended => "suspended",
    }
}

/// References that a release had unbound and that are bound now: an import never unbinds.
fn stays(target: &Deployment, facts: &Facts) -> Vec<Value> {
    let bindings = target.detail["bindings"].as_array().into_iter().flatten();
    bindings
        .filter(|one| one["connection"].is_null())
        .filter_map(|one| one["reference"].as_str())
        .filter(|name| {
            let here = facts.reference(&LogicalName::new(name));
            here.is_some_and(|here| here.connection.is_some())
        })
        .map(|name| json!(name))
        .collect()
}

/// The lock of pipelines in the environment; whoever comes second waits for a while.
pub(super) async fn turn(place: &Place) -> Result<Lock> {
    let (cx, begun) = (&place.cx, Instant::now());
    loop {
        if let Some(lock) = cx.store().pipeline_lock(&PIPELINE, &cx.environment.id).await? {
            return Ok(lock);
        }
        if begun.elapsed() >= WAIT {
            return Err(OperationError::conflict(
                "another deployment to this environment runs",
                "wait for it: connref pipeline history PIPELINE",
            ));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Carries out a deployment that is recorded as running, on a task of its own: a caller that goes away
/// does not stop it half way.
pub(super) async fn carry_out(
    place: Place,
    brought: Brought,
    row: Deployment,
    back: Option<Deployment>,
    lock: Lock,
) -> Result<Deployment> {
    let task = tokio::spawn(async move {
        let done = carried_out(&place, &brought, row, back.as_ref()).await;
        drop(lock);
        done
    });
    match task.await {
        Ok(done) => done,
        Err(error) => Err(OperationError::Remote { message: with_causes(&error) }),
    }
}

async fn carried_out(
    place: &Place,
    brought: &Brought,
    row: Deployment,
    back: Option<&Deployment>,
) -> Result<Deployment> {
    let mut detail = row.detail.clone();
    // What it was deployed with, for a roll back to it.
    detail["settings"] = place.settings_document.clone();
    let to = match deployed(place, brought, back, &mut detail).await {
        Ok(to) => to,
        Err(error) => {
            if let OperationError::Refused { refusals } = &error {
                detail["refusals"] = refusals.iter().map(refusal).collect();
            }
            detail["why"] = with_causes(&error).into();
            "failed"
        }
    };
    let change = DeploymentChange { from: "running", to, decided: None, detail: Some(detail) };
    let cx = &place.cx;
    Ok(cx.store().deployment_change(&PIPELINE, &cx.environment.id, &row.id, change).await?)
}

/// Imports, turns on, and looks; answers the state.
async fn deployed(
    place: &Place,
    brought: &Brought,
    back: Option<&Deployment>,
    detail: &mut Value,
) -> Result<&'static str> {
    imported(place, brought, back.is_some()).await?;
    place.cx.store().reach("deployment-imported");
    if place.stage.activate {
        turned_on(place, brought).await?;
    }
    let after = looked(place, brought).await?;
    told(&after, detail);
    let bindings = brought.references.iter().filter_map(|name| {
        let here = after.facts.reference(name)?;
        let connection = here.connection.as_ref().map(|id| id.as_str());
        Some(json!({
            "reference": here.logical_name.as_str(), "version": here.binding_version,
            "connection": connection,
        }))
    });
    detail["bindings"] = bindings.collect();
    if let Some(target) = back {
        detail["notReturned"] = stays(target, &after.facts).into();
    }
    let bound = after.references().iter().all(|one| one.state == Standing::Bound);
    let on = after.outcome.as_ref().is_ok_and(|outcome| {
        outcome.flows.iter().all(|flow| !flow.wanted_on || flow.state == FlowState::On)
    });
    Ok(if bound && (on || !place.stage.activate) { "succeeded" } else { "partly" })
}

async fn imported(place: &Place, brought: &Brought, back: bool) -> Result<()> {
    let (cx, begun) = (&place.cx, Instant::now());
    loop {
        let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
        match solution_import(cx, asked(place, brought, &facts, back)).await {
            Err(error) if is_busy(&error) && begun.elapsed() < WAIT => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            done => return done.map(drop),
        }
    }
}

fn is_busy(error: &OperationError) -> bool {
    match error {
        OperationError::Refused { refusals } => {
            refusals.iter().any(|one| one.code == connref_review::catalogue::code::IMPORT_RUNNING)
        }
        OperationError::Conflict { .. } => true,
        _ => false,
    }
}

/// The environment as it is, by the judgement of an import that has nothing to do.
async fn looked(place: &Place, brought: &Brought) -> Result<SolutionPlan> {
    let import = SolutionImport {
        file: brought.file.clone(),
        settings: None,
        options: ImportOptions { skip_lower_version: true, ..ImportOptions::default() },
        job: None,
    };
    solution_plan(&place.cx, &import).await
}

/// Turns on what is to be on. A parent follows its children, so rounds are made until one brings nothing
/// new; what keeps a flow off is told by the look afterwards.
async fn turned_on(place: &Place, brought: &Brought) -> Result<()> {
    loop {
        let plan = looked(place, brought).await?;
        let Ok(outcome) = &plan.outcome else { return Ok(()) };
        let mut progress = false;
        for flow in outcome.flows.iter().filter(|f| f.wanted_on && f.state == FlowState::Off) {
            match flow_state_set(&place.cx, flow.flow.as_str(), true).await {
                Ok(()) => progress = true,
                Err(error) if error.status() < 500 => {}
                Err(error) => return Err(error),
            }
        }
        if !progress {
            return Ok(());
        }
    }
}
