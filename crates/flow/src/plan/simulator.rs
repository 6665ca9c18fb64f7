//! Runs random definitions against a world that answers in any order, crashes at any moment and
//! continues from the journal. `SEED=n` repeats one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{
    ActionError, ActionRecord, ApplyError, Call, CallOutcome, Event, Machine, RunStart, RunStatus,
};
use crate::definition::{ActionStatus, Definition};
use crate::value::Value;

const SEEDS: u64 = 2_500;
const FINAL: [&str; 4] = ["Succeeded", "Failed", "Skipped", "TimedOut"];

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        super::random::mix(self.0)
    }
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit
    }
    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Makes definitions.
struct Author {
    dice: Dice,
    count: usize,
    names: Vec<String>,
}

impl Author {
    fn definition(&mut self) -> Json {
        let mut actions = Map::new();
        for (name, kind, value) in [
            ("number", "integer", json!(1)),
            ("text", "string", json!("t")),
            ("list", "array", json!([1])),
            ("flag", "boolean", json!(true)),
        ] {
            let init = json!({"type": "InitializeVariable", "runAfter": {},
                "inputs": {"variables": [{"name": name, "type": kind, "value": value}]}});
            actions.insert(format!("Init_{name}"), init);
        }
        actions.extend(self.block(0, false, 7));
        json!({
            "parameters": {"P": {"type": "String", "defaultValue": "p"}},
            "staticResults": {"canned": {"status": "Succeeded", "outputs": {"body": 1}}},
            "triggers": {"manual": {"type": "Request", "kind": "Button"}},
            "outputs": {"o": {"type": "String", "value": "@variables('text')"}},
            "actions": actions,
        })
    }

    fn block(&mut self, depth: usize, in_loop: bool, most: usize) -> Map<String, Json> {
        let mut block: Map<String, Json> = Map::new();
        for _ in 0..self.dice.below(most + 1) {
            let siblings: Vec<String> = block.keys().cloned().collect();
            let mut after = Map::new();
            for name in siblings.iter().rev().take(3) {
                if self.dice.one_in(2) {
                    let mut statuses: Vec<&str> =
                        FINAL.into_iter().filter(|_| self.dice.one_in(3)).collect();
                    if statuses.is_empty() {
                        statuses.push(if self.dice.one_in(3) { "FAILED" } else { "Succeeded" });
                    }
                    after.insert(name.clone(), json!(statuses));
                }
            }
            self.count += 1;
            let name = format!("A{}", self.count);
            let mut action = self.action(depth, in_loop);
            action["runAfter"] = Json::Object(after);
            if self.dice.one_in(20) {
                action["runtimeConfiguration"]["secureData"] = json!({"properties": ["outputs"]});
            }
            if self.dice.one_in(30) {
                action["runtimeConfiguration"]["staticResult"] =
                    json!({"name": "canned", "staticResultOptions": "Enabled"});
            }
            self.names.push(name.clone());
            block.insert(name, action);
        }
        block
    }

    fn value(&mut self) -> Json {
        if !self.names.is_empty() && self.dice.one_in(3) {
            let name = self.dice.pick(&self.names).clone();
            let function = *self.dice.pick(&["outputs", "body", "actions", "result"]);
            return json!(format!("@{{{function}('{name}')}}"));
        }
        (*self.dice.pick(&[
            "plain",
            "@guid()",
            "@rand(0,1000)",
            "@utcNow()",
            "@variables('number')",
            "@length(variables('list'))",
            "x @{variables('text')} y",
            "@int('not a number')",
            "@triggerBody()?['missing']",
            "@workflow()?['name']",
            "@parameters('P')",
        ]))
        .into()
    }

    fn list(&mut self) -> Json {
        (*self.dice.pick(&[
            "@range(0,3)",
            "@variables('list')",
            "@createArray('a','b')",
            "@range(0,7)",
            "@json('[]')",
            "@variables('text')",
        ]))
        .into()
    }

    fn condition(&mut self) -> Json {
        match self.dice.below(4) {
            0 => {
                json!({"and": [{"greater": ["@variables('number')", 1]}, {"not": {"equals": [1, 2]}}]})
            }
            1 => json!({"or": [{"equals": ["@variables('flag')", true]}, {"equals": [[], 1]}]}),
            2 => json!("@less(variables('number'), 3)"),
            _ => json!({"equals": [{"length": ["@variables('text')"]}, 1]}),
        }
    }

    fn action(&mut self, depth: usize, in_loop: bool) -> Json {
        let kinds = if depth < 3 { 25 } else { 18 };
        match self.dice.below(kinds) {
            0 | 1 => json!({"type": "Compose", "inputs": self.value()}),
            2 => json!({"type": "ParseJson", "inputs": {"content": "{\"a\":1}",
                "schema": {"type": "object", "required": [*self.dice.pick(&["a", "b"])]}}}),
            3 => {
                json!({"type": "Query", "inputs": {"from": self.list(), "where": "@equals(item(),1)"}})
            }
            4 => {
                json!({"type": "Select", "inputs": {"from": self.list(), "select": {"i": "@item()"}}})
            }
            5 => json!({"type": "Join", "inputs": {"from": self.list(), "joinWith": ","}}),
            6 => json!({"type": "SetVariable", "inputs": {"name": "text", "value": self.value()}}),
            7 => json!({"type": "IncrementVariable", "inputs": {"name": "number"}}),
            8 => {
                json!({"type": "AppendToArrayVariable", "inputs": {"name": "list", "value": self.value()}})
            }
            9 => {
                json!({"type": "AppendToStringVariable", "inputs": {"name": "text", "value": self.value()}})
            }
            10 => json!({"type": "Expression", "kind": "CurrentTime", "inputs": {}}),
            11 | 12 => json!({"type": "OpenApiConnection", "inputs": {
                "host": {"connectionName": "shared_x", "operationId": "Op", "apiId": "/apis/shared_x"},
                "parameters": {"item/a": self.value()}, "authentication": "@parameters('$authentication')"}}),
            13 => {
                json!({"type": "Http", "inputs": {"method": "GET", "uri": "https://example.test", "body": self.value()}})
            }
            14 => {
                json!({"type": "Workflow", "inputs": {"host": {"workflowReferenceName": "ABC"}, "body": {"v": self.value()}}})
            }
            15 => json!({"type": "Wait", "inputs": {"interval": {"count": 5, "unit": "Minute"}}}),
            16 if !in_loop => {
                json!({"type": "Response", "inputs": {"statusCode": 200, "body": self.value()}})
            }
            17 if !in_loop && self.dice.one_in(3) => json!({"type": "Terminate", "inputs": {
                "runStatus": *self.dice.pick(&["Succeeded", "Failed", "Cancelled"]),
                "runError": {"code": "C", "message": "m"}}}),
            18 => json!({"type": "Scope", "actions": self.block(depth + 1, in_loop, 3)}),
            19 | 20 => json!({"type": "If", "expression": self.condition(),
                "actions": self.block(depth + 1, in_loop, 3),
                "else": {"actions": self.block(depth + 1, in_loop, 2)}}),
            21 => json!({"type": "Switch", "expression": "@variables('number')", "cases": {
                    "One": {"case": 1, "actions": self.block(depth + 1, in_loop, 2)},
                    "Two": {"case": 2, "actions": self.block(depth + 1, in_loop, 2)}},
                "default": {"actions": self.block(depth + 1, in_loop, 2)}}),
            22 | 23 => {
                let mut action = json!({"type": "Foreach", "foreach": self.list(),
                    "actions": self.block(depth + 1, true, 3)});
                if self.dice.one_in(2) {
                    action["runtimeConfiguration"]["concurrency"] =
                        json!({"repetitions": 1 + self.dice.below(4)});
                } else if self.dice.one_in(3) {
                    action["operationOptions"] = json!("Sequential");
                }
                action
            }
            24 => json!({"type": "Until", "expression": self.condition(),
                "limit": {"count": 1 + self.dice.below(3), "timeout": "PT1H"},
                "actions": self.block(depth + 1, true, 3)}),
            _ => json!({"type": "Compose", "inputs": {"k": self.value()}}),
        }
    }
}

/// What happens around one run.
struct World {
    dice: Dice,
    json: Json,
    definition: Arc<Definition>,
    start: RunStart,
    journal: Vec<Event>,
    /// Calls handed out by the present machine and not answered yet, by path.
    open: BTreeMap<String, Call>,
    /// Every path the present machine has handed out.
    handed: BTreeSet<String>,
    now: i64,
    stopped: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut author =
            Author { dice: Dice(super::random::mix(seed)), count: 0, names: Vec::new() };
        let json = author.definition();
        let definition =
            Definition::compile(&json).unwrap_or_else(|problems| panic!("{problems:?}\n{json:#}"));
        Self::with(seed, json, definition)
    }

    fn with(seed: u64, json: Json, definition: Definition) -> Self {
        let start = RunStart {
            run_id: format!("run-{seed}"),
            seed,
            started_at: 1_700_000_000_000_000,
            trigger_name: "manual".to_owned(),
            trigger_outputs: Value::from_json(&json!({"body": {"n": 1}})),
            parameters: BTreeMap::new(),
            workflow: Value::from_json(&json!({"name": "w"})),
            callback_url: None,
        };
        Self {
            dice: Dice(super::random::mix(seed ^ 77)),
            json,
            definition: Arc::new(definition),
            now: start.started_at,
            start,
            journal: Vec::new(),
            open: BTreeMap::new(),
            handed: BTreeSet::new(),
            stopped: false,
        }
    }

    fn fresh_machine(&self) -> Machine {
        Machine::new(Arc::clone(&self.definition), self.start.clone())
    }

    fn replay(&self, ask: bool) -> Machine {
        let mut machine = self.fresh_machine();
        for event in &self.journal {
            if ask {
                machine.advance();
            }
            machine.apply(event.clone()).expect("a journal can be replayed");
        }
        machine
    }

    fn take_calls(&mut self, machine: &mut Machine) -> bool {
        let advance = machine.advance();
        if !advance.calls.is_empty() {
            let history = by_path(&machine.history());
            for call in advance.calls {
                let path = call.path.clone();
                assert!(self.handed.insert(path.clone()), "`{path}` handed out twice");
                assert!(!self.is_journalled(&path), "`{path}` handed out after its result");
                assert!(machine.is_outstanding(&path));
                self.check_allowed(&path, &history);
                self.open.insert(path, call);
            }
        }
        assert!(machine.advance().calls.is_empty(), "asking twice gives nothing new");
        advance.finished.is_some()
    }

    fn is_journalled(&self, wanted: &str) -> bool {
        self.journal
            .iter()
            .any(|event| matches!(event, Event::Completed { path, .. } if path == wanted))
    }

    /// The action of a path must be allowed by the statuses of its siblings.
    fn check_allowed(&self, path: &str, history: &BTreeMap<String, ActionRecord>) {
        let record = &history[path];
        assert_eq!(record.status, ActionStatus::Running);
        let prefix = &path[..path.len() - record.name.len()];
        let action = find_action(&self.json, &record.name).unwrap();
        for (name, accepted) in action["runAfter"].as_object().unwrap() {
            let status = history[&format!("{prefix}{name}")].status;
            assert!(accepts(accepted, status), "`{path}` started although `{name}` is {status}");
        }
    }

    fn outcome(&mut self) -> CallOutcome {
        let status = match self.dice.below(12) {
            0 | 1 => ActionStatus::Failed,
            2 => ActionStatus::TimedOut,
            3 if self.dice.one_in(3) => ActionStatus::Cancelled,
            4 if self.dice.one_in(3) => ActionStatus::Skipped,
            _ => ActionStatus::Succeeded,
        };
        let error = (status != ActionStatus::Succeeded)
            .then(|| ActionError { code: "BadGateway".to_owned(), message: "no".to_owned() });
        let body = json!({"statusCode": 200, "body": {"value": [self.dice.below(9)]}});
        CallOutcome {
            status,
            code: if error.is_some() { "BadGateway".to_owned() } else { "OK".to_owned() },
            outputs: Some(Value::from_json(&body)),
            error,
            attempts: 1,
            secure: false,
        }
    }

    fn answer(&mut self, machine: &mut Machine) {
        let paths: Vec<String> = self.open.keys().cloned().collect();
        let path = self.dice.pick(&paths).clone();
        // Clocks of different nodes: time may stand still or even seem to go back.
        self.now += i64::try_from(self.dice.below(90_000_000)).unwrap() - 10;
        let event = Event::Completed { path: path.clone(), at: self.now, outcome: self.outcome() };
        machine.apply(event.clone()).expect("the call is open");
        let again = machine.apply(event.clone()).expect_err("the call is answered");
        assert!(matches!(again, ApplyError::UnknownCall { .. } | ApplyError::Finished { .. }));
        self.journal.push(event);
        self.open.remove(&path);
    }

    /// Throws the machine away and continues from the journal.
    fn crash(&mut self) -> Machine {
        let mut machine = self.replay(false);
        let before = std::mem::take(&mut self.open);
        self.handed.clear();
        let over = self.take_calls(&mut machine);
        assert!(!over, "a run that goes on does not end by a crash");
        let same = before == self.open;
        assert!(
            same,
            "other calls after a crash: {:?} {:?}",
            describe(&before),
            describe(&self.open)
        );
        machine
    }

    fn run(&mut self) {
        let mut machine = self.fresh_machine();
        for _ in 0..5_000 {
            if self.take_calls(&mut machine) {
                return self.check_end(&machine);
            }
            assert!(!self.open.is_empty(), "the run waits for nothing");
            match self.dice.below(100) {
                0..=14 => machine = self.crash(),
                15 if self.dice.one_in(4) => {
                    let event = Event::Cancelled { at: self.now };
                    machine.apply(event.clone()).expect("a run can be cancelled");
                    self.journal.push(event);
                    self.stopped = true;
                }
                _ => self.answer(&mut machine),
            }
        }
        panic!("the run does not end");
    }

    fn check_end(&mut self, machine: &Machine) {
        let history = machine.history();
        for record in &history {
            assert!(record.status.is_final(), "`{}` is {}", record.path, record.status);
            assert!(!record.secure_outputs || record.outputs.is_none());
        }
        for ask in [true, false] {
            let mut again = self.replay(ask);
            let advance = again.advance();
            assert!(advance.calls.is_empty(), "a finished run asks for nothing");
            assert_eq!(advance.finished.as_ref(), machine.finished());
            assert_eq!(again.steps(), machine.steps());
            assert_eq!(render(&again.history()), render(&history));
        }
        let terminated = history.iter().any(|record| record.code == "Terminated");
        let terminated = terminated
            || history.iter().any(|record| {
                record.type_name == "Terminate"
                    && record.status == ActionStatus::Succeeded
                    && record.outputs.is_none()
            });
        if !terminated && !self.stopped {
            let statuses = by_path(&history);
            self.check_block(&self.json["actions"], "", &statuses);
            let merged = block_status(&self.json["actions"], "", &statuses);
            let status = machine.finished().unwrap().status;
            let failed_outputs = machine
                .finished()
                .unwrap()
                .error
                .as_ref()
                .is_some_and(|e| e.code == "InvalidTemplate");
            if !failed_outputs {
                assert_eq!(status.as_str(), merged.as_str());
            }
            assert!(matches!(
                status,
                RunStatus::Succeeded
                    | RunStatus::Failed
                    | RunStatus::TimedOut
                    | RunStatus::Cancelled
            ));
        }
    }

    /// Every top-level action ran or was skipped exactly as `runAfter` says.
    fn check_block(&self, actions: &Json, prefix: &str, history: &BTreeMap<String, ActionRecord>) {
        for (name, action) in actions.as_object().unwrap() {
            let record = &history[&format!("{prefix}{name}")];
            let met = action["runAfter"].as_object().unwrap().iter().all(|(name, accepted)| {
                accepts(accepted, history[&format!("{prefix}{name}")].status)
            });
            let unmet = record.error.as_ref().is_some_and(|e| e.code == "ActionConditionFailed");
            assert_eq!(met, !unmet, "`{}`", record.path);
            if action["type"] == "Scope"
                && record.status != ActionStatus::Skipped
                && record.outputs.is_none()
            {
                let prefix = format!("{prefix}{name}/");
                self.check_block(&action["actions"], &prefix, history);
                let merged = block_status(&action["actions"], &prefix, history);
                if action["runtimeConfiguration"]["staticResult"].is_null() {
                    assert_eq!(record.status, merged, "`{}`", record.path);
                }
            }
        }
    }
}

/// The rule of the documentation, written down once more: leaves decide, a skipped leaf counts
/// as its predecessors.
fn block_status(
    actions: &Json,
    prefix: &str,
    history: &BTreeMap<String, ActionRecord>,
) -> ActionStatus {
    let actions = actions.as_object().unwrap();
    let named: BTreeSet<String> = actions
        .values()
        .flat_map(|action| action["runAfter"].as_object().unwrap().keys().cloned())
        .collect();
    let mut todo: Vec<&String> = actions.keys().filter(|name| !named.contains(*name)).collect();
    let mut found = BTreeSet::new();
    while let Some(name) = todo.pop() {
        let status = history[&format!("{prefix}{name}")].status;
        if status == ActionStatus::Skipped {
            todo.extend(actions[name]["runAfter"].as_object().unwrap().keys());
        }
        found.insert(status.as_str());
    }
    let order = [
        ActionStatus::Failed,
        ActionStatus::TimedOut,
        ActionStatus::Succeeded,
        ActionStatus::Cancelled,
    ];
    let worst = order.into_iter().find(|status| found.contains(status.as_str()));
    worst.unwrap_or(ActionStatus::Succeeded)
}

fn accepts(accepted: &Json, status: ActionStatus) -> bool {
    let list = accepted.as_array().unwrap();
    list.iter().any(|item| item.as_str().unwrap().eq_ignore_ascii_case(status.as_str()))
}

fn find_action<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    match json {
        Json::Object(map) => map
            .get(name)
            .filter(|action| action["runAfter"].is_object())
            .or_else(|| map.values().find_map(|inner| find_action(inner, name))),
        _ => None,
    }
}

fn by_path(history: &[ActionRecord]) -> BTreeMap<String, ActionRecord> {
    let map: BTreeMap<_, _> =
        history.iter().map(|record| (record.path.clone(), record.clone())).collect();
    assert_eq!(map.len(), history.len(), "paths are unique");
    map
}

fn describe(calls: &BTreeMap<String, Call>) -> Vec<String> {
    calls.values().map(|call| format!("{call:?} {}", call.inputs.to_json_string())).collect()
}

/// Everything in a history, as text.
pub(super) fn render(history: &[ActionRecord]) -> String {
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_json_string);
    let line = |record: &ActionRecord| {
        format!(
            "{} {} {} {:?} {:?} {:?} {:?} {:?} {} {:?}\n",
            record.path,
            record.status,
            record.code,
            json(&record.inputs),
            json(&record.outputs),
            record.error,
            record.started_at,
            record.ended_at,
            record.attempts,
            record.iterations
        )
    };
    history.iter().map(line).collect()
}

/// Replaces some random part of a definition by another part of it or by something else.
fn spoil(dice: &mut Dice, json: &mut Json) {
    let mut pointers = Vec::new();
    list_pointers(json, String::new(), &mut pointers);
    let other = match dice.below(7) {
        0 => json!(null),
        1 => json!(dice.below(100)),
        2 => json!("@{"),
        3 => json!([]),
        4 => json!({}),
        _ => json.pointer(dice.pick::<String>(&pointers)).unwrap().clone(),
    };
    *json.pointer_mut(dice.pick::<String>(&pointers)).unwrap() = other;
}

fn list_pointers(json: &Json, pointer: String, pointers: &mut Vec<String>) {
    match json {
        Json::Object(map) => {
            for (name, inner) in map {
                let name = name.replace('~', "~0").replace('/', "~1");
                list_pointers(inner, format!("{pointer}/{name}"), pointers);
            }
        }
        Json::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                list_pointers(inner, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}

fn each_seed(seeds: u64, run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..seeds,
    };
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            eprintln!("SEED={seed} failed");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn random_runs_survive_crashes() {
    each_seed(SEEDS, |seed| World::new(seed).run());
}

#[test]
fn spoilt_definitions_are_refused_or_run() {
    let ran = std::sync::atomic::AtomicU64::new(0);
    each_seed(1_000, |seed| {
        let mut author =
            Author { dice: Dice(super::random::mix(seed)), count: 0, names: Vec::new() };
        let mut json = author.definition();
        for _ in 0..=author.dice.below(2) {
            spoil(&mut author.dice, &mut json);
        }
        let Ok(definition) = Definition::compile(&json) else { return };
        ran.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut world = World::with(seed, json, definition);
        let mut machine = world.fresh_machine().with_action_limit(5_000);
        for _ in 0..100 {
            let advance = machine.advance();
            if advance.finished.is_some() {
                break;
            }
            world.open.extend(advance.calls.into_iter().map(|call| (call.path.clone(), call)));
            world.answer(&mut machine);
        }
        machine.history();
    });
    if std::env::var("SEED").is_err() {
        let ran = ran.into_inner();
        assert!(ran > 150, "only {ran} spoilt definitions still compile");
    }
}
