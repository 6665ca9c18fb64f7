//! Errors of reading and writing archives.

/// Why an archive could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The path cannot be opened or read.
    #[error("cannot read `{path}`; check that it exists and may be read")]
    Read {
        /// Path as given.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// Not a zip at all.
    #[error(
        "cannot read `{archive}` as a solution: {reason}, not a zip; give a solution zip or an unpacked solution folder"
    )]
    NotZip {
        /// What was read.
        archive: String,
        /// What it looks like.
        reason: &'static str,
    },
    /// A zip that is cut off or damaged.
    #[error(
        "cannot read `{archive}`: the zip is truncated or damaged; export or download it again"
    )]
    Damaged {
        /// What was read.
        archive: String,
        /// Cause.
        source: zip::result::ZipError,
    },
    /// The content of one entry is damaged.
    #[error("cannot read `{entry}`: its content is damaged; export or download the package again")]
    DamagedEntry {
        /// Entry name.
        entry: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A limit is exceeded.
    #[error(
        "refused `{subject}`: {what} is {found}, the limit is {limit}; a solution does not come near it, export it again"
    )]
    Limit {
        /// Archive or entry.
        subject: String,
        /// What is limited.
        what: &'static str,
        /// What was found.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// An entry name that could reach outside the folder, or is not usable as a name.
    #[error("refused entry `{entry}`: {why}; a solution holds only plain relative names")]
    UnsafeName {
        /// Entry name.
        entry: String,
        /// Why.
        why: &'static str,
    },
    /// An entry that is not a plain file.
    #[error("refused entry `{entry}`: {why}; a solution holds only plain files")]
    NotPlain {
        /// Entry name.
        entry: String,
        /// What it is.
        why: &'static str,
    },
    /// Two entries that differ at most in case.
    #[error("refused `{archive}`: `{first}` and `{second}` are one name; keep one of them")]
    Duplicate {
        /// Archive.
        archive: String,
        /// First spelling.
        first: String,
        /// Second spelling.
        second: String,
    },
    /// A folder to unpack into holds something.
    #[error(
        "cannot unpack into `{folder}`: it is not empty; give a new folder, or ask to replace it"
    )]
    NotEmpty {
        /// Folder.
        folder: String,
    },
    /// A folder to replace does not hold an unpacked solution.
    #[error(
        "cannot replace `{folder}`: it does not hold a solution unpacked as plain parts; give a new folder"
    )]
    NotUnpacked {
        /// Folder.
        folder: String,
    },
    /// A file could not be written.
    #[error("cannot write `{path}`; check that there is space and that it may be written")]
    WriteFile {
        /// Path.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The zip could not be written.
    #[error("cannot write `{archive}` as a zip")]
    Write {
        /// Archive.
        archive: String,
        /// Cause.
        source: zip::result::ZipError,
    },
}
