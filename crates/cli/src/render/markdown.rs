//! Markdown tables.
use serde_json::Value;

use super::cell;

/// A list.
pub(crate) fn list(columns: &[(&str, &str)], items: &[Value]) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = row(columns.iter().map(|(title, _)| (*title).to_owned()).collect());
    text += &row(columns.iter().map(|_| "---".to_owned()).collect());
    for item in items {
        text += &row(columns.iter().map(|(_, member)| escaped(&cell(item, member))).collect());
    }
    text
}

pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '|' | '`' | '*' | '[' | ']' => safe.extend(['\\', letter]),
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '&' => safe += "&amp;",
            _ => safe.push(letter),
        }
    }
    safe
}
