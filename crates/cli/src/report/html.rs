//! One page that needs nothing beside it: no script, no font, no picture; light or dark as the
//! reader's system is. Every value is escaped.
use super::{Checked, Entry, Report};
use crate::render::clean;

const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;overflow-wrap:anywhere}
ol{list-style:none;padding:0}
li{border-left:.3rem solid;padding:.2rem .8rem;margin:.8rem 0}
li p{margin:.2rem 0}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
.error{border-color:light-dark(#b3261e,#f2b8b5)}
.warning{border-color:light-dark(#8a5a00,#f0c35e)}
.note{border-color:light-dark(#5f6368,#9aa0a6)}
.passed{opacity:.75}";

pub(super) fn report(report: &Report) -> String {
    let sentence = escaped(&report.sentence());
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n\
         <h1>{}</h1>\n<p>{sentence}</p>\n",
        report.about.command(),
        report.about.title()
    );
    if !report.unreadable.is_empty() {
        text += "<h2>Could not be read</h2>\n<ul>\n";
        for (path, reason) in &report.unreadable {
            text += &format!("<li><code>{}</code>: {}</li>\n", escaped(path), escaped(reason));
        }
        text += "</ul>\n";
    }
    for package in &report.packages {
        text += &section(package);
    }
    text + "</body>\n</html>\n"
}

fn section(package: &Checked) -> String {
    let (name, path) = (escaped(&package.name), escaped(&package.path));
    let mut text = format!("<section>\n<h2>{name} <code>{path}</code></h2>\n");
    if package.entries.is_empty() {
        text += "<p>✓ nothing found</p>\n";
    } else {
        text += "<ol>\n";
        for entry in &package.entries {
            text += &item(entry);
        }
        text += "</ol>\n";
    }
    text + "</section>\n"
}

fn item(entry: &Entry) -> String {
    let finding = &entry.finding;
    let severity = finding.severity.as_str();
    let glyph = match severity {
        "error" => "✕",
        "warning" => "!",
        _ => "·",
    };
    let passed = if entry.known || finding.suppression.is_some() { " passed" } else { "" };
    let known = if entry.known { " (known)" } else { "" };
    let mut text = format!(
        "<li class=\"{severity}{passed}\">\n<p>{glyph} {severity}{known} <strong>{}</strong> {}</p>\n\
         <p><code>{}</code></p>\n",
        finding.code,
        escaped(&finding.message),
        escaped(&entry.place())
    );
    if !finding.help.is_empty() {
        text += &format!("<p>{}</p>\n", escaped(&finding.help));
    }
    if let Some(fix) = &finding.fix {
        text += &format!("<p>Fix: <code>{}</code></p>\n", escaped(fix));
    }
    if let Some(reason) = &finding.suppression {
        text += &format!("<p>Suppressed: {}</p>\n", escaped(reason));
    }
    text + "</li>\n"
}

pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in clean(text).chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}
