//! Bodies between bytes and flow values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connref_egress::HttpResponse;
use connref_flow::value::{Binary, Value};
use serde_json::Value as Json;

use super::OperationResponse;

/// A response as flows see it.
pub(crate) fn response(response: &HttpResponse) -> OperationResponse {
    let headers = response
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = decode(response.header("content-type"), &response.body);
    OperationResponse { status: response.status, headers, body }
}

/// JSON becomes a value, text a string, anything else `{"$content-type", "$content"}`.
///
/// A body that claims to be JSON and is not stays text: nothing is lost.
pub(crate) fn decode(content_type: Option<&str>, bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let full = content_type.unwrap_or("application/octet-stream");
    let media = full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media == "application/json" || media == "text/json" || media.ends_with("+json") {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        return Value::from_json_str(text).unwrap_or_else(|_| Value::string(text));
    }
    if media.starts_with("text/") {
        return Value::string(text(full, bytes));
    }
    Binary::new(full, bytes).to_value()
}

/// Text in the two encodings that still occur; anything else is read as UTF-8.
fn text(content_type: &str, bytes: &[u8]) -> String {
    let lower = content_type.to_ascii_lowercase();
    if lower.contains("iso-8859-1") || lower.contains("us-ascii") {
        return bytes.iter().map(|b| char::from(*b)).collect();
    }
    let text = String::from_utf8_lossy(bytes);
    text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
}

/// Bytes to send and the content type they imply.
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: Option<String>,
}

/// Why a body cannot be sent.
pub(crate) type BodyProblem = &'static str;

/// Turns a body as a flow writes it into bytes: text as it is, binary decoded, multipart assembled,
/// everything else as JSON.
pub(crate) fn encode(body: &Json) -> Result<Encoded, BodyProblem> {
    let encoded = match body {
        Json::Null => Encoded { bytes: Bytes::new(), content_type: None },
        Json::String(text) => Encoded { bytes: text.clone().into(), content_type: None },
        Json::Object(map) if map.contains_key("$multipart") => multipart(body)?,
        Json::Object(map) if map.contains_key("$content") => binary(body)?,
        other => Encoded {
            bytes: other.to_string().into(),
            content_type: Some("application/json".to_owned()),
        },
    };
    Ok(encoded)
}

/// The bytes of `{"$content-type", "$content"}`.
pub(crate) fn binary(body: &Json) -> Result<Encoded, BodyProblem> {
    let content = body.get("$content").and_then(Json::as_str).ok_or("`$content` is not text")?;
    let bytes = STANDARD.decode(content.trim()).map_err(|_| "`$content` is not base64")?;
    let content_type =
        body.get("$content-type").and_then(Json::as_str).unwrap_or("application/octet-stream");
    Ok(Encoded { bytes: bytes.into(), content_type: Some(content_type.to_owned()) })
}

fn multipart(body: &Json) -> Result<Encoded, BodyProblem> {
    let parts =
        body.get("$multipart").and_then(Json::as_array).ok_or("`$multipart` is not an array")?;
    let mut encoded = Vec::new();
    for part in parts {
        let mut head = String::new();
        for (name, value) in part.get("headers").and_then(Json::as_object).into_iter().flatten() {
            let value = value.as_str().ok_or("a header of a part is not text")?;
            if !token(name) || value.chars().any(char::is_control) {
                return Err("a header of a part holds characters that no header may hold");
            }
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let content = encode(part.get("body").unwrap_or(&Json::Null))?;
        encoded.push((head, content.bytes));
    }
    let boundary = boundary(&encoded);
    let mut bytes = Vec::new();
    for (head, content) in &encoded {
        bytes.extend_from_slice(format!("--{boundary}\r\n{head}\r\n").as_bytes());
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let declared =
        body.get("$content-type").and_then(Json::as_str).unwrap_or("multipart/form-data");
    let media = declared.split(';').next().unwrap_or_default().trim();
    Ok(Encoded { bytes: bytes.into(), content_type: Some(format!("{media}; boundary={boundary}")) })
}

/// A boundary that occurs in no part, the same for the same parts.
fn boundary(parts: &[(String, Bytes)]) -> String {
    let mut n = 0_u32;
    loop {
        let candidate = format!("connref-part-{n}");
        let inside =
            |bytes: &[u8]| bytes.windows(candidate.len()).any(|w| w == candidate.as_bytes());
        if !parts.iter().any(|(head, bytes)| inside(head.as_bytes()) || inside(bytes)) {
            return candidate;
        }
        n += 1;
    }
}

fn token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn content_types_decide() {
        assert_eq!(
            decode(Some("application/json; charset=utf-8"), b"{\"a\":1}").to_json(),
            json!({"a": 1})
        );
        assert_eq!(decode(Some("application/problem+json"), b"[true]").to_json(), json!([true]));
        assert_eq!(decode(Some("application/json"), b"not json").to_json(), json!("not json"));
        assert_eq!(decode(Some("text/plain"), "ä".as_bytes()).to_json(), json!("ä"));
        assert_eq!(decode(Some("text/plain; charset=ISO-8859-1"), &[0xe4]).to_json(), json!("ä"));
        assert_eq!(
            decode(Some("image/png"), &[1, 2]).to_json(),
            json!({"$content-type": "image/png", "$content": "AQI="})
        );
        assert!(decode(Some("application/json"), b"").is_null());
        let deep = "[".repeat(100_000);
        assert_eq!(decode(Some("application/json"), deep.as_bytes()).to_json(), json!(deep));
    }

    #[test]
    fn bodies_encode() {
        let sent = |body: Json| {
            let e = encode(&body).expect("encodes");
            (String::from_utf8(e.bytes.to_vec()).expect("text"), e.content_type)
        };
        assert_eq!(
            sent(json!({"a": 1})),
            ("{\"a\":1}".to_owned(), Some("application/json".to_owned()))
        );
        assert_eq!(sent(json!("x=1")), ("x=1".to_owned(), None));
        assert_eq!(
            sent(json!({"$content-type": "text/csv", "$content": "YQ=="})),
            ("a".to_owned(), Some("text/csv".to_owned()))
        );
        let (text, kind) = sent(json!({"$content-type": "multipart/form-data", "$multipart": [
            {"headers": {"Content-Disposition": "form-data; name=\"f\""}, "body": "connref-part-0"}]}));
        assert_eq!(kind.as_deref(), Some("multipart/form-data; boundary=connref-part-1"));
        assert_eq!(
            text,
            "--connref-part-1\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nconnref-part-0\r\n--connref-part-1--\r\n"
        );
        assert!(encode(&json!({"$content": "%%"})).is_err());
        assert!(encode(&json!({"$multipart": [{"headers": {"a": "b\r\nc: d"}}]})).is_err());
    }
}
