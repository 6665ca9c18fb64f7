//! `connref_FlowWhy` and `connref_FlowShare`.
use connref_solution::model::facts::FlowState;
use connref_store::flow::FlowLevel;
use serde_json::{Value, json};

use super::audit::finding;
use super::parameters::Parameters;
use crate::operation::flow::{FlowWhy, flow_share, flow_why, flows_why};
use crate::webapi::fault::refusal;
use crate::webapi::{Asked, Fault};

pub(super) async fn why(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    Ok(told(&flow_why(&asked.cx, parameters.required("WorkflowId")).await?))
}

/// Every flow of a solution at once.
pub(super) async fn why_all(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let all = flows_why(&asked.cx, parameters.required("Solution")).await?;
    let rows = all.iter().map(|why| {
        let mut row = told(why);
        row["id"] = why.flow.id.as_str().into();
        row
    });
    Ok(json!({"value": rows.collect::<Vec<_>>()}))
}

fn told(why: &FlowWhy) -> Value {
    json!({
        "state": state(why.flow.state),
        "wantedOn": why.flow.wanted_on,
        "refusals": why.activation.refusals.iter().map(refusal).collect::<Vec<_>>(),
        "warnings": why.activation.warnings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// The word people know.
pub(in crate::webapi) fn state(state: FlowState) -> &'static str {
    match state {
        FlowState::Off => "off",
        FlowState::On => "on",
        FlowState::Suspended => "suspended",
    }
}

pub(super) async fn share(asked: &Asked, parameters: Parameters) -> Result<(), Fault> {
    let level = match parameters.required("Level").to_ascii_lowercase().as_str() {
        "run" => Some(FlowLevel::Run),
        "edit" => Some(FlowLevel::Edit),
        "none" => None,
        other => {
            let why = format!("`{other}` is no level; use `run`, `edit` or `none`.");
            return Err(Fault::invalid(why));
        }
    };
    let (flow, with) = (parameters.required("WorkflowId"), parameters.required("Principal"));
    Ok(flow_share(&asked.cx, flow, with, level).await?)
}
