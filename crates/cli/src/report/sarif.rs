//! SARIF 2.1.0 (OASIS), for code scanning. A part of a zip has the zip's path and its own in one
//! relative URI, so that a package has the same places whether it is a zip or a folder.
use connref_review::catalogue;
use serde_json::{Map, Value, json};

use super::place::uri;
use super::{About, Entry, Report};

/// Name of our fingerprint; the number goes up if what goes into it changes.
pub(super) const FINGERPRINT: &str = "connref/v1";

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn report(report: &Report) -> String {
    let rules: Vec<&catalogue::Page> =
        catalogue::PAGES.iter().filter(|page| is_rule(report.about, page.code)).collect();
    let results: Vec<Value> = report
        .entries()
        .map(|(_, entry)| {
            let index = rules.iter().position(|page| page.code == entry.finding.code);
            result(entry, index, report.compared)
        })
        .collect();
    let notifications: Vec<Value> = report
        .unreadable
        .iter()
        .map(|(path, reason)| {
            json!({
                "level": "error",
                "message": {"text": reason},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(path)}}}],
            })
        })
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "connref",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.unreadable.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

/// Findings from files are of solutions and of connectors, those of an environment of its facts.
fn is_rule(about: About, code: &str) -> bool {
    match about {
        About::Packages => code.starts_with("CR") || code.starts_with("CC"),
        About::Environment => code.starts_with("CA"),
        // Beside the audit's rules what refuses to turn a flow on.
        About::Solution => !code.starts_with("CR") && !code.starts_with("CC"),
    }
}

fn rule(page: &catalogue::Page) -> Value {
    json!({
        "id": page.code,
        "shortDescription": {"text": page.title()},
        "help": {"text": page.text, "markdown": page.text},
    })
}

fn result(entry: &Entry, index: Option<usize>, compared: bool) -> Value {
    let finding = &entry.finding;
    let mut text = finding.message.clone();
    if !finding.help.is_empty() {
        text = format!("{text}; {}", finding.help);
    }
    let mut physical = Map::new();
    physical.insert("artifactLocation".to_owned(), json!({"uri": uri(&entry.file)}));
    if let Some(at) = finding.location.as_ref().filter(|at| at.line > 0) {
        let mut region = Map::new();
        region.insert("startLine".to_owned(), at.line.into());
        if at.column > 0 {
            region.insert("startColumn".to_owned(), at.column.into());
        }
        physical.insert("region".to_owned(), region.into());
    }
    let subject = &finding.subject;
    let mut result = json!({
        "ruleId": finding.code,
        "level": finding.severity.as_str(),
        "message": {"text": text},
        "locations": [{
            "physicalLocation": physical,
            "logicalLocations": [{"name": subject.name, "kind": subject.kind.as_str()}],
        }],
        "partialFingerprints": {FINGERPRINT: entry.fingerprint},
    });
    if let Some(index) = index {
        result["ruleIndex"] = index.into();
    }
    if compared {
        result["baselineState"] = if entry.known { "unchanged" } else { "new" }.into();
    }
    if let Some(reason) = &finding.suppression {
        result["suppressions"] = json!([{"kind": "external", "justification": reason}]);
    }
    result
}
