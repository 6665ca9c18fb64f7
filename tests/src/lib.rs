//! Helpers for the end-to-end tests: the program in a home of its own, the target systems that stand
//! in for the real ones, small solution files, and what reads results back independently.
pub mod binary;
pub mod browser;
pub mod database;
pub mod generated;
pub mod home;
pub mod http;
pub mod package;
pub mod postgres;
pub mod provider;
pub mod ran;
pub mod samples;
pub mod seed;
pub mod served;
pub mod spy;
pub mod stand_in;

pub use home::Home;
pub use ran::Ran;
