//! `$batch`: several requests in one, answered in their order. A change set is one transaction of
//! the store (`connref_store::db::Group`): its requests are the ordinary ones, run over a store that
//! lasts when the last of them succeeded.
use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::multipart::{Message, Part, boundary, message, parts};
use super::path;
use super::prefer::Prefer;
use super::query_string::QueryString;
use super::verb::verb;
use super::{Asked, Fault, address, dispatch, fault};
use crate::Context;

/// Most requests in one batch, as the vendor's service has it.
const REQUESTS_MAX: usize = 1000;
/// Most bytes that the answers of one batch hold together.
const ANSWER_MAX: usize = 256 * 1024 * 1024;
/// Actions that touch nothing but the store, and so can be part of a change set.
const IN_CHANGE_SETS: [&str; 5] = [
    "AddSolutionComponent",
    "GrantAccess",
    "ModifyAccess",
    "RemoveActiveCustomizations",
    "RevokeAccess",
];

/// Answers a batch.
pub(super) async fn answer(asked: &Asked) -> Result<Response, Fault> {
    if asked.method != Method::POST {
        return Err(Fault::http_method(&asked.method));
    }
    let content_type = asked.header("content-type").unwrap_or("");
    let boundary = boundary(content_type)?.ok_or_else(|| {
        Fault::payload("A batch is of the content type `multipart/mixed; boundary=…`.")
    })?;
    let parts = parts(&asked.body, &boundary, REQUESTS_MAX)?;
    let wishes = parts.iter().map(Wish::read).collect::<Result<Vec<_>, Fault>>()?;
    if wishes.iter().map(Wish::size).sum::<usize>() > REQUESTS_MAX {
        return Err(Fault::payload(format!(
            "The maximum number of {REQUESTS_MAX} requests in a batch is exceeded."
        )));
    }
    let mut out = Written::new(asked);
    let mut status = StatusCode::OK;
    for wish in &wishes {
        let answer = wish.answer(asked).await;
        let failed = answer.failed();
        out.add(answer).await?;
        if let Some(failed) = failed.filter(|_| !asked.prefer.continue_on_error) {
            status = failed;
            break;
        }
    }
    Ok(out.response(status))
}

/// What one part of a batch asks for.
enum Wish<'a> {
    One(Request<'a>),
    ChangeSet(Vec<Request<'a>>),
}

struct Request<'a> {
    id: Option<String>,
    message: Message<'a>,
}

impl<'a> Request<'a> {
    fn read(part: &Part<'a>) -> Result<Self, Fault> {
        let kind = part.header("content-type").unwrap_or("");
        if !kind
            .split(';')
            .next()
            .is_some_and(|k| k.trim().eq_ignore_ascii_case("application/http"))
        {
            return Err(Fault::payload(
                "A part of a batch is of the type `application/http`, or a change set.",
            ));
        }
        let id = part.header("content-id").map(|id| id.trim().to_owned());
        Ok(Self { id, message: message(part.body)? })
    }
}

impl<'a> Wish<'a> {
    fn read(part: &Part<'a>) -> Result<Self, Fault> {
        let Some(boundary) = boundary(part.header("content-type").unwrap_or(""))? else {
            return Ok(Self::One(Request::read(part)?));
        };
        let requests = parts(part.body, &boundary, REQUESTS_MAX)?
            .iter()
            .map(Request::read)
            .collect::<Result<Vec<_>, Fault>>()?;
        for (at, request) in requests.iter().enumerate() {
            if request.message.method == "GET" {
                return Err(Fault::payload("A change set holds no GET requests."));
            }
            if request.id.is_some() && requests[..at].iter().any(|other| other.id == request.id) {
                return Err(Fault::payload("A Content-ID is given twice in a change set."));
            }
        }
        Ok(Self::ChangeSet(requests))
    }

    fn size(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::ChangeSet(requests) => requests.len(),
        }
    }

    async fn answer(&self, outer: &Asked) -> Answer {
        match self {
            Self::One(request) => {
                Answer::One(request.id.clone(), run(outer, &outer.cx, false, request, &[]).await)
            }
            Self::ChangeSet(requests) => change_set(outer, requests).await,
        }
    }
}

/// The answer to one part.
enum Answer {
    One(Option<String>, Response),
    ChangeSet(Vec<(Option<String>, Response)>),
}

impl Answer {
    fn failed(&self) -> Option<StatusCode> {
        match self {
            Self::One(_, response) => Some(response.status()).filter(|s| s.as_u16() >= 400),
            Self::ChangeSet(_) => None,
        }
    }
}

/// Runs the requests of a change set in one transaction; at the first failure nothing is kept, and
/// that failure is the only answer.
async fn change_set(outer: &Asked, requests: &[Request<'_>]) -> Answer {
    let (app, group) = outer.cx.app.grouped();
    let cx = Context { app, ..outer.cx.clone() };
    let mut known: Vec<(String, String)> = Vec::new();
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        let response = run(outer, &cx, true, request, &known).await;
        if response.status().as_u16() >= 400 {
            group.undo().await;
            return Answer::One(request.id.clone(), response);
        }
        let address = response.headers().get("OData-EntityId").and_then(|a| a.to_str().ok());
        if let (Some(id), Some(address)) = (&request.id, address) {
            known.push((id.clone(), address.to_owned()));
        }
        answers.push((request.id.clone(), response));
    }
    match group.commit().await {
        Ok(()) => Answer::ChangeSet(answers),
        Err(error) => {
            Answer::One(None, Fault::from(connref_store::StoreError::from(error)).response())
        }
    }
}

/// Runs one request as if it had come alone.
async fn run(
    outer: &Asked,
    cx: &Context,
    grouped: bool,
    request: &Request<'_>,
    known: &[(String, String)],
) -> Response {
    let answer = async {
        let asked = asked(outer, cx, grouped, &request.message, known).await?;
        if grouped {
            fits_change_set(&asked)?;
        }
        Box::pin(dispatch(&asked)).await
    };
    answer.await.unwrap_or_else(|fault| fault.response())
}

/// Whether a request can be taken back: what acts outside of the store's transaction cannot.
fn fits_change_set(asked: &Asked) -> Result<(), Fault> {
    let Some(first) = asked.segments.first() else { return Ok(()) };
    if verb(&first.name).is_some() && !IN_CHANGE_SETS.contains(&first.name.as_str()) {
        return Err(Fault::unsupported(format!(
            "`{}` cannot be part of a change set: it could not be taken back; send it by itself",
            first.name
        )));
    }
    Ok(())
}

async fn asked(
    outer: &Asked,
    cx: &Context,
    grouped: bool,
    message: &Message<'_>,
    known: &[(String, String)],
) -> Result<Asked, Fault> {
    let method = Method::from_bytes(message.method.as_bytes())
        .map_err(|_| Fault::payload(format!("`{}` is no HTTP method.", message.method)))?;
    let written = message.address.replace(' ', "%20");
    let written = resolved(&written, known).unwrap_or(written);
    let (root, tail) = placed(outer, &written)?;
    let (raw_path, raw_query) = tail.split_once('?').unwrap_or((&tail, ""));
    let headers = inherited(outer, &message.headers);
    let named = ["CallerObjectId", "MSCRMCallerID"].iter().any(|name| headers.contains_key(*name));
    let cx = if named {
        outer.signed.enter(&cx.app, cx.environment.clone(), &headers).await?
    } else {
        cx.clone()
    };
    Ok(Asked {
        signed: outer.signed.clone(),
        cx,
        tables: outer.tables,
        grouped,
        root,
        segments: path::parse(raw_path)?,
        raw_path: raw_path.to_owned(),
        query: QueryString::parse(raw_query)?,
        raw_query: raw_query.to_owned(),
        prefer: Prefer::parse(&headers),
        method,
        headers,
        body: body(outer, message, known)?,
    })
}

/// A part's own headers; what the batch prefers holds where a part says nothing.
fn inherited(outer: &Asked, own: &HeaderMap) -> HeaderMap {
    let mut headers = own.clone();
    if !headers.contains_key("prefer") {
        for value in outer.headers.get_all("prefer") {
            headers.append("prefer", value.clone());
        }
    }
    headers
}

/// The root and what follows it, of an address that is absolute, begins with the root's path, or is
/// relative to the root.
fn placed(outer: &Asked, written: &str) -> Result<(String, String), Fault> {
    let (_, here) = outer.root.split_once("://").unwrap_or_default();
    let (host, _) = here.split_once('/').unwrap_or_default();
    let from_host = match written.split_once("://") {
        Some(("http" | "https", rest)) => {
            let (there, _) = rest.split_once('/').unwrap_or((rest, ""));
            if !name_of(there).eq_ignore_ascii_case(name_of(host)) {
                return Err(Fault::syntax(format!(
                    "`{there}` is another host than the batch was sent to."
                )));
            }
            &rest[there.len()..]
        }
        _ => written,
    };
    if !from_host.starts_with("/api/data/") {
        return Ok((outer.root.clone(), from_host.trim_start_matches('/').to_owned()));
    }
    let (path, query) = from_host.split_once('?').map_or((from_host, None), |(p, q)| (p, Some(q)));
    let (version, tail) = address(path)?;
    let (scheme, _) = outer.root.split_once("://").unwrap_or_default();
    let tail = query.map_or_else(|| tail.clone(), |query| format!("{tail}?{query}"));
    Ok((format!("{scheme}://{host}/api/data/{version}"), tail))
}

fn name_of(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(name, _)| name)
}

/// `$1`, and what may follow it, as the address of the row that the request with that Content-ID made.
fn resolved(written: &str, known: &[(String, String)]) -> Option<String> {
    let rest = written.strip_prefix('/').unwrap_or(written).strip_prefix('$')?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (_, address) = known.iter().find(|(id, _)| *id == rest[..end])?;
    Some(format!("{address}{}", &rest[end..]))
}

/// The body, in which `$1` stands for a row too.
fn body(outer: &Asked, message: &Message<'_>, known: &[(String, String)]) -> Result<Bytes, Fault> {
    let whole = outer.body.slice_ref(message.body);
    if known.is_empty() || !message.body.windows(2).any(|two| two == b"\"$") {
        return Ok(whole);
    }
    let mut value: Value = serde_json::from_slice(&whole)
        .map_err(|error| Fault::payload(format!("The body is not JSON: {error}")))?;
    refer(&mut value, known);
    Ok(Bytes::from(value.to_string()))
}

fn refer(value: &mut Value, known: &[(String, String)]) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let points = name.ends_with("@odata.bind") || name == "@odata.id";
                match value {
                    Value::String(text) if points => {
                        if let Some(address) = resolved(text, known) {
                            *text = address;
                        }
                    }
                    value => refer(value, known),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| refer(value, known)),
        _ => {}
    }
}

/// Answers written out as parts.
struct Written {
    id: String,
    sets: usize,
    bytes: Vec<u8>,
}

impl Written {
    fn new(asked: &Asked) -> Self {
        let store = asked.cx.store();
        Self { id: store.ids().guid(store.now()), sets: 0, bytes: Vec::new() }
    }

    fn outer(&self) -> String {
        format!("batchresponse_{}", self.id)
    }

    async fn add(&mut self, answer: Answer) -> Result<(), Fault> {
        let outer = self.outer();
        self.line(&format!("--{outer}"));
        match answer {
            Answer::One(id, response) => self.message(id.as_deref(), response).await?,
            Answer::ChangeSet(answers) => {
                self.sets += 1;
                let inner = format!("changesetresponse_{}_{}", self.id, self.sets);
                self.line(&format!("Content-Type: multipart/mixed; boundary={inner}"));
                self.line("");
                for (id, response) in answers {
                    self.line(&format!("--{inner}"));
                    self.message(id.as_deref(), response).await?;
                }
                self.line(&format!("--{inner}--"));
            }
        }
        if self.bytes.len() > ANSWER_MAX {
            return Err(Fault::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                fault::PAYLOAD,
                format!(
                    "The answers of a batch have at most {ANSWER_MAX} bytes together; send fewer requests at once."
                ),
            ));
        }
        Ok(())
    }

    async fn message(&mut self, id: Option<&str>, response: Response) -> Result<(), Fault> {
        self.line("Content-Type: application/http");
        self.line("Content-Transfer-Encoding: binary");
        if let Some(id) = id {
            self.line(&format!("Content-ID: {id}"));
        }
        self.line("");
        let (parts, body) = response.into_parts();
        let reason = parts.status.canonical_reason().unwrap_or("Unknown");
        self.line(&format!("HTTP/1.1 {} {reason}", parts.status.as_u16()));
        for (name, value) in &parts.headers {
            self.bytes.extend_from_slice(spelled(name.as_str()).as_bytes());
            self.bytes.extend_from_slice(b": ");
            self.bytes.extend_from_slice(value.as_bytes());
            self.line("");
        }
        self.line("");
        let body = to_bytes(body, ANSWER_MAX).await.map_err(|error| {
            Fault::new(StatusCode::PAYLOAD_TOO_LARGE, fault::PAYLOAD, error.to_string())
        })?;
        self.bytes.extend_from_slice(&body);
        self.line("");
        Ok(())
    }

    fn line(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn response(mut self, status: StatusCode) -> Response {
        let outer = self.outer();
        self.line(&format!("--{outer}--"));
        Response::builder()
            .status(status)
            .header("content-type", format!("multipart/mixed; boundary={outer}"))
            .header("OData-Version", "4.0")
            .body(Body::from(self.bytes))
            .expect("the headers are made of ids")
    }
}

/// A header as the vendor spells it: clients read the parts of a batch by code of their own, and some
/// of them by its very letters.
fn spelled(name: &str) -> String {
    match name {
        "odata-entityid" => return "OData-EntityId".to_owned(),
        "odata-version" => return "OData-Version".to_owned(),
        "etag" => return "ETag".to_owned(),
        _ => {}
    }
    let words = name.split('-').map(|word| {
        let mut chars = word.chars();
        chars
            .next()
            .map_or_else(String::new, |c| c.to_ascii_uppercase().to_string() + chars.as_str())
    });
    words.collect::<Vec<_>>().join("-")
}
