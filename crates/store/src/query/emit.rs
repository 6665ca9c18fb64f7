//! SQL text and its bound values, built side by side. Only names from the catalogue reach the text.
use connref_solution::model::EnvironmentId;

use super::table::{Class, ColumnDef, Source, TableDef, Visibility};
use super::{HOPS_MAX, QueryError, table_by_logical_name};
use crate::access::Caller;
use crate::db::Param;

/// For whom and where a query runs.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) environment: &'a EnvironmentId,
    pub(super) caller: &'a Caller,
}

/// A table in a statement.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) table: &'static TableDef,
    pub(super) alias: &'a str,
}

/// The form in which a column is wanted.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// As stored.
    Stored,
    /// Folded by `lower`, text only.
    Lower,
    /// The table's own folded column where it has one, else `lower`.
    Folded,
}

/// A column with the SQL that yields it.
pub(super) struct Place {
    pub(super) sql: String,
    pub(super) column: &'static ColumnDef,
}

/// Builds one statement.
pub(super) struct Emitter<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) params: Vec<Param<'static>>,
    pub(super) nodes: usize,
    aliases: usize,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(scope: Scope<'a>) -> Self {
        Self { scope, params: Vec::new(), nodes: 0, aliases: 0 }
    }

    /// Binds a value; answers its placeholder.
    pub(super) fn bind(&mut self, value: Param<'static>) -> String {
        self.params.push(value);
        format!("${}", self.params.len())
    }

    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    /// The condition that leaves the rows of the environment that the caller may see.
    pub(super) fn visible(&mut self, at: At<'_>) -> String {
        let alias = at.alias;
        let environment = self.bind(self.scope.environment.as_str().to_owned().into());
        let mut sql = format!("{alias}.environmentid = {environment}");
        if let Some(rows) = at.table.rows {
            sql.push_str(" AND ");
            sql.push_str(&rows.replace("{t}", alias));
        }
        if let Visibility::OwnedOrShared { owner, share, id } = at.table.visibility
            && !self.scope.caller.is_administrator()
        {
            // A caller that is neither an administrator nor a principal owns nothing: "" is no id.
            let principal = self.scope.caller.principal().map_or("", |id| id.as_str()).to_owned();
            let principal = self.bind(principal.into());
            sql.push_str(&format!(
                " AND ({alias}.{owner} = {principal} OR EXISTS (SELECT 1 FROM {share} s \
                 WHERE s.environmentid = {alias}.environmentid AND s.{id} = {alias}.{id} \
                 AND s.principalid = {principal}))"
            ));
        }
        sql
    }

    /// The column at the end of a path of lookups.
    pub(super) fn path(
        &mut self,
        at: At<'_>,
        path: &[String],
        form: Form,
    ) -> Result<Place, QueryError> {
        let Some((first, rest)) = path.split_first() else {
            return Err(unknown(at.table, ""));
        };
        if rest.len() > HOPS_MAX {
            return Err(QueryError::Costly(format!("a path follows at most {HOPS_MAX} lookups")));
        }
        let column = at.table.column(first).ok_or_else(|| unknown(at.table, first))?;
        if rest.is_empty() {
            return Ok(Place { sql: formed(column, at.alias, form), column });
        }
        let target =
            column.kind.lookup().and_then(|(target, _)| table_by_logical_name(target)).ok_or_else(
                || QueryError::Navigation { table: at.table.name, name: first.clone() },
            )?;
        let alias = self.alias();
        let inner = At { table: target, alias: &alias };
        let visible = self.visible(inner);
        let value = self.path(inner, rest, form)?;
        let sql = format!(
            "(SELECT {} FROM {} {alias} WHERE {visible} AND {} = {})",
            value.sql,
            target.physical,
            stored(target.id_column(), &alias),
            stored(column, at.alias),
        );
        Ok(Place { sql, column: value.column })
    }
}

pub(super) fn unknown(table: &'static TableDef, column: &str) -> QueryError {
    QueryError::Column { table: table.name, column: column.to_owned() }
}

/// The SQL of a column as stored.
pub(super) fn stored(column: &ColumnDef, alias: &str) -> String {
    match column.source {
        Source::Same => format!("{alias}.{}", column.name),
        Source::Column(name) => format!("{alias}.{name}"),
        Source::Constant(number) => format!("CAST({number} AS BIGINT)"),
        Source::Sql(text) => text.replace("{t}", alias),
    }
}

fn formed(column: &ColumnDef, alias: &str, form: Form) -> String {
    match (form, column.folded) {
        (Form::Folded, Some(folded)) => format!("{alias}.{folded}"),
        (Form::Folded | Form::Lower, _) if column.kind.class() == Class::Text => {
            format!("lower({})", stored(column, alias))
        }
        _ => stored(column, alias),
    }
}
