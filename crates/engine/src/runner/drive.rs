//! Carries one run: asks the plan, makes the calls, writes the journal.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connref_flow::{
    ActionError, Advance, CallKind, CallOutcome, Event, Finish, Machine, RunStatus,
};
use connref_solution::model::{EnvironmentId, FlowId, PrincipalId, RunId};
use connref_store::StoreError;
use connref_store::run::{RunEnd, RunEvent};
use connref_store::run_secret::RunPart;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use secrecy::SecretString;
use tokio::sync::watch;

use super::call::{Made, UsedConnection, call_make};
use super::compiled::Compiled;
use super::hidden::Hidden;
use super::journal::{Start, Written, answer_of, answer_write, history_write, outcome_write};
use super::{Answer, Inner, Progress, RunEnded};

/// How long a node holds a run without renewing, µs.
pub(super) const LEASE: i64 = 60_000_000;
/// Iterations of a loop at once where the flow says nothing: cloud flows go one by one unless
/// concurrency control is on (docs/decisions/0006-loops-one-by-one.md).
const LOOP_CONCURRENCY: u32 = 1;
/// A run that lasts renews its lease this often.
const RENEW: Duration = Duration::from_secs(20);

/// A run in the hands of this node.
pub(super) struct Carried {
    pub(super) environment: EnvironmentId,
    pub(super) flow: FlowId,
    pub(super) run: RunId,
    pub(super) fence: i64,
    pub(super) principal: PrincipalId,
    pub(super) compiled: Arc<Compiled>,
    pub(super) start: Start,
    /// What happened before this node took the run.
    pub(super) journal: Vec<(Event, RunEvent)>,
    /// What must not be shown.
    pub(super) hidden: Arc<Hidden>,
}

/// What is known while a run goes on.
struct Drive {
    inner: Arc<Inner>,
    carried: Arc<Carried>,
    machine: Machine,
    seq: i64,
    /// Results taken into the plan and not yet durable, each with what of it must not be shown.
    unwritten: Vec<(RunEvent, Option<SecretString>)>,
    used: HashMap<String, UsedConnection>,
    /// Whether a durable event hides something.
    secured: bool,
    answer: Option<Answer>,
    /// Whether the answer must not be shown to whoever did not ask for it.
    answer_secret: bool,
    tell: watch::Sender<Progress>,
}

pub(super) async fn drive(inner: Arc<Inner>, mut carried: Carried, tell: watch::Sender<Progress>) {
    let journal = std::mem::take(&mut carried.journal);
    let machine =
        Machine::new(Arc::clone(&carried.compiled.definition), carried.start.plan.clone())
            .with_concurrency(LOOP_CONCURRENCY);
    let mut drive = Drive {
        inner,
        carried: Arc::new(carried),
        machine,
        seq: 0,
        unwritten: Vec::new(),
        used: HashMap::new(),
        secured: false,
        answer: None,
        answer_secret: false,
        tell,
    };
    let run = drive.carried.run.clone();
    if let Err(error) = drive.replay(journal) {
        tracing::error!(%run, error, "a run cannot be resumed");
        return;
    }
    if let Err(error) = drive.go().await {
        // The lease is gone or the database failed: whoever holds the lease next goes on from the
        // journal. Nothing is lost that was not in flight.
        tracing::warn!(%run, %error, "this node stops carrying a run");
    }
}

impl Drive {
    fn replay(&mut self, journal: Vec<(Event, RunEvent)>) -> Result<(), String> {
        for (event, row) in journal {
            self.seq = row.seq;
            self.secured |= row.secured;
            if let Event::Completed { path, outcome, .. } = &event {
                self.note(outcome, row.secured);
                if let (true, Some(outputs)) = (outcome.secure, &outcome.outputs) {
                    outputs.get("body").iter().for_each(|body| self.carried.hidden.add_all(body));
                }
                if let Some(used) = UsedConnection::from_event(&row) {
                    self.used.insert(path.clone(), used);
                }
            }
            self.machine.apply(event).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Remembers what a Response action answered.
    fn note(&mut self, outcome: &CallOutcome, secret: bool) {
        let is_answer = outcome.code == RESPONSE_CODE && self.answer.is_none();
        if let (true, Some(outputs)) = (is_answer, &outcome.outputs) {
            self.answer = Some(answer_of(outputs));
            self.answer_secret = secret;
        }
    }

    async fn go(&mut self) -> Result<(), StoreError> {
        let mut running: FuturesUnordered<BoxFuture<'static, Made>> = FuturesUnordered::new();
        let mut renew = tokio::time::interval(RENEW);
        renew.tick().await;
        loop {
            let Advance { calls, finished } = self.machine.advance();
            if let Some(finish) = finished {
                return self.finish(&finish).await;
            }
            // Invariant 7: results are durable before anything that depends on them starts. An answer
            // goes out only once it is durable itself, so it need not wait here.
            if calls.iter().any(|call| !matches!(call.kind, CallKind::Response { .. })) {
                self.flush().await?;
            }
            for call in calls {
                running.push(Box::pin(call_make(
                    Arc::clone(&self.inner),
                    Arc::clone(&self.carried),
                    call,
                )));
            }
            tokio::select! {
                Some(made) = running.next() => self.take(made),
                _ = renew.tick() => self.renew().await?,
                else => return self.finish(&stuck()).await,
            }
        }
    }

    /// Takes a result into the plan. It becomes durable with the next flush or the end.
    fn take(&mut self, made: Made) {
        let at = self.inner.store.now();
        let Written { open, secret } = outcome_write(&made.outcome, made.secret);
        self.note(&made.outcome, made.secret);
        let event = Event::Completed { path: made.path.clone(), at, outcome: made.outcome };
        if let Err(error) = self.machine.apply(event) {
            // A result that comes after the run was terminated changes nothing: not journalled.
            tracing::debug!(run = %self.carried.run, %error, "late result");
            return;
        }
        self.seq += 1;
        let secret = secret.map(SecretString::from);
        let event = RunEvent {
            seq: self.seq,
            at,
            path: made.path.clone(),
            payload: open,
            secured: secret.is_some(),
            connection: made.used.as_ref().map(|u| u.connection.clone()),
            reference: made.used.as_ref().and_then(|u| u.reference.clone()),
            binding_version: made.used.as_ref().map(|u| u.binding_version),
            acting: made.used.as_ref().map(|u| u.to_json().to_string()),
        };
        self.unwritten.push((event, secret));
        if let Some(used) = made.used {
            self.used.insert(made.path, used);
        }
    }

    /// Keeps what a part must not show, before the part itself says that there is more.
    async fn keep(&self, part: RunPart, text: &SecretString) -> Result<(), StoreError> {
        let (environment, run) = (&self.carried.environment, &self.carried.run);
        let fence = Some(self.carried.fence);
        self.inner.store.run_secret_put(environment, run, fence, part, text).await
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        for (event, secret) in std::mem::take(&mut self.unwritten) {
            if let Some(secret) = secret {
                self.secured = true;
                self.keep(RunPart::Event(event.seq), &secret).await?;
            }
            let (environment, run) = (&self.carried.environment, &self.carried.run);
            self.inner.store.run_event(environment, run, self.carried.fence, event).await?;
        }
        self.answer_tell();
        Ok(())
    }

    /// Tells whoever waits what the run answered; only ever after it is durable.
    fn answer_tell(&self) {
        if let Some(answer) = &self.answer {
            self.tell.send_if_modified(|progress| {
                let new = progress.response.is_none();
                progress.response.get_or_insert_with(|| answer.clone());
                new
            });
        }
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        let until = self.inner.store.now() + LEASE;
        let (environment, run) = (&self.carried.environment, &self.carried.run);
        self.inner.store.run_renew(environment, run, self.carried.fence, until).await
    }

    async fn finish(&mut self, finish: &Finish) -> Result<(), StoreError> {
        let hidden = &self.carried.hidden;
        let history = history_write(&self.machine.history(), &self.used, hidden);
        let error = finish.error.as_ref();
        let answer = self.answer.as_ref().map(|answer| answer_write(answer, self.answer_secret));
        let (response, secret) = answer.map_or((None, None), |a| (Some(a.open), a.secret));
        let secured_response = secret.is_some();
        if let Some(text) = secret {
            self.keep(RunPart::Response, &text.into()).await?;
        }
        let end = RunEnd {
            status: finish.status.as_str().to_owned(),
            code: error.map(|e| e.code.clone()),
            message: error.map(|e| hidden.masked(&e.message)),
            response,
            secured_response,
            forget: self.secured,
            history,
            ended_on: self.inner.store.now(),
        };
        let ended = RunEnded {
            status: end.status.clone(),
            code: end.code.clone(),
            message: end.message.clone(),
        };
        // Nobody goes on from here: what the last events hide is not kept at all.
        let events =
            std::mem::take(&mut self.unwritten).into_iter().map(|(event, _)| event).collect();
        let (environment, run) = (&self.carried.environment, &self.carried.run);
        self.inner.store.run_finish(environment, run, self.carried.fence, events, end).await?;
        self.answer_tell();
        self.tell.send_modify(|progress| progress.ended = Some(ended));
        Ok(())
    }
}

/// The code of a Response action's outcome; no connector answers with it.
pub(super) const RESPONSE_CODE: &str = "ResponseSent";

/// The plan waits for nothing and has not ended: cannot happen as long as the plan hands out every
/// call it waits for; said plainly instead of hanging if it ever does.
fn stuck() -> Finish {
    Finish {
        status: RunStatus::Failed,
        error: Some(ActionError {
            code: "InternalError".to_owned(),
            message: "the run has nothing to wait for and did not end".to_owned(),
        }),
        outputs: None,
    }
}
