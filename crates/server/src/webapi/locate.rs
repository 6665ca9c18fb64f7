//! From the key in an address to a row.
use connref_solution::model::id::is_guid;
use connref_store::query::{ColumnDef, Expr, Kind, Literal, Query, Record, TableDef};

use super::Asked;
use super::fault::Fault;
use super::filter_function::typed;
use super::names;
use super::path::{Argument, Arguments, Segment};

/// A key: which columns hold which values.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) table: &'static TableDef,
    pub(super) parts: Vec<(&'static ColumnDef, String)>,
}

/// Columns of the vendor's alternate keys that hold the same in every row here.
const CONSTANT_PARTS: [&str; 2] = ["componentstate", "overwritetime"];

impl Key {
    /// Reads the parentheses behind an entity set.
    ///
    /// # Errors
    /// No GUID, or names that are no key of the table.
    pub(super) fn read(
        asked: &Asked,
        table: &'static TableDef,
        arguments: &Arguments,
    ) -> Result<Self, Fault> {
        match arguments {
            Arguments::Key(argument) => Self::primary(table, value(asked, argument)?),
            Arguments::Named(named) => Self::named(asked, table, named),
        }
    }

    /// The row with this id.
    ///
    /// # Errors
    /// No GUID.
    pub(super) fn primary(table: &'static TableDef, id: &str) -> Result<Self, Fault> {
        Ok(Self { table, parts: vec![(table.id_column(), guid(id)?)] })
    }

    fn named(
        asked: &Asked,
        table: &'static TableDef,
        named: &[(String, Argument)],
    ) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        for (name, argument) in named {
            if CONSTANT_PARTS.iter().any(|constant| constant.eq_ignore_ascii_case(name)) {
                continue;
            }
            let column = names::column(table, name)?;
            let text = value(asked, argument)?;
            let text = match column.kind {
                Kind::Guid | Kind::Lookup { .. } => guid(text)?,
                _ => text.to_owned(),
            };
            parts.push((column, text));
        }
        let names: Vec<_> = parts.iter().map(|(column, _)| column.name).collect();
        let known = names == [table.primary_id]
            || table.keys.iter().any(|key| {
                key.columns.len() == names.len() && key.columns.iter().all(|c| names.contains(c))
            });
        if known {
            return Ok(Self { table, parts });
        }
        Err(Fault::syntax(format!(
            "The names in parentheses are no key of '{}': {}.",
            table.set,
            names.join(", ")
        )))
    }

    /// Whether it is the primary key.
    pub(super) fn is_primary(&self) -> bool {
        self.parts.iter().all(|(column, _)| column.name == self.table.primary_id)
    }

    /// The condition that leaves the row.
    pub(super) fn condition(&self) -> Expr {
        let parts = self.parts.iter().map(|(column, text)| {
            // A value that does not fit the column is nobody's.
            let literal = typed(column, text).unwrap_or_else(|_| Literal::Text(text.clone()));
            Expr::equal(column.name, literal)
        });
        Expr::And(parts.collect())
    }

    /// The fault when there is no such row.
    pub(super) fn missing(&self) -> Fault {
        let values: Vec<_> = self.parts.iter().map(|(_, text)| text.as_str()).collect();
        Fault::no_row(self.table.name, &values.join(", "))
    }
}

fn value<'a>(asked: &'a Asked, argument: &'a Argument) -> Result<&'a str, Fault> {
    match argument {
        Argument::Alias(alias) => {
            let text = asked.query.alias(alias)?.trim();
            Ok(text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(text))
        }
        other => Ok(other.text()),
    }
}

fn guid(text: &str) -> Result<String, Fault> {
    if is_guid(text) {
        return Ok(text.trim_matches(['{', '}']).to_ascii_lowercase());
    }
    Err(Fault::syntax(format!("'{text}' is not a GUID.")))
}

/// The row of a key, with all its columns, if the caller sees one.
pub(super) async fn find(asked: &Asked, key: &Key) -> Result<Option<Record>, Fault> {
    let mut query = Query::new(key.table);
    query.filter = Some(key.condition());
    query.top = Some(1);
    run(asked, query).await.map(|mut rows| rows.pop())
}

/// The rows of a query.
pub(super) async fn run(asked: &Asked, query: Query) -> Result<Vec<Record>, Fault> {
    let cx = &asked.cx;
    Ok(cx.store().query(&cx.caller, &cx.environment.id, query).await?.rows)
}

/// The row that an address in a body points to.
///
/// # Errors
/// Another table than wanted, or no such row.
pub(super) async fn pointed(
    asked: &Asked,
    segment: &Segment,
    wanted: &str,
) -> Result<Record, Fault> {
    let table = asked.tables.by_set(&segment.name).filter(|table| table.name == wanted);
    let table = table.ok_or_else(|| {
        Fault::payload(format!("'{}' is not the entity set of '{wanted}'.", segment.name))
    })?;
    let arguments =
        segment.arguments.as_ref().ok_or_else(|| Fault::payload("An address has no key."))?;
    let key = Key::read(asked, table, arguments)?;
    find(asked, &key).await?.ok_or_else(|| key.missing())
}
