//! Runbooks: who uses what, what is known of permissions, the order of turning on.
use connref_review::runbook::*;
use connref_solution::model::facts::Capability;
use serde_json::{Value, json};

use crate::pack::*;

fn child(id: &str) -> Value {
    json!({"type": "Workflow", "inputs": {"host": {"workflowReferenceName": id}}})
}

const API: &str = "shared_commondataserviceforapps";
const OUT: &str = "33333333-3333-4333-8333-333333333333";

#[test]
fn permissions_come_from_operations_and_name_what_they_reach() {
    let actions = json!({
        "Scope": {"type": "Scope", "actions": {
            "List": call(API, "ListRecords", json!({"entityName": "accounts"})),
            "Other": call(API, "GetItem", json!({"entityName": "@parameters('Table (acme_Table)')"})),
        }},
        "Odd": call(API, "aibuilderpredict", json!({})),
    });
    let pack =
        Pack::default().reference("acme_d", API).flow(entry("ACME_d", API), button(), actions);
    let book = runbook(&pack.source(), None);
    let [reference] = book.references.as_slice() else { panic!("{book:?}") };
    assert_eq!(reference.sign_in.principal, Capability::Yes);
    let actions: Vec<&str> = reference.uses.iter().map(|u| u.action.as_str()).collect();
    assert_eq!(actions, ["List", "Other", "Odd"]);
    let found: Vec<(Certainty, &str, Vec<&str>)> = reference
        .permissions
        .iter()
        .map(|p| (p.certainty, p.text.as_str(), p.on.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(
        found,
        [
            (
                Certainty::Known,
                "read the table",
                vec!["table accounts", "table of the variable acme_Table"]
            ),
            (Certainty::Unknown, "not known to connref", vec![]),
        ]
    );
}

#[test]
fn children_come_first_and_rings_are_named() {
    let parent = json!({"Call": child(CHILD)});
    let pack = |inner: Value| {
        Pack::default()
            .reference("acme_d", API)
            .flow(entry("acme_d", API), button(), parent.clone())
            .flow(entry("acme_d", API), button(), inner)
    };
    let book = runbook(&pack(json!({"Out": child(OUT)})).source(), None);
    let ids: Vec<&str> = book.flows.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, [CHILD, FLOW]);
    assert_eq!(book.flows[0].calls_elsewhere, [OUT]);
    assert!(book.rings.is_empty());
    let book = runbook(&pack(json!({"Back": child(FLOW)})).source(), None);
    assert_eq!(book.rings.len(), 1);
    assert_eq!(book.rings[0].len(), 2);
}

#[test]
fn what_has_no_reference_here_is_told_apart() {
    let entries = json!({
        "shared_teams": {"runtimeSource": "embedded", "connection": {}, "api": {"name": "shared_teams"}},
        "shared_sql": {"runtimeSource": "embedded", "connection": {"connectionReferenceLogicalName": "other_sql"}, "api": {"name": "shared_sql"}},
    });
    let pack =
        Pack::default().reference("acme_idle", "shared_sql").flow(entries, button(), json!({}));
    let book = runbook(&pack.flow_text(CHILD, "{").source(), None);
    let direct: Vec<_> = book
        .direct
        .iter()
        .map(|d| (d.reference.as_ref().map(|r| r.as_str()), d.api_name.as_str()))
        .collect();
    assert_eq!(direct, [(None, "shared_teams"), (Some("other_sql"), "shared_sql")]);
    assert!(book.references[0].uses.is_empty());
    assert_eq!(book.unreadable.len(), 1);
}

#[test]
fn secrets_stay_out() {
    let vault = "/subscriptions/1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/secrets/s";
    let secret = Some("k8Q~x71PzzL20sVb44wq");
    let pack = Pack::default()
        .variable("acme_ApiKey", 100_000_000, secret, None)
        .variable("acme_Site", 100_000_000, Some("https://contoso.test"), None)
        .variable("acme_Vault", 100_000_005, Some(vault), None)
        .variable("acme_Wrong", 100_000_005, secret, None);
    let book = runbook(&pack.source(), None);
    let shown: Vec<(&str, &Shown)> =
        book.variables.iter().map(|v| (v.schema_name.as_str(), &v.default)).collect();
    assert_eq!(
        shown,
        [
            ("acme_ApiKey", &Shown::Withheld),
            ("acme_Site", &Shown::Text("https://contoso.test".to_owned())),
            ("acme_Vault", &Shown::Text(vault.to_owned())),
            ("acme_Wrong", &Shown::Withheld),
        ]
    );
}
