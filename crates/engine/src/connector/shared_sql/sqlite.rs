//! Rows of a SQLite file.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_flow::value::Value;
use rusqlite::config::DbConfig;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags, Row, params_from_iter};
use serde_json::{Map, Value as Json, json};

use super::super::{CallContext, CallError, OperationResponse, Probe, body};
use super::request::{Request, Table};
use super::statement::{Dialect, Statement};
use super::{MAX_BYTES, MAX_ROWS, native};

/// How long we wait for another writer.
const BUSY: Duration = Duration::from_secs(5);
/// How often work that is out of time is told to stop.
const INTERRUPT_EVERY: Duration = Duration::from_millis(50);

/// Why the work on a file ended without rows.
#[derive(Debug)]
enum Failure {
    Database(rusqlite::Error),
    Refused(OperationResponse),
    Call(CallError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Performs an operation on the file.
pub(super) async fn run(
    cx: &CallContext<'_>,
    path: &str,
    request: Request,
) -> Result<OperationResponse, CallError> {
    let path = cx.egress.file(cx.policy, Path::new(path))?;
    work(cx, path, move |db| perform(db, request)).await
}

/// Opens the file and asks it a question.
pub(super) async fn probe(cx: &CallContext<'_>, path: &str) -> Result<Probe, CallError> {
    let real = cx.egress.file(cx.policy, Path::new(path))?;
    let answer = work(cx, real, |db| {
        let tables: i64 =
            db.query_row("select count(*) from sqlite_schema where type = 'table'", [], |r| {
                r.get(0)
            })?;
        Ok(OperationResponse::new(200, Value::Int(tables)))
    })
    .await?;
    if answer.status != 200 {
        return Err(CallError::connection("the file is not a SQLite database"));
    }
    let detail = format!("the file opened, with {} tables", answer.body.as_int().unwrap_or(0));
    Ok(Probe { identity: None, target: format!("file:{path}"), detail })
}

/// Runs work on a blocking thread and interrupts it when its time is up or nobody waits any more.
async fn work(
    cx: &CallContext<'_>,
    path: PathBuf,
    job: impl FnOnce(&Connection) -> Result<OperationResponse, Failure> + Send + 'static,
) -> Result<OperationResponse, CallError> {
    let (send, receive) = mpsc::channel::<InterruptHandle>();
    let task = tokio::task::spawn_blocking(move || {
        let db = open(&path)?;
        // The waiting side may be gone already: then it interrupts as soon as it gets the handle.
        let _gone = send.send(db.get_interrupt_handle());
        let answer = job(&db);
        drop(send);
        answer
    });
    let waiting = Waiting(Some(receive));
    let joined = tokio::time::timeout(cx.timeout, task)
        .await
        .map_err(|_| CallError::TimedOut { seconds: cx.timeout.as_secs() })?;
    waiting.over();
    match joined.map_err(|e| CallError::Interrupted(Box::new(e)))? {
        Ok(answer) | Err(Failure::Refused(answer)) => Ok(answer),
        Err(Failure::Call(error)) => Err(error),
        Err(Failure::Database(error)) => Ok(refusal(&error)),
    }
}

/// Somebody who waits for work. Dropped before the work is over, it stops the work.
struct Waiting(Option<mpsc::Receiver<InterruptHandle>>);

impl Waiting {
    fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(receive) = self.0.take() else { return };
        // Not a task: a runtime that shuts down drops its tasks, and then waits for this very work.
        std::thread::spawn(move || {
            let Ok(handle) = receive.recv() else { return };
            // The sender lives as long as the work. One interrupt is not enough: between two
            // statements it has no effect.
            let running = || receive.recv_timeout(INTERRUPT_EVERY).err();
            while running() == Some(mpsc::RecvTimeoutError::Timeout) {
                handle.interrupt();
            }
        });
    }
}

fn open(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    // The file is the flow author's: nothing in its schema may do more than hold data.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.execute_batch("pragma foreign_keys = on")?;
    Ok(db)
}

fn perform(db: &Connection, request: Request) -> Result<OperationResponse, Failure> {
    let dialect = Dialect::Sqlite;
    match request {
        Request::List(table, list) => {
            check_columns(db, &table, &list)?;
            let key = key(db, &table).unwrap_or_else(|_| "rowid".to_owned());
            let statement = Statement::list(dialect, &table, &list, &key);
            let mut rows = rows(db, &statement.sql, &statement.binds)?;
            let more = rows.len() as u64 > list.limit;
            rows.truncate(usize::try_from(list.limit).unwrap_or(usize::MAX));
            let next = (more && !list.limited).then_some(list.offset + list.limit);
            Ok(page(&rows, next))
        }
        Request::Get(table, id) => {
            let statement = Statement::get(dialect, &table, &key(db, &table)?, &id);
            Ok(single(rows(db, &statement.sql, &statement.binds)?, 200))
        }
        Request::Insert(table, columns) => {
            let statement = Statement::insert(dialect, &table, &columns);
            Ok(single(rows(db, &statement.sql, &statement.binds)?, 200))
        }
        Request::Update(table, id, columns) => {
            let statement = Statement::update(dialect, &table, &key(db, &table)?, &id, &columns);
            Ok(single(rows(db, &statement.sql, &statement.binds)?, 200))
        }
        Request::Delete(table, id) => {
            let statement = Statement::delete(dialect, &table, &key(db, &table)?, &id);
            let gone = rows(db, &statement.sql, &statement.binds)?;
            Ok(if gone.is_empty() { missing() } else { OperationResponse::new(200, Value::Null) })
        }
        Request::Native { query, values } => native_query(db, &query, &values),
    }
}

/// A list answer, with the place where the next page begins.
pub(super) fn page(rows: &[Json], next: Option<u64>) -> OperationResponse {
    let mut body = json!({ "value": rows });
    if let Some(offset) = next {
        body["@odata.nextLink"] = Json::from(format!("items?$skiptoken={offset}"));
    }
    OperationResponse::new(200, Value::from_json(&body))
}

/// An answer of one row.
pub(super) fn single(mut rows: Vec<Json>, status: u16) -> OperationResponse {
    if rows.is_empty() {
        return missing();
    }
    OperationResponse::new(status, Value::from_json(&rows.remove(0)))
}

/// No such row.
pub(super) fn missing() -> OperationResponse {
    OperationResponse::failure(404, "NotFound", "no row has this key")
}

/// SQLite reads an unknown quoted column as a text; only known ones may be named.
fn check_columns(
    db: &Connection,
    table: &Table,
    list: &super::request::List,
) -> Result<(), Failure> {
    let mut statement = db.prepare("select name from pragma_table_xinfo(?1)")?;
    let known: Vec<String> =
        statement.query_map([&table.name], |r| r.get(0))?.collect::<Result<_, _>>()?;
    if known.is_empty() {
        return Err(Failure::Refused(OperationResponse::failure(
            404,
            "NotFound",
            "there is no such table",
        )));
    }
    let mut named: Vec<&str> = list
        .select
        .iter()
        .map(String::as_str)
        .chain(list.order.iter().map(|(c, _)| c.as_str()))
        .collect();
    if let Some(filter) = &list.filter {
        filter.columns(&mut named);
    }
    match named.into_iter().find(|n| !known.iter().any(|k| k.eq_ignore_ascii_case(n))) {
        None => Ok(()),
        Some(column) => {
            let text = format!("the table has no column `{}`", super::super::rest::short(column));
            Err(Failure::Refused(OperationResponse::failure(400, "BadRequest", &text)))
        }
    }
}

/// The one key column, or the row id.
fn key(db: &Connection, table: &Table) -> Result<String, Failure> {
    let mut statement =
        db.prepare("select name from pragma_table_info(?1) where pk > 0 order by pk")?;
    let mut keys: Vec<String> =
        statement.query_map([&table.name], |r| r.get(0))?.collect::<Result<_, _>>()?;
    match keys.len() {
        0 => Ok("rowid".to_owned()),
        1 => Ok(keys.remove(0)),
        _ => Err(Failure::Call(CallError::unsupported(
            "GetItem_V2",
            "the table's key has several columns; use a query",
        ))),
    }
}

fn rows(db: &Connection, sql: &str, binds: &[Json]) -> Result<Vec<Json>, Failure> {
    let mut statement = db.prepare(sql)?;
    let values: Vec<Sql> = binds.iter().map(bind).collect::<Result<_, _>>()?;
    let found = statement.query(params_from_iter(values))?;
    collect(found)
}

fn collect(mut found: rusqlite::Rows<'_>) -> Result<Vec<Json>, Failure> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.next()? {
        rows.push(read(row, &mut bytes)?);
        if rows.len() as u64 > MAX_ROWS + 1 || bytes > MAX_BYTES {
            let text = format!(
                "the answer has more than {MAX_ROWS} rows or {MAX_BYTES} bytes; narrow the query"
            );
            return Err(Failure::Refused(OperationResponse::failure(
                413,
                "ResponseTooLarge",
                &text,
            )));
        }
    }
    Ok(rows)
}

fn read(row: &Row<'_>, bytes: &mut usize) -> Result<Json, rusqlite::Error> {
    let statement: &rusqlite::Statement<'_> = row.as_ref();
    let mut map = Map::new();
    for (n, name) in statement.column_names().enumerate() {
        let value = match row.get_ref(n)? {
            ValueRef::Null => Json::Null,
            ValueRef::Integer(number) => Json::from(number),
            ValueRef::Real(number) => {
                serde_json::Number::from_f64(number).map_or(Json::Null, Json::Number)
            }
            ValueRef::Text(text) => Json::String(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(blob) => Json::String(STANDARD.encode(blob)),
        };
        *bytes += name.len() + value.as_str().map_or(8, str::len);
        map.insert(name.to_owned(), value);
    }
    Ok(Json::Object(map))
}

fn bind(value: &Json) -> Result<Sql, Failure> {
    Ok(match value {
        Json::Null => Sql::Null,
        Json::Bool(flag) => Sql::Integer(i64::from(*flag)),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Sql::Integer(whole),
            (None, Some(real)) => Sql::Real(real),
            (None, None) => Sql::Text(number.to_string()),
        },
        Json::String(text) => Sql::Text(text.clone()),
        Json::Object(map) if map.contains_key("$content") => {
            let decoded = body::binary(value)
                .map_err(|reason| Failure::Call(CallError::parameters("item", reason)))?;
            Sql::Blob(decoded.bytes.to_vec())
        }
        other => Sql::Text(other.to_string()),
    })
}

fn native_query(
    db: &Connection,
    query: &str,
    values: &Map<String, Json>,
) -> Result<OperationResponse, Failure> {
    let (_, sql) = native::check(query).map_err(Failure::Call)?;
    let mut statement = db.prepare(&sql)?;
    for n in 1..=statement.parameter_count() {
        let name =
            statement.parameter_name(n).map(|n| n.trim_start_matches(['@', ':', '$']).to_owned());
        let value = name
            .as_ref()
            .and_then(|n| values.get(n.as_str()).or_else(|| values.get(&format!("@{n}"))));
        let value = value.ok_or_else(|| {
            let shown = name.as_deref().unwrap_or("?");
            Failure::Call(CallError::parameters(
                "ExecutePassThroughNativeQuery_V2",
                format!("the query's parameter `{shown}` has no value"),
            ))
        })?;
        statement.raw_bind_parameter(n, bind(value)?)?;
    }
    let rows = collect(statement.raw_query())?;
    Ok(result_sets(&rows))
}

/// The shape in which the service gives the answer of a query.
pub(super) fn result_sets(rows: &[Json]) -> OperationResponse {
    let sets = if rows.is_empty() { json!({}) } else { json!({ "Table1": rows }) };
    OperationResponse::new(200, Value::from_json(&json!({ "resultsets": sets })))
}

/// The database's word as a response, so that a flow can react to it.
fn refusal(error: &rusqlite::Error) -> OperationResponse {
    let code = match error {
        rusqlite::Error::SqliteFailure(inner, _)
        | rusqlite::Error::SqlInputError { error: inner, .. } => Some(inner.code),
        _ => None,
    };
    let (status, name) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (503, "DatabaseBusy"),
        Some(ErrorCode::ConstraintViolation) => (409, "ConstraintViolation"),
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => (403, "ReadOnly"),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (502, "NotADatabase"),
        _ => (400, "BadRequest"),
    };
    OperationResponse::failure(status, name, &super::super::rest::short(&error.to_string()))
}
