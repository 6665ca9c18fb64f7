//! What a run starts from, and how it ends.

use std::collections::BTreeMap;
use std::fmt;

use super::call::Call;
use super::record::ActionError;
use crate::value::Value;

/// What a run starts from. Together with the journal it decides everything that happens.
#[derive(Clone)]
pub struct RunStart {
    /// Id of the run; part of every idempotency key.
    pub run_id: String,
    /// Start of the random stream.
    pub seed: u64,
    /// µs since the Unix epoch, UTC.
    pub started_at: i64,
    /// Name of the trigger that fired.
    pub trigger_name: String,
    /// `triggerOutputs()`.
    pub trigger_outputs: Value,
    /// Values that replace the defaults of parameters; names are matched without case.
    pub parameters: BTreeMap<String, Value>,
    /// `workflow()`.
    pub workflow: Value,
    /// `listCallbackUrl()`; none where the trigger is not called by address.
    pub callback_url: Option<String>,
}

impl fmt::Debug for RunStart {
    /// Outputs and parameters may hold secrets and are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunStart")
            .field("run_id", &self.run_id)
            .field("started_at", &self.started_at)
            .field("trigger_name", &self.trigger_name)
            .finish_non_exhaustive()
    }
}

/// What is to be done next.
#[derive(Debug)]
pub struct Advance {
    /// Calls not handed out before by this machine.
    pub calls: Vec<Call>,
    /// Set once the run is over.
    pub finished: Option<Finish>,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// How it ended.
    pub status: RunStatus,
    /// The error of a failed run.
    pub error: Option<ActionError>,
    /// The declared outputs of the definition.
    pub outputs: Option<Value>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Every branch ended well.
    Succeeded,
    /// Some branch ended with an error that nothing caught.
    Failed,
    /// Cancelled from outside or by a terminate action.
    Cancelled,
    /// A branch ran into a time limit that nothing caught.
    TimedOut,
}

impl RunStatus {
    /// The name in run histories.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::TimedOut => "TimedOut",
        }
    }
}
