//! What a plan says beyond the change set: each flow's state afterwards with its reasons, and whose
//! calls act as somebody else.
use connref_solution::model::FlowId;
use connref_solution::model::facts::{FlowFacts, FlowState};
use connref_solution::model::package::RuntimeSource;

use super::Import;
use crate::activation::flow_activation_in;
use crate::binding::IdentityChange;
use crate::index::Index;
use crate::refusal::Refusal;
use crate::standing::{identity, route};

/// One cloud flow of a package after the import.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowForecast {
    /// Workflow id.
    pub flow: FlowId,
    /// Name.
    pub name: String,
    /// In the environment before.
    pub existing: bool,
    /// Its state afterwards.
    pub state: FlowState,
    /// Whether it is exported, or was wanted, as on.
    pub wanted_on: bool,
    /// What forbids to turn it on, with codes and texts that clients know; empty where nothing does.
    pub refusals: Vec<Refusal>,
    /// Why it is off where nothing forbids it: as exported, by an option, a body that is not readable.
    pub note: Option<String>,
    /// Its place among those that the import turns on, called flows first; from 1.
    pub order: Option<usize>,
}

/// The forecasts of an import that has nothing to do: everything stays as it is.
pub(super) fn kept(index: &Index<'_>, import: &Import<'_>) -> Vec<FlowForecast> {
    let workflows = import.package.workflows.iter().filter(|w| w.is_cloud_flow());
    let here = workflows.filter_map(|w| index.flow(&w.id));
    here.map(|flow| FlowForecast {
        refusals: refusals(index, flow, import),
        ..FlowForecast::existing(flow)
    })
    .collect()
}

/// Why the caller could not turn a flow on that is off.
pub(super) fn refusals(index: &Index<'_>, flow: &FlowFacts, import: &Import<'_>) -> Vec<Refusal> {
    match flow.state {
        FlowState::On => Vec::new(),
        _ => flow_activation_in(index, &flow.id, import.caller).refusals,
    }
}

impl FlowForecast {
    /// A flow that is there already: it keeps its state.
    pub(super) fn existing(flow: &FlowFacts) -> Self {
        Self {
            flow: flow.id.clone(),
            name: flow.name.clone(),
            existing: true,
            state: flow.state,
            wanted_on: flow.wanted_on,
            refusals: Vec::new(),
            note: None,
            order: None,
        }
    }
}

/// Every flow that was here before and acts as somebody else afterwards: references are shared, so
/// an import can change flows it does not hold.
pub(super) fn identity_changes(before: &Index<'_>, after: &Index<'_>) -> Vec<IdentityChange> {
    let acting = |index: &Index<'_>, flow: &FlowFacts| -> Vec<Option<String>> {
        let entries = flow.references.iter();
        let route = |entry| route(index, flow, entry).ok().and_then(|route| route.connection());
        entries
            .map(|entry| match entry.source {
                RuntimeSource::Invoker => None,
                _ => route(entry).map(|connection| identity(index, connection)),
            })
            .collect()
    };
    let mut changes: Vec<IdentityChange> = Vec::new();
    for flow in &before.facts.flows {
        let Some(next) = after.flow(&flow.id) else { continue };
        let was = acting(before, flow);
        for (entry, now) in next.references.iter().zip(acting(after, next)) {
            let place = flow.references.iter().position(|old| old.key == entry.key);
            let Some(before) = place.map(|place| was[place].clone()) else { continue };
            let Some(now) = now else { continue };
            if before.as_ref() != Some(&now) {
                changes.push(IdentityChange {
                    flow: flow.id.clone(),
                    flow_name: next.name.clone(),
                    reference: entry.logical_name.clone(),
                    before,
                    after: now,
                });
            }
        }
    }
    changes
}
