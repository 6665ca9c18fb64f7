//! Flat parameters of a call.

use std::sync::Arc;

use connref_flow::value::{Object, Value};
use serde_json::{Map, Value as Json};

use super::CallError;

/// Deepest nesting that a flat name may describe.
const MAX_SEGMENTS: usize = 32;

/// The parameters of one operation, read as JSON.
pub(crate) struct Parameters<'a> {
    operation: &'a str,
    map: Map<String, Json>,
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(operation: &'a str, parameters: &Object) -> Self {
        let map = match Value::Object(Arc::new(parameters.clone())).to_json() {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        Self { operation, map }
    }

    /// A value that is present and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.map.get(name).filter(|v| !v.is_null())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.map.iter()
    }

    /// A scalar as text; blank text counts as absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, CallError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = scalar(value).ok_or_else(|| {
            self.error(format!("`{name}` must be text, a number or a truth value"))
        })?;
        Ok(Some(text).filter(|t| !t.trim().is_empty()))
    }

    /// A scalar as text that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, CallError> {
        self.text(name)?.ok_or_else(|| self.error(format!("`{name}` is missing")))
    }

    /// A count.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, CallError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let count = text
            .trim()
            .parse()
            .map_err(|_| self.error(format!("`{name}` must be a whole number")))?;
        Ok(Some(count))
    }

    /// The object that `prefix` and every `prefix/…` describe; nulls are kept, they clear columns.
    pub(crate) fn under(&self, prefix: &str) -> Result<Map<String, Json>, CallError> {
        let mut root = match self.get(prefix) {
            Some(Json::Object(map)) => map.clone(),
            None => Map::new(),
            Some(_) => return Err(self.error(format!("`{prefix}` must be an object"))),
        };
        for (name, value) in &self.map {
            let Some(path) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'))
            else {
                continue;
            };
            if !insert(&mut root, path, value.clone()) {
                return Err(self.error(format!(
                    "`{name}` contradicts another parameter or is nested too deep"
                )));
            }
        }
        Ok(root)
    }

    /// An error about this call's parameters.
    pub(crate) fn error(&self, reason: impl Into<String>) -> CallError {
        CallError::parameters(self.operation, reason)
    }
}

fn insert(root: &mut Map<String, Json>, path: &str, value: Json) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    let Some((last, parents)) = segments.split_last() else { return false };
    if segments.len() > MAX_SEGMENTS {
        return false;
    }
    let mut here = root;
    for parent in parents {
        let next = here.entry(*parent).or_insert_with(|| Json::Object(Map::new()));
        match next {
            Json::Object(map) => here = map,
            _ => return false,
        }
    }
    // An object that was built from its parts wins over a blank whole.
    if value.is_null() && here.contains_key(*last) {
        return true;
    }
    here.insert((*last).to_owned(), value).is_none_or(|old| old.is_null())
}

/// The text of a scalar.
pub(crate) fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &Json) -> Object {
        match Value::from_json(json) {
            Value::Object(object) => (*object).clone(),
            other => panic!("no object: {other:?}"),
        }
    }

    #[test]
    fn flat_names_nest_and_nulls_stay() {
        let object = read(&serde_json::json!({
            "item": {"a": 1}, "item/b/c": "x", "item/b/d": null, "item/e@odata.bind": "f(1)", "items/no": 1, "other": null
        }));
        let p = Parameters::new("Op", &object);
        let nested = p.under("item").expect("nests");
        assert_eq!(
            Json::Object(nested),
            serde_json::json!({"a": 1, "b": {"c": "x", "d": null}, "e@odata.bind": "f(1)"})
        );
        assert!(p.get("other").is_none() && p.required("other").is_err());
    }

    #[test]
    fn contradictions_are_named() {
        let object = read(&serde_json::json!({"item/a": 1, "item/a/b": 2}));
        let error =
            Parameters::new("Op", &object).under("item").expect_err("contradiction").to_string();
        assert!(error.contains("item/a/b"), "{error}");
        let deep = format!("item{}", "/x".repeat(40));
        let mut object = Object::default();
        object.insert(deep.as_str(), Value::Int(1));
        Parameters::new("Op", &object).under("item").expect_err("too deep");
    }

    #[test]
    fn counts_and_texts() {
        let object =
            read(&serde_json::json!({"n": "12", "m": 7, "bad": "x", "list": [1], "blank": " "}));
        let p = Parameters::new("Op", &object);
        assert_eq!(
            (p.count("n").expect("n"), p.count("m").expect("m"), p.count("none").expect("none")),
            (Some(12), Some(7), None)
        );
        p.count("bad").expect_err("no number");
        p.text("list").expect_err("no scalar");
        assert_eq!(p.text("blank").expect("blank"), None);
    }
}
