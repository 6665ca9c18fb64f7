//! Connectors read from small files.
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::document::json::Leniency;
use crate::model::facts::Capability::{self, No, Unknown, Yes};

const EMPTY: &str = r#"{"swagger":"2.0","paths":{}}"#;

fn ways(definition: &str, parameters: &Json, sets: &Json) -> ConnectorAuthentication {
    let (parameters, sets) = (parameters.to_string(), sets.to_string());
    let texts = ConnectorTexts {
        definition,
        parameters: Some(&parameters),
        sets: Some(&sets),
        policies: None,
    };
    connector_read(&texts).expect("a connector").authentication
}

fn consent(provider: &str, custom: &Json) -> Json {
    json!({"type": "oauthSetting", "oAuthSettings": {"identityProvider": provider, "customParameters": custom}})
}

#[test]
fn who_can_sign_in() {
    use AuthenticationKind as K;
    let secret = || json!({"type": "securestring"});
    let body = |grant: &str| json!({"tokenBodyTemplate": {"value": format!("grant_type={grant}&code={{Code}}")}, "tokenUrlTemplate": "https://t"});
    let rows: Vec<(&str, Json, &[AuthenticationKind], Capability)> = vec![
        ("nothing", json!({}), &[K::None], Yes),
        ("text only", json!({"host": {"type": "string"}}), &[K::None], Yes),
        ("key", json!({"api_key": secret()}), &[K::ApiKey], Yes),
        ("basic", json!({"username": {"type": "string"}, "password": secret()}), &[K::Basic], Yes),
        (
            "application",
            json!({"clientId": {"type": "string"}, "client_secret": secret()}),
            &[K::ClientSecret],
            Yes,
        ),
        (
            "gateway",
            json!({"gateway": {"type": "gatewaySetting"}, "user": {"type": "string"}, "password": secret()}),
            &[K::Gateway],
            Unknown,
        ),
        ("identity", json!({"mi": {"type": "managedIdentity"}}), &[K::ManagedIdentity], Yes),
        ("aad", json!({"token": consent("aad", &json!({}))}), &[K::OauthUser], No),
        (
            "first party",
            json!({"token": consent("aadcertificate", &json!({}))}),
            &[K::OauthUser],
            No,
        ),
        (
            "code",
            json!({"token": consent("oauth2generic", &body("authorization_code"))}),
            &[K::OauthUser],
            No,
        ),
        (
            "credentials",
            json!({"token": consent("oauth2generic", &body("client_credentials"))}),
            &[K::ClientSecret],
            Yes,
        ),
        (
            "password",
            json!({"token": consent("oauth2generic", &body("password"))}),
            &[K::Basic],
            Yes,
        ),
        ("unheard", json!({"token": consent("unheard", &json!({}))}), &[K::Unknown], Unknown),
        ("empty", json!({"token": {"type": "oauthSetting"}}), &[K::Unknown], Unknown),
        ("generic", json!({"token": consent("oauth2generic", &json!({}))}), &[K::Unknown], Unknown),
        (
            "provider",
            json!({"token": consent("oauth2ClientCredentials", &json!({}))}),
            &[K::ClientSecret],
            Yes,
        ),
        (
            "grant parameter",
            json!({"token": consent("aad", &json!({})), "token:grantType": {"type": "string", "defaultValue": "client_credentials"}, "token:clientId": {"type": "string"}, "token:clientSecret": secret()}),
            &[K::ClientSecret],
            Yes,
        ),
        (
            "certificate",
            json!({"token": consent("aad", &json!({})), "token:grantType": {"type": "string", "allowedValues": [{"value": "client_credentials"}]}, "token:clientCertificate": {"type": "clientCertificate"}}),
            &[K::Certificate],
            Yes,
        ),
        (
            "application without grant",
            json!({"token": consent("aad", &json!({})), "token:clientId": {"type": "string"}, "token:clientSecret": secret()}),
            &[K::Unknown],
            Unknown,
        ),
    ];
    for (name, parameters, kinds, support) in rows {
        let found = ways(EMPTY, &parameters, &Json::Null);
        assert_eq!(
            (found.kinds().as_slice(), found.service_principal.support),
            (kinds, support),
            "{name}: {found:?}"
        );
        assert_eq!(found.ways.len(), 1, "{name}");
    }
}

#[test]
fn each_set_is_a_way_and_the_best_counts() {
    let sets = json!({"values": [
        {"name": "person", "parameters": {"token": consent("aad", &json!({}))}},
        {"name": "key", "metadata": {"allowSharing": false}, "parameters": {"key": {"type": "securestring"}}},
    ]});
    let found = ways(EMPTY, &json!({}), &sets);
    let support: Vec<_> = found
        .ways
        .iter()
        .map(|w| (w.set.as_deref().unwrap_or(""), w.service_principal.support))
        .collect();
    assert_eq!(support, [("person", No), ("key", Yes)]);
    assert_eq!(found.service_principal.support, Yes);
    assert!(found.service_principal.reason.starts_with("with the set `key`: "));
}

#[test]
fn schemes_speak_where_no_parameter_does() {
    let definition = |scheme: &Json| {
        json!({"swagger": "2.0", "paths": {}, "securityDefinitions": {"s": scheme}}).to_string()
    };
    for (scheme, kind, support) in [
        (json!({"type": "oauth2", "flow": "accessCode"}), AuthenticationKind::OauthUser, No),
        (json!({"type": "oauth2", "flow": "application"}), AuthenticationKind::ClientSecret, Yes),
        (json!({"type": "basic"}), AuthenticationKind::Basic, Yes),
        (json!({"type": "apiKey", "in": "query", "name": "k"}), AuthenticationKind::ApiKey, Yes),
    ] {
        let found = ways(&definition(&scheme), &Json::Null, &Json::Null);
        assert_eq!((found.kinds(), found.service_principal.support), (vec![kind], support));
    }
    let typed = ways(
        &definition(&json!({"type": "apiKey", "in": "header", "name": "k"})),
        &json!({"key": {"type": "string"}}),
        &Json::Null,
    );
    assert_eq!(typed.kinds(), [AuthenticationKind::ApiKey]);
}

#[test]
fn parameters_keep_their_constraints_and_no_secret() {
    let parameters = json!({
        "region": {"type": "string", "defaultValue": "eu", "uiDefinition": {"displayName": "Region", "tooltip": "where", "constraints": {"required": "True", "hidden": false, "tabIndex": "3", "clearText": true, "allowedValues": [{"text": "Europe", "value": "eu"}, "us"], "capability": ["cloud"]}}},
        "key": {"type": "securestring", "defaultValue": "canary"},
        "token": {"type": "oauthSetting", "oAuthSettings": {"identityProvider": "oauth2", "clientId": "a", "clientSecret": "canary", "scopes": "x y", "customParameters": {"tokenUrl": {"value": "https://t"}, "clientSecret": {"value": "canary"}}}},
        "odd": {"type": "hologram"}, "bare": 5
    })
    .to_string();
    let texts = ConnectorTexts {
        definition: EMPTY,
        parameters: Some(&parameters),
        ..ConnectorTexts::default()
    };
    let read = connector_read(&texts).expect("a connector");
    let by = |name: &str| read.parameters.iter().find(|p| p.name == name).expect(name);
    let region = by("region");
    assert_eq!(
        (region.required, region.hidden, region.tab_index, region.clear_text),
        (true, false, Some(3), Some(true))
    );
    assert_eq!(
        (region.default.as_deref(), region.capability.as_slice()),
        (Some("eu"), &["cloud".to_owned()][..])
    );
    assert_eq!(
        region.allowed_values[0],
        AllowedValue { value: "eu".into(), text: "Europe".into() }
    );
    assert_eq!(region.allowed_values[1].text, "us");
    let token = by("token").oauth.as_ref().expect("settings");
    assert!(
        token.client_secret
            && token.scopes == ["x", "y"]
            && token.custom("TOKENURL") == Some("https://t")
    );
    assert!(by("odd").kind.is_secret() && by("odd").kind.as_str() == "hologram");
    assert_eq!(by("bare").kind, ParameterKind::String);
    assert!(!format!("{:?}", read.parameters).contains("canary"));
}

#[test]
fn operations_tell_triggers_and_shapes() {
    let definition = json!({
        "swagger": 2.0, "host": "h:8443", "schemes": ["HTTP"],
        "definitions": {
            "Base": {"properties": {"id": {"type": "string"}}, "required": ["id"]},
            "Whole": {"allOf": [{"$ref": "#/definitions/Base"}, {"properties": {"name": {}, "kind": {"default": "k", "x-ms-visibility": "internal"}}}]},
            "Loop": {"allOf": [{"$ref": "#/definitions/Loop"}, {"$ref": "#/definitions/Loop"}]}
        },
        "paths": {
            "/a": {"GET": {"operationId": "Poll", "x-ms-trigger": "batch"}, "x-ms-odd": {"operationId": "no"}},
            "/hook": {"x-ms-notification-content": {}, "post": {"operationId": "Hook", "x-ms-trigger": "single"}, "delete": {"operationId": "Unhook", "x-ms-visibility": "internal"}},
            "/hook2": {"post": {"operationId": "Hook2", "x-ms-trigger": "single", "parameters": [{"name": "b", "in": "body", "schema": {"properties": {"url": {"type": "string", "x-ms-notification-url": true}}}}]}},
            "/w": {"post": {"operationId": "Whole", "parameters": [{"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Whole"}}]}},
            "/l": {"post": {"operationId": "Loop", "deprecated": true, "parameters": [{"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Loop"}}, {"name": "v", "in": "query", "type": "string", "enum": ["x"], "x-ms-dynamic-values": {"operationId": "Poll"}}]}},
            "/same": {"get": {"operationId": "Poll"}, "put": {}}
        }
    })
    .to_string();
    let read =
        connector_read(&ConnectorTexts { definition: &definition, ..ConnectorTexts::default() })
            .expect("a connector");
    let d = &read.definition;
    assert_eq!(
        (d.operations.len(), d.host.as_deref(), d.scheme.as_str()),
        (8, Some("h:8443"), "http")
    );
    assert_eq!(d.operation("Poll").expect("it").trigger, Some(Trigger::Polling));
    assert_eq!(d.operation("Poll").expect("it").path, "/a");
    assert_eq!(d.operation("Hook").expect("it").trigger, Some(Trigger::Webhook));
    assert_eq!(d.operation("Hook2").expect("it").trigger, Some(Trigger::Webhook));
    assert_eq!(d.operation("Unhook").expect("it").visibility.as_deref(), Some("internal"));
    let body = &d.operation("Whole").expect("it").parameters[0];
    let names: Vec<_> = body.properties.iter().map(|(n, r)| (n.as_str(), *r)).collect();
    assert_eq!(names, [("id", true), ("name", false), ("kind", false)]);
    assert_eq!(body.hidden, [(vec!["kind".to_owned()], json!("k"))]);
    let list = &d.operation("Loop").expect("it").parameters[1];
    assert_eq!(list.dynamic.as_ref().and_then(|d| d.operation.as_deref()), Some("Poll"));
    assert_eq!(d.operation("put /same").map(|o| o.pointer.as_str()), Some("/paths/~1same/put"));
}

#[test]
fn slips_are_told_with_their_place() {
    let definition = "\u{feff}{\"swagger\": \"2.0\",\n \"swagger\": \"2.0\", \"paths\": {},\n}";
    let read =
        connector_read(&ConnectorTexts { definition, ..ConnectorTexts::default() }).expect("read");
    let notes: Vec<_> = read.notes.iter().map(|n| (n.note.kind, n.note.line)).collect();
    assert_eq!(
        notes,
        [(Leniency::ByteOrderMark, 1), (Leniency::TrailingComma, 3), (Leniency::DuplicateName, 2)]
    );
    serde_json::from_str::<Json>(&read.strict.definition).expect("strict JSON");
}

#[test]
fn hostile_definitions_end_soon() {
    let big: serde_json::Map<String, Json> =
        (0..100_000).map(|n| (format!("/{n}"), json!({"get": {}}))).collect();
    let big = json!({"swagger": "2.0", "paths": big}).to_string();
    // Each level refers to the next one twice: 2^60 walks without a budget.
    let mut fan: serde_json::Map<String, Json> = (0..60)
        .map(|n| {
            let next = json!({"$ref": format!("#/definitions/D{}", n + 1)});
            (format!("D{n}"), json!({"allOf": [next, next], "properties": {"p": next}}))
        })
        .collect();
    fan.insert("D60".to_owned(), json!({"properties": {"x": {}}}));
    let body = json!([{"name": "b", "in": "body", "schema": {"$ref": "#/definitions/D0"}}]);
    let fan = json!({"swagger": "2.0", "paths": {"/a": {"post": {"parameters": body}}}, "definitions": fan}).to_string();
    let deep = "[".repeat(1_000_000);
    let read = |definition: &str| {
        connector_read(&ConnectorTexts { definition, ..ConnectorTexts::default() })
    };
    assert!(matches!(read(&big), Err(DefinitionError::Shape { .. })));
    assert!(matches!(read(&deep), Err(DefinitionError::Json { .. })));
    assert_eq!(read(&fan).expect("a connector").definition.operations.len(), 1);
    let long = " ".repeat(MAX_PART + 1);
    assert!(matches!(read(&long), Err(DefinitionError::TooLarge { .. })));
    for bad in [
        "",
        "[]",
        "{}",
        "5",
        r#"{"openapi":"3.0.0","paths":{}}"#,
        r#"{"swagger":"1.2","paths":{}}"#,
        r#"{"swagger":"2.0"}"#,
        "{\"swagger\":",
    ] {
        let error = read(bad).expect_err(bad).to_string();
        assert!(!error.contains('\n') && error.len() < 200, "{error}");
    }
}

/// A definition with most of what readers look at.
const SEED: &str = r##"{"swagger":"2.0","info":{"title":"T","description":"d","version":"1"},"host":"h","basePath":"/v","schemes":["https"],"consumes":["application/json"],
"securityDefinitions":{"k":{"type":"apiKey","in":"header","name":"X"},"o":{"type":"oauth2","flow":"accessCode"}},"security":[{"k":[]}],
"parameters":{"t":{"name":"t","in":"path","required":true,"type":"string"}},"definitions":{"A":{"allOf":[{"$ref":"#/definitions/B"}],"required":["n"],"properties":{"n":{"type":"string","default":"x","x-ms-visibility":"internal"}}},"B":{"$ref":"#/definitions/A"}},
"paths":{"/{t}/a":{"parameters":[{"$ref":"#/parameters/t"}],"get":{"operationId":"Get","summary":"s","parameters":[{"name":"q","in":"query","type":"array","items":{"type":"string"},"enum":[1],"x-ms-dynamic-values":{"operationId":"Get"}}]},"post":{"operationId":"Post","x-ms-trigger":"single","parameters":[{"name":"body","in":"body","schema":{"$ref":"#/definitions/A"}}]}}},
"connectionParameters":{"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"aad","scopes":["s"],"customParameters":{"tokenUrl":{"value":"u"}}}},"k":{"type":"securestring","uiDefinition":{"constraints":{"required":"true","allowedValues":[{"value":"v"}]}}}},
"values":[{"name":"s","parameters":{"k":{"type":"string"}}}],"policyTemplateInstances":[{"templateId":"setheader","parameters":{"x-ms-apimTemplate-operationName":["Get"],"x-ms-apimTemplateParameter.name":"n"}}]}"##;

/// Replaces the value at the `at`-th place of a document.
fn put(node: &mut Json, at: &mut usize, value: &Json) {
    if *at == 0 {
        *node = value.clone();
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let children: Vec<&mut Json> = match node {
        Json::Array(list) => list.iter_mut().collect(),
        Json::Object(map) => map.values_mut().collect(),
        _ => return,
    };
    for child in children {
        if *at == usize::MAX {
            return;
        }
        put(child, at, value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 400 } else { 4000 }))]

    #[test]
    fn changed_values_never_panic(changes in prop::collection::vec((0usize..160, 0usize..9), 1..6)) {
        let values = [json!(null), json!(5), json!("x"), json!([]), json!({}), json!({"$ref": "#/paths"}), json!([{"$ref": "#"}]), json!({"allOf": [{"$ref": "#/definitions/A"}], "properties": {"": {"$ref": "#/definitions/B"}}}), json!(true)];
        let mut document: Json = serde_json::from_str(SEED).expect("the seed");
        for (place, value) in changes {
            put(&mut document, &mut place.clone(), &values[value]);
        }
        let part = |name: &str| document.get(name).map(Json::to_string);
        let (parameters, policies) = (part("connectionParameters"), part("policyTemplateInstances"));
        let whole = document.to_string();
        let texts = ConnectorTexts { definition: &whole, parameters: parameters.as_deref(), sets: Some(&whole), policies: policies.as_deref() };
        let _ = connector_read(&texts);
    }

    #[test]
    fn cut_and_spliced_texts_never_panic(start in 0usize..2200, length in 0usize..40, put in "[\\[\\]{}:,\"/*\\\\ua1 \n\t\u{feff}é]{0,8}") {
        let start = start.min(SEED.len());
        let text = format!("{}{put}{}", &SEED[..start], &SEED[(start + length).min(SEED.len())..]);
        if let Ok(read) = connector_read(&ConnectorTexts { definition: &text, ..ConnectorTexts::default() }) {
            serde_json::from_str::<Json>(&read.strict.definition).expect("what was understood is strict JSON");
        }
    }
}
