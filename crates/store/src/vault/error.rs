//! What can go wrong with a secret or its keys.

/// What can go wrong with a secret. No message holds one.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The stored bytes are not what was sealed for this row.
    #[error(
        "the stored secret `{field}` of connection `{connection}` does not belong to this row or was changed"
    )]
    Integrity {
        /// Connection.
        connection: String,
        /// Field.
        field: String,
    },
    /// Sealed under a version of the tenant key that this process does not hold.
    #[error(
        "the stored secret `{field}` of connection `{connection}` is sealed under version {version} of \
         the key, which is not there"
    )]
    KeyGone {
        /// Connection.
        connection: String,
        /// Field.
        field: String,
        /// Version of the tenant key.
        version: u32,
    },
    /// The tenant key was changed between sealing and writing.
    #[error("the key was changed while this secret was being written; try again")]
    KeyChanged,
    /// The key at hand is not the one the data was sealed under.
    #[error(
        "the key `{found}` of `{place}` does not fit this database, which was sealed under key `{expected}`"
    )]
    WrongKey {
        /// Where the key at hand lies.
        place: String,
        /// Fingerprint of the key at hand.
        found: String,
        /// Fingerprint recorded in the database.
        expected: String,
    },
    /// The key at hand does not open what it should, and its fingerprint cannot be told.
    #[error(
        "`{place}` does not open the key of this database, which was sealed under key `{expected}`"
    )]
    NotOpened {
        /// Where the key at hand lies.
        place: String,
        /// Fingerprint recorded in the database.
        expected: String,
    },
    /// The database was sealed through a provider that is not set here.
    #[error(
        "this database was sealed through `{recorded}` (key `{fingerprint}`), but the key provider set here \
         is `{set}`"
    )]
    OtherProvider {
        /// The recorded provider.
        recorded: String,
        /// Fingerprint recorded in the database.
        fingerprint: String,
        /// What is set.
        set: String,
    },
    /// The key file is not there.
    #[error("the key file `{path}` is missing; this database was sealed under key `{expected}`")]
    KeyFileMissing {
        /// Path.
        path: String,
        /// Fingerprint recorded in the database.
        expected: String,
    },
    /// The key file cannot be used.
    #[error("cannot use the key file `{path}`: {reason}")]
    KeyFile {
        /// Path.
        path: String,
        /// Why.
        reason: String,
    },
    /// The setting of the key provider cannot be used.
    #[error("cannot use the key provider `{setting}`: {reason}")]
    Setting {
        /// As it was set.
        setting: String,
        /// Why.
        reason: String,
    },
    /// The provider did not do what it was asked to.
    #[error("the key provider `{place}` {reason}")]
    Provider {
        /// Where it is.
        place: String,
        /// What it did instead.
        reason: String,
        /// True if the same request may succeed later.
        retryable: bool,
        /// The cause below.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A secret that is longer than any credential.
    #[error("the secret `{field}` has {size} bytes; at most {max} are kept")]
    TooLarge {
        /// Field.
        field: String,
        /// Its size.
        size: usize,
        /// The most.
        max: usize,
    },
    /// Sealing failed.
    #[error("a secret could not be sealed")]
    Seal,
}

impl VaultError {
    /// What fixes it, where one thing does.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::WrongKey { place, expected, .. } | Self::NotOpened { place, expected } => {
                Some(format!("put the key `{expected}` back at `{place}`"))
            }
            Self::KeyFileMissing { path, .. } => {
                Some(format!("put the file back at `{path}`, or set CONNREF_KEY to where it lies"))
            }
            Self::OtherProvider { recorded, .. } => {
                Some(format!("set CONNREF_KEY to `{recorded}`"))
            }
            Self::KeyFile { path, reason } if reason.starts_with("its mode") => {
                Some(format!("chmod 600 {path}"))
            }
            _ => None,
        }
    }

    /// True if the same request may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::KeyChanged | Self::Provider { retryable: true, .. })
    }
}
