//! Containers: branches, loops, scopes, and the end of the run.

use std::sync::Arc;

use super::machine::{Machine, Task};
use super::record::ActionError;
use super::run::RunStatus;
use super::state::{Children, Done, Foreach, FrameId, merge};
use super::step::limit_value;
use super::view::View;
use crate::definition::{
    Action, ActionStatus, Arguments, BlockId, Definition, Kind, MAX_ITEMS, Values, parse_duration,
    template_error,
};
use crate::expression::{EvalError, Template};
use crate::value::{Object, Value};

/// Iterations of an until loop, unless it says otherwise.
const UNTIL_COUNT: i64 = 60;
/// Time of an until loop, unless it says otherwise, µs.
const UNTIL_TIMEOUT: i64 = 3_600_000_000;

/// What to do in a container, decided from its expressions.
enum Entry {
    Branch(BlockId, Option<Value>),
    Loop(Arc<Vec<Value>>),
    Until { block: BlockId, timeout: i64, count: i64 },
}

impl Machine {
    /// Starts what is inside a container.
    pub(super) fn enter(&mut self, action: &Action, frame: FrameId, slot: u32) {
        let view = self.view(frame, slot);
        let entry = decide(action, &view).map_err(|error| view.error(error));
        let tainted = view.is_tainted();
        self.secure(action, frame, slot, tainted);
        match entry {
            Err(error) => self.complete(frame, slot, Done::failed("BadRequest", error)),
            Ok(Entry::Branch(block, shown)) => {
                let record = self.slot_mut(frame, slot).record.get_or_insert_default();
                record.outputs = shown;
                let inner = self.open_frame(block, Some((frame, slot)), 0);
                *self.children_mut(frame, slot) = Children::Branch { frame: inner, block };
            }
            Ok(Entry::Until { block, timeout, count }) => {
                let inner = self.open_frame(block, Some((frame, slot)), 0);
                *self.children_mut(frame, slot) =
                    Children::Until { frames: vec![inner], timeout, count };
            }
            Ok(Entry::Loop(items)) if items.is_empty() => {
                self.complete(frame, slot, Done::succeeded("NotSpecified"));
            }
            Ok(Entry::Loop(items)) => {
                let concurrency = action.settings.concurrency.unwrap_or(self.concurrency);
                *self.children_mut(frame, slot) = Children::Foreach(Box::new(Foreach {
                    items,
                    frames: Vec::new(),
                    open: 0,
                    concurrency,
                    feeding: true,
                    secure: tainted,
                    status: ActionStatus::Skipped,
                }));
                self.tasks.push(Task::Feed(frame, slot));
            }
        }
    }

    /// Starts the next iteration of a foreach loop if there may be one more.
    pub(super) fn feed(&mut self, definition: &Definition, frame: FrameId, slot: u32) {
        let block = definition.block(self.frames[frame.0 as usize].block);
        let kind = &definition.action(block.actions[slot as usize]).kind;
        let Kind::Foreach { block, .. } = kind else { return };
        let Children::Foreach(state) = self.children_mut(frame, slot) else { return };
        state.feeding = false;
        let next = state.frames.len();
        if next >= state.items.len() || state.open >= state.concurrency {
            return;
        }
        state.open += 1;
        if next + 1 < state.items.len() {
            // Below the iteration on the stack: it gets its turn when the iteration waits or ends.
            state.feeding = true;
            self.tasks.push(Task::Feed(frame, slot));
        }
        let iteration = u32::try_from(next).expect("a loop is bounded by MAX_ITEMS");
        let inner = self.open_frame(*block, Some((frame, slot)), iteration);
        if let Children::Foreach(state) = self.children_mut(frame, slot) {
            state.frames.push(inner);
        }
    }

    /// Every action of a frame is finished: what is around it goes on.
    pub(super) fn close(&mut self, definition: &Definition, frame: FrameId) {
        let state = &self.frames[frame.0 as usize];
        let block = definition.block(state.block);
        let status = state.block_status(block, &|slot| {
            let action = definition.action(block.actions[slot as usize]);
            action.run_after.iter().map(|(before, _)| *before).collect()
        });
        let Some((outer, slot)) = state.parent else { return self.end_run(status) };
        let outer_block = definition.block(self.frames[outer.0 as usize].block);
        let action = definition.action(outer_block.actions[slot as usize]);
        match &action.kind {
            Kind::Foreach { .. } => self.close_iteration(outer, slot, status),
            Kind::Until { .. } => self.close_round(action, (outer, slot), frame, status),
            _ => self.complete(outer, slot, container_done(status)),
        }
    }

    fn close_iteration(&mut self, frame: FrameId, slot: u32, status: ActionStatus) {
        let Children::Foreach(state) = self.children_mut(frame, slot) else { return };
        state.open -= 1;
        state.status = merge(state.status, status);
        let (merged, open) = (state.status, state.open);
        if state.frames.len() < state.items.len() {
            if !state.feeding {
                state.feeding = true;
                self.tasks.push(Task::Feed(frame, slot));
            }
        } else if open == 0 {
            self.complete(frame, slot, container_done(merged));
        }
    }

    /// One round of an until loop is over. A failed round does not end the loop; reaching a limit
    /// ends it without an error of its own.
    fn close_round(
        &mut self,
        action: &Action,
        (outer, slot): (FrameId, u32),
        frame: FrameId,
        status: ActionStatus,
    ) {
        let Kind::Until { condition, block } = &action.kind else { return };
        let round = self.frames[frame.0 as usize].iteration;
        let seed = self.frames[frame.0 as usize].seed;
        let view = View::new(self, frame, Some((outer, slot)), seed);
        let met = condition.evaluate(&view).map_err(|error| view.error(error));
        let met = match met {
            Ok(met) => met,
            Err(error) => return self.complete(outer, slot, Done::failed("BadRequest", error)),
        };
        let now = self.now;
        let record = self.slot_mut(outer, slot).record.get_or_insert_default();
        let started = record.started_at.unwrap_or(now);
        let Children::Until { timeout, count, .. } = record.children else { return };
        let next = round + 1;
        if met || i64::from(next) >= count || now.saturating_sub(started) >= timeout {
            return self.complete(outer, slot, container_done(status));
        }
        let inner = self.open_frame(*block, Some((outer, slot)), next);
        if let Children::Until { frames, .. } = self.children_mut(outer, slot) {
            frames.push(inner);
        }
    }

    /// A terminate action: everything else stops where it is.
    pub(super) fn terminate(
        &mut self,
        action: &Action,
        inputs: &Template,
        frame: FrameId,
        slot: u32,
    ) {
        let view = self.view(frame, slot);
        let result = inputs.evaluate(&view).and_then(|inputs| {
            let (status, error) = terminate_inputs(&inputs)?;
            Ok((inputs, status, error))
        });
        let result = result.map_err(|error| view.error(error));
        let tainted = view.is_tainted();
        self.secure(action, frame, slot, tainted);
        let (inputs, status, error) = match result {
            Ok(result) => result,
            Err(error) => return self.complete(frame, slot, Done::failed("BadRequest", error)),
        };
        let error = error.map(|error| match tainted {
            true => {
                ActionError::new(&error.code, "The details are hidden, because they are secured.")
            }
            false => error,
        });
        self.complete(frame, slot, Done::succeeded("NotSpecified").with(Some(inputs), None));
        let text = "The action was not executed, because the run was terminated.";
        self.stop("Terminated", &ActionError::new("Terminated", text));
        self.end(status, error);
    }

    fn end_run(&mut self, status: ActionStatus) {
        let (status, error) = match status {
            ActionStatus::Failed => (RunStatus::Failed, Some(no_dependents())),
            ActionStatus::TimedOut => {
                let text = "An action ran into its time limit. No dependent actions succeeded.";
                (RunStatus::TimedOut, Some(ActionError::new("ActionTimedOut", text)))
            }
            ActionStatus::Cancelled => (RunStatus::Cancelled, None),
            _ => (RunStatus::Succeeded, None),
        };
        self.end(status, error);
    }
}

fn no_dependents() -> ActionError {
    ActionError::new("ActionFailed", "An action failed. No dependent actions succeeded.")
}

fn container_done(status: ActionStatus) -> Done {
    match status {
        ActionStatus::Failed => Done::failed("ActionFailed", no_dependents()),
        ActionStatus::TimedOut => {
            Done { status, ..Done::failed("ActionTimedOut", no_dependents()) }
        }
        ActionStatus::Cancelled => Done { status, ..Done::succeeded("Cancelled") },
        _ => Done::succeeded("NotSpecified"),
    }
}

fn decide(action: &Action, view: &View<'_>) -> Result<Entry, EvalError> {
    let shown = |value: Value| {
        let mut object = Object::new();
        object.insert("expression", value);
        Some(Value::object(object))
    };
    match &action.kind {
        Kind::If { condition, then, otherwise } => {
            let met = condition.evaluate(view)?;
            let block = if met { *then } else { *otherwise };
            Ok(Entry::Branch(block, shown(Value::Bool(met))))
        }
        Kind::Switch { on, cases, default } => {
            let value = on.evaluate(view)?;
            let case = cases.iter().find(|(case, _)| equal(case, &value));
            Ok(Entry::Branch(case.map_or(*default, |(_, block)| *block), shown(value)))
        }
        Kind::Foreach { items, .. } => items_of(action, items, view).map(Entry::Loop),
        Kind::Until { block, .. } => {
            let settings = &action.settings;
            let timeout = match &settings.timeout {
                None => UNTIL_TIMEOUT,
                Some(limit) => limit_value(limit, view, "timeout", parse_duration)?,
            };
            let count = match &settings.count {
                None => UNTIL_COUNT,
                Some(limit) => limit_value(limit, view, "count", |text| text.parse().ok())?,
            };
            Ok(Entry::Until { block: *block, timeout, count: count.min(5000) })
        }
        Kind::Scope { block } => Ok(Entry::Branch(*block, None)),
        _ => Err(template_error("this is no container".to_owned())),
    }
}

/// Whether a case is meant: equal values, numbers by size.
fn equal(case: &Value, value: &Value) -> bool {
    match (case, value) {
        (Value::Int(left), Value::Float(right)) | (Value::Float(right), Value::Int(left)) => {
            #[expect(clippy::cast_precision_loss, reason = "cases are small numbers")]
            let left = *left as f64;
            (left - right).abs() == 0.0
        }
        _ => case == value,
    }
}

fn items_of(
    action: &Action,
    items: &Template,
    view: &View<'_>,
) -> Result<Arc<Vec<Value>>, EvalError> {
    let fail = |text: String| {
        let name = &action.name;
        let message = format!("The execution of template action '{name}' failed: {text}");
        Err(EvalError { code: "ExpressionEvaluationFailed", message })
    };
    match items.evaluate(view)? {
        Value::Array(items) if items.len() > MAX_ITEMS => {
            fail(format!("a loop goes through at most {MAX_ITEMS} items."))
        }
        Value::Array(items) => Ok(items),
        other => fail(format!(
            "The result of the evaluation of 'foreach' expression is of type '{}'. The result must \
             be a valid array.",
            other.type_name()
        )),
    }
}

fn terminate_inputs(inputs: &Value) -> Result<(RunStatus, Option<ActionError>), EvalError> {
    let status = inputs.get("runStatus").and_then(Value::as_str).unwrap_or_default();
    let status = match status.to_ascii_lowercase().as_str() {
        "succeeded" => RunStatus::Succeeded,
        "failed" => RunStatus::Failed,
        "cancelled" => RunStatus::Cancelled,
        _ => return Err(template_error(format!("the run status '{status}' is not known"))),
    };
    let error = inputs.get("runError").filter(|_| status == RunStatus::Failed);
    let text = |name: &str| {
        let value = error.and_then(|error| error.get(name));
        value.map(|value| value.to_text().into_owned()).unwrap_or_default()
    };
    let error = match status {
        RunStatus::Failed if text("code").is_empty() => {
            Some(ActionError::new("Terminated", text("message")))
        }
        RunStatus::Failed => Some(ActionError::new(&text("code"), text("message"))),
        _ => None,
    };
    Ok((status, error))
}

/// Evaluates a template whose parameters are the properties of an object.
pub(super) fn with_arguments(
    call: &Template,
    arguments: &Value,
    view: &View<'_>,
) -> Result<Value, EvalError> {
    call.evaluate(&Arguments { scope: view, values: Values::Named(arguments) })
}
