//! Why a query was refused.
use crate::StoreError;
use crate::db::DbError;

/// A refused or failed query.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The table has no such column.
    #[error("table `{table}` has no column `{column}`")]
    Column {
        /// Logical name of the table.
        table: &'static str,
        /// As asked for.
        column: String,
    },
    /// The table has no such navigation property.
    #[error("table `{table}` has no navigation property `{name}`")]
    Navigation {
        /// Logical name of the table.
        table: &'static str,
        /// As asked for.
        name: String,
    },
    /// The table is no hierarchy.
    #[error("table `{0}` has no hierarchical relationship with itself")]
    Hierarchy(&'static str),
    /// No joined table has this name.
    #[error("no joined table is called `{0}`")]
    Joined(String),
    /// Values of these types do not compare.
    #[error("cannot compare `{column}` ({kind}) with {found}")]
    Mismatch {
        /// Logical name of the column.
        column: String,
        /// Its type.
        kind: &'static str,
        /// What it was compared with.
        found: String,
    },
    /// Beyond a bound.
    #[error("the query is too costly: {0}")]
    Costly(String),
    /// More rows than are aggregated.
    #[error("the query aggregates more than {0} rows; narrow it with a filter")]
    TooMany(usize),
    /// Understood, but not offered.
    #[error("{0}")]
    Unsupported(String),
    /// The cursor does not fit the query.
    #[error("the paging cookie does not belong to this query")]
    Cursor,
    /// The caller may not ask there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}
