//! CSV and HTML tables.

use super::view::View;
use crate::definition::{Column, template_error};
use crate::expression::EvalError;
use crate::value::Value;

/// Most cells of a table with automatic columns.
const MAX_CELLS: usize = 10_000_000;

/// Renders rows; without columns, the properties of the items in order of first appearance.
pub(super) fn render(
    items: &[Value],
    html: bool,
    columns: Option<&[Column]>,
    view: &View<'_>,
) -> Result<String, EvalError> {
    let (header, rows) = match columns {
        Some(columns) => chosen(items, columns, view)?,
        None => automatic(items)?,
    };
    let rows = rows.iter().map(Vec::as_slice);
    Ok(if html { html_table(&header, rows) } else { csv_table(&header, rows) })
}

type Cells = (Vec<String>, Vec<Vec<String>>);

fn chosen(items: &[Value], columns: &[Column], view: &View<'_>) -> Result<Cells, EvalError> {
    let header =
        columns.iter().map(|column| Ok(column.header.evaluate(view)?.to_text().into_owned()));
    let header = header.collect::<Result<Vec<_>, EvalError>>()?;
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        view.look_at(item);
        let cells =
            columns.iter().map(|column| Ok(column.value.evaluate(view)?.to_text().into_owned()));
        rows.push(cells.collect::<Result<Vec<_>, EvalError>>()?);
    }
    Ok((header, rows))
}

fn automatic(items: &[Value]) -> Result<Cells, EvalError> {
    let mut seen = std::collections::HashSet::new();
    let mut header: Vec<String> = Vec::new();
    for object in items.iter().filter_map(Value::as_object) {
        for (name, _) in object.iter() {
            if !seen.contains(name) {
                seen.insert(name.to_owned());
                header.push(name.to_owned());
            }
        }
    }
    // Items with ever new properties would make a table of items squared.
    if header.len().saturating_mul(items.len()) > MAX_CELLS {
        return Err(template_error(format!("a table holds at most {MAX_CELLS} cells")));
    }
    let cell = |item: &Value, name: &String| {
        let value = item.as_object().and_then(|object| object.get_exact(name));
        value.map(|value| value.to_text().into_owned()).unwrap_or_default()
    };
    let row = |item: &Value| header.iter().map(|name| cell(item, name)).collect();
    let rows = items.iter().map(row).collect();
    Ok((header, rows))
}

fn html_table<'a>(header: &[String], rows: impl Iterator<Item = &'a [String]>) -> String {
    let mut text = String::from("<table><thead><tr>");
    cells(&mut text, "th", header);
    text.push_str("</tr></thead><tbody>");
    for row in rows {
        text.push_str("<tr>");
        cells(&mut text, "td", row);
        text.push_str("</tr>");
    }
    text.push_str("</tbody></table>");
    text
}

fn cells(text: &mut String, tag: &str, cells: &[String]) {
    for cell in cells {
        text.push('<');
        text.push_str(tag);
        text.push('>');
        escape(text, cell);
        text.push_str("</");
        text.push_str(tag);
        text.push('>');
    }
}

/// Flows undo exactly `&lt;`, `&gt;` and `&quot;` where they want markup in a cell.
fn escape(text: &mut String, cell: &str) {
    for letter in cell.chars() {
        match letter {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            other => text.push(other),
        }
    }
}

fn csv_table<'a>(header: &'a [String], rows: impl Iterator<Item = &'a [String]>) -> String {
    let mut text = String::new();
    for row in std::iter::once(header).chain(rows) {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            if cell.contains([',', '"', '\n', '\r']) {
                text.push('"');
                text.push_str(&cell.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(cell);
            }
        }
        text.push_str("\r\n");
    }
    text
}
