//! Policies: which connectors may meet in one flow or app (data policies), and how references may
//! be bound (binding rules). Pure evaluation, every verdict with its reason.
mod data;
pub(crate) mod pattern;
pub mod read;
mod rule;
pub(crate) mod standing;

pub use data::{
    ActionRules, Behaviour, DataPolicy, EndpointRule, Group, Scope, UrlRule, Use, Violation,
    Violations, effective_group, evaluate,
};
pub use read::{PolicyError, policies_read};
pub use rule::{BindingCase, BindingRule, BindingViolation, NamedRule, bindings_evaluate};
pub use standing::{flow_body_policy, flows_to_suspend};

/// Everything a policy file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// Data policies.
    pub data: Vec<DataPolicy>,
    /// Named binding rules.
    pub rules: Vec<NamedRule>,
}
