//! Tables joined to the rows of a query, and conditions that two tables share a value.
use super::condition::condition;
use super::emit::{At, Emitter, Form, stored, unknown};
use super::operand::mismatch;
use super::table::{Class, TableDef};
use super::{Expr, QueryError};

/// A table joined to another.
#[derive(Clone, Debug)]
pub struct Join {
    /// Its name in the query; each is used once.
    pub alias: String,
    /// Table.
    pub table: &'static TableDef,
    /// Its column that holds the same as `to`.
    pub column: String,
    /// The column of the table it is joined to.
    pub to: String,
    /// Keep rows that nothing joins.
    pub outer: bool,
    /// Which of its rows join; speaks of this table only.
    pub filter: Option<Expr>,
    /// Tables joined to this one.
    pub joins: Vec<Join>,
}

/// A value answered along with a row, under a name of its own.
#[derive(Clone, Debug)]
pub struct Pick {
    /// The joined table it is of; none: the table of the query.
    pub of: Option<String>,
    /// Logical name of the column.
    pub column: String,
    /// Name in the answer.
    pub name: String,
}

/// The tables of a statement: `table t0` and what is joined to it. Makes the aliases known.
pub(super) fn from(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    joins: &[Join],
) -> Result<String, QueryError> {
    let mut text = format!("{} {}", at.table.physical, at.alias);
    for join in joins {
        text.push_str(&clause(emitter, at, join)?);
    }
    Ok(text)
}

fn clause(emitter: &mut Emitter<'_>, parent: At<'_>, join: &Join) -> Result<String, QueryError> {
    emitter.another_table()?;
    let alias = emitter.alias();
    emitter.join_known(&join.alias, join.table, &alias)?;
    let at = At { table: join.table, alias: &alias };
    let inner = from(emitter, at, &join.joins)?;
    let to = std::slice::from_ref(&join.to);
    let mut on = same_value(emitter, (at, &join.column), (parent, to))?;
    on.push_str(" AND ");
    on.push_str(&emitter.visible(at));
    if let Some(filter) = &join.filter {
        on.push_str(" AND ");
        on.push_str(&condition(emitter, at, filter)?);
    }
    let kind = if join.outer { "LEFT JOIN" } else { "JOIN" };
    let inner = if join.joins.is_empty() { inner } else { format!("({inner})") };
    Ok(format!(" {kind} {inner} ON {on}"))
}

/// The condition that a column of one table holds what a path from another leads to.
pub(super) fn same_value(
    emitter: &mut Emitter<'_>,
    (at, column): (At<'_>, &str),
    (other, to): (At<'_>, &[String]),
) -> Result<String, QueryError> {
    let column = at.table.column(column).ok_or_else(|| unknown(at.table, column))?;
    let form = if column.kind.class() == Class::Text { Form::Lower } else { Form::Stored };
    let to = emitter.path(other, to, form)?;
    if to.column.kind.class() != column.kind.class() {
        let found = format!("`{}` ({})", to.column.name, to.column.kind.edm());
        return Err(mismatch(column, found));
    }
    let own = if form == Form::Lower {
        format!("lower({})", stored(column, at.alias))
    } else {
        stored(column, at.alias)
    };
    Ok(format!("{own} = {}", to.sql))
}

/// The aliases of joins, from the outermost inwards.
pub(super) fn aliases(joins: &[Join]) -> Vec<&str> {
    joins
        .iter()
        .flat_map(|join| std::iter::once(join.alias.as_str()).chain(aliases(&join.joins)))
        .collect()
}
