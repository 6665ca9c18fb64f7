//! The model: plain values that every other crate speaks. No wire format lives here (invariant 3):
//! each edge converts.
pub mod change_set;
pub mod component;
pub mod facts;
mod facts_use;
pub mod id;
pub mod legacy;
pub mod name;
pub mod package;
pub mod selector;
pub mod settings;
pub mod table;
pub mod variable;

pub use change_set::ChangeSet;
pub use component::{Component, ComponentKind, layer_digest};
pub use facts::Facts;
pub use id::{
    ConnectionId, ConnectorId, EnvironmentId, FlowId, JobId, PrincipalId, PublisherId, ReferenceId,
    RunId, SolutionId, TenantId, VariableId,
};
pub use legacy::LegacyPackage;
pub use name::{ApiName, LogicalName};
pub use package::Package;
pub use settings::DeploymentSettings;
pub use table::PackageTable;
pub use variable::{SecretReference, VariableKind};

/// Microseconds since the Unix epoch, UTC.
pub type Micros = i64;
