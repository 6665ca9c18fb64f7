//! Data policies and binding rules: reading and judging.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
use connref_review::policy::*;
use connref_solution::model::facts::{EnvironmentKind, PrincipalKind};
use connref_solution::model::{ApiName, EnvironmentId, PrincipalId};
use serde_json::{Value, json};

fn api(name: &str) -> Value {
    json!({"id": format!("/providers/Microsoft.PowerApps/apis/{name}")})
}

fn read(value: &Value) -> Policies {
    policies_read(value.to_string().as_bytes()).unwrap()
}

fn use_of<'a>(name: &str, operation: Option<&'a str>, endpoint: Option<&'a str>) -> Use<'a> {
    Use { api: ApiName::new(name), operation, endpoint, host: None }
}

fn policy() -> Value {
    json!({"displayName": "Main", "defaultConnectorsClassification": "General",
        "environmentType": "ExceptEnvironments", "environments": [{"name": "lab"}],
        "connectorGroups": [
            {"classification": "Confidential", "connectors": [api("shared_sql"), api("shared_teams")]},
            {"classification": "Blocked", "connectors": [api("shared_twitter")]}],
        "connectorConfigurationsDefinition": {
            "connectorActionConfigurations": [{"connectorId": "/x/shared_sql", "defaultConnectorActionRuleBehavior": "Allow",
                "actionRules": [{"actionId": "DeleteItem_V2", "behavior": "Block"}]}],
            "endpointConfigurations": [{"connectorId": "/x/shared_sql", "endpointRules": [
                {"order": 2, "behavior": "Deny", "endpoint": "*"},
                {"order": 1, "behavior": "Allow", "endpoint": "*.acme.test"}]}]},
        "customConnectorUrlPatternsDefinition": {"rules": [
            {"order": 1, "customConnectorRuleClassification": "Confidential", "pattern": "https://*.acme.test"},
            {"order": 2, "customConnectorRuleClassification": "Ignore", "pattern": "*"}]}})
}

#[test]
fn groups_actions_and_endpoints() {
    let policies = read(&policy()).data;
    let judge = |uses: &[Use<'_>]| -> Vec<Violation> {
        evaluate(&policies, None, uses).into_iter().flat_map(|v| v.found).map(|(_, v)| v).collect()
    };
    let sql = |operation, endpoint| use_of("shared_sql", operation, endpoint);
    assert_eq!(judge(&[sql(None, None), use_of("SHARED_teams", None, None)]), []);
    let mixed = judge(&[sql(None, None), use_of("shared_weather", None, None)]);
    assert!(matches!(mixed[..], [Violation::Mixed { .. }]), "{mixed:?}");
    assert!(mixed[0].reason("Main").contains("`Main`"));
    assert!(matches!(
        judge(&[use_of("shared_twitter", None, None)])[..],
        [Violation::Connector { .. }]
    ));
    assert!(matches!(judge(&[sql(Some("DeleteItem_V2"), None)])[..], [Violation::Action { .. }]));
    assert_eq!(judge(&[sql(Some("GetItem_V2"), Some("db.acme.test"))]), []);
    let endpoint = judge(&[sql(None, Some("db.evil.test"))]);
    assert!(matches!(endpoint[..], [Violation::Endpoint { .. }]), "{endpoint:?}");
    let custom = |host| Use { host: Some(host), ..use_of("shared_own", None, None) };
    assert_eq!(judge(&[sql(None, None), custom("https://api.acme.test/v1")]), []);
    assert_eq!(judge(&[sql(None, None), custom("https://api.else.test")]).len(), 1);
}

#[test]
fn the_strictest_of_several_wins_and_scopes_hold() {
    let second = json!({"name": "Lab", "environmentType": "OnlyEnvironments", "environments": ["lab"],
        "defaultConnectorsClassification": "Confidential",
        "connectorGroups": [{"classification": "Blocked", "connectors": ["shared_sql"]}]});
    let policies = read(&json!({"policies": [policy(), second]})).data;
    let group = |environment: Option<&str>, name: &str| {
        let environment = environment.map(EnvironmentId::new);
        effective_group(&policies, environment.as_ref(), &ApiName::new(name), None)
    };
    assert_eq!(group(Some("lab"), "shared_sql"), Some(Group::Blocked));
    assert_eq!(group(Some("prod"), "shared_sql"), Some(Group::Business));
    assert_eq!(group(None, "shared_weather"), Some(Group::NonBusiness));
    assert_eq!(effective_group(&[], None, &ApiName::new("x"), None), None);
    let both = read(&json!([policy(), {"name": "All", "connectorGroups": [
        {"classification": "Blocked", "connectors": [api("shared_sql")]}]}]))
    .data;
    assert_eq!(
        effective_group(&both, None, &ApiName::new("shared_sql"), None),
        Some(Group::Blocked)
    );
    assert_eq!(evaluate(&both, None, &[use_of("shared_sql", None, None)])[0].policy, "All");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for (text, part) in [
        ("{", "cannot read"),
        ("{}", "connectorGroups"),
        ("[]", "neither"),
        (r#"{"connectorGroups":1}"#, "/connectorGroups"),
        (
            r#"{"connectorGroups":[{"classification":"Secret"}]}"#,
            "/connectorGroups/0/classification",
        ),
        (r#"{"connectorGroups":[],"environmentType":"Some"}"#, "/environmentType"),
        (r#"{"bindingRules":[{"rule":"whatever"}]}"#, "/bindingRules/0/rule"),
    ] {
        let error = policies_read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn binding_rules_both_ways() {
    let rules = read(&json!({"bindingRules": [
        {"name": "no people", "rule": "noUserConnection", "environments": ["production"], "except": ["shared_share*"]},
        {"name": "four eyes", "rule": "binderIsNotOwner"},
        {"name": "sql by svc", "rule": "onlyThrough", "connector": "shared_sql", "principal": "svc-sql"},
        {"name": "prod only", "rule": "targetIn", "connector": "shared_sql", "targets": ["*.prod.acme.test"], "environments": ["production"]}]})).rules;
    let (ann, bob) = (PrincipalId::new("ann"), PrincipalId::new("bob"));
    let (sql, share) = (ApiName::new("shared_sql"), ApiName::new("shared_sharepointonline"));
    let good = BindingCase {
        environment: EnvironmentKind::Production,
        reference: "acme_Sql",
        connector: &sql,
        owner: &ann,
        owner_kind: Some(PrincipalKind::ServicePrincipal),
        owner_names: &["SVC-sql"],
        binder: Some(&bob),
        target: Some("db.prod.acme.test"),
    };
    let broken = |case: &BindingCase<'_>| -> Vec<(String, bool)> {
        bindings_evaluate(&rules, case).into_iter().map(|v| (v.rule, v.known)).collect()
    };
    let one = |name: &str, known| vec![(name.to_owned(), known)];
    assert_eq!(broken(&good), []);
    let user = Some(PrincipalKind::User);
    assert_eq!(broken(&BindingCase { owner_kind: user, ..good.clone() }), one("no people", true));
    assert_eq!(broken(&BindingCase { owner_kind: None, ..good.clone() }), one("no people", false));
    assert_eq!(broken(&BindingCase { binder: Some(&ann), ..good.clone() }), one("four eyes", true));
    assert_eq!(broken(&BindingCase { owner_names: &[], ..good.clone() }), one("sql by svc", true));
    assert_eq!(
        broken(&BindingCase { target: Some("db.dev.acme.test"), ..good.clone() }),
        one("prod only", true)
    );
    assert_eq!(broken(&BindingCase { target: None, ..good.clone() }), one("prod only", false));
    let test = BindingCase {
        environment: EnvironmentKind::Test,
        owner_kind: user,
        target: None,
        ..good.clone()
    };
    assert_eq!(broken(&test), []);
    assert_eq!(
        broken(&BindingCase { connector: &share, owner_kind: user, target: None, ..good }),
        []
    );
}

#[test]
fn a_parent_is_suspended_with_its_child_however_far_up() {
    use connref_review::index::Index;
    use connref_solution::model::facts::FlowState;
    let mut world = crate::world::World::default();
    let entry = || vec![crate::world::entry("new_Sql", "shared_sql")];
    world.reference("new_Sql", "shared_sql", None);
    world.flow("child", "ann", entry()).state = FlowState::On;
    world.flow("off", "ann", entry());
    for (id, child) in
        [("parent", "child"), ("grandparent", "parent"), ("other", "off"), ("free", "none")]
    {
        let flow = world.flow(id, "ann", vec![]);
        flow.children = vec![child.into()];
        flow.state = FlowState::On;
    }
    world.policy("main", &crate::world::blocks("shared_sql", "Blocked"));
    let index = Index::new(&world.0);
    let mut found: Vec<_> =
        flows_to_suspend(&index).into_iter().map(|(id, _)| id.to_string()).collect();
    found.sort();
    assert_eq!(found, ["child", "grandparent", "other", "parent"]);
}

#[test]
fn a_policy_names_environments_by_id_or_by_name() {
    use connref_review::flow_activation;
    for (kind, name, refused) in [
        ("OnlyEnvironments", "e1", true),
        ("OnlyEnvironments", "prod", true),
        ("OnlyEnvironments", "TEST", false),
        ("ExceptEnvironments", "PROD", false),
        ("ExceptEnvironments", "e1", false),
        ("ExceptEnvironments", "TEST", true),
    ] {
        let mut world = crate::world::World::default();
        world.connection("c1", "shared_sql", "ann");
        world.reference("new_Sql", "shared_sql", Some("c1"));
        world.flow("f", "ann", vec![crate::world::entry("new_Sql", "shared_sql")]);
        let mut document: Value =
            serde_json::from_str(&crate::world::blocks("shared_sql", "Blocked")).unwrap();
        document["environmentType"] = kind.into();
        document["environments"] = json!([{"name": name}]);
        world.policy("main", &document.to_string());
        let activation = flow_activation(&world.0, &"f".into(), &"ann".into());
        assert_eq!(!activation.allowed(), refused, "{kind} {name}");
    }
}

#[test]
fn a_policy_that_cannot_be_read_lets_nothing_pass() {
    let mut world = crate::world::World::default();
    world.flow("f", "ann", vec![]);
    world.policy("odd", "{}");
    let activation = connref_review::flow_activation(&world.0, &"f".into(), &"ann".into());
    assert_eq!(activation.refusals[0].code, "DlpViolation");
    assert!(activation.refusals[0].text.contains("`odd` cannot be read"));
}
