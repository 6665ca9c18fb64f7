//! Runs a query and shapes its rows.
use connref_solution::model::EnvironmentId;

use super::condition::{self, Key};
use super::emit::{At, Emitter, Form, Place, Scope, stored, unknown};
use super::join::{self, Join, Pick};
use super::table::{ColumnDef, Kind, TableDef};
use super::{
    AGGREGATE_MAX, Cell, Cursor, EXPAND_MAX, Expr, ORDER_MAX, Order, PAGE_MAX, Query, QueryError,
    aggregate, expand,
};
use crate::access::{Action, Caller};
use crate::db::{Param, Row, Sql};

/// A page of rows.
#[derive(Debug, Default)]
pub struct Page {
    /// Rows.
    pub rows: Vec<Record>,
    /// Where it ended, if more follows.
    pub next: Option<Cursor>,
    /// How many rows fit, if it was asked.
    pub count: Option<Count>,
    /// Groups, where they were asked for in place of rows.
    pub groups: Vec<Vec<Extra>>,
    /// More rows or groups follow.
    pub more: bool,
}

/// A value under a name of its own.
#[derive(Clone, Debug)]
pub struct Extra {
    /// Name.
    pub name: String,
    /// The column whose value it is; none for counts, sums and parts of dates.
    pub column: Option<&'static ColumnDef>,
    /// Value.
    pub cell: Cell,
    /// Name of the row a lookup points to, if it was asked.
    pub label: Option<String>,
}

/// How many rows fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Number, at most [`PAGE_MAX`].
    pub rows: usize,
    /// There are more.
    pub exceeded: bool,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its table.
    pub table: &'static TableDef,
    /// Its id.
    pub id: String,
    /// Its version, if the table counts versions.
    pub version: Option<i64>,
    /// Values in the table's order of columns.
    pub cells: Vec<(&'static ColumnDef, Cell)>,
    /// Names of the rows that lookups point to: (logical column, name).
    pub names: Vec<(&'static str, String)>,
    /// What was expanded: (navigation property, rows).
    pub expanded: Vec<(&'static str, Expanded)>,
    /// What was picked.
    pub extras: Vec<Extra>,
}

/// What a navigation property answered.
#[derive(Clone, Debug)]
pub enum Expanded {
    /// The row a lookup points to.
    One(Option<Box<Record>>),
    /// The rows of a collection.
    Many(Vec<Record>),
}

impl Record {
    /// A value by logical name.
    pub fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells.iter().find(|(column, _)| column.name == name).map(|(_, cell)| cell)
    }
}

/// Answers a query. The caller holds the snapshot.
///
/// # Errors
/// See [`QueryError`]; an environment the caller may not see does not exist.
pub fn query_run(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    caller: &Caller,
    query: &Query,
) -> Result<Page, QueryError> {
    let attempt = format!("read `{}`", query.table.set);
    caller.authorize(environment, Action::Read, &attempt)?;
    if expand::size(&query.expand) > EXPAND_MAX {
        let why = format!("a query expands at most {EXPAND_MAX} navigation properties");
        return Err(QueryError::Costly(why));
    }
    let scope = Scope { environment, caller, dialect: sql.dialect() };
    if query.skip > AGGREGATE_MAX {
        let why = format!("a query skips at most {AGGREGATE_MAX} rows; follow the paging cookie");
        return Err(QueryError::Costly(why));
    }
    if let Some(wanted) = &query.aggregation {
        let (groups, more) = aggregate::run(sql, scope, query, wanted)?;
        return Ok(Page { groups, more, ..Page::default() });
    }
    let shown = columns(query.table, query.select.as_deref())?;
    let mut wanted = shown.clone();
    for lookup in expand::lookups(query.table, &query.expand)? {
        if !wanted.iter().any(|column| column.name == lookup.name) {
            wanted.push(lookup);
        }
    }
    let (_, limit) = bounds(query);
    let all = wanted.len() == shown.len();
    let ask = Ask {
        table: query.table,
        columns: wanted,
        names: query.names,
        filter: query.filter.as_ref(),
        order: &query.order,
        after: query.after.as_ref(),
        among: None,
        limit: limit + 1,
        skip: query.skip,
        keys: query.top.is_none(),
        joins: &query.joins,
        picks: &query.picks,
    };
    let mut found = fetch(sql, scope, &ask)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = (more && query.top.is_none()).then(|| found.last().map(|f| Cursor(f.keys.clone())));
    let mut rows: Vec<Record> = found.into_iter().map(|found| found.record).collect();
    for wish in &query.expand {
        expand::expand(sql, scope, (query.table, query.names), wish, &mut rows)?;
    }
    for row in rows.iter_mut().filter(|_| !all) {
        row.cells.retain(|(column, _)| shown.iter().any(|shown| shown.name == column.name));
    }
    let count = query.count.then(|| count(sql, scope, query)).transpose()?;
    Ok(Page { rows, next: next.flatten(), count, groups: Vec::new(), more })
}

/// How many rows to leave out, and how many to answer at most.
pub(super) fn bounds(query: &Query) -> (usize, usize) {
    (query.skip, query.top.or(query.page).unwrap_or(PAGE_MAX).min(PAGE_MAX))
}

/// The columns to show, in the table's order. The id is always among them.
pub(super) fn columns(
    table: &'static TableDef,
    select: Option<&[String]>,
) -> Result<Vec<&'static ColumnDef>, QueryError> {
    let Some(select) = select else { return Ok(table.columns.iter().collect()) };
    for name in select {
        table.column(name).ok_or_else(|| unknown(table, name))?;
    }
    let wanted = |column: &&ColumnDef| {
        column.name == table.primary_id
            || select.iter().any(|name| name.eq_ignore_ascii_case(column.name))
    };
    Ok(table.columns.iter().filter(wanted).collect())
}

/// One statement's worth of question.
pub(super) struct Ask<'a> {
    pub(super) table: &'static TableDef,
    pub(super) columns: Vec<&'static ColumnDef>,
    pub(super) names: bool,
    pub(super) filter: Option<&'a Expr>,
    pub(super) order: &'a [Order],
    pub(super) after: Option<&'a Cursor>,
    /// Only rows whose column holds one of these ids.
    pub(super) among: Option<(&'static ColumnDef, &'a [String])>,
    pub(super) limit: usize,
    pub(super) skip: usize,
    /// Whether the sort keys are to be answered too, for the cursor of the next page.
    pub(super) keys: bool,
    pub(super) joins: &'a [Join],
    pub(super) picks: &'a [Pick],
}

/// A value to answer along: its place, and the place of the name of the row it points to.
struct Picked {
    place: Place,
    label: Option<String>,
}

/// Where the parts of a row lie in what a statement answers: the version, the columns, the names of
/// rows that lookups point to, what was picked, the sort keys.
struct Layout<'a> {
    counted: bool,
    id: usize,
    columns: usize,
    named: &'a [(&'static ColumnDef, &'static str)],
    picked: &'a [Picked],
    keys: usize,
}

/// A row with its sort keys, if those were wanted.
pub(super) struct Found {
    pub(super) record: Record,
    keys: Vec<Cell>,
}

pub(super) fn fetch(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    ask: &Ask<'_>,
) -> Result<Vec<Found>, QueryError> {
    if ask.order.len() > ORDER_MAX {
        return Err(QueryError::Costly(format!("rows sort by at most {ORDER_MAX} keys")));
    }
    let mut emitter = Emitter::new(scope);
    let at = At { table: ask.table, alias: "t0" };
    let from = join::from(&mut emitter, at, ask.joins)?;
    let keys = condition::keys(&mut emitter, at, ask.order, ask.joins)?;
    let named = if ask.names { lookups(ask.table, &ask.columns) } else { Vec::new() };
    let counted = ask.table.column("versionnumber");
    let mut list: Vec<String> = Vec::with_capacity(ask.columns.len() + 4);
    list.extend(counted.map(|version| stored(version, at.alias)));
    let own = ask.columns.iter().position(|column| column.name == ask.table.primary_id);
    if own.is_none() {
        list.push(stored(ask.table.id_column(), at.alias));
    }
    let columns = list.len();
    let id = own.map_or_else(|| columns - 1, |own| columns + own);
    list.extend(ask.columns.iter().map(|column| stored(column, at.alias)));
    for (column, name) in &named {
        let path = [column.name.to_owned(), (*name).to_owned()];
        list.push(emitter.path(at, &path, Form::Stored)?.sql);
    }
    let picked = picked(&mut emitter, at, ask)?;
    for pick in &picked {
        list.push(pick.place.sql.clone());
        list.extend(pick.label.clone());
    }
    let answered = if ask.keys { keys.as_slice() } else { &[] };
    list.extend(answered.iter().map(|key| key.place.sql.clone()));
    let number = |number: usize| Param::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let text = format!(
        "SELECT {} FROM {from} WHERE {} ORDER BY {} LIMIT {} OFFSET {}",
        list.join(", "),
        conditions(&mut emitter, at, ask, &keys)?,
        ordering(&keys),
        emitter.bind(number(ask.limit)),
        emitter.bind(number(ask.skip)),
    );
    let rows = sql.query(&text, &emitter.params)?;
    let layout = Layout {
        counted: counted.is_some(),
        id,
        columns,
        named: &named,
        picked: &picked,
        keys: answered.len(),
    };
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        all.push(found(row, ask, &layout)?);
    }
    Ok(all)
}

fn picked(emitter: &mut Emitter<'_>, at: At<'_>, ask: &Ask<'_>) -> Result<Vec<Picked>, QueryError> {
    let mut all = Vec::with_capacity(ask.picks.len());
    for pick in ask.picks {
        let (table, alias) = match &pick.of {
            None => (at.table, at.alias.to_owned()),
            Some(name) => emitter.joined(name)?,
        };
        let at = At { table, alias: &alias };
        let place = emitter.path(at, std::slice::from_ref(&pick.column), Form::Stored)?;
        let name =
            lookups(table, &[place.column]).first().map(|(_, name)| *name).filter(|_| ask.names);
        let label = match name {
            Some(name) => {
                let path = [pick.column.clone(), name.to_owned()];
                Some(emitter.path(at, &path, Form::Stored)?.sql)
            }
            None => None,
        };
        all.push(Picked { place, label });
    }
    Ok(all)
}

/// The condition that leaves the rows a query is about.
pub(super) fn wheres(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    filter: Option<&Expr>,
) -> Result<String, QueryError> {
    let mut text = emitter.visible(at);
    if let Some(filter) = filter {
        text.push_str(" AND ");
        text.push_str(&condition::condition(emitter, at, filter)?);
    }
    Ok(text)
}

fn conditions(
    emitter: &mut Emitter<'_>,
    at: At<'_>,
    ask: &Ask<'_>,
    keys: &[Key],
) -> Result<String, QueryError> {
    let mut parts = vec![wheres(emitter, at, ask.filter)?];
    if let Some((column, ids)) = ask.among {
        let places: Vec<_> = ids.iter().map(|id| emitter.bind(id.clone().into())).collect();
        parts.push(format!("{} IN ({})", stored(column, at.alias), places.join(", ")));
    }
    if let Some(cursor) = ask.after {
        parts.push(condition::after(emitter, keys, cursor)?);
    }
    Ok(parts.join(" AND "))
}

fn ordering(keys: &[Key]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            let direction = if key.descending { "DESC NULLS LAST" } else { "ASC NULLS FIRST" };
            format!("{} {direction}", key.place.sql)
        })
        .collect();
    keys.join(", ")
}

/// The lookups among columns whose targets have a name.
fn lookups(
    table: &TableDef,
    columns: &[&'static ColumnDef],
) -> Vec<(&'static ColumnDef, &'static str)> {
    columns
        .iter()
        .filter_map(|column| {
            let target = table.beside(column.kind.lookup()?.0)?;
            Some((*column, target.primary_name?))
        })
        .collect()
}

fn found(mut row: Row, ask: &Ask<'_>, layout: &Layout<'_>) -> Result<Found, QueryError> {
    let id = row.text(layout.id)?;
    let version = if layout.counted { row.int_opt(0)? } else { None };
    let mut at = layout.columns;
    let mut cells = Vec::with_capacity(ask.columns.len());
    for column in &ask.columns {
        cells.push((*column, cell(&mut row, at, column)));
        at += 1;
    }
    let mut names = Vec::new();
    for (column, _) in layout.named {
        if let Some(name) = row.take_text_opt(at)? {
            names.push((column.name, name));
        }
        at += 1;
    }
    let mut extras = Vec::with_capacity(layout.picked.len());
    for (pick, wish) in layout.picked.iter().zip(ask.picks) {
        let cell = cell(&mut row, at, pick.place.column);
        at += 1;
        let label = if pick.label.is_some() { row.take_text_opt(at)? } else { None };
        at += usize::from(pick.label.is_some());
        extras.push(Extra {
            name: wish.name.clone(),
            column: Some(pick.place.column),
            cell,
            label,
        });
    }
    let keys = (at..at + layout.keys).map(|index| raw(row.take(index))).collect();
    let record =
        Record { table: ask.table, id, version, cells, names, expanded: Vec::new(), extras };
    Ok(Found { record, keys })
}

fn cell(row: &mut Row, index: usize, column: &ColumnDef) -> Cell {
    shaped(column, raw(row.take(index)))
}

/// A value as its column has it.
pub(super) fn shaped(column: &ColumnDef, cell: Cell) -> Cell {
    match (column.kind, cell) {
        (Kind::Flag | Kind::Managed, Cell::Int(number)) => Cell::Flag(number != 0),
        (Kind::Time, Cell::Int(at)) => Cell::Time(at),
        (Kind::Spelled(spellings), Cell::Text(text)) => {
            let shown = spellings.iter().find(|(stored, _)| *stored == text);
            Cell::Text(shown.map_or(text, |(_, shown)| (*shown).to_owned()))
        }
        (_, cell) => cell,
    }
}

pub(super) fn raw(value: Param<'_>) -> Cell {
    match value {
        Param::Text(text) => Cell::Text(text.into_owned()),
        Param::Int(number) => Cell::Int(number),
        // No served column holds bytes.
        Param::Null | Param::Bytes(_) => Cell::Null,
    }
}

fn count(sql: &mut Sql<'_>, scope: Scope<'_>, query: &Query) -> Result<Count, QueryError> {
    let mut emitter = Emitter::new(scope);
    let at = At { table: query.table, alias: "t0" };
    let from = join::from(&mut emitter, at, &query.joins)?;
    let condition = wheres(&mut emitter, at, query.filter.as_ref())?;
    let limit = emitter.bind(Param::Int(i64::try_from(PAGE_MAX + 1).unwrap_or(i64::MAX)));
    let text = format!(
        "SELECT COUNT(*) FROM (SELECT 1 AS one FROM {from} WHERE {condition} LIMIT {limit}) counted"
    );
    let found = match sql.query_one(&text, &emitter.params)? {
        Some(row) => usize::try_from(row.int(0)?).unwrap_or(0),
        None => 0,
    };
    Ok(Count { rows: found.min(PAGE_MAX), exceeded: found > PAGE_MAX })
}
