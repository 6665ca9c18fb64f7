//! The `Http` action: a call without a connection.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_egress::oauth::{Audience, ClientCredentials, client_credentials};
use connref_egress::{Egress, HttpRequest, Policy};
use connref_flow::value::Value;
use http::{HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use url::Url;

use super::rest::insert_headers;
use super::{CallError, OperationResponse, body, encode, parameters};

const ACTION: &str = "Http";
/// Where `ActiveDirectoryOAuth` asks unless it names an authority.
const DEFAULT_AUTHORITY: &str = "https://login.microsoftonline.com";

/// One `Http` action with its expressions evaluated.
#[derive(Clone, Debug)]
pub struct HttpCall<'a> {
    /// The method.
    pub method: &'a str,
    /// The absolute address.
    pub uri: &'a str,
    /// An object of headers, or null.
    pub headers: &'a Value,
    /// An object of query parameters that are added to the address, or null.
    pub queries: &'a Value,
    /// The body: text, JSON, `{"$content-type","$content"}`, `{"$multipart"}`, or null.
    pub body: &'a Value,
    /// The `authentication` object, or null. Never logged here.
    pub authentication: &'a Value,
    /// Sent as `x-ms-client-tracking-id`, so that a target can recognise a repetition.
    pub idempotency_key: &'a str,
    /// Time limit.
    pub timeout: Duration,
}

/// Performs an `Http` action.
///
/// # Errors
/// If the call cannot be built, is refused, or gets no response.
pub async fn http_call(
    egress: &Egress,
    policy: &Policy,
    call: &HttpCall<'_>,
) -> Result<OperationResponse, CallError> {
    let request = build(egress, policy, call).await?;
    let response = egress.http(policy, request).await?;
    Ok(body::response(&response))
}

async fn build(
    egress: &Egress,
    policy: &Policy,
    call: &HttpCall<'_>,
) -> Result<HttpRequest, CallError> {
    let bad = |reason: &str| CallError::parameters(ACTION, reason);
    let method = Method::from_bytes(call.method.trim().to_ascii_uppercase().as_bytes())
        .ok()
        .filter(|m| *m != Method::CONNECT && *m != Method::TRACE)
        .ok_or_else(|| bad("`method` is not a method that can be sent"))?;
    let mut url: Url =
        call.uri.trim().parse().map_err(|_| bad("`uri` is not an absolute address"))?;
    add_queries(&mut url, &call.queries.to_json())?;
    let mut request = HttpRequest::new(method, url);
    request.timeout = Some(call.timeout);
    let encoded = body::encode(&call.body.to_json()).map_err(bad)?;
    request.body = encoded.bytes;
    if let Ok(key) = HeaderValue::from_str(call.idempotency_key) {
        request.headers.insert("x-ms-client-tracking-id", key);
    }
    // `Authorization` is this action's own to set: there is no connection whose identity it could change.
    let mut headers = call.headers.to_json();
    let own = take_authorization(&mut headers)?;
    insert_headers(&mut request.headers, &headers)?;
    if let Some(kind) = encoded.content_type {
        let multipart = kind.starts_with("multipart/");
        if multipart || !request.headers.contains_key(header::CONTENT_TYPE) {
            let value = HeaderValue::from_str(&kind)
                .map_err(|_| bad("the body's `$content-type` is not valid"))?;
            request.headers.insert(header::CONTENT_TYPE, value);
        }
    }
    let authorization = authenticate(egress, policy, call).await?.or(own);
    if let Some(mut value) = authorization {
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

fn take_authorization(headers: &mut Json) -> Result<Option<HeaderValue>, CallError> {
    let Json::Object(map) = headers else { return Ok(None) };
    let name = map.keys().find(|k| k.trim().eq_ignore_ascii_case("authorization")).cloned();
    let Some(value) = name.and_then(|n| map.shift_remove(&n)) else { return Ok(None) };
    let Some(text) = parameters::scalar(&value) else { return Ok(None) };
    let value = HeaderValue::try_from(text).map_err(|_| {
        CallError::parameters(
            ACTION,
            "the header `Authorization` has a value with control characters",
        )
    })?;
    Ok(Some(value))
}

fn add_queries(url: &mut Url, queries: &Json) -> Result<(), CallError> {
    let map = match queries {
        Json::Null => return Ok(()),
        Json::Object(map) => map,
        _ => return Err(CallError::parameters(ACTION, "`queries` must be an object")),
    };
    let mut pairs = Vec::new();
    for (name, value) in map.iter().filter(|(_, v)| !v.is_null()) {
        let text = parameters::scalar(value).unwrap_or_else(|| value.to_string());
        pairs.push((name.as_str(), text));
    }
    if pairs.is_empty() {
        return Ok(());
    }
    let added = encode::query(pairs);
    let query = match url.query() {
        Some(old) if !old.is_empty() => format!("{old}&{added}"),
        _ => added,
    };
    url.set_query(Some(&query));
    Ok(())
}

/// The `Authorization` value that the `authentication` object asks for.
async fn authenticate(
    egress: &Egress,
    policy: &Policy,
    call: &HttpCall<'_>,
) -> Result<Option<HeaderValue>, CallError> {
    let json = call.authentication.to_json();
    let map = match &json {
        Json::Null => return Ok(None),
        Json::Object(map) => map,
        _ => return Err(CallError::parameters(ACTION, "`authentication` must be an object")),
    };
    let get = |name: &str| {
        let found = map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        found.and_then(Json::as_str)
    };
    let need = |name: &str| {
        get(name).ok_or_else(|| {
            CallError::parameters(ACTION, format!("`authentication.{name}` is missing or no text"))
        })
    };
    let kind = get("type").unwrap_or("None");
    let text = match kind.to_ascii_lowercase().as_str() {
        "none" => return Ok(None),
        "basic" => {
            let pair = format!("{}:{}", need("username")?, get("password").unwrap_or_default());
            format!("Basic {}", STANDARD.encode(pair))
        }
        "raw" => need("value")?.to_owned(),
        "activedirectoryoauth" => {
            if get("secret").is_none() && get("pfx").is_some() {
                return Err(CallError::unsupported(
                    ACTION,
                    "authentication with a certificate is not offered; use a client secret",
                ));
            }
            let grant = ClientCredentials {
                token_url: token_url(get("authority"), need("tenant")?)?,
                client_id: need("clientId")?.to_owned(),
                secret: SecretString::from(need("secret")?.to_owned()),
                audience: Audience::Resource(need("audience")?.to_owned()),
                timeout: call.timeout,
            };
            let token = client_credentials(egress, policy, &grant)
                .await
                .map_err(CallError::Authentication)?;
            format!("Bearer {}", token.access_token.expose_secret())
        }
        "clientcertificate" => {
            return Err(CallError::unsupported(
                "ClientCertificate",
                "authentication with a client certificate is not offered",
            ));
        }
        "managedserviceidentity" => {
            return Err(CallError::unsupported(
                "ManagedServiceIdentity",
                "there is no managed identity outside of Azure; use `ActiveDirectoryOAuth`",
            ));
        }
        _ => return Err(CallError::unsupported(ACTION, "the authentication type is not known")),
    };
    HeaderValue::try_from(text).map(Some).map_err(|_| {
        CallError::parameters(ACTION, "the authentication value holds control characters")
    })
}

fn token_url(authority: Option<&str>, tenant: &str) -> Result<Url, CallError> {
    let authority = authority.map(str::trim).filter(|a| !a.is_empty()).unwrap_or(DEFAULT_AUTHORITY);
    let base = authority.trim_end_matches('/');
    format!("{base}/{}/oauth2/token", encode::component(tenant))
        .parse()
        .map_err(|_| CallError::parameters(ACTION, "`authentication.authority` is not an address"))
}
