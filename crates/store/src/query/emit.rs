//! SQL text and its bound values, built side by side. Only names from the catalogue reach the text.
use connref_solution::model::{EnvironmentId, PrincipalId};

use super::table::{Class, ColumnDef, Ownership, Source, TableDef, Visibility};
use super::{HOPS_MAX, QueryError, TABLES_MAX};
use crate::access::{Caller, Entity, Member, Privilege, Reach, Scope as RowsOf, Verb, on};
use crate::db::{Dialect, Param};

/// For whom and where a query runs.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) environment: &'a EnvironmentId,
    pub(super) caller: &'a Caller,
    /// What reads the statement, where the two differ.
    pub(super) dialect: Dialect,
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
    /// The table it is of.
    pub(super) table: &'static TableDef,
    pub(super) column: &'static ColumnDef,
}

/// Builds one statement.
pub(super) struct Emitter<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) params: Vec<Param<'static>>,
    pub(super) nodes: usize,
    aliases: usize,
    tables: usize,
    /// Joined tables: name in the query, table, alias in the statement.
    known: Vec<(String, &'static TableDef, String)>,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(scope: Scope<'a>) -> Self {
        Self { scope, params: Vec::new(), nodes: 0, aliases: 0, tables: 0, known: Vec::new() }
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

    /// Counts a table that is joined or looked into.
    pub(super) fn another_table(&mut self) -> Result<(), QueryError> {
        self.tables += 1;
        if self.tables > TABLES_MAX {
            let why = format!("a query joins at most {TABLES_MAX} tables");
            return Err(QueryError::Costly(why));
        }
        Ok(())
    }

    /// Makes a joined table known by its name in the query.
    pub(super) fn join_known(
        &mut self,
        name: &str,
        table: &'static TableDef,
        alias: &str,
    ) -> Result<(), QueryError> {
        if self.known.iter().any(|(there, ..)| there == name) {
            return Err(QueryError::Unsupported(format!("two joined tables are called `{name}`")));
        }
        self.known.push((name.to_owned(), table, alias.to_owned()));
        Ok(())
    }

    /// A joined table, and its alias in the statement.
    pub(super) fn joined(&self, name: &str) -> Result<(&'static TableDef, String), QueryError> {
        self.known
            .iter()
            .find(|(there, ..)| there == name)
            .map(|(_, table, alias)| (*table, alias.clone()))
            .ok_or_else(|| QueryError::Joined(name.to_owned()))
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
        let Caller::Member(member) = self.scope.caller else { return sql };
        let reader = |entity| member.reach(on(Verb::Read, entity));
        match at.table.visibility {
            Visibility::Members => {}
            Visibility::WithAny(entity) if reader(entity).is_none() => sql.push_str(" AND 1 = 0"),
            Visibility::WithAny(_) => {}
            Visibility::Sharing if !reader_of_rights(member) => {
                let own: Vec<_> = member.counts_as().cloned().collect();
                let own = self.ids(&own);
                sql.push_str(&format!(" AND {alias}.principalid IN ({own})"));
            }
            Visibility::Sharing => {}
            Visibility::Custom if !member.reach(Privilege::AdministerConnections).is_none() => {}
            Visibility::Custom if member.reach(on(Verb::Create, Entity::Workflow)).is_none() => {
                sql.push_str(" AND 1 = 0");
            }
            Visibility::Custom if at.table.ownership == Ownership::User => {
                let own: Vec<_> = member.counts_as().cloned().collect();
                let own = self.ids(&own);
                sql.push_str(&format!(" AND {alias}.ownerid IN ({own})"));
            }
            Visibility::Custom => {}
            Visibility::Readable(entity) => {
                if let Some(readable) = self.readable(at, &environment, entity, member) {
                    sql.push_str(" AND ");
                    sql.push_str(&readable);
                }
            }
        }
        sql
    }

    /// `access::decide` for reading, as a condition; none where everything may be read.
    fn readable(
        &mut self,
        at: At<'_>,
        environment: &str,
        entity: Entity,
        member: &Member,
    ) -> Option<String> {
        let reach = member.reach(on(Verb::Read, entity));
        if reach.is_none() {
            return Some("1 = 0".to_owned());
        }
        if reach.everywhere || entity.scope() == RowsOf::Organization {
            return None;
        }
        let alias = at.alias;
        let mut ways = Vec::new();
        let units = self.units(environment, &reach);
        let owner = match (entity.scope(), entity) {
            (RowsOf::Owner, _) => Some("ownerid"),
            (_, Entity::User) => Some("systemuserid"),
            (_, Entity::Team) => Some("teamid"),
            _ => None,
        };
        if let Some(owner) = owner {
            let own = self.ids(&reach.principals);
            ways.push(format!("{alias}.{owner} IN ({own})"));
        }
        if let Some(units) = units {
            ways.push(if entity.scope() == RowsOf::Owner {
                format!(
                    "{alias}.ownerid IN (SELECT u.systemuserid FROM systemuser u \
                     WHERE u.environmentid = {environment} AND u.businessunitid IN ({units}) \
                     UNION ALL SELECT t.teamid FROM team t \
                     WHERE t.environmentid = {environment} AND t.businessunitid IN ({units}))"
                )
            } else {
                format!("{alias}.businessunitid IN ({units})")
            });
        }
        if entity.scope() == RowsOf::Owner {
            ways.push(self.shared(at, environment, entity, member));
        }
        if ways.is_empty() {
            return Some("1 = 0".to_owned());
        }
        Some(format!("({})", ways.join(" OR ")))
    }

    /// The units that a privilege reaches.
    fn units(&mut self, environment: &str, reach: &Reach) -> Option<String> {
        let mut parts = Vec::new();
        if !reach.units.is_empty() {
            let units = self.texts(&reach.units);
            parts.push(format!(
                "SELECT b.businessunitid FROM businessunit b WHERE b.environmentid = {environment} \
                 AND b.businessunitid IN ({units})"
            ));
        }
        if !reach.deep.is_empty() {
            let roots = self.texts(&reach.deep);
            parts.push(format!(
                "SELECT below.id FROM (WITH RECURSIVE below(id) AS (SELECT b.businessunitid \
                 FROM businessunit b WHERE b.environmentid = {environment} AND b.businessunitid IN ({roots}) \
                 UNION SELECT c.businessunitid FROM businessunit c JOIN below \
                 ON c.parentbusinessunitid = below.id WHERE c.environmentid = {environment}) \
                 SELECT id FROM below) below"
            ));
        }
        (!parts.is_empty()).then(|| parts.join(" UNION ALL "))
    }

    /// Rows shared with the member or one of its teams; flows also with their run-only users.
    fn shared(&mut self, at: At<'_>, environment: &str, entity: Entity, member: &Member) -> String {
        let alias = at.alias;
        let own: Vec<_> = member.counts_as().cloned().collect();
        let own = self.ids(&own);
        let (table, key) = (entity.logical_name(), entity.id_column());
        let mut text = format!(
            "EXISTS (SELECT 1 FROM principalobjectaccess s WHERE s.environmentid = {environment} \
             AND s.objecttypecode = '{table}' AND s.objectid = {alias}.{key} \
             AND s.principalid IN ({own}) AND (s.accessrightsmask & 1) <> 0)"
        );
        if entity == Entity::Workflow {
            text.push_str(&format!(
                " OR EXISTS (SELECT 1 FROM workflow_share s WHERE s.environmentid = {environment} \
                 AND s.workflowid = {alias}.workflowid AND s.principalid IN ({own}))"
            ));
        }
        text
    }

    fn ids(&mut self, ids: &[PrincipalId]) -> String {
        let texts: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        self.texts(&texts)
    }

    fn texts(&mut self, texts: &[String]) -> String {
        let places: Vec<_> = texts.iter().map(|text| self.bind(text.clone().into())).collect();
        places.join(", ")
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
            return Ok(Place { sql: formed(column, at.alias, form), table: at.table, column });
        }
        let target =
            column.kind.lookup().and_then(|(target, _)| at.table.beside(target)).ok_or_else(
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
        Ok(Place { sql, table: value.table, column: value.column })
    }
}

fn reader_of_rights(member: &Member) -> bool {
    !member.reach(on(Verb::Assign, Entity::Role)).is_none()
}

pub(super) fn unknown(table: &'static TableDef, column: &str) -> QueryError {
    QueryError::Column { table: table.name, column: column.to_owned() }
}

/// The SQL of a column as stored.
pub(super) fn stored(column: &ColumnDef, alias: &str) -> String {
    match column.source {
        // Said for every column of every question: without the machinery of formats.
        Source::Same => [alias, ".", column.name].concat(),
        Source::Column(name) => [alias, ".", name].concat(),
        Source::Nothing => match column.kind.class() {
            Class::Text | Class::Guid => "CAST(NULL AS TEXT)".to_owned(),
            Class::Number | Class::Flag | Class::Time => "CAST(NULL AS BIGINT)".to_owned(),
        },
        Source::Constant(number) => format!("CAST({number} AS BIGINT)"),
        Source::ConstantWhere(condition, number) => {
            let condition = condition.replace("{t}", alias);
            format!("(CASE WHEN {condition} THEN CAST({number} AS BIGINT) END)")
        }
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
