//! Small readers for the JSON of both dialects.
use serde_json::Value;

/// The text at a JSON pointer; empty when it is not there.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    optional(value, pointer).unwrap_or_default()
}

/// The text at a JSON pointer.
pub(crate) fn optional(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

/// The flag at a JSON pointer; false when it is not there.
pub(crate) fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// What follows the last slash: the name at the end of a resource id.
pub(crate) fn last_segment(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
