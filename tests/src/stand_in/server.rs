//! A recording HTTP server on loopback.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::{Request as HttpRequest, Response};
use serde_json::Value;
use tokio::runtime::Runtime;

/// What arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path as sent, percent-encoded.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
    /// To whom the bearer token belongs; `None` without a token that is known.
    pub identity: Option<String>,
}

impl Request {
    /// A header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The token of `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The path with percent-encoding undone.
    #[must_use]
    pub fn plain_path(&self) -> String {
        decoded(&self.path, false)
    }

    /// A query parameter, decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.pairs().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All query parameters in order, decoded.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// The fields of a form in the body.
    #[must_use]
    pub fn form(&self) -> HashMap<String, String> {
        pairs(&self.body).into_iter().collect()
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn decoded(text: &str, plus: bool) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = match byte {
            b'%' => rest.clone().take(2).map(char::from).collect::<String>(),
            b'+' if plus => {
                bytes.push(b' ');
                continue;
            }
            _ => String::new(),
        };
        match u8::from_str_radix(&hex, 16) {
            Ok(value) if hex.len() == 2 => {
                bytes.push(value);
                rest.nth(1);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Body; `null` is an empty one.
    pub body: Value,
}

impl Reply {
    /// 200 with a body.
    #[must_use]
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// An error in the services' shape.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self { status, body: serde_json::json!({"error": {"code": code, "message": message}}) }
    }
}

type Answering = dyn Fn(&Request) -> Reply + Send + Sync;

#[derive(Default)]
struct Record {
    requests: Mutex<Vec<Request>>,
    tokens: Mutex<HashMap<String, String>>,
}

/// A running stand-in; ends when dropped.
pub struct StandIn {
    record: Arc<Record>,
    port: u16,
    // Dropping it ends the server.
    _runtime: Runtime,
}

impl StandIn {
    /// Starts one that answers requests with a known bearer token by `answer`, and others by 401.
    #[must_use]
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_open(move |request, _| match &request.identity {
            Some(_) => answer(request),
            None => Reply::error(401, "Unauthorized", "no token, or one nobody has"),
        })
    }

    /// Starts one that answers every request; the second argument issues a token to somebody.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn start_open(
        answer: impl Fn(&Request, &dyn Fn(&str, &str)) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let record = Arc::new(Record::default());
        let shared = Arc::clone(&record);
        let issue = move |token: &str, identity: &str| {
            let mut tokens = shared.tokens.lock().expect("no thread panicked with it");
            tokens.insert(token.to_owned(), identity.to_owned());
        };
        let answering: Arc<Answering> = Arc::new(move |request: &Request| answer(request, &issue));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
            .expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let kept = Arc::clone(&record);
        let router = axum::Router::new().fallback(move |request: HttpRequest<Body>| {
            let (record, answering) = (Arc::clone(&kept), Arc::clone(&answering));
            async move { serve(&record, &*answering, request).await }
        });
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { record, port, _runtime: runtime }
    }

    /// Port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The entry that lets an environment reach it.
    #[must_use]
    pub fn allow(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes a token belong to somebody.
    ///
    /// # Panics
    /// If the server's thread panicked.
    pub fn token(&self, token: &str, identity: &str) {
        let mut tokens = self.record.tokens.lock().expect("no thread panicked with it");
        tokens.insert(token.to_owned(), identity.to_owned());
    }

    /// Everything that arrived so far, in order.
    ///
    /// # Panics
    /// If the server's thread panicked.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.record.requests.lock().expect("no thread panicked with it").clone()
    }

    /// Everything that arrived since the last time, in order.
    ///
    /// # Panics
    /// If the server's thread panicked.
    #[must_use]
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.record.requests.lock().expect("no thread panicked with it"))
    }
}

/// No test sends more.
const BODY_MAX: usize = 16 << 20;

async fn serve(record: &Record, answer: &Answering, request: HttpRequest<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.unwrap_or_default();
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let mut request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        identity: None,
    };
    request.identity = request.bearer().and_then(|token| {
        record.tokens.lock().expect("no thread panicked with it").get(token).cloned()
    });
    record.requests.lock().expect("no thread panicked with it").push(request.clone());
    let reply = answer(&request);
    let text = if reply.body.is_null() { String::new() } else { reply.body.to_string() };
    Response::builder()
        .status(reply.status)
        .header("content-type", "application/json")
        .body(Body::from(text))
        .expect("the status is valid")
}
