//! What names a finding from one run to the next: rule, subject and path inside the document. No
//! line, no column, no layout of the package: a reformatted file has the same findings.
use std::collections::HashMap;

use connref_review::Finding;
use sha2::{Digest, Sha256};

/// Fingerprints of the findings of one package, in order. Findings that nothing tells apart are
/// numbered.
pub(crate) fn fingerprints(package: &str, findings: &[Finding]) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut made = Vec::with_capacity(findings.len());
    for finding in findings {
        let hash = hash(package, finding);
        let count = seen.entry(hash.clone()).or_default();
        *count += 1;
        made.push(if *count == 1 { hash } else { format!("{hash}-{count}") });
    }
    made
}

fn hash(package: &str, finding: &Finding) -> String {
    let path = finding.location.as_ref().map_or("", |at| at.path.as_str());
    let subject = &finding.subject;
    let mut digest = Sha256::new();
    for text in [package, finding.code, subject.kind.as_str(), &*subject.id, &subject.name, path] {
        digest.update(text.as_bytes());
        // Between the texts, so that no two lists of texts hash alike.
        digest.update([0]);
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
