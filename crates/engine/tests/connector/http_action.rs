//! The `Http` action.

use std::time::Duration;

use connref_egress::{Egress, EgressConfig, Policy};
use connref_engine::connector::http::{HttpCall, http_call};
use connref_engine::connector::{CallError, OperationResponse};
use connref_flow::value::Value;
use serde_json::{Value as Json, json};

use crate::server::{Server, json as reply};

async fn call(
    server: &Server,
    method: &str,
    path: &str,
    parts: Json,
) -> Result<OperationResponse, CallError> {
    let egress = Egress::new(EgressConfig::default());
    let policy = Policy::parse(&server.address.to_string()).expect("a policy");
    let part = |name: &str| Value::from_json(&parts[name]);
    let (headers, queries, body, authentication) =
        (part("headers"), part("queries"), part("body"), part("authentication"));
    let uri = format!("{}{path}", server.url());
    let call = HttpCall {
        method,
        uri: &uri,
        headers: &headers,
        queries: &queries,
        body: &body,
        authentication: &authentication,
        idempotency_key: "key-1",
        timeout: Duration::from_secs(20),
    };
    http_call(&egress, &policy, &call).await
}

#[tokio::test]
async fn bodies_headers_and_queries_arrive() {
    let server = Server::start(|seen| {
        if seen.path.starts_with("/png") {
            (200, "image/png", "x".to_owned())
        } else {
            reply(201, "{\"a\":[1]}")
        }
    })
    .await;
    let answer = call(&server, "post", "/x?a=1", json!({"headers": {"X-One": "1", "N": 5}, "queries": {"b": "c d&e", "n": 2, "none": null}, "body": {"k": "v"}})).await.expect("a response");
    assert_eq!((answer.status, answer.body.to_json()), (201, json!({"a": [1]})));
    let seen = server.last();
    assert_eq!(seen.line(), "POST /x?a=1&b=c%20d%26e&n=2");
    assert_eq!(
        (
            seen.header("x-one"),
            seen.header("n"),
            seen.header("content-type"),
            seen.header("x-ms-client-tracking-id")
        ),
        ("1", "5", "application/json", "key-1")
    );
    assert_eq!(seen.json(), json!({"k": "v"}));
    call(&server, "PUT", "/", json!({"headers": {"Content-Type": "text/csv"}, "body": "a,b"}))
        .await
        .expect("a response");
    assert_eq!(
        (server.last().header("content-type").to_owned(), server.last().text()),
        ("text/csv".to_owned(), "a,b".to_owned())
    );
    call(
        &server,
        "PUT",
        "/",
        json!({"body": {"$content-type": "application/pdf", "$content": "JVBERg=="}}),
    )
    .await
    .expect("a response");
    assert_eq!(
        (server.last().header("content-type").to_owned(), server.last().text()),
        ("application/pdf".to_owned(), "%PDF".to_owned())
    );
    let answer = call(&server, "GET", "/png", json!({})).await.expect("a response");
    assert_eq!(answer.body.to_json(), json!({"$content-type": "image/png", "$content": "eA=="}));
}

#[tokio::test]
async fn authentication_kinds() {
    let server = Server::start(|seen| {
        if seen.path.ends_with("/oauth2/token") {
            reply(200, r#"{"access_token":"tok","expires_in":"3599"}"#)
        } else {
            reply(200, "{}")
        }
    })
    .await;
    let with = |authentication: Json| json!({"authentication": authentication});
    for (authentication, header) in [
        (json!({"type": "Basic", "username": "u", "password": "p"}), "Basic dTpw"),
        (json!({"type": "Raw", "value": "Custom x"}), "Custom x"),
        (json!({"type": "None"}), ""),
        (
            json!({"type": "ActiveDirectoryOAuth", "authority": server.url(), "tenant": "t", "audience": "https://a/", "clientId": "c", "secret": "s"}),
            "Bearer tok",
        ),
    ] {
        call(&server, "GET", "/", with(authentication)).await.expect(header);
        assert_eq!(server.last().header("authorization"), header);
    }
    let token =
        server.seen().into_iter().find(|s| s.path == "/t/oauth2/token").expect("a token request");
    assert!(
        token.text().contains("resource=https%3A%2F%2Fa%2F")
            && token.text().contains("client_secret=s"),
        "{}",
        token.text()
    );
    call(&server, "GET", "/", json!({"headers": {"authorization": "Own"}}))
        .await
        .expect("own header");
    assert_eq!(server.last().header("authorization"), "Own");
    for kind in ["ClientCertificate", "ManagedServiceIdentity", "Magic"] {
        let error = call(&server, "GET", "/", with(json!({"type": kind, "pfx": "canary"})))
            .await
            .expect_err(kind);
        assert!(
            matches!(error, CallError::Unsupported { .. })
                && !format!("{error:?}").contains("canary"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn nonsense_is_refused_before_anything_is_sent() {
    let server = Server::always(200, "{}").await;
    for (method, parts) in [
        ("G T", json!({})),
        ("CONNECT", json!({})),
        ("TRACE", json!({})),
        ("GET", json!({"headers": []})),
        ("GET", json!({"headers": {"a b": "c"}})),
        ("GET", json!({"headers": {"a": "b\r\nc: d"}})),
        ("GET", json!({"headers": {"Host": "evil.example"}})),
        ("GET", json!({"headers": {"Cookie": "a=b"}})),
        ("GET", json!({"queries": 5})),
        ("POST", json!({"body": {"$content": "%"}})),
        ("GET", json!({"authentication": "x"})),
        ("GET", json!({"authentication": {"type": "Basic"}})),
        ("GET", json!({"authentication": {"type": "Raw", "value": "a\nb"}})),
    ] {
        call(&server, method, "/", parts.clone()).await.expect_err(&parts.to_string());
    }
    assert_eq!(server.seen().len(), 0);
}
