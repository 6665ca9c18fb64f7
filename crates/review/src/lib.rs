//! Judgement over facts: activation, calls at run time, bindings, import outcomes, audits,
//! departures.
//!
//! Every function is pure: it takes a snapshot ([`connref_solution::model::Facts`]) and says what
//! is allowed, what will happen and what fixes it. No clock, no network, no database.
pub mod activation;
pub mod audit;
pub mod binding;
pub mod catalogue;
pub mod check;
pub mod connector;
pub mod departure;
pub mod dependency;
pub mod diff;
pub mod finding;
mod fix;
pub mod graph;
pub mod index;
pub mod matching;
pub mod migrate;
pub mod outcome;
pub mod pipeline;
pub mod policy;
pub mod record;
pub mod refusal;
pub mod right;
pub mod run;
pub mod runbook;
pub mod share;
mod standing;

pub use activation::{Activation, flow_activation};
pub use binding::{BindingEffect, IdentityChange, binding_check};
pub use catalogue::{Page, explain};
pub use departure::reassign_effect;
pub use dependency::{Dependency, dependencies, missing_dependencies};
pub use finding::{Finding, Severity, Subject, SubjectKind};
pub use fix::arg as shell_argument;
pub use outcome::{
    Certainty, FlowForecast, Ground, Grounds, Import, ImportMode, ImportOptions, Outcome,
    Promotion, ReferenceStanding, ReportLine, Standing, import_outcome, import_running,
    promotion_outcome, reference_standings,
};
pub use refusal::Refusal;
pub use run::{Acting, Use, connection_for_call, connection_for_call_in};
pub use share::share_check;
