//! Writes: create, update, upsert, delete, and the conditions under which they are meant.
use axum::response::Response;
use connref_store::StoreError;
use connref_store::query::{Expr, Literal, Query, Record, TableDef};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::associate::associate;
use super::body::{Fields, Purpose, object};
use super::locate::{Key, find, run};
use super::multiple::multiple;
use super::path::{Argument, Arguments, Segment};
use super::verb::bound;
use super::{Asked, Fault, allow, names, options, render, reply, table};
use crate::Context;
use crate::operation::flow::run_cancel_all;

/// Answers everything but GET below an entity set. A condition on the version of a row and the change
/// it is for are one transaction.
pub(super) async fn write(asked: &Asked, table: &'static TableDef) -> Result<Response, Fault> {
    let conditional = wanted_version(asked).is_some() || must_be_new(asked);
    if asked.grouped || !conditional {
        return write_now(asked, table).await;
    }
    let (app, group) = asked.cx.app.grouped();
    let inside = Asked { cx: Context { app, ..asked.cx.clone() }, grouped: true, ..asked.clone() };
    let answer = write_now(&inside, table).await;
    match answer {
        Ok(response) => {
            group.commit().await.map(|()| response).map_err(|e| StoreError::from(e).into())
        }
        Err(fault) => {
            group.undo().await;
            Err(fault)
        }
    }
}

async fn write_now(asked: &Asked, table: &'static TableDef) -> Result<Response, Fault> {
    let Some((first, rest)) = asked.segments.split_first() else {
        return Err(Fault::no_resource(table.set));
    };
    let key = first.arguments.as_ref().map(|a| Key::read(asked, table, a)).transpose()?;
    if rest.last().is_some_and(|last| last.name == "$ref") {
        return match (&key, rest) {
            (Some(key), [navigation, _]) => associate(asked, key, navigation).await,
            _ => Err(Fault::unsupported("$ref stands behind one row and one relationship")),
        };
    }
    match (&asked.method, &key, rest) {
        (&Method::POST, None, []) => {
            if !table::takes(table).create {
                return Err(table::refused("Create", table.name));
            }
            if asked.body.iter().all(u8::is_ascii_whitespace) {
                return Err(Fault::payload("A new row needs a body."));
            }
            let fields = Fields::read(table, object(&asked.body)?, Purpose::Create)?;
            create(asked, table, fields).await
        }
        (_, None, [action]) if action.arguments.is_none() && action.name.ends_with("Multiple") => {
            multiple(asked, table, &action.name).await
        }
        (&Method::PATCH, Some(key), []) => patch(asked, key).await,
        (&Method::DELETE, Some(key), []) => {
            let record = expected(asked, key).await?;
            table::delete(asked, &record).await?;
            Ok(reply::nothing())
        }
        (&Method::PUT | &Method::DELETE, Some(_), [next])
            if names::column(table, &next.name).is_ok() && !allow::changes(table, next)
                || bound(table, &next.name).is_some()
                || table.navigation(&next.name).is_some()
                || leads_to_many(table, &next.name) =>
        {
            Err(Fault::http_method(&asked.method))
        }
        (&Method::PUT, Some(key), [property]) => {
            let mut body = object(&asked.body)?;
            let value = body
                .remove("value")
                .ok_or_else(|| Fault::payload("The body has no property `value`."))?;
            set(asked, key, &property.name, value).await
        }
        (&Method::DELETE, Some(key), [property]) => {
            set(asked, key, &property.name, Value::Null).await
        }
        (&Method::POST, Some(key), [next]) if bound(table, &next.name).is_some() => {
            let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
            object(&asked.body)?;
            run_cancel_all(&asked.cx, &record.id).await?;
            Ok(reply::nothing())
        }
        (&Method::POST, Some(key), [next]) if table.collection(&next.name).is_some() => {
            create_related(asked, key, next).await
        }
        (&Method::POST, Some(_), [next, ..])
            if !leads_to_many(table, &next.name) && table.navigation(&next.name).is_none() =>
        {
            Err(Fault::unsupported("actions behind a row are not supported"))
        }
        (method, _, _) => Err(Fault::http_method(method)),
    }
}

/// Whether a name leads to rows that point here, or across to rows of another table.
fn leads_to_many(table: &TableDef, name: &str) -> bool {
    table.collection(name).is_some() || table.crossing(name).is_some()
}

/// A new row of a collection points to the row whose collection it is.
async fn create_related(asked: &Asked, key: &Key, next: &Segment) -> Result<Response, Fault> {
    let (target, lookup) = key
        .table
        .collection(&next.name)
        .and_then(|many| allow::inserts(key.table, many))
        .ok_or_else(|| Fault::http_method(&asked.method))?;
    let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
    let mut fields = Fields::read(target, object(&asked.body)?, Purpose::Create)?;
    let id = Arguments::Key(Argument::Bare(record.id));
    fields.point(lookup, Segment { name: key.table.set.to_owned(), arguments: Some(id) })?;
    create(asked, target, fields).await
}

async fn create(
    asked: &Asked,
    table: &'static TableDef,
    fields: Fields,
) -> Result<Response, Fault> {
    fields.complete()?;
    let id = table::create(asked, table, fields).await?;
    written(asked, table, &id, true).await
}

/// Changes one property.
async fn set(asked: &Asked, key: &Key, property: &str, value: Value) -> Result<Response, Fault> {
    let record = expected(asked, key).await?;
    let body = Map::from_iter([(property.to_owned(), value)]);
    let mut fields = Fields::read(key.table, body, Purpose::Update)?;
    fields.differing_from(&record)?;
    table::update(asked, &record, fields).await?;
    Ok(reply::nothing())
}

async fn patch(asked: &Asked, key: &Key) -> Result<Response, Fault> {
    let body = object(&asked.body)?;
    let Some(record) = find(asked, key).await? else {
        if asked.header("if-match").is_some() {
            return Err(key.missing());
        }
        let id = new_row(asked, key, body).await?;
        return written(asked, key.table, &id, true).await;
    };
    if must_be_new(asked) {
        return Err(Fault::duplicate());
    }
    let record = version_check(asked, key, record).await?;
    let mut fields = Fields::read(key.table, body, Purpose::Update)?;
    fields.differing_from(&record)?;
    table::update(asked, &record, fields).await?;
    written(asked, key.table, &record.id, false).await
}

/// An upsert where no row is: the key becomes part of the new row. Answers its id.
pub(super) async fn new_row(
    asked: &Asked,
    key: &Key,
    body: Map<String, Value>,
) -> Result<String, Fault> {
    if let Some((column, _)) = key.parts.iter().find(|(column, _)| !column.creatable) {
        // A row this caller cannot see, or no row: a new one could not have this id anyway.
        return Err(if key.is_primary() {
            key.missing()
        } else {
            Fault::unsupported(format!("a new row cannot be given its `{}` here", column.name))
        });
    }
    let mut fields = Fields::read(key.table, body, Purpose::Create)?;
    for (column, text) in &key.parts {
        fields.add(column, text.clone())?;
    }
    fields.complete()?;
    table::create(asked, key.table, fields).await
}

/// The row a change is meant for.
async fn expected(asked: &Asked, key: &Key) -> Result<Record, Fault> {
    let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
    version_check(asked, key, record).await
}

/// `If-Match` with an etag: the version a change is meant for.
fn wanted_version(asked: &Asked) -> Option<&str> {
    asked.header("if-match").map(str::trim).filter(|etag| *etag != "*")
}

/// `If-None-Match: *`: only where no row is.
fn must_be_new(asked: &Asked) -> bool {
    asked.header("if-none-match").is_some_and(|etag| etag.trim() == "*")
}

/// Holds the row and compares its version with the one a change is meant for.
async fn version_check(asked: &Asked, key: &Key, record: Record) -> Result<Record, Fault> {
    let Some(wanted) = wanted_version(asked) else { return Ok(record) };
    let cx = &asked.cx;
    cx.store().row_hold(&cx.caller, &cx.environment.id, key.table, &record.id).await?;
    let record = find(asked, key).await?.ok_or_else(|| key.missing())?;
    if record.version.is_some_and(|version| render::etag(version) == wanted) {
        return Ok(record);
    }
    Err(Fault::version())
}

/// The answer to a create or an update: nothing but the address, or the row as it is now.
async fn written(
    asked: &Asked,
    table: &'static TableDef,
    id: &str,
    created: bool,
) -> Result<Response, Fault> {
    let address = format!("{}/{}({id})", asked.root, table.set);
    let mut response = if asked.prefer.representation {
        let status = if created { StatusCode::CREATED } else { StatusCode::OK };
        reply::row(asked, status, &representation(asked, table, id).await?)
    } else {
        reply::nothing()
    };
    reply::entity_id(&mut response, &address, created);
    Ok(response)
}

async fn representation(asked: &Asked, table: &'static TableDef, id: &str) -> Result<Value, Fault> {
    let parsed = options::parse(table, &asked.query, &asked.prefer, &asked.around())?;
    let mut query = Query::new(table);
    query.select = parsed.query.select;
    query.expand = parsed.query.expand;
    query.names = parsed.query.names;
    query.filter = Some(Expr::equal(table.primary_id, Literal::Guid(id.to_owned())));
    query.top = Some(1);
    let record = run(asked, query).await?.pop().ok_or_else(|| Fault::no_row(table.name, id))?;
    Ok(json!(render::entity(&record, &asked.root, &parsed.shape, &asked.prefer.annotations)))
}
