//! The client against a small router that answers as the two dialects do.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::connection::NewConnection;
use crate::reference::NewReference;
use crate::solution::Import;
use crate::transport::{InProcess, Shared};
use crate::{Cause, Client, Place};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use connref_solution::model::settings::{SettingsReference, SettingsVariable};
use connref_solution::model::{ApiName, DeploymentSettings, LogicalName};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Who calls, as the server's own extension would tell it.
#[derive(Clone)]
struct Caller(&'static str);

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    uri: String,
    host: String,
    caller: &'static str,
    headers: HeaderMap,
    body: Value,
}

#[derive(Clone, Default)]
struct StandIn {
    seen: Arc<Mutex<Vec<Seen>>>,
    throttled: Arc<AtomicUsize>,
}

impl StandIn {
    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().expect("a request arrived")
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn client(&self) -> Client {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let place = Place {
            environment: "http://dev.connref.internal".into(),
            control: "http://control.connref.internal".into(),
            name: "dev".into(),
            extended: true,
        };
        Client::new(Shared::new(InProcess::new(router, Caller("operator"))), place)
    }
}

async fn answer(State(stand_in): State<StandIn>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let seen = Seen {
        method: parts.method.to_string(),
        uri: parts.uri.path_and_query().unwrap().to_string(),
        host: parts.uri.host().unwrap_or_default().to_owned(),
        caller: parts.extensions.get::<Caller>().expect("the caller travels along").0,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    stand_in.seen.lock().unwrap().push(seen.clone());
    route(&stand_in, &seen)
}

fn route(stand_in: &StandIn, seen: &Seen) -> Response {
    let uri = seen.uri.as_str();
    match (seen.method.as_str(), uri.split('?').next().unwrap_or(uri)) {
        ("GET", "/api/data/v9.2/connectionreferences") if uri.contains("skiptoken") => {
            json_of(&json!({"value": [reference("new_b", None)]}))
        }
        ("GET", "/api/data/v9.2/connectionreferences") => json_of(&json!({
            "value": [reference("new_a", Some(&"0f".repeat(16)))],
            "@odata.nextLink": "http://dev.connref.internal/api/data/v9.2/connectionreferences?$skiptoken=2",
        })),
        ("GET", "/api/data/v9.2/solutions") => json_of(&json!({
            "value": [], "@odata.nextLink": "http://elsewhere.example/api/data/v9.2/solutions",
        })),
        ("GET", "/api/data/v9.2/systemusers") => {
            if stand_in.throttled.fetch_add(1, Ordering::SeqCst) < 2 {
                return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "slow down")
                    .into_response();
            }
            json_of(&json!({"value": []}))
        }
        ("GET", "/providers/Microsoft.PowerApps/connections") => (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "0")],
            r#"{"error":{"code":"0x80072322","message":"too many"}}"#,
        )
            .into_response(),
        ("POST", "/api/data/v9.2/connectionreferences") => (
            StatusCode::NO_CONTENT,
            [("odata-entityid", "http://dev.connref.internal/api/data/v9.2/connectionreferences(11111111-1111-1111-1111-111111111111)")],
        )
            .into_response(),
        ("POST", "/api/data/v9.2/ImportSolution") => StatusCode::NO_CONTENT.into_response(),
        ("PATCH", _) => (
            StatusCode::BAD_REQUEST,
            Bytes::from(
                json!({"error": {"code": "ConnectionNotFound", "message": "Could not find it.",
                    "@connref.fix": "connref connection list"}})
                .to_string(),
            ),
        )
            .into_response(),
        ("PUT", _) => json_of(&json!({"name": "ab", "properties": {
            "displayName": "SQL", "apiId": "/providers/Microsoft.PowerApps/apis/shared_sql",
            "statuses": [{"status": "Connected"}],
            "connref": {"owner": "maker@contoso.test", "kind": "sharedKey"}}})),
        _ => (StatusCode::NOT_FOUND, "nothing here").into_response(),
    }
}

fn json_of(value: &Value) -> Response {
    ([("content-type", "application/json")], value.to_string()).into_response()
}

fn reference(name: &str, connection: Option<&str>) -> Value {
    json!({
        "connectionreferenceid": "22222222-2222-2222-2222-222222222222",
        "connectionreferencelogicalname": name,
        "connectionreferencedisplayname": name,
        "connectorid": "/providers/Microsoft.PowerApps/apis/shared_sql",
        "connectionid": connection,
        "ismanaged": true,
    })
}

#[tokio::test]
async fn every_page_is_read() {
    let stand_in = StandIn::default();
    let references = stand_in.client().references().await.unwrap();
    let names: Vec<_> = references.iter().map(|one| one.logical_name.as_str()).collect();
    assert_eq!(names, ["new_a", "new_b"]);
    assert_eq!(references[0].connector, "shared_sql");
    assert_eq!(references[1].connection, None);
    let seen = stand_in.last();
    assert_eq!((seen.host.as_str(), seen.caller), ("dev.connref.internal", "operator"));
}

#[tokio::test]
async fn a_page_link_to_another_host_is_refused() {
    let error = StandIn::default().client().solutions().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Unreadable(_)), "{error:?}");
}

#[tokio::test]
async fn throttling_is_waited_for_and_ends() {
    let stand_in = StandIn::default();
    assert!(stand_in.client().users().await.unwrap().is_empty());
    assert_eq!(stand_in.count(), 3);
    let error = stand_in.client().connections().await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(429), Some("0x80072322")));
}

#[tokio::test]
async fn refusals_carry_code_text_and_fix() {
    let stand_in = StandIn::default();
    let client = stand_in.client();
    let reference = client.references().await.unwrap().remove(0);
    let error = client.reference_bind(&reference, Some("ff")).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot bind connection reference `new_a`");
    assert_eq!(error.cause.to_string(), "Could not find it. (ConnectionNotFound)");
    assert_eq!(error.fix(), Some("connref connection list"));
    assert_eq!(stand_in.last().body, json!({"connectionid": "ff"}));
    assert_eq!(stand_in.last().headers["if-match"], "*");
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let error = StandIn::default().client().reference("o'hare").await.unwrap_err();
    assert!(error.is_missing());
    assert_eq!(error.code(), Some("HTTP 404"));
}

#[tokio::test]
async fn a_create_answers_the_id_and_names_the_solution() {
    let stand_in = StandIn::default();
    let new = NewReference {
        logical_name: "new_a",
        display_name: "A",
        connector: "shared_sql",
        connection: None,
        solution: Some("Orders"),
        ..NewReference::default()
    };
    let id = stand_in.client().reference_create(&new).await.unwrap();
    assert_eq!(id, "11111111-1111-1111-1111-111111111111");
    assert_eq!(stand_in.last().headers["mscrm.solutionuniquename"], "Orders");
}

#[tokio::test]
async fn a_connection_carries_its_secret_once_and_never_shows_it() {
    let stand_in = StandIn::default();
    let new = NewConnection {
        id: "ab",
        connector: "shared_sql",
        display_name: "SQL",
        kind: Some("sharedKey"),
        parameters: BTreeMap::from([("server".to_owned(), "db".to_owned())]),
        secrets: BTreeMap::from([("password".to_owned(), SecretString::from("hunter2"))]),
        ..NewConnection::default()
    };
    assert!(!format!("{new:?}").contains("hunter2"));
    let made = stand_in.client().connection_create(&new).await.unwrap();
    assert_eq!(made.owner, "maker@contoso.test");
    let seen = stand_in.last();
    assert_eq!(seen.host, "control.connref.internal");
    assert!(seen.uri.contains("$filter=environment%20eq%20'dev'"), "{}", seen.uri);
    assert_eq!(seen.body["properties"]["connref"]["secrets"]["password"], "hunter2");
    assert_eq!(seen.body["properties"]["connectionParameters"], json!({"server": "db"}));
}

#[tokio::test]
async fn a_dry_run_reads_and_sends_no_change() {
    let stand_in = StandIn::default();
    let client = stand_in.client().dry_run(true);
    let reference = client.references().await.unwrap().remove(0);
    let before = stand_in.count();
    let error = client.reference_bind(&reference, None).await.unwrap_err();
    let unsent = error.unsent().expect("kept back");
    assert_eq!(unsent.method, "PATCH");
    assert!(unsent.path.starts_with("/api/data/v9.2/connectionreferences("), "{}", unsent.path);
    assert_eq!(stand_in.count(), before);
}

#[tokio::test]
async fn an_import_carries_bindings_and_leaves_out_empty_ones() {
    let stand_in = StandIn::default();
    let reference = |name: &str, connection: &str| SettingsReference {
        logical_name: LogicalName::new(name),
        connection_id: connection.to_owned(),
        api_name: Some(ApiName::new("shared_sql")),
        owner: None,
    };
    let settings = DeploymentSettings {
        references: vec![reference("new_a", "0f"), reference("new_b", "")],
        variables: vec![SettingsVariable {
            schema_name: LogicalName::new("new_site"),
            value: "https://x".to_owned(),
        }],
    };
    let import = Import {
        file: b"PK",
        job_id: "33333333-3333-3333-3333-333333333333",
        settings: Some(&settings),
        publish_workflows: true,
        overwrite: false,
        convert_to_managed: false,
        holding: false,
        skip_dependencies: false,
        upgrade: false,
        allow_older: false,
    };
    stand_in.client().solution_import(&import).await.unwrap();
    let body = stand_in.last().body;
    assert_eq!(body["CustomizationFile"], "UEs=");
    let parameters = body["ComponentParameters"].as_array().unwrap();
    assert_eq!(parameters.len(), 2);
    assert_eq!(parameters[0]["connectorid"], "/providers/Microsoft.PowerApps/apis/shared_sql");
    assert_eq!(parameters[1]["schemaname"], "new_site");
}

#[tokio::test]
async fn acting_as_another_is_a_header() {
    let stand_in = StandIn::default();
    let client = stand_in.client().acting_as("44444444-4444-4444-4444-444444444444");
    client.references().await.unwrap();
    assert_eq!(stand_in.last().headers["mscrmcallerid"], "44444444-4444-4444-4444-444444444444");
}
