//! Real artefacts to lossless documents to the model, and back.
//!
//! Pure: no network, no database, no clock. Reading a folder is the only file access.
pub mod model;
