//! The order in which what goes away can go.
use std::collections::BTreeSet;

use connref_solution::model::FlowId;

use super::flow::Compared;
use super::{Change, PackageDiff};

/// Flows that call others first, then what flows use: references, variables, connectors last,
/// because a reference needs its connector.
pub(super) fn removal(diff: &PackageDiff, compared: &Compared) -> Vec<String> {
    let mut steps: Vec<String> =
        flows(compared).into_iter().map(|name| format!("flow `{name}`")).collect();
    let gone = [
        ("connection reference", &diff.references),
        ("environment variable", &diff.variables),
        ("custom connector", &diff.connectors),
    ];
    for (what, list) in gone {
        for removed in list.iter().filter(|d| d.change == Change::Removed) {
            steps.push(format!("{what} `{}`", removed.name));
        }
    }
    steps
}

/// Removed flows, callers before what they call. A ring of callers is broken at its first flow.
fn flows(compared: &Compared) -> Vec<String> {
    let mut left: Vec<(&FlowId, &str)> = compared
        .flows
        .iter()
        .filter(|flow| flow.change == Change::Removed)
        .map(|flow| (&flow.id, flow.name.as_str()))
        .collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let waiting: BTreeSet<&FlowId> = left.iter().map(|(id, _)| *id).collect();
        let called = |id: &FlowId| {
            compared
                .calls
                .iter()
                .any(|(caller, callee)| callee == id && caller != id && waiting.contains(caller))
        };
        let next = left.iter().position(|(id, _)| !called(id)).unwrap_or(0);
        order.push(left.remove(next).1.to_owned());
    }
    order
}
