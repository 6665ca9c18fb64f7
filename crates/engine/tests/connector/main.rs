//! Connectors against servers that record what arrives.

mod custom;
mod dataverse;
mod http_action;
mod office365;
mod oidc;
mod postgres;
mod samples;
mod server;
mod sharepoint;
mod sql;
mod token;
