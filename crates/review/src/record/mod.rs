//! A case as others may have it: facts, package and settings of an import without anybody in them,
//! so that how often a plan is right can be measured on other people's cases. What makes it up is
//! written out field by field; names become numbers, texts and moments are left out.
mod facts;
mod names;
mod package;

use connref_solution::model::facts::FlowState;
use connref_solution::model::{DeploymentSettings, Facts, Package, PrincipalId};
use serde_json::{Value, json};

use crate::outcome::{Grounds, Import, ImportOptions, Outcome, import_outcome};
use crate::refusal::Refusal;

pub use names::Names;

/// A case under other names.
#[derive(Debug)]
pub struct Case {
    /// The environment before.
    pub facts: Facts,
    /// The package.
    pub package: Package,
    /// Settings.
    pub settings: Option<DeploymentSettings>,
    /// Who imports.
    pub caller: PrincipalId,
    /// How.
    pub options: ImportOptions,
    /// What was foretold, under the same names.
    pub plan: Value,
    /// How names were changed; for what is said of the case later. Not for the record.
    pub names: Names,
}

/// Takes a case down before it happens, with what is foretold of it.
pub fn case_record(facts: &Facts, import: &Import<'_>) -> Case {
    let outcome = import_outcome(facts, import.clone());
    let mut names = Names::default();
    let scrubbed = facts::scrubbed(facts, &mut names);
    Case {
        facts: scrubbed,
        package: package::scrubbed(facts, import.package, import.bodies, &mut names),
        settings: import.settings.map(|one| package::settings(import.package, one, &mut names)),
        caller: names.principal(import.caller),
        options: import.options,
        plan: plan(facts, import.caller, &outcome, &mut names),
        names,
    }
}

/// The foretold states and codes.
fn plan(
    facts: &Facts,
    caller: &PrincipalId,
    outcome: &Result<Outcome, Vec<Refusal>>,
    names: &mut Names,
) -> Value {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(refusals) => {
            let grounds = Grounds::of_refusals(facts, caller);
            let told = refusals.iter().map(|one| {
                json!({"code": one.code, "certainty": grounds.refusal(one).certainty.as_str()})
            });
            return json!({"allowed": false, "refusals": told.collect::<Vec<_>>()});
        }
    };
    let grounds = Grounds::new(facts, outcome, caller);
    let flows = outcome.flows.iter().map(|one| {
        json!({
            "flow": names.flow(&one.flow).as_str(),
            "state": state(one.state),
            "codes": one.refusals.iter().map(|r| r.code).collect::<Vec<_>>(),
            "certainty": grounds.flow(one).certainty.as_str(),
        })
    });
    let flows: Vec<Value> = flows.collect();
    json!({"allowed": true, "flows": flows})
}

/// What really happened, in the words of the plan: the flows as they are afterwards, or the code of
/// what was refused.
pub fn case_result(case: &mut Case, after: Result<&Facts, &str>) -> Value {
    let plan = &case.plan;
    let after = match after {
        Err(code) => {
            let code = code.bytes().all(|b| b.is_ascii_alphanumeric()).then_some(code);
            return json!({"allowed": false, "code": code, "right": plan["allowed"] == false});
        }
        Ok(after) => after,
    };
    let (mut right, mut wrong, mut unknown) = (0, Vec::new(), 0);
    let mut flows = Vec::new();
    for one in &after.flows {
        let id = case.names.flow(&one.id);
        let foretold = plan["flows"].as_array().into_iter().flatten();
        let Some(foretold) = foretold.into_iter().find(|f| f["flow"] == id.as_str()) else {
            continue;
        };
        let state = state(one.state);
        match (foretold["certainty"] == "unknown", foretold["state"] == state) {
            (true, _) => unknown += 1,
            (false, true) => right += 1,
            (false, false) => wrong.push(id.to_string()),
        }
        flows.push(json!({"flow": id.as_str(), "state": state}));
    }
    json!({
        "allowed": true, "flows": flows,
        "right": right, "wrong": wrong, "unknown": unknown,
        "refusalWasWrong": plan["allowed"] == false,
    })
}

fn state(state: FlowState) -> &'static str {
    match state {
        FlowState::On => "on",
        FlowState::Off => "off",
        FlowState::Suspended => "suspended",
    }
}
