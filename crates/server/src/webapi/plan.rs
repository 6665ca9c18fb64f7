//! The document of a plan, for the answer of `connref_PlanImport` and for whoever judges by itself.
use connref_review::{
    FlowForecast, Ground, Grounds, IdentityChange, Outcome, ReferenceStanding, Refusal, ReportLine,
    reference_standings,
};
use connref_solution::model::package::Managed;
use connref_solution::model::{Facts, LogicalName, Package, PrincipalId};
use serde_json::{Value, json};

use super::call::{finding, flow_state};
use super::fault::{refusal, subject};

/// A plan as a document: what happens or everything that forbids it, each statement with how sure it
/// is, and what was not seen at all.
pub fn plan_document(
    package: &Package,
    facts: &Facts,
    caller: &PrincipalId,
    outcome: &Result<Outcome, Vec<Refusal>>,
) -> Value {
    let manifest = &package.manifest;
    // As they stand afterwards; as they are now where the import is refused.
    let after = outcome.as_ref().map_or(facts, |outcome| &outcome.future);
    let references = reference_standings(after, package);
    let mut answer = json!({
        "solution": manifest.unique_name,
        "version": manifest.version,
        "managed": manifest.managed == Managed::Managed,
        "environment": facts.environment.name,
        "factsVersion": facts.environment.version,
        "references": references.iter().map(reference).collect::<Vec<_>>(),
        "unknown": facts.unknown.iter().map(|area| area.words()).collect::<Vec<_>>(),
    });
    match outcome {
        Err(refusals) => {
            let grounds = Grounds::of_refusals(facts, caller);
            answer["allowed"] = json!(false);
            answer["refusals"] =
                refusals.iter().map(|one| sure(refusal(one), &grounds.refusal(one))).collect();
        }
        Ok(outcome) => {
            let grounds = Grounds::new(facts, outcome, caller);
            answer["allowed"] = json!(true);
            answer["nothingToDo"] = json!(outcome.change_set.is_none());
            answer["components"] = outcome
                .report
                .iter()
                .map(|line| sure(report_line(line), &grounds.line(line)))
                .collect();
            answer["flows"] = outcome
                .flows
                .iter()
                .map(|flow| sure(forecast(flow, &grounds), &grounds.flow(flow)))
                .collect();
            answer["identityChanges"] = outcome
                .identity_changes
                .iter()
                .map(|change| sure(identity(change), &grounds.identity(change)))
                .collect();
            answer["warnings"] = outcome
                .warnings
                .iter()
                .map(|one| sure(finding(one), &grounds.warning(one)))
                .collect();
        }
    }
    answer
}

/// A statement with how sure it is.
fn sure(mut statement: Value, ground: &Ground) -> Value {
    statement["certainty"] = ground.certainty.as_str().into();
    statement["because"] = json!(ground.because);
    statement
}

fn reference(one: &ReferenceStanding) -> Value {
    json!({
        "name": one.logical_name.as_str(), "connector": one.api_name.as_str(),
        "state": one.state.as_str(), "code": one.code,
    })
}

fn report_line(line: &ReportLine) -> Value {
    json!({"subject": subject(&line.subject), "change": line.word.as_str(), "detail": line.detail})
}

fn forecast(flow: &FlowForecast, grounds: &Grounds<'_>) -> Value {
    json!({
        "id": flow.flow.as_str(),
        "name": flow.name,
        "existing": flow.existing,
        "state": flow_state(flow.state),
        "wantedOn": flow.wanted_on,
        "order": flow.order,
        "note": flow.note,
        "refusals": flow
            .refusals
            .iter()
            .map(|one| sure(refusal(one), &grounds.refusal(one)))
            .collect::<Vec<_>>(),
    })
}

fn identity(change: &IdentityChange) -> Value {
    json!({
        "flow": change.flow_name,
        "reference": change.reference.as_ref().map(LogicalName::as_str),
        "before": change.before,
        "after": change.after,
    })
}
