//! Percent-encoding for paths and queries (RFC 3986).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// OData readers expect these in keys, and they cannot end a path segment or a query.
const ODATA: &AsciiSet = &UNRESERVED
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b'$')
    .remove(b'=')
    .remove(b'*');

/// Encodes one path segment or query value; only unreserved characters stay.
pub(crate) fn component(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Encodes a path segment with an OData key.
pub(crate) fn odata(text: &str) -> String {
    utf8_percent_encode(text, ODATA).to_string()
}

/// A query string without the question mark. Names keep their `$`.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let encoded: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", odata(name), component(&value)))
        .collect();
    encoded.join("&")
}
