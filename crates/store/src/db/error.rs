//! What can go wrong below the nouns.

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The file or server could not be opened.
    #[error("cannot open the database `{place}`")]
    Open {
        /// Where, without credentials.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("a statement of the store failed")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A unique index refused a row.
    #[error("a row with this key exists already")]
    Unique(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A column held another type than asked for.
    #[error("column {index} holds {found}, not {wanted}")]
    Column {
        /// Position from 0.
        index: usize,
        /// What was asked for.
        wanted: &'static str,
        /// What was there.
        found: &'static str,
    },
    /// A checked-in migration differs from the one that was applied.
    #[error(
        "migration {version} was applied with another text; this binary does not fit this database"
    )]
    Migration {
        /// Number.
        version: i64,
    },
    /// The database was made by a newer binary.
    #[error("the database has schema {found}, this binary knows {known}; use a newer connref")]
    Newer {
        /// Version in the database.
        found: i64,
        /// Version this binary knows.
        known: i64,
    },
    /// The writer stopped.
    #[error("the database writer has stopped")]
    WriterGone,
    /// A change panicked; nothing of it was written.
    #[error("a change failed unexpectedly; nothing of it was written")]
    Panicked,
    /// A question took longer than it may.
    #[error("the query takes too long; narrow it with a filter")]
    TooLong,
    /// A group of changes was undone or took too long; nothing of it was written.
    #[error("a group of changes took too long or had ended; nothing of it was written")]
    GroupOver,
    /// The commit failed; nothing of the group was written.
    #[error("the commit failed: {0}")]
    Commit(String),
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(code, _)
                if code.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                    || code.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY =>
            {
                Self::Unique(Box::new(error))
            }
            rusqlite::Error::SqliteFailure(code, _)
                if code.code == rusqlite::ErrorCode::OperationInterrupted =>
            {
                Self::TooLong
            }
            _ => Self::Statement(Box::new(error)),
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION) {
            Self::Unique(Box::new(error))
        } else if error.code() == Some(&tokio_postgres::error::SqlState::QUERY_CANCELED) {
            Self::TooLong
        } else {
            Self::Statement(Box::new(error))
        }
    }
}
