//! One request and its answer: addresses, headers, refusals, paging, waiting when told to.
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use crate::error::{Unsent, refusal};
use crate::{ApiService, Cause, Client, ClientError, Result, TransportError};

/// Version of the Web API that is asked for.
const WEB_API: &str = "/api/data/v9.2/";
/// A page link is followed this often at most: 5,000 rows a page, so two million rows.
const PAGES_MAX: usize = 400;
/// How often a call that was told to wait is sent again.
const WAITS_MAX: usize = 5;
/// The longest wait that is accepted from a `Retry-After`.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A request before it has an address.
pub(crate) struct Call<'a> {
    /// What is attempted, as it follows "cannot".
    attempt: &'a str,
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    /// Sent also in a dry run: it changes nothing although it is not a GET.
    harmless: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn harmless(mut self) -> Self {
        self.harmless = true;
        self
    }

    fn unsent(&self) -> Unsent {
        let path = self.url.find("://").map_or(self.url.as_str(), |at| {
            let rest = &self.url[at + 3..];
            rest.find('/').map_or("/", |slash| &rest[slash..])
        });
        Unsent {
            method: self.method.to_string(),
            path: path.to_owned(),
            body: self.body.clone().map(masked),
        }
    }
}

/// The answer of a call that was not refused.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self, attempt: &str) -> Result<Value> {
        serde_json::from_slice(&self.body).map_err(|error| ClientError::unreadable(attempt, error))
    }

    /// The id in `OData-EntityId`, the answer to a create.
    pub(crate) fn entity_id(&self, attempt: &str) -> Result<String> {
        let header = self.headers.get("odata-entityid").and_then(|value| value.to_str().ok());
        header
            .and_then(|text| text.strip_suffix(')'))
            .and_then(|text| text.rsplit_once('('))
            .map(|(_, id)| id.to_owned())
            .ok_or_else(|| ClientError::unreadable(attempt, "it has no OData-EntityId header"))
    }
}

impl<S: ApiService> Client<S> {
    /// A call of the environment's Web API; `path` is ready for an address.
    pub(crate) fn web<'a>(&self, attempt: &'a str, method: Method, path: &str) -> Call<'a> {
        let url = format!("{}{WEB_API}{path}", self.place.environment);
        self.call(attempt, method, url)
            .header("OData-Version", "4.0")
            .header("OData-MaxVersion", "4.0")
    }

    /// A call of the control plane; `path` begins with a slash and is ready for an address.
    pub(crate) fn control<'a>(&self, attempt: &'a str, method: Method, path: &str) -> Call<'a> {
        let url = format!("{}{path}", self.place.control);
        self.call(attempt, method, url)
    }

    fn call<'a>(&self, attempt: &'a str, method: Method, url: String) -> Call<'a> {
        let call = Call { attempt, method, url, headers: Vec::new(), body: None, harmless: false };
        match &self.acting {
            Some(principal) => call.header("MSCRMCallerID", principal),
            None => call,
        }
    }

    /// Sends a call. Refusals become errors; 429 is waited for.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer> {
        let fail = |cause: Cause| ClientError::new(call.attempt, cause);
        if self.dry_run && !call.harmless && call.method != Method::GET {
            return Err(fail(Cause::Unsent(Box::new(call.unsent()))));
        }
        let mut waits = 0;
        loop {
            let request = request(&call).map_err(|error| fail(error.into()))?;
            let response =
                self.service.clone().oneshot(request).await.map_err(|error| fail(error.into()))?;
            let (parts, body) = response.into_parts();
            if parts.status.is_success() {
                return Ok(Answer { headers: parts.headers, body });
            }
            match wait_asked(parts.status, &parts.headers) {
                Some(wait) if waits < WAITS_MAX => {
                    waits += 1;
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(fail(refusal(parts.status.as_u16(), &body))),
            }
        }
    }

    /// Sends a call and reads its JSON.
    pub(crate) async fn fetch(&self, call: Call<'_>) -> Result<Value> {
        let attempt = call.attempt;
        self.send(call).await?.json(attempt)
    }

    /// All rows of a Web API address, page after page.
    pub(crate) async fn web_list(&self, attempt: &str, path: &str) -> Result<Vec<Value>> {
        let url = format!("{}{WEB_API}{path}", self.place.environment);
        self.list(attempt, url, "@odata.nextLink").await
    }

    /// All items of a control-plane address, page after page.
    pub(crate) async fn control_list(&self, attempt: &str, path: &str) -> Result<Vec<Value>> {
        self.list(attempt, format!("{}{path}", self.place.control), "nextLink").await
    }

    async fn list(&self, attempt: &str, first: String, link: &str) -> Result<Vec<Value>> {
        let origin = origin(&first).to_owned();
        let mut rows = Vec::new();
        let mut next = first;
        for _ in 0..PAGES_MAX {
            let call = self
                .call(attempt, Method::GET, next)
                .header("Prefer", "odata.include-annotations=\"*\",odata.maxpagesize=5000");
            let mut page = self.fetch(call).await?;
            match page["value"].take() {
                Value::Array(items) => rows.extend(items),
                _ => return Err(ClientError::unreadable(attempt, "it holds no `value` list")),
            }
            let Some(link) = page[link].as_str() else { return Ok(rows) };
            // A page link that leaves the host would carry the token to a stranger.
            if self::origin(link) != origin {
                return Err(ClientError::unreadable(attempt, "its next page is on another host"));
            }
            next = link.to_owned();
        }
        Err(ClientError::unreadable(attempt, format!("it has more than {PAGES_MAX} pages")))
    }

    /// Creates a row and answers its id; `solution` is the unmanaged solution it goes into.
    pub(crate) async fn web_create(
        &self,
        attempt: &str,
        set: &str,
        body: Value,
        solution: Option<&str>,
    ) -> Result<String> {
        let mut call = self.web(attempt, Method::POST, set).json(body);
        if let Some(solution) = solution {
            call = call.header("MSCRM.SolutionUniqueName", solution);
        }
        self.send(call).await?.entity_id(attempt)
    }

    /// Changes a row that must be there.
    pub(crate) async fn web_update(&self, attempt: &str, path: &str, body: Value) -> Result<()> {
        let call = self.web(attempt, Method::PATCH, path).header("If-Match", "*").json(body);
        self.send(call).await.map(drop)
    }
}

fn request(call: &Call<'_>) -> std::result::Result<Request<Bytes>, TransportError> {
    let mut builder = Request::builder()
        .method(call.method.clone())
        .uri(&call.url)
        .header(header::ACCEPT, "application/json");
    for (name, value) in &call.headers {
        builder = builder.header(*name, value);
    }
    let body = match &call.body {
        Some(body) => {
            builder = builder.header(header::CONTENT_TYPE, "application/json");
            Bytes::from(body.to_string())
        }
        None => Bytes::new(),
    };
    builder.body(body).map_err(TransportError::Request)
}

/// How long a throttling answer asks to wait; seconds only, the form the services send.
fn wait_asked(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(WAIT_MAX))
}

/// Scheme, host and port of an absolute address.
fn origin(url: &str) -> &str {
    let Some(at) = url.find("://") else { return "" };
    let end = url[at + 3..].find(['/', '?', '#']).map_or(url.len(), |path| at + 3 + path);
    &url[..end]
}

/// A body fit to be shown: no secret, no file.
fn masked(mut body: Value) -> Value {
    if let Some(file) = body.get_mut("CustomizationFile") {
        let length = file.as_str().map_or(0, str::len);
        *file = Value::String(format!("({length} characters of Base64)"));
    }
    let hidden = [
        "/properties/connectionParameters",
        "/properties/connectionParametersSet/values",
        "/properties/connref/secrets",
    ];
    for pointer in hidden {
        if let Some(Value::Object(fields)) = body.pointer_mut(pointer) {
            for value in fields.values_mut() {
                *value = Value::String("(not shown)".to_owned());
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dry_run_shows_neither_secrets_nor_files() {
        let shown = masked(json!({
            "CustomizationFile": "UEsD",
            "properties": {"displayName": "SQL", "connectionParameters": {"password": "hunter2"}}
        }));
        assert!(!shown.to_string().contains("hunter2"));
        assert_eq!(shown["CustomizationFile"], "(4 characters of Base64)");
        assert_eq!(shown["properties"]["displayName"], "SQL");
    }

    #[test]
    fn origins_end_where_paths_begin() {
        assert_eq!(origin("https://a.example:8/x?y"), "https://a.example:8");
        assert_eq!(origin("https://a.example?y"), "https://a.example");
        assert_eq!(origin("/relative"), "");
    }

    #[test]
    fn only_throttling_makes_it_wait() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "7200".parse().unwrap());
        assert_eq!(wait_asked(StatusCode::TOO_MANY_REQUESTS, &headers), Some(WAIT_MAX));
        assert_eq!(wait_asked(StatusCode::SERVICE_UNAVAILABLE, &headers), None);
    }
}
