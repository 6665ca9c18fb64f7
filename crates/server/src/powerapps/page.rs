//! Lists in pages: `$top` rows, and `nextLink` where the rest is.
use axum::Json;
use serde_json::{Map, Value};

use super::Caller;

/// Rows of a page unless the request asks for fewer.
const PAGE: usize = 1000;
const TOKEN: &str = "$skiptoken";

impl Caller {
    /// The part of `rows` that this page shows, and where the next one begins. Rows are put in the
    /// order of their keys; a page goes on after the key of the last row of the one before, whether
    /// that row is still there or not.
    pub(super) fn page<T>(
        &self,
        mut rows: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        rows.sort_by_cached_key(&key);
        if let Some(after) = self.query.get(TOKEN) {
            let seen = rows.partition_point(|row| key(row) <= *after);
            rows.drain(..seen);
        }
        let top = self.query.get("$top").and_then(|top| top.parse().ok()).unwrap_or(PAGE);
        let top = usize::clamp(top, 1, PAGE);
        if rows.len() <= top {
            return (rows, None);
        }
        rows.truncate(top);
        let next = rows.last().map(|last| self.link(&key(last)));
        (rows, next)
    }

    /// This address with another `$skiptoken`.
    fn link(&self, after: &str) -> String {
        let kept: Vec<&str> = self
            .raw_query
            .split('&')
            .filter(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                !pair.is_empty() && name != TOKEN && !name.eq_ignore_ascii_case("%24skiptoken")
            })
            .collect();
        let after: String = url::form_urlencoded::byte_serialize(after.as_bytes()).collect();
        let token = format!("{TOKEN}={after}");
        let query = kept.into_iter().chain([token.as_str()]).collect::<Vec<_>>().join("&");
        format!("{}?{query}", self.url)
    }
}

/// `{"value": […], "nextLink"?}`.
pub(super) fn listed(value: Vec<Value>, next: Option<String>) -> Json<Value> {
    let mut answer = Map::from_iter([("value".to_owned(), Value::Array(value))]);
    if let Some(next) = next {
        answer.insert("nextLink".to_owned(), next.into());
    }
    Json(Value::Object(answer))
}
