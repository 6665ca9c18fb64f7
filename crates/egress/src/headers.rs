//! Headers that may leave, and headers that may travel to another origin.

use http::header::{self, HeaderMap, HeaderName};

/// Set by the HTTP client itself; a caller's value could smuggle a second request.
const OWNED: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
];

/// Carry no credential by their nature, so another origin may see them.
const SAFE: [HeaderName; 3] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT];

/// Drops what the client sets itself.
pub(crate) fn strip_owned(headers: &mut HeaderMap) {
    for name in OWNED {
        headers.remove(name);
    }
    for name in ["proxy-connection", "keep-alive", "proxy-authorization"] {
        headers.remove(name);
    }
}

/// Keeps only headers that another origin may see.
pub(crate) fn keep_safe(headers: &mut HeaderMap) {
    let mut kept = HeaderMap::new();
    for name in SAFE {
        if let Some(value) = headers.remove(&name) {
            kept.insert(name, value);
        }
    }
    *headers = kept;
}

/// Bytes of all names and values.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
