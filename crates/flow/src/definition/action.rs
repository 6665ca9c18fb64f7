//! A compiled action and the block it stands in.

use serde_json::Value as Json;

use super::condition::Condition;
use super::retry::RetryPolicy;
use super::status::StatusSet;
use crate::expression::Template;
use crate::value::Value;

/// Index of an action in its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActionId(pub(crate) u32);

/// Index of a block (a set of sibling actions) in its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockId(pub(crate) u32);

/// Actions of one scope that may name each other in `runAfter`.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The container; `None` for the top level.
    pub(crate) owner: Option<ActionId>,
    /// In the order of the file; an action's place here is its slot.
    pub(crate) actions: Vec<ActionId>,
    /// Slots without predecessors.
    pub(crate) roots: Vec<u32>,
    /// Slots without successors: they decide the status of the block.
    pub(crate) leaves: Vec<u32>,
}

/// One action.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: String,
    pub(crate) type_name: String,
    pub(crate) block: BlockId,
    pub(crate) slot: u32,
    /// Slots of the predecessors with the statuses that let this action start.
    pub(crate) run_after: Vec<(u32, StatusSet)>,
    /// Slots that wait for this action.
    pub(crate) dependents: Vec<u32>,
    pub(crate) kind: Kind,
    pub(crate) settings: Settings,
    /// Hash of the lower-case name; part of the random stream.
    pub(crate) name_hash: u64,
}

/// A limit that is written as a literal or as an expression.
#[derive(Debug)]
pub(crate) enum Limit {
    Fixed(i64),
    Dynamic(Template),
}

/// What an action says about how it is run, whatever its type.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Iterations of a loop under way at the same time.
    pub(crate) concurrency: Option<u32>,
    /// Fetch further pages until at least so many items are there.
    pub(crate) pagination: Option<u64>,
    pub(crate) secure_inputs: bool,
    pub(crate) secure_outputs: bool,
    /// Name of the canned result that replaces the call.
    pub(crate) static_result: Option<String>,
    /// Time limit, µs; of calls and until loops (other containers have none here).
    pub(crate) timeout: Option<Limit>,
    pub(crate) count: Option<Limit>,
    /// Whether a 202 answer is polled until the work is done.
    pub(crate) asynchronous: bool,
    pub(crate) retry: RetrySetting,
    pub(crate) tracked_properties: Option<Json>,
}

/// `inputs.retryPolicy`.
#[derive(Debug)]
pub(crate) enum RetrySetting {
    Fixed(RetryPolicy),
    Dynamic(Template),
}

/// What an action does.
#[derive(Debug)]
pub(crate) enum Kind {
    Compose(Template),
    ParseJson {
        content: Template,
        schema: Option<Template>,
    },
    Query {
        from: Template,
        condition: Condition,
    },
    Select {
        from: Template,
        select: Template,
    },
    Table {
        from: Template,
        html: bool,
        columns: Option<Vec<Column>>,
    },
    Join {
        from: Template,
        with: Template,
    },
    Function {
        inputs: Template,
        call: Template,
    },
    InitializeVariable(Vec<VariableStart>),
    ChangeVariable {
        change: Change,
        name: String,
        value: Option<Template>,
    },
    If {
        condition: Condition,
        then: BlockId,
        otherwise: BlockId,
    },
    Switch {
        on: Template,
        cases: Vec<(Value, BlockId)>,
        default: BlockId,
    },
    Foreach {
        items: Template,
        block: BlockId,
    },
    Scope {
        block: BlockId,
    },
    Until {
        condition: Condition,
        block: BlockId,
    },
    Terminate(Template),
    Response(Template),
    Wait {
        inputs: Template,
        until: Template,
    },
    ChildFlow {
        workflow_id: String,
        inputs: Template,
    },
    Connection(Box<Host>),
    OldConnection {
        connection_key: String,
        operation_id: Option<String>,
        inputs: Template,
    },
    Http(Template),
    /// A type of the language that this engine does not run.
    Unsupported,
}

/// A call through a connection.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) connection_key: String,
    pub(crate) api_id: String,
    pub(crate) operation_id: String,
    pub(crate) parameters: Template,
    pub(crate) webhook: bool,
}

/// One column of a table.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) header: Template,
    pub(crate) value: Template,
}

/// One variable that an action brings into being.
#[derive(Debug)]
pub(crate) struct VariableStart {
    pub(crate) name: String,
    pub(crate) kind: VariableKind,
    pub(crate) value: Option<Template>,
}

/// Type of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// true or false
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Float,
    /// Text.
    String,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl VariableKind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let kinds =
            [Self::Boolean, Self::Integer, Self::Float, Self::String, Self::Object, Self::Array];
        kinds.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }

    /// The name as the service writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::Float => "Float",
            Self::String => "String",
            Self::Object => "Object",
            Self::Array => "Array",
        }
    }
}

/// What an action does to a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set,
    Increment,
    Decrement,
    AppendToArray,
    AppendToString,
}

impl Kind {
    /// The blocks inside, in the order of the file.
    pub(crate) fn blocks(&self) -> Vec<BlockId> {
        match self {
            Self::If { then, otherwise, .. } => vec![*then, *otherwise],
            Self::Switch { cases, default, .. } => {
                cases.iter().map(|(_, block)| *block).chain([*default]).collect()
            }
            Self::Foreach { block, .. } | Self::Scope { block } | Self::Until { block, .. } => {
                vec![*block]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the block inside runs any number of times.
    pub(crate) fn is_loop(&self) -> bool {
        matches!(self, Self::Foreach { .. } | Self::Until { .. })
    }
}
