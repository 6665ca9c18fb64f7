//! The judgement from outside: small worlds, each rule both ways, and random worlds against a
//! model.
mod activation;
mod audit;
mod binding;
mod codes;
mod departure;
mod model;
mod outcome;
mod random_imports;
mod run;
mod world;
