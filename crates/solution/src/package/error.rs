//! Errors of reading and writing packages.
use crate::archive::ArchiveError;
use crate::document::json::JsonError;
use crate::document::xml::XmlError;

/// Why a package could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file without which it is no solution.
    #[error("`{archive}` is not a solution: `{part}` is missing; {fix}")]
    Missing {
        /// Archive.
        archive: String,
        /// The missing part.
        part: &'static str,
        /// What to do.
        fix: String,
    },
    /// A flow exported as a package of its own.
    #[error(
        "`{archive}` is an exported flow package, not a solution; `connref solution migrate` makes a solution of it"
    )]
    LegacyPackage {
        /// Archive.
        archive: String,
    },
    /// The layout of Git integration.
    #[error(
        "`{archive}` is in the YAML layout of Git integration (`{part}`), which is not read; export the solution as a zip and give that"
    )]
    Yaml {
        /// Archive.
        archive: String,
        /// The file that tells.
        part: String,
    },
    /// A part that is not well-formed XML.
    #[error("cannot read `{part}` of `{archive}`")]
    Xml {
        /// Archive.
        archive: String,
        /// Part.
        part: String,
        /// Cause.
        source: XmlError,
    },
}

/// Why a package could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The base.
    #[error("cannot change the package")]
    Base(#[from] PackageError),
    /// The archive.
    #[error("cannot write the package")]
    Archive(#[from] ArchiveError),
    /// A part would not be well-formed XML.
    #[error("cannot write `{part}`")]
    Xml {
        /// Part.
        part: String,
        /// Cause.
        source: XmlError,
    },
    /// A part would not be valid JSON.
    #[error("cannot write `{part}`")]
    Json {
        /// Part.
        part: String,
        /// Cause.
        source: JsonError,
    },
    /// Something that cannot be written.
    #[error("cannot write {what}: {why}")]
    Unsupported {
        /// What.
        what: String,
        /// Why, and the way out.
        why: &'static str,
    },
    /// A `SolutionPackager` folder with components that are not known.
    #[error(
        "cannot pack `{folder}`: its components {} are not known here; pack it with `pac solution pack` and give the zip",
        kinds.join(", ")
    )]
    UnknownComponents {
        /// Folder.
        folder: String,
        /// Names of parts or folders.
        kinds: Vec<String>,
    },
}

impl WriteError {
    pub(super) fn xml(part: &str) -> impl Fn(XmlError) -> Self + '_ {
        move |source| Self::Xml { part: part.to_owned(), source }
    }

    pub(super) fn json(part: &str) -> impl Fn(JsonError) -> Self + '_ {
        move |source| Self::Json { part: part.to_owned(), source }
    }
}
