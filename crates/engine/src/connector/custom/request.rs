//! From flat parameters to one HTTP request.

use connref_egress::HttpRequest;
use connref_solution::connector::{Operation, Parameter, Place};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::super::parameters::{Parameters, scalar};
use super::super::rest::{self, insert_header};
use super::super::{CallContext, CallError, body, encode};
use super::CustomConnector;
use super::authentication;

/// The address that paths are appended to. The endpoint of a connection replaces scheme, host and
/// port, and stands in front of the path if it has one of its own.
pub(super) fn base(
    connector: &CustomConnector,
    cx: &CallContext<'_>,
    operation: &str,
) -> Result<Url, CallError> {
    let definition = &connector.definition;
    let public = match connector.policies.host(operation, cx) {
        Ok(Some(host)) => Some(host),
        Ok(None) => definition
            .host
            .as_ref()
            .map(|host| format!("{}://{host}{}", definition.scheme, definition.base_path)),
        // With an endpoint the public host does not matter.
        Err(_) if cx.target.endpoint.is_some() => None,
        Err(error) => return Err(error),
    };
    let public = public.map(|text| rest::endpoint_url(&text)).transpose()?;
    let Some(endpoint) = &cx.target.endpoint else {
        return public.ok_or_else(|| {
            CallError::connection("the definition names no host: set the connection's endpoint")
        });
    };
    let mut url = rest::endpoint_url(endpoint)?;
    let path = public.as_ref().map_or(definition.base_path.as_str(), Url::path).to_owned();
    let joined = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    url.set_query(None);
    Ok(url)
}

pub(super) fn build(
    connector: &CustomConnector,
    cx: &CallContext<'_>,
    operation: &Operation,
    p: &Parameters<'_>,
) -> Result<HttpRequest, CallError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    if let Ok(key) = HeaderValue::from_str(cx.idempotency_key) {
        headers.insert(HeaderName::from_static("x-ms-client-tracking-id"), key);
    }
    let mut query = Vec::new();
    let mut path = operation.path.clone();
    let mut content = None;
    let mut form = Vec::new();
    for parameter in &operation.parameters {
        if parameter.place == Place::Body {
            content = body_of(parameter, p)?;
            continue;
        }
        let Some(value) = value_of(parameter, p)? else { continue };
        match parameter.place {
            Place::Path => path = put_in_path(&path, parameter, &value, p)?,
            Place::Query => put_in_query(&mut query, parameter, &value, p)?,
            Place::Header => {
                insert_header(&mut headers, &parameter.name, &text_of(parameter, &value, p)?)?;
            }
            Place::Form => form.push((parameter, value)),
            Place::Body => {}
        }
    }
    let mut method = Method::from_bytes(operation.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| p.error("the definition's method cannot be sent"))?;
    if let Some((routed, other)) = connector.policies.route(&operation.id, cx)? {
        path = fill(&routed, operation, p)?;
        method = other.unwrap_or(method);
    }
    authentication::apply(connector, cx, operation, &mut headers, &mut query)?;
    connector.policies.request(&operation.id, cx, &mut headers, &mut query)?;
    let url = address(&base(connector, cx, &operation.id)?, &path, query, p)?;
    let mut request = HttpRequest::new(method, url);
    if let Some(mut json) = content {
        connector.policies.body(&operation.id, cx, &mut json)?;
        attach(&mut headers, &mut request, &json, operation, p)?;
    } else if !form.is_empty() {
        let json = form_body(&form, operation, p)?;
        attach(&mut headers, &mut request, &json, operation, p)?;
    }
    request.headers = headers;
    Ok(request)
}

/// Base and path joined as text, so that a path cannot climb or change the host.
fn address(
    base: &Url,
    path: &str,
    query: Vec<(String, String)>,
    p: &Parameters<'_>,
) -> Result<Url, CallError> {
    let (path, own) = path.split_once('?').map_or((path, None), |(a, b)| (a, Some(b)));
    let root = base.as_str().trim_end_matches('/');
    let mut text = format!("{root}/{}", path.trim_start_matches('/'));
    let pairs: Vec<String> =
        query.into_iter().map(|(n, v)| format!("{}={}", encode::odata(&n), v)).collect();
    let all: Vec<&str> = own.into_iter().chain(pairs.iter().map(String::as_str)).collect();
    if !all.is_empty() {
        text.push('?');
        text.push_str(&all.join("&"));
    }
    let url: Url = text.parse().map_err(|_| p.error("the request has no valid address"))?;
    if url.origin() != base.origin() {
        return Err(p.error("the request would leave the connection's host"));
    }
    Ok(url)
}

/// A parameter's value: the flow's, else the definition's default.
fn value_of(parameter: &Parameter, p: &Parameters<'_>) -> Result<Option<Json>, CallError> {
    let value = p.get(&parameter.name).cloned().or_else(|| parameter.default.clone());
    match value {
        None if parameter.required => Err(p.error(format!("`{}` is missing", parameter.name))),
        other => Ok(other),
    }
}

/// A value as one text; lists are joined as the definition says.
fn text_of(parameter: &Parameter, value: &Json, p: &Parameters<'_>) -> Result<String, CallError> {
    let bad = || {
        p.error(format!(
            "`{}` must be text, a number, a truth value or a list of them",
            parameter.name
        ))
    };
    if let Json::Array(list) = value {
        let sign = match parameter.collection.as_str() {
            "ssv" => " ",
            "tsv" => "\t",
            "pipes" => "|",
            _ => ",",
        };
        let parts: Option<Vec<String>> = list.iter().map(scalar).collect();
        return Ok(parts.ok_or_else(bad)?.join(sign));
    }
    scalar(value).ok_or_else(bad)
}

fn encoded(parameter: &Parameter, text: &str) -> String {
    let once = encode::component(text);
    if parameter.double { encode::component(&once) } else { once }
}

fn put_in_path(
    path: &str,
    parameter: &Parameter,
    value: &Json,
    p: &Parameters<'_>,
) -> Result<String, CallError> {
    let text = text_of(parameter, value, p)?;
    if text.is_empty() {
        return Err(p.error(format!("`{}` is empty and stands in the address", parameter.name)));
    }
    // A URL parser reads these as steps, however they are encoded.
    if text == "." || text == ".." {
        return Err(p.error(format!("`{}` cannot be `.` or `..`", parameter.name)));
    }
    Ok(path.replace(&format!("{{{}}}", parameter.name), &encoded(parameter, &text)))
}

fn put_in_query(
    query: &mut Vec<(String, String)>,
    parameter: &Parameter,
    value: &Json,
    p: &Parameters<'_>,
) -> Result<(), CallError> {
    if let (Json::Array(list), "multi") = (value, parameter.collection.as_str()) {
        for item in list {
            query.push((parameter.name.clone(), encoded(parameter, &text_of(parameter, item, p)?)));
        }
        return Ok(());
    }
    query.push((parameter.name.clone(), encoded(parameter, &text_of(parameter, value, p)?)));
    Ok(())
}

/// Path parameters in a routed path.
fn fill(path: &str, operation: &Operation, p: &Parameters<'_>) -> Result<String, CallError> {
    let mut path = path.to_owned();
    for parameter in operation.parameters.iter().filter(|q| q.place == Place::Path) {
        if let Some(value) = value_of(parameter, p)? {
            path = put_in_path(&path, parameter, &value, p)?;
        }
    }
    Ok(path)
}

/// The body: the whole parameter, or an object of its parts; hidden properties are filled in.
fn body_of(parameter: &Parameter, p: &Parameters<'_>) -> Result<Option<Json>, CallError> {
    let whole = p.get(&parameter.name).filter(|v| !v.is_object()).cloned();
    if whole.is_some() {
        return Ok(whole);
    }
    let given = p.under(&parameter.name)?;
    if given.is_empty() && parameter.hidden.is_empty() {
        return match (&parameter.default, parameter.required, p.get(&parameter.name)) {
            (_, _, Some(empty)) => Ok(Some(empty.clone())),
            (Some(default), _, None) => Ok(Some(default.clone())),
            (None, true, None) => Ok(Some(Json::Object(Map::new()))),
            (None, false, None) => Ok(None),
        };
    }
    let mut object = Json::Object(given);
    for (path, value) in &parameter.hidden {
        fill_hidden(&mut object, path, value);
    }
    Ok(Some(object))
}

fn fill_hidden(node: &mut Json, path: &[String], value: &Json) {
    let (Json::Object(map), Some((first, rest))) = (node, path.split_first()) else { return };
    if rest.is_empty() {
        map.entry(first.as_str()).or_insert_with(|| value.clone());
        return;
    }
    fill_hidden(map.entry(first.as_str()).or_insert_with(|| Json::Object(Map::new())), rest, value);
}

/// Form fields as text, or as multipart where the operation wants it or a file is among them.
fn form_body(
    form: &[(&Parameter, Json)],
    operation: &Operation,
    p: &Parameters<'_>,
) -> Result<Json, CallError> {
    let multipart = form.iter().any(|(q, _)| q.file)
        || operation.consumes.iter().any(|c| c.starts_with("multipart/"));
    if !multipart {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for (parameter, value) in form {
            pairs.append_pair(&parameter.name, &text_of(parameter, value, p)?);
        }
        return Ok(Json::String(pairs.finish()));
    }
    let mut parts = Vec::new();
    for (parameter, value) in form {
        let name = parameter.name.replace(['"', '\r', '\n'], "_");
        let file = if parameter.file { format!("; filename=\"{name}\"") } else { String::new() };
        let body = if value.is_object() {
            value.clone()
        } else {
            Json::String(text_of(parameter, value, p)?)
        };
        parts.push(json!({ "headers": { "Content-Disposition": format!("form-data; name=\"{name}\"{file}") }, "body": body }));
    }
    Ok(json!({ "$content-type": "multipart/form-data", "$multipart": parts }))
}

fn attach(
    headers: &mut HeaderMap,
    request: &mut HttpRequest,
    json: &Json,
    operation: &Operation,
    p: &Parameters<'_>,
) -> Result<(), CallError> {
    let encoded = body::encode(json).map_err(|reason| p.error(reason))?;
    request.body = encoded.bytes;
    let declared = operation.consumes.first().cloned();
    let form = operation.parameters.iter().any(|q| q.place == Place::Form);
    let kind = match encoded.content_type {
        // Assembled or decoded bodies know their type; JSON may have a more special one.
        Some(kind) if kind != "application/json" => kind,
        Some(kind) => declared.filter(|d| d.contains("json")).unwrap_or(kind),
        None if form => "application/x-www-form-urlencoded".to_owned(),
        None => declared.unwrap_or_else(|| "application/json".to_owned()),
    };
    if !headers.contains_key(header::CONTENT_TYPE) {
        let value =
            HeaderValue::try_from(kind).map_err(|_| p.error("the content type is not valid"))?;
        headers.insert(header::CONTENT_TYPE, value);
    }
    Ok(())
}
