//! Groups of rows: one statement groups and adds up, over a bounded number of rows. Parts of dates
//! are grouped by day there and brought together here, so that no engine's calendar is asked.
use std::cmp::Ordering;
use std::collections::HashMap;

use super::emit::{At, Emitter, Form, Place, Scope};
use super::operand::mismatch;
use super::run::{Extra, bounds, raw, shaped, wheres};
use super::table::{Class, ColumnDef, Kind};
use super::{AGGREGATE_MAX, Cell, Query, QueryError, join};
use crate::db::{Param, Row, Sql};

/// What to group by and what to answer for each group.
#[derive(Clone, Debug, Default)]
pub struct Aggregation {
    /// Columns that are the same within a group.
    pub groups: Vec<Group>,
    /// Values of a group.
    pub values: Vec<Value>,
    /// Sort keys by name, and whether the largest comes first.
    pub order: Vec<(String, bool)>,
}

/// A column to group by.
#[derive(Clone, Debug)]
pub struct Group {
    /// The joined table it is of; none: the table of the query.
    pub of: Option<String>,
    /// Lookups to follow, then the column.
    pub path: Vec<String>,
    /// Only this part of a date.
    pub part: Option<DatePart>,
    /// Name in the answer.
    pub name: String,
}

/// A value of a group.
#[derive(Clone, Debug)]
pub struct Value {
    /// The joined table it is of; none: the table of the query.
    pub of: Option<String>,
    /// Lookups to follow, then the column; empty to count rows.
    pub path: Vec<String>,
    /// How.
    pub how: How,
    /// Name in the answer.
    pub name: String,
}

/// How the values of a group become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Number of rows.
    Rows,
    /// Number of values that are not null.
    Count,
    /// Number of different values that are not null.
    CountDistinct,
    /// Sum; null if there is no value.
    Sum,
    /// Sum by number, without its fraction; null if there is no value.
    Average,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// A part of a date, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatePart {
    /// Day of the month.
    Day,
    /// Week of the year; a week begins on Sunday, the first holds 1 January.
    Week,
    /// 1 to 12.
    Month,
    /// 1 to 4.
    Quarter,
    /// Year.
    Year,
    /// Quarter of the fiscal year, with the year: year times 10 and the quarter.
    FiscalPeriod,
    /// Year; the fiscal year is the calendar's.
    FiscalYear,
}

const DAY: i64 = 86_400_000_000;
/// What sums are split at.
const PART: i64 = 1_000_000_000;
const NONE: &str = "CAST(NULL AS BIGINT)";

struct Grouping {
    column: &'static ColumnDef,
    part: Option<DatePart>,
    labelled: bool,
}

/// What stands in one row of the statement for a value.
#[derive(Clone, Copy, Debug)]
struct Partial {
    number: Option<i128>,
    count: i64,
}

/// The groups of a query, sorted; the flag says that there are more than were asked for.
pub(super) fn run(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    query: &Query,
    wanted: &Aggregation,
) -> Result<(Vec<Vec<Extra>>, bool), QueryError> {
    distinct_parts(wanted)?;
    let mut emitter = Emitter::new(scope);
    let at = At { table: query.table, alias: "t0" };
    let from = join::from(&mut emitter, at, &query.joins)?;
    let (mut inner, mut outer, mut by) = (vec!["1 AS one".to_owned()], Vec::new(), Vec::new());
    let mut groupings = Vec::new();
    for (number, group) in wanted.groups.iter().enumerate() {
        let grouping = group_columns(&mut emitter, at, query.names, group, number, &mut inner)?;
        outer.push(format!("k{number}, MIN(s{number})"));
        if grouping.labelled {
            outer.push(format!("MIN(n{number})"));
        }
        by.push(format!("k{number}"));
        groupings.push(grouping);
    }
    let mut columns = Vec::new();
    for (number, value) in wanted.values.iter().enumerate() {
        columns.push(value_column(&mut emitter, at, value, number, &mut inner)?);
        outer.push(value_sql(value.how, number));
    }
    outer.push("COUNT(*)".to_owned());
    let conditions = wheres(&mut emitter, at, query.filter.as_ref())?;
    let limit = emitter.bind(Param::Int(i64::try_from(AGGREGATE_MAX + 1).unwrap_or(i64::MAX)));
    let by = if by.is_empty() { String::new() } else { format!(" GROUP BY {}", by.join(", ")) };
    let text = format!(
        "SELECT {} FROM (SELECT {} FROM {from} WHERE {conditions} LIMIT {limit}) g{by}",
        outer.join(", "),
        inner.join(", "),
    );
    let rows = sql.query(&text, &emitter.params)?;
    let mut merged = merge(&rows, wanted, &groupings)?;
    sort(&mut merged, wanted);
    let (skip, limit) = bounds(query);
    let more = merged.len() > skip.saturating_add(limit);
    let rows = merged.into_iter().skip(skip).take(limit);
    Ok((rows.map(|group| group.shown(wanted, &groupings, &columns)).collect(), more))
}

fn distinct_parts(wanted: &Aggregation) -> Result<(), QueryError> {
    let parts = wanted.groups.iter().any(|group| group.part.is_some());
    if parts && wanted.values.iter().any(|value| value.how == How::CountDistinct) {
        return Err(QueryError::Unsupported(
            "counting different values by parts of dates is not supported".to_owned(),
        ));
    }
    Ok(())
}

fn place(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    of: Option<&str>,
    path: &[String],
    form: Form,
) -> Result<Place, QueryError> {
    match of {
        None => emitter.path(at, path, form),
        Some(alias) => {
            let (table, alias) = emitter.joined(alias)?;
            emitter.path(At { table, alias: &alias }, path, form)
        }
    }
}

fn group_columns(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    names: bool,
    group: &Group,
    number: usize,
    inner: &mut Vec<String>,
) -> Result<Grouping, QueryError> {
    let of = group.of.as_deref();
    let key = place(emitter, at, of, &group.path, Form::Folded)?;
    let column = key.column;
    if group.part.is_some() {
        if column.kind.class() != Class::Time {
            return Err(mismatch(column, "a part of a date"));
        }
        // Division goes towards zero; days before 1970 count downwards all the same.
        let day = format!(
            "(CASE WHEN {0} < 0 THEN ({0} - {1}) / {DAY} ELSE {0} / {DAY} END)",
            key.sql,
            DAY - 1
        );
        inner.push(format!("{day} AS k{number}, {day} AS s{number}"));
        return Ok(Grouping { column, part: group.part, labelled: false });
    }
    let shown = place(emitter, at, of, &group.path, Form::Stored)?;
    inner.push(format!("{} AS k{number}, {} AS s{number}", key.sql, shown.sql));
    let name = column
        .kind
        .lookup()
        .filter(|_| names)
        .and_then(|(target, _)| key.table.beside(target)?.primary_name);
    if let Some(name) = name {
        let mut path = group.path.clone();
        path.push(name.to_owned());
        let label = place(emitter, at, of, &path, Form::Stored)?;
        inner.push(format!("{} AS n{number}", label.sql));
    }
    Ok(Grouping { column, part: None, labelled: name.is_some() })
}

fn value_column(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    value: &Value,
    number: usize,
    inner: &mut Vec<String>,
) -> Result<Option<&'static ColumnDef>, QueryError> {
    if value.how == How::Rows {
        return Ok(None);
    }
    let of = value.of.as_deref();
    let form = if value.how == How::CountDistinct { Form::Folded } else { Form::Stored };
    let Place { sql, column, .. } = place(emitter, at, of, &value.path, form)?;
    let class = column.kind.class();
    let fits = match value.how {
        How::Rows | How::Count | How::CountDistinct => true,
        How::Sum | How::Average => class == Class::Number && column.kind.choices().is_none(),
        How::Min | How::Max => matches!(class, Class::Number | Class::Time),
    };
    if !fits {
        return Err(mismatch(column, "an aggregate that adds or compares numbers"));
    }
    inner.push(format!("{sql} AS v{number}"));
    let shown = match value.how {
        How::Min | How::Max => true,
        How::Sum | How::Average => column.kind.places() > 0,
        _ => false,
    };
    Ok(shown.then_some(column))
}

fn value_sql(how: How, number: usize) -> String {
    let v = format!("v{number}");
    let number = match how {
        How::Rows => return format!("{NONE}, {NONE}, COUNT(*)"),
        How::Count => return format!("{NONE}, {NONE}, COUNT({v})"),
        How::CountDistinct => return format!("{NONE}, {NONE}, COUNT(DISTINCT {v})"),
        // In two parts, so that no sum of so many rows overflows.
        How::Sum | How::Average => {
            format!("CAST(SUM({v} / {PART}) AS BIGINT), CAST(SUM({v} % {PART}) AS BIGINT)")
        }
        How::Min => format!("{NONE}, CAST(MIN({v}) AS BIGINT)"),
        How::Max => format!("{NONE}, CAST(MAX({v}) AS BIGINT)"),
    };
    format!("{number}, COUNT({v})")
}

/// A group as it comes together.
struct Merged {
    keys: Vec<Cell>,
    labels: Vec<Option<String>>,
    partials: Vec<Partial>,
}

fn merge(
    rows: &[Row],
    wanted: &Aggregation,
    groupings: &[Grouping],
) -> Result<Vec<Merged>, QueryError> {
    let mut total = 0;
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut merged: Vec<Merged> = Vec::new();
    for row in rows {
        let (group, count) = one(row, wanted, groupings)?;
        total += count;
        let name = format!("{:?}", group.keys);
        match known.get(&name) {
            Some(at) if groupings.iter().any(|g| g.part.is_some()) => {
                for ((have, more), value) in
                    merged[*at].partials.iter_mut().zip(group.partials).zip(&wanted.values)
                {
                    *have = together(value.how, *have, more);
                }
            }
            _ => {
                known.insert(name, merged.len());
                merged.push(group);
            }
        }
    }
    if total > i64::try_from(AGGREGATE_MAX).unwrap_or(i64::MAX) {
        return Err(QueryError::TooMany(AGGREGATE_MAX));
    }
    Ok(merged)
}

fn one(
    row: &Row,
    wanted: &Aggregation,
    groupings: &[Grouping],
) -> Result<(Merged, i64), QueryError> {
    let mut at = 0;
    let mut group = Merged { keys: Vec::new(), labels: Vec::new(), partials: Vec::new() };
    for grouping in groupings {
        group.keys.push(match grouping.part {
            Some(part) => part_of(part, &raw(row.value(at).clone())),
            None => shaped(grouping.column, raw(row.value(at + 1).clone())),
        });
        at += 2;
        let label = if grouping.labelled { row.text_opt(at)? } else { None };
        at += usize::from(grouping.labelled);
        group.labels.push(label);
    }
    for _ in &wanted.values {
        let high = row.int_opt(at)?.map_or(0, i128::from) * i128::from(PART);
        let number = row.int_opt(at + 1)?.map(|low| high + i128::from(low));
        group.partials.push(Partial { number, count: row.int(at + 2)? });
        at += 3;
    }
    Ok((group, row.int(at)?))
}

fn together(how: How, a: Partial, b: Partial) -> Partial {
    let number = match (a.number, b.number) {
        (Some(a), Some(b)) => Some(match how {
            How::Min => a.min(b),
            How::Max => a.max(b),
            _ => a.saturating_add(b),
        }),
        (a, b) => a.or(b),
    };
    Partial { number, count: a.count + b.count }
}

fn part_of(part: DatePart, day: &Cell) -> Cell {
    let date = || {
        let Cell::Int(day) = day else { return None };
        let days = jiff::Span::new().try_days(*day).ok()?;
        jiff::civil::date(1970, 1, 1).checked_add(days).ok()
    };
    let Some(date) = date() else { return Cell::Null };
    Cell::Int(match part {
        DatePart::Day => date.day().into(),
        DatePart::Month => date.month().into(),
        DatePart::Quarter => i64::from((date.month() - 1) / 3 + 1),
        DatePart::Year | DatePart::FiscalYear => date.year().into(),
        DatePart::FiscalPeriod => {
            i64::from(date.year()) * 10 + i64::from((date.month() - 1) / 3 + 1)
        }
        DatePart::Week => {
            let first = date.first_of_year().weekday().to_sunday_zero_offset();
            (i64::from(date.day_of_year()) - 1 + i64::from(first)) / 7 + 1
        }
    })
}

/// What people call a fiscal period or year.
fn fiscal(part: DatePart, cell: &Cell) -> Option<String> {
    match (part, cell) {
        (DatePart::FiscalPeriod, Cell::Int(period)) => {
            Some(format!("Quarter {} FY{}", period.rem_euclid(10), period.div_euclid(10)))
        }
        (DatePart::FiscalYear, Cell::Int(year)) => Some(format!("FY{year}")),
        _ => None,
    }
}

fn value(how: How, partial: Partial) -> Cell {
    match how {
        How::Rows | How::Count | How::CountDistinct => Cell::Int(partial.count),
        How::Average => match partial.number {
            Some(sum) if partial.count > 0 => whole(sum / i128::from(partial.count)),
            _ => Cell::Null,
        },
        How::Sum | How::Min | How::Max => partial.number.map_or(Cell::Null, whole),
    }
}

/// A sum beyond 64 bits is shown as the largest number there is.
fn whole(number: i128) -> Cell {
    let bound = if number < 0 { i64::MIN } else { i64::MAX };
    Cell::Int(i64::try_from(number).unwrap_or(bound))
}

/// By the keys that were asked for, then by the columns of the groups.
fn sort(merged: &mut [Merged], wanted: &Aggregation) {
    let cell = |group: &Merged, name: &str| {
        let key =
            wanted.groups.iter().position(|g| g.name == name).map(|at| group.keys[at].clone());
        key.or_else(|| {
            let at = wanted.values.iter().position(|v| v.name == name)?;
            Some(value(wanted.values[at].how, group.partials[at]))
        })
        .unwrap_or(Cell::Null)
    };
    merged.sort_by(|a, b| {
        let asked = wanted.order.iter().map(|(name, descending)| {
            let order = compare(&cell(a, name), &cell(b, name));
            if *descending { order.reverse() } else { order }
        });
        let keys = a.keys.iter().zip(&b.keys).map(|(a, b)| compare(a, b));
        asked.chain(keys).find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
    });
}

fn compare(a: &Cell, b: &Cell) -> Ordering {
    let rank = |cell: &Cell| match cell {
        Cell::Null => None,
        Cell::Flag(flag) => Some(i64::from(*flag)),
        Cell::Int(number) | Cell::Time(number) => Some(*number),
        Cell::Text(_) => Some(0),
    };
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

impl Merged {
    fn shown(
        self,
        wanted: &Aggregation,
        groupings: &[Grouping],
        columns: &[Option<&'static ColumnDef>],
    ) -> Vec<Extra> {
        let keys = self.keys.into_iter().zip(self.labels).zip(groupings).zip(&wanted.groups).map(
            |(((cell, label), grouping), group)| Extra {
                name: group.name.clone(),
                column: grouping.part.is_none().then_some(grouping.column),
                label: label.or_else(|| fiscal(grouping.part?, &cell)),
                cell,
            },
        );
        let values = self.partials.into_iter().zip(columns).zip(&wanted.values).map(
            |((partial, column), wanted)| {
                let cell = value(wanted.how, partial);
                let cell = match (column.map(|column| column.kind), cell) {
                    (Some(Kind::Time), Cell::Int(at)) => Cell::Time(at),
                    (_, cell) => cell,
                };
                Extra { name: wanted.name.clone(), column: *column, cell, label: None }
            },
        );
        keys.chain(values).collect()
    }
}
