//! Target systems that stand in for the real ones. They record what arrived and from whom, and
//! their record is the evidence: never the program's own word.
pub mod dataverse;
pub mod secret_store;
mod server;
pub mod sharepoint;
pub mod smtp;

pub use server::{Reply, Request, StandIn};
