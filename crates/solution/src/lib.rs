//! Real artefacts to lossless documents to the model, and back.
//!
//! Pure: no network, no database, no clock. Reading and unpacking folders is the only file access.
pub mod archive;
pub mod artefact;
pub mod connector;
pub mod document;
pub mod find;
pub mod inspect;
pub mod model;
pub mod package;
pub mod settings;

pub use archive::{Archive, ArchiveError, Limits};
pub use find::{FindReport, Found, FoundKind, find, find_solutions};
pub use inspect::{Inspection, inspect};
pub use package::{
    BodyError, ConnectorSplit, OpenBody, OpenBodyError, PackageError, WriteError, connectors_split,
    flow_bodies, pack, package_edit, package_open, package_read, package_write, tables_read,
};
