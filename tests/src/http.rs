//! A bare HTTP/1.1 client: what it sends is written out here, so that no library of the program
//! under test stands between a test and the server.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("no JSON ({error}): {}", String::from_utf8_lossy(&self.body))
        })
    }
}

/// Sends one request to loopback.
///
/// # Panics
/// If the server does not answer.
#[must_use]
#[track_caller]
pub fn send(
    port: u16,
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    let body = body.map(|body| ("application/json", body.to_string()));
    exchange(port, (host, method, path), headers, body)
}

/// Posts a form to loopback.
///
/// # Panics
/// If the server does not answer.
#[must_use]
#[track_caller]
pub fn form(
    port: u16,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
    fields: &[(&str, &str)],
) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let body = Some(("application/x-www-form-urlencoded", body));
    exchange(port, (host, "POST", path), headers, body)
}

#[track_caller]
fn exchange(
    port: u16,
    (host, method, path): (&str, &str, &str),
    headers: &[(&str, &str)],
    body: Option<(&str, String)>,
) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
    // A request line has no blanks; tests are easier to read with them.
    let path = path.replace(' ', "%20");
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let (kind, body) = body.unwrap_or_default();
    if !body.is_empty() {
        request += &format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len());
    } else if method != "GET" {
        request += "content-length: 0\r\n";
    }
    request += "\r\n";
    request += &body;
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).expect("the server answers");
    parse(&raw)
}

#[track_caller]
pub(crate) fn parse(raw: &[u8]) -> Answer {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|s| s.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &raw[end + 4..];
    let chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v.contains("chunked"));
    let body = if chunked { unchunk(rest) } else { rest.to_vec() };
    Answer { status: status.expect("an answer has a status"), headers, body }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size =
            usize::from_str_radix(size.split(';').next().unwrap_or("0").trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}
