//! Flows: making, turning on and off, running, and why one is off.
use connref_engine::runner::{RunRequest, StartedRun};
use connref_flow::Value;
use connref_review::activation::flow_activation_in;
use connref_review::index::Index;
use connref_review::policy::flow_body_policy;
use connref_review::{Activation, flow_activation};
use connref_solution::document::json::JsonDocument;
use connref_solution::model::facts::{FlowFacts, FlowState};
use connref_solution::model::{ConnectionId, FlowId, RunId};
use connref_store::StoreError;
use connref_store::flow::{FlowLevel, FlowNew, FlowUpdate};
use connref_store::run::{Run, RunEvent};
use serde_json::json;

use super::{OperationError, Result, judged, principal};
use crate::Context;

/// A flow to make.
#[derive(Clone, Debug)]
pub struct FlowCreate {
    /// Id; made if missing.
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// The body.
    pub client_data: String,
    /// Unique name of the unmanaged solution it is added to.
    pub solution: Option<String>,
}

/// Makes a flow, off.
pub async fn flow_create(cx: &Context, new: FlowCreate) -> Result<FlowId> {
    if new.name.trim().is_empty() || new.name.len() > 256 {
        return Err(OperationError::invalid("a flow's name has 1 to 256 characters", ""));
    }
    body_check(&new.client_data)?;
    let solution = match &new.solution {
        Some(name) => Some(super::solution::unmanaged(cx, name).await?),
        None => None,
    };
    let row = FlowNew {
        id: new.id.map(FlowId::from),
        name: new.name,
        description: new.description,
        client_data: new.client_data,
        solution,
    };
    Ok(cx.store().flow_create(&cx.caller, &cx.environment.id, row).await?)
}

/// Refuses a body that is none: JSON of bounded depth with a definition.
fn body_check(client_data: &str) -> Result<()> {
    let refuse = |why: &str| {
        OperationError::invalid(
            format!("the flow's body cannot be read: {why}"),
            "give the JSON of a cloud flow: {\"properties\": {\"connectionReferences\": …, \"definition\": …}, \
             \"schemaVersion\": \"1.0.0.0\"}",
        )
    };
    let json =
        JsonDocument::parse(client_data.as_bytes()).map_err(|error| refuse(&error.to_string()))?;
    if json.value().pointer("/properties/definition").is_some_and(serde_json::Value::is_object) {
        return Ok(());
    }
    Err(refuse("it has no `properties.definition`"))
}

/// Changes name, description or body.
pub async fn flow_update(cx: &Context, id: &str, update: FlowUpdate) -> Result<()> {
    if let Some(body) = &update.client_data {
        body_check(body)?;
    }
    let id = FlowId::new(id);
    if let Some(body) = &update.client_data {
        policy_check(cx, &id, body).await?;
    }
    Ok(cx.store().flow_update(&cx.caller, &cx.environment.id, &id, update).await?)
}

/// Refuses a new body of a flow that is on if it breaks a data policy. One that is off is judged when
/// it is turned on.
async fn policy_check(cx: &Context, id: &FlowId, client_data: &str) -> Result<()> {
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let on = facts.flow(id).is_some_and(|flow| flow.state == FlowState::On);
    if !on || facts.policies.is_empty() {
        return Ok(());
    }
    let refusals = flow_body_policy(&facts, id, client_data);
    if refusals.is_empty() { Ok(()) } else { Err(OperationError::from(refusals)) }
}

/// Turns a flow on, if nothing forbids it, or off.
pub async fn flow_state_set(cx: &Context, id: &str, on: bool) -> Result<()> {
    let (id, caller) = (FlowId::new(id), principal(cx)?);
    let result = judged(cx, |facts| {
        let (cx, id, caller) = (cx.clone(), id.clone(), caller.clone());
        async move {
            if on {
                let activation = flow_activation(&facts, &id, &caller);
                if !activation.allowed() {
                    return Err(OperationError::from(activation.refusals));
                }
            }
            let version = facts.environment.version;
            Ok(cx.store().flow_state_set(&cx.caller, &cx.environment.id, version, &id, on).await?)
        }
    })
    .await;
    if let Err(OperationError::Refused { refusals }) = &result {
        let codes: Vec<_> = refusals.iter().map(|r| r.code).collect();
        let detail = json!({"codes": codes});
        cx.store()
            .audit_record(
                &cx.caller,
                &cx.environment.id,
                "flow_on_refused",
                "flow",
                id.as_str(),
                detail,
            )
            .await?;
    }
    result
}

/// Deletes a flow.
pub async fn flow_delete(cx: &Context, id: &str) -> Result<()> {
    Ok(cx.store().flow_delete(&cx.caller, &cx.environment.id, &FlowId::new(id)).await?)
}

/// Shares a flow with a run-only user or a co-owner; with `None` it is neither any more.
pub async fn flow_share(
    cx: &Context,
    id: &str,
    with: &str,
    level: Option<FlowLevel>,
) -> Result<()> {
    let to = cx.store().share_receiver(&cx.caller, &cx.environment.id, with).await?;
    let id = FlowId::new(id);
    Ok(cx.store().flow_share(&cx.caller, &cx.environment.id, &id, &to.id, level).await?)
}

/// Why a flow is off, or what turning it on would meet.
#[derive(Clone, Debug)]
pub struct FlowWhy {
    /// The flow.
    pub flow: FlowFacts,
    /// What turning it on by the caller meets.
    pub activation: Activation,
}

/// Judges turning on without doing it.
pub async fn flow_why(cx: &Context, id: &str) -> Result<FlowWhy> {
    let id = FlowId::new(id);
    // To whoever may not read it, it does not exist.
    cx.store().flow_shares(&cx.caller, &cx.environment.id, &id).await?;
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let flow = facts.flow(&id).ok_or_else(|| StoreError::not_found("flow", id.as_str()))?.clone();
    let activation = flow_activation(&facts, &id, &principal(cx)?);
    Ok(FlowWhy { flow, activation })
}

/// The same for every flow of a solution that the caller may read: one judgement over one snapshot.
pub async fn flows_why(cx: &Context, solution: &str) -> Result<Vec<FlowWhy>> {
    let caller = principal(cx)?;
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let solution =
        facts.solution(solution).ok_or_else(|| StoreError::not_found("solution", solution))?;
    let index = Index::new(&facts);
    let mut all = Vec::new();
    for flow in facts.flows.iter().filter(|flow| flow.solutions.contains(&solution.id)) {
        match cx.store().flow_shares(&cx.caller, &cx.environment.id, &flow.id).await {
            Ok(_) => {}
            // Not to be seen, or gone since.
            Err(StoreError::NotFound { .. } | StoreError::Denied { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        let activation = flow_activation_in(&index, &flow.id, &caller);
        all.push(FlowWhy { flow: flow.clone(), activation });
    }
    Ok(all)
}

/// Starts a flow by hand.
pub async fn flow_run(
    cx: &Context,
    id: &str,
    trigger: &str,
    outputs: Value,
    choices: Vec<(String, ConnectionId)>,
) -> Result<Vec<StartedRun>> {
    let request = RunRequest {
        environment: cx.environment.id.clone(),
        flow: FlowId::new(id),
        trigger: trigger.to_owned(),
        outputs,
        choices,
        secured: false,
    };
    Ok(cx.app.runner().run_start(&cx.caller, request).await?)
}

/// The runs of a flow, newest first.
pub async fn run_list(cx: &Context, flow: Option<&str>, top: i64) -> Result<Vec<Run>> {
    let flow = flow.map(FlowId::new);
    Ok(cx.store().run_list(&cx.caller, &cx.environment.id, flow, top).await?)
}

/// Refuses if there is no such flow for the caller: who may read it, or may run it.
pub async fn flow_visible(cx: &Context, id: &str) -> Result<()> {
    let id = FlowId::new(id);
    let (store, environment) = (cx.store(), &cx.environment.id);
    if store.flow_shares(&cx.caller, environment, &id).await.is_ok() {
        return Ok(());
    }
    Ok(store.flow_run_authorize(&cx.caller, environment, &id).await?)
}

/// Ends a run that goes on; nothing of it is carried out from here on.
pub async fn run_cancel(cx: &Context, id: &str) -> Result<()> {
    Ok(cx.store().run_cancel(&cx.caller, &cx.environment.id, &RunId::new(id)).await?)
}

/// Ends every run of a flow that goes on, as far as the caller sees them; answers how many.
pub async fn run_cancel_all(cx: &Context, flow: &str) -> Result<usize> {
    flow_visible(cx, flow).await?;
    let (store, environment) = (cx.store(), &cx.environment.id);
    let mut ended = 0;
    loop {
        let active = store.run_list_active(&cx.caller, environment, FlowId::new(flow)).await?;
        if active.is_empty() {
            return Ok(ended);
        }
        for run in active {
            match store.run_cancel(&cx.caller, environment, &run.id).await {
                Ok(()) => ended += 1,
                // It ended by itself meanwhile.
                Err(StoreError::Invalid(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Starts a flow again with what the trigger of one of its runs brought.
pub async fn run_resubmit(
    cx: &Context,
    flow: &str,
    trigger: &str,
    run: &str,
) -> Result<Vec<StartedRun>> {
    let id = RunId::new(run);
    let found = cx.store().run_get(&cx.caller, &cx.environment.id, &id).await?;
    if !found.flow.as_str().eq_ignore_ascii_case(flow) {
        return Err(StoreError::not_found("run", run).into());
    }
    if found.secured {
        return Err(OperationError::invalid(
            format!("run `{run}` cannot be started again: what it started with is hidden"),
            "start the flow anew with the data at hand",
        ));
    }
    let start: serde_json::Value = serde_json::from_str(&found.start)
        .map_err(|source| StoreError::Document { kind: "run", source })?;
    let choices = start["choices"].as_object().into_iter().flatten();
    let choices = choices
        .filter_map(|(key, id)| Some((key.clone(), ConnectionId::new(id.as_str()?))))
        .collect();
    flow_run(cx, flow, trigger, Value::from_json(&start["outputs"]), choices).await
}

/// A run with its journal.
pub async fn run_get(cx: &Context, id: &str) -> Result<(Run, Vec<RunEvent>)> {
    let id = RunId::new(id);
    let run = cx.store().run_get(&cx.caller, &cx.environment.id, &id).await?;
    let events = cx.store().run_events(&cx.caller, &cx.environment.id, &id).await?;
    Ok((run, events))
}
