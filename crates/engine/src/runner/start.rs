//! Starting a run, and taking one up again after its node is gone.
use std::collections::BTreeMap;
use std::sync::Arc;

use connref_flow::plan::{trigger_fires, trigger_split};
use connref_flow::{Object, RunStart, Value};
use connref_solution::model::facts::{FlowFacts, FlowState, VariableFacts};
use connref_solution::model::{EnvironmentId, Facts, FlowId, PrincipalId, RunId};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::run::RunNew;
use connref_store::run_secret::RunPart;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use super::compiled::Compiled;
use super::drive::{Carried, LEASE, drive};
use super::hidden::Hidden;
use super::journal::{Start, event_read, start_read, start_write};
use super::{Inner, Progress, RunError, RunRequest, StartedRun};

/// The runner as a caller of the store: what it may was judged before, call by call.
pub(super) const RUNNER: Caller = Caller::System("runner");

pub(super) async fn start(
    inner: &Arc<Inner>,
    caller: &Caller,
    request: RunRequest,
) -> Result<Vec<StartedRun>, RunError> {
    let store = &inner.store;
    store.flow_run_authorize(caller, &request.environment, &request.flow).await?;
    let snapshot = inner.resolver.snapshot(&request.environment).await?;
    let facts = &snapshot.facts;
    let flow = running_flow(facts, &request.flow)?;
    let principal = caller.principal().cloned().unwrap_or_else(|| flow.owner.clone());
    let compiled = snapshot.flow(inner, &request.environment, &request.flow).await?;
    let Some(trigger) = compiled.definition.trigger(&request.trigger) else {
        let (flow, trigger) = (compiled.name.clone(), request.trigger.clone());
        return Err(RunError::NoTrigger { flow, trigger });
    };
    let mut plan = RunStart {
        run_id: String::new(),
        seed: 0,
        started_at: store.now(),
        trigger_name: trigger.name.clone(),
        trigger_outputs: request.outputs.clone(),
        parameters: parameters(&compiled, facts)?,
        workflow: workflow(facts, flow),
        callback_url: None,
    };
    let fail = |message: String| RunError::Trigger { flow: compiled.name.clone(), message };
    let mut started = Vec::new();
    for outputs in trigger_split(&compiled.definition, &plan).map_err(|e| fail(e.message))? {
        plan.trigger_outputs = outputs;
        if !trigger_fires(&compiled.definition, &plan).map_err(|e| fail(e.message))? {
            continue;
        }
        let id = RunId::new(&store.ids().run_id(plan.started_at));
        let start = Start { plan: plan.clone(), choices: request.choices.clone() };
        let hidden = Arc::default();
        let new = NewRun { id, principal: principal.clone(), parent: None, hidden };
        started.push(begin(inner, &request, &compiled, start, new).await?);
    }
    Ok(started)
}

/// A child run. Its id follows from the call, so that a parent that was interrupted finds the child
/// it had started instead of starting another.
pub(super) async fn start_child(
    inner: &Arc<Inner>,
    request: RunRequest,
    parent: &Carried,
    id: RunId,
) -> Result<StartedRun, RunError> {
    let snapshot = inner.resolver.snapshot(&request.environment).await?;
    let facts = &snapshot.facts;
    let flow = running_flow(facts, &request.flow)?;
    let mut request = request;
    request.trigger = flow.trigger.as_ref().map(|t| t.name.clone()).unwrap_or_default();
    let compiled = snapshot.flow(inner, &request.environment, &request.flow).await?;
    let plan = RunStart {
        run_id: String::new(),
        seed: 0,
        started_at: inner.store.now(),
        trigger_name: request.trigger.clone(),
        trigger_outputs: request.outputs.clone(),
        parameters: parameters(&compiled, facts)?,
        workflow: workflow(facts, flow),
        callback_url: None,
    };
    let start = Start { plan, choices: request.choices.clone() };
    let new = NewRun {
        id,
        principal: parent.principal.clone(),
        parent: Some(parent.run.clone()),
        hidden: Arc::clone(&parent.hidden),
    };
    begin(inner, &request, &compiled, start, new).await
}

struct NewRun {
    id: RunId,
    principal: PrincipalId,
    parent: Option<RunId>,
    hidden: Arc<Hidden>,
}

/// Whether what a run starts with must not be shown: the trigger's outputs or a secured parameter.
fn starts_secured(compiled: &Compiled, request: &RunRequest, start: &Start) -> bool {
    let trigger = compiled.definition.trigger(&request.trigger);
    let parameters = &start.plan.parameters;
    request.secured
        || trigger.is_some_and(|trigger| trigger.secure_inputs || trigger.secure_outputs)
        || compiled
            .definition
            .parameters()
            .iter()
            .any(|parameter| parameter.is_secure() && parameters.contains_key(&parameter.name))
}

async fn begin(
    inner: &Arc<Inner>,
    request: &RunRequest,
    compiled: &Arc<Compiled>,
    mut start: Start,
    new: NewRun,
) -> Result<StartedRun, RunError> {
    let mut seed = [0_u8; 8];
    inner.store.ids().fill(&mut seed);
    start.plan.seed = u64::from_be_bytes(seed);
    new.id.as_str().clone_into(&mut start.plan.run_id);
    let now = start.plan.started_at;
    let written = start_write(&start, starts_secured(compiled, request, &start));
    let secured = written.secret.is_some();
    if let Some(text) = written.secret {
        let (environment, text) = (&request.environment, text.into());
        inner.store.run_secret_put(environment, &new.id, None, RunPart::Start, &text).await?;
    }
    let row = RunNew {
        id: new.id.clone(),
        flow: request.flow.clone(),
        definition_version: compiled.version,
        caller: new.principal.as_str().to_owned(),
        parent: new.parent,
        start: written.open,
        secured,
        started_on: now,
        node: inner.node.clone(),
        lease_until: now + LEASE,
    };
    let fence = inner.store.run_start(&RUNNER, &request.environment, row).await?;
    let carried = Carried {
        environment: request.environment.clone(),
        flow: request.flow.clone(),
        run: new.id.clone(),
        fence,
        principal: new.principal,
        compiled: Arc::clone(compiled),
        start,
        journal: Vec::new(),
        hidden: new.hidden,
    };
    Ok(spawn(inner, carried))
}

fn spawn(inner: &Arc<Inner>, carried: Carried) -> StartedRun {
    let (tell, progress) = watch::channel(Progress::default());
    let id = carried.run.clone();
    // A task of its own: whoever waits may hang up, the run goes on.
    tokio::spawn(drive(Arc::clone(inner), carried, tell));
    StartedRun { id, progress }
}

pub(super) async fn resume(inner: &Arc<Inner>) -> Result<usize, RunError> {
    let mut count = 0;
    loop {
        let until = inner.store.now() + LEASE;
        let Some((environment, run)) = inner.store.run_claim(&RUNNER, &inner.node, until).await?
        else {
            return Ok(count);
        };
        let version = Some(run.definition_version);
        let source = inner.store.flow_definition(&RUNNER, &environment, &run.flow, version).await?;
        let compiled = inner.compiled.flow(environment.as_str(), &source)?;
        let secret = hidden(inner, &environment, &run.id, RunPart::Start, run.secured).await?;
        let secret = secret.as_ref().map(|secret| secret.expose_secret());
        let start = start_read(run.id.as_str(), &run.start, secret)?;
        let mut journal = Vec::new();
        for event in inner.store.run_events(&RUNNER, &environment, &run.id).await? {
            let part = RunPart::Event(event.seq);
            let secret = hidden(inner, &environment, &run.id, part, event.secured).await?;
            let secret = secret.as_ref().map(|secret| secret.expose_secret());
            let read = event_read(&event.path, event.at, &event.payload, secret)
                .map_err(|reason| RunError::Resume { run: run.id.to_string(), reason })?;
            journal.push((read, event));
        }
        let carried = Carried {
            environment,
            flow: run.flow,
            run: run.id,
            fence: run.fence,
            principal: PrincipalId::new(&run.caller),
            compiled,
            start,
            journal,
            hidden: Arc::default(),
        };
        drop(spawn(inner, carried));
        count += 1;
    }
}

/// What a part hides, if it hides something.
async fn hidden(
    inner: &Inner,
    environment: &EnvironmentId,
    run: &RunId,
    part: RunPart,
    secured: bool,
) -> Result<Option<SecretString>, RunError> {
    if !secured {
        return Ok(None);
    }
    match inner.store.run_secret(&RUNNER, environment, run, part).await? {
        Some(secret) => Ok(Some(secret)),
        None => Err(RunError::Resume {
            run: run.to_string(),
            reason: "what it hides is gone".to_owned(),
        }),
    }
}

fn running_flow<'a>(facts: &'a Facts, id: &FlowId) -> Result<&'a FlowFacts, RunError> {
    let flow = facts.flow(id).ok_or_else(|| StoreError::not_found("flow", id.as_str()))?;
    let state = match flow.state {
        FlowState::On => return Ok(flow),
        FlowState::Off => "off",
        FlowState::Suspended => "suspended",
    };
    Err(RunError::NotOn { flow: flow.name.clone(), state })
}

/// Values of the definition's parameters that stand for environment variables, frozen for the run.
fn parameters(compiled: &Compiled, facts: &Facts) -> Result<BTreeMap<String, Value>, RunError> {
    let mut values = BTreeMap::new();
    for parameter in compiled.definition.parameters() {
        let Some(schema) = &parameter.environment_variable else { continue };
        let found =
            facts.variables.iter().find(|v| v.schema_name.as_str().eq_ignore_ascii_case(schema));
        let text =
            found.and_then(|v: &VariableFacts| v.value.as_ref().or(v.default_value.as_ref()));
        let Some(text) = text else { continue };
        let value = typed(text, &parameter.type_name).ok_or_else(|| RunError::Variable {
            flow: compiled.name.clone(),
            variable: schema.clone(),
            kind: parameter.type_name.clone(),
        })?;
        values.insert(parameter.name.clone(), value);
    }
    Ok(values)
}

/// A variable's text as the type the definition declares.
fn typed(text: &str, kind: &str) -> Option<Value> {
    match kind.to_ascii_lowercase().as_str() {
        "bool" | "boolean" => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(Value::Bool(true)),
            "false" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        "int" | "integer" => text.trim().parse().ok().map(Value::Int),
        "float" | "number" => text.trim().parse().ok().map(Value::Float),
        "object" | "secureobject" | "array" => Value::from_json_str(text).ok(),
        _ => Some(Value::string(text)),
    }
}

/// `workflow()`: the flow, its environment, and the tags real flows read.
fn workflow(facts: &Facts, flow: &FlowFacts) -> Value {
    let environment = &facts.environment;
    let mut tags = Object::new();
    tags.insert("environmentName", Value::string(environment.id.as_str()));
    tags.insert("environmentDisplayName", Value::string(environment.name.as_str()));
    tags.insert("flowDisplayName", Value::string(flow.name.as_str()));
    tags.insert("logicAppName", Value::string(flow.id.as_str()));
    tags.insert("xrmWorkflowId", Value::string(flow.id.as_str()));
    let mut object = Object::new();
    let id = format!(
        "/providers/Microsoft.ProcessSimple/environments/{}/flows/{}",
        environment.id, flow.id
    );
    object.insert("id", Value::string(id));
    object.insert("name", Value::string(flow.id.as_str()));
    object.insert("type", Value::string("Microsoft.Logic/workflows"));
    object.insert("tags", Value::object(tags));
    Value::object(object)
}
