//! A former output of the checker: what it holds is known and fails no check.
use std::collections::HashSet;

use serde_json::Value;

use super::sarif::FINGERPRINT;

/// Fingerprints of known findings.
#[derive(Debug, Default)]
pub(crate) struct Baseline(HashSet<String>);

impl Baseline {
    /// Takes the fingerprints out of a JSON or SARIF output; `None` if it is neither.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        let found = match &document {
            Value::Array(rows) => rows
                .iter()
                .map(|row| row.get("fingerprint")?.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            Value::Object(log) => {
                let runs = log.get("runs")?.as_array()?;
                let results =
                    runs.iter().filter_map(|run| run.get("results")?.as_array()).flatten();
                let print = |result: &Value| {
                    let print = result.get("partialFingerprints")?.get(FINGERPRINT)?;
                    print.as_str().map(str::to_owned)
                };
                results.filter_map(print).collect()
            }
            _ => return None,
        };
        Some(Self(found))
    }

    /// Whether a finding was there.
    pub(crate) fn has(&self, fingerprint: &str) -> bool {
        self.0.contains(fingerprint)
    }
}
