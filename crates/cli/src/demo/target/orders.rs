//! The order book: an HTTP API with bearer tokens from a client-credentials endpoint. Each token
//! belongs to the client that asked for it, and each request is recorded under that name.
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use connref_store::source::{Ids, hex};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Account, Task};

/// Lifetime of a token in seconds.
const LIFETIME: u32 = 3600;

/// The running API.
pub(in crate::demo) struct Orders {
    address: SocketAddr,
    book: Book,
    _task: Task,
}

/// One request as the API saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::demo) struct Visit {
    /// Whom the token belongs to; none without a token that is known.
    pub(in crate::demo) identity: Option<String>,
    pub(in crate::demo) method: String,
    pub(in crate::demo) path: String,
}

#[derive(Clone)]
struct Book(Arc<Inner>);

struct Inner {
    clients: Vec<Account>,
    ids: Arc<dyn Ids>,
    state: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    tokens: HashMap<String, String>,
    visits: Vec<Visit>,
}

/// Whom the token of a request belongs to.
#[derive(Clone)]
struct Identity(String);

impl Orders {
    pub(super) async fn start(clients: Vec<Account>, ids: Arc<dyn Ids>) -> std::io::Result<Self> {
        let book = Book(Arc::new(Inner { clients, ids, state: Mutex::default() }));
        let guarded = Router::new()
            .route("/orders", get(orders))
            .route("/whoami", get(whoami))
            .layer(from_fn_with_state(book.clone(), sign_in));
        let router = guarded.route("/token", post(token)).with_state(book.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "the order book stopped");
            }
        });
        Ok(Self { address, book, _task: Task(task) })
    }

    pub(in crate::demo) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, in order.
    pub(in crate::demo) fn visits(&self) -> Vec<Visit> {
        self.book.lock().visits.clone()
    }
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Client credentials, RFC 6749 §4.4, with the client's secret in the form.
async fn token(State(book): State<Book>, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if field("grant_type") != "client_credentials" {
        return oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let known = book
        .0
        .clients
        .iter()
        .find(|c| c.name == field("client_id") && c.secret == field("client_secret"));
    let Some(client) = known else {
        return oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    };
    let mut bytes = [0_u8; 32];
    book.0.ids.fill(&mut bytes);
    let token = hex(&bytes);
    book.lock().tokens.insert(token.clone(), client.name.clone());
    Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}))
        .into_response()
}

fn oauth_error(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}

/// Finds whom the token belongs to, writes the visit down, and lets only the known pass.
async fn sign_in(State(book): State<Book>, mut request: Request, next: Next) -> Response {
    let identity =
        bearer(request.headers()).and_then(|token| book.lock().tokens.get(token).cloned());
    book.lock().visits.push(Visit {
        identity: identity.clone(),
        method: request.method().to_string(),
        path: request.uri().to_string(),
    });
    match identity {
        Some(name) => {
            request.extensions_mut().insert(Identity(name));
            next.run(request).await
        }
        None => oauth_error(StatusCode::UNAUTHORIZED, "invalid_token"),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

async fn whoami(Extension(Identity(name)): Extension<Identity>) -> Json<Value> {
    Json(json!({"identity": name}))
}

async fn orders(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let all = [
        json!({"number": "SO-1001", "customer": "Fabrikam", "amount": 1200.5, "status": "open"}),
        json!({"number": "SO-1002", "customer": "Northwind", "amount": 88, "status": "shipped"}),
        json!({"number": "SO-1003", "customer": "Adventure Works", "amount": 430.75, "status": "open"}),
    ];
    let wanted = query.get("status");
    let value: Vec<Value> = all
        .into_iter()
        .filter(|order| wanted.is_none_or(|status| order["status"] == status.as_str()))
        .collect();
    Json(json!({"value": value}))
}

#[cfg(test)]
mod tests {
    use connref_store::source::SystemIds;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn send(address: SocketAddr, request: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn post_token(form: &str) -> String {
        format!(
            "POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )
    }

    fn get(path: &str, token: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
    }

    #[tokio::test]
    async fn a_token_belongs_to_the_client_that_asked_for_it() {
        let client = Account { name: "svc-a".to_owned(), secret: "s+1 &".to_owned() };
        let book = Orders::start(vec![client], Arc::new(SystemIds::default())).await.unwrap();
        let wrong = "grant_type=client_credentials&client_id=svc-a&client_secret=no";
        assert!(send(book.address(), &post_token(wrong)).await.starts_with("HTTP/1.1 401"));
        let right = "grant_type=client_credentials&client_id=svc-a&client_secret=s%2B1+%26";
        let answer = send(book.address(), &post_token(right)).await;
        let json: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let token = json["access_token"].as_str().unwrap();
        assert!(send(book.address(), &get("/whoami", token)).await.contains("svc-a"));
        let open = send(book.address(), &get("/orders?status=open", token)).await;
        assert!(open.contains("SO-1003") && !open.contains("SO-1002"), "{open}");
        assert!(send(book.address(), &get("/orders", "other")).await.starts_with("HTTP/1.1 401"));
        let visits: Vec<_> = book.visits().into_iter().map(|v| (v.identity, v.path)).collect();
        let known = Some("svc-a".to_owned());
        assert_eq!(
            visits,
            [
                (known.clone(), "/whoami".to_owned()),
                (known, "/orders?status=open".to_owned()),
                (None, "/orders".to_owned())
            ]
        );
    }
}
