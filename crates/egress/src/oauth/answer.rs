//! One exchange with an authorization server: a form goes out, a JSON object comes back.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::Serializer;

use super::OAuthError;
use crate::client::Egress;
use crate::policy::Policy;
use crate::request::{HttpRequest, HttpResponse, Redirects};

/// Largest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;
/// Longest part of a name that is repeated in an error.
const MAX_SHOWN: usize = 200;

/// What to send.
pub(super) struct Exchange<'a> {
    pub(super) url: &'a Url,
    /// Name and value; empty for a GET.
    pub(super) form: Vec<(&'static str, &'a str)>,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
}

/// Posts the form (or gets, without one) and reads the object of a 200.
pub(super) async fn exchange(
    egress: &Egress,
    policy: &Policy,
    exchange: Exchange<'_>,
) -> Result<Map<String, Value>, OAuthError> {
    let method = if exchange.form.is_empty() { Method::GET } else { Method::POST };
    let mut request = HttpRequest::new(method, exchange.url.clone());
    request.redirects = Redirects::Never;
    request.timeout = Some(exchange.timeout);
    request.max_body = Some(MAX_ANSWER);
    request.headers = exchange.headers;
    if !exchange.form.is_empty() {
        // The serializer does not live across the await below.
        request.body = Serializer::new(String::new()).extend_pairs(&exchange.form).finish().into();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(header::CONTENT_TYPE, form);
    }
    request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let response = egress.http(policy, request).await.map_err(OAuthError::Egress)?;
    read(exchange.url.host_str().unwrap_or_default(), &response)
}

fn read(host: &str, response: &HttpResponse) -> Result<Map<String, Value>, OAuthError> {
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let page = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    if (300..400).contains(&response.status) {
        return Err(OAuthError::malformed(host, "it redirects, which such an endpoint never does"));
    }
    if page && response.status < 400 {
        return Err(OAuthError::malformed(
            host,
            "it answers with a web page; the address is probably not the endpoint's",
        ));
    }
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    if response.status != 200 {
        let code = match &json {
            Some(json) => error_code(json),
            None if page => "a web page, no error code".to_owned(),
            None => "no error code".to_owned(),
        };
        return Err(OAuthError::Refused { host: host.to_owned(), status: response.status, code });
    }
    match json {
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(OAuthError::malformed(host, "the answer is no JSON object")),
        None => Err(OAuthError::malformed(host, "the answer is not JSON")),
    }
}

/// The registered error code plus the vendor's `AADSTS…` number, and nothing else of the answer.
fn error_code(json: &Value) -> String {
    let code = plain_code(json.get("error").and_then(Value::as_str).unwrap_or_default());
    let text = json.get("error_description").and_then(Value::as_str).unwrap_or_default();
    let digits = text
        .strip_prefix("AADSTS")
        .map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).take(12).count());
    if digits == 0 { code.to_owned() } else { format!("{code}, {}", &text[..6 + digits]) }
}

/// The code itself if it looks like one.
pub(super) fn plain_code(code: &str) -> &str {
    let plain =
        (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if plain { code } else { "unreadable error code" }
}

/// A name from outside as an error may show it: short and printable.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Whether a text can stand in a header and is not empty.
pub(super) fn header_safe(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (0x21..0x7f).contains(&b))
}

/// Seconds as a number, or as text in the older Azure endpoints.
pub(super) fn seconds(field: Option<&Value>) -> Option<u64> {
    let field = field?;
    field.as_u64().or_else(|| field.as_str().and_then(|text| text.parse().ok()))
}
