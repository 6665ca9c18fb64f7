//! Limits of the way out, and how names are looked up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

/// Turns a host name into addresses. The result is judged before anything connects to it.
pub trait Lookup: Send + Sync {
    /// All addresses of `host`, each with `port`.
    fn lookup<'a>(&'a self, host: &'a str, port: u16)
    -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Limits of every call. The defaults are the ones documented for operators.
#[derive(Clone)]
pub struct EgressConfig {
    /// How names become addresses.
    pub lookup: Arc<dyn Lookup>,
    /// Certificates (PEM, one or several per entry) trusted besides those of the system.
    pub extra_roots: Vec<Vec<u8>>,
    /// Limit for resolving, connecting and the TLS handshake.
    pub connect_timeout: Duration,
    /// Limit for a whole call including redirects and the body; a request may ask for another.
    pub timeout: Duration,
    /// Largest response body in bytes.
    pub max_body: usize,
    /// Largest sum of response header names and values in bytes.
    pub max_headers: usize,
    /// Redirects that are followed.
    pub max_redirects: usize,
    /// What we call ourselves.
    pub user_agent: String,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            lookup: Arc::new(SystemLookup),
            extra_roots: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(120),
            max_body: 100 * 1024 * 1024,
            max_headers: 64 * 1024,
            max_redirects: 5,
            user_agent: concat!("connref/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl std::fmt::Debug for EgressConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EgressConfig")
            .field("extra_roots", &self.extra_roots.len())
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .field("max_headers", &self.max_headers)
            .field("max_redirects", &self.max_redirects)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}
