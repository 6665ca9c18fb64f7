//! Answers on the wire.
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::Asked;
use crate::protection::Left;

const JSON: &str = "application/json; odata.metadata=minimal";

/// 200 with JSON.
pub(super) fn json(asked: &Asked, value: &impl Serialize) -> Response {
    let mut response = whole(StatusCode::OK, JSON, written(value));
    applied(asked, &mut response, true);
    response
}

/// 200 or 201 with a row.
pub(super) fn row(asked: &Asked, status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = whole(status, JSON, written(value));
    applied(asked, &mut response, asked.method == http::Method::GET);
    response
}

fn written(value: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    serde_json::to_writer(&mut text, value).expect("what is answered has names that are texts");
    text
}

/// 200 with plain text.
pub(super) fn text(text: String) -> Response {
    whole(StatusCode::OK, "text/plain", text)
}

/// 200 with XML.
pub(super) fn xml(text: String) -> Response {
    whole(StatusCode::OK, "application/xml", text)
}

/// 204.
pub(super) fn nothing() -> Response {
    empty(StatusCode::NO_CONTENT)
}

/// 304.
pub(super) fn not_modified() -> Response {
    empty(StatusCode::NOT_MODIFIED)
}

/// What is left of the caller's share of the service.
pub(super) fn left(response: &mut Response, left: &Left) {
    for (name, value) in [
        ("x-ms-ratelimit-burst-remaining-xrm-requests", left.requests),
        ("x-ms-ratelimit-time-remaining-xrm-requests", left.execution),
    ] {
        response.headers_mut().insert(name, HeaderValue::from(value));
    }
}

/// Names the row that was written, where clients look for its id.
pub(super) fn entity_id(response: &mut Response, address: &str, created: bool) {
    // An address that cannot be a header has no row: keys are GUIDs.
    let Ok(value) = HeaderValue::from_str(address) else { return };
    if created {
        response.headers_mut().insert("Location", value.clone());
    }
    response.headers_mut().insert("OData-EntityId", value);
}

fn applied(asked: &Asked, response: &mut Response, rows: bool) {
    if let Some(applied) = asked.prefer.applied(rows)
        && let Ok(value) = HeaderValue::from_str(&applied)
    {
        response.headers_mut().insert("Preference-Applied", value);
    }
}

fn empty(status: StatusCode) -> Response {
    Response::builder()
        .status(status)
        .header("OData-Version", "4.0")
        .body(Body::empty())
        .expect("the headers are constants")
}

fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .header("OData-Version", "4.0")
        .body(body.into())
        .expect("the headers are constants")
}
