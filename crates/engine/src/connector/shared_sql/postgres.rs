//! Rows of a PostgreSQL database, over a stream that egress opened.

use std::error::Error as StdError;
use std::fmt;

use bytes::BytesMut;
use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json};
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Client, Config, NoTls};

use super::super::{
    CallContext, CallError, Credential, OperationResponse, Probe, body, parameters, rest,
};
use super::native::Shape;
use super::request::{Request, Table};
use super::sqlite::{missing, page, result_sets, single};
use super::statement::{Dialect, Statement, table as quoted};
use super::{MAX_BYTES, MAX_ROWS, native};

/// The server of a connection.
#[derive(Debug)]
pub(super) struct Server<'a> {
    host: String,
    port: u16,
    database: String,
    user: &'a str,
}

impl<'a> Server<'a> {
    /// Reads `postgres://host:port/database` or `host:port`.
    pub(super) fn read(cx: &CallContext<'a>, endpoint: &str) -> Result<Self, CallError> {
        let bad = || {
            CallError::connection(
                "its endpoint is not `file:/path` or `postgres://host:port/database`",
            )
        };
        let text =
            endpoint.strip_prefix("postgresql://").or_else(|| endpoint.strip_prefix("postgres://"));
        let url: url::Url =
            format!("postgres://{}", text.unwrap_or(endpoint)).parse().map_err(|_| bad())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(CallError::connection(
                "its endpoint must not carry a user name or a password",
            ));
        }
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(bad)?;
        let user = match cx.credential {
            Credential::Basic { username, .. } => username.as_str(),
            other => return Err(CallError::credential(other, "a user name and password")),
        };
        let named = url.path().trim_matches('/');
        let database = if named.is_empty() { cx.target.parameter("database") } else { Some(named) };
        let database = database.ok_or_else(|| CallError::connection("it names no database"))?;
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(5432),
            database: database.to_owned(),
            user,
        })
    }
}

/// Performs an operation in one transaction-less session.
pub(super) async fn run(
    cx: &CallContext<'_>,
    server: &Server<'_>,
    request: Request,
) -> Result<OperationResponse, CallError> {
    let work = async {
        let client = open(cx, server).await?;
        match perform(&client, request).await {
            Ok(answer) => Ok(answer),
            Err(Failure::Call(error)) => Err(error),
            Err(Failure::Database(error)) => refusal(error),
        }
    };
    within(cx, work).await
}

/// Logs in and asks the server who we are.
pub(super) async fn probe(cx: &CallContext<'_>, server: &Server<'_>) -> Result<Probe, CallError> {
    let work = async {
        let client = open(cx, server).await?;
        let row = client
            .query_one("select current_user::text, current_setting('server_version')", &[])
            .await;
        let row = row.map_err(|e| CallError::Interrupted(Box::new(e)))?;
        let (user, version): (String, String) = (row.get(0), row.get(1));
        Ok(Probe {
            identity: Some(user),
            target: format!("{}:{}/{}", server.host, server.port, server.database),
            detail: format!("PostgreSQL {} answered", rest::short(&version)),
        })
    };
    within(cx, work).await
}

async fn within<T>(
    cx: &CallContext<'_>,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout(cx.timeout, work)
        .await
        .unwrap_or_else(|_| Err(CallError::TimedOut { seconds: cx.timeout.as_secs() }))
}

async fn open(cx: &CallContext<'_>, server: &Server<'_>) -> Result<Client, CallError> {
    if cx.target.parameter("tls") != Some("none") {
        return Err(CallError::unsupported(
            "PostgreSQL over TLS",
            "only `tls` = `none` is offered, for an address that the environment's egress policy names",
        ));
    }
    let stream = cx.egress.connect(cx.policy, &server.host, server.port).await?;
    let address = stream.peer_addr().map_err(|e| CallError::Interrupted(Box::new(e)))?;
    if !cx.policy.names(address) {
        return Err(CallError::connection(
            "`tls` may be `none` only for an address that the environment's egress policy names",
        ));
    }
    let mut config = Config::new();
    config.user(server.user).dbname(&server.database).application_name("connref");
    if let Credential::Basic { password, .. } = cx.credential {
        config.password(password.expose_secret());
    }
    let limit = cx.timeout.as_millis().clamp(1, i32::MAX as u128);
    config.options(format!(
        "-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit}"
    ));
    let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(login)?;
    tokio::spawn(async move {
        // The client reports every failure of its own; this end only has to be driven.
        let _ended = connection.await;
    });
    Ok(client)
}

fn login(error: tokio_postgres::Error) -> CallError {
    match error.as_db_error() {
        Some(db) if db.code().code().starts_with("28") => {
            CallError::connection("the server refused the login")
        }
        Some(db) => CallError::connection(format!(
            "the server refused the session with {}",
            db.code().code()
        )),
        None => CallError::Interrupted(Box::new(error)),
    }
}

/// Why an operation gave no rows.
enum Failure {
    Database(tokio_postgres::Error),
    Call(CallError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

async fn perform(client: &Client, request: Request) -> Result<OperationResponse, Failure> {
    let dialect = Dialect::Postgres;
    Ok(match request {
        Request::List(table, list) => {
            let key = match key(client, &table).await {
                Err(Failure::Call(_)) => "ctid".to_owned(),
                other => other?,
            };
            let statement = Statement::list(dialect, &table, &list, &key);
            let mut rows = rows(client, &statement.sql, &statement.binds, Shape::Query).await?;
            let more = rows.len() as u64 > list.limit;
            rows.truncate(usize::try_from(list.limit).unwrap_or(usize::MAX));
            page(&rows, (more && !list.limited).then_some(list.offset + list.limit))
        }
        Request::Get(table, id) => {
            let statement = Statement::get(dialect, &table, &key(client, &table).await?, &id);
            single(rows(client, &statement.sql, &statement.binds, Shape::Query).await?, 200)
        }
        Request::Insert(table, columns) => {
            let statement = Statement::insert(dialect, &table, &columns);
            single(rows(client, &statement.sql, &statement.binds, Shape::Change).await?, 200)
        }
        Request::Update(table, id, columns) => {
            let statement =
                Statement::update(dialect, &table, &key(client, &table).await?, &id, &columns);
            single(rows(client, &statement.sql, &statement.binds, Shape::Change).await?, 200)
        }
        Request::Delete(table, id) => {
            let statement = Statement::delete(dialect, &table, &key(client, &table).await?, &id);
            let gone = rows(client, &statement.sql, &statement.binds, Shape::Change).await?;
            if gone.is_empty() {
                missing()
            } else {
                OperationResponse::new(200, connref_flow::value::Value::Null)
            }
        }
        Request::Native { query, values } => native_query(client, &query, &values).await?,
    })
}

async fn native_query(
    client: &Client,
    query: &str,
    values: &Map<String, Json>,
) -> Result<OperationResponse, Failure> {
    let (shape, sql) = native::check(query).map_err(Failure::Call)?;
    let value = |name: &str| values.get(name).or_else(|| values.get(&format!("@{name}")));
    let (sql, names) = native::number_parameters(&sql, &|n| value(n).is_some());
    let binds: Vec<Json> = names.iter().map(|n| value(n).cloned().unwrap_or(Json::Null)).collect();
    let lower = sql.to_ascii_lowercase();
    if shape == Shape::Change && !lower.contains("returning") {
        let typed = binds_of(&binds)?;
        let refs: Vec<&(dyn ToSql + Sync)> = typed.iter().map(|b| b as _).collect();
        client.execute(&sql, &refs).await?;
        return Ok(result_sets(&[]));
    }
    Ok(result_sets(&rows(client, &sql, &binds, shape).await?))
}

/// Rows as JSON, made by the server: every type has a JSON form there.
async fn rows(
    client: &Client,
    sql: &str,
    binds: &[Json],
    shape: Shape,
) -> Result<Vec<Json>, Failure> {
    let limit = MAX_ROWS + 2;
    let wrapped = match shape {
        Shape::Query => format!("select row_to_json(q)::text from ({sql}\n) q limit {limit}"),
        Shape::Change => {
            format!("with q as ({sql}\n) select row_to_json(q)::text from q limit {limit}")
        }
    };
    let typed = binds_of(binds)?;
    let refs: Vec<&(dyn ToSql + Sync)> = typed.iter().map(|b| b as _).collect();
    let mut found = Vec::new();
    let mut bytes = 0;
    for row in client.query(&wrapped, &refs).await? {
        let text: String = row.get(0);
        bytes += text.len();
        let json = serde_json::from_str(&text)
            .map_err(|_| Failure::Call(CallError::protocol("a row is not JSON")))?;
        found.push(json);
    }
    if found.len() as u64 > MAX_ROWS + 1 || bytes > MAX_BYTES {
        let reason = format!(
            "the answer has more than {MAX_ROWS} rows or {MAX_BYTES} bytes; narrow the query"
        );
        return Err(Failure::Call(CallError::parameters("query", reason)));
    }
    Ok(found)
}

/// The one key column of a table.
async fn key(client: &Client, table: &Table) -> Result<String, Failure> {
    let sql = "select a.attname::text from pg_index i \
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) \
               where i.indrelid = $1::text::regclass and i.indisprimary";
    let found = client.query(sql, &[&quoted(table)]).await?;
    match found.as_slice() {
        [one] => Ok(one.get(0)),
        [] => Err(Failure::Call(CallError::unsupported(
            "GetItem_V2",
            "the table has no primary key; use a query",
        ))),
        _ => Err(Failure::Call(CallError::unsupported(
            "GetItem_V2",
            "the table's key has several columns; use a query",
        ))),
    }
}

/// A value in text form: the server reads it as the type that the statement needs there.
#[derive(Debug)]
struct Text(Option<String>);

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(kind, out)
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }
}

fn binds_of(binds: &[Json]) -> Result<Vec<Text>, Failure> {
    binds.iter().map(bind).collect()
}

fn bind(value: &Json) -> Result<Text, Failure> {
    let text = match value {
        Json::Null => None,
        Json::Object(map) if map.contains_key("$content") => {
            let decoded = body::binary(value)
                .map_err(|reason| Failure::Call(CallError::parameters("item", reason)))?;
            let mut hex = String::with_capacity(2 + decoded.bytes.len() * 2);
            hex.push_str("\\x");
            for byte in &decoded.bytes {
                fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}"))
                    .map_err(|_| Failure::Call(CallError::protocol("a value is too long")))?;
            }
            Some(hex)
        }
        other => Some(parameters::scalar(other).unwrap_or_else(|| other.to_string())),
    };
    if text.as_ref().is_some_and(|t| t.contains('\0')) {
        return Err(Failure::Call(CallError::parameters(
            "item",
            "a text holds a zero byte, which PostgreSQL cannot keep",
        )));
    }
    Ok(Text(text))
}

/// The database's word as a response; a broken session is no response.
fn refusal(error: tokio_postgres::Error) -> Result<OperationResponse, CallError> {
    let Some(db) = error.as_db_error() else { return Err(CallError::Interrupted(Box::new(error))) };
    let code = db.code().code();
    let (status, name) = match &code[..2.min(code.len())] {
        "23" => (409, "ConstraintViolation"),
        "42" if code == "42501" => (403, "Forbidden"),
        "42" if code == "42P01" => (404, "NotFound"),
        "40" | "53" | "55" | "57" => (503, "DatabaseBusy"),
        _ => (400, "BadRequest"),
    };
    Ok(OperationResponse::failure(status, name, &format!("{code}: {}", rest::short(db.message()))))
}
