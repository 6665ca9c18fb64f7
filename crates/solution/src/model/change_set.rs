//! What an import will do, as values: made by `review::outcome`, applied by the store in one
//! transaction.
use super::package::{
    FlowBody, Manifest, PackageConnector, PackageReference, PackageVariable, Workflow,
};
use super::table::PackageTable;
use super::{Component, ConnectionId, ConnectorId, FlowId, ReferenceId, SolutionId, VariableId};

/// The changes of one import.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeSet {
    /// Version of the facts it was made from; another version refuses it.
    pub facts_version: i64,
    /// The solution row.
    pub solution: SolutionChange,
    /// Tables to make, or to widen by new columns.
    pub tables: Vec<PackageTable>,
    /// Connectors.
    pub connectors: Vec<ConnectorChange>,
    /// References.
    pub references: Vec<ReferenceChange>,
    /// Variables.
    pub variables: Vec<VariableChange>,
    /// Workflows of every category.
    pub flows: Vec<FlowChange>,
    /// What leaves the solution, in the order in which it goes; after everything else.
    pub removals: Vec<Removal>,
    /// Flows that are on and break a data policy with what comes, with the reason.
    pub suspensions: Vec<(FlowId, String)>,
    /// Unmanaged layers on top of what the package brings are taken away.
    pub overwrite: bool,
}

/// A component that leaves a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Which.
    pub component: Component,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a component that leaves a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The row goes.
    Deleted,
    /// Another solution holds it; only this one's layer goes.
    Held,
    /// Something that stays uses it, as named: it stays too, as an unmanaged component.
    StillUsed(Vec<String>),
}

/// The solution row to write.
#[derive(Clone, Debug, PartialEq)]
pub struct SolutionChange {
    /// The row it updates, if it exists.
    pub existing: Option<SolutionId>,
    /// The installed solution that it will replace: it comes in beside it, as a holding one.
    pub upgrade_of: Option<SolutionId>,
    /// Manifest; of a holding solution under the name it has until it is promoted.
    pub manifest: Manifest,
    /// The parts as they came, for what is not modelled: (name, content).
    pub parts: Vec<(String, Vec<u8>)>,
}

/// A custom connector to add or update.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorChange {
    /// The row it updates, if it exists.
    pub existing: Option<ConnectorId>,
    /// From the package.
    pub connector: PackageConnector,
}

/// A reference to add or update.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceChange {
    /// The row it updates, if it exists.
    pub existing: Option<ReferenceId>,
    /// From the package; empty names do not blank stored ones.
    pub reference: PackageReference,
    /// A layer above hides it: it is kept below and does not show.
    pub hidden: bool,
    /// A new binding; `None` keeps what is there.
    pub bind: Option<ConnectionId>,
}

/// A variable to add or update.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableChange {
    /// The row it updates, if it exists.
    pub existing: Option<VariableId>,
    /// From the package.
    pub variable: PackageVariable,
    /// A layer above hides it: it is kept below and does not show.
    pub hidden: bool,
    /// A value for this environment; `None` keeps what is there.
    pub value: Option<String>,
}

/// A workflow to add or update.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowChange {
    /// The row it updates, if it exists.
    pub existing: Option<FlowId>,
    /// From the package.
    pub workflow: Workflow,
    /// What its body says, if it is a cloud flow whose body can be read.
    pub body: Option<FlowBody>,
    /// A layer above hides it: it is kept below and does not show.
    pub hidden: bool,
    /// On after the import.
    pub on: bool,
    /// Wanted on: its exported state.
    pub wanted_on: bool,
    /// Why it stays off although wanted on.
    pub why_off: Option<String>,
}
