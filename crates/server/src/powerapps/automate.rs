//! Flows, their runs and their steps at the addresses of the newer API
//! (`/powerautomate/environments/{environment}/…`): what the command line of the vendor lists.
use axum::Json;
use connref_store::query::Record;
use connref_store::run::Run;
use serde_json::{Value, json};

use super::flow::{document, moment, number, rows, text};
use super::page::listed;
use super::run::run_name;
use super::time::iso;
use super::{Caller, Failure};
use crate::name_id::name_id;
use crate::operation::flow::{flow_visible, run_list};

/// Most runs that are looked through.
const RUNS_MAX: i64 = 5000;
/// Deepest nesting of steps that is followed.
const DEPTH_MAX: usize = 64;

impl Caller {
    /// A parameter of the query, whatever its case; none if it is empty.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn asked_moment(&self, name: &str) -> Result<Option<jiff::Timestamp>, Failure> {
        let Some(text) = self.asked(name) else { return Ok(None) };
        let at = super::connection::moment(&text.into())?;
        Ok(at.and_then(|at| jiff::Timestamp::from_microsecond(at).ok()))
    }
}

/// `workflowId`, `resourceId`, `ownerId`, `createdBy` and four dates narrow the list.
pub(crate) async fn flows(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let id = caller.asked("workflowId").or_else(|| caller.asked("resourceId"));
    let mut all = rows(&cx, id).await?;
    for (name, column) in [("ownerId", "ownerid"), ("createdBy", "createdby")] {
        if let Some(wanted) = caller.asked(name) {
            all.retain(|row| text(row, column).eq_ignore_ascii_case(wanted));
        }
    }
    for (name, column, from) in [
        ("createdOnStartDate", "createdon", true),
        ("createdOnEndDate", "createdon", false),
        ("modifiedOnStartDate", "modifiedon", true),
        ("modifiedOnEndDate", "modifiedon", false),
    ] {
        let Some(bound) = caller.asked_moment(name)? else { continue };
        all.retain(|row| {
            let at = moment(row, column).and_then(|at| at.parse::<jiff::Timestamp>().ok());
            at.is_some_and(|at| if from { at >= bound } else { at <= bound })
        });
    }
    let (rows, next) = caller.page(all, |row| row.id.clone());
    Ok(listed(rows.iter().map(flow).collect(), next))
}

fn flow(row: &Record) -> Value {
    json!({
        "name": text(row, "name"),
        "description": text(row, "description"),
        "workflowId": row.id,
        "resourceId": row.id,
        "workflowIdUnique": row.id,
        "createdOn": moment(row, "createdon"),
        "createdBy": text(row, "createdby"),
        "modifiedOn": moment(row, "modifiedon"),
        "ownerId": text(row, "ownerid"),
        "stateCode": state(number(row, "statecode")),
        "statusCode": status(number(row, "statuscode")),
        "modernFlowType": "PowerAutomateFlow",
        // The service sends the definition as a text.
        "definition": document(row)["properties"]["definition"].to_string(),
    })
}

fn state(code: i64) -> &'static str {
    match code {
        1 => "Published",
        2 => "Suspended",
        _ => "Draft",
    }
}

fn status(code: i64) -> &'static str {
    match code {
        2 => "Published",
        3 => "CompanyDLPViolation",
        _ => "Draft",
    }
}

/// The runs of the flow `workflowId`, or of all.
pub(crate) async fn runs(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let flow = caller.asked("workflowId").map(str::to_lowercase);
    if let Some(flow) = &flow {
        flow_visible(&cx, flow).await?;
    }
    let mut all = run_list(&cx, flow.as_deref(), RUNS_MAX).await?;
    if let Some(status) = caller.asked("status") {
        all.retain(|run| run.status.eq_ignore_ascii_case(status));
    }
    let (rows, next) = caller.page(all, |r| format!("{:020}{}", i64::MAX - r.started_on, r.id));
    Ok(listed(rows.iter().map(run).collect(), next))
}

fn run(run: &Run) -> Value {
    let start: Value = serde_json::from_str(&run.start).unwrap_or(Value::Null);
    json!({
        "name": run_name(run.id.as_str()),
        // The row of a run has an id besides the run's name.
        "flowRunId": name_id("run", run.id.as_str()),
        "workflowId": run.flow.as_str(),
        "status": run.status,
        "errorCode": run.code,
        "errorMessage": run.message,
        "startTime": iso(run.started_on),
        "endTime": run.ended_on.map(iso),
        "createdOn": iso(run.started_on),
        "durationMs": run.ended_on.map(|ended| (ended - run.started_on) / 1000),
        "modernFlowType": "PowerAutomateFlow",
        "ownerId": run.caller,
        "parentRunId": run.parent.as_ref().map(|id| run_name(id.as_str())),
        "triggerType": start["trigger"],
    })
}

/// The trigger and the actions of the flows the caller sees, nested ones too. `workflowId`,
/// `connector`, `isTrigger`, `parameterName`, `parameterValue` (with `exact`) and
/// `parentProcessStageId` narrow the list.
pub(crate) async fn actions(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let mut all = Vec::new();
    for row in rows(&cx, caller.asked("workflowId")).await? {
        let body = document(&row);
        let definition = &body["properties"]["definition"];
        let mut steps = Steps { row: &row, body: &body, all: &mut all };
        steps.walk(&definition["triggers"], "", true, 0);
        steps.walk(&definition["actions"], "", false, 0);
    }
    let exact = caller.asked("exact").is_some_and(|exact| exact.eq_ignore_ascii_case("true"));
    let holds = |value: &str, wanted: &str| {
        let (value, wanted) = (value.to_lowercase(), wanted.to_lowercase());
        if exact { value == wanted } else { value.contains(&wanted) }
    };
    if let Some(trigger) = caller.asked("isTrigger") {
        all.retain(|one| one["isTrigger"].as_bool() == trigger.to_lowercase().parse().ok());
    }
    if let Some(wanted) = caller.asked("connector") {
        all.retain(|one| one["connector"].as_str().is_some_and(|c| c.eq_ignore_ascii_case(wanted)));
    }
    if let Some(wanted) = caller.asked("parentProcessStageId") {
        all.retain(|one| one["parentProcessStageId"].as_str() == Some(wanted));
    }
    let (name, value) = (caller.asked("parameterName"), caller.asked("parameterValue"));
    if name.is_some() || value.is_some() {
        all.retain(|one| {
            one["parameters"].as_object().into_iter().flatten().any(|(known, given)| {
                let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
                name.is_none_or(|name| holds(known, name))
                    && value.is_none_or(|value| holds(&text, value))
            })
        });
    }
    let (rows, next) =
        caller.page(all, |one| one["connref"]["path"].as_str().unwrap_or_default().to_owned());
    Ok(listed(rows, next))
}

/// Steps of one flow, gathered.
struct Steps<'a> {
    row: &'a Record,
    body: &'a Value,
    all: &'a mut Vec<Value>,
}

impl Steps<'_> {
    fn walk(&mut self, steps: &Value, parent: &str, trigger: bool, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        for (name, step) in steps.as_object().into_iter().flatten() {
            let kind = if trigger { "triggers" } else { "actions" };
            let id = match parent {
                "" => format!("{}/{kind}/{name}", self.row.id),
                parent => format!("{parent}/{name}"),
            };
            self.all.push(self.step(name, step, &id, parent, trigger));
            self.walk(&step["actions"], &id, false, depth + 1);
            self.walk(&step["else"]["actions"], &id, false, depth + 1);
            self.walk(&step["default"]["actions"], &id, false, depth + 1);
            for (_, case) in step["cases"].as_object().into_iter().flatten() {
                self.walk(&case["actions"], &id, false, depth + 1);
            }
        }
    }

    fn step(&self, name: &str, step: &Value, id: &str, parent: &str, trigger: bool) -> Value {
        let host = &step["inputs"]["host"];
        let key = host["connectionName"].as_str().unwrap_or_default();
        let api = host["apiId"]
            .as_str()
            .or_else(|| {
                self.body["properties"]["connectionReferences"][key]["api"]["name"].as_str()
            })
            .and_then(|api| api.rsplit('/').next());
        json!({
            "processStageId": name_id("step", id),
            "parentProcessStageId": (!parent.is_empty()).then(|| name_id("step", parent)),
            "workflowId": self.row.id,
            "ownerId": text(self.row, "ownerid"),
            "stageName": name,
            "name": name,
            "operationType": step["type"],
            "operationKind": step["kind"],
            "type": step["type"],
            "isTrigger": trigger,
            "connector": api,
            "operationId": host["operationId"],
            "parameters": step["inputs"]["parameters"],
            "connref": {"path": id},
        })
    }
}
