//! Reads: collections, rows, properties, navigation, counts.
use axum::response::Response;
use connref_store::query::{Cell, Cursor, Expr, Literal, Page, Query, Record, TableDef};
use http::StatusCode;
use serde_json::json;

use super::call::principal_access;
use super::fetch::{self, Fetch};
use super::locate::{Key, find};
use super::options::{self, Options};
use super::path::{Argument, Arguments, Segment};
use super::query_string::without;
use super::render::{self, FORMATTED, Listed};
use super::verb::bound;
use super::{Asked, Fault, names, reply, sql, token};

/// Answers a GET below an entity set.
pub(super) async fn read(asked: &Asked, table: &'static TableDef) -> Result<Response, Fault> {
    let (first, rest) =
        asked.segments.split_first().ok_or_else(|| Fault::no_resource(table.set))?;
    let Some(arguments) = &first.arguments else {
        return match rest {
            [] => list(asked, table, None).await,
            [count] if count.name == "$count" => number(asked, table, None).await,
            [next, ..] => Err(Fault::no_resource(&next.name)),
        };
    };
    let key = Key::read(asked, table, arguments)?;
    match rest {
        [] => one(asked, &key).await,
        [bound]
            if matches!(table.name, "systemuser" | "team")
                && bound.name == "RetrievePrincipalAccess" =>
        {
            let record = find(asked, &key).await?.ok_or_else(|| key.missing())?;
            let target = match &bound.arguments {
                Some(Arguments::Named(named)) => {
                    named.iter().find(|(name, _)| name == "Target").map(|(_, value)| value)
                }
                _ => None,
            };
            let target = match target {
                Some(Argument::Alias(alias)) => asked.query.alias(alias)?.to_owned(),
                Some(other) => other.text().to_owned(),
                None => return Err(Fault::payload("The parameter `Target` is required.")),
            };
            let mut answer = principal_access(asked, &record, &target).await?;
            let context = "$metadata#Microsoft.Dynamics.CRM.RetrievePrincipalAccessResponse";
            answer["@odata.context"] = format!("{}/{context}", asked.root).into();
            Ok(reply::json(asked, &answer))
        }
        [next] if bound(table, &next.name).is_some() => Err(Fault::http_method(&asked.method)),
        [next, rest @ ..] => below(asked, &key, next, rest).await,
    }
}

fn options(asked: &Asked, table: &'static TableDef) -> Result<Options, Fault> {
    options::parse(table, &asked.query, &asked.prefer, &asked.around())
}

async fn page(asked: &Asked, query: Query) -> Result<Page, Fault> {
    let cx = &asked.cx;
    Ok(cx.store().query(&cx.caller, &cx.environment.id, query).await?)
}

async fn list(
    asked: &Asked,
    table: &'static TableDef,
    only: Option<Expr>,
) -> Result<Response, Fault> {
    if let Some(text) = asked.query.get("fetchXml") {
        return fetched(asked, table, text, only).await;
    }
    let Options { mut query, shape } = match asked.query.get("sql") {
        Some(text) => in_sql(asked, table, text)?,
        None => options(asked, table)?,
    };
    narrow(&mut query, only);
    let skipped = query.skip;
    let page = page(asked, query).await?;
    let cursor = page.next.clone().or_else(|| groups_after(&page, skipped));
    let next = cursor.as_ref().map(|cursor| {
        let mut query = without(&asked.raw_query, "$skiptoken");
        if !query.is_empty() {
            query.push('&');
        }
        let path = asked.raw_path.trim_matches('/');
        format!("{}/{path}?{query}$skiptoken={}", asked.root, token::write(cursor))
    });
    let listed = Listed {
        page: &page,
        set: table.set,
        root: &asked.root,
        shape: &shape,
        next,
        cookie: None,
        annotations: &asked.prefer.annotations,
    };
    Ok(reply::json(asked, &listed))
}

/// Where the groups of the next page begin, if there is one.
fn groups_after(page: &Page, skipped: usize) -> Option<Cursor> {
    let next = i64::try_from(skipped + page.groups.len()).ok()?;
    (page.more && !page.groups.is_empty()).then(|| Cursor(vec![Cell::Int(next)]))
}

/// A query in SQL. The next page of one is found by its token, as that of any other.
fn in_sql(asked: &Asked, table: &'static TableDef, text: &str) -> Result<Options, Fault> {
    let mut query = sql::parse(table, text, asked.tables)?;
    query.names = asked.prefer.annotations.wants(FORMATTED);
    query.page = asked.prefer.page;
    for (name, value) in asked.query.options() {
        if !name.eq_ignore_ascii_case("$skiptoken") {
            return Err(Fault::syntax(format!("`{name}` does not go together with sql.")));
        }
        // The rows that OFFSET leaves out were left out on the page before.
        query.skip = 0;
        fetch::place(&mut query, token::read(value)?)?;
    }
    Ok(Options { query, shape: String::new() })
}

/// Answers a query in FetchXML.
async fn fetched(
    asked: &Asked,
    table: &'static TableDef,
    text: &str,
    only: Option<Expr>,
) -> Result<Response, Fault> {
    if let Some((name, _)) = asked.query.options().next() {
        return Err(Fault::syntax(format!("`{name}` does not go together with fetchXml.")));
    }
    let Fetch { mut query, page: number } = fetch::parse(table, text, &asked.around())?;
    query.names = asked.prefer.annotations.wants(FORMATTED);
    query.page = query.page.or(asked.prefer.page);
    narrow(&mut query, only);
    let (skipped, top) = (query.skip, query.top);
    let page = page(asked, query).await?;
    let cursor =
        page.next.clone().or_else(|| groups_after(&page, skipped)).filter(|_| top.is_none());
    let listed = Listed {
        page: &page,
        set: table.set,
        root: &asked.root,
        shape: "",
        next: None,
        cookie: cursor.map(|cursor| fetch::cookie_write(number, &cursor)),
        annotations: &asked.prefer.annotations,
    };
    Ok(reply::json(asked, &listed))
}

async fn number(
    asked: &Asked,
    table: &'static TableDef,
    only: Option<Expr>,
) -> Result<Response, Fault> {
    let mut query = options(asked, table)?.query;
    let other = ["fetchXml", "sql"].iter().any(|name| asked.query.get(name).is_some());
    if query.aggregation.is_some() || other {
        return Err(Fault::unsupported(
            "$count behind a collection together with $apply, fetchXml or sql is not supported",
        ));
    }
    narrow(&mut query, only);
    query.top = Some(0);
    query.count = true;
    let count = page(asked, query).await?.count;
    Ok(reply::text(count.map_or(0, |count| count.rows).to_string()))
}

fn narrow(query: &mut Query, only: Option<Expr>) {
    if let Some(only) = only {
        query.filter = Some(Expr::and(query.filter.take(), only));
    }
}

async fn one(asked: &Asked, key: &Key) -> Result<Response, Fault> {
    let Options { mut query, shape } = options(asked, key.table)?;
    if query.filter.is_some()
        || query.top.is_some()
        || query.count
        || !query.order.is_empty()
        || query.aggregation.is_some()
        || asked.query.get("fetchXml").is_some()
        || asked.query.get("sql").is_some()
    {
        return Err(Fault::syntax("A single row takes $select and $expand only."));
    }
    query.filter = Some(key.condition());
    query.top = Some(1);
    let record = page(asked, query).await?.rows.pop().ok_or_else(|| key.missing())?;
    if unchanged(asked, &record) {
        return Ok(reply::not_modified());
    }
    let value = render::entity(&record, &asked.root, &shape, &asked.prefer.annotations);
    Ok(reply::row(asked, StatusCode::OK, &value))
}

/// Whether the client has this version already.
fn unchanged(asked: &Asked, record: &Record) -> bool {
    match (asked.header("if-none-match"), record.version) {
        (Some(etag), Some(version)) => etag.trim() == render::etag(version),
        _ => false,
    }
}

/// What follows a row: a property, a lookup's target, a collection.
async fn below(
    asked: &Asked,
    key: &Key,
    next: &Segment,
    rest: &[Segment],
) -> Result<Response, Fault> {
    let table = key.table;
    if next.arguments.is_some() {
        return Err(Fault::unsupported("functions and keys behind a row are not supported"));
    }
    if let Some(many) = table.collection(&next.name) {
        let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
        let target = table.beside(many.table).ok_or_else(|| Fault::no_resource(&next.name))?;
        let only = Some(Expr::equal(many.column, Literal::Guid(record.id)));
        return match rest {
            [] => list(asked, target, only).await,
            [count] if count.name == "$count" => number(asked, target, only).await,
            _ => Err(Fault::unsupported("addresses behind a collection are not supported")),
        };
    }
    if let Some(crossing) = table.crossing(&next.name) {
        let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
        let only = Some(crossing.of(record.id));
        return match rest {
            [] => list(asked, crossing.target, only).await,
            [count] if count.name == "$count" => number(asked, crossing.target, only).await,
            _ => Err(Fault::unsupported("addresses behind a collection are not supported")),
        };
    }
    if let Some(lookup) = table.navigation(&next.name)
        && let Some((target, _)) = lookup.kind.lookup()
    {
        let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
        let Some(Cell::Text(id)) = record.cell(lookup.name) else { return Ok(reply::nothing()) };
        let target = table.beside(target).ok_or_else(|| Fault::no_resource(&next.name))?;
        let key = Key { table: target, parts: vec![(target.id_column(), id.clone())] };
        return match rest {
            [] => one(asked, &key).await,
            _ => Err(Fault::unsupported("addresses behind a lookup are not supported")),
        };
    }
    property(asked, key, next, rest).await
}

async fn property(
    asked: &Asked,
    key: &Key,
    next: &Segment,
    rest: &[Segment],
) -> Result<Response, Fault> {
    let column =
        names::column(key.table, &next.name).map_err(|_| Fault::no_resource(&next.name))?;
    let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
    let cell = record.cell(column.name).unwrap_or(&Cell::Null);
    let raw = match rest {
        [] => false,
        [value] if value.name == "$value" => true,
        [next, ..] => return Err(Fault::no_resource(&next.name)),
    };
    if *cell == Cell::Null {
        return Ok(reply::nothing());
    }
    let value = render::value(column, cell);
    if raw {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(reply::text(text));
    }
    let name = names::property(column);
    let context = format!("{}/$metadata#{}({})/{name}", asked.root, key.table.set, record.id);
    Ok(reply::json(asked, &json!({"@odata.context": context, "value": value})))
}
