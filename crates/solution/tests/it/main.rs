//! Tests of the crate from outside: own fixtures, hostile input, generated input, and real
//! samples where the folder `CONNREF_SAMPLES` names is there.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(clippy::print_stderr, reason = "skipped suites and counts are told")]

mod facts;
mod fixtures;
mod formats;
mod generate;
mod hostile;
mod identity;
mod samples;
mod settings;
mod support;
mod write;
