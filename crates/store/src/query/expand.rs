//! Navigation properties: one further statement per property and five hundred rows, whatever the
//! page holds.
use std::collections::{BTreeMap, BTreeSet};

use super::emit::Scope;
use super::run::{Ask, Expanded, Record, columns, fetch};
use super::table::{ColumnDef, TableDef, ToMany};
use super::{Cell, Expand, PAGE_MAX, Query, QueryError, table_by_logical_name};
use crate::db::Sql;

/// Ids asked for in one statement.
const CHUNK: usize = 500;

enum Way {
    One { lookup: &'static ColumnDef, name: &'static str, target: &'static TableDef },
    Many { many: &'static ToMany, target: &'static TableDef },
}

fn way(table: &'static TableDef, name: &str) -> Result<Way, QueryError> {
    let unknown = || QueryError::Navigation { table: table.name, name: name.to_owned() };
    let target = |name| table_by_logical_name(name).ok_or_else(unknown);
    if let Some(lookup) = table.navigation(name)
        && let Some((to, name)) = lookup.kind.lookup()
    {
        return Ok(Way::One { lookup, name, target: target(to)? });
    }
    let many = table.collection(name).ok_or_else(unknown)?;
    Ok(Way::Many { many, target: target(many.table)? })
}

/// The lookups whose values the expansion of a query needs.
pub(super) fn lookups(query: &Query) -> Result<Vec<&'static ColumnDef>, QueryError> {
    let mut lookups = Vec::new();
    for wish in &query.expand {
        if let Way::One { lookup, .. } = way(query.table, &wish.name)? {
            lookups.push(lookup);
        }
    }
    Ok(lookups)
}

/// Adds what a navigation property leads to.
pub(super) fn expand(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    query: &Query,
    wish: &Expand,
    rows: &mut [Record],
) -> Result<(), QueryError> {
    match way(query.table, &wish.name)? {
        Way::One { lookup, name, target } => {
            one(sql, scope, query.names, wish, rows, (lookup, name, target))
        }
        Way::Many { many, target } => to_many(sql, scope, query.names, wish, rows, (many, target)),
    }
}

fn one(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    names: bool,
    wish: &Expand,
    rows: &mut [Record],
    (lookup, name, target): (&'static ColumnDef, &'static str, &'static TableDef),
) -> Result<(), QueryError> {
    if wish.filter.is_some() || wish.top.is_some() || !wish.order.is_empty() {
        return Err(QueryError::Unsupported(format!(
            "`{}` leads to one row; it takes $select only",
            wish.name
        )));
    }
    let pointed = |row: &Record| match row.cell(lookup.name) {
        Some(Cell::Text(id)) => Some(id.clone()),
        _ => None,
    };
    let ids: Vec<String> =
        rows.iter().filter_map(pointed).collect::<BTreeSet<_>>().into_iter().collect();
    for chunk in ids.chunks(CHUNK) {
        // Several rows may point to one, and a record has one owner: fetched once, copied by hand.
        let ask = Ask {
            table: target,
            columns: columns(target, wish.select.as_deref())?,
            names,
            filter: None,
            order: &[],
            after: None,
            among: Some((target.id_column(), chunk)),
            limit: chunk.len(),
        };
        let found: BTreeMap<String, Record> = fetch(sql, scope, &ask)?
            .into_iter()
            .map(|found| (found.record.id.clone(), found.record))
            .collect();
        for row in rows.iter_mut() {
            if let Some(record) = pointed(row).and_then(|id| found.get(&id)) {
                row.expanded.push((name, Expanded::One(Some(Box::new(copy(record))))));
            }
        }
    }
    for row in rows {
        if !row.expanded.iter().any(|(there, _)| *there == name) {
            row.expanded.push((name, Expanded::One(None)));
        }
    }
    Ok(())
}

fn copy(record: &Record) -> Record {
    Record {
        table: record.table,
        id: record.id.clone(),
        version: record.version,
        cells: record.cells.clone(),
        names: record.names.clone(),
        expanded: Vec::new(),
    }
}

fn to_many(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    names: bool,
    wish: &Expand,
    rows: &mut [Record],
    (many, target): (&'static ToMany, &'static TableDef),
) -> Result<(), QueryError> {
    let link = target
        .column(many.column)
        .ok_or_else(|| QueryError::Navigation { table: many.table, name: many.name.to_owned() })?;
    let shown = columns(target, wish.select.as_deref())?;
    let mut wanted = shown.clone();
    if !wanted.iter().any(|column| column.name == link.name) {
        wanted.push(link);
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut groups: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    let mut total = 0;
    for chunk in ids.chunks(CHUNK) {
        let ask = Ask {
            table: target,
            columns: wanted.clone(),
            names,
            filter: wish.filter.as_ref(),
            order: &wish.order,
            after: None,
            among: Some((link, chunk)),
            limit: PAGE_MAX + 1,
        };
        for found in fetch(sql, scope, &ask)? {
            total += 1;
            let mut record = found.record;
            let Some(Cell::Text(parent)) = record.cell(link.name).cloned() else { continue };
            record.cells.retain(|(column, _)| shown.iter().any(|shown| shown.name == column.name));
            let group = groups.entry(parent).or_default();
            if wish.top.is_none_or(|top| group.len() < top) {
                group.push(record);
            }
        }
        if total > PAGE_MAX {
            return Err(QueryError::Costly(format!(
                "`{}` leads to more than {PAGE_MAX} rows; ask for fewer rows at once",
                wish.name
            )));
        }
    }
    for row in rows {
        let group = groups.remove(&row.id).unwrap_or_default();
        row.expanded.push((many.name, Expanded::Many(group)));
    }
    Ok(())
}
