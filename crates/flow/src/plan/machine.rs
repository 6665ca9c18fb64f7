//! The state of one run, moved by events.

use std::collections::HashMap;
use std::sync::Arc;

use super::call::Call;
use super::clock::round_trip;
use super::event::{ApplyError, CallOutcome, Event};
use super::random::{derive, guid, mix};
use super::record::ActionError;
use super::run::{Advance, Finish, RunStart, RunStatus};
use super::state::{Children, Done, Frame, FrameId, Record, Slot};
use super::variable::Variables;
use super::view::View;
use crate::definition::{Action, ActionStatus, BlockId, Definition};
use crate::value::{Object, Value};

/// Iterations of a foreach loop under way at the same time, unless the loop says otherwise.
pub const DEFAULT_CONCURRENCY: u32 = 20;
/// Actions and iterations that one run may start before it is stopped.
pub const DEFAULT_ACTION_LIMIT: u64 = 1_000_000;

/// A run in memory.
pub struct Machine {
    pub(super) definition: Arc<Definition>,
    pub(super) start: RunStart,
    pub(super) trigger: Value,
    pub(super) trigger_secure: bool,
    /// By lower-case name; whether the value must not be shown.
    pub(super) parameters: HashMap<String, (Value, bool)>,
    pub(super) frames: Vec<Frame>,
    pub(super) tasks: Vec<Task>,
    pub(super) variables: Variables,
    /// Time of the last event, µs.
    pub(super) now: i64,
    /// Calls without result, by path.
    pub(super) outstanding: HashMap<String, (FrameId, u32)>,
    /// Calls not handed out yet.
    pub(super) fresh: Vec<Call>,
    pub(super) finish: Option<Finish>,
    /// Whether a response was given.
    pub(super) responded: bool,
    pub(super) concurrency: u32,
    steps: u64,
    started: u64,
    action_limit: u64,
}

/// Work that needs nobody else. The newest is done first, so one iteration of a loop gets as far
/// as it can before the next one starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// All predecessors are finished.
    Start(FrameId, u32),
    /// Every action of the frame is finished.
    Close(FrameId),
    /// A foreach loop may start an iteration.
    Feed(FrameId, u32),
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("start", &self.start)
            .field("now", &self.now)
            .field("outstanding", &self.outstanding.len())
            .field("finish", &self.finish.as_ref().map(|finish| finish.status))
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// A run at its very beginning.
    pub fn new(definition: Arc<Definition>, start: RunStart) -> Self {
        let trigger = definition.trigger(&start.trigger_name);
        let trigger_secure =
            trigger.is_some_and(|trigger| trigger.secure_inputs || trigger.secure_outputs);
        let mut machine = Self {
            trigger: trigger_object(&start),
            trigger_secure,
            parameters: parameters(&definition, &start),
            frames: Vec::new(),
            tasks: Vec::new(),
            variables: Variables::default(),
            now: start.started_at,
            outstanding: HashMap::new(),
            fresh: Vec::new(),
            finish: None,
            responded: false,
            concurrency: DEFAULT_CONCURRENCY,
            steps: 0,
            started: 0,
            action_limit: DEFAULT_ACTION_LIMIT,
            definition,
            start,
        };
        let root = machine.definition.root;
        machine.open_frame(root, None, 0);
        machine
    }

    /// Replaces [`DEFAULT_ACTION_LIMIT`]. A run must be replayed with the limit it started with.
    #[must_use]
    pub fn with_action_limit(mut self, limit: u64) -> Self {
        self.action_limit = limit.min(u64::from(u32::MAX) - 1);
        self
    }

    /// Replaces [`DEFAULT_CONCURRENCY`] (1 to 50). A run must be replayed with the value it
    /// started with.
    #[must_use]
    pub fn with_concurrency(mut self, repetitions: u32) -> Self {
        self.concurrency = repetitions.clamp(1, 50);
        self
    }

    /// Runs everything that needs no call and hands out each new call once.
    pub fn advance(&mut self) -> Advance {
        self.settle();
        Advance { calls: std::mem::take(&mut self.fresh), finished: self.finish.clone() }
    }

    /// Takes in the next journal entry; entries come in the order they were committed.
    ///
    /// # Errors
    /// When the entry does not fit; nothing is changed then.
    pub fn apply(&mut self, event: Event) -> Result<(), ApplyError> {
        // Between two events everything possible has happened, whether or not somebody asked for
        // the calls: otherwise a replay could see other times than the first run did.
        self.settle();
        match event {
            Event::Completed { path, at, outcome } => self.complete_call(path, at, outcome),
            Event::Cancelled { at } => {
                if self.finish.is_some() {
                    return Err(ApplyError::Finished { path: String::new() });
                }
                self.now = self.now.max(at);
                let error = ActionError::new("WorkflowRunCancelled", "The run was cancelled.");
                self.stop("Cancelled", &error);
                self.end(RunStatus::Cancelled, Some(error));
                Ok(())
            }
        }
    }

    /// How the run ended, once it has.
    pub fn finished(&self) -> Option<&Finish> {
        self.finish.as_ref()
    }

    /// Whether a call of this path waits for its result.
    pub fn is_outstanding(&self, path: &str) -> bool {
        self.outstanding.contains_key(path)
    }

    /// Pieces of work done so far; grows linearly with the actions and iterations of the run.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    fn complete_call(
        &mut self,
        path: String,
        at: i64,
        outcome: CallOutcome,
    ) -> Result<(), ApplyError> {
        if !outcome.status.is_final() {
            return Err(ApplyError::NotFinal { path, status: outcome.status });
        }
        if self.finish.is_some() {
            return Err(ApplyError::Finished { path });
        }
        let Some((frame, slot)) = self.outstanding.remove(&path) else {
            return Err(ApplyError::UnknownCall { path });
        };
        self.fresh.retain(|call| call.path != path);
        self.now = self.now.max(at);
        if outcome.secure {
            self.slot_mut(frame, slot).record.get_or_insert_default().secure_outputs = true;
        }
        let done = Done {
            status: outcome.status,
            code: outcome.code.into(),
            inputs: None,
            outputs: outcome.outputs,
            error: outcome.error,
            attempts: outcome.attempts,
        };
        self.complete(frame, slot, done);
        Ok(())
    }

    fn settle(&mut self) {
        let definition = Arc::clone(&self.definition);
        while self.finish.is_none() {
            if self.started > self.action_limit {
                self.exceed();
                break;
            }
            let Some(task) = self.tasks.pop() else { break };
            self.steps += 1;
            match task {
                Task::Start(frame, slot) => self.start_action(&definition, frame, slot),
                Task::Close(frame) => self.close(&definition, frame),
                Task::Feed(frame, slot) => self.feed(&definition, frame, slot),
            }
        }
    }

    fn exceed(&mut self) {
        let text = format!("The run has started more than {} actions.", self.action_limit);
        let error = ActionError::new("WorkflowRunActionLimitExceeded", text);
        self.stop("ActionFailed", &error);
        self.end(RunStatus::Failed, Some(error));
    }

    pub(super) fn slot(&self, frame: FrameId, slot: u32) -> &Slot {
        &self.frames[frame.0 as usize].slots[slot as usize]
    }

    pub(super) fn slot_mut(&mut self, frame: FrameId, slot: u32) -> &mut Slot {
        &mut self.frames[frame.0 as usize].slots[slot as usize]
    }

    /// The action that a slot stands for.
    pub(super) fn action_at(&self, frame: FrameId, slot: u32) -> &Action {
        let block = self.definition.block(self.frames[frame.0 as usize].block);
        self.definition.action(block.actions[slot as usize])
    }

    /// Starts a block: its roots are queued, in the order of the file.
    pub(super) fn open_frame(
        &mut self,
        block: BlockId,
        parent: Option<(FrameId, u32)>,
        iteration: u32,
    ) -> FrameId {
        let id = FrameId(u32::try_from(self.frames.len()).expect("the action limit bounds frames"));
        self.started += 1;
        let seed = match parent {
            None => mix(self.start.seed),
            Some((frame, slot)) => {
                let outer = self.frames[frame.0 as usize].seed;
                derive(outer, self.action_at(frame, slot).name_hash, iteration)
            }
        };
        let members = self.definition.block(block);
        let slots = members.actions.iter().map(|action| {
            let before = self.definition.action(*action).run_after.len();
            let waiting = u32::try_from(before).expect("a block holds a few hundred actions");
            Slot { status: ActionStatus::Waiting, waiting, record: None }
        });
        let slots: Box<[Slot]> = slots.collect();
        let remaining = u32::try_from(slots.len()).expect("a block holds a few hundred actions");
        self.frames.push(Frame { block, parent, iteration, seed, slots, remaining });
        if remaining == 0 {
            self.tasks.push(Task::Close(id));
        }
        self.tasks.extend(members.roots.iter().rev().map(|slot| Task::Start(id, *slot)));
        id
    }

    /// Marks an action as running and counts it.
    pub(super) fn begin(&mut self, frame: FrameId, slot: u32) {
        let now = self.now;
        self.started += 1;
        let slot = self.slot_mut(frame, slot);
        slot.status = ActionStatus::Running;
        slot.record = Some(Box::new(Record { started_at: Some(now), ..Record::default() }));
    }

    /// Marks an action as finished and queues what waited for it.
    pub(super) fn complete(&mut self, frame: FrameId, slot: u32, done: Done) {
        let now = self.now;
        let state = self.slot_mut(frame, slot);
        state.status = done.status;
        let record = state.record.get_or_insert_default();
        record.ended_at = Some(now);
        record.code = done.code;
        record.attempts = done.attempts;
        record.inputs = done.inputs.or_else(|| record.inputs.take());
        record.outputs = done.outputs.or_else(|| record.outputs.take());
        record.error = done.error;
        let definition = Arc::clone(&self.definition);
        let place = &mut self.frames[frame.0 as usize];
        place.remaining -= 1;
        if place.remaining == 0 {
            self.tasks.push(Task::Close(frame));
            return;
        }
        let block = definition.block(place.block);
        let dependents = &definition.action(block.actions[slot as usize]).dependents;
        for dependent in dependents.iter().rev() {
            let waiting = &mut place.slots[*dependent as usize].waiting;
            *waiting -= 1;
            if *waiting == 0 {
                self.tasks.push(Task::Start(frame, *dependent));
            }
        }
    }

    /// Marks an action as never started.
    pub(super) fn skip(&mut self, frame: FrameId, slot: u32, error: ActionError) {
        let done = Done::failed("ActionSkipped", error);
        self.complete(frame, slot, Done { status: ActionStatus::Skipped, ..done });
    }

    /// Cancels what runs and skips what waits, everywhere.
    pub(super) fn stop(&mut self, code: &'static str, error: &ActionError) {
        let now = self.now;
        for slot in self.frames.iter_mut().flat_map(|frame| frame.slots.iter_mut()) {
            if slot.status.is_final() {
                continue;
            }
            slot.status = match slot.status {
                ActionStatus::Waiting => ActionStatus::Skipped,
                _ => ActionStatus::Cancelled,
            };
            let record = slot.record.get_or_insert_default();
            record.ended_at = Some(now);
            record.code = code.into();
            record.error = Some(error.clone());
        }
    }

    /// Ends the run; what is not finished by now never will be.
    pub(super) fn end(&mut self, status: RunStatus, error: Option<ActionError>) {
        if self.finish.is_some() {
            return;
        }
        self.tasks.clear();
        self.fresh.clear();
        self.outstanding.clear();
        let mut finish = Finish { status, error, outputs: None };
        if status == RunStatus::Succeeded && !self.definition.outputs.is_empty() {
            match self.run_outputs() {
                Ok(outputs) => finish.outputs = outputs,
                Err(error) => {
                    finish.status = RunStatus::Failed;
                    finish.error = Some(error);
                }
            }
        }
        self.finish = Some(finish);
    }

    /// The declared outputs; none if they hold secured data.
    fn run_outputs(&self) -> Result<Option<Value>, ActionError> {
        let view = View::new(self, FrameId(0), None, self.frames[0].seed);
        let mut outputs = Object::new();
        for (name, template) in &self.definition.outputs {
            let value = template.evaluate(&view).map_err(|error| view.error(error))?;
            outputs.insert(name.as_str(), value);
        }
        Ok((!view.is_tainted()).then(|| Value::Object(Arc::new(outputs))))
    }

    pub(super) fn children_mut(&mut self, frame: FrameId, slot: u32) -> &mut Children {
        &mut self.slot_mut(frame, slot).record.get_or_insert_default().children
    }
}

fn parameters(definition: &Definition, start: &RunStart) -> HashMap<String, (Value, bool)> {
    let mut values = HashMap::new();
    for parameter in definition.parameters() {
        // The host supplies identity: `$connections` and `$authentication` are never filled.
        let default = parameter.default.clone().or_else(|| {
            parameter.name.starts_with('$').then(|| Value::Object(Arc::new(Object::new())))
        });
        if let Some(value) = default {
            values.insert(parameter.name.to_lowercase(), (value, parameter.is_secure()));
        }
    }
    for (name, value) in &start.parameters {
        let name = name.to_lowercase();
        let declared =
            |parameter: &&crate::definition::Parameter| parameter.name.to_lowercase() == name;
        let secure = definition.parameters().iter().find(declared).is_some_and(|p| p.is_secure());
        values.insert(name, (value.clone(), secure));
    }
    values
}

/// `trigger()`, with the properties that the service's own answer to `@trigger()` has.
fn trigger_object(start: &RunStart) -> Value {
    let time = Value::string(round_trip(start.started_at));
    let mut trigger = Object::new();
    trigger.insert("name", Value::string(start.trigger_name.as_str()));
    trigger.insert("outputs", start.trigger_outputs.clone());
    trigger.insert("startTime", time.clone());
    trigger.insert("endTime", time);
    trigger.insert("trackingId", Value::string(guid(start.seed)));
    trigger.insert("clientTrackingId", Value::string(start.run_id.as_str()));
    trigger.insert("originHistoryName", Value::string(start.run_id.as_str()));
    trigger.insert("status", Value::string("Succeeded"));
    Value::Object(Arc::new(trigger))
}
