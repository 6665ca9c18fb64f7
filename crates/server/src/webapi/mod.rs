//! The Dataverse Web API: OData v4 in the dialect existing clients speak, and the only place that
//! knows it.
//!
//! A request is parsed (`path`, `query_string`, `options`, `filter`, `body`), answered from the
//! store's query engine (`read`) or by an operation (`write`, `table`, `call`), and rendered
//! (`render`). What is not offered is refused by name, never ignored, except query parameters
//! without `$`, which real clients add at will.
mod allow;
mod apply;
mod associate;
mod batch;
#[cfg(test)]
mod batch_tests;
mod body;
mod call;
#[cfg(test)]
mod custom_tests;
mod entity_definition;
#[cfg(test)]
mod entity_definition_tests;
mod fault;
mod fetch;
mod fetch_condition;
#[cfg(test)]
mod fetch_samples_tests;
#[cfg(test)]
mod fetch_tests;
mod filter;
mod filter_function;
#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod hostile_tests;
mod lex;
#[cfg(test)]
mod line_tests;
mod locate;
mod metadata;
mod metadata_document;
mod metadata_shape;
mod multipart;
mod multiple;
#[cfg(test)]
mod multiple_tests;
mod names;
mod options;
mod path;
mod plan;
mod prefer;
mod query_string;
#[cfg(test)]
mod random_tests;
mod read;
mod render;
mod reply;
mod span;
mod sql;
mod sql_lex;
mod sql_parse;
#[cfg(test)]
mod sql_tests;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod verb;
#[cfg(test)]
mod verb_tests;
mod write;

pub use plan::plan_document;

use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use bytes::Bytes;
use connref_store::access::Caller;
use connref_store::query::Tables;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};

use crate::identity::{LocalCaller, SignedIn, entrance};
use crate::powerapps::host_name;
use crate::protection::Pass;
use crate::{App, Context};
use fault::Fault;
use filter_function::Surroundings;
use path::Segment;
use prefer::Prefer;
use query_string::QueryString;

/// A request, as far as every answer needs it.
#[derive(Clone)]
struct Asked {
    signed: SignedIn,
    cx: Context,
    /// The tables of the environment.
    tables: Tables,
    /// It is part of a group of changes, all or none.
    grouped: bool,
    /// `http://host/api/data/v9.2`, as the client addressed it.
    root: String,
    method: Method,
    /// The path after the version, as it came.
    raw_path: String,
    segments: Vec<Segment>,
    raw_query: String,
    query: QueryString,
    prefer: Prefer,
    headers: HeaderMap,
    body: Bytes,
}

impl Asked {
    /// The caller's row id, as filters and `WhoAmI` name it.
    fn user(&self) -> &str {
        self.cx.caller.principal().map_or(NOBODY, |id| id.as_str())
    }

    /// What filters may refer to.
    fn around(&self) -> Surroundings<'_> {
        let (unit, teams) = match &self.cx.caller {
            Caller::Member(member) => (member.unit.as_str(), member.teams.as_slice()),
            _ => (self.cx.environment.business_unit_id.as_str(), [].as_slice()),
        };
        let now = self.cx.store().now();
        Surroundings {
            query: &self.query,
            now,
            user: self.user(),
            unit,
            teams,
            tables: self.tables,
        }
    }

    /// A header as text.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// No row's id.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// Versions of the API that are answered, all alike.
const VERSIONS: [&str; 3] = ["v9.0", "v9.1", "v9.2"];

/// Carries out the bulk deletions whose turn has come; answers how many rows went.
///
/// # Errors
/// The store failed.
pub async fn bulk_delete_turn(app: &App) -> Result<i64, crate::operation::OperationError> {
    crate::operation::bulk_delete::bulk_delete_turn(app, call::bulk_queries).await
}

/// Answers everything below `/api/data/`.
pub async fn handle(State(app): State<App>, request: Request) -> Response {
    match answer(&app, request).await {
        Ok(response) => response,
        Err(fault) => fault.response(),
    }
}

async fn answer(app: &App, request: Request) -> Result<Response, Fault> {
    let (mut parts, body) = request.into_parts();
    take_authority(&mut parts);
    let name = host_name(&parts.headers).unwrap_or_default();
    let (signed, environment) = entrance(app, &parts, &name).await?;
    let environment = environment.ok_or_else(|| no_environment(&name))?;
    let cx = signed.enter(app, environment, &parts.headers).await?;
    // Requests from inside the process are the operator's own commands.
    let outside = parts.extensions.get::<LocalCaller>().is_none();
    let mut pass = match outside {
        true => admit(app, &cx)?,
        false => None,
    };
    let answered = asked(cx, signed, parts, body).await;
    let mut response = answered.unwrap_or_else(|fault| fault.response());
    if let Some(pass) = &mut pass {
        pass.answered(app.store().now());
        reply::left(&mut response, &pass.left);
    }
    Ok(response)
}

/// Lets the caller's request in, or tells it to wait.
fn admit<'a>(app: &'a App, cx: &Context) -> Result<Option<Pass<'a>>, Fault> {
    let (environment, now) = (&cx.environment, app.store().now());
    let user = cx.caller.name();
    let entered = app.protection().enter(environment.fidelity, &environment.id, user, now);
    entered.map_err(|wait| Fault::wait(&wait))
}

async fn asked(
    cx: Context,
    signed: SignedIn,
    parts: Parts,
    body: axum::body::Body,
) -> Result<Response, Fault> {
    let tables = cx.store().tables(&cx.caller, &cx.environment).await?;
    let (version, raw_path) = address(parts.uri.path())?;
    let root = root(&parts, version);
    let raw_query = parts.uri.query().unwrap_or("").to_owned();
    let body = if parts.method == Method::GET || parts.method == Method::HEAD {
        Bytes::new()
    } else {
        bytes_of(&parts, body).await?
    };
    let asked = Asked {
        signed,
        cx,
        tables,
        grouped: false,
        root,
        segments: path::parse(&raw_path)?,
        raw_path,
        query: QueryString::parse(&raw_query)?,
        raw_query,
        prefer: Prefer::parse(&parts.headers),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    match asked.segments.as_slice() {
        [only_one] if only_one.name == "$batch" => batch::answer(&asked).await,
        _ => dispatch(&asked).await,
    }
    .or_else(|fault| if_not_allowed(&asked, fault))
}

/// A method that is refused names those that are not.
fn if_not_allowed(asked: &Asked, fault: Fault) -> Result<Response, Fault> {
    if fault.status != StatusCode::METHOD_NOT_ALLOWED {
        return Err(fault);
    }
    let methods: Vec<String> =
        allow::allowed(asked).iter().map(|method| method.as_str().to_owned()).collect();
    let mut response = fault.response();
    if let Ok(value) = methods.join(", ").parse() {
        response.headers_mut().insert(header::ALLOW, value);
    }
    Ok(response)
}

async fn bytes_of(parts: &Parts, body: axum::body::Body) -> Result<Bytes, Fault> {
    // By the extractor, which knows the router's limit.
    Bytes::from_request(Request::from_parts(parts.clone(), body), &())
        .await
        .map_err(|rejection| Fault::new(rejection.status(), fault::PAYLOAD, rejection.body_text()))
}

/// In process the host stands in the address, not in a header.
fn take_authority(parts: &mut Parts) {
    if let Some(authority) = parts.uri.authority()
        && let Ok(value) = authority.as_str().parse()
    {
        parts.headers.insert(header::HOST, value);
    }
}

fn no_environment(name: &str) -> Fault {
    let message = format!("No environment answers at the host of this request (`{name}`).");
    let mut fault = Fault::new(StatusCode::NOT_FOUND, fault::NOT_FOUND, message);
    fault.fix = Some("connref env list".to_owned());
    fault
}

/// The version and what follows it.
fn address(path: &str) -> Result<(&str, String), Fault> {
    let tail = path.strip_prefix("/api/data/").unwrap_or("");
    let (version, rest) = tail.split_once('/').unwrap_or((tail, ""));
    if VERSIONS.contains(&version) {
        return Ok((version, rest.to_owned()));
    }
    Err(Fault::no_resource(version))
}

fn root(parts: &Parts, version: &str) -> String {
    let secure = parts.uri.scheme_str() == Some("https")
        || parts.headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{}/api/data/{version}", host.unwrap_or("localhost"))
}

async fn dispatch(asked: &Asked) -> Result<Response, Fault> {
    let Some(first) = asked.segments.first() else {
        only(asked, &[Method::GET])?;
        return Ok(reply::json(asked, &metadata::service(&asked.root, asked.tables)));
    };
    match first.name.as_str() {
        "$metadata" => {
            only(asked, &[Method::GET])?;
            if let Some(next) = asked.segments.get(1) {
                return Err(Fault::no_resource(&next.name));
            }
            let annotated = asked.query.get("annotations").is_some_and(|value| value == "true");
            Ok(reply::xml(metadata::csdl(asked.tables, annotated)))
        }
        "$batch" => Err(Fault::syntax("A batch stands alone: it is no part of another batch.")),
        name if entity_definition::SETS.contains(&name) => {
            entity_definition::read_only(&asked.method)?;
            let value =
                entity_definition::read(&asked.segments, &asked.query, &asked.root, asked.tables)?;
            Ok(reply::json(asked, &value))
        }
        name => match (asked.tables.by_set(name), verb::verb(name)) {
            (Some(table), _) => match asked.method {
                Method::GET => read::read(asked, table).await,
                _ => write::write(asked, table).await,
            },
            (None, Some(verb)) => call::call(asked, verb, first).await,
            (None, None) if name == "CreateEntities" => Err(entity_definition::no_definitions()),
            (None, None) if name == "CloneAsPatch" => Err(Fault::unsupported(
                "patches of solutions are not supported; raise the version and import an upgrade",
            )),
            (None, None) => Err(Fault::no_resource(name)),
        },
    }
}

fn only(asked: &Asked, methods: &[Method]) -> Result<(), Fault> {
    if methods.contains(&asked.method) {
        return Ok(());
    }
    Err(Fault::http_method(&asked.method))
}
