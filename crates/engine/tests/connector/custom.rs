//! A custom connector made from a small definition.

use std::collections::BTreeMap;

use connref_engine::connector::custom::{ConnectorTexts, CustomConnector, DefinitionError};
use connref_engine::connector::{
    Authentication, CallError, Connector, Credential, ParameterKind, Support,
};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use crate::server::{Server, Setup, basic, bearer};

const DEFINITION: &str = r##"{
  "swagger": "2.0", // a comment, as published definitions have them
  "info": {"title": "Orders", "version": "1"},
  "host": "api.orders.example", "basePath": "/v1/", "schemes": ["http", "https"],
  "consumes": ["application/json"],
  "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}, "query": {"type": "apiKey", "in": "query", "name": "code"}},
  "security": [{"key": []}],
  "parameters": {"tenant": {"name": "tenant", "in": "path", "required": true, "type": "string"}},
  "definitions": {
    "Order": {"type": "object", "required": ["name"], "properties": {
      "name": {"type": "string"}, "lines": {"type": "array", "items": {"$ref": "#/definitions/Order"}}, "parent": {"$ref": "#/definitions/Order"},
      "origin": {"type": "string", "default": "flow", "x-ms-visibility": "internal"}}}
  },
  "paths": {
    "/{tenant}/orders": {
      "parameters": [{"$ref": "#/parameters/tenant"}],
      "get": {"operationId": "ListOrders", "summary": "List", "parameters": [
        {"name": "state", "in": "query", "type": "array", "collectionFormat": "multi", "items": {"type": "string"}},
        {"name": "ids", "in": "query", "type": "array", "items": {"type": "string"}},
        {"name": "limit", "in": "query", "type": "integer", "default": 20},
        {"name": "X-Trace", "in": "header", "type": "string"}]},
      "post": {"operationId": "CreateOrder", "parameters": [{"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Order"}}]},
    },
    "/files/{name}": {"put": {"operationId": "PutFile", "security": [{"query": []}], "parameters": [
        {"name": "name", "in": "path", "required": true, "type": "string", "x-ms-url-encoding": "double"},
        {"name": "file", "in": "formData", "type": "file"}, {"name": "note", "in": "formData", "type": "string"}]}},
    "/form": {"post": {"operationId": "PostForm", "parameters": [{"name": "a", "in": "formData", "type": "string"}, {"name": "b", "in": "formData", "type": "integer"}]}},
    "/raw": {"post": {"operationId": "PostRaw", "consumes": ["text/plain"], "parameters": [{"name": "content", "in": "body", "schema": {"type": "string"}}]}},
    "/ping": {"get": {"operationId": "Ping", "parameters": []}}
  },
}"##;

fn from_parts(
    definition: &str,
    parameters: Option<&str>,
    policies: Option<&str>,
) -> Result<CustomConnector, DefinitionError> {
    CustomConnector::from_parts(&ConnectorTexts { definition, parameters, sets: None, policies })
}

fn connector(policies: &Json) -> CustomConnector {
    let parameters = r#"{"api_key": {"type": "securestring", "uiDefinition": {"constraints": {"required": "true"}, "description": "the key"}}, "region": {"type": "string"}}"#;
    from_parts(DEFINITION, Some(parameters), Some(&policies.to_string()))
        .expect("a connector")
        .named("shared_orders-5f01")
}

fn key() -> Credential {
    Credential::ApiKey(SecretString::from("canary key"))
}

#[tokio::test]
async fn flat_parameters_find_their_places() {
    let server = Server::always(200, r#"{"ok":true}"#).await;
    let (orders, setup) = (connector(&json!([])), Setup::to(&server).credential(key()));
    let answer = setup
        .ok(
            &orders,
            "ListOrders",
            json!({"tenant": "a/b c", "state": ["x", "y&z"], "ids": [1, 2], "X-Trace": "t"}),
        )
        .await;
    assert_eq!(answer.body.to_json(), json!({"ok": true}));
    let seen = server.last();
    assert_eq!(seen.line(), "GET /v1/a%2Fb%20c/orders?state=x&state=y%26z&ids=1%2C2&limit=20");
    assert_eq!(
        (seen.header("x-api-key"), seen.header("x-trace"), seen.header("authorization")),
        ("canary key", "t", "")
    );
    setup.ok(&orders, "CreateOrder", json!({"tenant": "t", "body/name": "n", "body/lines": [{"name": "l"}], "body/parent/name": "p"})).await;
    let seen = server.last();
    assert_eq!(
        (seen.line(), seen.header("content-type")),
        ("POST /v1/t/orders".to_owned(), "application/json")
    );
    assert_eq!(
        seen.json(),
        json!({"name": "n", "lines": [{"name": "l"}], "parent": {"name": "p", "origin": "flow"}, "origin": "flow"})
    );
    setup.ok(&orders, "PutFile", json!({"name": "a b", "file": {"$content-type": "text/plain", "$content": "aGk="}, "note": "n"})).await;
    let seen = server.last();
    assert_eq!(seen.line(), "PUT /v1/files/a%2520b?code=canary%20key");
    assert!(
        seen.header("content-type").starts_with("multipart/form-data; boundary=")
            && seen.text().contains("filename=\"file\"\r\n\r\nhi\r\n"),
        "{}",
        seen.text()
    );
    setup.ok(&orders, "PostForm", json!({"a": "x&y", "b": 5})).await;
    assert_eq!(
        (server.last().text(), server.last().header("content-type").to_owned()),
        ("a=x%26y&b=5".to_owned(), "application/x-www-form-urlencoded".to_owned())
    );
    setup.ok(&orders, "PostRaw", json!({"content": "plain"})).await;
    assert_eq!(
        (server.last().text(), server.last().header("content-type").to_owned()),
        ("plain".to_owned(), "text/plain".to_owned())
    );
    for (operation, parameters) in [
        ("ListOrders", json!({})),
        ("ListOrders", json!({"tenant": ".."})),
        ("ListOrders", json!({"tenant": ""})),
        ("ListOrders", json!({"tenant": {"a": 1}})),
        ("ListOrders", json!({"tenant": "t", "X-Trace": "a\r\nb: c"})),
    ] {
        let error = setup
            .call(&orders, operation, parameters.clone())
            .await
            .expect_err(&parameters.to_string());
        assert!(matches!(error, CallError::Parameters { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn credentials_go_where_the_definition_says() {
    let server = Server::always(200, "{}").await;
    let orders = connector(&json!([]));
    Setup::to(&server).credential(bearer()).ok(&orders, "Ping", json!({})).await;
    assert_eq!(server.last().header("authorization"), "Bearer canary-token");
    Setup::to(&server).credential(basic("u")).ok(&orders, "Ping", json!({})).await;
    assert!(server.last().header("authorization").starts_with("Basic "));
    let fields: BTreeMap<_, _> = [
        ("api_key".to_owned(), SecretString::from("canary")),
        ("other".to_owned(), SecretString::from("x")),
    ]
    .into();
    Setup::to(&server).credential(Credential::Fields(fields)).ok(&orders, "Ping", json!({})).await;
    assert_eq!(server.last().header("x-api-key"), "canary");
}

#[tokio::test]
async fn offered_policies_work() {
    let server = Server::always(200, r#"{"rows":[{"a":1}]}"#).await;
    let p = |name: &str, value: &str| (format!("x-ms-apimTemplateParameter.{name}"), json!(value));
    let policy = |id: &str, parameters: Vec<(String, Json)>| json!({"templateId": id, "title": id, "parameters": parameters.into_iter().collect::<serde_json::Map<_, _>>()});
    let only = |name: &str| ("x-ms-apimTemplate-operationName".to_owned(), json!([name]));
    let response = || ("x-ms-apimTemplate-policySection".to_owned(), json!("Response"));
    let orders = connector(&json!([
        policy(
            "setheader",
            vec![
                p("name", "X-Region"),
                p("value", "r-@connectionParameters('region','none')"),
                p("existsAction", "override")
            ]
        ),
        policy(
            "SetQueryParameter",
            vec![
                p("name", "v"),
                p("value", "@{connectionParameters('region')}"),
                p("existsAction", "skip")
            ]
        ),
        policy(
            "routerequesttoendpoint",
            vec![
                p("newPath", "/v9/@connectionParameters('region')/ping?x=1"),
                p("httpMethod", "@Request.OriginalHTTPMethod"),
                only("Ping")
            ]
        ),
        policy(
            "dynamichosturl",
            vec![p("urlTemplate", "https://@connectionParameters('region').orders.example/base")]
        ),
        policy(
            "setproperty",
            vec![
                p("newPropertyParentPathTemplate", "@body().meta"),
                p("newPropertySubPathTemplate", "['@odata.type']"),
                p("propertyValuePathTemplate", "order"),
                only("CreateOrder")
            ]
        ),
        policy(
            "setproperty",
            vec![
                p("newPropertyParentPathTemplate", "@body().rows"),
                p("newPropertySubPathTemplate", "b"),
                p("propertyValuePathTemplate", "two"),
                only("Ping"),
                response()
            ]
        ),
        policy("pollingtrigger", vec![only("Ping")]),
    ]));
    assert_eq!(orders.unsupported_policies(), Vec::<&str>::new());
    let setup = Setup::to(&server).credential(key()).parameter("region", "eu/1");
    setup
        .call(&orders, "CreateOrder", json!({"tenant": "t", "body/name": "n"}))
        .await
        .expect("the endpoint stands for the host");
    let seen = server.last();
    assert_eq!(seen.line(), "POST /1.orders.example/base/t/orders?v=eu%2F1");
    assert_eq!(
        (seen.header("x-region"), seen.json()["meta"].clone()),
        ("r-eu/1", json!({"@odata.type": "order"}))
    );
    let setup = Setup::to(&server).credential(key()).parameter("region", "eu");
    let answer = setup.ok(&orders, "Ping", json!({})).await;
    assert_eq!(server.last().line(), "GET /base/v9/eu/ping?x=1&v=eu");
    assert_eq!(answer.body.to_json(), json!({"rows": [{"a": 1, "b": "two"}]}));
}

#[tokio::test]
async fn other_policies_are_refused_by_name_where_they_apply() {
    let server = Server::always(200, "{}").await;
    let refused = |id: &str, parameters: Json| json!({"templateId": id, "parameters": parameters});
    let setup = Setup::to(&server).credential(key());
    for policy in [
        refused("ConvertObjectToArray", json!({"x-ms-apimTemplate-operationName": ["Ping"]})),
        refused("setvaluefromurl", json!({})),
        refused(
            "setheader",
            json!({"x-ms-apimTemplateParameter.name": "a", "x-ms-apimTemplateParameter.value": "@headers('b')"}),
        ),
        refused(
            "setproperty",
            json!({"x-ms-apimTemplateParameter.newPropertyParentPathTemplate": "@body()", "x-ms-apimTemplateParameter.newPropertySubPathTemplate": "a", "x-ms-apimTemplateParameter.propertyValuePathTemplate": "{@body().next}"}),
        ),
        refused(
            "dynamichosturl",
            json!({"x-ms-apimTemplateParameter.urlTemplate": "https://@queryParameters('host')"}),
        ),
    ] {
        let orders = connector(&json!([policy]));
        let error = setup.call(&orders, "Ping", json!({})).await.expect_err("refused");
        let name = policy["templateId"].as_str().expect("a name");
        assert!(
            matches!(&error, CallError::Unsupported { operation, .. } if operation == name),
            "{error:?}"
        );
    }
    let limited = connector(&json!([refused(
        "stringreplace",
        json!({"x-ms-apimTemplate-operationName": ["CreateOrder"]})
    )]));
    setup.ok(&limited, "Ping", json!({})).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn hosts_come_from_the_definition_or_the_connection_only() {
    let host = |value: &str| json!([{"templateId": "dynamichosturl", "parameters": {"x-ms-apimTemplateParameter.urlTemplate": value}}]);
    for region in ["eu@evil.example/x", "evil.example/?", "evil.example#", "a b", "evil.example\\"]
    {
        let setup = Setup::new("", None).credential(key()).parameter("region", region);
        let error = setup
            .call(
                &connector(&host("https://@connectionParameters('region').orders.example")),
                "Ping",
                json!({}),
            )
            .await
            .expect_err(region);
        assert!(matches!(error, CallError::Connection { .. }), "{error:?}");
    }
    let server = Server::always(200, "{}").await;
    let setup = Setup::new(&server.address.to_string(), None)
        .credential(key())
        .parameter("region", &server.url());
    setup.ok(&connector(&host("https://@connectionParameters('region')")), "Ping", json!({})).await;
    assert_eq!(server.last().line(), "GET /ping");
    let missing = Setup::new("", None).credential(key());
    let error = missing
        .call(&connector(&host("@connectionParameters('api_key')/api")), "Ping", json!({}))
        .await;
    // Name servers would see it.
    let error = error.expect_err("no host");
    assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
}

#[test]
fn metadata_describes_the_connector() {
    let metadata = connector(&json!([])).metadata();
    assert_eq!(
        (metadata.api_name.as_str(), metadata.display_name.as_str()),
        ("shared_orders-5f01", "Orders")
    );
    assert_eq!(
        (metadata.authentication.as_slice(), metadata.service_principal.support),
        (&[Authentication::ApiKey][..], Support::Yes)
    );
    let key = metadata.connection_parameters.iter().find(|p| p.name == "api_key").expect("the key");
    assert!(key.required && key.kind == ParameterKind::Secret);
    let create = metadata.operations.iter().find(|o| o.id == "CreateOrder").expect("the operation");
    let names: Vec<_> = create.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["tenant", "body/name", "body/lines", "body/parent", "body/origin"]);
}

#[tokio::test]
async fn probes_call_something_harmless() {
    let server = Server::start(|seen| {
        crate::server::json(if seen.header("x-api-key").is_empty() { 401 } else { 200 }, "{}")
    })
    .await;
    let orders = connector(&json!([]));
    let probe =
        orders.probe(&Setup::to(&server).credential(key()).context()).await.expect("a probe");
    assert_eq!((server.last().line(), probe.target), ("GET /v1/ping".to_owned(), server.url()));
    let error = orders
        .probe(&Setup::to(&server).credential(Credential::None).context())
        .await
        .expect_err("refused");
    assert!(matches!(error, CallError::Connection { .. }), "{error:?}");
    let silent =
        from_parts(r#"{"swagger":"2.0","host":"x","paths":{"/a":{"post":{}}}}"#, None, None)
            .expect("a connector");
    let probe = silent.probe(&Setup::to(&server).context()).await.expect("reached");
    assert!(probe.detail.contains("takes connections"), "{probe:?}");
}

#[test]
fn broken_parts_are_refused() {
    let read = |text: &str| from_parts(text, None, None).map(|_| ());
    let deep = "[".repeat(1000);
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"openapi":"3.0.0","paths":{}}"#,
        r#"{"swagger":"1.2","paths":{}}"#,
        r#"{"swagger":"2.0"}"#,
        "{\"swagger\":",
        deep.as_str(),
    ] {
        read(bad).expect_err(bad);
    }
    let long = " ".repeat(17 * 1024 * 1024);
    assert!(matches!(read(&long), Err(DefinitionError::TooLarge { .. })));
    let cyclic = r##"{"swagger":"2.0","paths":{"/a":{"$ref":"#/paths/~1a"},"/b":{"post":{"parameters":[{"name":"body","in":"body","schema":{"$ref":"#/definitions/A"}},{"$ref":"#/x"}]}}},"definitions":{"A":{"$ref":"#/definitions/B"},"B":{"$ref":"#/definitions/A"}}}"##;
    read(cyclic).expect("cycles are just silent");
    from_parts(DEFINITION, Some("[]"), None).expect_err("parameters are an object");
    from_parts(DEFINITION, None, Some("5")).expect_err("policies are a list");
}
