//! Connectors: what an operation of a connection does on the wire.
//!
//! A connector is one file (or folder) named like its api, implements [`Connector`] and is listed
//! in [`Registry::built_in`]. It gets everything it may touch in a [`CallContext`]; the target's
//! statuses of 400 and more are responses, and only what has no response is a [`CallError`].

mod body;
mod context;
pub mod custom;
pub(crate) mod encode;
mod error;
pub mod http;
mod metadata;
mod page;
mod parameters;
mod registry;
mod rest;
pub(crate) mod shared_commondataserviceforapps;
mod shared_office365;
mod shared_sharepointonline;
mod shared_sql;

use futures::future::BoxFuture;

pub use context::{CallContext, Credential, OperationCall, OperationResponse, Probe, Target};
pub use error::CallError;
pub use metadata::{
    Authentication, ConnectionParameter, ConnectorMetadata, OperationMetadata, ParameterKind,
    ParameterMetadata, ServicePrincipal, Support, Tier,
};
pub use page::call_paged;
pub use registry::Registry;
pub use shared_commondataserviceforapps::Dataverse;
pub use shared_office365::Office365;
pub use shared_sharepointonline::SharePoint;
pub use shared_sql::Sql;

/// One connector: its description and how it is called.
pub trait Connector: Send + Sync {
    /// The api name, for example `shared_sql`.
    fn api_name(&self) -> &str;

    /// What it offers and what a connection to it needs.
    fn metadata(&self) -> ConnectorMetadata;

    /// Performs one operation.
    fn call<'a>(
        &'a self,
        cx: &'a CallContext<'a>,
        call: OperationCall<'a>,
    ) -> BoxFuture<'a, Result<OperationResponse, CallError>>;

    /// Asks the target who the connection is, changing nothing there.
    fn probe<'a>(&'a self, cx: &'a CallContext<'a>) -> BoxFuture<'a, Result<Probe, CallError>>;
}
