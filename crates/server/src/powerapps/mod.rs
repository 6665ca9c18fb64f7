//! The control plane: environments, connectors, connections, flows and runs in the dialect of the
//! Power Apps and Power Automate services (facts: web API, control plane). The only place that
//! knows it.
pub(crate) mod automate;
pub(crate) mod connection;
pub(crate) mod connector;
pub(crate) mod consent;
pub(crate) mod environment;
mod error;
pub(crate) mod flow;
pub(crate) mod flow_permission;
pub(crate) mod key;
mod page;
pub(crate) mod pipeline;
pub(crate) mod principal;
pub(crate) mod run;
pub(crate) mod tenant_group;
pub(crate) mod tenant_policy;
mod time;
pub(crate) mod trigger;

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use connref_store::StoreError;
use connref_store::access::Privilege;
use connref_store::environment::Environment;

pub(crate) use error::Failure;

use crate::identity::{SignedIn, sign_in};
use crate::listen::PORT_ENVIRONMENT;
use crate::{App, Context};

/// Who signed in, and what the request says of its environment. A handler that takes it cannot run
/// without a caller.
pub(crate) struct Caller {
    app: App,
    signed: SignedIn,
    headers: HeaderMap,
    /// Query parameters.
    pub(crate) query: HashMap<String, String>,
    /// Parameters of the path.
    segments: HashMap<String, String>,
    /// `http://host/path`, as the client addressed it.
    url: String,
    /// Query as it came.
    raw_query: String,
}

/// What stands in every address of an administrator's scope.
const ADMIN_SCOPE: &str = "/scopes/admin/";

/// A body of JSON, whatever its content type says. None at all is an empty object, as clients send
/// calls that need no body.
pub(crate) struct Document(pub(crate) serde_json::Value);

impl FromRequest<App> for Document {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| Failure::body(rejection.status(), rejection.body_text()))?;
        if bytes.is_empty() {
            return Ok(Self(serde_json::json!({})));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let message = format!("the body is not JSON: {error}");
            Failure::bad_request("InvalidRequestContent", message, "send a JSON object")
        })
    }
}

/// What no route answers.
pub(crate) async fn no_route(method: Method, uri: Uri) -> Failure {
    let message = format!("nothing answers {method} {}", uri.path());
    Failure::body(StatusCode::NOT_FOUND, message)
}

/// A route that does not know the method.
pub(crate) async fn no_method(method: Method, uri: Uri) -> Failure {
    let message = format!("{} does not take {method}", uri.path());
    Failure::body(StatusCode::METHOD_NOT_ALLOWED, message)
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let signed = sign_in(app, parts).await?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let headers = with_authority(parts);
        let url = address(parts, &headers);
        let named = RawPathParams::from_request_parts(parts, app).await.map_err(|_| {
            Failure::bad_request("InvalidRequest", "the address of the request is not UTF-8", "")
        })?;
        Ok(Self {
            app: app.clone(),
            signed,
            headers,
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            segments: named.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            url,
            raw_query: query,
        })
    }
}

/// In process the host stands in the address, not in a header.
fn with_authority(parts: &Parts) -> HeaderMap {
    let mut headers = parts.headers.clone();
    if let Some(authority) = parts.uri.authority()
        && let Ok(value) = authority.as_str().parse()
    {
        headers.insert(axum::http::header::HOST, value);
    }
    headers
}

/// Where the client sent it, without the query.
fn address(parts: &Parts, headers: &HeaderMap) -> String {
    let secure = parts.uri.scheme_str() == Some("https")
        || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let scheme = if secure { "https" } else { "http" };
    let host = headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok());
    format!("{scheme}://{}{}", host.unwrap_or("localhost"), parts.uri.path())
}

impl Caller {
    /// The application.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The caller for what concerns the whole installation.
    pub(crate) fn installation(&self) -> Result<connref_store::access::Caller, Failure> {
        Ok(self.signed.installation()?)
    }

    /// Who asks, for what is judged by name rather than in an environment.
    pub(crate) fn asker(&self) -> Result<connref_review::pipeline::Asker, Failure> {
        Ok(self.signed.asker()?)
    }

    /// A header's text; `None` if it is missing or blank.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let text = self.headers.get(name)?.to_str().ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Who signed in.
    pub(crate) fn signed(&self) -> &SignedIn {
        &self.signed
    }

    /// The part of the path that a route gives this name; empty if it gives none.
    pub(crate) fn segment(&self, name: &str) -> &str {
        self.segments.get(name).map_or("", String::as_str)
    }

    /// The provider in the path; the admin centre's if there is none.
    fn provider(&self) -> &str {
        let rest = self.url.split_once("/providers/").map_or("", |(_, rest)| rest);
        let name = rest.split('/').next().unwrap_or_default();
        if name.is_empty() { "Microsoft.BusinessAppPlatform" } else { name }
    }

    /// Enters an environment by name or id. An administrator's scope is open to those who
    /// administer its connections only.
    pub(crate) async fn enter(&self, name: &str) -> Result<Context, Failure> {
        let environment = match environment_by_name(&self.app, name).await {
            // Whoever is no member anywhere else either is told the same of what does not exist.
            Err(StoreError::NotFound { .. }) if self.installation().is_err() => {
                return Err(self.signed.stranger().into());
            }
            found => found?,
        };
        let cx = self.signed.enter(&self.app, environment, &self.headers).await?;
        if self.url.contains(ADMIN_SCOPE) {
            let attempt = "use an administrator's scope";
            cx.caller.require(&cx.environment.id, Privilege::AdministerConnections, attempt)?;
        }
        Ok(cx)
    }

    /// Enters the environment of the path, of `$filter=environment eq 'x'`, else of the host.
    pub(crate) async fn enter_here(&self) -> Result<Context, Failure> {
        let filter = self.query.get("$filter").and_then(|f| filtered(f));
        let path = self.segments.get("environment").cloned();
        let name = match path.or(filter) {
            Some(name) => name,
            None => host_name(&self.headers).ok_or_else(|| {
                Failure::bad_request(
                    "EnvironmentMissing",
                    "the request names no environment",
                    "add $filter=environment eq 'NAME'",
                )
            })?,
        };
        self.enter(&name).await
    }

    /// Enters the environment that a body names, else as [`Self::enter_here`].
    pub(crate) async fn enter_named(&self, body: &serde_json::Value) -> Result<Context, Failure> {
        match body["environment"]["name"].as_str() {
            Some(name) if !self.segments.contains_key("environment") => self.enter(name).await,
            _ => self.enter_here().await,
        }
    }
}

/// `environment eq 'x'`, also with `properties.` in front or inside a larger filter.
fn filtered(filter: &str) -> Option<String> {
    let lower = filter.to_ascii_lowercase();
    let rest = &filter[lower.find("environment")? + "environment".len()..];
    let rest = rest.trim_start();
    let rest = rest.get(..2).filter(|op| op.eq_ignore_ascii_case("eq")).and(rest.get(2..))?;
    let rest = rest.trim_start().strip_prefix('\'')?;
    rest.split('\'').next().map(str::to_owned)
}

/// The environment of the port, else the first label of the host: the environment's name. The host
/// that the vendor's services give an environment begins with its id, dashes left out and a dot
/// before the last two digits.
pub(crate) fn host_name(headers: &HeaderMap) -> Option<String> {
    if let Some(name) = headers.get(PORT_ENVIRONMENT) {
        return name.to_str().ok().map(str::to_owned);
    }
    let host = headers.get(axum::http::header::HOST)?.to_str().ok()?;
    let mut labels = host.split(['.', ':']);
    let label = labels.next()?;
    if let (Some(end), Some("environment")) = (labels.next(), labels.next())
        && let Some(id) = dashed(&format!("{label}{end}"))
    {
        return Some(id);
    }
    (!label.is_empty() && label.parse::<u8>().is_err()).then(|| label.to_owned())
}

/// 32 hexadecimal digits as a GUID.
fn dashed(digits: &str) -> Option<String> {
    let fits = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| {
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
        parts.join("-").to_ascii_lowercase()
    })
}

/// An environment by name or id. Whether the caller may enter is asked next.
pub(crate) async fn environment_by_name(app: &App, name: &str) -> Result<Environment, StoreError> {
    app.store().environment_get(&connref_store::access::Caller::System("router"), name).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_a_filter_is_found() {
        assert_eq!(filtered("environment eq 'PROD'").as_deref(), Some("PROD"));
        assert_eq!(filtered("properties.environment EQ 'x' and a eq 1").as_deref(), Some("x"));
        assert_eq!(filtered("name eq 'PROD'"), None);
        assert_eq!(filtered("environment ne 'PROD'"), None);
    }

    #[test]
    fn a_host_names_an_environment() {
        let name = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().unwrap());
            host_name(&headers)
        };
        assert_eq!(name("prod.localhost:8080").as_deref(), Some("prod"));
        assert_eq!(name("127.0.0.1:8080"), None);
        assert_eq!(
            name("0123456789abcdef0123456789ABCD.ef.environment.api.powerplatform.com").as_deref(),
            Some("01234567-89ab-cdef-0123-456789abcdef")
        );
        assert_eq!(name("short.ef.environment.example").as_deref(), Some("short"));
    }
}
