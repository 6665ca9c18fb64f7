//! The only part that prints: results on stdout in the format asked for, the rest on stderr.
mod csv;
pub(crate) mod markdown;
pub(crate) mod style;
mod table;

pub(crate) use csv::list as csv_list;
pub(crate) use table::list as table_list;

use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

use crate::exit::Failure;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document per line
    Ndjson,
    /// Comma-separated values with a header
    Csv,
    /// A Markdown table
    Md,
    /// A self-contained page (solution check, solution runbook, audits)
    Html,
    /// SARIF 2.1.0 for code scanning (solution check, audits)
    Sarif,
    /// JUnit's XML for build servers (solution check, audits)
    Junit,
}

impl Format {
    /// Whether only reports can be written so.
    pub(crate) fn is_report(self) -> bool {
        matches!(self, Self::Html | Self::Sarif | Self::Junit)
    }
}

/// A column: its title, and the member of the item it shows.
pub(crate) type Column = (&'static str, &'static str);

/// Where results go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    /// The format.
    pub(crate) format: Format,
}

impl Output {
    /// Whether people read it.
    pub(crate) fn is_table(self) -> bool {
        self.format == Format::Table
    }

    /// Prints a list. Structured formats print whole items, the others the columns.
    pub(crate) fn list(self, columns: &[Column], items: &[Value]) -> Result<(), Failure> {
        print(&self.listed(columns, items))
    }

    /// A list as a text.
    pub(crate) fn listed(self, columns: &[Column], items: &[Value]) -> String {
        match self.format {
            Format::Table => table::list(columns, items),
            // The last three are refused for such results before a command begins.
            Format::Json | Format::Html | Format::Sarif | Format::Junit => {
                format!("{:#}\n", Value::from(items.to_vec()))
            }
            Format::Ndjson => items.iter().map(|item| format!("{item}\n")).collect(),
            Format::Csv => csv::list(columns, items),
            Format::Md => markdown::list(columns, items),
        }
    }

    /// Prints one object: its members below each other, or as one document.
    pub(crate) fn one(self, item: &Value) -> Result<(), Failure> {
        let members: Vec<Value> = item
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| serde_json::json!({"member": name, "value": value}))
            .collect();
        const COLUMNS: &[Column] = &[("MEMBER", "member"), ("VALUE", "value")];
        let text = match self.format {
            Format::Table => table::card(&members),
            Format::Json | Format::Html | Format::Sarif | Format::Junit => format!("{item:#}\n"),
            Format::Ndjson => format!("{item}\n"),
            Format::Csv => csv::list(COLUMNS, &members),
            Format::Md => markdown::list(COLUMNS, &members),
        };
        print(&text)
    }

    /// Tells that a change was made: a sentence for people, the object for programs.
    pub(crate) fn done(self, sentence: &str, item: &Value) -> Result<(), Failure> {
        if self.is_table() {
            return print(&format!("{} {}\n", style::good("✓"), clean(sentence)));
        }
        self.one(item)
    }

    /// Prints lines of text that are themselves the result.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        print(text)
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints a remark on stderr.
pub(crate) fn note(text: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{}", clean(text));
}

/// Prints a warning on stderr.
pub(crate) fn warning(text: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{}: {}", style::warn("warning"), clean(text));
}

/// Text without control characters: names come from elsewhere and must not steer the terminal.
pub(crate) fn clean(text: &str) -> String {
    let hostile =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| {
            if c == '\n' || c == '\t' {
                ' '
            } else if hostile(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// A member of an item as one cell.
fn cell(item: &Value, member: &str) -> String {
    words(item.get(member).unwrap_or(&Value::Null))
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::String(text) => clean(text),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Array(items) if items.is_empty() => "–".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(words).collect::<Vec<_>>().join(", ")
        }
        other => clean(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] =
        &[("REFERENCE", "name"), ("USED BY", "usedBy"), ("STATE", "state"), ("N", "n")];

    fn shown(format: Format) -> String {
        let items = [
            json!({"name": "new_mail", "usedBy": ["A", "B"], "state": "bound", "n": 2, "id": "1"}),
            json!({"name": "=cmd|x", "usedBy": [], "state": "not bound", "n": -1, "id": "2"}),
            json!({"name": "two\nlines, \"quoted\"", "usedBy": null, "state": "bound", "n": 0, "id": "3"}),
        ];
        Output { format }.listed(COLUMNS, &items)
    }

    #[test]
    fn tables_align_and_mark_states() {
        assert_snapshot!(anstream::adapter::strip_str(&shown(Format::Table)).to_string(), @r#"
        REFERENCE            USED BY  STATE        N
        new_mail             A, B     ✓ bound      2
        =cmd|x               –        ✕ not bound  -1
        two lines, "quoted"  –        ✓ bound      0
        "#);
    }

    #[test]
    fn json_is_whole_and_ndjson_is_a_line_each() {
        let document: Value = serde_json::from_str(&shown(Format::Json)).unwrap();
        assert_eq!(document[0]["id"], "1");
        assert_eq!(shown(Format::Ndjson).lines().count(), 3);
    }

    #[test]
    fn csv_quotes_and_defuses_formulas() {
        assert_snapshot!(shown(Format::Csv), @r#"
        name,usedBy,state,n
        new_mail,"A, B",bound,2
        '=cmd|x,,not bound,-1
        "two
        lines, ""quoted""",,bound,0
        "#);
    }

    #[test]
    fn markdown_escapes() {
        assert_snapshot!(shown(Format::Md), @r#"
        | REFERENCE | USED BY | STATE | N |
        | --- | --- | --- | --- |
        | new_mail | A, B | bound | 2 |
        | =cmd\|x | – | not bound | -1 |
        | two lines, "quoted" | – | bound | 0 |
        "#);
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\u{7}\n"), "a\u{fffd}[31mb\u{fffd}c\u{fffd} ");
    }
}
