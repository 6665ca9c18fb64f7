//! Findings as items of a list: JSON, NDJSON, CSV, Markdown.
use serde_json::{Value, json};

use super::{Checked, Entry, Report};
use crate::render::Column;

pub(super) const COLUMNS: &[Column] = &[
    ("FILE", "file"),
    ("LINE", "line"),
    ("COLUMN", "column"),
    ("CODE", "code"),
    ("SEVERITY", "severity"),
    ("MESSAGE", "message"),
    ("FIX", "fix"),
];

pub(super) fn rows(report: &Report) -> Vec<Value> {
    report.entries().map(|(package, entry)| row(package, entry)).collect()
}

fn row(package: &Checked, entry: &Entry) -> Value {
    let finding = &entry.finding;
    let at = finding.location.as_ref();
    let number = |number: Option<usize>| number.filter(|n| *n > 0);
    json!({
        "file": entry.file,
        "line": number(at.map(|at| at.line)),
        "column": number(at.map(|at| at.column)),
        "path": at.map_or("", |at| &at.path),
        "package": package.path,
        "solution": package.name,
        "code": finding.code,
        "severity": finding.severity.as_str(),
        "subject": {
            "kind": finding.subject.kind.as_str(),
            "id": &*finding.subject.id,
            "name": finding.subject.name,
        },
        "message": finding.message,
        "help": finding.help,
        "fix": finding.fix,
        "suppressed": finding.suppression,
        "known": entry.known,
        "fingerprint": entry.fingerprint,
    })
}
