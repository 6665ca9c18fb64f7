//! Every code of a connector's files: what triggers it, and a near miss.
use connref_review::Severity::{self, Error, Note, Warning};
use connref_review::connector::{ConnectorFileText, connector_check};
use connref_solution::connector::ConnectorPart;
use serde_json::{Value, json};

/// A definition without a finding.
fn definition() -> Value {
    json!({
        "swagger": "2.0", "info": {"title": "Berths", "version": "1"}, "host": "berths.harbour.test:8443",
        "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}, "security": [{"key": []}],
        "definitions": {"Ship": {"properties": {"next": {"$ref": "#/definitions/Ship"}}}},
        "paths": {
            "/berths/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": true, "type": "string", "x-ms-dynamic-values": {"operationId": "List"}}],
                "get": {"operationId": "Get", "summary": "Get a berth", "responses": {"200": {"schema": {"$ref": "#/definitions/Ship"}}}}},
            "/berths": {"get": {"operationId": "List", "x-ms-visibility": "internal"}},
            "/hooks": {"x-ms-notification-content": {}, "post": {"operationId": "When", "summary": "When moored", "x-ms-trigger": "single", "parameters": [
                {"name": "body", "in": "body", "schema": {"properties": {"url": {"type": "string", "x-ms-notification-url": true}}}}]}}
        }
    })
}

fn properties() -> Value {
    json!({"properties": {
        "connectionParameters": {"key": {"type": "SecureString"}, "region": {"type": "string"}},
        "connectionParameterSets": {"values": [
            {"name": "person", "parameters": {"token": {"type": "oauthSetting", "oAuthSettings": {"identityProvider": "oauth2generic", "clientSecret": "[[client secret]]", "customParameters": {"tokenUrlTemplate": {"value": "https://t"}}}}}},
            {"name": "key", "parameters": {"token:host": {"type": "string"}}}]},
        "policyTemplateInstances": [{"templateId": "setheader", "title": "region", "parameters": {
            "x-ms-apimTemplateParameter.name": "X", "x-ms-apimTemplateParameter.value": "@connectionParameters('token:host')@connectionParameters('other','none')",
            "x-ms-apimTemplate-operationName": ["Get"]}}]
    }})
}

fn check(definition: &str, properties: &str) -> Vec<(&'static str, Severity)> {
    let files = [
        ConnectorFileText {
            part: ConnectorPart::Definition,
            name: "d.json",
            bytes: definition.as_bytes(),
        },
        ConnectorFileText {
            part: ConnectorPart::Properties,
            name: "p.json",
            bytes: properties.as_bytes(),
        },
    ];
    let found = connector_check("berths", &files);
    found.into_iter().map(|finding| (finding.code, finding.severity)).collect()
}

/// Puts values at pointers of the definition or, from `/properties` on, of the properties; `null`
/// removes.
fn changed(changes: &[(&str, Value)]) -> Vec<(&'static str, Severity)> {
    let (mut definition, mut properties) = (definition(), properties());
    for (at, value) in changes {
        let document =
            if at.starts_with("/properties") { &mut properties } else { &mut definition };
        let (parent, name) = at.rsplit_once('/').expect("a pointer");
        let name = name.replace("~1", "/");
        let parent = document.pointer_mut(parent).expect(at);
        match (parent, value) {
            (Value::Object(map), Value::Null) => drop(map.shift_remove(&name)),
            (Value::Object(map), value) => drop(map.insert(name, value.clone())),
            (Value::Array(list), value) => {
                list[name.parse::<usize>().expect("an index")] = value.clone();
            }
            _ => panic!("{at}"),
        }
    }
    check(&definition.to_string(), &properties.to_string())
}

#[test]
fn a_good_connector_has_no_finding() {
    assert_eq!(changed(&[]), []);
}

#[test]
fn every_code_has_its_trigger() {
    let sets = "/properties/connectionParameterSets/values/0/parameters/token";
    let rows = [
        ("CC001", Error, vec![("/swagger".to_owned(), json!("1.2"))]),
        ("CC001", Error, vec![("/properties/connectionParameters".to_owned(), json!([]))]),
        ("CC001", Error, vec![("/properties/policyTemplateInstances".to_owned(), json!(5))]),
        (
            "CC003",
            Error,
            vec![("/paths/~1berths/put".to_owned(), json!({"operationId": " ", "summary": "x"}))],
        ),
        (
            "CC003",
            Error,
            vec![(
                "/paths/~1berths~1{id}/put".to_owned(),
                json!({"operationId": "Get", "summary": "x"}),
            )],
        ),
        ("CC004", Error, vec![("/paths/~1berths~1{id}/parameters".to_owned(), json!([]))]),
        (
            "CC004",
            Error,
            vec![(
                "/paths/~1berths/get/parameters".to_owned(),
                json!([{"name": "x", "in": "path"}]),
            )],
        ),
        (
            "CC005",
            Error,
            vec![(
                "/definitions/Ship/properties/next".to_owned(),
                json!({"$ref": "#/definitions/Boat"}),
            )],
        ),
        (
            "CC005",
            Error,
            vec![(
                "/definitions/Ship/properties/next".to_owned(),
                json!({"$ref": "other.json#/Ship"}),
            )],
        ),
        ("CC006", Error, vec![(format!("{sets}/oAuthSettings/identityProvider"), Value::Null)]),
        ("CC006", Error, vec![(format!("{sets}/oAuthSettings"), Value::Null)]),
        ("CC006", Error, vec![(format!("{sets}/oAuthSettings/customParameters"), json!({}))]),
        (
            "CC006",
            Error,
            vec![("/properties/connectionParameterSets/values/1/name".to_owned(), json!("Person"))],
        ),
        ("CC006", Warning, vec![("/security".to_owned(), json!([{"other": []}]))]),
        ("CC007", Error, vec![("/host".to_owned(), Value::Null)]),
        ("CC007", Error, vec![("/host".to_owned(), json!("https://berths.harbour.test/v1"))]),
        (
            "CC008",
            Warning,
            vec![(
                "/properties/policyTemplateInstances/0/parameters/x-ms-apimTemplate-operationName"
                    .to_owned(),
                json!(["Gte"]),
            )],
        ),
        (
            "CC008",
            Warning,
            vec![(
                "/properties/policyTemplateInstances/0/parameters/x-ms-apimTemplateParameter.value"
                    .to_owned(),
                json!("@connectionParameters('nowhere')"),
            )],
        ),
        (
            "CC009",
            Warning,
            vec![(format!("{sets}/oAuthSettings/clientSecret"), json!("q8X~4kkd91Zz-ab"))],
        ),
        (
            "CC010",
            Warning,
            vec![(
                "/paths/~1berths~1{id}/parameters/0/x-ms-dynamic-values/operationId".to_owned(),
                json!("Lsit"),
            )],
        ),
        ("CC010", Warning, vec![("/paths/~1hooks/post/parameters".to_owned(), json!([]))]),
        ("CC011", Warning, vec![("/info/title".to_owned(), Value::Null)]),
        ("CC011", Note, vec![("/paths/~1berths~1{id}/get/summary".to_owned(), Value::Null)]),
        (
            "CC012",
            Warning,
            vec![("/properties/connectionParameters/region/type".to_owned(), json!("hologram"))],
        ),
    ];
    for (code, severity, changes) in rows {
        let changes: Vec<_> =
            changes.iter().map(|(at, value)| (at.as_str(), value.clone())).collect();
        assert_eq!(changed(&changes), [(code, severity)], "{changes:?}");
    }
}

#[test]
fn near_misses_are_none() {
    let policy = "/properties/policyTemplateInstances/0";
    let rows: Vec<Vec<(&str, Value)>> = vec![
        vec![("/swagger", json!(2.0))],
        vec![("/paths/~1berths~1{id}/put", json!({"operationId": "get", "summary": "x"}))],
        vec![(
            "/paths/~1berths/get/responses",
            json!({"200": {"examples": {"a": {"$ref": "#/nowhere"}}}}),
        )],
        vec![
            ("/host", Value::Null),
            (
                policy,
                json!({"templateId": "dynamicHostUrl", "parameters": {"x-ms-apimTemplateParameter.urlTemplate": "https://@connectionParameters('region')"}}),
            ),
        ],
        vec![("/paths/~1berths/get/deprecated", json!(true))],
        vec![("/host", json!("@environmentVariables(\"hbr_Host\")"))],
    ];
    for changes in rows {
        assert_eq!(changed(&changes), [], "{changes:?}");
    }
}

#[test]
fn slips_have_their_line_and_column() {
    let definition =
        format!("\u{feff}{}", definition().to_string().replacen('{', "{\n // mine\n", 1));
    let files = [
        ConnectorFileText {
            part: ConnectorPart::Definition,
            name: "d.json",
            bytes: definition.as_bytes(),
        },
        ConnectorFileText {
            part: ConnectorPart::Properties,
            name: "p.json",
            bytes: b"{\"properties\": oops}",
        },
    ];
    let found = connector_check("berths", &files);
    let told: Vec<_> = found
        .iter()
        .map(|f| {
            let at = f.location.as_ref().expect("a place");
            (f.code, f.severity, at.part.as_str(), at.line, at.column)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("CC002", Note, "d.json", 1, 1),
            ("CC002", Warning, "d.json", 2, 2),
            ("CC001", Error, "p.json", 1, 16)
        ]
    );
    assert_eq!(found[0].subject.name, "Berths");
    assert_eq!(check("[", "[").iter().filter(|f| f.0 == "CC001").count(), 2);
}
