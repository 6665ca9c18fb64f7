//! Queries in SQL over the world of `fetch_tests`, and what is refused of them.
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::Value;

use super::fetch_tests::world;
use super::sql_parse;
use super::tests::{Answer, Service, at};

const OURS: &str = "uniquename IN ('alpha','BETA','gamma')";

async fn sql(service: &Service, set: &str, text: &str) -> Answer {
    service.get(&format!("{set}?sql={}", utf8_percent_encode(text, NON_ALPHANUMERIC))).await
}

/// The rows as `a b, c d`, by the names of what is wanted.
fn rows(answer: &Answer, names: &[&str]) -> String {
    let json = answer.json();
    let list = json["value"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row =
        |row: &Value| names.iter().map(|name| text(&row[*name])).collect::<Vec<_>>().join(" ");
    list.iter().map(row).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn what_the_language_has() {
    let service = world().await;
    let publishers = [
        (
            format!("SELECT uniquename FROM publisher WHERE {OURS} ORDER BY uniquename"),
            "alpha, beta, gamma",
        ),
        (
            format!("select top 2 uniquename from publisher where {OURS} order by uniquename desc"),
            "gamma, beta",
        ),
        (
            format!(
                "SELECT p.uniquename FROM publisher AS p WHERE p.{OURS} AND NOT (p.uniquename = 'beta') ORDER BY p.uniquename"
            ),
            "alpha, gamma",
        ),
        (
            format!("SELECT uniquename FROM publisher WHERE {OURS} AND uniquename LIKE '%a_p%'"),
            "alpha",
        ),
        (
            format!(
                "SELECT uniquename FROM publisher WHERE {OURS} AND uniquename NOT LIKE 'a%' ORDER BY uniquename"
            ),
            "beta, gamma",
        ),
        (
            format!(
                "SELECT uniquename FROM publisher WHERE {OURS} AND customizationoptionvalueprefix BETWEEN 10100 AND 10150"
            ),
            "alpha",
        ),
        (
            format!(
                "SELECT uniquename FROM publisher WHERE {OURS} AND (customizationoptionvalueprefix > 10100 OR uniquename='alpha') ORDER BY customizationoptionvalueprefix, uniquename DESC"
            ),
            "alpha, gamma, beta",
        ),
        // Nothing is in the column: neither equal nor different.
        (format!("SELECT uniquename FROM publisher WHERE {OURS} AND description <> 'x'"), ""),
        (format!("SELECT uniquename FROM publisher WHERE {OURS} AND NOT description = 'x'"), ""),
        (
            format!(
                "SELECT uniquename FROM publisher WHERE {OURS} AND description IS NULL AND friendlyname IS NOT NULL ORDER BY uniquename"
            ),
            "alpha, beta, gamma",
        ),
        (
            format!(
                "SELECT uniquename FROM publisher WHERE {OURS} ORDER BY uniquename OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY"
            ),
            "beta",
        ),
        (
            format!(
                "SELECT friendlyname AS uniquename /* shouted */ FROM publisher WHERE {OURS} ORDER BY uniquename -- by alias\n"
            ),
            "ALPHA, BETA, GAMMA",
        ),
        (
            format!(
                "SELECT uniquename FROM publisher WHERE uniquename = 'it''s' OR {OURS} AND [uniquename] = 'gamma';"
            ),
            "gamma",
        ),
    ];
    for (text, expected) in publishers {
        let answer = sql(&service, "publishers", &text).await;
        assert_eq!(rows(&answer, &["uniquename"]), expected, "{text}");
    }
}

#[tokio::test]
async fn joins_and_groups() {
    let service = world().await;
    for (text, names, expected) in [
        (
            "SELECT p.uniquename, s.uniquename AS inside FROM publisher p JOIN solution s ON s.publisherid = p.publisherid ORDER BY s.uniquename",
            vec!["uniquename", "inside"],
            "alpha One, beta Three, alpha Two",
        ),
        (
            "SELECT p.uniquename, s.uniquename inside FROM publisher p LEFT OUTER JOIN solution s ON p.publisherid = s.publisherid AND s.uniquename = 'Two' WHERE p.uniquename IN ('alpha','gamma') ORDER BY p.uniquename",
            vec!["uniquename", "inside"],
            "alpha Two, gamma null",
        ),
        (
            "SELECT p.uniquename FROM publisher p INNER JOIN solution s ON p.publisherid = s.publisherid WHERE s.uniquename = 'Three' OR s.version < '0'",
            vec!["uniquename"],
            "beta",
        ),
        (
            "SELECT p.uniquename, COUNT(s.solutionid) AS cnt FROM publisher p LEFT JOIN solution s ON p.publisherid = s.publisherid WHERE p.uniquename IN ('alpha','beta','gamma') GROUP BY p.uniquename ORDER BY cnt DESC",
            vec!["uniquename", "cnt"],
            "alpha 2, beta 1, gamma 0",
        ),
        (
            "SELECT DISTINCT customizationoptionvalueprefix FROM publisher WHERE uniquename IN ('alpha','beta','gamma') ORDER BY customizationoptionvalueprefix",
            vec!["customizationoptionvalueprefix"],
            "10100, 10200",
        ),
        (
            "SELECT COUNT(*), COUNT(DISTINCT customizationoptionvalueprefix) n, MAX(customizationoptionvalueprefix) most FROM publisher WHERE uniquename IN ('alpha','beta','gamma')",
            vec!["expr1", "n", "most"],
            "3 2 10200",
        ),
    ] {
        let answer = sql(&service, "publishers", text).await;
        assert_eq!(rows(&answer, &names), expected, "{text}");
    }
}

#[tokio::test]
async fn pages_follow_their_links() {
    let service = world().await;
    let text = "SELECT uniquename FROM publisher WHERE uniquename IN ('alpha','beta','gamma') ORDER BY uniquename OFFSET 1 ROWS";
    let first = format!("publishers?sql={}", utf8_percent_encode(text, NON_ALPHANUMERIC));
    let mut seen = Vec::new();
    let mut next = Some(first);
    while let Some(path) = next {
        let request = at("GET", &path).header("Prefer", "odata.maxpagesize=1");
        let answer = service.send(None, request, &Value::Null).await;
        seen.push(rows(&answer, &["uniquename"]));
        next = answer.json()["@odata.nextLink"]
            .as_str()
            .and_then(|link| Some(link.split_once("/v9.2/")?.1.to_owned()));
        assert!(seen.len() < 5);
    }
    assert_eq!(seen, ["beta", "gamma"]);
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let service = world().await;
    for (set, text) in [
        ("publishers", "DELETE FROM publisher"),
        ("publishers", "SELECT uniquename FROM publisher; SELECT 1"),
        ("publishers", "SELECT uniquename FROM solution"),
        ("publishers", "SELECT nosuch FROM publisher"),
        ("publishers", "SELECT uniquename FROM publisher HAVING 1 = 1"),
        ("publishers", "SELECT uniquename FROM publisher UNION SELECT 1 FROM publisher"),
        (
            "publishers",
            "SELECT uniquename FROM publisher WHERE publisherid IN (SELECT publisherid FROM solution)",
        ),
        (
            "publishers",
            "SELECT p.uniquename FROM publisher p RIGHT JOIN solution s ON p.publisherid = s.publisherid",
        ),
        ("publishers", "SELECT p.uniquename FROM publisher p, solution s"),
        (
            "publishers",
            "SELECT p.uniquename FROM publisher p JOIN solution s ON p.publisherid > s.publisherid",
        ),
        (
            "publishers",
            "SELECT publisherid FROM publisher p JOIN solution s ON p.publisherid = s.publisherid",
        ),
        ("publishers", "SELECT uniquename, COUNT(*) FROM publisher"),
        ("publishers", "SELECT TOP 5001 uniquename FROM publisher"),
        ("publishers", "SELECT UPPER(uniquename) FROM publisher"),
        ("publishers", "SELECT uniquename FROM publisher WHERE createdon > 'soon'"),
        ("publishers", "SELECT uniquename FROM publisher WHERE uniquename = 'x"),
    ] {
        let answer = sql(&service, set, text).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.body);
    }
    let nested =
        format!("SELECT uniquename FROM publisher WHERE {}uniquename = 'x'", "(".repeat(3000));
    assert_eq!(sql(&service, "publishers", &nested).await.status, 400);
    let both = service.get("publishers?$top=1&sql=SELECT uniquename FROM publisher").await;
    assert_eq!(both.status, 400);
}

proptest! {
    #[test]
    fn any_text_gives_a_tree_or_a_fault(text in "(SELECT|TOP|FROM|WHERE|AND|OR|NOT|IN|LIKE|JOIN|ON|[a-z]{1,3}|'[^']?'|[0-9]|[(),.*=<>'\\[\\]-]| |é){0,40}") {
        let _ = sql_parse::parse(&text);
        let _ = sql_parse::parse(&format!("SELECT a FROM b WHERE {text}"));
    }
}
