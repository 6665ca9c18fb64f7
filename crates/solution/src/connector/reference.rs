//! `$ref` inside one document.
use serde_json::Value as Json;

/// Longest chain of references.
const MAX_CHAIN: usize = 32;

/// Follows `$ref` until something else stands there. A cycle, a reference out of the document or
/// into nothing gives `None`: the definition just says nothing at that place.
pub fn resolve<'a>(document: &'a Json, mut node: &'a Json) -> Option<&'a Json> {
    for _ in 0..MAX_CHAIN {
        match node.get("$ref").and_then(Json::as_str) {
            None => return Some(node),
            Some(reference) => node = target(document, reference)?,
        }
    }
    None
}

fn target<'a>(document: &'a Json, reference: &str) -> Option<&'a Json> {
    let pointer = reference.strip_prefix('#')?;
    document.pointer(pointer).or_else(|| document.pointer(&percent_decoded(pointer)?))
}

/// A reference is a URI fragment: names with blanks or brackets may be percent-encoded.
fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn chains_end_and_cycles_do_not_hang() {
        let document = json!({"a": {"$ref": "#/b"}, "b": {"$ref": "#/c~1d"}, "c/d": {"type": "string"}, "x": {"$ref": "#/y"}, "y": {"$ref": "#/x"}, "out": {"$ref": "other.json#/a"}, "no": {"$ref": "#/nothing"}, "e f": {"type": "string"}, "blank": {"$ref": "#/e%20f"}, "odd": {"$ref": "#/%zz%"}});
        for name in ["a", "blank"] {
            assert_eq!(resolve(&document, &document[name]), Some(&json!({"type": "string"})));
        }
        for name in ["x", "out", "no", "odd"] {
            assert_eq!(resolve(&document, &document[name]), None, "{name}");
        }
    }
}
