//! Parts of absolute URIs.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{Call, Function, Result, strict};
use crate::value::Value;

/// What a path or query writes as an escape.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'^')
    .add(b'|')
    .add(b'\\');

pub(super) const FUNCTIONS: &[Function] = &[
    strict("uriHost", 1, 1, |call| Ok(Value::from(uri(call)?.host))),
    strict("uriPath", 1, 1, |call| call.give(uri(call)?.path)),
    strict("uriPathAndQuery", 1, 1, |call| {
        let uri = uri(call)?;
        call.give(uri.path + &uri.query)
    }),
    strict("uriPort", 1, 1, |call| Ok(Value::Int(uri(call)?.port))),
    strict("uriScheme", 1, 1, |call| Ok(Value::from(uri(call)?.scheme))),
    strict("uriQuery", 1, 1, |call| call.give(uri(call)?.query)),
];

struct Uri {
    scheme: String,
    host: String,
    /// -1 if the scheme has no usual port.
    port: i64,
    path: String,
    query: String,
}

fn uri(call: &Call<'_>) -> Result<Uri> {
    let text = call.text(0)?;
    call.charge(text.len())?;
    parse(text.trim()).ok_or_else(|| {
        call.error(
            "was invoked with a parameter that is not valid. The value must be an absolute URI.",
        )
    })
}

fn parse(text: &str) -> Option<Uri> {
    let (scheme, rest) = text.split_once(':')?;
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(letter) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.split('#').next().unwrap_or_default();
    let (before, query) = match rest.split_once('?') {
        Some((before, query)) => (before, format!("?{query}")),
        None => (rest, String::new()),
    };
    let usual = match scheme.as_str() {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ftp" => 21,
        _ => -1,
    };
    let query = utf8_percent_encode(&query, ESCAPED).to_string();
    let Some(place) = before.strip_prefix("//") else {
        if usual >= 0 {
            return None;
        }
        let path = utf8_percent_encode(before, ESCAPED).to_string();
        return Some(Uri { scheme, host: String::new(), port: usual, path, query });
    };
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let colon = address.rfind(':').filter(|at| !address[*at..].contains(']'));
    let (host, port) = match colon {
        Some(at) if at + 1 < address.len() => {
            (&address[..at], i64::from(address[at + 1..].parse::<u16>().ok()?))
        }
        Some(at) => (&address[..at], usual),
        None => (address, usual),
    };
    if host.is_empty() && usual >= 0 {
        return None;
    }
    let path = if path.is_empty() { "/" } else { path };
    let path = utf8_percent_encode(path, ESCAPED).to_string();
    Some(Uri { scheme, host: host.to_lowercase(), port, path, query })
}
