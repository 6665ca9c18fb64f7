//! CA113: a flow that is off, should be on, and could be.
use connref_solution::model::facts::{FlowFacts, FlowState};

use super::Cx;
use crate::activation::flow_activation_in;
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let off = cx.facts().flows.iter().filter(|f| f.wanted_on && f.state == FlowState::Off);
    off.filter_map(|flow| finding(cx, flow)).collect()
}

fn finding(cx: &Cx<'_>, flow: &FlowFacts) -> Option<Finding> {
    let candidates = std::iter::once(&flow.owner).chain(&flow.activated_by);
    let who = candidates
        .filter_map(|id| cx.index.active(id))
        .find(|p| flow_activation_in(&cx.index, &flow.id, &p.id).allowed())?;
    let message = format!("flow `{}` is off though nothing keeps it off", flow.name);
    let mut help = format!("it was wanted on, and `{}` may turn it on", who.name);
    if let Some(why) = &flow.why_off {
        help += &format!("; when it was left off: {why}");
    }
    let command = format!("{} --as {}", fix::flow_on(cx.facts(), &flow.name), fix::arg(&who.name));
    Some(
        Finding::new(code::CA113, Severity::Warning, Subject::flow(flow), message, help)
            .fixed_by(command),
    )
}
