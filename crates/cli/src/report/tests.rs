use connref_review::finding::{Location, Subject, SubjectKind};
use insta::assert_snapshot;
use serde_json::Value;

use super::*;

fn finding(code: &'static str, severity: Severity, line: usize, name: &str) -> Finding {
    Finding {
        code,
        severity,
        subject: Subject::new(SubjectKind::Flow, "", name),
        message: format!("the flow `{name}` names a connection"),
        help: "Give it a reference.".to_owned(),
        fix: Some("connref solution migrate orders.zip --out new.zip".to_owned()),
        location: Some(Location {
            part: "Workflows/Sync a.json".to_owned(),
            path: "/properties/connectionReferences/mail".to_owned(),
            line,
            column: 7,
        }),
        suppression: None,
    }
}

fn report() -> Report {
    let mut findings = vec![
        finding("CR001", Severity::Error, 4, "Sync <b>&\"orders\"</b>"),
        finding("CR008", Severity::Warning, 9, "Sync"),
        finding("CR008", Severity::Warning, 11, "Known"),
        finding("CR003", Severity::Note, 0, "Told\u{1b}[31m"),
    ];
    findings[3].suppression = Some("kept for <later>".to_owned());
    let prints = fingerprints("Orders", &findings);
    let entries = findings.into_iter().zip(prints).map(|(finding, fingerprint)| {
        let known = finding.subject.name == "Known";
        let file = "orders.zip/Workflows/Sync a.json".to_owned();
        Entry { finding, file, fingerprint, known }
    });
    let entries = entries.collect();
    let threshold = Some(Severity::Error);
    let packages = vec![
        Checked {
            path: "orders.zip".to_owned(),
            name: "Orders".to_owned(),
            entries,
            threshold,
            settings: false,
        },
        Checked {
            path: "empty.zip".to_owned(),
            name: "Empty".to_owned(),
            entries: vec![],
            threshold,
            settings: false,
        },
    ];
    let unreadable = vec![("bad.zip".to_owned(), "it is <no> zip".to_owned())];
    Report { about: About::Packages, packages, unreadable, compared: true }
}

#[test]
fn table() {
    assert_snapshot!(anstream::adapter::strip_str(&text::report(&report())).to_string());
}

#[test]
fn sarif() {
    let mut log: Value = serde_json::from_str(&sarif::report(&report())).unwrap();
    // Pages and version change, the shape does not.
    log["runs"][0]["tool"]["driver"]["semanticVersion"] = "1.2.3".into();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array_mut().unwrap();
    assert!(rules.iter().all(|rule| rule["help"]["markdown"].is_string()));
    assert!(connref_review::check::rule_codes().all(|code| rules.iter().any(|r| r["id"] == code)));
    rules.retain(|rule| rule["id"] == "CR001");
    rules[0]["help"] = "the page".into();
    assert_snapshot!(format!("{log:#}"));
}

#[test]
fn junit() {
    assert_snapshot!(junit::report(&report()));
}

#[test]
fn html() {
    assert_snapshot!(html::report(&report()));
}

#[test]
fn fingerprints_know_no_lines_and_tell_twins_apart() {
    let one = finding("CR001", Severity::Error, 4, "Sync");
    let moved = finding("CR001", Severity::Note, 40, "Sync");
    let prints = fingerprints("Orders", &[one, moved]);
    assert_eq!(format!("{}-2", prints[0]), prints[1]);
    let other = fingerprints("Other", &[finding("CR001", Severity::Error, 4, "Sync")]);
    assert_ne!(other[0], prints[0]);
}

#[test]
fn a_former_output_is_a_baseline() {
    let report = report();
    let json = Value::from(row::rows(&report)).to_string();
    for text in [json, sarif::report(&report)] {
        let baseline = Baseline::read(&text).unwrap();
        assert!(report.entries().all(|(_, entry)| baseline.has(&entry.fingerprint)));
        assert!(!baseline.has("other"));
    }
    for bad in ["", "[1]", "{}", "7"] {
        assert!(Baseline::read(bad).is_none(), "{bad}");
    }
}

#[test]
fn only_what_is_new_and_severe_fails() {
    let mut report = report();
    assert!(report.is_failed());
    report.packages[0].entries.remove(0);
    assert!(!report.is_failed());
    report.packages[0].threshold = Some(Severity::Warning);
    assert!(report.is_failed());
    report.packages[0].entries[0].known = true;
    assert!(!report.is_failed());
}
