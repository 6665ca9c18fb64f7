//! Sockets: the router over HTTP and HTTPS, with limits that a slow or greedy client meets.
mod authority;
mod certificates;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::HOST;
use axum::middleware::map_request;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::Layer as _;

use crate::identity::guess::Peer;

pub use authority::{Authority, AuthorityError};
pub use certificates::Certificates;

/// Names the environment that a port stands for. Whatever a client sends in it is dropped.
pub(crate) const PORT_ENVIRONMENT: &str = "x-connref-port-environment";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Largest head of a request.
const HEAD_MAX: usize = 64 * 1024;
/// Requests of one HTTP/2 connection at a time.
const STREAMS_MAX: u32 = 128;
/// How long requests under way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(10);
/// Pause after a failure to accept: too many open files pass only with time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait to be accepted.
    pub connections: usize,
    /// Time for a TLS handshake, and for a request's head; an idle connection ends after it too.
    pub head: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, head: Duration::from_secs(30) }
    }
}

/// A socket to serve on.
#[derive(Debug)]
pub struct Door {
    /// The socket.
    pub listener: TcpListener,
    /// The environment that every request through it is for; else the host name tells.
    pub environment: Option<String>,
}

/// Serves until `stop`, then lets requests under way end.
pub async fn serve(
    doors: Vec<Door>,
    router: Router,
    tls: Option<ServerConfig>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let room = Arc::new(Semaphore::new(limits.connections));
    let graceful = Arc::new(GracefulShutdown::new());
    let tasks: Vec<_> = doors
        .into_iter()
        .map(|door| {
            let marked = marked(router.clone(), door.environment, tls.is_some());
            let server = Server { router: marked, tls: tls.clone(), limits };
            tokio::spawn(accept(door.listener, server, Arc::clone(&room), Arc::clone(&graceful)))
        })
        .collect();
    stop.await;
    for task in tasks {
        task.abort();
        // It was told to end; what it says to that is of no interest.
        let _aborted = task.await;
    }
    if let Ok(graceful) = Arc::try_unwrap(graceful) {
        // Connections that do not end are cut off with the process.
        let _ended = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
    }
}

/// The router, told what only the socket knows.
fn marked(router: Router, environment: Option<String>, secure: bool) -> Router {
    let environment = environment.and_then(|name| HeaderValue::from_str(&name).ok());
    router.layer(map_request(move |mut request: Request| {
        let environment = environment.clone();
        async move {
            // HTTP/2 has the host in the address.
            let host = request.uri().authority().map(|host| host.as_str().to_owned());
            let headers = request.headers_mut();
            if let Some(host) = host.and_then(|host| HeaderValue::from_str(&host).ok()) {
                headers.insert(HOST, host);
            }
            headers.remove(PORT_ENVIRONMENT);
            if let Some(name) = environment {
                headers.insert(PORT_ENVIRONMENT, name);
            }
            // Behind a proxy that ends TLS its own word counts.
            if secure {
                headers.insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
            }
            request
        }
    }))
}

#[derive(Clone)]
struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

async fn accept(
    listener: TcpListener,
    server: Server,
    room: Arc<Semaphore>,
    graceful: Arc<GracefulShutdown>,
) {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Whoever finds no place waits, and all who come later in the system's queue.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let (server, watcher) = (server.clone(), graceful.watcher());
        tokio::spawn(async move {
            server.connection(stream, from.ip(), watcher).await;
            drop(place);
        });
    }
}

impl Server {
    async fn connection(self, stream: TcpStream, address: IpAddr, watcher: Watcher) {
        // Answers are small: they go out at once.
        let _unset = stream.set_nodelay(true);
        let peer = Peer { address, secure: self.tls.is_some() };
        let Some(tls) = &self.tls else {
            return self.http1(stream, peer, watcher).await;
        };
        let shaken = tokio::time::timeout(self.limits.head, tls.accept(stream)).await;
        match shaken {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                self.http2(stream, peer, watcher).await;
            }
            Ok(Ok(stream)) => self.http1(stream, peer, watcher).await,
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "no TLS handshake");
            }
            Err(_) => tracing::debug!("the TLS handshake took too long"),
        }
    }

    async fn http1(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        watcher: Watcher,
    ) {
        let service = TowerToHyperService::new(Extension(peer).layer(self.router));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service);
        ended(watcher.watch(connection).await);
    }

    async fn http2(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        watcher: Watcher,
    ) {
        let service = TowerToHyperService::new(Extension(peer).layer(self.router));
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.limits.head)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_MAX as u32)
            .serve_connection(TokioIo::new(stream), service);
        ended(watcher.watch(connection).await);
    }
}

fn ended(result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke off");
    }
}
