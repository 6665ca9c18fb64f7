//! Makes flows run: tokens, connectors, the runner.

pub mod connector;
pub mod token;
pub mod credential;
pub mod runner;
