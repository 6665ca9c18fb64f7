//! A recording HTTP server, and what every test needs to call a connector.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connref_egress::{Egress, EgressConfig, Policy};
use connref_engine::connector::{
    CallContext, CallError, Connector, Credential, OperationCall, OperationResponse, Target,
};
use connref_flow::value::{Object, Value};
use secrecy::SecretString;
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a text body")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Method and path.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Status, content type and body.
pub(crate) type Reply = (u16, &'static str, String);
type Answer = dyn Fn(&Seen) -> Reply + Send + Sync;

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer): (_, Arc<Answer>) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&log)));
            }
        });
        Self { address, seen }
    }

    /// A server that always says the same.
    pub(crate) async fn always(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::start(move |_| json(status, &body)).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("a request")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A JSON reply.
pub(crate) fn json(status: u16, body: &str) -> Reply {
    (status, "application/json; charset=utf-8", body.to_owned())
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, log: Arc<Mutex<Vec<Seen>>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    let seen = loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
        if let Some(seen) = parse(&bytes) {
            break seen;
        }
    };
    log.lock().expect("not poisoned").push(seen.clone());
    let (status, kind, body) = answer(&seen);
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // The client may have hung up on purpose.
    let _gone = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _gone = stream.shutdown().await;
}

fn parse(bytes: &[u8]) -> Option<Seen> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |l| l.parse().expect("a length"));
    let body = &bytes[end + 4..];
    (body.len() >= length).then(|| Seen { method, path, headers, body: body.to_vec() })
}

/// Everything a call needs, ready to change.
pub(crate) struct Setup {
    pub(crate) egress: Egress,
    pub(crate) policy: Policy,
    pub(crate) target: Target,
    pub(crate) credential: Credential,
    pub(crate) principal: Option<&'static str>,
    pub(crate) timeout: Duration,
}

impl Setup {
    pub(crate) fn new(policy: &str, endpoint: Option<String>) -> Self {
        Self {
            egress: Egress::new(EgressConfig::default()),
            policy: Policy::parse(policy).expect("a policy"),
            target: Target { endpoint, parameters: BTreeMap::new() },
            credential: bearer(),
            principal: None,
            timeout: Duration::from_secs(20),
        }
    }

    /// The endpoint is this server.
    pub(crate) fn to(server: &Server) -> Self {
        Self::new(&server.address.to_string(), Some(server.url()))
    }

    pub(crate) fn parameter(mut self, name: &str, value: &str) -> Self {
        self.target.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    pub(crate) fn context(&self) -> CallContext<'_> {
        CallContext {
            egress: &self.egress,
            policy: &self.policy,
            target: &self.target,
            credential: &self.credential,
            idempotency_key: "0123456789abcdef",
            timeout: self.timeout,
            act_on_behalf_of: self.principal,
        }
    }

    pub(crate) async fn call(
        &self,
        connector: &dyn Connector,
        operation: &str,
        parameters: Json,
    ) -> Result<OperationResponse, CallError> {
        let parameters = object(&parameters);
        let call = OperationCall { operation_id: operation, parameters: &parameters };
        connector.call(&self.context(), call).await
    }

    pub(crate) async fn ok(
        &self,
        connector: &dyn Connector,
        operation: &str,
        parameters: Json,
    ) -> OperationResponse {
        self.call(connector, operation, parameters)
            .await
            .unwrap_or_else(|e| panic!("{operation}: {e} {e:?}"))
    }
}

pub(crate) fn bearer() -> Credential {
    Credential::Bearer(SecretString::from("canary-token"))
}

pub(crate) fn basic(username: &str) -> Credential {
    Credential::Basic {
        username: username.to_owned(),
        password: SecretString::from("canary-password"),
    }
}

pub(crate) fn object(json: &Json) -> Object {
    match Value::from_json(json) {
        Value::Object(object) => (*object).clone(),
        other => panic!("no object: {other:?}"),
    }
}

/// Says that a test did nothing, and why.
#[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
pub(crate) fn skipped(why: &str) {
    eprintln!("{why}: skipped");
}
