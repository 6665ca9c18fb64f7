//! What depends on a connection or a reference: the reverse index that people ask before they
//! change one.
use connref_solution::model::facts::{ConnectionFacts, FlowFacts, FlowState, ReferenceFacts};
use connref_solution::model::package::{FlowReference, RuntimeSource};
use connref_solution::model::{ConnectionId, Facts, LogicalName};

use crate::finding::Subject;
use crate::index::Index;

/// One flow that depends on something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowUse {
    /// The flow.
    pub flow: Subject,
    /// Whether it is on.
    pub on: bool,
    /// The reference through which it goes; `None` if it names the connection itself.
    pub reference: Option<LogicalName>,
    /// The connection it reaches, if one is bound.
    pub connection: Option<ConnectionId>,
    /// As whom it acts: the connection's account or owner; `None` for its caller.
    pub acts_as: Option<String>,
    /// Its owner's name.
    pub owner: String,
    /// Runs of the last 30 days.
    pub recent_runs: i64,
}

/// Every use of a connection, through references and directly.
pub fn connection_uses(facts: &Facts, id: &ConnectionId) -> Vec<FlowUse> {
    let index = Index::new(facts);
    let connection = index.connection(id);
    let rows = index.reaching(id);
    rows.into_iter().map(|(flow, entry)| row(&index, flow, entry, connection)).collect()
}

/// Every use of a reference.
pub fn reference_uses(facts: &Facts, reference: &ReferenceFacts) -> Vec<FlowUse> {
    let index = Index::new(facts);
    let connection = reference.connection.as_ref().and_then(|id| index.connection(id));
    index
        .uses_of(&reference.logical_name)
        .map(|(flow, entry)| row(&index, flow, entry, connection))
        .collect()
}

fn row(
    index: &Index<'_>,
    flow: &FlowFacts,
    entry: &FlowReference,
    connection: Option<&ConnectionFacts>,
) -> FlowUse {
    let bound = connection.filter(|_| entry.source == RuntimeSource::Embedded);
    FlowUse {
        flow: Subject::flow(flow),
        on: flow.state == FlowState::On,
        reference: entry.logical_name.clone(),
        connection: bound.map(|c| c.id.clone()),
        acts_as: bound.map(|c| crate::standing::identity(index, c)),
        owner: index.principal_name(&flow.owner).to_owned(),
        recent_runs: flow.recent_runs,
    }
}
