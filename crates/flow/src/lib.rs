//! The workflow definition language: values, expressions, definitions and the plan of a run.

pub mod definition;
pub mod expression;
pub mod plan;
pub mod value;

pub use definition::{ActionStatus, Definition, Problem, RetryPolicy};
pub use expression::{EvalError, Expression, ParseError, Scope, Template};
pub use plan::{
    ActionError, ActionRecord, Advance, ApplyError, Call, CallKind, CallOutcome, Event, Finish,
    Machine, RunStart, RunStatus,
};
pub use value::{Object, Value};
