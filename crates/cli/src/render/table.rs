//! Aligned columns without borders.
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::{cell, style};

/// Members that hold a state word, and so get a glyph.
const STATES: &[&str] = &["state", "status", "severity", "result"];

/// A list.
pub(crate) fn list(columns: &[(&str, &str)], items: &[Value]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut table = plain();
    table.set_header(columns.iter().map(|(title, _)| *title));
    for item in items {
        table.add_row(columns.iter().map(|(_, member)| marked(item, member)));
    }
    let text = laid_out(&table);
    let (header, rows) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{}\n{}", style::strong(header), style::glyphs(rows))
}

/// The members of one object, below each other.
pub(super) fn card(members: &[Value]) -> String {
    let mut table = plain();
    for member in members {
        let name = cell(member, "member");
        let value = cell(member, "value");
        let glyph = if STATES.contains(&name.as_str()) { style::glyph(&value) } else { None };
        table.add_row([spaced(&name), with_glyph(glyph, &value)]);
    }
    style::glyphs(&laid_out(&table))
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Lines without the space that pads the last column.
fn laid_out(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        // Each cell is padded by a space on both sides; the first column begins at the margin.
        text += line.strip_prefix(' ').unwrap_or(&line).trim_end();
        text.push('\n');
    }
    text
}

fn marked(item: &Value, member: &str) -> String {
    let text = cell(item, member);
    let glyph = if STATES.contains(&member) { style::glyph(&text) } else { None };
    with_glyph(glyph, &text)
}

fn with_glyph(glyph: Option<char>, text: &str) -> String {
    glyph.map_or_else(|| text.to_owned(), |glyph| format!("{glyph} {text}"))
}

/// `displayName` as `display name`.
fn spaced(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
