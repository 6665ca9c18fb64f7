//! The history of a run, as far as it is known.

use super::machine::Machine;
use super::record::{ActionError, ActionRecord};
use super::state::{Children, FrameId, Record};
use crate::definition::{Action, ActionStatus, BlockId};

/// Where the walk through the run is.
struct Place {
    path: String,
    iterations: Vec<u32>,
}

impl Machine {
    /// Every action that was started, skipped or waits in a started block, containers before
    /// their contents, in the order of the file; loops with one record for each iteration.
    pub fn history(&self) -> Vec<ActionRecord> {
        let mut records = Vec::new();
        let mut place = Place { path: String::new(), iterations: Vec::new() };
        self.record_frame(FrameId(0), &mut place, &mut records);
        records
    }

    /// The path of an action, with the iterations around it.
    pub(super) fn path(&self, frame: FrameId, slot: u32) -> String {
        let mut segments = vec![escape(&self.action_at(frame, slot).name)];
        let mut frame = frame;
        while let Some((outer, slot)) = self.frames[frame.0 as usize].parent {
            let action = self.action_at(outer, slot);
            segments.push(segment(action, self.frames[frame.0 as usize].iteration));
            frame = outer;
        }
        segments.reverse();
        segments.join("/")
    }

    fn record_frame(&self, frame: FrameId, place: &mut Place, records: &mut Vec<ActionRecord>) {
        let state = &self.frames[frame.0 as usize];
        for (slot, id) in self.definition.block(state.block).actions.iter().enumerate() {
            let action = self.definition.action(*id);
            let slot = &state.slots[slot];
            let record = slot.record.as_deref();
            records.push(describe(action, slot.status, record, place));
            self.record_children(action, slot.status, record, place, records);
        }
    }

    fn record_children(
        &self,
        action: &Action,
        status: ActionStatus,
        record: Option<&Record>,
        place: &mut Place,
        records: &mut Vec<ActionRecord>,
    ) {
        let blocks = action.kind.blocks();
        let Some(record) = record.filter(|_| !blocks.is_empty()) else { return };
        let no_frames = matches!(record.children, Children::None);
        if no_frames && action.kind.is_loop() && status == ActionStatus::Succeeded {
            return;
        }
        let not_chosen = Record {
            ended_at: record.started_at,
            code: "ActionSkipped".into(),
            error: Some(ActionError::new(
                "ActionBranchingConditionNotSatisfied",
                "Action skipped as part of a branch not executed.",
            )),
            ..Record::default()
        };
        // What is in a skipped container is skipped for the same reason.
        let reason = if status == ActionStatus::Skipped { record } else { &not_chosen };
        match &record.children {
            Children::None => {
                for block in &blocks {
                    self.inside(action, None, place, |place| {
                        self.record_skipped(*block, reason, place, records);
                    });
                }
            }
            Children::Branch { frame, block } => {
                for one in &blocks {
                    self.inside(action, None, place, |place| {
                        if one == block {
                            self.record_frame(*frame, place, records);
                        } else {
                            self.record_skipped(*one, reason, place, records);
                        }
                    });
                }
            }
            Children::Foreach(state) => {
                self.record_rounds(action, &state.frames, place, records);
            }
            Children::Until { frames, .. } => self.record_rounds(action, frames, place, records),
        }
    }

    fn record_rounds(
        &self,
        action: &Action,
        frames: &[FrameId],
        place: &mut Place,
        records: &mut Vec<ActionRecord>,
    ) {
        for frame in frames {
            let iteration = self.frames[frame.0 as usize].iteration;
            self.inside(action, Some(iteration), place, |place| {
                self.record_frame(*frame, place, records);
            });
        }
    }

    fn inside(
        &self,
        action: &Action,
        iteration: Option<u32>,
        place: &mut Place,
        run: impl FnOnce(&mut Place),
    ) {
        let length = place.path.len();
        match iteration {
            Some(iteration) => {
                place.path.push_str(&segment(action, iteration));
                place.iterations.push(iteration);
            }
            None => place.path.push_str(&escape(&action.name)),
        }
        place.path.push('/');
        run(place);
        place.path.truncate(length);
        if iteration.is_some() {
            place.iterations.pop();
        }
    }

    fn record_skipped(
        &self,
        block: BlockId,
        reason: &Record,
        place: &mut Place,
        records: &mut Vec<ActionRecord>,
    ) {
        for id in &self.definition.block(block).actions {
            let action = self.definition.action(*id);
            records.push(describe(action, ActionStatus::Skipped, Some(reason), place));
            for inner in action.kind.blocks() {
                self.inside(action, None, place, |place| {
                    self.record_skipped(inner, reason, place, records);
                });
            }
        }
    }
}

fn describe(
    action: &Action,
    status: ActionStatus,
    record: Option<&Record>,
    place: &Place,
) -> ActionRecord {
    let none = Record::default();
    let record = record.unwrap_or(&none);
    let error =
        record.error.clone().map(|error| match record.secure_outputs && record.attempts > 0 {
            true => ActionError::new(
                &error.code,
                "The details are hidden, because the outputs are secured.",
            ),
            false => error,
        });
    ActionRecord {
        path: format!("{}{}", place.path, escape(&action.name)),
        name: action.name.clone(),
        type_name: action.type_name.clone(),
        iterations: place.iterations.clone(),
        status,
        code: record.code.clone().into_owned(),
        inputs: record.inputs.clone().filter(|_| !record.secure_inputs),
        outputs: record.outputs.clone().filter(|_| !record.secure_outputs),
        error,
        started_at: record.started_at,
        ended_at: record.ended_at,
        attempts: record.attempts,
        secure_inputs: record.secure_inputs,
        secure_outputs: record.secure_outputs,
    }
}

fn segment(action: &Action, iteration: u32) -> String {
    let name = escape(&action.name);
    if action.kind.is_loop() { format!("{name}[{iteration}]") } else { name }
}

/// Keeps names from looking like parts of a path.
fn escape(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '%' => text.push_str("%25"),
            '/' => text.push_str("%2F"),
            '[' => text.push_str("%5B"),
            ']' => text.push_str("%5D"),
            other => text.push(other),
        }
    }
    text
}
