//! A page as Markdown, in the dialect of forges: tables and task lists.
use super::{Block, Line, Page, Span};
use crate::render::clean;
use crate::render::markdown::escaped;

pub(super) fn page(page: &Page) -> String {
    let mut text = format!("# {}\n", escaped(&clean(&page.title)));
    for block in &page.blocks {
        text.push('\n');
        text += &written(block);
    }
    text
}

fn written(block: &Block) -> String {
    match block {
        Block::Heading(level, line) => {
            format!("{} {}\n", "#".repeat(usize::from(*level)), inline(line, false))
        }
        Block::Text(line) => format!("{}\n", inline(line, false)),
        Block::List(lines) => {
            lines.iter().map(|line| format!("- {}\n", inline(line, false))).collect()
        }
        Block::Checks(checks) => {
            let mut text = String::new();
            for check in checks {
                text += &format!("- [ ] {}\n", inline(&check.line, false));
                for line in &check.below {
                    text += &format!("  - {}\n", inline(line, false));
                }
            }
            text
        }
        Block::Table(titles, rows) => {
            let mut text = format!("| {} |\n", titles.join(" | "));
            text += &format!("|{}\n", " --- |".repeat(titles.len()));
            for row in rows {
                let cells: Vec<String> = row.iter().map(|line| inline(line, true)).collect();
                text += &format!("| {} |\n", cells.join(" | "));
            }
            text
        }
        Block::Code(language, code) => {
            let fence = "`".repeat(longest_run(code).max(2) + 1);
            format!("{fence}{language}\n{}\n{fence}\n", code.trim_end_matches('\n'))
        }
    }
}

fn inline(line: &Line, table: bool) -> String {
    let mut text = String::new();
    for span in &line.0 {
        match span {
            Span::Text(words) => text += &escaped(&clean(words)),
            Span::Strong(words) => text += &format!("**{}**", escaped(&clean(words))),
            Span::Code(literal) => text += &code(literal, table),
            Span::Link(address) => {
                text += &format!("<{}>", clean(address).replace(['<', '>', ' '], ""));
            }
        }
    }
    text
}

/// A code span. Nothing is escaped in one, but that a bar ends a table's cell all the same.
fn code(literal: &str, table: bool) -> String {
    let literal = clean(literal);
    let literal = if literal.is_empty() { " ".to_owned() } else { literal };
    let fence = "`".repeat(longest_run(&literal) + 1);
    let space = if literal.starts_with('`') || literal.ends_with('`') { " " } else { "" };
    let literal = if table { literal.replace('|', "\\|") } else { literal };
    format!("{fence}{space}{literal}{space}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
