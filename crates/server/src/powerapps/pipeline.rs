//! Pipelines and their deployments, at addresses of our own: the vendor has them as tables of a host
//! environment, whose clients need that environment.
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_review::pipeline::Asker;
use connref_store::deployment::Deployment;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::time::iso;
use super::{Caller, Failure};
use crate::operation::deployment::{
    DeploymentAsked, deployment_decide, deployment_get, deployment_list, deployment_request,
    deployment_roll_back,
};
use crate::operation::pipeline::{
    PipelineKept, pipeline_delete, pipeline_get, pipeline_list, pipeline_set,
};

/// Who asks. Acting as somebody by row id has no meaning here: no environment is entered.
fn asker(caller: &Caller) -> Result<Asker, Failure> {
    if ["CallerObjectId", "MSCRMCallerID"].iter().any(|name| caller.header(name).is_some()) {
        return Err(Failure::bad_request(
            "ImpersonationNotSupported",
            "pipelines are used as oneself",
            "sign in as that user: leave --as away, and use their token",
        ));
    }
    caller.asker()
}

pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let all = pipeline_list(caller.app(), &asker(&caller)?).await?;
    Ok(Json(json!({"value": all.iter().map(row).collect::<Vec<_>>()})))
}

pub(crate) async fn get(caller: Caller, Path(name): Path<String>) -> Result<Json<Value>, Failure> {
    Ok(Json(row(&pipeline_get(caller.app(), &asker(&caller)?, &name).await?)))
}

/// Makes a pipeline; one of the same name is replaced.
pub(crate) async fn create(
    caller: Caller,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    asker(&caller)?;
    let (kept, warnings) = pipeline_set(caller.app(), &caller.installation()?, &body).await?;
    let mut answer = row(&kept);
    answer["warnings"] = json!(warnings);
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(crate) async fn delete(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    asker(&caller)?;
    pipeline_delete(caller.app(), &caller.installation()?, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn row(kept: &PipelineKept) -> Value {
    json!({"id": kept.id, "name": kept.pipeline.name, "pipeline": kept.document()})
}

pub(crate) async fn deploy(
    caller: Caller,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failure> {
    let body: Deploy = read(body)?;
    let package = match body.package {
        None => None,
        Some(text) => Some(STANDARD.decode(text).map_err(|_| {
            Failure::bad_request(
                "InvalidRequest",
                "`package` is not base64",
                "send the zip in base64",
            )
        })?),
    };
    let asked = DeploymentAsked { stage: body.stage, package, plan_only: body.plan_only };
    let done = deployment_request(caller.app(), &asker(&caller)?, &name, asked).await?;
    Ok(Json(deployment(&done)))
}

/// A word that is not known could be a slip for one that keeps a change back, so it is refused.
fn read<T: DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body).map_err(|error| {
        let what = format!("the request cannot be used: {error}");
        Failure::bad_request("InvalidRequest", what, "see docs/howto/pipelines.md")
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Deploy {
    stage: String,
    package: Option<String>,
    #[serde(default)]
    plan_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decide {
    approve: bool,
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RollBack {
    stage: String,
    to: Option<String>,
    #[serde(default)]
    plan_only: bool,
}

pub(crate) async fn history(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Failure> {
    let stage = caller.query.get("stage").map(String::as_str);
    let all = deployment_list(caller.app(), &asker(&caller)?, &name, stage).await?;
    Ok(Json(json!({"value": all.iter().map(deployment).collect::<Vec<_>>()})))
}

pub(crate) async fn show(
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Value>, Failure> {
    let one = deployment_get(caller.app(), &asker(&caller)?, &name, &id).await?;
    Ok(Json(deployment(&one)))
}

pub(crate) async fn decide(
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failure> {
    let body: Decide = read(body)?;
    let remark = body.comment.filter(|text| !text.is_empty());
    let who = asker(&caller)?;
    let done = deployment_decide(caller.app(), &who, &name, &id, body.approve, remark).await?;
    Ok(Json(deployment(&done)))
}

pub(crate) async fn roll_back(
    caller: Caller,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failure> {
    let body: RollBack = read(body)?;
    let who = asker(&caller)?;
    let (stage, to) = (&body.stage, body.to.as_deref());
    let done = deployment_roll_back(caller.app(), &who, &name, stage, to, body.plan_only).await?;
    Ok(Json(deployment(&done)))
}

/// A deployment as it is told. Which connections are bound stays inside: whoever asks for deployments
/// need not see them.
fn deployment(one: &Deployment) -> Value {
    let time = |at: Option<i64>| at.map(iso);
    let detail = &one.detail;
    let bindings = detail["bindings"].as_array().into_iter().flatten().map(|binding| {
        json!({
            "reference": binding["reference"], "version": binding["version"],
            "bound": !binding["connection"].is_null(),
        })
    });
    let list = |name: &str| detail[name].as_array().cloned().unwrap_or_default();
    json!({
        "id": one.id,
        "stage": one.stage,
        "solution": one.solution,
        "version": one.version,
        "package": one.package,
        "state": one.state,
        "delegate": one.delegate,
        "rollbackOf": one.rollback_of,
        "requestedBy": one.requested_by,
        "requestedOn": time(Some(one.requested_on).filter(|at| *at != 0)),
        "decidedBy": one.decided_by,
        "decidedOn": time(one.decided_on),
        "comment": one.remark,
        "startedOn": time(one.started_on),
        "completedOn": time(one.completed_on),
        "findings": list("findings"),
        "failedFindings": detail["failed"].as_u64().unwrap_or_default(),
        "refusals": list("refusals"),
        "references": list("references"),
        "flows": list("flows"),
        "notReturned": list("notReturned"),
        "notes": list("notes"),
        "bindings": bindings.collect::<Vec<_>>(),
        "why": detail["why"],
    })
}
