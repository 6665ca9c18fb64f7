//! Which execution of an action a name means, seen from some place.

use super::machine::Machine;
use super::random::derive;
use super::state::{Children, FrameId};
use crate::definition::{ActionId, BlockId, MAX_NESTING};

/// What a name stands for.
pub(super) enum Found {
    /// It stands in a branch or loop that was not run (yet).
    Nothing,
    /// One execution.
    One(FrameId, u32),
    /// One for each iteration of a loop that this place is outside of.
    Each(Vec<Found>),
}

impl Machine {
    /// Seed of the random stream of one action.
    pub(super) fn place_seed(&self, frame: FrameId, slot: u32) -> u64 {
        let seed = self.frames[frame.0 as usize].seed;
        derive(seed, self.action_at(frame, slot).name_hash, 0)
    }

    /// The action of this name as seen from a frame; `None` if the definition has none.
    pub(super) fn find(&self, from: FrameId, name: &str) -> Option<Found> {
        let id = self.definition.find(name)?;
        // From the action outwards, until a block that this place is in.
        let mut inwards = Vec::with_capacity(MAX_NESTING);
        let mut id = id;
        loop {
            let action = self.definition.action(id);
            if let Some(frame) = self.frame_around(from, action.block) {
                return Some(self.descend(frame, id, &inwards));
            }
            inwards.push(id);
            id = self.definition.block(action.block).owner?;
        }
    }

    /// The frame of this block that the place is in.
    fn frame_around(&self, from: FrameId, block: BlockId) -> Option<FrameId> {
        let mut frame = from;
        loop {
            let state = &self.frames[frame.0 as usize];
            if state.block == block {
                return Some(frame);
            }
            frame = state.parent?.0;
        }
    }

    /// Follows the executions of `id` in `frame` down to the last of `inwards` (innermost first).
    fn descend(&self, frame: FrameId, id: ActionId, inwards: &[ActionId]) -> Found {
        let slot = self.definition.action(id).slot;
        let Some((next, rest)) = inwards.split_last() else { return Found::One(frame, slot) };
        let Some(record) = &self.slot(frame, slot).record else { return Found::Nothing };
        let block = self.definition.action(*next).block;
        match &record.children {
            Children::None => Found::Nothing,
            Children::Branch { frame, block: run } if *run == block => {
                self.descend(*frame, *next, rest)
            }
            Children::Branch { .. } => Found::Nothing,
            Children::Foreach(state) => Found::Each(
                state.frames.iter().map(|frame| self.descend(*frame, *next, rest)).collect(),
            ),
            Children::Until { frames, .. } => match frames.last() {
                Some(frame) => self.descend(*frame, *next, rest),
                None => Found::Nothing,
            },
        }
    }

    /// The first-level actions of a container, for `result()`.
    pub(super) fn results(&self, from: FrameId, name: &str) -> Option<Vec<(FrameId, u32)>> {
        let id = self.definition.find(name)?;
        if self.definition.action(id).kind.blocks().is_empty() {
            return None;
        }
        let Found::One(frame, slot) = self.find(from, name)? else { return Some(Vec::new()) };
        let Some(record) = &self.slot(frame, slot).record else { return Some(Vec::new()) };
        let frames = match &record.children {
            Children::None => &[][..],
            Children::Branch { frame, .. } => std::slice::from_ref(frame),
            Children::Foreach(state) => &state.frames,
            Children::Until { frames, .. } => frames,
        };
        let members = |frame: &FrameId| {
            let count = self.frames[frame.0 as usize].slots.len();
            let frame = *frame;
            (0..count).map(move |slot| (frame, u32::try_from(slot).unwrap_or(u32::MAX)))
        };
        Some(frames.iter().flat_map(members).collect())
    }
}
