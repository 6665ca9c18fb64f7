//! `$ref` inside one document.

use serde_json::Value as Json;

/// Longest chain of references.
const MAX_CHAIN: usize = 32;

/// Follows `$ref` until something else stands there. A cycle, a reference out of the document or
/// into nothing gives `None`: the definition just says nothing at that place.
pub(super) fn resolve<'a>(document: &'a Json, mut node: &'a Json) -> Option<&'a Json> {
    for _ in 0..MAX_CHAIN {
        match node.get("$ref").and_then(Json::as_str) {
            None => return Some(node),
            Some(reference) => node = document.pointer(reference.strip_prefix('#')?)?,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn chains_end_and_cycles_do_not_hang() {
        let document = json!({"a": {"$ref": "#/b"}, "b": {"$ref": "#/c~1d"}, "c/d": {"type": "string"}, "x": {"$ref": "#/y"}, "y": {"$ref": "#/x"}, "out": {"$ref": "other.json#/a"}, "no": {"$ref": "#/nothing"}});
        assert_eq!(resolve(&document, &document["a"]), Some(&json!({"type": "string"})));
        for name in ["x", "out", "no"] {
            assert_eq!(resolve(&document, &document[name]), None, "{name}");
        }
    }
}
