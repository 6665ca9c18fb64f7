//! A small HTTP/1.1 server that answers as told and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use connref_egress::{Egress, EgressConfig, Lookup, Policy};
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers for the text of a request (head and body).
type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.expect("a free port"), answer)
    }

    /// One server on 127.0.0.2 and one on 127.0.0.1 with the same port.
    pub(crate) async fn pair() -> (Self, Self) {
        loop {
            let first = TcpListener::bind("127.0.0.2:0").await.expect("a free port");
            let port = first.local_addr().expect("bound").port();
            if let Ok(second) = TcpListener::bind(("127.0.0.1", port)).await {
                return (Self::on(first, |_| ok("allowed")), Self::on(second, |_| ok("forbidden")));
            }
        }
    }

    fn on(listener: TcpListener, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let log = Arc::clone(&seen);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&log)));
            }
        });
        Self { address, seen, connections }
    }

    /// Requests so far, as text.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// Connections accepted so far, whether or not they said anything.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A policy that allows this server.
    pub(crate) fn policy(&self) -> Policy {
        Policy::parse(&self.address.to_string()).expect("a policy")
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("http://{}{path}", self.address).parse().expect("a URL")
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, log: Arc<Mutex<Vec<String>>>) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Ok(n) = stream.read(&mut buffer).await else { return };
        if n == 0 {
            return;
        }
        text.extend_from_slice(&buffer[..n]);
        if complete(&text) {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    log.lock().expect("not poisoned").push(text.clone());
    // The client may have hung up on purpose, for example at a size limit.
    let _gone = stream.write_all(&answer(&text)).await;
    let _gone = stream.shutdown().await;
}

fn complete(text: &[u8]) -> bool {
    let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length:"))
        .and_then(|v| v.trim().parse::<usize>().ok())
        .unwrap_or(0);
    text.len() >= end + 4 + length
}

/// A response with a body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A redirect.
pub(crate) fn redirect(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Answers every name with the same addresses, in turn when there are several lists.
pub(crate) struct Names(pub(crate) Mutex<Vec<Vec<SocketAddr>>>);

impl Names {
    pub(crate) fn turns(turns: &[&[&str]]) -> Arc<Self> {
        let parse = |t: &&str| SocketAddr::new(t.parse().expect("an address"), 0);
        Arc::new(Self(Mutex::new(turns.iter().map(|t| t.iter().map(parse).collect()).collect())))
    }
}

impl Lookup for Names {
    fn lookup<'a>(
        &'a self,
        _: &'a str,
        port: u16,
    ) -> BoxFuture<'a, std::io::Result<Vec<SocketAddr>>> {
        let mut turns = self.0.lock().expect("not poisoned");
        if !turns.is_empty() {
            turns.rotate_left(1);
        }
        let mut now = turns.last().cloned().unwrap_or_default();
        for address in &mut now {
            address.set_port(port);
        }
        Box::pin(async move { Ok(now) })
    }
}

/// A way out with a given resolver.
pub(crate) fn egress_with(lookup: Arc<dyn Lookup>) -> Egress {
    Egress::new(EgressConfig { lookup, ..EgressConfig::default() })
}
