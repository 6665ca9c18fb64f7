//! The only outbound socket: guarded resolver, HTTP client, checked streams, OAuth grants.
//!
//! Every address is judged after resolution and the connection goes to exactly the judged
//! address, so a name cannot change its meaning between the check and the connect.

mod address;
mod client;
mod config;
mod crypto;
mod error;
mod file;
mod guard;
mod headers;
pub mod oauth;
mod policy;
mod redirect;
mod request;
mod stream;

pub use address::{Refusal, classify};
pub use client::Egress;
pub use config::{EgressConfig, Lookup, SystemLookup};
pub use crypto::crypto_install;
pub use error::EgressError;
pub use policy::{Policy, PolicyError};
pub use request::{HttpRequest, HttpResponse, Redirects};
