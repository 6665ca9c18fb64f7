//! One query tree over the tables that the Web API serves, and the one place that turns it into SQL.
//!
//! The tree names logical columns; whoever parses a language (OData today) translates its names and
//! nothing else. Checking names and types, visibility (invariant 5), bounds and SQL live here.
//!
//! Comparison is two-valued, as OData defines it: `null eq null` is true, any other comparison with
//! null is false except `ne`, and `not` negates that. Text compares without case (ASCII case in
//! general; full Unicode case where the table keeps a folded key column). Nulls sort first in
//! ascending order, as SQL Server sorts them.
mod aggregate;
mod catalog;
mod condition;
mod crossing;
mod custom;
mod emit;
mod error;
mod expand;
mod expr;
mod hierarchy;
mod hold;
mod join;
mod operand;
mod pattern;
mod run;
mod table;
#[cfg(test)]
mod tests;

pub use aggregate::{Aggregation, DatePart, Group, How, Value};
pub use catalog::{TABLES, table_by_logical_name, table_by_set};
pub use crossing::{Crossing, MANY_TO_MANY, ManyToMany};
pub(crate) use custom::KeptTables;
pub(crate) use custom::physical_column;
pub use custom::{Family, Tables};
pub use error::QueryError;
pub use expr::{Compare, Expr, Line, Literal, Match, Operand};
pub use join::{Join, Pick};
pub use operand::{choices as choice_numbers, written as choice_written};
pub use run::{Count, Expanded, Extra, Page, Record, query_run};
pub use table::{
    AlternateKey, Choice, ColumnDef, Kind, Ownership, Source, TableDef, ToMany, Visibility,
};

use crate::Store;
use crate::access::Caller;
use crate::db::Sql;
use connref_solution::model::EnvironmentId;

/// Most rows one page holds, and the ceiling of `$count`: what the vendor's service answers.
pub const PAGE_MAX: usize = 5000;
/// Most conditions in one filter.
pub const FILTER_NODES_MAX: usize = 500;
/// Deepest nesting of a filter.
pub const FILTER_DEPTH_MAX: usize = 64;
/// Most values in one `In`.
pub const VALUES_MAX: usize = 1000;
/// Most lookups a path may follow.
pub const HOPS_MAX: usize = 3;
/// Most sort keys.
pub const ORDER_MAX: usize = 10;
/// Most navigation properties expanded at once, those inside others too.
pub const EXPAND_MAX: usize = 15;
/// Most further tables that joins and conditions on related rows bring into one statement.
pub const TABLES_MAX: usize = 15;
/// How long a question may take.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(20);
/// Most rows that are aggregated or made distinct.
pub const AGGREGATE_MAX: usize = 50_000;
/// Most rows that one may be below another in a hierarchy, as the vendor's service has it.
pub const LEVELS_MAX: usize = 100;
/// Longest text to search for, in bytes.
pub const PATTERN_MAX: usize = 500;

/// A question about one table.
#[derive(Clone, Debug)]
pub struct Query {
    /// Table.
    pub table: &'static TableDef,
    /// Logical columns to answer; none given means all.
    pub select: Option<Vec<String>>,
    /// Condition.
    pub filter: Option<Expr>,
    /// Sort keys, most significant first.
    pub order: Vec<Order>,
    /// At most so many rows altogether; no cursor follows.
    pub top: Option<usize>,
    /// Rows per page; at most [`PAGE_MAX`].
    pub page: Option<usize>,
    /// Whether to count all rows that fit, up to [`PAGE_MAX`].
    pub count: bool,
    /// Whether to answer the names of the rows that lookups point to.
    pub names: bool,
    /// Navigation properties to answer along.
    pub expand: Vec<Expand>,
    /// Where the previous page ended.
    pub after: Option<Cursor>,
    /// Rows to leave out from the start; at most [`AGGREGATE_MAX`].
    pub skip: usize,
    /// Tables joined to the rows. A row comes once for each combination.
    pub joins: Vec<Join>,
    /// Values answered along, from the rows or the joined tables.
    pub picks: Vec<Pick>,
    /// Groups of rows in place of rows.
    pub aggregation: Option<Aggregation>,
}

impl Query {
    /// Everything of a table.
    pub fn new(table: &'static TableDef) -> Self {
        Self {
            table,
            select: None,
            filter: None,
            order: Vec::new(),
            top: None,
            page: None,
            count: false,
            names: false,
            expand: Vec::new(),
            after: None,
            skip: 0,
            joins: Vec::new(),
            picks: Vec::new(),
            aggregation: None,
        }
    }
}

/// A sort key.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The joined table it is of; none: the table of the query.
    pub of: Option<String>,
    /// Logical columns: zero or more lookups, then the column to sort by.
    pub path: Vec<String>,
    /// Largest first.
    pub descending: bool,
}

/// A navigation property to answer along with a row.
#[derive(Clone, Debug)]
pub struct Expand {
    /// Name of the navigation property.
    pub name: String,
    /// Columns of the target; none given means all.
    pub select: Option<Vec<String>>,
    /// Condition on the targets; collections only.
    pub filter: Option<Expr>,
    /// Sort keys; collections only.
    pub order: Vec<Order>,
    /// At most so many targets per row; collections only.
    pub top: Option<usize>,
    /// Navigation properties of the targets to answer along.
    pub expand: Vec<Expand>,
}

/// The sort keys of the last row of a page, its id last.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor(pub Vec<Cell>);

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// None.
    Null,
    /// Text, GUID or lookup.
    Text(String),
    /// Number or choice.
    Int(i64),
    /// Yes or no.
    Flag(bool),
    /// Microseconds since the Unix epoch, UTC.
    Time(i64),
}

impl Store {
    /// Answers a query over one snapshot.
    ///
    /// # Errors
    /// Refuses unknown names, types that do not compare, and queries beyond the bounds above.
    pub async fn query(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        query: Query,
    ) -> Result<Page, QueryError> {
        let (caller, environment) = (caller.clone(), environment.clone());
        // One statement sees one state by itself.
        let several = query.count || !query.expand.is_empty() || query.aggregation.is_some();
        let ask = move |sql: &mut Sql<'_>| query_run(sql, &environment, &caller, &query);
        self.db().bounded(LONGEST, several, ask).await
    }
}
