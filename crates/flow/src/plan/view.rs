//! What an expression sees from one place in a run.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::clock::round_trip;
use super::lookup::Found;
use super::machine::Machine;
use super::random::{guid, mix};
use super::record::ActionError;
use super::state::{Children, FrameId, Record};
use crate::definition::Kind;
use crate::expression::{EvalError, Scope};
use crate::value::{Object, Value};

/// A place in a run. Notes whether secured data was looked at, so that whatever is made of it can
/// be hidden too.
pub(super) struct View<'a> {
    pub(super) machine: &'a Machine,
    frame: FrameId,
    /// The action whose expression is evaluated; it may stand in an outer frame (`Until`).
    action: Option<(FrameId, u32)>,
    /// The item that a data operation looks at.
    item: RefCell<Option<Value>>,
    random: Cell<u64>,
    tainted: Cell<bool>,
}

impl<'a> View<'a> {
    pub(super) fn new(
        machine: &'a Machine,
        frame: FrameId,
        action: Option<(FrameId, u32)>,
        seed: u64,
    ) -> Self {
        Self {
            machine,
            frame,
            action,
            item: RefCell::new(None),
            random: Cell::new(seed),
            tainted: Cell::new(false),
        }
    }

    /// Makes `item()` this value.
    pub(super) fn look_at(&self, item: &Value) {
        self.item.replace(Some(item.clone()));
    }

    /// Whether secured data was looked at.
    pub(super) fn is_tainted(&self) -> bool {
        self.tainted.get()
    }

    fn note(&self, secure: bool) {
        self.tainted.set(self.tainted.get() | secure);
    }

    /// The error of an action whose expression failed.
    pub(super) fn error(&self, error: EvalError) -> ActionError {
        let action = self.action.map(|(frame, slot)| self.machine.action_at(frame, slot));
        let name = action.map_or("outputs", |action| action.name.as_str());
        let secured = action.is_some_and(|action| action.settings.secure_inputs);
        let message = if self.tainted.get() || secured {
            format!(
                "An expression in action '{name}' failed. The details are hidden, because it uses \
                 secured data."
            )
        } else if error.code == "InvalidTemplate" && !error.message.starts_with("Unable to process")
        {
            let text = error.message.trim_end_matches('.');
            format!(
                "Unable to process template language expressions in action '{name}' inputs at line '0' and column '0': '{text}.'."
            )
        } else {
            error.message
        };
        ActionError::new(error.code, message)
    }

    /// The value of one property over everything that was found.
    fn gather(&self, found: Found, one: &dyn Fn(&Record) -> Value) -> Value {
        match found {
            Found::Nothing => Value::Null,
            Found::One(frame, slot) => match &self.machine.slot(frame, slot).record {
                None => Value::Null,
                Some(record) => {
                    self.note(record.secure_outputs);
                    one(record)
                }
            },
            Found::Each(list) => {
                Value::array(list.into_iter().map(|found| self.gather(found, one)).collect())
            }
        }
    }

    fn action_object(&self, found: Found, name: &str) -> Value {
        match found {
            Found::Nothing => {
                let mut object = Object::new();
                object.insert("name", name);
                object.insert("status", "Skipped");
                object.insert("code", "ActionSkipped");
                Value::object(object)
            }
            Found::One(frame, slot) => self.machine_action(frame, slot),
            Found::Each(list) => {
                Value::array(list.into_iter().map(|one| self.action_object(one, name)).collect())
            }
        }
    }

    /// `actions('n')` of one execution.
    fn machine_action(&self, frame: FrameId, slot: u32) -> Value {
        let machine = self.machine;
        let action = machine.action_at(frame, slot);
        let state = machine.slot(frame, slot);
        let mut object = Object::new();
        object.insert("name", action.name.as_str());
        if let Some(record) = &state.record {
            self.note(record.secure_inputs || record.secure_outputs);
            let inputs = record.inputs.clone();
            let outputs = record.outputs.clone();
            let parts = [("inputs", inputs), ("outputs", outputs)];
            for (name, value) in parts {
                if let Some(value) = value {
                    object.insert(name, value);
                }
            }
            if let Some(time) = record.started_at.or(record.ended_at) {
                object.insert("startTime", round_trip(time));
            }
            if let Some(time) = record.ended_at {
                object.insert("endTime", round_trip(time));
            }
            object.insert("trackingId", guid(machine.place_seed(frame, slot)));
            object.insert("clientTrackingId", machine.start.run_id.as_str());
            if !record.code.is_empty() {
                object.insert("code", &*record.code);
            }
            object.insert("status", state.status.as_str());
            if let Some(error) = &record.error {
                let parts = [("code", error.code.as_str()), ("message", error.message.as_str())];
                object.insert("error", Object::from_iter(parts));
            }
        } else {
            object.insert("status", state.status.as_str());
        }
        Value::object(object)
    }

    /// The iteration around this place that belongs to the loop of this name, or to the
    /// innermost loop that fits.
    fn enclosing(&self, fits: &dyn Fn(&Kind, &str) -> bool) -> Option<(FrameId, u32, u32)> {
        let mut frame = self.frame;
        loop {
            let state = &self.machine.frames[frame.0 as usize];
            let (parent, slot) = state.parent?;
            let action = self.machine.action_at(parent, slot);
            if fits(&action.kind, &action.name) {
                return Some((parent, slot, state.iteration));
            }
            frame = parent;
        }
    }
}

fn same_name(left: &str, right: &str) -> bool {
    left == right || left.to_lowercase() == right.to_lowercase()
}

impl Scope for View<'_> {
    fn parameter(&self, name: &str) -> Option<Value> {
        let parameters = &self.machine.parameters;
        let (value, secure) = parameters.get(&name.to_lowercase())?;
        self.note(*secure);
        Some(value.clone())
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let (value, secure) = self.machine.variables.get(name)?;
        self.note(secure);
        Some(value)
    }

    fn action(&self, name: &str) -> Option<Value> {
        let found = self.machine.find(self.frame, name)?;
        Some(self.action_object(found, name))
    }

    fn action_outputs(&self, name: &str) -> Option<Value> {
        let found = self.machine.find(self.frame, name)?;
        Some(self.gather(found, &|record| record.outputs.clone().unwrap_or(Value::Null)))
    }

    fn action_body(&self, name: &str) -> Option<Value> {
        let found = self.machine.find(self.frame, name)?;
        Some(self.gather(found, &|record| {
            let body = record.outputs.as_ref().and_then(|outputs| outputs.get("body"));
            body.cloned().unwrap_or(Value::Null)
        }))
    }

    fn current_action(&self) -> Option<Value> {
        let (frame, slot) = self.action?;
        Some(self.machine_action(frame, slot))
    }

    fn trigger(&self) -> Value {
        self.note(self.machine.trigger_secure);
        self.machine.trigger.clone()
    }

    fn item(&self, loop_name: Option<&str>) -> Option<Value> {
        if loop_name.is_none()
            && let Some(item) = &*self.item.borrow()
        {
            return Some(item.clone());
        }
        let (frame, slot, iteration) = self.enclosing(&|kind, name| {
            matches!(kind, Kind::Foreach { .. })
                && loop_name.is_none_or(|wanted| same_name(wanted, name))
        })?;
        match &self.machine.slot(frame, slot).record.as_ref()?.children {
            Children::Foreach(state) => {
                self.note(state.secure);
                state.items.get(iteration as usize).cloned()
            }
            _ => None,
        }
    }

    fn iteration_index(&self, until: &str) -> Option<i64> {
        let (_, _, iteration) = self.enclosing(&|kind, name| {
            matches!(kind, Kind::Until { .. }) && same_name(until, name)
        })?;
        Some(i64::from(iteration))
    }

    fn result(&self, scope: &str) -> Option<Value> {
        let list = self.machine.results(self.frame, scope)?;
        let objects = list.into_iter().map(|(frame, slot)| self.machine_action(frame, slot));
        Some(Value::Array(Arc::new(objects.collect())))
    }

    fn workflow(&self) -> Value {
        self.machine.start.workflow.clone()
    }

    fn list_callback_url(&self) -> Option<String> {
        self.machine.start.callback_url.clone()
    }

    fn now(&self) -> i64 {
        self.machine.now
    }

    fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(1);
        self.random.set(mix(state));
        mix(state ^ 0xa5a5_a5a5_a5a5_a5a5)
    }
}
