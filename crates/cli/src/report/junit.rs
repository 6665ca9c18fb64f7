//! JUnit's XML as build servers read it: a suite per package, a case per finding. A finding below
//! the threshold, known or suppressed is a skipped case, so that it is seen and fails nothing.
use super::{Checked, Entry, Report};

pub(super) fn report(report: &Report) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for package in &report.packages {
        text += &suite(package);
    }
    for (path, reason) in &report.unreadable {
        let path = escaped(path);
        text += &format!(
            "  <testsuite name=\"{path}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
             <testcase classname=\"{path}\" name=\"can be read\">\n      \
             <error message=\"{}\"/>\n    </testcase>\n  </testsuite>\n",
            escaped(reason)
        );
    }
    text + "</testsuites>\n"
}

fn suite(package: &Checked) -> String {
    let failures = package.entries.iter().filter(|entry| package.fails(entry)).count();
    let (path, name) = (escaped(&package.path), escaped(&package.name));
    let tests = package.entries.len().max(1);
    let skipped = package.entries.len() - failures;
    let mut text = format!(
        "  <testsuite name=\"{path}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n"
    );
    if package.entries.is_empty() {
        text += &format!("    <testcase classname=\"{name}\" name=\"nothing found\"/>\n");
    }
    for entry in &package.entries {
        let finding = &entry.finding;
        text += &format!(
            "    <testcase classname=\"{name}\" name=\"{} {}\">\n",
            finding.code,
            escaped(&entry.place())
        );
        let (message, help) = (escaped(&finding.message), escaped(&finding.help));
        text += &match package.fails(entry) {
            true => format!(
                "      <failure type=\"{}\" message=\"{message}\">{help}</failure>\n",
                finding.code
            ),
            false => format!("      <skipped message=\"{}: {message}\"/>\n", passed_over(entry)),
        };
        text += "    </testcase>\n";
    }
    text + "  </testsuite>\n"
}

fn passed_over(entry: &Entry) -> String {
    match &entry.finding.suppression {
        Some(reason) => format!("suppressed ({})", escaped(reason)),
        None if entry.known => "known".to_owned(),
        None => entry.finding.severity.to_string(),
    }
}

/// Text for content and attributes; what XML 1.0 cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\n' | '\t' | '\r' => safe.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
