//! What a store method can answer instead of its value.
use crate::db::DbError;
use crate::vault::VaultError;

/// A refusal or failure of the store. Statuses and exit codes are set at the edges.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row, or none the caller may see.
    #[error("{kind} `{name}` does not exist")]
    NotFound {
        /// Noun.
        kind: &'static str,
        /// As asked for.
        name: String,
    },
    /// A row with this name is there already.
    #[error("{kind} `{name}` exists already")]
    Exists {
        /// Noun.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The caller lacks the right.
    #[error("`{caller}` may not {attempt}")]
    Denied {
        /// Who asked.
        caller: String,
        /// What for.
        attempt: String,
    },
    /// The environment changed since the facts were taken.
    #[error("the environment changed meanwhile (version {found} instead of {expected})")]
    Stale {
        /// Version the change was made for.
        expected: i64,
        /// Version found.
        found: i64,
    },
    /// The row changed since the caller read it.
    #[error("{kind} `{name}` was changed by somebody else meanwhile")]
    Modified {
        /// Noun.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The row is still used.
    #[error("{kind} `{name}` is used by {users}")]
    InUse {
        /// Noun.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What uses it.
        users: String,
    },
    /// A value does not fit.
    #[error("{0}")]
    Invalid(String),
    /// The lease of a run is gone: another node has it.
    #[error("run `{0}` is not held by this node any more")]
    LeaseLost(String),
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A document in the database cannot be read.
    #[error("a stored document of {kind} cannot be read")]
    Document {
        /// Noun.
        kind: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl StoreError {
    /// A row that is not there.
    pub fn not_found(kind: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound { kind, name: name.into() }
    }

    /// Names the row when the cause is a unique index.
    pub fn on_unique(self, kind: &'static str, name: &str) -> Self {
        match self {
            Self::Database(DbError::Unique(_)) => Self::Exists { kind, name: name.to_owned() },
            other => other,
        }
    }
}
