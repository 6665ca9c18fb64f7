//! Starting one action.

use super::call::Call;
use super::connect::Prepared;
use super::machine::Machine;
use super::random::idempotency_key;
use super::record::ActionError;
use super::state::{Done, FrameId};
use super::view::View;
use super::{connect, data};
use crate::definition::{
    Action, ActionStatus, Change, Definition, Kind, Limit, RetryPolicy, RetrySetting,
    VariableStart, parse_duration, template_error,
};
use crate::expression::{EvalError, Template};
use crate::value::{Object, Value};

impl Machine {
    /// A view of the run from an action.
    pub(super) fn view(&self, frame: FrameId, slot: u32) -> View<'_> {
        View::new(self, frame, Some((frame, slot)), self.place_seed(frame, slot))
    }

    /// All predecessors of the action are finished: runs, calls or skips it.
    pub(super) fn start_action(&mut self, definition: &Definition, frame: FrameId, slot: u32) {
        let block = definition.block(self.frames[frame.0 as usize].block);
        let action = definition.action(block.actions[slot as usize]);
        let slots = &self.frames[frame.0 as usize].slots;
        let unmet = action
            .run_after
            .iter()
            .find(|(before, accepted)| !accepted.contains(slots[*before as usize].status));
        if let Some((before, _)) = unmet {
            let status = slots[*before as usize].status;
            let name = &definition.action(block.actions[*before as usize]).name;
            let text = format!(
                "The execution of template action '{}' is skipped: the 'runAfter' condition for \
                 action '{name}' is not satisfied. Actual: '{status}'.",
                action.name
            );
            return self.skip(frame, slot, ActionError::new("ActionConditionFailed", text));
        }
        self.begin(frame, slot);
        if self.canned(definition, action, frame, slot) {
            return;
        }
        match &action.kind {
            Kind::Compose(_)
            | Kind::ParseJson { .. }
            | Kind::Query { .. }
            | Kind::Select { .. }
            | Kind::Table { .. }
            | Kind::Join { .. }
            | Kind::Function { .. } => self.run_data(action, frame, slot),
            Kind::InitializeVariable(list) => self.initialize(action, list, frame, slot),
            Kind::ChangeVariable { change, name, value } => {
                self.change(action, (*change, name), value.as_ref(), frame, slot);
            }
            Kind::If { .. }
            | Kind::Switch { .. }
            | Kind::Foreach { .. }
            | Kind::Scope { .. }
            | Kind::Until { .. } => self.enter(action, frame, slot),
            Kind::Terminate(inputs) => self.terminate(action, inputs, frame, slot),
            _ => self.call(action, frame, slot),
        }
    }

    /// Uses the canned result of an action that has one.
    fn canned(
        &mut self,
        definition: &Definition,
        action: &Action,
        frame: FrameId,
        slot: u32,
    ) -> bool {
        let name = action.settings.static_result.as_ref();
        let Some(canned) = name.and_then(|name| definition.static_results.get(name)) else {
            return false;
        };
        self.secure(action, frame, slot, false);
        let code = match canned.status {
            ActionStatus::Succeeded => "OK",
            ActionStatus::Skipped => "ActionSkipped",
            _ => "ActionFailed",
        };
        let error = canned.error.as_ref();
        let done = Done {
            status: canned.status,
            error: error.map(|(code, message)| ActionError::new(code, message.as_str())),
            ..Done::succeeded(code)
        };
        self.complete(frame, slot, done.with(None, canned.outputs.clone()));
        true
    }

    /// Notes what of an action is hidden: what it says itself, and everything that was made of
    /// secured data.
    pub(super) fn secure(&mut self, action: &Action, frame: FrameId, slot: u32, tainted: bool) {
        let settings = &action.settings;
        let record = self.slot_mut(frame, slot).record.get_or_insert_default();
        record.secure_inputs |= settings.secure_inputs || tainted;
        // What only rearranges its inputs gives away as much by its outputs.
        let calls = matches!(
            action.kind,
            Kind::Connection(_)
                | Kind::OldConnection { .. }
                | Kind::Http(_)
                | Kind::ChildFlow { .. }
        );
        record.secure_outputs |= settings.secure_outputs || (tainted && !calls);
    }

    /// Completes an action whose expressions were evaluated in `view`.
    fn settle_action(
        &mut self,
        action: &Action,
        (frame, slot): (FrameId, u32),
        tainted: bool,
        result: Result<Done, ActionError>,
    ) {
        self.secure(action, frame, slot, tainted);
        let done = result.unwrap_or_else(|error| Done::failed("BadRequest", error));
        self.complete(frame, slot, done);
    }

    fn run_data(&mut self, action: &Action, frame: FrameId, slot: u32) {
        let view = self.view(frame, slot);
        let result = data::run(&action.kind, &view).map_err(|error| view.error(error));
        let tainted = view.is_tainted();
        self.settle_action(action, (frame, slot), tainted, result);
    }

    fn initialize(&mut self, action: &Action, list: &[VariableStart], frame: FrameId, slot: u32) {
        let mut shown = Vec::with_capacity(list.len());
        let mut hidden = false;
        let mut result = Ok(());
        for start in list {
            let view = self.view(frame, slot);
            let value = match &start.value {
                None => Ok(Value::Null),
                Some(template) => template.evaluate(&view).map_err(|error| view.error(error)),
            };
            let tainted = view.is_tainted();
            hidden |= tainted;
            let done = value.and_then(|value| {
                let kind = start.kind;
                let done = self.variables.initialize(&start.name, kind, value, tainted);
                done.map_err(|text| hide(tainted, &text))
            });
            match done {
                Ok(value) => {
                    let mut object = Object::new();
                    object.insert("name", start.name.as_str());
                    object.insert("type", start.kind.as_str());
                    object.insert("value", value);
                    shown.push(Value::object(object));
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let mut inputs = Object::new();
        inputs.insert("variables", shown);
        let inputs = Some(Value::object(inputs));
        let result = result.map(|()| Done::succeeded("NotSpecified").with(inputs, None));
        self.settle_action(action, (frame, slot), hidden, result);
    }

    fn change(
        &mut self,
        action: &Action,
        (change, name): (Change, &str),
        value: Option<&Template>,
        frame: FrameId,
        slot: u32,
    ) {
        let view = self.view(frame, slot);
        let value = match value {
            None => Ok(Value::Int(1)),
            Some(template) => template.evaluate(&view).map_err(|error| view.error(error)),
        };
        let tainted = view.is_tainted();
        let result = value.and_then(|value| {
            let described = |value: Value| {
                let mut object = Object::new();
                object.insert("name", name);
                object.insert("value", value);
                Value::object(object)
            };
            let inputs = described(value.clone());
            let new = self
                .variables
                .change(change, name, value, tainted)
                .map_err(|text| hide(tainted, &text))?;
            let outputs = new.map(|value| {
                let mut object = Object::new();
                object.insert("body", described(value));
                Value::object(object)
            });
            Ok(Done::succeeded("NotSpecified").with(Some(inputs), outputs))
        });
        self.settle_action(action, (frame, slot), tainted, result);
    }

    fn call(&mut self, action: &Action, frame: FrameId, slot: u32) {
        if matches!(action.kind, Kind::Response(_)) && self.responded {
            let text = "The run has answered its caller already.";
            let error = ActionError::new("ActionFailed", text);
            return self.complete(frame, slot, Done::failed("ActionFailed", error));
        }
        let view = self.view(frame, slot);
        let prepared = connect::prepare(action, &view)
            .and_then(|prepared| Ok((prepared, timeout(action, &view)?, retry(action, &view)?)))
            .map_err(|error| view.error(error));
        let tainted = view.is_tainted();
        self.secure(action, frame, slot, tainted);
        let (prepared, timeout_us, retry) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                let code = match error.code.as_str() {
                    "ActionTypeNotSupported" => "ActionFailed",
                    _ => "BadRequest",
                };
                return self.complete(frame, slot, Done::failed(code, error));
            }
        };
        self.responded |= matches!(action.kind, Kind::Response(_));
        let Prepared { kind, inputs } = prepared;
        let path = self.path(frame, slot);
        let record = self.slot_mut(frame, slot).record.get_or_insert_default();
        record.inputs = Some(inputs.clone());
        let (secure_inputs, secure_outputs) = (record.secure_inputs, record.secure_outputs);
        self.outstanding.insert(path.clone(), (frame, slot));
        self.fresh.push(Call {
            idempotency_key: idempotency_key(&self.start.run_id, &path),
            path,
            action: action.name.clone(),
            kind,
            retry,
            timeout_us,
            secure_inputs,
            secure_outputs,
            inputs,
            asynchronous: action.settings.asynchronous,
            pagination: action.settings.pagination,
        });
    }
}

/// A message that may name a value.
fn hide(tainted: bool, text: &str) -> ActionError {
    let text = if tainted {
        "The variable can not be changed. The details are hidden, because the value is secured."
    } else {
        text
    };
    ActionError::new("BadRequest", text)
}

fn timeout(action: &Action, view: &View<'_>) -> Result<Option<i64>, EvalError> {
    match &action.settings.timeout {
        None => Ok(None),
        Some(limit) => limit_value(limit, view, "timeout", parse_duration).map(Some),
    }
}

/// The value of a limit, which may be an expression.
pub(super) fn limit_value(
    limit: &Limit,
    view: &View<'_>,
    name: &str,
    parse: impl Fn(&str) -> Option<i64>,
) -> Result<i64, EvalError> {
    match limit {
        Limit::Fixed(value) => Ok(*value),
        Limit::Dynamic(template) => {
            let value = template.evaluate(view)?;
            let parsed = parse(&value.to_text()).filter(|value| *value > 0);
            parsed.ok_or_else(|| template_error(format!("the limit '{name}' is not valid")))
        }
    }
}

fn retry(action: &Action, view: &View<'_>) -> Result<RetryPolicy, EvalError> {
    match &action.settings.retry {
        RetrySetting::Fixed(policy) => Ok(policy.clone()),
        RetrySetting::Dynamic(template) => {
            RetryPolicy::from_json(&template.evaluate(view)?.to_json()).map_err(template_error)
        }
    }
}
