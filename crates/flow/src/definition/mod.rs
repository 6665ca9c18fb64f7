//! Definitions of cloud flows, compiled once: every expression parsed, `runAfter` resolved.

mod action;
mod compile;
mod condition;
mod duration;
mod kind;
mod order;
mod problem;
mod retry;
mod schema;
mod settings;
mod status;
mod trigger;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

pub(crate) use action::{
    Action, ActionId, Block, BlockId, Change, Column, Host, Kind, Limit, RetrySetting,
    VariableStart,
};
pub(crate) use condition::{Arguments, Values, template_error};

pub use action::VariableKind;
pub use duration::parse_duration;
pub use problem::Problem;
pub use retry::{RetryKind, RetryPolicy};
pub use schema::schema_errors;
pub use status::{ActionStatus, StatusSet};
pub use trigger::{Recurrence, Trigger};

use crate::expression::Template;
use crate::value::Value;

/// Most actions a definition may hold.
pub const MAX_ACTIONS: usize = 500;
/// Deepest nesting of scopes, conditions and loops.
pub const MAX_NESTING: usize = 8;
/// Deepest nesting of the JSON itself.
pub const MAX_JSON_DEPTH: usize = 64;
/// Most cases of a switch.
pub const MAX_CASES: usize = 25;
/// Most variables of a flow.
pub const MAX_VARIABLES: usize = 250;
/// Most items a loop goes through.
pub const MAX_ITEMS: usize = 100_000;

/// A compiled definition.
#[derive(Debug)]
pub struct Definition {
    pub(crate) actions: Vec<Action>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) root: BlockId,
    /// By lower-case name.
    pub(crate) names: HashMap<String, ActionId>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) static_results: BTreeMap<String, StaticResult>,
    pub(crate) outputs: Vec<(String, Template)>,
}

/// A declared parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// As declared.
    pub name: String,
    /// `String`, `SecureString`, `Object` … as declared.
    pub type_name: String,
    /// The value unless the run brings one.
    pub default: Option<Value>,
    /// Schema name of the environment variable it stands for (`metadata.schemaName`).
    pub environment_variable: Option<String>,
}

impl Parameter {
    /// Whether values must not be shown.
    pub fn is_secure(&self) -> bool {
        self.type_name.to_ascii_lowercase().starts_with("secure")
    }
}

/// A canned result that replaces a call.
#[derive(Clone, Debug)]
pub(crate) struct StaticResult {
    pub(crate) status: ActionStatus,
    pub(crate) outputs: Option<Value>,
    pub(crate) error: Option<(String, String)>,
}

impl Definition {
    /// Compiles the `definition` object of a cloud flow. Total: whatever the JSON, it answers.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn compile(definition: &Json) -> Result<Self, Vec<Problem>> {
        compile::compile(definition)
    }

    /// The triggers; exported cloud flows have exactly one.
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    /// The trigger of this name; case does not matter.
    pub fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| trigger.name.eq_ignore_ascii_case(name))
    }

    /// The declared parameters.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many actions there are, nested ones included.
    pub fn action_count(&self) -> usize {
        self.actions.len()
    }

    /// Whether some action answers the caller.
    pub fn has_response(&self) -> bool {
        self.actions.iter().any(|action| matches!(action.kind, Kind::Response(_)))
    }

    /// `trackedProperties` of an action as written; they are kept for the host, not evaluated.
    pub fn tracked_properties(&self, action: &str) -> Option<&Json> {
        self.action(self.find(action)?).settings.tracked_properties.as_ref()
    }

    pub(crate) fn action(&self, id: ActionId) -> &Action {
        &self.actions[id.0 as usize]
    }

    pub(crate) fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }

    /// The action of this name; case does not matter.
    pub(crate) fn find(&self, name: &str) -> Option<ActionId> {
        self.names.get(name).or_else(|| self.names.get(&name.to_lowercase())).copied()
    }
}
