//! CA119: a production reference whose connection reaches a target that calls itself something
//! else. Only whole words of a host, a path or a database name count: `latest` is no test, and the
//! last label of a host (`.test`, `.dev`) says nothing.
use connref_solution::artefact::bindings_lock::target_of;
use connref_solution::model::facts::EnvironmentKind;

use super::Cx;
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

/// Words by which targets call themselves non-production; digits behind them do not matter.
const WORDS: &[&str] = &[
    "dev",
    "develop",
    "development",
    "test",
    "testing",
    "tst",
    "uat",
    "qa",
    "sit",
    "sandbox",
    "sbx",
    "staging",
    "stage",
    "stg",
    "preprod",
    "nonprod",
];

/// Words that say the contrary.
const PRODUCTION: &[&str] = &["prod", "prd", "production", "live"];

/// Hosts of services whose own name holds such a word.
const SERVICES: &[&str] = &["dev.azure.com"];

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let facts = cx.facts();
    if facts.environment.kind != EnvironmentKind::Production {
        return Vec::new();
    }
    let mut found = Vec::new();
    for reference in &facts.references {
        let bound = reference.connection.as_ref().and_then(|id| cx.index.connection(id));
        let Some(target) = bound.and_then(target_of) else { continue };
        let Some(word) = other_stage(target) else { continue };
        let shown = target.split('?').next().unwrap_or(target);
        let message = format!(
            "production reference `{}` reaches `{shown}`, which calls itself `{word}`",
            reference.logical_name
        );
        let help = "production data goes to, or comes from, a place that is not production";
        let subject = Subject::reference(reference);
        found.push(
            Finding::new(code::CA119, Severity::Error, subject, message, help)
                .fixed_by(fix::bind(facts, &reference.logical_name)),
        );
    }
    found
}

/// The word by which a target calls itself something else than production.
fn other_stage(target: &str) -> Option<String> {
    let bare = target.split(['?', '#']).next().unwrap_or(target).to_lowercase();
    let rest = bare.split_once("://").map_or(bare.as_str(), |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = host.split([':', ',']).next().unwrap_or(host);
    let labels = match host.rsplit_once('.') {
        _ if SERVICES.contains(&host) => "",
        Some((labels, _)) => labels,
        None => host,
    };
    let text = format!("{labels}/{path}");
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    if words.clone().any(|word| PRODUCTION.contains(&stem(word))) {
        return None;
    }
    words.find(|word| WORDS.contains(&stem(word))).map(str::to_owned)
}

fn stem(word: &str) -> &str {
    word.trim_end_matches(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_name_a_stage() {
        for (target, word) in [
            ("https://contoso-dev.crm.dynamics.com", Some("dev")),
            ("https://orders-uat2.contoso.com/api", Some("uat2")),
            ("sql01.contoso.com:1433/orders_test", Some("test")),
            ("https://contoso.sharepoint.com/sites/qa", Some("qa")),
            ("https://test.salesforce.com", Some("test")),
            ("https://contoso.crm.dynamics.com", None),
            ("https://orders.contoso.test/api", None),
            ("https://dev.azure.com/contoso", None),
            ("https://latest.contoso.com/attestation/devices", None),
            ("https://test-prod.contoso.com", None),
            ("https://contoso.com/a?env=dev", None),
            ("", None),
        ] {
            assert_eq!(other_stage(target).as_deref(), word, "{target}");
        }
    }
}
