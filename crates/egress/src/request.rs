//! One HTTP exchange as the caller sees it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

/// Whether the client follows redirects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Up to the configured number; credentials stay with the first origin.
    #[default]
    Follow,
    /// A redirect is the response.
    Never,
}

/// A request. `Debug` shows neither headers, path, query nor body.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// `https`, or `http` to an address that the policy names.
    pub url: Url,
    /// The headers; credentials belong here, not in the URL's user part.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Time limit of the whole call; `None` takes the configured one.
    pub timeout: Option<Duration>,
    /// Largest response body in bytes; `None` takes the configured one, which is also the most.
    pub max_body: Option<usize>,
    /// What to do with redirects.
    pub redirects: Redirects,
}

impl HttpRequest {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: None,
            max_body: None,
            redirects: Redirects::Follow,
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A response, read to its end. `Debug` shows neither headers nor body.
#[derive(Clone)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Where the response came from, after redirects.
    pub url: Url,
}

impl HttpResponse {
    /// A header's value if it is present and readable text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
