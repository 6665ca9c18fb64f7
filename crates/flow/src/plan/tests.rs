//! Behaviour of single actions and of the machine, on small definitions.

#![expect(clippy::needless_pass_by_value, reason = "small values made where they are used")]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::simulator::render;
use super::{
    ActionRecord, Advance, ApplyError, Call, CallKind, CallOutcome, Event, Machine, RunStart,
    RunStatus, trigger_fires, trigger_split,
};
use crate::definition::{ActionStatus, Definition, RetryKind};
use crate::value::Value;

fn start(outputs: Json) -> RunStart {
    RunStart {
        run_id: "run".to_owned(),
        seed: 7,
        started_at: 1_700_000_000_000_000,
        trigger_name: "manual".to_owned(),
        trigger_outputs: Value::from_json(&outputs),
        parameters: BTreeMap::new(),
        workflow: Value::from_json(&json!({"name": "w"})),
        callback_url: None,
    }
}

fn compile(actions: Json) -> Arc<Definition> {
    let definition = json!({"triggers": {"manual": {"type": "Request", "kind": "Http"}},
        "parameters": {"$connections": {"type": "Object"}, "secret": {"type": "SecureString", "defaultValue": "hush"}},
        "actions": actions});
    compile_whole(definition)
}

fn compile_whole(definition: Json) -> Arc<Definition> {
    Arc::new(Definition::compile(&definition).unwrap_or_else(|problems| panic!("{problems:?}")))
}

fn machine(actions: Json) -> Machine {
    Machine::new(compile(actions), start(json!({"body": {"n": 5}})))
}

/// Runs a definition that makes no calls.
fn run(actions: Json) -> Machine {
    let mut machine = machine(actions);
    let Advance { calls, finished } = machine.advance();
    assert!(calls.is_empty() && finished.is_some(), "{calls:?}");
    machine
}

fn record(machine: &Machine, path: &str) -> ActionRecord {
    let history = machine.history();
    let found = history.iter().find(|record| record.path == path);
    found.unwrap_or_else(|| panic!("no `{path}` in\n{}", render(&history))).clone()
}

fn outputs(machine: &Machine, path: &str) -> Json {
    let record = record(machine, path);
    record.outputs.unwrap_or_else(|| panic!("{path}: {:?}", record.error)).to_json()
}

fn status(machine: &Machine) -> RunStatus {
    machine.finished().expect("the run is over").status
}

fn answer(machine: &mut Machine, path: &str, status: ActionStatus, body: Json) {
    let outcome = CallOutcome {
        status,
        code: if status == ActionStatus::Succeeded { "OK" } else { "BadGateway" }.to_owned(),
        outputs: Some(Value::from_json(&json!({"statusCode": 200, "body": body}))),
        error: None,
        attempts: 1,
        secure: false,
    };
    let at = machine.history().len() as i64 + 1_700_000_000_500_000;
    machine
        .apply(Event::Completed { path: path.to_owned(), at, outcome })
        .expect("the call is open");
}

fn paths(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.path.as_str()).collect()
}

fn http(after: Json) -> Json {
    json!({"type": "Http", "runAfter": after, "inputs": {"method": "get", "uri": "https://example.test"}})
}

fn compose(value: Json, after: Json) -> Json {
    json!({"type": "Compose", "inputs": value, "runAfter": after})
}

#[test]
fn compose_keeps_types_and_reads_the_trigger() {
    let machine = run(
        json!({"C": compose(json!({"n": "@triggerBody()?['n']", "t": "@{triggerBody()?['n']}"}), json!({}))}),
    );
    assert_eq!(outputs(&machine, "C"), json!({"n": 5, "t": "5"}));
    assert_eq!(record(&machine, "C").code, "OK");
    assert_eq!(status(&machine), RunStatus::Succeeded);
}

#[test]
fn data_operations() {
    let from = "@createArray(json('{\"a\":1,\"b\":\"x,y\"}'),json('{\"a\":2,\"b\":\"<i>\"}'))";
    let machine = run(json!({
        "Q": {"type": "Query", "inputs": {"from": from, "where": "@equals(item()?['a'],2)"}},
        "S": {"type": "Select", "inputs": {"from": from, "select": {"v": "@item()?['b']"}}},
        "J": {"type": "Join", "inputs": {"from": "@createArray(1,true,'z')", "joinWith": "; "}},
        "H": {"type": "Table", "inputs": {"from": from, "format": "HTML"}},
        "V": {"type": "Table", "inputs": {"from": from, "format": "CSV",
            "columns": [{"header": "B", "value": "@item()?['b']"}, {"header": "N", "value": "@item()?['a']"}]}},
        "P": {"type": "ParseJson", "inputs": {"content": "{\"a\":[1]}", "schema": {"type": "object"}}},
        "N": {"type": "Query", "inputs": {"from": "@triggerBody()", "where": "@true"}},
    }));
    assert_eq!(outputs(&machine, "Q"), json!({"body": [{"a": 2, "b": "<i>"}]}));
    assert_eq!(outputs(&machine, "S"), json!({"body": [{"v": "x,y"}, {"v": "<i>"}]}));
    assert_eq!(outputs(&machine, "J"), json!({"body": "1; True; z"}));
    let html = "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>x,y</td></tr><tr><td>2</td><td>&lt;i&gt;</td></tr></tbody></table>";
    assert_eq!(outputs(&machine, "H"), json!({"body": html}));
    assert_eq!(outputs(&machine, "V"), json!({"body": "B,N\r\n\"x,y\",1\r\n<i>,2\r\n"}));
    assert_eq!(outputs(&machine, "P"), json!({"body": {"a": [1]}}));
    let failed = record(&machine, "N");
    assert_eq!((failed.status, failed.code.as_str()), (ActionStatus::Failed, "BadRequest"));
    assert_eq!(failed.error.unwrap().code, "InvalidTemplate");
    assert_eq!(status(&machine), RunStatus::Failed);
}

#[test]
fn parse_json_checks_its_schema() {
    let machine = run(json!({"P": {"type": "ParseJson", "inputs": {"content": {"a": null},
        "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}}));
    let failed = record(&machine, "P");
    assert_eq!((failed.status, failed.code.as_str()), (ActionStatus::Failed, "ActionFailed"));
    assert!(failed.error.unwrap().message.contains("Expected String but got Null"));
}

#[test]
fn schemas_are_templates() {
    let machine = run(
        json!({"P": {"type": "ParseJson", "inputs": {"content": "{\"@odata.type\":1}",
        "schema": {"type": "object", "required": ["@@odata.type"], "properties": {"@@odata.type": {"type": "integer"}}}}}}),
    );
    assert_eq!(outputs(&machine, "P"), json!({"body": {"@odata.type": 1}}));
}

#[test]
fn variables_follow_the_order_of_actions() {
    let machine = run(json!({
        "I": {"type": "InitializeVariable", "inputs": {"variables": [
            {"name": "n", "type": "integer"}, {"name": "s", "type": "String", "value": "a"},
            {"name": "l", "type": "array"}, {"name": "f", "type": "float", "value": 1.5}]}},
        "Add": {"type": "IncrementVariable", "inputs": {"name": "N", "value": 4}, "runAfter": {"I": ["Succeeded"]}},
        "Sub": {"type": "DecrementVariable", "inputs": {"name": "n"}, "runAfter": {"Add": ["Succeeded"]}},
        "Text": {"type": "AppendToStringVariable", "inputs": {"name": "s", "value": "@variables('n')"}, "runAfter": {"Sub": ["Succeeded"]}},
        "List": {"type": "AppendToArrayVariable", "inputs": {"name": "l", "value": {"x": 1}}, "runAfter": {"Text": ["Succeeded"]}},
        "Show": compose(json!({"n": "@variables('n')", "s": "@variables('S')", "l": "@variables('l')", "f": "@variables('f')"}), json!({"List": ["Succeeded"]})),
        "Wrong": {"type": "SetVariable", "inputs": {"name": "n", "value": "text"}, "runAfter": {"Show": ["Succeeded"]}},
    }));
    assert_eq!(outputs(&machine, "Show"), json!({"n": 3, "s": "a3", "l": [{"x": 1}], "f": 1.5}));
    assert_eq!(outputs(&machine, "Add"), json!({"body": {"name": "N", "value": 4}}));
    let wrong = record(&machine, "Wrong").error.unwrap();
    assert!(wrong.message.contains(
        "of type 'Integer' cannot be initialized or updated with value of type 'String'"
    ));
}

#[test]
fn branches_skip_what_was_not_chosen() {
    let machine = run(json!({
        "If": {"type": "If", "expression": {"and": [{"equals": [{"LENGTH": ["a"]}, 1]}, {"not": {"equals": [1, 2]}}]},
            "actions": {"Yes": compose(json!("y"), json!({}))},
            "else": {"actions": {"No": compose(json!("n"), json!({})),
                "Deep": {"type": "Scope", "actions": {"In": compose(json!(1), json!({}))}}}}},
        "After": compose(json!({"y": "@outputs('Yes')", "n": "@outputs('No')"}), json!({"If": ["SUCCEEDED"]})),
        "Switch": {"type": "Switch", "expression": "@triggerBody()['n']", "cases": {
            "A": {"case": 4, "actions": {"Four": compose(json!(4), json!({}))}},
            "B": {"case": 5, "actions": {"Five": compose(json!(5), json!({}))}}},
            "default": {"actions": {"Other": compose(json!(0), json!({}))}}},
    }));
    assert_eq!(outputs(&machine, "If"), json!({"expression": true}));
    let skipped = record(&machine, "If/Deep/In");
    assert_eq!((skipped.status, skipped.code.as_str()), (ActionStatus::Skipped, "ActionSkipped"));
    assert_eq!(skipped.error.unwrap().code, "ActionBranchingConditionNotSatisfied");
    assert_eq!(outputs(&machine, "After"), json!({"y": "y", "n": null}));
    assert_eq!(outputs(&machine, "Switch/Five"), json!(5));
    assert_eq!(record(&machine, "Switch/Four").status, ActionStatus::Skipped);
    assert_eq!(record(&machine, "Switch/Other").status, ActionStatus::Skipped);
}

#[test]
fn catch_and_finally() {
    let mut machine = machine(json!({
        "Try": {"type": "Scope", "actions": {"Get": http(json!({})), "Then": compose(json!(1), json!({"Get": ["Succeeded"]}))}},
        "Catch": compose(json!("@result('Try')[0]['status']"), json!({"Try": ["Failed", "Skipped", "TimedOut"]})),
        "Ok": compose(json!(2), json!({"Try": ["Succeeded"]})),
        "Finally": compose(json!(3), json!({"Catch": ["Succeeded", "Skipped"], "Ok": ["Succeeded", "Skipped"]})),
    }));
    assert_eq!(paths(&machine.advance().calls), ["Try/Get"]);
    answer(&mut machine, "Try/Get", ActionStatus::Failed, json!("down"));
    assert!(machine.advance().finished.is_some());
    let scope = record(&machine, "Try");
    assert_eq!(scope.error.unwrap().message, "An action failed. No dependent actions succeeded.");
    assert_eq!(record(&machine, "Try/Then").status, ActionStatus::Skipped);
    assert_eq!(outputs(&machine, "Catch"), json!("Failed"));
    assert_eq!(record(&machine, "Ok").error.unwrap().code, "ActionConditionFailed");
    assert_eq!(outputs(&machine, "Finally"), json!(3));
    assert_eq!(status(&machine), RunStatus::Succeeded);
}

#[test]
fn a_skipped_leaf_counts_as_its_predecessor() {
    let mut machine = machine(
        json!({"Get": http(json!({})), "Then": compose(json!(1), json!({"Get": ["Succeeded"]}))}),
    );
    machine.advance();
    answer(&mut machine, "Get", ActionStatus::TimedOut, json!(null));
    machine.advance();
    assert_eq!(status(&machine), RunStatus::TimedOut);
}

#[test]
fn foreach_runs_as_many_iterations_as_allowed() {
    let mut machine = machine(json!({
        "L": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "l", "type": "array"}]}},
        "Each": {"type": "Foreach", "foreach": "@range(0,5)", "runAfter": {"L": ["Succeeded"]},
            "runtimeConfiguration": {"concurrency": {"repetitions": 2}},
            "actions": {"Get": http(json!({})), "Add": {"type": "AppendToArrayVariable", "runAfter": {"Get": ["Succeeded"]},
                "inputs": {"name": "l", "value": "@items('Each')"}}}},
        "Show": compose(json!({"l": "@variables('l')", "all": "@length(outputs('Get'))"}), json!({"Each": ["Succeeded"]})),
    }));
    assert_eq!(paths(&machine.advance().calls), ["Each[0]/Get", "Each[1]/Get"]);
    answer(&mut machine, "Each[1]/Get", ActionStatus::Succeeded, json!(1));
    assert_eq!(paths(&machine.advance().calls), ["Each[2]/Get"]);
    for index in [2, 0, 3, 4] {
        answer(&mut machine, &format!("Each[{index}]/Get"), ActionStatus::Succeeded, json!(1));
        machine.advance();
    }
    assert_eq!(outputs(&machine, "Show"), json!({"l": [1, 2, 0, 3, 4], "all": 5}));
    assert_eq!(record(&machine, "Each[3]/Add").iterations, [3]);
}

#[test]
fn a_failed_iteration_fails_the_loop_after_all_are_done() {
    let mut machine = machine(
        json!({"Each": {"type": "Foreach", "foreach": "@range(0,3)", "operationOptions": "Sequential",
        "actions": {"Get": http(json!({}))}}}),
    );
    for (index, status) in [ActionStatus::Failed, ActionStatus::Succeeded, ActionStatus::Succeeded]
        .into_iter()
        .enumerate()
    {
        let path = format!("Each[{index}]/Get");
        assert_eq!(paths(&machine.advance().calls), [&path]);
        answer(&mut machine, &path, status, json!(1));
    }
    machine.advance();
    assert_eq!(record(&machine, "Each").status, ActionStatus::Failed);
    assert_eq!(status(&machine), RunStatus::Failed);
}

#[test]
fn foreach_over_something_else_fails() {
    let machine = run(
        json!({"Each": {"type": "Foreach", "foreach": "@triggerBody()", "actions": {"C": compose(json!(1), json!({}))}}}),
    );
    let error = record(&machine, "Each").error.unwrap();
    assert_eq!(error.code, "ExpressionEvaluationFailed");
    assert!(error.message.contains("'Object'"));
    assert_eq!(record(&machine, "Each/C").status, ActionStatus::Skipped);
}

#[test]
fn until_ends_by_condition_or_limit_without_error() {
    let actions = |condition: &str| {
        json!({
            "I": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "n", "type": "integer"}]}},
            "U": {"type": "Until", "expression": condition, "limit": {"count": 4, "timeout": "PT1H"}, "runAfter": {"I": ["Succeeded"]},
                "actions": {"Up": {"type": "IncrementVariable", "inputs": {"name": "n"}},
                    "Where": compose(json!("@iterationIndexes('U')"), json!({"Up": ["Succeeded"]}))}},
            "Show": compose(json!({"n": "@variables('n')", "last": "@outputs('Where')"}), json!({"U": ["Succeeded"]})),
        })
    };
    let machine = run(actions("@equals(variables('n'),2)"));
    assert_eq!(outputs(&machine, "Show"), json!({"n": 2, "last": 1}));
    let machine = run(actions("@equals(1,2)"));
    assert_eq!(outputs(&machine, "Show"), json!({"n": 4, "last": 3}));
    assert_eq!(record(&machine, "U[3]/Up").status, ActionStatus::Succeeded);
}

#[test]
fn terminate_stops_everything() {
    let mut machine = machine(json!({
        "Slow": http(json!({})), "After": compose(json!(1), json!({"Slow": ["Succeeded"]})),
        "Get": http(json!({})),
        "Stop": {"type": "Terminate", "runAfter": {"Get": ["Failed"]}, "inputs": {"runStatus": "Failed", "runError": {"code": "E1", "message": "no @{triggerBody()['n']}"}}},
    }));
    assert_eq!(machine.advance().calls.len(), 2);
    answer(&mut machine, "Get", ActionStatus::Failed, json!(null));
    let finish = machine.advance().finished.unwrap();
    assert_eq!(finish.status, RunStatus::Failed);
    assert_eq!(finish.error.unwrap().message, "no 5");
    assert_eq!(record(&machine, "Slow").status, ActionStatus::Cancelled);
    assert_eq!(record(&machine, "After").code, "Terminated");
    let late = Event::Completed {
        path: "Slow".to_owned(),
        at: 0,
        outcome: CallOutcome {
            status: ActionStatus::Succeeded,
            code: "OK".to_owned(),
            outputs: None,
            error: None,
            attempts: 1,
            secure: false,
        },
    };
    assert_eq!(machine.apply(late), Err(ApplyError::Finished { path: "Slow".to_owned() }));
}

#[test]
fn calls_carry_what_the_host_needs() {
    let mut machine = machine(json!({
        "Send": {"type": "OpenApiConnection", "limit": {"timeout": "PT5M"}, "operationOptions": "DisableAsyncPattern",
            "runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": 5000}},
            "inputs": {"host": {"connectionName": "shared_x_1", "operationId": "Send", "apiId": "/providers/Microsoft.PowerApps/apis/shared_x"},
                "parameters": {"mail/To": "@{triggerBody()['n']}"}, "authentication": "@parameters('')",
                "retryPolicy": {"type": "fixed", "count": 2, "interval": "PT20S"}}},
        "Old": {"type": "ApiConnection", "inputs": {"host": {"connection": {"name": "@parameters('$connections')['shared_sql']['connectionId']"}},
            "method": "post", "path": "/v2/@{triggerBody()['n']}", "queries": {"a": 1}, "body": {"b": 2}}},
        "Web": {"type": "Http", "inputs": {"method": "POST", "uri": "https://example.test", "headers": {"X-Api-Key": "hush", "Accept": "text/plain"}, "authentication": {"type": "Basic", "username": "u", "password": "p"}}},
        "Child": {"type": "Workflow", "inputs": {"host": {"workflowReferenceName": "AB-1"}, "body": {"x": 1}}},
    }));
    let calls = machine.advance().calls;
    let send = &calls[0];
    assert_eq!(
        (send.timeout_us, send.asynchronous, send.pagination),
        (Some(300_000_000), false, Some(5000))
    );
    assert_eq!((send.retry.kind, send.retry.count), (RetryKind::Fixed, 2));
    let CallKind::Connection { connection_key, parameters, webhook: false, .. } = &send.kind else {
        panic!()
    };
    assert_eq!(connection_key, "shared_x_1");
    assert_eq!(parameters.get("mail/To").unwrap().as_str(), Some("5"));
    assert!(send.inputs.get("authentication").is_none());
    let CallKind::OldConnection { connection_key, method, path, .. } = &calls[1].kind else {
        panic!()
    };
    assert_eq!(
        (connection_key.as_str(), method.as_str(), path.as_str()),
        ("shared_sql", "POST", "/v2/5")
    );
    let shown = calls[2].inputs.get("headers").unwrap();
    assert_eq!(shown.get("X-Api-Key").unwrap().as_str(), Some("*sanitized*"));
    assert_eq!(shown.get("Accept").unwrap().as_str(), Some("text/plain"));
    let CallKind::Http { headers, .. } = &calls[2].kind else { panic!() };
    assert_eq!(headers.get("x-api-key").unwrap().as_str(), Some("hush"), "it is sent as it is");
    let CallKind::Http { authentication, .. } = &calls[2].kind else { panic!() };
    assert_eq!(authentication.get("password").unwrap().as_str(), Some("p"));
    assert!(!calls[2].inputs.to_json_string().contains("password"));
    assert!(!format!("{:?}", calls[2]).contains("\"p\""));
    let CallKind::ChildFlow { workflow_id, .. } = &calls[3].kind else { panic!() };
    assert_eq!(workflow_id, "ab-1");
    assert_eq!(send.idempotency_key.len(), 32);
}

#[test]
fn one_response_only() {
    let mut machine = machine(json!({
        "R1": {"type": "Response", "inputs": {"statusCode": "201", "body": {"ok": true}, "headers": {"A": "b"}}},
        "R2": {"type": "Response", "inputs": {"statusCode": 200}, "runAfter": {"R1": ["Succeeded"]}},
    }));
    let calls = machine.advance().calls;
    assert!(matches!(calls[0].kind, CallKind::Response { status: 201, .. }));
    answer(&mut machine, "R1", ActionStatus::Succeeded, json!(null));
    machine.advance();
    assert_eq!(record(&machine, "R2").status, ActionStatus::Failed);
}

#[test]
fn static_results_replace_calls() {
    let definition = compile_whole(json!({"triggers": {"manual": {"type": "Request"}},
        "staticResults": {"S0": {"status": "Failed", "outputs": {"statusCode": 500}, "error": {"code": "E", "message": "m"}}},
        "actions": {"Get": {"type": "Http", "inputs": {"method": "GET", "uri": "https://example.test"},
            "runtimeConfiguration": {"staticResult": {"name": "S0", "staticResultOptions": "Enabled"}}}}}));
    let mut machine = Machine::new(definition, start(json!({})));
    assert!(machine.advance().calls.is_empty());
    let got = record(&machine, "Get");
    assert_eq!((got.status, got.error.unwrap().code.as_str()), (ActionStatus::Failed, "E"));
}

#[test]
fn a_result_that_is_a_secret_is_hidden_without_any_setting() {
    let mut machine = machine(json!({
        "Read": http(json!({})),
        "Copy": compose(json!("key=@{body('Read')}"), json!({"Read": ["Succeeded"]})),
    }));
    machine.advance();
    let outcome = CallOutcome {
        status: ActionStatus::Succeeded,
        code: "OK".to_owned(),
        outputs: Some(Value::from_json(&json!({"statusCode": 200, "body": "s3cret"}))),
        error: None,
        attempts: 1,
        secure: true,
    };
    let event = Event::Completed { path: "Read".to_owned(), at: 1_700_000_000_600_000, outcome };
    machine.apply(event).expect("the call is open");
    machine.advance();
    let history = machine.history();
    assert!(!render(&history).contains("s3cret"), "{}", render(&history));
    assert_eq!(record(&machine, "Copy").status, ActionStatus::Succeeded);
    assert!(record(&machine, "Copy").secure_outputs);
}

#[test]
fn secured_data_stays_hidden_wherever_it_goes() {
    let mut machine = machine(json!({
        "V": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "v", "type": "string"}]}},
        "Get": {"type": "Http", "runAfter": {"V": ["Succeeded"]}, "inputs": {"method": "GET", "uri": "https://example.test"},
            "runtimeConfiguration": {"secureData": {"properties": ["outputs"]}}},
        "Copy": compose(json!("@body('Get')"), json!({"Get": ["Succeeded"]})),
        "Set": {"type": "SetVariable", "inputs": {"name": "v", "value": "@outputs('Copy')"}, "runAfter": {"Copy": ["Succeeded"]}},
        "Use": {"type": "Http", "inputs": {"method": "GET", "uri": "https://example.test/@{variables('v')}"}, "runAfter": {"Set": ["Succeeded"]}},
        "Fail": compose(json!("@int(variables('v'))"), json!({"Set": ["Succeeded"]})),
        "Open": compose(json!("plain"), json!({"Set": ["Succeeded"]})),
        "Param": compose(json!("@parameters('secret')"), json!({})),
    }));
    machine.advance();
    answer(&mut machine, "Get", ActionStatus::Succeeded, json!("s3cret"));
    let calls = machine.advance().calls;
    assert!(calls[0].secure_inputs && !calls[0].secure_outputs);
    let text = render(&machine.history());
    assert!(!text.contains("s3cret") && !text.contains("hush"), "{text}");
    assert_eq!(outputs(&machine, "Open"), json!("plain"));
    assert_eq!(record(&machine, "Fail").status, ActionStatus::Failed);
}

#[test]
fn time_is_the_time_of_the_last_event() {
    let mut machine = machine(json!({
        "Before": compose(json!("@utcNow()"), json!({})), "Get": http(json!({})),
        "After": compose(json!("@utcNow()"), json!({"Get": ["Succeeded"]})),
    }));
    machine.advance();
    answer(&mut machine, "Get", ActionStatus::Succeeded, json!(null));
    machine.advance();
    let (before, after) = (outputs(&machine, "Before"), outputs(&machine, "After"));
    assert!(before.as_str() < after.as_str(), "{before} {after}");
    assert!(record(&machine, "After").started_at > record(&machine, "Before").started_at);
}

#[test]
fn time_never_goes_back() {
    let mut machine = machine(
        json!({"Get": http(json!({})), "After": compose(json!("@utcNow()"), json!({"Get": ["Succeeded"]}))}),
    );
    machine.advance();
    let outcome = CallOutcome {
        status: ActionStatus::Succeeded,
        code: "OK".to_owned(),
        outputs: None,
        error: None,
        attempts: 1,
        secure: false,
    };
    machine.apply(Event::Completed { path: "Get".to_owned(), at: 5, outcome }).unwrap();
    machine.advance();
    assert_eq!(record(&machine, "After").started_at, Some(1_700_000_000_000_000));
}

#[test]
fn random_values_differ_by_place_and_not_by_replay() {
    let actions = json!({"Each": {"type": "Foreach", "foreach": "@range(0,3)", "actions": {"G": compose(json!("@{guid()} @{guid()}"), json!({}))}}});
    let machine = run(actions.clone());
    let values: Vec<Json> =
        (0..3).map(|index| outputs(&machine, &format!("Each[{index}]/G"))).collect();
    assert!(values[0] != values[1] && values[1] != values[2]);
    assert_eq!(render(&run(actions).history()), render(&machine.history()));
}

#[test]
fn long_loops_take_linear_work() {
    let steps = |count: usize| {
        let machine = run(json!({
            "I": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "l", "type": "array"}, {"name": "s", "type": "string"}]}},
            "Each": {"type": "Foreach", "foreach": format!("@range(0,{count})"), "runAfter": {"I": ["Succeeded"]},
                "actions": {"A": {"type": "AppendToArrayVariable", "inputs": {"name": "l", "value": "@item()"}},
                    "S": {"type": "AppendToStringVariable", "inputs": {"name": "s", "value": "x"}, "runAfter": {"A": ["Succeeded"]}}}},
            "Show": compose(json!("@length(variables('l'))"), json!({"Each": ["Succeeded"]})),
        }));
        assert_eq!(outputs(&machine, "Show"), json!(count));
        machine.steps()
    };
    let (small, large) = (steps(1_000), steps(100_000));
    assert_eq!(large - small, (small - steps(0)) / 1_000 * 99_000, "{small} {large}");
}

#[test]
fn a_run_that_never_ends_is_stopped() {
    let actions = json!({"A": {"type": "Foreach", "foreach": "@range(0,1000)", "actions": {
        "B": {"type": "Foreach", "foreach": "@range(0,1000)", "actions": {"C": {"type": "Scope", "actions": {}}}}}}});
    let mut machine = Machine::new(compile(actions), start(json!({}))).with_action_limit(5_000);
    let finish = machine.advance().finished.unwrap();
    assert_eq!(finish.status, RunStatus::Failed);
    assert_eq!(finish.error.unwrap().code, "WorkflowRunActionLimitExceeded");
}

#[test]
fn cancelling_ends_the_run() {
    let mut machine = machine(
        json!({"Get": http(json!({})), "Then": compose(json!(1), json!({"Get": ["Succeeded"]}))}),
    );
    machine.advance();
    machine.apply(Event::Cancelled { at: 1 }).unwrap();
    assert_eq!(machine.advance().finished.unwrap().status, RunStatus::Cancelled);
    assert_eq!(record(&machine, "Get").status, ActionStatus::Cancelled);
    assert_eq!(record(&machine, "Then").status, ActionStatus::Skipped);
    assert!(machine.apply(Event::Cancelled { at: 2 }).is_err());
}

#[test]
fn unsupported_types_fail_with_their_own_code() {
    let machine = run(json!({"X": {"type": "Xslt", "inputs": {}}}));
    let failed = record(&machine, "X");
    assert_eq!(
        (failed.code.as_str(), failed.error.unwrap().code.as_str()),
        ("ActionFailed", "ActionTypeNotSupported")
    );
}

#[test]
fn triggers_split_and_ask_conditions() {
    let definition = compile_whole(
        json!({"triggers": {"manual": {"type": "OpenApiConnection", "splitOn": "@triggerBody()?['value']",
        "conditions": [{"expression": "@greater(triggerBody()?['n'],1)"}]}}, "actions": {}}),
    );
    let outputs = json!({"headers": {"h": 1}, "body": {"value": [{"n": 1}, {"n": 2}]}});
    let split = trigger_split(&definition, &start(outputs)).unwrap();
    assert_eq!(split[1].to_json(), json!({"headers": {"h": 1}, "body": {"n": 2}}));
    let fires = |outputs: &Value| {
        let start = RunStart { trigger_outputs: outputs.clone(), ..start(json!({})) };
        trigger_fires(&definition, &start).unwrap()
    };
    assert_eq!((fires(&split[0]), fires(&split[1])), (false, true));
    assert!(trigger_split(&definition, &start(json!({"body": {"value": 1}}))).is_err());
}

#[test]
fn cells_can_be_unescaped_again() {
    let from = "@createArray(json('{\"a\":\"<b x=\\\"1\\\">\"}'))";
    let machine = run(json!({
        "T": {"type": "Table", "inputs": {"from": from, "format": "HTML"}},
        "C": compose(json!("@replace(replace(replace(body('T'),'&lt;','<'),'&gt;','>'),'&quot;','\"')"), json!({"T": ["Succeeded"]})),
    }));
    assert!(outputs(&machine, "T")["body"].as_str().unwrap().contains("&lt;b x=&quot;1&quot;&gt;"));
    assert!(outputs(&machine, "C").as_str().unwrap().contains("<td><b x=\"1\"></td>"));
}

#[test]
fn the_trigger_has_the_properties_of_the_service() {
    let machine = run(json!({"C": compose(json!("@trigger()"), json!({}))}));
    let trigger = outputs(&machine, "C");
    let names: Vec<&str> = trigger.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted =
        "name outputs startTime endTime trackingId clientTrackingId originHistoryName status";
    assert_eq!(names.join(" "), wanted);
}

#[test]
fn a_machine_can_move_between_threads() {
    fn check<T: Send + Sync>(_: &T) {}
    check(&machine(json!({})));
}

#[test]
fn names_do_not_look_like_paths() {
    let machine = run(json!({"a/b[0]%": compose(json!(1), json!({}))}));
    assert_eq!(record(&machine, "a%2Fb%5B0%5D%25").name, "a/b[0]%");
}

/// Every real flow runs to its end against a world that answers everything with `{}`, and its
/// history can be replayed.
#[test]
fn real_flows_run_to_their_end() {
    for (name, json) in crate::definition::tests::real_definitions() {
        let Ok(definition) = Definition::compile(&json).map(Arc::new) else { continue };
        let trigger_name = definition.triggers()[0].name.clone();
        let outputs = json!({"body": {"value": [{}], "text": "a"}, "headers": {}});
        let start = RunStart { trigger_name, ..start(outputs) };
        let mut machine = Machine::new(Arc::clone(&definition), start.clone());
        let mut journal = Vec::new();
        for turn in 0.. {
            assert!(turn < 10_000, "{name} does not end");
            let Advance { calls, finished } = machine.advance();
            if finished.is_some() {
                break;
            }
            for call in calls {
                if machine.finished().is_some() {
                    break;
                }
                let outcome = CallOutcome {
                    status: ActionStatus::Succeeded,
                    code: "OK".to_owned(),
                    outputs: Some(Value::from_json(
                        &json!({"statusCode": 200, "body": {"value": [{"a": 1}, {}]}}),
                    )),
                    error: None,
                    attempts: 1,
                    secure: false,
                };
                let event =
                    Event::Completed { path: call.path, at: start.started_at + turn, outcome };
                if machine.is_outstanding(match &event {
                    Event::Completed { path, .. } => path,
                    Event::Cancelled { .. } => unreachable!(),
                }) {
                    machine.apply(event.clone()).unwrap();
                    journal.push(event);
                }
            }
        }
        let mut again = Machine::new(definition, start);
        for event in journal {
            again.apply(event).unwrap();
        }
        again.advance();
        assert_eq!(render(&again.history()), render(&machine.history()), "{name}");
    }
}
