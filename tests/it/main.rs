//! End-to-end tests of the program: one module per subject. Nothing here links the program; each
//! test has an installation of its own and asks the target systems, the files and the database what
//! really happened.
mod audit_world;
mod authoring;
mod bad_input;
mod canary;
mod connection;
mod connector;
mod demo;
mod dependency_table;
mod fidelity;
mod hostile;
mod inspect;
mod invoker;
mod key;
mod kill9;
mod kill9_points;
mod migrate;
mod odata_metadata;
mod people;
mod plan;
mod policy;
mod proof;
mod quote_email;
mod resume;
mod roundtrip;
mod samples_import;
mod sarif;
mod secret_variables;
mod secrets;
mod server_http;
mod upgrade;
mod variables;
mod vault_format;
mod vault_move;
