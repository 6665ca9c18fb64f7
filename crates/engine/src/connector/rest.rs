//! One authorised HTTP call of a connector.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_egress::{HttpRequest, HttpResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use serde_json::Value as Json;
use url::Url;

use super::{CallContext, CallError, Credential};

/// Headers that a flow may not set: the connection's identity and the framing are not its business.
const RESERVED: [HeaderName; 4] =
    [header::AUTHORIZATION, header::COOKIE, header::HOST, header::PROXY_AUTHORIZATION];

/// A request under construction.
pub(crate) struct Call {
    pub(crate) request: HttpRequest,
}

impl Call {
    pub(crate) fn new(cx: &CallContext<'_>, method: Method, url: Url) -> Self {
        let mut request = HttpRequest::new(method, url);
        request.timeout = Some(cx.timeout);
        Self { request }
    }

    /// Sets a header whose value is ours.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.request.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Sets a header whose value comes from outside.
    pub(crate) fn text_header(mut self, name: &str, value: &str) -> Result<Self, CallError> {
        insert_header(&mut self.request.headers, name, value)?;
        Ok(self)
    }

    /// Adds a JSON body.
    pub(crate) fn json(mut self, body: &Json) -> Self {
        self.request.body = body.to_string().into();
        self.header("content-type", "application/json")
    }

    /// Adds the connection's credential as `Authorization`.
    pub(crate) fn authorized(mut self, credential: &Credential) -> Result<Self, CallError> {
        if let Some(value) = authorization(credential)? {
            self.request.headers.insert(header::AUTHORIZATION, value);
        }
        Ok(self)
    }

    pub(crate) async fn send(self, cx: &CallContext<'_>) -> Result<HttpResponse, CallError> {
        Ok(cx.egress.http(cx.policy, self.request).await?)
    }
}

/// The `Authorization` value of a bearer or basic credential.
pub(crate) fn authorization(credential: &Credential) -> Result<Option<HeaderValue>, CallError> {
    let text = match credential {
        Credential::Bearer(token) => format!("Bearer {}", token.expose_secret()),
        Credential::Basic { username, password } => {
            format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose_secret())))
        }
        Credential::None => return Ok(None),
        Credential::ApiKey(_) | Credential::Fields(_) => {
            return Err(CallError::credential(
                credential,
                "a bearer token or a user name and password",
            ));
        }
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        CallError::connection("its credential holds characters that no header may hold")
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Sets a header from outside, refusing what would change identity or framing.
pub(crate) fn insert_header(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
) -> Result<(), CallError> {
    let bad = |reason: &str| {
        CallError::parameters("headers", format!("the header `{}` {reason}", short(name)))
    };
    let parsed =
        HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| bad("has no valid name"))?;
    if RESERVED.contains(&parsed) {
        return Err(bad("is set by the connection and cannot be set by a flow"));
    }
    let value =
        HeaderValue::from_str(value).map_err(|_| bad("has a value with control characters"))?;
    headers.insert(parsed, value);
    Ok(())
}

/// Sets all headers of a JSON object from outside.
pub(crate) fn insert_headers(headers: &mut HeaderMap, json: &Json) -> Result<(), CallError> {
    let map = match json {
        Json::Null => return Ok(()),
        Json::Object(map) => map,
        _ => return Err(CallError::parameters("headers", "`headers` must be an object")),
    };
    for (name, value) in map {
        if value.is_null() {
            continue;
        }
        let text = super::parameters::scalar(value).ok_or_else(|| {
            CallError::parameters("headers", format!("the header `{}` must be text", short(name)))
        })?;
        insert_header(headers, name, &text)?;
    }
    Ok(())
}

/// A foreign text cut to a length that fits a message.
pub(crate) fn short(text: &str) -> String {
    let mut cut: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// The URL of an endpoint given as `https://…` or `http://…`.
pub(crate) fn endpoint_url(text: &str) -> Result<Url, CallError> {
    let url: Url = text.trim().parse().map_err(|_| {
        CallError::connection("its endpoint is not a URL such as `https://host/path`")
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(CallError::connection(
            "its endpoint does not begin with `https://` or `http://`",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CallError::connection("its endpoint must not carry a user name or a password"));
    }
    Ok(url)
}

/// Scheme, host and port of `url` for people.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The response's JSON, for calls where we need a field of it.
pub(crate) fn json(response: &HttpResponse) -> Result<Json, CallError> {
    serde_json::from_slice(&response.body)
        .map_err(|_| CallError::protocol("the answer is not JSON"))
}
