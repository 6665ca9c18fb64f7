//! SQL tables: SQLite files and PostgreSQL.
//!
//! The connection's endpoint decides: `file:/path` is a SQLite file in a folder that the egress
//! policy names, `postgres://host:port/database` (or `host:port`) is a server. The `server` and
//! `database` that a flow names are the ones of the vendor's world; a connection has one target,
//! so they never choose another.

mod filter;
mod native;
mod postgres;
mod request;
mod sqlite;
mod statement;

use futures::future::BoxFuture;

use super::metadata::{connection_parameter, operation};
use super::parameters::Parameters;
use super::{
    Authentication, CallContext, CallError, Connector, ConnectorMetadata, OperationCall,
    OperationResponse, ParameterKind, Probe, ServicePrincipal, Support, Tier,
};
use request::Request;

const API: &str = "shared_sql";
/// Most rows of one answer, and the page size when a flow names none.
const MAX_ROWS: u64 = 5000;
/// Most bytes of one answer, roughly.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The connector.
#[derive(Clone, Copy, Debug)]
pub struct Sql;

/// Where a connection leads.
enum Backend<'a> {
    Sqlite(&'a str),
    Postgres(postgres::Server<'a>),
}

impl<'a> Backend<'a> {
    fn of(cx: &CallContext<'a>) -> Result<Self, CallError> {
        let endpoint = cx.target.endpoint.as_deref().map(str::trim).ok_or_else(|| {
            CallError::connection(
                "set its endpoint to `file:/path/to/database` or `postgres://host:port/database`",
            )
        })?;
        match endpoint.strip_prefix("file:").or_else(|| endpoint.strip_prefix("sqlite:")) {
            Some(path) => Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path))),
            None => Ok(Self::Postgres(postgres::Server::read(cx, endpoint)?)),
        }
    }
}

impl Connector for Sql {
    fn api_name(&self) -> &str {
        API
    }

    fn metadata(&self) -> ConnectorMetadata {
        ConnectorMetadata {
            api_name: API.to_owned(),
            display_name: "SQL Server".to_owned(),
            tier: Tier::Premium,
            operations: vec![
                operation("GetItems_V2", "Get rows", &["server", "database", "table!", "$filter", "$orderby", "$top", "$skip", "$select", "$skiptoken"]),
                operation("GetItem_V2", "Get row", &["server", "database", "table!", "id!"]),
                operation("PostItem_V2", "Insert row", &["server", "database", "table!", "item/*"]),
                operation("PatchItem_V2", "Update row", &["server", "database", "table!", "id!", "item/*"]),
                operation("DeleteItem_V2", "Delete row", &["server", "database", "table!", "id!"]),
                operation("ExecutePassThroughNativeQuery_V2", "Execute a SQL query", &["server", "database", "query/query!", "query/formalParameters", "query/actualParameters"]),
            ],
            connection_parameters: vec![
                connection_parameter("username", ParameterKind::String, "the account"),
                connection_parameter("password", ParameterKind::Secret, "its password"),
                connection_parameter("database", ParameterKind::String, "the database, if the endpoint names none"),
                connection_parameter("tls", ParameterKind::String, "PostgreSQL: `none` for an address that the egress policy names"),
            ],
            authentication: vec![Authentication::Basic, Authentication::None],
            service_principal: ServicePrincipal {
                support: Support::Yes,
                reason: "the vendor's connector takes an application's client secret; here an account of the database is not a person's".to_owned(),
            },
        }
    }

    fn call<'a>(
        &'a self,
        cx: &'a CallContext<'a>,
        call: OperationCall<'a>,
    ) -> BoxFuture<'a, Result<OperationResponse, CallError>> {
        Box::pin(async move {
            let request = Request::read(
                call.operation_id,
                &Parameters::new(call.operation_id, call.parameters),
            )?;
            match Backend::of(cx)? {
                Backend::Sqlite(path) => sqlite::run(cx, path, request).await,
                Backend::Postgres(server) => postgres::run(cx, &server, request).await,
            }
        })
    }

    fn probe<'a>(&'a self, cx: &'a CallContext<'a>) -> BoxFuture<'a, Result<Probe, CallError>> {
        Box::pin(async move {
            match Backend::of(cx)? {
                Backend::Sqlite(path) => sqlite::probe(cx, path).await,
                Backend::Postgres(server) => postgres::probe(cx, &server).await,
            }
        })
    }
}
