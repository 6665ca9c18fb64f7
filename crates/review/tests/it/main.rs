//! The judgement from outside: small worlds, each rule both ways, and random worlds against a
//! model.
mod activation;
mod audit;
mod binding;
mod check;
mod check_random;
mod check_samples;
mod codes;
mod departure;
mod model;
mod outcome;
mod pack;
mod policy;
mod random_imports;
mod run;
mod runbook;
mod world;
