//! Makes flows run: tokens, connectors, the runner.

pub mod connector;
pub mod credential;
pub mod key;
pub mod runner;
pub mod secret;
pub mod sign_in;
pub mod token;
