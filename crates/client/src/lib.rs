//! The API as a caller sees it: one client, generic over a tower service.
//!
//! The service is the server's own router called in process, or HTTP(S) to a connref server or a
//! real organisation ([`transport`]). One file per noun; each answers plain typed values and does
//! its own conversion from the wire. Errors of both dialects (Web API and control plane) become one
//! [`ClientError`].
mod answer;
pub mod audit;
mod call;
pub mod connection;
pub mod connector;
pub mod environment;
mod error;
pub mod facts;
pub mod flow;
pub mod job;
pub mod key;
pub mod layer;
pub mod odata;
pub mod pipeline;
pub mod principal;
pub mod publisher;
pub mod reference;
pub mod role;
pub mod run;
pub mod solution;
#[cfg(test)]
mod stand_in;
pub mod team;
pub mod tenant_group;
pub mod tenant_policy;
pub mod transport;
pub mod user;
pub mod variable;

use std::sync::Arc;

pub use error::{Cause, ClientError, Unsent};
pub use transport::{ApiService, Shared, TransportError};

/// Result of a client method.
pub type Result<T> = std::result::Result<T, ClientError>;

/// Where an environment is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Origin of the environment's Web API, without a final slash (`https://contoso.crm.dynamics.com`).
    pub environment: String,
    /// Origin of the control plane, without a final slash.
    pub control: String,
    /// Name or id of the environment as the control plane's `$filter` wants it; empty before an
    /// environment was chosen.
    pub name: String,
    /// Whether connref answers there: only it understands the extensions of the dialects.
    pub extended: bool,
}

/// A caller of the API, acting in one environment.
#[derive(Clone)]
pub struct Client<S = Shared> {
    service: S,
    place: Arc<Place>,
    acting: Option<Arc<str>>,
    dry_run: bool,
}

impl<S: ApiService> Client<S> {
    /// A client of the environment at `place`.
    pub fn new(service: S, place: Place) -> Self {
        Self { service, place: Arc::new(place), acting: None, dry_run: false }
    }

    /// The same service, another environment.
    #[must_use]
    pub fn at(&self, place: Place) -> Self {
        Self { place: Arc::new(place), ..self.clone() }
    }

    /// Acts as another principal, by its row id (header `MSCRMCallerID`; administrators only).
    #[must_use]
    pub fn acting_as(&self, principal: &str) -> Self {
        Self { acting: Some(principal.into()), ..self.clone() }
    }

    /// Whether changes are only told ([`Cause::Unsent`]) instead of sent.
    #[must_use]
    pub fn dry_run(&self, dry_run: bool) -> Self {
        Self { dry_run, ..self.clone() }
    }

    /// Whether changes are only told.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Where this client looks.
    pub fn place(&self) -> &Place {
        &self.place
    }
}
