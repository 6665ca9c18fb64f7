//! Actions in the history of a run.

use std::fmt;

use crate::definition::ActionStatus;
use crate::value::Value;

/// Why an action failed or was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionError {
    /// `InvalidTemplate`, `ActionFailed` …
    pub code: String,
    /// For people.
    pub message: String,
}

impl ActionError {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// One action in the history of a run.
#[derive(Clone, PartialEq)]
pub struct ActionRecord {
    /// As in [`Call::path`].
    pub path: String,
    /// Name of the action.
    pub name: String,
    /// Type of the action as written.
    pub type_name: String,
    /// Iteration numbers of the loops around it, outermost first.
    pub iterations: Vec<u32>,
    /// Where it stands.
    pub status: ActionStatus,
    /// `OK`, `NotSpecified`, `ActionFailed`, `ActionSkipped` … empty while waiting or running.
    pub code: String,
    /// What it was given; hidden ones are `None`.
    pub inputs: Option<Value>,
    /// What it gave; hidden ones are `None`.
    pub outputs: Option<Value>,
    /// Why it failed or was skipped.
    pub error: Option<ActionError>,
    /// µs since the Unix epoch, UTC; `None` if it never started.
    pub started_at: Option<i64>,
    /// µs since the Unix epoch, UTC; `None` while it runs.
    pub ended_at: Option<i64>,
    /// How often a call was tried; 0 for what needs no call.
    pub attempts: u32,
    /// Whether the inputs are hidden.
    pub secure_inputs: bool,
    /// Whether the outputs are hidden.
    pub secure_outputs: bool,
}

impl fmt::Debug for ActionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionRecord")
            .field("path", &self.path)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
