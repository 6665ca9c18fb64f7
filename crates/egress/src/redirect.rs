//! What the next hop of a redirect may carry.

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use url::Url;

use crate::error::EgressError;
use crate::headers;

/// One request of a redirect chain.
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Hop {
    /// The hop that a redirect asks for, or `None` if the response is no redirect.
    ///
    /// Methods change as in the Fetch standard. Another origin (scheme, host or port) gets neither
    /// credentials nor a body: a redirect that would need one is refused.
    pub(crate) fn next(self, status: u16, response: &HeaderMap) -> Result<Redirect, EgressError> {
        let location = match status {
            301 | 302 | 303 | 307 | 308 => response.get(header::LOCATION),
            _ => None,
        };
        let Some(location) = location else { return Ok(Redirect::None(self)) };
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let bad = |reason: &str| EgressError::refused(&host, format!("its redirect {reason}"));
        let location = location.to_str().map_err(|_| bad("has an unreadable location"))?;
        let mut url = self.url.join(location).map_err(|_| bad("has an invalid location"))?;
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("carries a user name"));
        }
        match (self.url.scheme(), url.scheme()) {
            ("https", "https") | ("http", "http" | "https") => {}
            ("https", "http") => return Err(bad("leads from https to http")),
            _ => return Err(bad("leads to neither http nor https")),
        }
        let mut next = Self { url, ..self.with_method(status) };
        if host_changed(&host, &self.url, &next.url) {
            if next.method != Method::GET && next.method != Method::HEAD {
                return Err(bad("would send the request's content to another origin"));
            }
            next.body = Bytes::new();
            headers::keep_safe(&mut next.headers);
        }
        Ok(Redirect::To(next))
    }

    fn with_method(&self, status: u16) -> Self {
        let to_get = match status {
            301 | 302 => self.method == Method::POST,
            303 => self.method != Method::GET && self.method != Method::HEAD,
            _ => false,
        };
        let mut headers = self.headers.clone();
        if to_get {
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_ENCODING);
        }
        Self {
            method: if to_get { Method::GET } else { self.method.clone() },
            url: self.url.clone(),
            headers,
            body: if to_get { Bytes::new() } else { self.body.clone() },
        }
    }
}

/// Whether there is a next hop; gives the hop back if not.
pub(crate) enum Redirect {
    None(Hop),
    To(Hop),
}

fn host_changed(host: &str, from: &Url, to: &Url) -> bool {
    from.scheme() != to.scheme()
        || to.host_str() != Some(host)
        || from.port_or_known_default() != to.port_or_known_default()
}
