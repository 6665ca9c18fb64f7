//! Findings for people at a terminal, file by file.
use connref_review::Severity;

use super::{Entry, Report};
use crate::render::{clean, style};

/// What is known from a former output or suppressed is only counted.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    let mut file = "";
    for (_, entry) in report.entries().filter(|(_, e)| !e.known && e.finding.suppression.is_none())
    {
        // The place leads every line, so that terminals can open it; a blank line parts the files.
        if file != entry.file && !file.is_empty() {
            text.push('\n');
        }
        file = &entry.file;
        text += &told(entry);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let mark = if report.is_failed() || !report.unreadable.is_empty() {
        style::bad("✕")
    } else {
        style::good("✓")
    };
    text + &format!("{mark} {}\n", report.sentence())
}

fn told(entry: &Entry) -> String {
    let finding = &entry.finding;
    let severity = match finding.severity {
        Severity::Error => style::bad("✕ error"),
        Severity::Warning => style::warn("! warning"),
        Severity::Note => style::faint("· note"),
    };
    let code = finding.code;
    let message = clean(&finding.message);
    let mut text =
        format!("{}  {code}  {severity}  {message}\n", style::strong(&clean(&entry.place())));
    if !finding.help.is_empty() {
        text += &format!("    {}\n", clean(&finding.help));
    }
    if let Some(fix) = &finding.fix {
        text += &format!("    {} {}\n", style::good("fix:"), clean(fix));
    }
    text
}
