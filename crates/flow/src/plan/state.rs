//! Where every action of a run stands.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::record::ActionError;
use crate::definition::{ActionStatus, Block, BlockId};
use crate::value::Value;

/// Index of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameId(pub(super) u32);

/// One execution of a block: the whole run, a branch, an iteration.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) block: BlockId,
    /// The container action that runs this block.
    pub(super) parent: Option<(FrameId, u32)>,
    /// Number of the iteration; 0 outside loops.
    pub(super) iteration: u32,
    /// Seed of the random streams of the actions in here.
    pub(super) seed: u64,
    pub(super) slots: Box<[Slot]>,
    /// Actions not finished yet.
    pub(super) remaining: u32,
}

/// One action in one frame.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) status: ActionStatus,
    /// Predecessors not finished yet.
    pub(super) waiting: u32,
    /// There once the action was started or skipped.
    pub(super) record: Option<Box<Record>>,
}

/// What is known of an action that was started or skipped.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// `None` if it was skipped.
    pub(super) started_at: Option<i64>,
    pub(super) ended_at: Option<i64>,
    pub(super) code: Cow<'static, str>,
    pub(super) inputs: Option<Value>,
    pub(super) outputs: Option<Value>,
    pub(super) error: Option<ActionError>,
    pub(super) attempts: u32,
    pub(super) secure_inputs: bool,
    pub(super) secure_outputs: bool,
    pub(super) children: Children,
}

/// The frames inside a container.
#[derive(Debug, Default)]
pub(super) enum Children {
    #[default]
    None,
    Branch {
        frame: FrameId,
        block: BlockId,
    },
    Foreach(Box<Foreach>),
    Until {
        frames: Vec<FrameId>,
        timeout: i64,
        count: i64,
    },
}

/// State of a foreach loop.
#[derive(Debug)]
pub(super) struct Foreach {
    pub(super) items: Arc<Vec<Value>>,
    pub(super) frames: Vec<FrameId>,
    /// Iterations under way.
    pub(super) open: u32,
    pub(super) concurrency: u32,
    /// Whether a task to start the next iteration is queued.
    pub(super) feeding: bool,
    /// Whether the items come from secured data.
    pub(super) secure: bool,
    /// Merged over the finished iterations.
    pub(super) status: ActionStatus,
}

/// The result of an action.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) status: ActionStatus,
    pub(super) code: Cow<'static, str>,
    pub(super) inputs: Option<Value>,
    pub(super) outputs: Option<Value>,
    pub(super) error: Option<ActionError>,
    pub(super) attempts: u32,
}

impl Done {
    pub(super) fn succeeded(code: &'static str) -> Self {
        Self {
            status: ActionStatus::Succeeded,
            code: Cow::Borrowed(code),
            inputs: None,
            outputs: None,
            error: None,
            attempts: 0,
        }
    }

    pub(super) fn failed(code: &'static str, error: ActionError) -> Self {
        Self { status: ActionStatus::Failed, error: Some(error), ..Self::succeeded(code) }
    }

    /// With what it was given and what it gave.
    pub(super) fn with(self, inputs: Option<Value>, outputs: Option<Value>) -> Self {
        Self { inputs, outputs, ..self }
    }
}

/// How statuses of parallel branches add up: a failure beats a timeout beats success; skipped
/// and cancelled branches do not lower a status that another branch has earned.
pub(super) fn merge(left: ActionStatus, right: ActionStatus) -> ActionStatus {
    let rank = |status| match status {
        ActionStatus::Failed => 4,
        ActionStatus::TimedOut => 3,
        ActionStatus::Succeeded => 2,
        ActionStatus::Cancelled => 1,
        ActionStatus::Skipped | ActionStatus::Waiting | ActionStatus::Running => 0,
    };
    if rank(right) > rank(left) { right } else { left }
}

impl Frame {
    /// Status of a finished block: merged over its leaves; a skipped leaf counts as its
    /// predecessors do.
    pub(super) fn block_status(
        &self,
        block: &Block,
        after: &dyn Fn(u32) -> Vec<u32>,
    ) -> ActionStatus {
        let mut known = HashMap::new();
        let merged = block.leaves.iter().fold(ActionStatus::Skipped, |status, leaf| {
            merge(status, self.effective(*leaf, after, &mut known))
        });
        if merged == ActionStatus::Skipped { ActionStatus::Succeeded } else { merged }
    }

    fn effective(
        &self,
        slot: u32,
        after: &dyn Fn(u32) -> Vec<u32>,
        known: &mut HashMap<u32, ActionStatus>,
    ) -> ActionStatus {
        let status = self.slots[slot as usize].status;
        if status != ActionStatus::Skipped {
            return status;
        }
        if let Some(status) = known.get(&slot) {
            return *status;
        }
        let status = after(slot).into_iter().fold(ActionStatus::Skipped, |status, before| {
            merge(status, self.effective(before, after, known))
        });
        known.insert(slot, status);
        status
    }
}
