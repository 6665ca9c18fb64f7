//! Comma-separated values (RFC 4180, line feeds).
use serde_json::Value;

use super::words;

/// A list.
pub(crate) fn list(columns: &[(&str, &str)], items: &[Value]) -> String {
    let mut text = columns.iter().map(|(_, member)| quoted(member)).collect::<Vec<_>>().join(",");
    text.push('\n');
    for item in items {
        let cells = columns.iter().map(|(_, member)| field(item.get(*member)));
        text += &cells.collect::<Vec<_>>().join(",");
        text.push('\n');
    }
    text
}

fn field(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(&defused(text)),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(yes)) => yes.to_string(),
        Some(other) => quoted(&defused(&words(other))),
    }
}

/// A spreadsheet takes text that begins so for a formula; an apostrophe keeps it text.
fn defused(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}");
    }
    text.to_owned()
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
