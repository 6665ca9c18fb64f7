//! One call of a run: who may, through what, with which credential, how often.
use std::sync::Arc;
use std::time::Duration;

use connref_flow::{ActionError, ActionStatus, Call, CallKind, CallOutcome, Object, Value};
use connref_review::{Acting, Refusal, Use};
use connref_solution::model::{
    ApiName, ConnectionId, Facts, FlowId, PrincipalId, ReferenceId, RunId,
};
use connref_store::StoreError;
use connref_store::run::RunEvent;
use connref_store::run_secret::RunPart;
use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};

use super::drive::{Carried, RESPONSE_CODE};
use super::hidden::Hidden;
use super::resolve::{ResolveError, Resolved, Wanted};
use super::snapshot::{Endpoint, Material, Snapshot};
use super::start::{RUNNER, start_child};
use super::{Inner, RunRequest};
use crate::connector::custom::{ConnectorTexts, CustomConnector};
use crate::connector::http::{HttpCall, http_call};
use crate::connector::shared_commondataserviceforapps::{own_secret, reads_secret};
use crate::connector::{
    CallContext, CallError, Connector, Credential, OperationCall, OperationResponse, call_paged,
};
use crate::credential::credential_open;
use crate::secret::{VariableError, asks};
use crate::token::{TokenError, TokenKey};

/// The connector that reads the secrets of this environment's variables.
const DATAVERSE: &str = "shared_commondataserviceforapps";
/// Longest wait for one attempt of a synchronous call (facts: flow language, HTTP & connectors).
const ATTEMPT: Duration = Duration::from_secs(120);

/// What a call ends with when nobody accepts who it comes from.
const UNAUTHORIZED: &str = "Unauthorized";

/// The result of a call, with what it went through.
pub(super) struct Made {
    pub(super) path: String,
    pub(super) outcome: CallOutcome,
    pub(super) used: Option<UsedConnection>,
    /// The outcome must not be shown.
    pub(super) secret: bool,
}

/// Which connection a call used, and as whom it acted. What the run records; never a credential.
#[derive(Clone, Debug, PartialEq)]
pub struct UsedConnection {
    /// Connection.
    pub connection: ConnectionId,
    /// Its display name.
    pub name: String,
    /// Reference it was reached through.
    pub reference: Option<ReferenceId>,
    /// Logical name of the reference.
    pub reference_name: Option<String>,
    /// Version of the binding.
    pub binding_version: i64,
    /// `embedded`, `invoker`, `on behalf of`.
    pub mode: String,
    /// The connection's owner.
    pub owner: String,
    /// The account it authenticates as, as far as known.
    pub account: Option<String>,
    /// On whose behalf it acted.
    pub on_behalf_of: Option<String>,
}

impl UsedConnection {
    pub(super) fn to_json(&self) -> Json {
        json!({
            "connection": self.connection.as_str(),
            "connectionName": self.name,
            "reference": self.reference_name,
            "referenceId": self.reference.as_ref().map(ReferenceId::as_str),
            "bindingVersion": self.binding_version,
            "mode": self.mode,
            "owner": self.owner,
            "account": self.account,
            "onBehalfOf": self.on_behalf_of,
        })
    }

    /// Reads it back from a journal row.
    pub(super) fn from_event(event: &RunEvent) -> Option<Self> {
        let json: Json = serde_json::from_str(event.acting.as_deref()?).ok()?;
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Some(Self {
            connection: event.connection.clone()?,
            name: text("connectionName").unwrap_or_default(),
            reference: event.reference.clone(),
            reference_name: text("reference"),
            binding_version: event.binding_version.unwrap_or(0),
            mode: text("mode").unwrap_or_default(),
            owner: text("owner").unwrap_or_default(),
            account: text("account"),
            on_behalf_of: text("onBehalfOf"),
        })
    }

    fn new(facts: &Facts, chosen: &Use) -> Option<Self> {
        let connection = facts.connection(&chosen.connection)?;
        let name = |id: &PrincipalId| {
            facts.principal(id).map_or_else(|| id.to_string(), |p| p.name.clone())
        };
        let (mode, on_behalf_of) = match &chosen.acting {
            Acting::Embedded => ("embedded", None),
            Acting::Invoker => ("invoker", None),
            Acting::OnBehalfOf(id) => ("on behalf of", Some(name(id))),
        };
        let reference = chosen.reference.as_ref();
        Some(Self {
            connection: connection.id.clone(),
            name: connection.display_name.clone(),
            reference: reference.cloned(),
            reference_name: reference
                .and_then(|id| facts.references.iter().find(|r| &r.id == id))
                .map(|r| r.logical_name.as_str().to_owned()),
            binding_version: chosen.binding_version,
            mode: mode.to_owned(),
            owner: name(&connection.owner),
            account: connection.account.clone(),
            on_behalf_of,
        })
    }
}

pub(super) async fn call_make(inner: Arc<Inner>, carried: Arc<Carried>, call: Call) -> Made {
    // Waiting, answering and children hold no socket and take no permit: a parent that waited for
    // its child with a permit in hand could starve it.
    let network = matches!(
        call.kind,
        CallKind::Connection { .. } | CallKind::OldConnection { .. } | CallKind::Http { .. }
    );
    let _permit = if network { inner.calls.acquire().await.ok() } else { None };
    let path = call.path.clone();
    let work = perform(&inner, &carried, &call);
    let limit = call.timeout_us.and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros);
    let (mut outcome, used) = match limit {
        None => work.await,
        Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let message = "The action did not finish within its time limit.";
            (failed(ActionStatus::TimedOut, "ActionTimedOut", message), None)
        }),
    };
    if outcome.status == ActionStatus::Succeeded && call_reads_secret(&call) {
        outcome.secure = true;
        outcome
            .outputs
            .iter()
            .filter_map(|o| o.get("body"))
            .for_each(|b| carried.hidden.add_all(b));
    }
    carried.hidden.guard(&mut outcome);
    let secret = outcome.secure || call.secure_inputs || call.secure_outputs;
    Made { path, outcome, used, secret }
}

fn call_reads_secret(call: &Call) -> bool {
    match &call.kind {
        CallKind::Connection { operation_id, parameters, .. } => {
            reads_secret(operation_id, parameters)
        }
        CallKind::OldConnection { operation_id: Some(id), queries, .. } => {
            reads_secret(id, queries)
        }
        _ => false,
    }
}

type Performed = (CallOutcome, Option<UsedConnection>);

async fn perform(inner: &Arc<Inner>, carried: &Carried, call: &Call) -> Performed {
    match &call.kind {
        CallKind::Wait { until } => {
            let left = until.saturating_sub(inner.store.now()).max(0);
            tokio::time::sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0))).await;
            (succeeded("OK", None), None)
        }
        CallKind::Response { status, headers, body } => {
            let outputs = outputs(*status, Value::object(headers.clone()), body.clone());
            (succeeded(RESPONSE_CODE, Some(outputs)), None)
        }
        CallKind::ChildFlow { workflow_id, body, headers } => {
            (child(inner, carried, call, workflow_id, body, headers).await, None)
        }
        CallKind::Http { .. } => (http(inner, carried, call).await, None),
        CallKind::Connection { connection_key, .. }
        | CallKind::OldConnection { connection_key, .. } => {
            connection(inner, carried, call, connection_key).await
        }
    }
}

/// Judges the use, opens the credential, calls. All at this moment: what was unshared, rebound or
/// disabled a moment ago counts (design rule 5).
async fn connection(inner: &Inner, carried: &Carried, call: &Call, key: &str) -> Performed {
    let wanted = Wanted {
        environment: &carried.environment,
        flow: &carried.flow,
        key,
        principal: &carried.principal,
        choices: &carried.start.choices,
    };
    let resolved = match inner.resolver.resolve(wanted).await {
        Ok(resolved) => resolved,
        Err(error) => return (not_resolved(&error), None),
    };
    let mut used = UsedConnection::new(&resolved.snapshot.facts, &resolved.chosen);
    let (mut outcome, again) = tried(inner, carried, call, &resolved).await;
    if let Some(key) = again
        && outcome.code == UNAUTHORIZED
    {
        // A rotation that the target does not accept is taken back while its time lasts.
        let returned = inner
            .store
            .connection_return(&RUNNER, &key.environment, &key.connection, key.version, true)
            .await;
        // Somebody faster may have taken it back, which is as good.
        if returned.is_ok() {
            inner.tokens.forget(&key);
            outcome = match inner.resolver.resolve_anew(wanted).await {
                Ok(resolved) => tried(inner, carried, call, &resolved).await.0,
                Err(error) => not_resolved(&error),
            };
        }
    }
    if outcome.code == UNAUTHORIZED
        && let Some(reference) = &resolved.chosen.reference
    {
        // So is a tested binding, to the connection before it.
        let version = resolved.chosen.binding_version;
        let place = &carried.environment;
        let returned = inner.store.reference_return(&RUNNER, place, reference, version).await;
        if returned.is_ok_and(|done| done)
            && let Ok(resolved) = inner.resolver.resolve_anew(wanted).await
        {
            used = UsedConnection::new(&resolved.snapshot.facts, &resolved.chosen);
            outcome = tried(inner, carried, call, &resolved).await.0;
        }
    }
    (outcome, used)
}

fn not_resolved(error: &ResolveError) -> CallOutcome {
    match error {
        ResolveError::Refused(refusal) => refused(refusal),
        ResolveError::Store(error) => {
            failed(ActionStatus::Failed, "InternalError", &error.to_string())
        }
    }
}

/// The outcome, and the credential's key if a previous one may come back.
async fn tried(
    inner: &Inner,
    carried: &Carried,
    call: &Call,
    resolved: &Resolved,
) -> (CallOutcome, Option<TokenKey>) {
    match prepare(inner, carried, resolved).await {
        Ok(prepared) => {
            let outcome =
                attempts(inner, call, || attempt_once(inner, carried, call, &prepared)).await;
            (outcome, prepared.returnable.then(|| prepared.material.endpoint.key.clone()))
        }
        Err((code, message)) => (failed(ActionStatus::Failed, code, &message), None),
    }
}

/// Everything one attempt needs.
struct Prepared {
    connector: Arc<dyn Connector>,
    snapshot: Arc<Snapshot>,
    material: Arc<Material>,
    /// The credential is so new that the one before may come back.
    returnable: bool,
    on_behalf_of: Option<PrincipalId>,
}

type Failure = (&'static str, String);

async fn prepare(
    inner: &Inner,
    carried: &Carried,
    resolved: &Resolved,
) -> Result<Prepared, Failure> {
    let Resolved { snapshot, chosen, material } = resolved;
    let connector = connector_for(inner, carried, snapshot, &material.endpoint.api_name).await?;
    let on_behalf_of = match &chosen.acting {
        Acting::OnBehalfOf(id) => Some(id.clone()),
        _ => None,
    };
    let material = if asks(&material.endpoint.target, &material.secrets) {
        Arc::new(filled(inner, carried, snapshot, material).await?)
    } else {
        Arc::clone(material)
    };
    material.secrets.values().for_each(|secret| carried.hidden.add(secret));
    Ok(Prepared {
        connector,
        snapshot: Arc::clone(snapshot),
        returnable: material.endpoint.previous_until.is_some_and(|until| inner.store.now() < until),
        material,
        on_behalf_of,
    })
}

/// With the values of the variables that its fields name. These are read at each use and not kept.
async fn filled(
    inner: &Inner,
    carried: &Carried,
    snapshot: &Snapshot,
    material: &Material,
) -> Result<Material, Failure> {
    let mut endpoint = Endpoint::clone(&material.endpoint);
    let mut secrets = material.secrets.clone();
    // Whoever owns the connection reads the variables in it, not whoever runs the flow.
    let owner = inner.store.caller_find(&carried.environment, endpoint.owner.as_str()).await;
    let owner = owner.map_err(|error| ("Forbidden", error.to_string()))?;
    let (environment, policy, target) =
        (&carried.environment, &snapshot.policy, &mut endpoint.target);
    inner
        .secrets
        .connection(&inner.store, &owner, environment, policy, target, &mut secrets)
        .await
        .map_err(|error| (variable_code(&error), with_causes(&error)))?;
    Ok(Material { endpoint: Arc::new(endpoint), secrets })
}

async fn connector_for(
    inner: &Inner,
    carried: &Carried,
    snapshot: &Snapshot,
    api: &ApiName,
) -> Result<Arc<dyn Connector>, Failure> {
    if let Some(found) = inner.registry.get(api.as_str()) {
        return Ok(Arc::clone(found));
    }
    if let Some(found) = snapshot.connector(api) {
        return Ok(found);
    }
    let row = inner.store.connector_get(&RUNNER, &carried.environment, api).await;
    let row = row.map_err(|error| match error {
        StoreError::NotFound { .. } => {
            ("ConnectorNotFound", format!("This environment has no connector '{api}'."))
        }
        other => ("InternalError", other.to_string()),
    })?;
    let Some(definition) = &row.openapi_definition else {
        let message =
            format!("connref cannot call the connector '{api}' yet: it has no definition here.");
        return Err(("ConnectorNotSupported", message));
    };
    let made = CustomConnector::from_parts(&ConnectorTexts {
        definition,
        parameters: row.connection_parameters.as_deref(),
        sets: row.connection_parameter_sets.as_deref(),
        policies: row.policy_templates.as_deref(),
    });
    let custom = made.map_err(|error| ("ConnectorNotSupported", error.to_string()))?;
    let connector: Arc<dyn Connector> = Arc::new(custom);
    snapshot.connector_keep(api, &connector);
    Ok(connector)
}

/// Tries until it succeeds, fails for good, or the policy has no further attempt.
async fn attempts<F, R>(inner: &Inner, call: &Call, once: F) -> CallOutcome
where
    F: Fn() -> R,
    R: Future<Output = Result<OperationResponse, AttemptError>>,
{
    let mut attempt = 1;
    loop {
        let result = once().await;
        let again = match &result {
            Ok(response) => matches!(response.status, 408 | 429 | 500..),
            Err(error) => error.retryable(),
        };
        if again && let Some(pause) = pause(inner, call, attempt) {
            tokio::time::sleep(pause).await;
            attempt += 1;
            continue;
        }
        let mut outcome = match result {
            Ok(response) => from_response(&response),
            Err(error) => from_error(&error),
        };
        outcome.attempts = attempt;
        return outcome;
    }
}

/// Why an attempt has no response.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Variable(#[from] VariableError),
}

impl AttemptError {
    fn retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.retryable(),
            Self::Token(error) => error.retryable(),
            Self::Variable(error) => error.retryable(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Call(error) => error.code(),
            Self::Token(error) if error.retryable() => "BadGateway",
            Self::Token(_) => UNAUTHORIZED,
            Self::Variable(error) => variable_code(error),
        }
    }
}

/// The pause before the next attempt. Its jitter need not be reproducible: when a call is made is
/// the world's affair, only its result is the journal's.
fn pause(inner: &Inner, call: &Call, attempt: u32) -> Option<Duration> {
    let mut random = [0_u8; 8];
    inner.store.ids().fill(&mut random);
    let delay = call.retry.delay(attempt, u64::from_be_bytes(random))?;
    Some(Duration::from_micros(u64::try_from(delay).unwrap_or(0)))
}

fn variable_code(error: &VariableError) -> &'static str {
    match error.status() {
        403 => "Forbidden",
        404 => "NotFound",
        502 => "BadGateway",
        500 => "InternalError",
        _ => "BadRequest",
    }
}

/// The secret of a variable of this environment, read as whoever acts.
async fn secret_read(
    inner: &Inner,
    carried: &Carried,
    prepared: &Prepared,
    name: &str,
) -> Result<OperationResponse, VariableError> {
    let environment = &carried.environment;
    let reader = prepared.on_behalf_of.as_ref().unwrap_or(&prepared.material.endpoint.owner);
    let caller = inner.store.caller_find(environment, reader.as_str()).await?;
    let policy = &prepared.snapshot.policy;
    let secret = inner.secrets.variable(&inner.store, &caller, environment, policy, name).await?;
    carried.hidden.add(&secret);
    let mut body = Object::new();
    body.insert("EnvironmentVariableSecretValue", Value::string(secret.expose_secret()));
    Ok(OperationResponse { status: 200, headers: Vec::new(), body: Value::object(body) })
}

async fn attempt_once(
    inner: &Inner,
    carried: &Carried,
    call: &Call,
    prepared: &Prepared,
) -> Result<OperationResponse, AttemptError> {
    if let CallKind::Connection { operation_id, parameters, .. } = &call.kind
        && prepared.connector.api_name() == DATAVERSE
        && let Some(name) = own_secret(&prepared.material.endpoint.target, operation_id, parameters)
    {
        return Ok(secret_read(inner, carried, prepared, name).await?);
    }
    let credential = credential_open(
        &inner.tokens,
        &prepared.snapshot.policy,
        &prepared.material.endpoint.key,
        &prepared.material.endpoint.target,
        &prepared.material.secrets,
    )
    .await?;
    hide(&carried.hidden, &credential);
    let cx = context(inner, call, prepared, &credential);
    match &call.kind {
        CallKind::Connection { webhook: true, operation_id, .. } => Err(CallError::Unsupported {
            operation: operation_id.clone(),
            reason: "operations that subscribe and wait for an event are not offered yet"
                .to_owned(),
        }
        .into()),
        CallKind::Connection { operation_id, parameters, .. } => {
            let operation = OperationCall { operation_id, parameters };
            Ok(match call.pagination {
                Some(least) => {
                    call_paged(prepared.connector.as_ref(), &cx, operation, least).await?
                }
                None => prepared.connector.call(&cx, operation).await?,
            })
        }
        CallKind::OldConnection { operation_id: Some(operation_id), queries, body, .. } => {
            // The old shape names the operation in its metadata; its parameters lie in queries and body.
            let mut parameters = queries.clone();
            if !body.is_null() {
                parameters.insert("body", body.clone());
            }
            let operation = OperationCall { operation_id, parameters: &parameters };
            Ok(prepared.connector.call(&cx, operation).await?)
        }
        _ => Err(CallError::Unsupported {
            operation: call.action.clone(),
            reason: "an action that names method and path but no operation cannot be called; \
                     re-save it in the designer"
                .to_owned(),
        }
        .into()),
    }
}

/// What a target may send back of the credential it got.
fn hide(hidden: &Hidden, credential: &Credential) {
    match credential {
        Credential::Bearer(secret)
        | Credential::ApiKey(secret)
        | Credential::Basic { password: secret, .. } => hidden.add(secret),
        Credential::Fields(fields) => fields.values().for_each(|secret| hidden.add(secret)),
        _ => {}
    }
}

fn context<'a>(
    inner: &'a Inner,
    call: &'a Call,
    prepared: &'a Prepared,
    credential: &'a Credential,
) -> CallContext<'a> {
    CallContext {
        egress: &inner.egress,
        policy: &prepared.snapshot.policy,
        target: &prepared.material.endpoint.target,
        credential,
        idempotency_key: &call.idempotency_key,
        timeout: ATTEMPT,
        act_on_behalf_of: prepared.on_behalf_of.as_ref().map(PrincipalId::as_str),
    }
}

/// The `Http` action: the same attempts, without a connection.
async fn http(inner: &Inner, carried: &Carried, call: &Call) -> CallOutcome {
    let CallKind::Http { method, uri, queries, headers, body, authentication } = &call.kind else {
        return failed(ActionStatus::Failed, "InternalError", "not an http call");
    };
    let snapshot = match inner.resolver.snapshot(&carried.environment).await {
        Ok(snapshot) => snapshot,
        Err(error) => return failed(ActionStatus::Failed, "InternalError", &error.to_string()),
    };
    for name in ["password", "secret", "value", "pfx"] {
        authentication.get(name).into_iter().for_each(|secret| carried.hidden.add_all(secret));
    }
    let (queries, headers) = (Value::object(queries.clone()), Value::object(headers.clone()));
    let http = HttpCall {
        method,
        uri,
        headers: &headers,
        queries: &queries,
        body,
        authentication,
        idempotency_key: &call.idempotency_key,
        timeout: ATTEMPT,
    };
    attempts(inner, call, || async { Ok(http_call(&inner.egress, &snapshot.policy, &http).await?) })
        .await
}

async fn child(
    inner: &Arc<Inner>,
    carried: &Carried,
    call: &Call,
    workflow: &str,
    body: &Value,
    headers: &Object,
) -> CallOutcome {
    let mut trigger = Object::new();
    trigger.insert("headers", Value::object(headers.clone()));
    trigger.insert("body", body.clone());
    let request = RunRequest {
        environment: carried.environment.clone(),
        flow: FlowId::new(workflow),
        trigger: String::new(),
        outputs: Value::object(trigger),
        choices: carried.start.choices.clone(),
        secured: call.secure_inputs,
    };
    let run = RunId::new(&call.idempotency_key);
    // Boxed: a child may call a child.
    let started = Box::pin(start_child(inner, request, carried, run.clone()));
    match started.await {
        Ok(mut started) => {
            let answer = started.answered().await;
            if let Some(answer) = answer {
                let outputs = outputs(answer.status, answer.headers, answer.body);
                return from_status(answer.status, outputs);
            }
            let ended = started.ended().await;
            no_answer(&ended.status, ended.message.as_deref())
        }
        Err(super::RunError::Store(connref_store::StoreError::Database(
            connref_store::db::DbError::Unique(_),
        ))) => child_found(inner, carried, &run).await,
        Err(error) => failed(ActionStatus::Failed, "ChildFlowNotStarted", &error.to_string()),
    }
}

/// The child was started before this node took the parent over: wait for the one there is.
async fn child_found(inner: &Inner, carried: &Carried, run: &RunId) -> CallOutcome {
    loop {
        match inner.store.run_get(&RUNNER, &carried.environment, run).await {
            Ok(row) if row.status == "Running" => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Ok(row) => {
                let text = match row.secured_response {
                    false => row.response,
                    true => {
                        let (at, part) = (&carried.environment, RunPart::Response);
                        match inner.store.run_secret(&RUNNER, at, run, part).await {
                            Ok(secret) => secret.map(|text| text.expose_secret().to_owned()),
                            Err(error) => {
                                let message = error.to_string();
                                return failed(ActionStatus::Failed, "InternalError", &message);
                            }
                        }
                    }
                };
                let answer = text.and_then(|text| serde_json::from_str::<Json>(&text).ok());
                return match answer {
                    Some(json) => {
                        let value = Value::from_json(&json);
                        let status =
                            json["statusCode"].as_u64().and_then(|s| u16::try_from(s).ok());
                        from_status(status.unwrap_or(200), value)
                    }
                    None => no_answer(&row.status, row.message.as_deref()),
                };
            }
            Err(error) => return failed(ActionStatus::Failed, "InternalError", &error.to_string()),
        }
    }
}

fn no_answer(status: &str, message: Option<&str>) -> CallOutcome {
    let text = match message {
        Some(message) => format!("The child flow ended as {status} without an answer: {message}"),
        None => format!("The child flow ended as {status} without an answer."),
    };
    failed(ActionStatus::Failed, "NoResponse", &text)
}

fn outputs(status: u16, headers: Value, body: Value) -> Value {
    let mut object = Object::new();
    object.insert("statusCode", Value::Int(status.into()));
    object.insert("headers", headers);
    object.insert("body", body);
    Value::object(object)
}

fn from_response(response: &OperationResponse) -> CallOutcome {
    let mut headers = Object::new();
    for (name, value) in &response.headers {
        headers.insert(name.as_str(), Value::string(value.as_str()));
    }
    let outputs = outputs(response.status, Value::object(headers), response.body.clone());
    from_status(response.status, outputs)
}

fn from_status(status: u16, outputs: Value) -> CallOutcome {
    let code = status_code(status);
    if status < 400 {
        return succeeded(&code, Some(outputs));
    }
    CallOutcome {
        status: ActionStatus::Failed,
        error: Some(ActionError {
            code: code.clone(),
            message: format!("The target answered with status {status} ({code})."),
        }),
        code,
        outputs: Some(outputs),
        attempts: 1,
        secure: false,
    }
}

/// The name of a status as run histories show it: `OK`, `NotFound`, `BadGateway`.
fn status_code(status: u16) -> String {
    match http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()) {
        Some(reason) => reason.split([' ', '-']).collect(),
        None => status.to_string(),
    }
}

/// An error with what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        message = format!("{message}: {next}");
        cause = next.source();
    }
    message
}

fn from_error(error: &AttemptError) -> CallOutcome {
    let message = with_causes(error);
    let status = match error {
        AttemptError::Call(CallError::TimedOut { .. }) => ActionStatus::TimedOut,
        _ => ActionStatus::Failed,
    };
    failed(status, error.code(), &message)
}

fn refused(refusal: &Refusal) -> CallOutcome {
    let message = match &refusal.fix {
        Some(fix) => format!("{} (fix: {fix})", refusal.text),
        None => refusal.text.clone(),
    };
    failed(ActionStatus::Failed, refusal.code, &message)
}

fn succeeded(code: &str, outputs: Option<Value>) -> CallOutcome {
    CallOutcome {
        status: ActionStatus::Succeeded,
        code: code.to_owned(),
        outputs,
        error: None,
        attempts: 1,
        secure: false,
    }
}

fn failed(status: ActionStatus, code: &str, message: &str) -> CallOutcome {
    CallOutcome {
        status,
        code: code.to_owned(),
        outputs: None,
        error: Some(ActionError { code: code.to_owned(), message: message.to_owned() }),
        attempts: 1,
        secure: false,
    }
}
