//! Rows above and below a row, by the lookup that makes their table a hierarchy. What the caller may not
//! see is no step of the line: a row is below another by way of visible rows only.
use super::condition::Condition;
use super::emit::{At, Form, Place, stored};
use super::expr::Line;
use super::operand::mismatch;
use super::table::{Class, TableDef};
use super::{LEVELS_MAX, QueryError};
use crate::db::Param;

impl Condition<'_, '_, '_> {
    /// A row stands in the line of another.
    pub(super) fn line(
        &mut self,
        path: &[String],
        line: Line,
        row: &str,
        negated: bool,
    ) -> Result<String, QueryError> {
        let Place { sql, table, column } = self.emitter.path(self.at, path, Form::Stored)?;
        if column.kind.class() != Class::Guid {
            return Err(mismatch(column, "a row of a hierarchy"));
        }
        let of = match column.kind.lookup() {
            Some((target, _)) => table.beside(target),
            None => (column.name == table.primary_id).then_some(table),
        };
        let of = of.ok_or_else(|| mismatch(column, "a row of a hierarchy"))?;
        let rows = self.rows_of(of, line, row)?;
        Ok(if negated {
            format!("({sql} NOT IN ({rows}) OR {sql} IS NULL)")
        } else {
            format!("{sql} IN ({rows})")
        })
    }

    /// The ids of a line. The row itself is where it begins; a line that bites its tail ends at the
    /// level where the vendor's service ends.
    fn rows_of(
        &mut self,
        table: &'static TableDef,
        line: Line,
        row: &str,
    ) -> Result<String, QueryError> {
        let parent = table.hierarchy().ok_or_else(|| QueryError::Hierarchy(table.name))?;
        self.emitter.another_table()?;
        let (from, next) = (self.emitter.alias(), self.emitter.alias());
        let (first, further) = (At { table, alias: &from }, At { table, alias: &next });
        let id = table.id_column();
        let row = row.trim_matches(['{', '}']).to_ascii_lowercase();
        let begin = self.emitter.bind(row.clone().into());
        let seen = self.emitter.visible(first);
        let also = self.emitter.visible(further);
        let most = self.emitter.bind(Param::Int(i64::try_from(LEVELS_MAX).unwrap_or(i64::MAX)));
        let line_of = format!("l{from}");
        let (below, itself) = match line {
            Line::Under => (true, false),
            Line::UnderOrEqual => (true, true),
            Line::Above => (false, false),
            Line::AboveOrEqual => (false, true),
        };
        // Upwards a row leads to its parent, downwards to those whose parent it is.
        let step = if below {
            format!("{} = {line_of}.id", stored(parent, &next))
        } else {
            format!("{} = {line_of}.parent", stored(id, &next))
        };
        let physical = table.physical;
        let end = if itself {
            String::new()
        } else {
            let row = self.emitter.bind(row.into());
            format!(" WHERE id <> {row}")
        };
        Ok(format!(
            "SELECT id FROM (WITH RECURSIVE {line_of}(id, parent, level) AS (\
             SELECT {own}, {own_parent}, CAST(0 AS BIGINT) FROM {physical} {from} WHERE {own} = {begin} AND {seen} \
             UNION SELECT {their}, {their_parent}, {line_of}.level + 1 FROM {physical} {next} \
             JOIN {line_of} ON {step} WHERE {line_of}.level < {most} AND {also}) \
             SELECT id FROM {line_of}) {line_of}{end}",
            own = stored(id, &from),
            own_parent = stored(parent, &from),
            their = stored(id, &next),
            their_parent = stored(parent, &next),
        ))
    }

    /// A choice of several holds one of the values.
    pub(super) fn holds(
        &mut self,
        path: &[String],
        values: &[i64],
        negated: bool,
    ) -> Result<String, QueryError> {
        let mark = self.emitter.params.len();
        let Place { sql, column, .. } = self.emitter.path(self.at, path, Form::Stored)?;
        if !matches!(column.kind, super::Kind::Choices(_)) {
            return Err(mismatch(column, "values of a choice of several"));
        }
        if values.len() > super::VALUES_MAX {
            let why = format!("a list has at most {} values", super::VALUES_MAX);
            return Err(QueryError::Costly(why));
        }
        if values.is_empty() {
            return Ok(self.constant(mark, negated));
        }
        let one = |value: &i64| {
            let value = self.emitter.bind(format!("%,{value},%").into());
            format!("',' || {sql} || ',' LIKE {value}")
        };
        let any = values.iter().map(one).collect::<Vec<_>>().join(" OR ");
        Ok(if negated { format!("(NOT ({any}) OR {sql} IS NULL)") } else { format!("({any})") })
    }

    /// A moment lies in a quarter of some year. The calendar is arithmetic: no engine's is asked.
    pub(super) fn quarter(
        &mut self,
        path: &[String],
        quarter: i64,
        negated: bool,
    ) -> Result<String, QueryError> {
        let Place { sql, column, .. } = self.emitter.path(self.at, path, Form::Stored)?;
        if column.kind.class() != Class::Time {
            return Err(mismatch(column, "a quarter"));
        }
        let (at, quarter) = (self.emitter.alias(), self.emitter.bind(Param::Int(quarter)));
        // Days since 1 March of the year 0, then of its era of 400 years, then of its year; a month is
        // five parts of 153 days, and the first is March.
        let fits = format!(
            "(SELECT (CASE WHEN m < 10 THEN m + 2 ELSE m - 10 END) / 3 + 1 FROM (\
             SELECT (5 * (d - (365 * y + y / 4 - y / 100)) + 2) / 153 AS m FROM (\
             SELECT d, (d - d / 1460 + d / 36524 - d / 146096) / 365 AS y FROM (\
             SELECT ({sql} + {MARCH}) / {DAY} % 146097 AS d) {at}d) {at}y) {at}m) = {quarter}"
        );
        Ok(if negated { format!("(NOT ({fits}) OR {sql} IS NULL)") } else { fits })
    }
}

const DAY: i64 = 86_400_000_000;
/// From 1 March of the year 0 to 1 January 1970.
const MARCH: i64 = 719_468 * DAY;
