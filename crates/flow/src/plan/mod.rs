//! The plan of a run: definition + journal → what to do next.
//!
//! A [`Machine`] holds a run in memory. It does by itself everything that needs nobody else
//! (data operations, variables, conditions, loops), hands out [`Call`]s for the rest and learns
//! their results as [`Event`]s. The same start and the same events in the same order always give
//! the same calls and the same history: a run is continued on another node by replaying its
//! journal into a new machine.

mod call;
mod clock;
mod connect;
mod control;
mod data;
mod event;
mod history;
mod lookup;
mod machine;
mod random;
mod record;
mod run;
mod state;
mod step;
mod table;
mod trigger;
mod variable;
mod view;

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;

pub use call::{Call, CallKind};
pub use event::{ApplyError, CallOutcome, Event};
pub use machine::{DEFAULT_ACTION_LIMIT, DEFAULT_CONCURRENCY, Machine};
pub use record::{ActionError, ActionRecord};
pub use run::{Advance, Finish, RunStart, RunStatus};
pub use trigger::{trigger_fires, trigger_split};
