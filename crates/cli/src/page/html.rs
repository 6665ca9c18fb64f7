//! A page as HTML: no script, no font, no picture; light or dark as the reader's system is, and
//! black on white on paper, boxes included.
use super::{Block, Line, Page, Span};
use crate::report::escaped;

const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2.5rem;border-bottom:1px solid}
h3{font-size:1.05rem;margin-top:2rem}h1,h2,h3,p,li,td{overflow-wrap:anywhere}
code,pre{font:.9em/1.45 ui-monospace,monospace}
pre{border:1px solid light-dark(#c8ccd1,#5f6368);border-radius:.3rem;padding:.6rem .8rem;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th,td{border:1px solid light-dark(#c8ccd1,#5f6368);padding:.3rem .5rem;text-align:left;vertical-align:top}
th{background:light-dark(#f1f3f4,#303134)}
.checks{list-style:none;padding:0}
.checks>li{margin:.4rem 0}
.checks label{display:grid;grid-template-columns:1.6rem 1fr;align-items:start}
.checks input{width:1.05rem;height:1.05rem;margin:.22rem 0 0}
.checks ul{margin:.1rem 0 .3rem 1.6rem}
@media print{:root{color-scheme:light}body{max-width:none;margin:0;font-size:10pt}h2,h3{break-after:avoid}tr,.checks>li,pre{break-inside:avoid}}";

pub(super) fn page(page: &Page) -> String {
    let title = escaped(&page.title);
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    for block in &page.blocks {
        text += &written(block);
    }
    text + "</body>\n</html>\n"
}

fn written(block: &Block) -> String {
    match block {
        Block::Heading(level, line) => format!("<h{level}>{}</h{level}>\n", inline(line)),
        Block::Text(line) => format!("<p>{}</p>\n", inline(line)),
        Block::List(lines) => format!("{}\n", list(lines)),
        Block::Checks(checks) => {
            let mut text = "<ul class=\"checks\">\n".to_owned();
            for check in checks {
                let line = inline(&check.line);
                text += &format!("<li><label><input type=\"checkbox\"><span>{line}</span></label>");
                if !check.below.is_empty() {
                    text += &list(&check.below);
                }
                text += "</li>\n";
            }
            text + "</ul>\n"
        }
        Block::Table(titles, rows) => {
            let cells: String =
                titles.iter().map(|title| format!("<th scope=\"col\">{title}</th>")).collect();
            let mut text = format!("<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n");
            for row in rows {
                let cells: String =
                    row.iter().map(|line| format!("<td>{}</td>", inline(line))).collect();
                text += &format!("<tr>{cells}</tr>\n");
            }
            text + "</tbody>\n</table>\n"
        }
        Block::Code(_, code) => {
            let lines: Vec<String> = code.trim_end_matches('\n').lines().map(escaped).collect();
            format!("<pre><code>{}</code></pre>\n", lines.join("\n"))
        }
    }
}

fn list(lines: &[Line]) -> String {
    let items: String = lines.iter().map(|line| format!("<li>{}</li>", inline(line))).collect();
    format!("<ul>{items}</ul>")
}

fn inline(line: &Line) -> String {
    let mut text = String::new();
    for span in &line.0 {
        match span {
            Span::Text(words) => text += &escaped(words),
            Span::Strong(words) => text += &format!("<strong>{}</strong>", escaped(words)),
            Span::Code(literal) => text += &format!("<code>{}</code>", escaped(literal)),
            Span::Link(address) if address.starts_with("https://") => {
                let address = escaped(address);
                text += &format!("<a href=\"{address}\" rel=\"noreferrer\">{address}</a>");
            }
            Span::Link(address) => text += &escaped(address),
        }
    }
    text
}
