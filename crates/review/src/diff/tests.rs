//! Packages compared.
use connref_solution::model::package::{
    PackageConnector, PackageReference, PackageVariable, Workflow,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn reference(name: &str, api: &str) -> PackageReference {
    PackageReference {
        logical_name: name.into(),
        display_name: name.to_owned(),
        description: None,
        api_name: api.into(),
        custom_connector_id: None,
        customizable: true,
        prompting_behavior: None,
    }
}

fn variable(name: &str, default: Option<&str>) -> PackageVariable {
    PackageVariable {
        schema_name: name.into(),
        display_name: name.to_owned(),
        description: None,
        kind: 100_000_000,
        default_value: default.map(str::to_owned),
        value: None,
        required: false,
        api_name: None,
        parameter_key: None,
        parent: None,
        secret_store: None,
    }
}

fn id(number: u32) -> String {
    format!("{number:08x}-906f-4b42-81b5-7a2d7c8eaf12")
}

fn flow(number: u32, name: &str, references: &Value, actions: &Value) -> Workflow {
    let body = json!({ "properties": { "connectionReferences": references, "definition": {
        "triggers": { "manual": { "type": "Request" } }, "actions": actions } } });
    Workflow {
        id: id(number).into(),
        name: name.to_owned(),
        description: None,
        category: 5,
        state_code: 1,
        modern_flow_type: None,
        json_file_name: None,
        client_data: Some(body.to_string()),
    }
}

fn child(number: u32) -> Value {
    json!({ "Call": { "type": "Workflow", "inputs": { "host": { "workflowReferenceName": id(number) } } } })
}

fn to(name: &str) -> Value {
    json!({ "k": { "runtimeSource": "embedded", "connection": { "connectionReferenceLogicalName": name }, "api": { "name": "shared_teams" } } })
}

fn before() -> Package {
    let mut package = Package {
        references: vec![reference("n_teams", "shared_teams"), reference("n_old", "shared_sql")],
        variables: vec![variable("n_a", Some("1")), variable("n_b", None)],
        connectors: vec![PackageConnector {
            name: "n_5Fledger".to_owned(),
            display_name: "Ledger".to_owned(),
            openapi_definition: Some("{\"a\": 1}".to_owned()),
            ..PackageConnector::default()
        }],
        workflows: vec![
            flow(
                1,
                "Main",
                &to("n_teams"),
                &json!({
                "Scope": { "type": "Scope", "actions": { "Send": { "type": "X", "inputs": 1, "metadata": { "operationMetadataId": "1" } } } },
                "Gone": { "type": "Compose" } }),
            ),
            flow(2, "Callee", &json!({}), &json!({})),
            flow(3, "Caller", &json!({}), &child(2)),
        ],
        ..Package::default()
    };
    package.manifest.unique_name = "N".to_owned();
    package.manifest.version = "1.0.0.0".to_owned();
    package
}

fn after() -> Package {
    let mut package = Package {
        references: vec![
            reference("N_TEAMS", "shared_office365"),
            reference("n_new", "shared_teams"),
        ],
        variables: vec![variable("n_a", Some("2")), variable("n_c", None)],
        workflows: vec![
            flow(
                1,
                "Main",
                &to("n_new"),
                &json!({
                "Scope": { "type": "Scope", "actions": { "Send": { "type": "X", "inputs": 2, "metadata": { "operationMetadataId": "2" } }, "More": { "type": "Compose" } } } }),
            ),
            flow(4, "Fresh", &to("n_new"), &json!({})),
        ],
        ..Package::default()
    };
    package.manifest.unique_name = "N".to_owned();
    package.manifest.version = "1.1.0.0".to_owned();
    package
}

fn list(differences: &[Difference]) -> Vec<String> {
    differences
        .iter()
        .map(|d| format!("{} {}: {}", d.name, d.change, d.details.join(", ")))
        .collect()
}

#[test]
fn tells_what_an_upgrade_does() {
    let diff = package_diff(&before(), &after());
    assert!(diff.same_solution);
    assert_eq!(diff.solution, ["the version was `1.0.0.0`, is `1.1.0.0`"]);
    assert_eq!(
        list(&diff.references),
        [
            "N_TEAMS changed: the connector was `shared_teams`, is `shared_office365`, the display name was `n_teams`, is `N_TEAMS`",
            "n_new added: ",
            "n_old removed: "
        ]
    );
    let needed: Vec<_> =
        diff.bindings.iter().map(|b| (b.reference.to_string(), b.flows.join(", "))).collect();
    let wanted = [("N_TEAMS", ""), ("n_new", "Main, Fresh")];
    assert_eq!(needed, wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(
        list(&diff.variables),
        ["n_a changed: the default value is another", "n_c added: ", "n_b removed: "]
    );
    assert_eq!(list(&diff.connectors), ["Ledger removed: "]);
    let flows: Vec<_> = diff.flows.iter().map(|f| format!("{} {}", f.name, f.change)).collect();
    assert_eq!(flows, ["Main changed", "Fresh added", "Callee removed", "Caller removed"]);
    let actions: Vec<_> =
        diff.flows[0].actions.iter().map(|a| format!("{} {}", a.name, a.change)).collect();
    assert_eq!(actions, ["Scope/Send changed", "Scope/More added", "Gone removed"]);
    assert_eq!(
        diff.flows[0].connections,
        ["`k` uses the reference `n_new` instead of the reference `n_teams`"]
    );
    assert_eq!(
        diff.removal,
        [
            "flow `Caller`",
            "flow `Callee`",
            "connection reference `n_old`",
            "environment variable `n_b`",
            "custom connector `Ledger`"
        ]
    );
}

#[test]
fn nothing_differs_from_itself_or_by_layout_alone() {
    assert!(package_diff(&before(), &before()).is_empty());
    let mut spread = before();
    for flow in &mut spread.workflows {
        let value: Value = serde_json::from_str(flow.client_data.as_deref().unwrap()).unwrap();
        flow.client_data = Some(serde_json::to_string_pretty(&value).unwrap());
    }
    spread.connectors[0].openapi_definition = Some("{ \"a\":1 }".to_owned());
    assert!(package_diff(&before(), &spread).is_empty());
}

#[test]
fn a_body_nobody_can_read_is_compared_as_text() {
    let mut broken = before();
    broken.workflows[0].client_data = Some("{".to_owned());
    let diff = package_diff(&before(), &broken);
    assert_eq!(diff.flows[0].details, ["the body differs"]);
    assert_eq!(diff.problems.len(), 1);
}

#[test]
fn a_ring_of_callers_still_has_an_order() {
    let mut ring = before();
    ring.workflows = vec![flow(1, "A", &json!({}), &child(2)), flow(2, "B", &json!({}), &child(1))];
    let diff = package_diff(&ring, &Package::default());
    assert_eq!(diff.removal[..2], ["flow `A`", "flow `B`"]);
}

proptest! {
    /// Turning a comparison round turns every change round.
    #[test]
    fn a_comparison_turned_round(names in prop::collection::vec(("[a-e]", "[xy]"), 0..6), others in prop::collection::vec(("[a-e]", "[xy]"), 0..6)) {
        let make = |names: &[(String, String)]| {
            let mut seen = std::collections::HashSet::new();
            let unique = names.iter().filter(|(n, _)| seen.insert(n.clone()));
            Package { references: unique.map(|(n, api)| reference(n, api)).collect(), ..Package::default() }
        };
        let (one, other) = (make(&names), make(&others));
        let sorted = |diff: &PackageDiff, flip: bool| {
            let mut list: Vec<_> = diff.references.iter().map(|d| {
                let change = match (d.change, flip) {
                    (Change::Added, true) => Change::Removed,
                    (Change::Removed, true) => Change::Added,
                    (change, _) => change,
                };
                (d.name.clone(), change)
            }).collect();
            list.sort();
            list
        };
        let there = package_diff(&one, &other);
        let back = package_diff(&other, &one);
        prop_assert_eq!(sorted(&there, false), sorted(&back, true));
    }
}

#[test]
fn what_stays_lets_go_before_what_it_used_is_removed() {
    let mut before = before();
    before.references.push(reference("n_held", "shared_teams"));
    let child_of = |name: &str, parent: &str| PackageVariable {
        parent: Some(parent.into()),
        ..variable(name, None)
    };
    before.variables = vec![variable("n_site", None), child_of("n_list", "N_SITE")];
    before.workflows.push(flow(5, "Holder", &to("n_held"), &json!({})));
    let mut after = before.clone();
    after.references.clear();
    after.references.push(reference("n_new", "shared_teams"));
    after.variables.clear();
    after.workflows = vec![
        flow(1, "Main", &to("n_new"), &json!({})),
        flow(5, "Holder", &to("n_held"), &child(2)),
    ];
    let diff = package_diff(&before, &after);
    insta::assert_snapshot!(diff.removal.join("\n"), @r"
    flow `Caller`
    flow `Callee` cannot go: flow `Holder` of the newer version still calls it
    flow `Main` is brought to the newer version: it stops using `n_teams`
    connection reference `n_teams`
    connection reference `n_old`
    connection reference `n_held` cannot go: flow `Holder` of the newer version still uses it
    environment variable `n_list`
    environment variable `n_site`
    ");
}
