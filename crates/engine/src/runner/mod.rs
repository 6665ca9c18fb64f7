//! Makes a flow run: starts the durable row, carries out what the plan asks for, writes each result
//! before anything that depends on it, and writes history and end in one commit.
mod call;
mod compiled;
mod drive;
mod error;
mod hidden;
mod journal;
mod resolve;
mod snapshot;
mod start;

use std::sync::Arc;

use connref_egress::Egress;
use connref_flow::Value;
use connref_solution::model::{ConnectionId, EnvironmentId, FlowId, RunId};
use connref_store::Store;
use connref_store::access::Caller;
use tokio::sync::{Semaphore, watch};

pub use call::UsedConnection;
pub use error::RunError;
pub use resolve::{ResolveError, Resolved, Resolver, Wanted};
pub use snapshot::{Endpoint, Material};

use crate::connector::Registry;
use crate::secret::Secrets;
use crate::token::Tokens;

/// Runs flows. Cheap to clone.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    store: Store,
    egress: Egress,
    registry: Registry,
    tokens: Tokens,
    secrets: Secrets,
    compiled: compiled::Cache,
    resolver: Resolver,
    node: String,
    /// Bounds the calls under way, so that a thousand runs do not open a thousand sockets at once.
    calls: Semaphore,
}

/// Calls under way at once, over all runs of a node.
const CALLS_AT_ONCE: usize = 256;

/// A run to be started.
pub struct RunRequest {
    /// Environment.
    pub environment: EnvironmentId,
    /// Flow.
    pub flow: FlowId,
    /// Trigger that fired; must be the flow's.
    pub trigger: String,
    /// `triggerOutputs()`: an object with `headers`, `body`, `queries`.
    pub outputs: Value,
    /// Connections the caller names for keys that take the caller's own.
    pub choices: Vec<(String, ConnectionId)>,
    /// What the trigger brings must not be shown: a parent made it of secured data.
    pub secured: bool,
}

/// A run that was started. Dropping it does not stop the run.
pub struct StartedRun {
    /// Its id.
    pub id: RunId,
    progress: watch::Receiver<Progress>,
}

/// Where a started run stands.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What a Response action answered, as soon as it is durable.
    pub response: Option<Answer>,
    /// Set when the run is over and durable.
    pub ended: Option<RunEnded>,
}

/// What a Response action answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Value,
    /// Body.
    pub body: Value,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnded {
    /// Status in the words of run histories.
    pub status: String,
    /// Code.
    pub code: Option<String>,
    /// Message.
    pub message: Option<String>,
}

impl StartedRun {
    /// Waits until the run is over.
    pub async fn ended(&mut self) -> RunEnded {
        match self.progress.wait_for(|p| p.ended.is_some()).await {
            Ok(progress) => progress.ended.clone().unwrap_or_else(lost),
            Err(_) => lost(),
        }
    }

    /// Waits for the answer of a Response action; `None` if the run ends without one.
    pub async fn answered(&mut self) -> Option<Answer> {
        let progress = self.progress.wait_for(|p| p.response.is_some() || p.ended.is_some()).await;
        progress.ok().and_then(|p| p.response.clone())
    }
}

fn lost() -> RunEnded {
    RunEnded {
        status: "Running".to_owned(),
        code: Some("RunInterrupted".to_owned()),
        message: Some("this node stopped carrying the run; another resumes it".to_owned()),
    }
}

impl Runner {
    /// Puts the parts together. `node` names this process among several.
    pub fn new(
        store: Store,
        egress: Egress,
        registry: Registry,
        tokens: Tokens,
        secrets: Secrets,
        node: String,
    ) -> Self {
        let resolver = Resolver::new(store.clone());
        Self(Arc::new(Inner {
            store,
            egress,
            registry,
            tokens,
            secrets,
            compiled: compiled::Cache::default(),
            resolver,
            node,
            calls: Semaphore::new(CALLS_AT_ONCE),
        }))
    }

    /// Starts a run by hand or from outside. The row is durable when this answers; the run goes on
    /// by itself.
    ///
    /// # Errors
    /// When the caller may not run the flow, the flow is off, or its definition cannot run.
    pub async fn run_start(
        &self,
        caller: &Caller,
        request: RunRequest,
    ) -> Result<Vec<StartedRun>, RunError> {
        start::start(&self.0, caller, request).await
    }

    /// Takes up every run whose node is gone. Answers how many.
    pub async fn run_resume(&self) -> Result<usize, RunError> {
        start::resume(&self.0).await
    }
}
