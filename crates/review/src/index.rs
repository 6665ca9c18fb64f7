//! Facts with look-ups in constant time; the names of [`Facts`] methods mean the same here.
use std::collections::{HashMap, HashSet};

use connref_solution::model::facts::{
    ConnectionFacts, ConnectorFacts, FlowFacts, FlowState, PrincipalFacts, ReferenceFacts,
    VariableFacts,
};
use connref_solution::model::package::FlowReference;
use connref_solution::model::{
    ApiName, ConnectionId, Facts, FlowId, LogicalName, PrincipalId, ReferenceId,
};

use crate::policy::Policies;
use crate::policy::standing::Standing;

/// An index over facts: made once, asked often.
#[derive(Debug)]
pub struct Index<'a> {
    /// The facts.
    pub facts: &'a Facts,
    principals: HashMap<&'a PrincipalId, &'a PrincipalFacts>,
    connections: HashMap<&'a ConnectionId, &'a ConnectionFacts>,
    references: HashMap<&'a LogicalName, &'a ReferenceFacts>,
    reference_rows: HashMap<&'a ReferenceId, &'a ReferenceFacts>,
    flows: HashMap<&'a FlowId, &'a FlowFacts>,
    variables: HashMap<&'a LogicalName, &'a VariableFacts>,
    connectors: HashMap<String, &'a ConnectorFacts>,
    bare: HashMap<String, &'a ConnectorFacts>,
    logical: HashMap<&'a LogicalName, &'a ConnectorFacts>,
    uses: HashMap<&'a LogicalName, Vec<EntryAt<'a>>>,
    direct_uses: HashMap<ConnectionId, Vec<EntryAt<'a>>>,
    bound: HashMap<&'a ConnectionId, Vec<&'a ReferenceFacts>>,
    turned_on: HashSet<FlowId>,
    policies: Standing,
}

/// An entry of a flow; the number is the flow's place in the facts.
type EntryAt<'a> = (usize, &'a FlowFacts, &'a FlowReference);

impl<'a> Index<'a> {
    /// Reads the facts once. Where two rows claim one name the first wins, as in [`Facts`].
    pub fn new(facts: &'a Facts) -> Self {
        let mut index = Self {
            facts,
            principals: first(facts.principals.iter().map(|p| (&p.id, p))),
            connections: first(facts.connections.iter().map(|c| (&c.id, c))),
            references: first(facts.references.iter().map(|r| (&r.logical_name, r))),
            reference_rows: first(facts.references.iter().map(|r| (&r.id, r))),
            flows: first(facts.flows.iter().map(|f| (&f.id, f))),
            variables: first(facts.variables.iter().map(|v| (&v.schema_name, v))),
            connectors: first(facts.connectors.iter().map(|c| (c.api_name.key(), c))),
            bare: HashMap::new(),
            logical: HashMap::new(),
            uses: HashMap::new(),
            direct_uses: HashMap::new(),
            bound: HashMap::new(),
            turned_on: HashSet::new(),
            policies: Standing::of(&facts.policies, &facts.environment),
        };
        let custom = || facts.connectors.iter().filter(|c| c.custom);
        index.bare = first(custom().map(|c| (c.api_name.without_hash(), c)));
        index.logical = first(custom().filter_map(|c| Some((c.logical_name.as_ref()?, c))));
        index.note_uses();
        index
    }

    fn note_uses(&mut self) {
        let facts = self.facts;
        for reference in &facts.references {
            if let Some(connection) = &reference.connection {
                self.bound.entry(connection).or_default().push(reference);
            }
        }
        for (at, flow) in facts.flows.iter().enumerate() {
            for entry in &flow.references {
                if let Some(name) = &entry.logical_name {
                    self.uses.entry(name).or_default().push((at, flow, entry));
                } else if let Some(id) = crate::standing::direct_id(entry) {
                    self.direct_uses.entry(id).or_default().push((at, flow, entry));
                }
            }
        }
    }

    /// The tenant's policies.
    pub(crate) fn policies(&self) -> &Standing {
        &self.policies
    }

    /// Policies beside those of the tenant.
    pub(crate) fn policies_add(&mut self, more: &Policies) {
        self.policies.add(more.clone(), &self.facts.environment);
    }

    /// A principal by id.
    pub fn principal(&self, id: &PrincipalId) -> Option<&'a PrincipalFacts> {
        self.principals.get(id).copied()
    }

    /// A principal that exists and is neither disabled nor departed.
    pub fn active(&self, id: &PrincipalId) -> Option<&'a PrincipalFacts> {
        self.principal(id).filter(|p| crate::right::active(p))
    }

    /// A principal's name, its id if it is unknown.
    pub fn principal_name<'b>(&self, id: &'b PrincipalId) -> &'b str
    where
        'a: 'b,
    {
        self.principal(id).map_or(id.as_str(), |p| p.name.as_str())
    }

    /// A connection by id.
    pub fn connection(&self, id: &ConnectionId) -> Option<&'a ConnectionFacts> {
        self.connections.get(id).copied()
    }

    /// A reference by logical name.
    pub fn reference(&self, name: &LogicalName) -> Option<&'a ReferenceFacts> {
        self.references.get(name).copied()
    }

    /// A reference by row id.
    pub fn reference_row(&self, id: &ReferenceId) -> Option<&'a ReferenceFacts> {
        self.reference_rows.get(id).copied()
    }

    /// A flow by id.
    pub fn flow(&self, id: &FlowId) -> Option<&'a FlowFacts> {
        self.flows.get(id).copied()
    }

    /// A variable by schema name.
    pub fn variable(&self, name: &LogicalName) -> Option<&'a VariableFacts> {
        self.variables.get(name).copied()
    }

    /// A connector by api name; a custom one also without the hash of its environment.
    pub fn connector(&self, name: &ApiName) -> Option<&'a ConnectorFacts> {
        self.connectors.get(&name.key()).or_else(|| self.bare.get(&name.without_hash())).copied()
    }

    /// A custom connector by logical name.
    pub fn connector_named(&self, name: &LogicalName) -> Option<&'a ConnectorFacts> {
        self.logical.get(name).copied()
    }

    /// Whether two api names mean one connector here.
    pub fn same_connector(&self, one: &ApiName, two: &ApiName) -> bool {
        one == two
            || matches!((self.connector(one), self.connector(two)),
                (Some(a), Some(b)) if a.id == b.id)
    }

    /// Whether a flow's entry means the connector of `api`: by api name, or by the logical name of
    /// a custom connector (an api name's hash differs from one environment to another).
    pub fn entry_matches(&self, entry: &FlowReference, api: &ApiName) -> bool {
        self.same_connector(&entry.api_name, api)
            || entry
                .api_logical_name
                .as_ref()
                .and_then(|name| self.connector_named(name))
                .is_some_and(|named| self.connector(api).is_some_and(|c| c.id == named.id))
    }

    /// Whether a flow is on, or was noted as turned on.
    pub fn is_on(&self, id: &FlowId) -> bool {
        self.turned_on.contains(id) || self.flow(id).is_some_and(|f| f.state == FlowState::On)
    }

    /// Notes that a flow will be on: what comes after is judged with it on.
    pub fn turn_on(&mut self, id: &FlowId) {
        self.turned_on.insert(id.clone());
    }

    /// Every flow entry that names a reference, in the facts' order.
    pub fn uses_of(
        &self,
        reference: &LogicalName,
    ) -> impl Iterator<Item = (&'a FlowFacts, &'a FlowReference)> + use<'_, 'a> {
        self.uses.get(reference).into_iter().flatten().map(|&(_, flow, entry)| (flow, entry))
    }

    /// The references bound to a connection.
    pub fn bound_to(&self, connection: &ConnectionId) -> &[&'a ReferenceFacts] {
        self.bound.get(connection).map_or(&[], Vec::as_slice)
    }

    /// Every flow entry that reaches a connection, through a reference or directly, in the facts'
    /// order.
    pub fn reaching(&self, connection: &ConnectionId) -> Vec<(&'a FlowFacts, &'a FlowReference)> {
        let through = self.bound_to(connection).iter();
        let mut all: Vec<EntryAt<'a>> = through
            .filter_map(|r| self.uses.get(&r.logical_name))
            .chain(self.direct_uses.get(connection))
            .flatten()
            .copied()
            .collect();
        all.sort_by_key(|&(at, ..)| at);
        all.into_iter().map(|(_, flow, entry)| (flow, entry)).collect()
    }
}

fn first<K: std::hash::Hash + Eq, V>(pairs: impl Iterator<Item = (K, V)>) -> HashMap<K, V> {
    let mut map = HashMap::new();
    for (key, value) in pairs {
        map.entry(key).or_insert(value);
    }
    map
}
