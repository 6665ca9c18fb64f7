//! Real artefacts to lossless documents to the model, and back.
//!
//! Pure: no network, no database, no clock. Reading a folder is the only file access.
pub mod archive;
pub mod artefact;
pub mod document;
pub mod inspect;
pub mod model;
pub mod package;
pub mod settings;

pub use archive::{Archive, ArchiveError, Limits, find_solutions};
pub use inspect::{Inspection, inspect};
pub use package::{BodyError, PackageError, WriteError, flow_bodies, package_read, package_write};
