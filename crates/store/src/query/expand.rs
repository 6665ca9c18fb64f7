//! Navigation properties: one further statement per property and five hundred rows, whatever the
//! page holds.
use std::collections::{BTreeMap, BTreeSet};

use super::emit::Scope;
use super::run::{Ask, Expanded, Record, columns, fetch};
use super::table::{ColumnDef, TableDef, ToMany};
use super::{Cell, Crossing, Expand, PAGE_MAX, QueryError};
use crate::db::Sql;

/// Ids asked for in one statement.
const CHUNK: usize = 500;

enum Way {
    One { lookup: &'static ColumnDef, name: &'static str, target: &'static TableDef },
    Many { many: &'static ToMany, target: &'static TableDef },
    Cross(Crossing),
}

fn way(table: &'static TableDef, name: &str) -> Result<Way, QueryError> {
    let unknown = || QueryError::Navigation { table: table.name, name: name.to_owned() };
    let target = |name| table.beside(name).ok_or_else(unknown);
    if let Some(lookup) = table.navigation(name)
        && let Some((to, name)) = lookup.kind.lookup()
    {
        return Ok(Way::One { lookup, name, target: target(to)? });
    }
    if let Some(crossing) = table.crossing(name) {
        return Ok(Way::Cross(crossing));
    }
    let many = table.collection(name).ok_or_else(unknown)?;
    Ok(Way::Many { many, target: target(many.table)? })
}

/// How many navigation properties are expanded, those inside others too.
pub(super) fn size(wishes: &[Expand]) -> usize {
    wishes.iter().map(|wish| 1 + size(&wish.expand)).sum()
}

/// The lookups whose values the expansion of rows of a table needs.
pub(super) fn lookups(
    table: &'static TableDef,
    wishes: &[Expand],
) -> Result<Vec<&'static ColumnDef>, QueryError> {
    let mut lookups = Vec::new();
    for wish in wishes {
        if let Way::One { lookup, .. } = way(table, &wish.name)? {
            lookups.push(lookup);
        }
    }
    Ok(lookups)
}

/// Adds what a navigation property leads to.
pub(super) fn expand(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    (table, names): (&'static TableDef, bool),
    wish: &Expand,
    rows: &mut [Record],
) -> Result<(), QueryError> {
    match way(table, &wish.name)? {
        Way::One { lookup, name, target } => {
            one(sql, scope, names, wish, rows, (lookup, name, target))
        }
        Way::Many { many, target } => to_many(sql, scope, names, wish, rows, (many, target)),
        Way::Cross(crossing) => across(sql, scope, names, wish, rows, crossing),
    }
}

/// What to fetch of the targets: what is shown, and what their own expansion needs.
fn needed(
    target: &'static TableDef,
    wish: &Expand,
) -> Result<(Vec<&'static ColumnDef>, Vec<&'static ColumnDef>), QueryError> {
    let shown = columns(target, wish.select.as_deref())?;
    let mut needed = shown.clone();
    for lookup in lookups(target, &wish.expand)? {
        if !needed.iter().any(|column| column.name == lookup.name) {
            needed.push(lookup);
        }
    }
    Ok((shown, needed))
}

/// Expands the targets in turn, then leaves what is shown.
fn further(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    (target, names): (&'static TableDef, bool),
    wish: &Expand,
    shown: &[&'static ColumnDef],
    found: &mut [Record],
) -> Result<(), QueryError> {
    for inner in &wish.expand {
        expand(sql, scope, (target, names), inner, found)?;
    }
    for record in found {
        record.cells.retain(|(column, _)| shown.iter().any(|shown| shown.name == column.name));
    }
    Ok(())
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
            "`{}` leads to one row; it takes $select and $expand only",
            wish.name
        )));
    }
    let pointed = |row: &Record| match row.cell(lookup.name) {
        Some(Cell::Text(id)) => Some(id.clone()),
        _ => None,
    };
    let ids: Vec<String> =
        rows.iter().filter_map(pointed).collect::<BTreeSet<_>>().into_iter().collect();
    let (shown, needed) = needed(target, wish)?;
    for chunk in ids.chunks(CHUNK) {
        let ask = Ask {
            table: target,
            columns: needed.clone(),
            names,
            filter: None,
            order: &[],
            after: None,
            among: Some((target.id_column(), chunk)),
            limit: chunk.len(),
            skip: 0,
            keys: false,
            joins: &[],
            picks: &[],
        };
        let mut found: Vec<Record> =
            fetch(sql, scope, &ask)?.into_iter().map(|found| found.record).collect();
        further(sql, scope, (target, names), wish, &shown, &mut found)?;
        let found: BTreeMap<&str, &Record> =
            found.iter().map(|record| (record.id.as_str(), record)).collect();
        for row in rows.iter_mut() {
            // Several rows may point to one.
            if let Some(record) = pointed(row).and_then(|id| found.get(id.as_str()).copied()) {
                row.expanded.push((name, Expanded::One(Some(Box::new(record.clone())))));
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
    let (shown, mut wanted) = needed(target, wish)?;
    if !wanted.iter().any(|column| column.name == link.name) {
        wanted.push(link);
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut groups: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
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
            skip: 0,
            keys: false,
            joins: &[],
            picks: &[],
        };
        let (mut kept, mut parents) = (Vec::new(), Vec::new());
        for found in fetch(sql, scope, &ask)? {
            total += 1;
            let Some(Cell::Text(parent)) = found.record.cell(link.name).cloned() else { continue };
            let count = counts.entry(parent.clone()).or_default();
            if wish.top.is_none_or(|top| *count < top) {
                *count += 1;
                kept.push(found.record);
                parents.push(parent);
            }
        }
        if total > PAGE_MAX {
            return Err(QueryError::Costly(format!(
                "`{}` leads to more than {PAGE_MAX} rows; ask for fewer rows at once",
                wish.name
            )));
        }
        further(sql, scope, (target, names), wish, &shown, &mut kept)?;
        for (parent, record) in parents.into_iter().zip(kept) {
            groups.entry(parent).or_default().push(record);
        }
    }
    for row in rows {
        let group = groups.remove(&row.id).unwrap_or_default();
        row.expanded.push((many.name, Expanded::Many(group)));
    }
    Ok(())
}

/// The rows at the other end: first the pairs, then the rows they name.
fn across(
    sql: &mut Sql<'_>,
    scope: Scope<'_>,
    names: bool,
    wish: &Expand,
    rows: &mut [Record],
    crossing: Crossing,
) -> Result<(), QueryError> {
    let Crossing { name, between, near, target } = crossing;
    let column = |column: &str| {
        let found = between.column(column);
        found.ok_or_else(|| QueryError::Navigation { table: between.name, name: name.to_owned() })
    };
    let (near, far) = (column(near)?, column(crossing.far())?);
    let too_many = || {
        QueryError::Costly(format!(
            "`{name}` leads to more than {PAGE_MAX} rows; ask for fewer rows at once"
        ))
    };
    let text = |record: &Record, column: &ColumnDef| match record.cell(column.name) {
        Some(Cell::Text(id)) => Some(id.clone()),
        _ => None,
    };
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut pairs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut total = 0;
    for chunk in ids.chunks(CHUNK) {
        let ask = Ask {
            table: between,
            columns: vec![near, far],
            names: false,
            filter: None,
            order: &[],
            after: None,
            among: Some((near, chunk)),
            limit: PAGE_MAX + 1,
            skip: 0,
            keys: false,
            joins: &[],
            picks: &[],
        };
        for found in fetch(sql, scope, &ask)? {
            total += 1;
            if let (Some(here), Some(there)) = (text(&found.record, near), text(&found.record, far))
            {
                pairs.entry(there).or_default().insert(here);
            }
        }
        if total > PAGE_MAX {
            return Err(too_many());
        }
    }
    let (shown, needed) = needed(target, wish)?;
    let wanted: Vec<String> = pairs.keys().cloned().collect();
    let mut found = Vec::new();
    // In one statement where they are to be in one order.
    let size = if wish.order.is_empty() { CHUNK } else { wanted.len().max(1) };
    for chunk in wanted.chunks(size) {
        let ask = Ask {
            table: target,
            columns: needed.clone(),
            names,
            filter: wish.filter.as_ref(),
            order: &wish.order,
            after: None,
            among: Some((target.id_column(), chunk)),
            limit: chunk.len(),
            skip: 0,
            keys: false,
            joins: &[],
            picks: &[],
        };
        found.extend(fetch(sql, scope, &ask)?.into_iter().map(|found| found.record));
    }
    further(sql, scope, (target, names), wish, &shown, &mut found)?;
    for row in rows {
        let mine = |record: &&Record| {
            pairs.get(&record.id).is_some_and(|parents| parents.contains(&row.id))
        };
        let mine = found.iter().filter(mine).take(wish.top.unwrap_or(usize::MAX));
        let mine = mine.cloned().collect();
        row.expanded.push((name, Expanded::Many(mine)));
    }
    Ok(())
}
