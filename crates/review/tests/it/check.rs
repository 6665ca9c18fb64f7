//! The checker: each rule on a package that breaks it and on a near miss, severities, places,
//! options.
#![expect(clippy::needless_pass_by_value, clippy::unwrap_used, reason = "helpers of tests")]
use connref_review::check::*;
use connref_review::policy::policies_read;
use connref_review::{Finding, Severity, explain};
use serde_json::{Value, json};

use crate::pack::*;

/// Codes of a package; `miss` changes the one thing that matters.
type Fixture = fn(miss: bool) -> Vec<Finding>;

const HASH: &str = "5f6a4f91c8025d1333";
const OTHER_HASH: &str = "5f9fd17285088bf5cb";
const SECRET: &str = "k8Q~x71PzzL20sVb44wq";

fn teams() -> Pack {
    Pack::default().reference("acme_t", "shared_teams").uses("acme_t", "shared_teams")
}

/// A flow with one Teams action of these parameters.
fn action(value: Value) -> Pack {
    Pack::default().reference("acme_t", "shared_teams").flow(
        entry("acme_t", "shared_teams"),
        button(),
        json!({"Do": value}),
    )
}

fn tool() -> (String, String) {
    (format!("shared_acme-5ftool-{HASH}"), format!("shared_acme-5ftool-{OTHER_HASH}"))
}

#[rustfmt::skip]
const FIXTURES: &[(&str, Fixture)] = &[
    ("CR000", |miss| {
        let text = if miss { r#"{"properties":{"connectionReferences":{},"definition":{"triggers":{"m":{}},"actions":{}}}}"# } else { "{\"properties\":\n {" };
        Pack::default().flow_text(FLOW, text).check()
    }),
    ("CR001", |miss| {
        let connection = if miss { json!({"connectionReferenceLogicalName": "acme_t"}) } else { json!({}) };
        let entries = json!({"shared_teams": {"runtimeSource": "embedded", "connection": connection, "api": {"name": "shared_teams"}}});
        Pack::default().reference("ACME_T", "shared_teams").flow(entries, button(), json!({})).check()
    }),
    ("CR002", |miss| {
        let name = if miss { "ACME_t" } else { "acme_other" };
        Pack::default().reference("acme_t", "shared_teams").uses(name, "shared_teams").check()
    }),
    ("CR003", |miss| {
        let pack = teams().reference("acme_idle", "shared_sql");
        // An AI model or a data-source variable may be what uses it.
        if miss { pack.part("bots/acme_bot/configuration.json", r#"{"use":"acme_idle"}"#).check() } else { pack.check() }
    }),
    ("CR004", |miss| {
        let api = if miss { "shared_sql" } else { "shared_teams" };
        Pack::default().reference("acme_a", api).reference("acme_b", api).check()
    }),
    ("CR005", |miss| {
        let (one, other) = tool();
        let flow = if miss { other } else { "shared_teams".to_owned() };
        Pack::default().reference("acme_x", &one).uses("acme_x", &flow).check()
    }),
    ("CR006", |miss| {
        let id = if miss { "@{variables('id')}" } else { "0123456789abcdef0123456789abcdef" };
        action(json!({"type": "Compose", "inputs": format!("/providers/Microsoft.PowerApps/apis/shared_sql/connections/{id}")})).check()
    }),
    ("CR007", |miss| {
        let secret = if miss { "@parameters('Secret (acme_Secret)')" } else { SECRET };
        action(json!({"type": "Http", "inputs": {"method": "GET", "uri": "https://graph.example/v1",
            "authentication": {"type": "ActiveDirectoryOAuth", "secret": secret}}})).check()
    }),
    ("CR008", |miss| {
        let site = if miss { "@parameters('Site (acme_Site)')" } else { "https://acme.sharepoint.com/sites/dev" };
        action(call("shared_teams", "GetItems", json!({"dataset": site}))).check()
    }),
    ("CR009", |miss| {
        let value = if miss { None } else { Some("https://dev.acme.test") };
        Pack::default().variable("acme_Url", 100_000_000, Some("https://acme.test"), value).check()
    }),
    ("CR010", |miss| {
        if miss {
            let path = "/subscriptions/1/resourceGroups/r/providers/Microsoft.KeyVault/vaults/v/secrets/s";
            Pack::default().variable("acme_ApiKey", 100_000_005, None, Some(path)).check()
        } else {
            Pack::default().variable("acme_ApiKey", 100_000_000, Some(SECRET), None).check()
        }
    }),
    ("CR011", |miss| {
        let parent = json!({"Run": {"type": "Workflow", "inputs": {"host": {"workflowReferenceName": if miss { FLOW } else { CHILD }}}}});
        let mut child = entry("acme_t", "shared_teams");
        child["shared_teams"]["runtimeSource"] = json!("invoker");
        Pack::default().reference("acme_t", "shared_teams")
            .flow(json!({}), button(), parent)
            .flow(child, button(), json!({})).check()
    }),
    ("CR012", |miss| {
        let (api, _) = tool();
        let pack = Pack::default().connector("c1", "acme_5Ftool", &["GetOrder"]).reference("acme_x", &api);
        let operation = if miss { "getorder" } else { "GetOrderV2" };
        pack.flow(entry("acme_x", &api), button(), json!({"Do": call(&api, operation, json!({}))})).check()
    }),
    ("CR013", |miss| {
        let prefix = if miss { "crm" } else { "cr4f2" };
        Pack { prefix: prefix.to_owned(), ..teams() }.check()
    }),
    ("CR014", |miss| {
        let (api, _) = tool();
        let pack = Pack::default().reference("acme_x", &api);
        if miss { pack.connector("c1", "acme_5Ftool", &[]).check() } else { pack.check() }
    }),
    ("CR015", |miss| {
        let api = if miss { "shared_logicflows" } else { "shared_sql" };
        Pack::default().app(json!({"id": format!("/providers/microsoft.powerapps/apis/{api}"), "dataSources": ["t"]})).check()
    }),
    ("CR016", |miss| {
        let solution = if miss { "Base (1.0.0.0)" } else { "Active" };
        teams().missing(&format!("type=\"connectionreference\" displayName=\"x\" solution=\"{solution}\" id.connectionreferencelogicalname=\"acme_far\"")).check()
    }),
    ("CR017", |miss| {
        let api = if miss { "shared_unheardof" } else { "shared_sharepointonline" };
        let options = CheckOptions { production: true, ..CheckOptions::default() };
        Pack::default().reference("acme_x", api).check_with(&options)
    }),
    ("CR018", |miss| {
        let second = if miss { "acme_t2" } else { "ACME_T" };
        Pack::default().reference("acme_t", "shared_teams").reference(second, "shared_teams").check()
    }),
    ("CR019", |miss| {
        let id = "0123456789abcdef0123456789abcdef";
        let id = if miss { id.to_owned() } else { format!("shared_teams/{id}") };
        settings(&teams(), &json!({"ConnectionReferences": [{"LogicalName": "acme_t", "ConnectionId": id,
            "ConnectorId": "/providers/Microsoft.PowerApps/apis/shared_teams"}]}).to_string())
    }),
    ("CR020", |miss| {
        let default = if miss { "Confidential" } else { "General" };
        let policy = json!({"displayName": "Tenant", "defaultConnectorsClassification": default, "connectorGroups": [
            {"classification": "Confidential", "connectors": [{"id": "/providers/Microsoft.PowerApps/apis/shared_sql"}]}]});
        let policies = policies_read(policy.to_string().as_bytes()).unwrap();
        let mut entries = entry("acme_t", "shared_teams");
        entries["shared_sql"] = entry("acme_s", "shared_sql")["shared_sql"].clone();
        let pack = Pack::default().reference("acme_t", "shared_teams").reference("acme_s", "shared_sql")
            .flow(entries, button(), json!({}));
        let source = pack.source();
        check(&CheckInput { policies: Some(&policies), ..CheckInput::new(&source) }, &CheckOptions::default())
    }),
    ("CR021", |miss| {
        let (api, _) = tool();
        let pack = Pack::default().connector("c1", "acme_5Ftool", &[]);
        if miss { pack.check() } else { pack.reference("acme_x", &api).check() }
    }),
    ("CR022", |miss| {
        let who = if miss { "Tenant" } else { "All" };
        let trigger = json!({"type": "Request", "kind": "Http", "inputs": {"triggerAuthenticationType": who}});
        Pack::default().flow(json!({}), trigger, json!({})).check()
    }),
    ("CR023", |miss| {
        let mut read = call("shared_teams", "PerformUnboundAction", json!({"actionName": "RetrieveEnvironmentVariableSecretValue"}));
        if miss { read["runtimeConfiguration"] = json!({"secureData": {"properties": ["inputs", "outputs"]}}); }
        action(read).check()
    }),
    ("CR024", |miss| {
        let runas = if miss { 3 } else { 1 };
        let trigger = json!({"type": "OpenApiConnectionWebhook", "inputs": {"parameters": {"subscriptionRequest/runas": runas}}});
        Pack::default().flow(json!({}), trigger, json!({})).check()
    }),
    ("CR025", |miss| {
        let api = if miss { "shared_commondataserviceforapps" } else { "shared_commondataservice" };
        Pack::default().reference("acme_d", api).check()
    }),
];

fn settings(pack: &Pack, text: &str) -> Vec<Finding> {
    let source = pack.source();
    let settings = [SettingsText { name: "prod.json", bytes: text.as_bytes() }];
    let input = CheckInput { settings: &settings, ..CheckInput::new(&source) };
    check(&input, &CheckOptions::default())
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|f| f.code).collect()
}

#[test]
fn every_rule_has_a_page_a_fixture_and_a_near_miss() {
    for code in rule_codes() {
        assert!(explain(code).is_some(), "{code} has no page");
        let (_, fixture) = FIXTURES
            .iter()
            .find(|(c, _)| *c == code)
            .unwrap_or_else(|| panic!("{code} has no fixture"));
        let hit = fixture(false);
        assert!(codes(&hit).contains(&code), "{code}: {hit:#?}");
        let miss = fixture(true);
        assert!(!codes(&miss).contains(&code), "{code}: the near miss hits: {miss:#?}");
        for finding in hit.iter().filter(|f| f.code == code) {
            let at = finding.location.as_ref().unwrap();
            assert!(!at.part.is_empty() && at.line > 0 && at.column > 0, "{finding:#?}");
            assert!(!finding.help.is_empty() && !finding.message.ends_with('.'), "{finding:#?}");
        }
    }
    assert_eq!(rule_codes().count(), FIXTURES.len());
}

#[test]
fn places_are_lines_and_columns() {
    let found =
        action(json!({"type": "Http", "inputs": {"headers": {"X-Api-Key": SECRET}}})).check();
    let at = found[0].location.clone().unwrap();
    assert_eq!(found[0].code, "CR007");
    assert_eq!(at.part, format!("Workflows/Flow-{FLOW}.json"));
    assert_eq!(at.path, "/properties/definition/actions/Do/inputs/headers/X-Api-Key");
    assert_eq!((at.line, at.column), (27, 28));
    assert!(!format!("{found:?}").contains(SECRET), "a finding never repeats a secret");

    let found = Pack::default().reference("acme_d", "shared_commondataservice").check();
    let at = found[0].location.clone().unwrap();
    assert_eq!(at.path, "/ImportExportXml/connectionreferences/connectionreference/connectorid");
    assert_eq!((at.line, at.column), (8, 7));

    let text = "{\n \"ConnectionReferences\": [\n  {\"LogicalName\": \"acme_t\",\n   \"connectionid\": \"#{token}#\"}]}";
    let at = settings(&teams(), text)[0].location.clone().unwrap();
    assert_eq!((at.part.as_str(), at.line, at.column), ("prod.json", 4, 20));

    let broken = Pack::default().flow_text(FLOW, "{\"properties\":\n ]").check();
    let at = broken[0].location.clone().unwrap();
    assert_eq!((at.line, at.column), (2, 2));
}

#[test]
fn severity_follows_the_kind_of_package() {
    use Severity::{Error, Note, Warning};
    let bare = json!({"k": {"runtimeSource": "embedded", "connection": {}, "api": {"name": "shared_teams"}}});
    let hard = Pack::default().flow(bare, button(), json!({}));
    assert_eq!(hard.severities("CR001"), [Warning]);
    assert_eq!(Pack { managed: true, ..hard.clone() }.severities("CR001"), [Error]);
    let old = |connection| check(&CheckInput::new(&legacy(connection)), &CheckOptions::default());
    assert_eq!(
        old(true).iter().map(|f| (f.code, f.severity)).collect::<Vec<_>>(),
        [("CR001", Error)]
    );
    assert_eq!(old(false), []);

    let dangling = Pack::default().uses("base_t", "shared_teams");
    assert_eq!(dangling.severities("CR002"), [Error]);
    let required = "type=\"connectionreference\" solution=\"Base (1.0)\" id.connectionreferencelogicalname=\"BASE_t\"";
    assert_eq!(dangling.clone().missing(required).severities("CR002"), [Note]);

    let (api, _) = tool();
    let absent = Pack::default().reference("acme_x", &api);
    assert_eq!(absent.severities("CR014"), [Error]);
    let named = "type=\"372\" schemaName=\"acme_5Ftool\" solution=\"Base (1.0)\"";
    assert_eq!(absent.clone().missing(named).severities("CR014"), [Note]);
    let other = "type=\"1\" schemaName=\"acme_table\" solution=\"Base (1.0)\"";
    assert_eq!(absent.missing(other).severities("CR014"), [Warning]);

    let mail = |to: &str| action(call("shared_teams", "Send", json!({"emailMessage/To": to})));
    assert_eq!(mail("desk@acme.test").severities("CR008"), [Note]);
    assert_eq!(mail("@triggerBody()?['mail']").severities("CR008"), []);

    let plain =
        |name: &str, kind| Pack::default().variable(name, kind, None, None).severities("CR010");
    assert_eq!(plain("acme_ClientSecret", 100_000_000), [Warning]);
    assert_eq!(plain("acme_ClientSecret", 100_000_005), []);
    assert_eq!(plain("acme_SecretName", 100_000_000), []);

    let implicit = json!({"id": "/x/shared_sql", "sharedConnectionId": "a"});
    assert_eq!(Pack::default().app(implicit).severities("CR015"), [Warning]);
    let column =
        "type=\"2\" schemaName=\"ownerid\" parentSchemaName=\"acme_t\" solution=\"Active\"";
    assert_eq!(teams().missing(column).severities("CR016"), [Warning]);
}

#[test]
fn siblings_provide_what_is_missing() {
    let (api, _) = tool();
    let required = "type=\"connectionreference\" solution=\"Active\" id.connectionreferencelogicalname=\"base_t\"";
    let user =
        Pack::default().uses("base_t", "shared_teams").reference("acme_x", &api).missing(required);
    let base = Pack { name: "Base", ..Pack::default() }
        .reference("base_t", "shared_teams")
        .connector("c1", "acme_5Ftool", &[])
        .source();
    let user = user.source();
    let siblings = Siblings::of([&base, &user]);
    let input = CheckInput { siblings: Some(&siblings), ..CheckInput::new(&user) };
    let found = check(&input, &CheckOptions::default());
    for code in ["CR002", "CR014", "CR016"] {
        let severity: Vec<_> =
            found.iter().filter(|f| f.code == code).map(|f| f.severity).collect();
        assert_eq!(severity, [Severity::Note], "{code}");
    }
    // And the base's reference is used by its sibling.
    let input = CheckInput { siblings: Some(&siblings), ..CheckInput::new(&base) };
    assert!(!codes(&check(&input, &CheckOptions::default())).contains(&"CR003"));
}

#[test]
fn settings_are_held_against_the_package() {
    let id = "0123456789abcdef0123456789abcdef";
    let pack = teams().variable("acme_Url", 100_000_000, None, None);
    let good = json!({"EnvironmentVariables": [{"SchemaName": "acme_Url", "Value": "x"}],
        "ConnectionReferences": [{"LogicalName": "acme_t", "ConnectionId": id}]});
    assert_eq!(settings(&pack, &good.to_string()), []);
    assert_eq!(
        settings(&pack, &json!({"Acme": good, "Other": {"ConnectionReferences": []}}).to_string()),
        []
    );
    assert_eq!(settings(&pack, &json!({"Other": good}).to_string()), []);
    let empty = settings(&pack, "{\"ConnectionReferences\": []}");
    assert_eq!(empty.iter().map(|f| f.severity).collect::<Vec<_>>(), [Severity::Warning; 2]);
    for bad in [
        "",
        "{",
        "[]",
        "{\"ConnectionReferences\": 1}",
        "{\"ConnectionReferences\": [{\"LogicalName\": \"nobody\", \"ConnectionId\": \"\"}]}",
        "{\"ConnectionReferences\": [], \"ConnectionReferences\": []}",
    ] {
        let found = settings(&pack, bad);
        assert!(
            found.iter().any(|f| f.code == "CR019" && f.severity == Severity::Error),
            "{bad}: {found:#?}"
        );
    }
}

#[test]
fn options_choose_change_and_suppress() {
    let pack = Pack { prefix: "new".to_owned(), ..teams() }.reference("acme_idle", "shared_sql");
    assert_eq!(codes(&pack.check()), ["CR003", "CR013"]);
    let only = CheckOptions { rules: Some(vec!["cr013".to_owned()]), ..CheckOptions::default() };
    assert_eq!(codes(&pack.check_with(&only)), ["CR013"]);
    let level = |code: &str, text: &str| SeverityOverride {
        code: code.to_owned(),
        level: Level::parse(text).unwrap(),
    };
    let overrides = vec![level("CR013", "off"), level("cr003", "High")];
    let changed = pack.check_with(&CheckOptions { overrides, ..CheckOptions::default() });
    assert_eq!(
        changed.iter().map(|f| (f.code, f.severity)).collect::<Vec<_>>(),
        [("CR003", Severity::Error)]
    );
    let suppression = Suppression {
        code: "CR003".to_owned(),
        part: Some("customizations.*".to_owned()),
        subject: Some("acme_*".to_owned()),
        reason: "used by the next release".to_owned(),
    };
    let quiet = CheckOptions { suppressions: vec![suppression], ..CheckOptions::default() };
    let reasons: Vec<_> = pack.check_with(&quiet).into_iter().map(|f| f.suppression).collect();
    assert_eq!(reasons, [Some("used by the next release".to_owned()), None]);
    let naming = Naming {
        prefix: Some("acme".to_owned()),
        logical_name: None,
        display_name: Some("Acme *".to_owned()),
    };
    let strict = CheckOptions { naming, ..CheckOptions::default() };
    assert_eq!(teams().check_with(&strict).iter().map(|f| f.code).collect::<Vec<_>>(), ["CR013"]);
    assert_eq!(Level::parse("Fatal"), None);
}

#[test]
fn more_near_misses() {
    // Run-only mode, site and identity tell references apart.
    let two = |second: Value, name: &str| {
        Pack::default().reference("acme_a", "shared_sharepointonline").reference(name, "shared_sharepointonline")
            .flow(entry("acme_a", "shared_sharepointonline"), button(), json!({"A": call("shared_sharepointonline", "GetItems", json!({"dataset": "@parameters('one')"}))}))
            .flow(second, button(), json!({"A": call("shared_sharepointonline", "GetItems", json!({"dataset": "@parameters('two')"}))}))
            .severities("CR004")
    };
    assert_eq!(two(entry("acme_b", "shared_sharepointonline"), "acme_b"), []);
    let twice =
        Pack::default().reference("acme_a", "shared_teams").reference("acme_admin", "shared_teams");
    assert_eq!(twice.severities("CR004"), []);
    // A package of references alone is a base for others.
    assert_eq!(Pack::default().reference("acme_a", "shared_teams").check(), []);
    // A hash in the key alone is cosmetic; one in the api name is a note.
    let (api, other) = tool();
    let pack = Pack::default().connector("c1", "acme_5Ftool", &["DoIt"]).reference("acme_x", &api);
    assert_eq!(pack.clone().uses("acme_x", &other).severities("CR014"), [Severity::Note]);
    let keyed = json!({other: entry("acme_x", &api)[&api]});
    assert_eq!(pack.flow(keyed, button(), json!({})).severities("CR014"), []);
    // What the package itself has is not missing.
    let own = "type=\"connectionreference\" solution=\"Active\" id.connectionreferencelogicalname=\"ACME_t\"";
    assert_eq!(teams().missing(own).check(), []);
    for header in [
        "Bearer @{variables('t')}",
        "Bearer <token>",
        "@concat('Bearer ', 'aB3x9Qq81kk')",
        "application/json",
    ] {
        let found = action(json!({"type": "Http", "inputs": {"uri": "https://x", "headers": {"Authorization": header}}})).check();
        assert_eq!(found, [], "{header}");
    }
    let found = action(json!({"type": "Http", "inputs": {"uri": format!("https://x/y?sig={SECRET}A"), "method": "GET"}})).check();
    assert_eq!(codes(&found), ["CR007"]);
    // Desktop flows and business rules are nobody's connections.
    let desktop = Pack::default().reference_markup("<!-- none -->");
    assert_eq!(desktop.check(), []);
    let nameless = Pack::default().reference_markup(
        "<connectionreference><connectorid>/x/shared_a</connectorid></connectionreference>",
    );
    assert_eq!(nameless.severities("CR018"), [Severity::Error]);
    let bound = "<connectionreference connectionreferencelogicalname=\"a\"><connectorid>/x/shared_a</connectorid><connectionid>0123</connectionid></connectionreference>";
    assert_eq!(Pack::default().reference_markup(bound).severities("CR006"), [Severity::Error]);
    let empty = "<connectionreference connectionreferencelogicalname=\"a\"><connectorid/></connectionreference>";
    assert_eq!(Pack::default().reference_markup(empty).severities("CR018"), [Severity::Error]);
}

#[test]
fn a_definition_that_is_no_strict_json_is_read_and_noted() {
    let pack = Pack::default().connector("c1", "acme_5Ftool", &["DoIt"]);
    let file = "Connector/acme_5Ftool_openapidefinition.json";
    let with = |text: &str| {
        let (api, _) = tool();
        let flow = pack.clone().reference("acme_x", &api).flow(
            entry("acme_x", &api),
            button(),
            json!({"A": call(&api, "Gone", json!({}))}),
        );
        let mut all = flow.parts();
        all.iter_mut().find(|(name, _)| name == file).unwrap().1 = text.into();
        check(&CheckInput::new(&source(all)), &CheckOptions::default())
    };
    let strict = r#"{"swagger":"2.0","paths":{"/a":{"get":{"operationId":"DoIt"}}}}"#;
    let count = |found: &[Finding], code: &str| found.iter().filter(|f| f.code == code).count();
    for text in [strict.to_owned(), format!("\u{feff}{strict}")] {
        let found = with(&text);
        assert_eq!((count(&found, "CR000"), count(&found, "CR012")), (0, 1), "{found:?}");
    }
    let loose = "{// by hand\n\"swagger\":\"2.0\",\n\"paths\":{\"/a\":{\"get\":{\"operationId\":\"DoIt\",\"description\":\"a\tb\",}}},}";
    let found = with(loose);
    assert_eq!((count(&found, "CR000"), count(&found, "CR012")), (1, 1), "{found:?}");
    let note = found.iter().find(|f| f.code == "CR000").unwrap();
    let at = note.location.as_ref().unwrap();
    assert_eq!((note.severity, at.part.as_str(), at.line, at.column), (Severity::Note, file, 1, 2));
    assert!(
        note.message.contains("comment") && note.message.contains("3 more"),
        "{}",
        note.message
    );
}

#[test]
fn binding_rules_as_far_as_files_tell() {
    use connref_solution::model::facts::EnvironmentKind;
    let policies = policies_read(
        json!({"bindingRules": [
            {"name": "no people", "rule": "noUserConnection", "environments": ["production"], "except": ["shared_office365"]},
            {"name": "sql by svc", "rule": "onlyThrough", "connector": "shared_sql", "principal": "svc-sql"},
            {"name": "four eyes", "rule": "binderIsNotOwner", "environments": ["test"]}]})
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    let pack = Pack::default()
        .reference("acme_t", "shared_teams")
        .reference("acme_m", "shared_office365")
        .reference("acme_s", "shared_sql");
    let source = pack.source();
    let told = |kind: Option<EnvironmentKind>, owner: &str| -> Vec<String> {
        let settings = json!({"EnvironmentVariables": [], "ConnectionReferences": [
            {"LogicalName": "ACME_S", "ConnectionId": "0123456789abcdef0123456789abcdef", "ConnectorId": "/x/shared_sql", "ConnectionOwner": owner}]})
        .to_string();
        let settings = [SettingsText { name: "prod.json", bytes: settings.as_bytes() }];
        let input = CheckInput {
            settings: &settings,
            policies: Some(&policies),
            kind,
            ..CheckInput::new(&source)
        };
        let rules = Some(vec!["CR020".to_owned()]);
        let found = check(&input, &CheckOptions { rules, ..CheckOptions::default() });
        let line = |f: &Finding| {
            let part = f.location.as_ref().map_or("", |l| l.part.as_str());
            format!("{part} {} {}", f.severity, f.message)
        };
        found.iter().map(line).collect()
    };
    let all = [
        ("unknown kind", told(None, "")),
        ("production", told(Some(EnvironmentKind::Production), "")),
        ("production, a person", told(Some(EnvironmentKind::Production), "ann@contoso.test")),
        (
            "production, an id",
            told(Some(EnvironmentKind::Production), "6d3f0a52-91c4-4b7e-8a26-0f5e7c1b9d34"),
        ),
        ("test", told(Some(EnvironmentKind::Test), "#{owner}#")),
    ];
    let text: Vec<String> =
        all.iter().map(|(what, lines)| format!("# {what}\n{}", lines.join("\n"))).collect();
    insta::assert_snapshot!(text.join("\n"));
}

/// Shapes that real solutions have and that are nobody's mistake.
#[test]
fn odd_shapes_of_real_solutions_raise_nothing() {
    let raw = json!({"type": "Raw", "value": "@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$ConnectionKey']"});
    let host = |key: &str, api: &str| json!({"connectionName": key, "operationId": "Predict", "apiId": api});
    let entries = json!({
        "shared_teams_1": {"runtimeSource": "embedded", "impersonation": {}, "connection": {"connectionReferenceLogicalName": "ACME_Teams"}, "api": {"name": "shared_teams"}},
        "anything at all": {"runtimeSource": "Embedded", "connection": {"connectionReferenceLogicalName": "acme_crm"}, "api": {"name": "shared_commondataserviceforapps"}},
        "shared_rss": {"runtimeSource": "invoker", "connection": {"connectionReferenceLogicalName": "acme_rss"}, "api": {"name": "shared_rss"}}});
    let actions = json!({
        "No_api": {"type": "OpenApiConnection", "inputs": {"host": host("shared_teams_1", ""), "parameters": {}, "authentication": "@parameters('')"}},
        "Model": {"type": "OpenApiConnection", "runAfter": {"No_api": ["SUCCEEDED"]}, "inputs": {"host": host("anything at all", "providers/Microsoft.ProcessSimple/operationGroups/aibuilder"), "authentication": raw}},
        "Old": {"type": "ApiConnection", "metadata": {"flowSystemMetadata": {"swaggerOperationId": "ListFeedItems"}},
            "inputs": {"host": {"connection": {"name": "@parameters('$connections')['shared_rss']['connectionId']"}}, "method": "get", "path": "/ListFeedItems"}},
        "Left_over": {"type": "Http", "inputs": {"host": host("shared_teams_1", "/providers/Microsoft.PowerApps/apis/shared_webcontents"), "method": "GET", "uri": "@variables('uri')",
            "authentication": {"type": "ActiveDirectoryOAuth", "tenant": "@parameters('t')", "clientId": "@variables('id')", "secret": "@variables('secret')", "audience": "https://graph.microsoft.com"}}},
        "Switch": {"type": "Switch", "expression": "@triggerBody()", "cases": {"One": {"case": "a", "actions": {"Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}}}}}}, "default": {"actions": {}}}});
    let trigger = json!({"type": "Request", "kind": "ApiConnection", "inputs": {"host": {"connection": {
        "name": "@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$connections']['anything at all']['connectionId']"}, "operationId": "GetRowItem_V2"}}});
    let agent = "acme_Helper.shared_a365outlookmailmcp.288ed7aa4e3c4f0b8a2b";
    let uses = format!(
        "<botcomponent_connectionreferences><botcomponent_connectionreference botcomponentid.schemaname=\"acme_Helper.action.Mail\" connectionreferenceid.connectionreferencelogicalname=\"{agent}\"><iscustomizable>1</iscustomizable></botcomponent_connectionreference></botcomponent_connectionreferences>"
    );
    let mut pack = Pack::default()
        .reference("acme_teams", "shared_teams")
        .reference("acme_crm", "shared_commondataserviceforapps")
        .reference("acme_rss", "shared_rss")
        .reference(agent, "shared_a365outlookmailmcp")
        .flow(entries, trigger, actions)
        .part("Assets/botcomponent_connectionreferenceset.xml", &uses)
        .part("Workflows/Rule.xaml", "<Activity/>")
        .part(
            "Workflows/Robot-33333333-3333-4333-8333-333333333333.json",
            r#"{"schemaversion":"1","definition":{"package":"UEsDB"}}"#,
        );
    // A classic workflow, a business rule, a business process flow, a desktop flow; an agent flow.
    for (category, id) in [(0, "4"), (2, "5"), (4, "6"), (6, "3")] {
        let id = format!("{id}{id}{id}{id}{id}{id}{id}{id}-3333-4333-8333-333333333333");
        let file = if category == 6 {
            "<JsonFileName>/Workflows/Robot-33333333-3333-4333-8333-333333333333.json</JsonFileName>"
        } else {
            "<XamlFileName>/Workflows/Rule.xaml</XamlFileName>"
        };
        pack.workflows += &format!(
            "<Workflow WorkflowId=\"{{{id}}}\" Name=\"Other {category}\">{file}<Category>{category}</Category><StateCode>1</StateCode></Workflow>"
        );
    }
    pack.workflows = pack.workflows.replacen("<Category>5</Category>", "<Category>5</Category><ModernFlowType>1</ModernFlowType><BillingContext>{}</BillingContext>", 1);
    let source = pack.source();
    assert_eq!(check(&CheckInput::new(&source), &CheckOptions::default()), []);
    let listed = source.package().workflows.len();
    assert_eq!(
        (listed, source.package().workflows.iter().filter(|w| w.is_cloud_flow()).count()),
        (5, 1)
    );
}

#[test]
fn one_broken_flow_does_not_hide_the_others() {
    let pack = Pack::default().flow_text(CHILD, "no JSON").flow_text(FLOW, "{}");
    let bare = json!({"k": {"connection": {}, "api": {"name": "shared_teams"}}});
    let body = json!({"properties": {"connectionReferences": bare, "definition": {}}}).to_string();
    let pack = pack.flow_text("33333333-3333-4333-8333-333333333333", &body);
    assert_eq!(codes(&pack.check()), ["CR000", "CR001"]);
}

/// Everything many times over: bounded findings, and no work that grows with the square.
#[test]
fn large_packages_end() {
    let many = 3_000;
    let mut pack = Pack::default();
    let (mut entries, mut actions) = (serde_json::Map::new(), serde_json::Map::new());
    for index in 0..many {
        let (name, api) = (format!("acme_{index}"), format!("shared_x{index}"));
        pack = pack
            .reference(&name, if index % 2 == 0 { &api } else { "shared_teams" })
            .missing(&format!("type=\"1\" schemaName=\"t{index}\" solution=\"Active\""));
        entries.insert(api.clone(), entry(&format!("far_{index}"), &api)[&api].clone());
        actions.insert(
            format!("Do {index}"),
            call(&api, "Send", json!({"emailMessage/To": format!("a{index}@acme.test")})),
        );
    }
    let pack = pack.flow(Value::Object(entries), button(), Value::Object(actions));
    let found = pack.check();
    for code in ["CR002", "CR003", "CR008", "CR016"] {
        let all: Vec<_> = found.iter().filter(|f| f.code == code).collect();
        assert_eq!(all.len(), 1_000, "{code}");
        let last = all.iter().filter(|f| f.message.contains("2000 more like it")).count();
        assert_eq!(last, 1, "{code}");
    }
}
