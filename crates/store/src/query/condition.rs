//! Conditions as SQL. Negation is pushed to the leaves, so that NULL never has to mean false.
use super::emit::{At, Emitter, Form, Place};
use super::expr::{Compare, Expr, Literal, Match, Operand};
use super::join::{self, Join, same_value};
use super::operand::{Coerced, coerce, fold, from_cursor, mismatch};
use super::pattern::{Compared, Part, compared, parts};
use super::table::Class;
use super::{Cursor, FILTER_DEPTH_MAX, FILTER_NODES_MAX, Order, QueryError, TableDef, VALUES_MAX};
use crate::db::Param;

const ALWAYS: &str = "1 = 1";
const NEVER: &str = "1 = 0";

fn constant(holds: bool) -> String {
    if holds { ALWAYS } else { NEVER }.to_owned()
}

/// The SQL of a condition.
pub(super) fn condition(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    expr: &Expr,
) -> Result<String, QueryError> {
    Condition { emitter, at }.expr(expr, false, 0)
}

pub(super) struct Condition<'e, 'a, 't> {
    pub(super) emitter: &'e mut Emitter<'a>,
    pub(super) at: At<'t>,
}

impl Condition<'_, '_, '_> {
    fn expr(&mut self, expr: &Expr, negated: bool, depth: usize) -> Result<String, QueryError> {
        self.emitter.nodes += 1;
        if self.emitter.nodes > FILTER_NODES_MAX {
            let why = format!("a filter has at most {FILTER_NODES_MAX} conditions");
            return Err(QueryError::Costly(why));
        }
        if depth > FILTER_DEPTH_MAX {
            let why = format!("a filter nests at most {FILTER_DEPTH_MAX} deep");
            return Err(QueryError::Costly(why));
        }
        match expr {
            Expr::And(parts) => self.list(parts, !negated, negated, depth),
            Expr::Or(parts) => self.list(parts, negated, negated, depth),
            Expr::Not(inner) => self.expr(inner, !negated, depth + 1),
            Expr::Compare { left, by, right } => self.compare(left, *by, right, negated),
            Expr::Match { path, by, pattern } => self.matches(path, *by, pattern, negated),
            Expr::In { path, values } => self.one_of(path, values, negated),
            Expr::Line { path, line, row } => self.line(path, *line, row, negated),
            Expr::Holds { path, values } => self.holds(path, values, negated),
            Expr::Quarter { path, quarter } => self.quarter(path, *quarter, negated),
            Expr::Exists { table, column, to, filter } => {
                let link = Link { table, column, to };
                self.exists(&link, filter.as_deref(), negated, depth)
            }
            Expr::At { alias, expr } => {
                let (table, alias) = self.emitter.joined(alias)?;
                let at = At { table, alias: &alias };
                Condition { emitter: &mut *self.emitter, at }.expr(expr, negated, depth + 1)
            }
        }
    }

    fn exists(
        &mut self,
        link: &Link<'_>,
        filter: Option<&Expr>,
        negated: bool,
        depth: usize,
    ) -> Result<String, QueryError> {
        let table = link.table;
        self.emitter.another_table()?;
        let alias = self.emitter.alias();
        let inner = At { table, alias: &alias };
        let same = same_value(self.emitter, (inner, link.column), (self.at, link.to))?;
        let mut text = format!("{} AND {same}", self.emitter.visible(inner));
        if let Some(filter) = filter {
            let fits = Condition { emitter: &mut *self.emitter, at: inner }.expr(
                filter,
                false,
                depth + 1,
            )?;
            text.push_str(" AND ");
            text.push_str(&fits);
        }
        let not = if negated { "NOT " } else { "" };
        Ok(format!("{not}EXISTS (SELECT 1 FROM {} {alias} WHERE {text})", table.physical))
    }

    fn list(
        &mut self,
        parts: &[Expr],
        all: bool,
        negated: bool,
        depth: usize,
    ) -> Result<String, QueryError> {
        if parts.is_empty() {
            return Ok(constant(all));
        }
        let parts = parts
            .iter()
            .map(|part| self.expr(part, negated, depth + 1))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(format!("({})", parts.join(if all { " AND " } else { " OR " })))
    }

    /// A condition that no longer mentions the column it was about. What the column's path bound is
    /// unbound again: PostgreSQL refuses a value that the text does not mention.
    pub(super) fn constant(&mut self, mark: usize, holds: bool) -> String {
        self.emitter.params.truncate(mark);
        constant(holds)
    }

    fn compare(
        &mut self,
        left: &Operand,
        by: Compare,
        right: &Operand,
        negated: bool,
    ) -> Result<String, QueryError> {
        match (left, right) {
            (Operand::Path(path), Operand::Literal(value)) => {
                self.with_value(path, by, value, negated)
            }
            (Operand::Literal(value), Operand::Path(path)) => {
                self.with_value(path, by.flipped(), value, negated)
            }
            (Operand::Path(left), Operand::Path(right)) => {
                self.with_column(left, by, right, negated)
            }
            (Operand::Path(path), Operand::Of { alias, column }) => {
                let (table, alias) = self.emitter.joined(alias)?;
                let at = At { table, alias: &alias };
                let left = self.emitter.path(self.at, path, Form::Lower)?;
                let right = self.emitter.path(at, std::slice::from_ref(column), Form::Lower)?;
                places(&left, by, &right, negated)
            }
            _ => Err(QueryError::Unsupported("a comparison needs a column".to_owned())),
        }
    }

    fn with_value(
        &mut self,
        path: &[String],
        by: Compare,
        value: &Literal,
        negated: bool,
    ) -> Result<String, QueryError> {
        let mark = self.emitter.params.len();
        let Place { sql, column, .. } = self.emitter.path(self.at, path, Form::Folded)?;
        Ok(match coerce(column, by, value)? {
            Coerced::Null => match (by, negated) {
                (Compare::Eq, false) | (Compare::Ne, true) => format!("{sql} IS NULL"),
                (Compare::Ne, false) | (Compare::Eq, true) => format!("{sql} IS NOT NULL"),
                _ => self.constant(mark, negated),
            },
            Coerced::Nothing => self.constant(mark, (by == Compare::Ne) != negated),
            Coerced::Value(value, by) => {
                let value = self.emitter.bind(value);
                match (by, negated) {
                    (Compare::Eq, false) | (Compare::Ne, true) => format!("{sql} = {value}"),
                    (Compare::Ne, false) | (Compare::Eq, true) => {
                        format!("{sql} IS DISTINCT FROM {value}")
                    }
                    (by, false) => format!("{sql} {} {value}", spelling(by)),
                    (by, true) => {
                        format!("({sql} {} {value} OR {sql} IS NULL)", spelling(by.negated()))
                    }
                }
            }
        })
    }

    fn with_column(
        &mut self,
        left: &[String],
        by: Compare,
        right: &[String],
        negated: bool,
    ) -> Result<String, QueryError> {
        let left = self.emitter.path(self.at, left, Form::Lower)?;
        let right = self.emitter.path(self.at, right, Form::Lower)?;
        places(&left, by, &right, negated)
    }

    fn matches(
        &mut self,
        path: &[String],
        by: Match,
        pattern: &str,
        negated: bool,
    ) -> Result<String, QueryError> {
        let mark = self.emitter.params.len();
        let Place { sql, column, .. } = self.emitter.path(self.at, path, Form::Folded)?;
        if column.kind.class() != Class::Text {
            return Err(mismatch(column, "a searched text"));
        }
        let mut pattern = parts(&fold(column, pattern))?;
        if matches!(by, Match::Contains | Match::EndsWith) {
            pattern.insert(0, Part::Any);
        }
        if matches!(by, Match::Contains | Match::StartsWith) {
            pattern.push(Part::Any);
        }
        let Some(Compared { operator, end, pattern }) =
            compared(&pattern, self.emitter.scope.dialect)
        else {
            return Ok(self.constant(mark, negated));
        };
        let pattern = self.emitter.bind(pattern.into());
        let fits = format!("{sql} {operator} {pattern}{end}");
        Ok(if negated { format!("(NOT ({fits}) OR {sql} IS NULL)") } else { fits })
    }

    fn one_of(
        &mut self,
        path: &[String],
        values: &[Literal],
        negated: bool,
    ) -> Result<String, QueryError> {
        if values.len() > VALUES_MAX {
            return Err(QueryError::Costly(format!("a list has at most {VALUES_MAX} values")));
        }
        let mark = self.emitter.params.len();
        let Place { sql, column, .. } = self.emitter.path(self.at, path, Form::Folded)?;
        let mut places = Vec::with_capacity(values.len());
        for value in values {
            match coerce(column, Compare::Eq, value)? {
                Coerced::Value(value, _) => places.push(self.emitter.bind(value)),
                Coerced::Nothing => {}
                Coerced::Null => return Err(mismatch(column, "null in a list")),
            }
        }
        if places.is_empty() {
            return Ok(self.constant(mark, negated));
        }
        let places = places.join(", ");
        Ok(if negated {
            format!("({sql} NOT IN ({places}) OR {sql} IS NULL)")
        } else {
            format!("{sql} IN ({places})")
        })
    }
}

/// What [`Expr::Exists`] joins by.
struct Link<'e> {
    table: &'static TableDef,
    column: &'e str,
    to: &'e [String],
}

/// Two columns compared.
fn places(left: &Place, by: Compare, right: &Place, negated: bool) -> Result<String, QueryError> {
    if left.column.kind.class() != right.column.kind.class()
        || left.column.kind.places() != right.column.kind.places()
    {
        let found = format!("`{}` ({})", right.column.name, right.column.kind.edm());
        return Err(mismatch(left.column, found));
    }
    let (left, right) = (&left.sql, &right.sql);
    Ok(match (by, negated) {
        (Compare::Eq, false) | (Compare::Ne, true) => {
            format!("{left} IS NOT DISTINCT FROM {right}")
        }
        (Compare::Ne, false) | (Compare::Eq, true) => {
            format!("{left} IS DISTINCT FROM {right}")
        }
        (by, false) => format!("{left} {} {right}", spelling(by)),
        (by, true) => format!(
            "({left} {} {right} OR {left} IS NULL OR {right} IS NULL)",
            spelling(by.negated())
        ),
    })
}

fn spelling(by: Compare) -> &'static str {
    match by {
        Compare::Eq => "=",
        Compare::Ne => "<>",
        Compare::Gt => ">",
        Compare::Ge => ">=",
        Compare::Lt => "<",
        Compare::Le => "<=",
    }
}

/// A sort key with its SQL.
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) descending: bool,
}

/// The sort keys of a query; the ids of the row and of what is joined to it come last and make the
/// order total.
pub(super) fn keys(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    order: &[Order],
    joins: &[Join],
) -> Result<Vec<Key>, QueryError> {
    let mut keys = Vec::new();
    for key in order {
        let place = match &key.of {
            None => emitter.path(at, &key.path, Form::Folded)?,
            Some(alias) => {
                let (table, alias) = emitter.joined(alias)?;
                emitter.path(At { table, alias: &alias }, &key.path, Form::Folded)?
            }
        };
        keys.push(Key { place, descending: key.descending });
    }
    let id = emitter.path(at, &[at.table.primary_id.to_owned()], Form::Stored)?;
    keys.push(Key { place: id, descending: false });
    for alias in join::aliases(joins) {
        let (table, alias) = emitter.joined(alias)?;
        let at = At { table, alias: &alias };
        let place = emitter.path(at, &[table.primary_id.to_owned()], Form::Stored)?;
        keys.push(Key { place, descending: false });
    }
    Ok(keys)
}

/// The condition that leaves the rows after a cursor.
pub(super) fn after(
    emitter: &mut Emitter<'_>,
    keys: &[Key],
    cursor: &Cursor,
) -> Result<String, QueryError> {
    if cursor.0.len() != keys.len() {
        return Err(QueryError::Cursor);
    }
    let mut equal: Vec<String> = Vec::new();
    let mut ways = Vec::new();
    for (key, cell) in keys.iter().zip(&cursor.0) {
        let sql = &key.place.sql;
        let (beyond, same) = match from_cursor(key.place.column, cell)? {
            Param::Null if key.descending => (None, format!("{sql} IS NULL")),
            Param::Null => (Some(format!("{sql} IS NOT NULL")), format!("{sql} IS NULL")),
            value => {
                let value = emitter.bind(value);
                let beyond = if key.descending {
                    format!("({sql} < {value} OR {sql} IS NULL)")
                } else {
                    format!("{sql} > {value}")
                };
                (Some(beyond), format!("{sql} = {value}"))
            }
        };
        if let Some(beyond) = beyond {
            let way: Vec<_> = equal.iter().cloned().chain([beyond]).collect();
            ways.push(format!("({})", way.join(" AND ")));
        }
        equal.push(same);
    }
    Ok(if ways.is_empty() { NEVER.to_owned() } else { format!("({})", ways.join(" OR ")) })
}
