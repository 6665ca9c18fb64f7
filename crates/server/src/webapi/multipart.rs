//! The format of batches: MIME parts with an HTTP message in each, and parts that hold parts.
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;

/// Longest boundary.
const BOUNDARY_MAX: usize = 200;
/// Most headers of a part or a message.
const HEADERS_MAX: usize = 64;

/// A part: its own headers, and what follows them.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Headers.
    pub headers: HeaderMap,
    /// Everything after the empty line.
    pub body: &'a [u8],
}

impl Part<'_> {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An HTTP request written out.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// Method, as written.
    pub method: &'a str,
    /// Address, as written.
    pub address: &'a str,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: &'a [u8],
}

/// The boundary in a content type, if it is `multipart/mixed`; quoted or not.
///
/// # Errors
/// `multipart/mixed` without a usable boundary.
pub(super) fn boundary(content_type: &str) -> Result<Option<String>, Fault> {
    let mut parameters = content_type.split(';').map(str::trim);
    if !parameters.next().is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/mixed")) {
        return Ok(None);
    }
    let boundary = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim().trim_matches('"'))
        .filter(|value| !value.is_empty() && value.len() <= BOUNDARY_MAX)
        .filter(|value| value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
    match boundary {
        Some(boundary) => Ok(Some(boundary.to_owned())),
        None => Err(Fault::payload("The content type `multipart/mixed` names no boundary.")),
    }
}

/// The parts between delimiters. What stands before the first and after the last is no part.
///
/// # Errors
/// No last delimiter, more parts than allowed, headers that are none.
pub(super) fn parts<'a>(
    body: &'a [u8],
    boundary: &str,
    most: usize,
) -> Result<Vec<Part<'a>>, Fault> {
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at < body.len() {
        let end = line_end(body, at);
        if let Some(last) = delimiter(&body[at..end], boundary) {
            if let Some(start) = start {
                if parts.len() == most {
                    return Err(Fault::payload(format!(
                        "The maximum number of {most} requests in a batch is exceeded."
                    )));
                }
                parts.push(part(without_break(&body[start..at]))?);
            }
            start = Some(end);
            if last {
                return Ok(parts);
            }
        }
        at = end;
    }
    Err(Fault::payload(format!("The batch does not end with `--{boundary}--`.")))
}

/// Where the line that begins at `at` ends, its break included.
fn line_end(body: &[u8], at: usize) -> usize {
    body[at..].iter().position(|byte| *byte == b'\n').map_or(body.len(), |line| at + line + 1)
}

/// Whether a line is a delimiter, and if so whether it is the last.
fn delimiter(line: &[u8], boundary: &str) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary.as_bytes())?;
    match rest.trim_ascii_end() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// The break before a delimiter belongs to the delimiter.
fn without_break(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(text)
}

fn part(text: &[u8]) -> Result<Part<'_>, Fault> {
    let (headers, body) = headers(text)?;
    Ok(Part { headers, body })
}

/// Headers up to the empty line, and what follows it.
fn headers(text: &[u8]) -> Result<(HeaderMap, &[u8]), Fault> {
    let mut headers = HeaderMap::new();
    let mut at = 0;
    while at < text.len() {
        let end = line_end(text, at);
        let line = text[at..end].trim_ascii_end();
        at = end;
        if line.is_empty() {
            break;
        }
        let fault = || {
            let shown: String = String::from_utf8_lossy(line).chars().take(60).collect();
            Fault::payload(format!("`{shown}` is not a header."))
        };
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(fault)?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii()).map_err(|_| fault())?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| fault())?;
        if headers.len() == HEADERS_MAX {
            return Err(Fault::payload(format!("A message has at most {HEADERS_MAX} headers.")));
        }
        headers.append(name, value);
    }
    Ok((headers, &text[at..]))
}

/// Reads a request: method, address and version in the first line, then headers and body.
///
/// # Errors
/// A first line or headers that are none.
pub(super) fn message(text: &[u8]) -> Result<Message<'_>, Fault> {
    let text = text.trim_ascii_start();
    let end = line_end(text, 0);
    let fault = || Fault::payload("A part of the batch does not begin with a request line.");
    let line = std::str::from_utf8(&text[..end]).map_err(|_| fault())?.trim();
    let (method, rest) = line.split_once(' ').ok_or_else(fault)?;
    // Clients leave spaces in addresses; the version is the last word, if it is there.
    let address = match rest.rsplit_once(' ') {
        Some((address, version)) if version.starts_with("HTTP/") => address,
        _ => rest,
    };
    let (headers, body) = headers(&text[end..])?;
    Ok(Message { method, address: address.trim(), headers, body: without_break(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_quoted_and_not() {
        let read = |text: &str| boundary(text).ok();
        assert_eq!(read("multipart/mixed; boundary=a_b"), Some(Some("a_b".into())));
        assert_eq!(
            read("Multipart/Mixed;charset=utf-8;BOUNDARY=\"a b\""),
            Some(Some("a b".into()))
        );
        assert_eq!(read("application/http"), Some(None));
        assert_eq!(read("multipart/mixed"), None);
        assert_eq!(read("multipart/mixed; boundary="), None);
    }

    #[test]
    fn parts_with_preamble_either_break_and_a_body_that_looks_like_a_delimiter() {
        let text = b"\r\nignored\r\n--b\r\nContent-Type: application/http\r\n\r\nGET x?$filter=a eq 1 HTTP/1.1\r\nAccept: y\r\n\r\n--b--c\r\n--b\nA:1\n\nDELETE x(1)\n\n--b--\r\nafter";
        let found = parts(text, "b", 10).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].header("content-type"), Some("application/http"));
        let first = message(found[0].body).unwrap();
        assert_eq!((first.method, first.address), ("GET", "x?$filter=a eq 1"));
        assert_eq!(first.headers["accept"], "y");
        assert_eq!(first.body, b"--b--c");
        let second = message(found[1].body).unwrap();
        assert_eq!((second.method, second.address, second.body), ("DELETE", "x(1)", &b""[..]));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for text in ["", "--b", "--b\r\nx\r\n", "--b\r\nno header\r\n--b--"] {
            assert!(parts(text.as_bytes(), "b", 10).is_err(), "{text:?}");
        }
        assert!(parts(b"--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--", "b", 1).is_err());
        assert_eq!(parts(b"--b--", "b", 1).unwrap().len(), 0);
        assert!(message(b"GET").is_err());
    }
}
