//! Why a run does not start.
use connref_flow::Problem;
use connref_review::Refusal;
use connref_store::StoreError;

/// A run that was not started. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The flow is off.
    #[error("flow `{flow}` is {state} and does not run")]
    NotOn {
        /// Name.
        flow: String,
        /// `off` or `suspended`.
        state: &'static str,
    },
    /// The flow has no such trigger.
    #[error("flow `{flow}` has no trigger `{trigger}`")]
    NoTrigger {
        /// Name.
        flow: String,
        /// Asked for.
        trigger: String,
    },
    /// The definition cannot run.
    #[error("flow `{flow}` cannot run: {}", problems.first().map(ToString::to_string).unwrap_or_default())]
    Definition {
        /// Name.
        flow: String,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// The trigger's conditions or splitOn failed.
    #[error("the trigger of flow `{flow}` failed: {message}")]
    Trigger {
        /// Name.
        flow: String,
        /// Why.
        message: String,
    },
    /// A variable's value does not fit the flow's parameter.
    #[error("variable `{variable}` does not hold a {kind}, which flow `{flow}` needs")]
    Variable {
        /// Flow.
        flow: String,
        /// Variable.
        variable: String,
        /// Type.
        kind: String,
    },
    /// Judgement refused it.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored run cannot be read.
    #[error("run `{run}` cannot be resumed: {reason}")]
    Resume {
        /// Run.
        run: String,
        /// Why.
        reason: String,
    },
}
