//! Journal entries.

use std::fmt;

use super::record::ActionError;
use crate::definition::ActionStatus;
use crate::value::Value;

/// A journal entry.
#[derive(Clone, PartialEq)]
pub enum Event {
    /// A call has its result.
    Completed {
        /// Path of the call.
        path: String,
        /// When, µs since the Unix epoch, UTC.
        at: i64,
        /// The result.
        outcome: CallOutcome,
    },
    /// Somebody cancelled the run.
    Cancelled {
        /// When, µs since the Unix epoch, UTC.
        at: i64,
    },
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed { path, at, outcome } => {
                write!(f, "Completed({path}, {at}, {})", outcome.status)
            }
            Self::Cancelled { at } => write!(f, "Cancelled({at})"),
        }
    }
}

/// The result of a call.
#[derive(Clone, PartialEq)]
pub struct CallOutcome {
    /// A final status.
    pub status: ActionStatus,
    /// `OK`, `Accepted`, `BadRequest`, `ActionFailed` …
    pub code: String,
    /// `{statusCode, headers, body}` for everything that answers over HTTP.
    pub outputs: Option<Value>,
    /// Why it failed.
    pub error: Option<ActionError>,
    /// How often it was tried.
    pub attempts: u32,
    /// The outputs are a secret whatever the definition says: nothing made of them is shown.
    pub secure: bool,
}

impl fmt::Debug for CallOutcome {
    /// Outputs may hold secrets and are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallOutcome({}, {})", self.status, self.code)
    }
}

/// A journal entry that does not fit the run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ApplyError {
    /// The run is over: the result comes too late and changes nothing.
    #[error("the run is over, the result of `{path}` comes too late")]
    Finished {
        /// Path of the call; empty for a cancellation.
        path: String,
    },
    /// No call of this path is under way.
    #[error("no call `{path}` is under way")]
    UnknownCall {
        /// Path of the call.
        path: String,
    },
    /// The outcome holds a status that is not final.
    #[error("the result of `{path}` has the status `{status}`, which is not final")]
    NotFinal {
        /// Path of the call.
        path: String,
        /// Its status.
        status: ActionStatus,
    },
}
