//! The Web API through the router, in process, over a fresh database with a clock that stands still
//! and ids that are counted: what existing clients send, and what they get.
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use connref_egress::{Egress, EgressConfig};
use connref_solution::model::facts::{EnvironmentKind, Fidelity};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::source::{Clock, Ids};
use connref_store::vault::KeyFile;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::identity::LocalCaller;
use crate::operation::environment::environment_create;
use crate::{App, router};

struct Still;

impl Clock for Still {
    fn now(&self) -> i64 {
        1_704_164_645_000_000
    }
}

/// Ids that count, so that answers are the same every time.
#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        buffer.fill(0);
        for (byte, digit) in buffer.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte = digit;
        }
    }
}

pub(super) struct Service {
    _folder: tempfile::TempDir,
    router: Router,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The id a create answered.
    pub(super) fn id(&self) -> String {
        let address = self.header("OData-EntityId");
        let id = address.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        id.unwrap_or_else(|| panic!("{} {}", self.status, self.body)).to_owned()
    }

    pub(super) fn code(&self) -> String {
        format!("{} {}", self.status, self.json()["error"]["code"].as_str().unwrap_or_default())
    }
}

impl Service {
    pub(super) async fn new() -> Self {
        Self::with(Arc::new(Still)).await
    }

    /// With another clock; on PostgreSQL where `CONNREF_TEST_POSTGRES` names a server.
    pub(super) async fn with(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ids = Arc::new(Counted::default());
        let key = KeyFile::open_or_create(&folder.path().join("key"), &*ids).unwrap();
        let location = match std::env::var("CONNREF_TEST_POSTGRES") {
            Ok(server) => Location::Postgres(database(&server).await),
            Err(_) => Location::Sqlite(folder.path().join("t.db")),
        };
        let store = Store::open(&location, Arc::new(key), clock, ids).await.unwrap();
        let egress = Egress::new(EgressConfig::default());
        let app = App::new(store, egress, "ada@contoso.example".into(), "test".into());
        for name in ["dev", "other"] {
            let new = EnvironmentNew {
                name: name.into(),
                kind: EnvironmentKind::Developer,
                fidelity: Fidelity::Extended,
                allowed: Vec::new(),
            };
            let operator = Caller::Operator("ada@contoso.example".into());
            environment_create(&app, &operator, new).await.unwrap();
        }
        Self { _folder: folder, router: router(app) }
    }

    pub(super) async fn send(
        &self,
        who: Option<&str>,
        request: http::request::Builder,
        body: &Value,
    ) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let mut request: Request = request.body(body).unwrap();
        request.extensions_mut().insert(LocalCaller { name: who.map(str::to_owned) });
        self.raw(request).await
    }

    pub(super) async fn raw(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(None, at("GET", path), &Value::Null).await
    }

    pub(super) async fn get_all(&self, path: &str) -> Answer {
        let request = at("GET", path).header("Prefer", "odata.include-annotations=\"*\"");
        self.send(None, request, &Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(None, at("POST", path), &body).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(None, at("PATCH", path), &body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send(None, at("DELETE", path), &Value::Null).await
    }

    /// A publisher, a solution in it, and a reference in that.
    pub(super) async fn with_solution(&self) -> String {
        let publisher = json!({
            "uniquename": "contoso", "friendlyname": "Contoso", "customizationprefix": "con",
            "customizationoptionvalueprefix": 12345,
        });
        assert_eq!(self.post("publishers", publisher).await.status, 204);
        let solution = json!({
            "uniquename": "Orders", "friendlyname": "Order handling", "version": "1.2.0.0",
            "publisherid@odata.bind": "/publishers(uniquename='CONTOSO')",
        });
        assert_eq!(self.post("solutions", solution).await.status, 204);
        let reference = json!({
            "connectionreferencelogicalname": "con_Mail",
            "connectionreferencedisplayname": "Mail",
            "connectorid": "/providers/Microsoft.PowerApps/apis/shared_office365",
        });
        let request =
            at("POST", "connectionreferences").header("MSCRM.SolutionUniqueName", "Orders");
        self.send(None, request, &reference).await.id()
    }
}

/// A new database on the server.
async fn database(server: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name =
        format!("connref_api_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let config: tokio_postgres::Config = server.parse().unwrap();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    let (base, options) = server.split_once('?').unwrap_or((server, ""));
    let (base, _) = base.rsplit_once('/').unwrap();
    format!("{base}/{name}?{options}")
}

pub(super) fn at(method: &str, path: &str) -> http::request::Builder {
    // Spaces are the only thing the tests do not encode themselves.
    let path = path.replace(' ', "%20");
    Request::builder()
        .method(method)
        .uri(format!("http://dev.connref.internal/api/data/v9.2/{path}"))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

pub(super) fn flow_body() -> String {
    json!({
        "properties": {
            "connectionReferences": {"mail": {
                "runtimeSource": "embedded",
                "connection": {"connectionReferenceLogicalName": "con_Mail"},
                "api": {"name": "shared_office365"},
            }},
            "definition": {
                "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
                "contentVersion": "1.0.0.0",
                "parameters": {"$connections": {"type": "Object"}, "$authentication": {"type": "SecureObject"}},
                "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {"type": "object"}}}},
                "actions": {},
            },
        },
        "schemaVersion": "1.0.0.0",
    })
    .to_string()
}

pub(super) async fn flow(service: &Service, name: &str) -> String {
    let body = json!({
        "category": 5, "type": 1, "primaryentity": "none", "name": name, "clientdata": flow_body(),
    });
    service.post("workflows", body).await.id()
}

#[tokio::test]
async fn typical_bodies() {
    let service = Service::new().await;
    let id = service.with_solution().await;
    let mut shown = String::new();
    for path in [
        "WhoAmI".to_owned(),
        format!("connectionreferences({id})"),
        "solutions?$select=uniquename,version&$expand=publisherid($select=friendlyname)&$count=true".to_owned(),
        "publishers(uniquename='contoso')?$select=uniquename&$expand=publisher_solution($select=uniquename)".to_owned(),
        "systemusers?$select=domainname,connref_role,isdisabled".to_owned(),
        "organizations?$select=name".to_owned(),
        "solutioncomponents?$select=componenttype,objectid,_solutionid_value".to_owned(),
        format!("connectionreferences({id})/ownerid?$select=fullname"),
        format!("connectionreferences({id})/connectorid"),
        "connref_AuditLog(Top=1)".to_owned(),
        "connref_BindingHistory(Reference='con_mail')".to_owned(),
    ] {
        let answer = service.get_all(&path).await;
        let generic = path.replace(&id, "ID");
        writeln!(shown, "GET {generic} {}\n{}", answer.status, pretty(&answer.json())).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn who_am_i_is_answered_with_and_without_parentheses_in_every_version() {
    let service = Service::new().await;
    for version in ["v9.0", "v9.1", "v9.2"] {
        for name in ["WhoAmI", "WhoAmI()"] {
            let uri =
                format!("http://dev.connref.internal/api/data/{version}/{name}?api-version=9.1");
            let answer = service.send(None, Request::builder().uri(uri), &Value::Null).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("OData-Version"), "4.0");
            assert!(answer.json()["UserId"].is_string());
        }
    }
    let uri = "http://dev.connref.internal/api/data/v8.2/WhoAmI";
    assert_eq!(service.send(None, Request::builder().uri(uri), &Value::Null).await.status, 404);
}

#[tokio::test]
async fn create_answers_the_address_or_the_row() {
    let service = Service::new().await;
    let body = json!({
        "connectionreferencelogicalname": "con_a",
        "connectorid": "/providers/Microsoft.PowerApps/apis/shared_office365",
    });
    let made = service.post("connectionreferences", body).await;
    assert_eq!((made.status, made.body.as_str()), (204, ""));
    let expected =
        format!("http://dev.connref.internal/api/data/v9.2/connectionreferences({})", made.id());
    assert_eq!(made.header("OData-EntityId"), expected);
    assert_eq!(made.header("Location"), expected);
    let body = json!({
        "connectionreferencelogicalname": "con_b",
        "connectorid": "/providers/Microsoft.PowerApps/apis/shared_office365",
    });
    let request = at("POST", "connectionreferences?$select=connectionreferencelogicalname")
        .header("Prefer", "return=representation");
    let made = service.send(None, request, &body).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("Preference-Applied"), "return=representation");
    let keys: Vec<_> = made.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "@odata.context",
            "@odata.etag",
            "connectionreferenceid",
            "connectionreferencelogicalname"
        ]
    );
    assert_eq!(made.json()["connectionreferenceid"], made.id());
}

#[tokio::test]
async fn updates_upserts_and_their_conditions() {
    let service = Service::new().await;
    let id = service.with_solution().await;
    let row = format!("connectionreferences({id})");
    assert_eq!(service.patch(&row, json!({"description": "one"})).await.status, 204);
    let etag = service.get(&row).await.json()["@odata.etag"].as_str().unwrap().to_owned();
    let patch = async |etag: &str, name: &str, body: Value| {
        service.send(None, at("PATCH", &row).header(name, etag), &body).await.code()
    };
    assert_eq!(patch("W/\"1\"", "If-Match", json!({"description": "two"})).await, "412 0x80060882");
    assert_eq!(patch(&etag, "If-Match", json!({"description": "two"})).await, "204 ");
    assert_eq!(patch("*", "If-Match", json!({"description": "three"})).await, "204 ");
    assert_eq!(patch("*", "If-None-Match", json!({"description": "x"})).await, "412 0x80040237");
    assert_eq!(service.get(&row).await.json()["description"], "three");
    let fresh = service.get(&row).await.json()["@odata.etag"].as_str().unwrap().to_owned();
    let again = at("GET", &row).header("If-None-Match", &fresh);
    assert_eq!(service.send(None, again, &Value::Null).await.status, 304);

    let by_name = "connectionreferences(connectionreferencelogicalname='con_new')";
    let body = json!({"connectorid": "/providers/Microsoft.PowerApps/apis/shared_office365"});
    let missing = at("PATCH", by_name).header("If-Match", "*");
    assert_eq!(service.send(None, missing, &body).await.code(), "404 0x80040217");
    let made = service.patch(by_name, body.clone()).await;
    assert_eq!(made.status, 204);
    let again = service.patch(by_name, json!({"description": "found"})).await;
    assert_eq!((again.status, again.id()), (204, made.id()));
    let nowhere =
        format!("connectionreferences({})", "0".repeat(8) + "-0000-0000-0000-000000000000");
    assert_eq!(service.patch(&nowhere, body).await.code(), "404 0x80040217");
    assert_eq!(service.delete(&row).await.status, 204);
    assert_eq!(service.delete(&row).await.code(), "404 0x80040217");
}

#[tokio::test]
async fn pages_are_followed_by_their_links() {
    let service = Service::new().await;
    for number in 0..5 {
        flow(&service, &format!("flow {number}")).await;
    }
    let mut next = "workflows?$select=name&$orderby=name desc&$count=true".to_owned();
    let (mut names, mut pages) = (Vec::new(), 0);
    while !next.is_empty() {
        let request = at("GET", &next).header("Prefer", "odata.maxpagesize=2");
        let answer = service.send(None, request, &Value::Null).await;
        assert_eq!(answer.header("Preference-Applied"), "odata.maxpagesize=2");
        let page = answer.json();
        assert_eq!(page["@odata.count"], 5);
        let rows = page["value"].as_array().unwrap();
        names.extend(rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        pages += 1;
        let link = page["@odata.nextLink"].as_str().unwrap_or_default();
        next = link.split_once("/v9.2/").map_or(String::new(), |(_, tail)| tail.to_owned());
    }
    assert_eq!(names, ["flow 4", "flow 3", "flow 2", "flow 1", "flow 0"]);
    assert_eq!(pages, 3);
    assert_eq!(service.get("workflows/$count?$filter=endswith(name,'3')").await.body, "1");
    assert_eq!(service.get("workflows?$top=2").await.json()["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_flow_with_an_unbound_reference_stays_off_and_says_why() {
    let service = Service::new().await;
    service.with_solution().await;
    let id = flow(&service, "Quote").await;
    let row = format!("workflows({id})");
    let refused = service.patch(&row, json!({"statecode": 1, "statuscode": 2})).await;
    let why = service.get(&format!("connref_FlowWhy(WorkflowId={id})")).await;
    let shown = format!("{}\n{}", refused.body, pretty(&why.json())).replace(&id, "FLOW");
    assert_eq!(refused.status, 400);
    insta::assert_snapshot!(shown);
    assert_eq!(service.get(&row).await.json()["statecode"], 0);
    assert_eq!(service.patch(&row, json!({"statecode": 0})).await.status, 204);
    assert_eq!(service.patch(&row, json!({"statecode": 1, "statuscode": 1})).await.status, 400);
}

#[tokio::test]
async fn a_user_sees_own_flows_only_and_another_environment_not_at_all() {
    let service = Service::new().await;
    let user = json!({"domainname": "bob@contoso.example", "fullname": "Bob", "connref_role": "Environment Maker"});
    let bob = service.post("systemusers", user).await.id();
    let hidden = flow(&service, "of the administrator").await;
    let as_bob = async |method: &str, path: &str| {
        service.send(Some("bob@contoso.example"), at(method, path), &Value::Null).await
    };
    assert_eq!(as_bob("GET", "workflows").await.json()["value"], json!([]));
    assert_eq!(as_bob("GET", &format!("workflows({hidden})")).await.code(), "404 0x80040217");
    assert_eq!(as_bob("DELETE", &format!("workflows({hidden})")).await.code(), "404 0x80040217");
    let share = json!({"WorkflowId": hidden, "Principal": "bob@contoso.example", "Level": "run"});
    assert_eq!(service.post("connref_FlowShare", share).await.status, 204);
    assert_eq!(as_bob("GET", &format!("workflows({hidden})")).await.status, 200);
    let elsewhere = Request::builder().uri("http://other.connref.internal/api/data/v9.2/workflows");
    let answer = service.send(Some("bob@contoso.example"), elsewhere, &Value::Null).await;
    assert_eq!(answer.code(), "403 0x80072560");
    assert_eq!(
        service.patch(&format!("systemusers({bob})"), json!({"isdisabled": true})).await.status,
        204
    );
    assert_eq!(as_bob("GET", "workflows").await.status, 403);
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let service = Service::new().await;
    for path in ["WhoAmI", "$metadata", "workflows", ""] {
        let request = at("GET", path).body(Body::empty()).unwrap();
        let answer = service.raw(request).await;
        assert_eq!((answer.status, answer.header("WWW-Authenticate")), (401, "Bearer"));
    }
    let request = at("GET", "WhoAmI").header("Authorization", "Bearer guess").body(Body::empty());
    assert_eq!(service.raw(request.unwrap()).await.status, 401);
}

#[tokio::test]
async fn variables_and_their_values() {
    let service = Service::new().await;
    let body = json!({"schemaname": "con_Site", "displayname": "Site", "type": 100_000_000, "isrequired": false});
    let definition = service.post("environmentvariabledefinitions", body).await.id();
    let value = json!({
        "schemaname": "con_Site", "value": "one",
        "EnvironmentVariableDefinitionId@odata.bind": format!("/environmentvariabledefinitions({definition})"),
    });
    let made = service.post("environmentvariablevalues", value.clone()).await.id();
    assert_eq!(service.post("environmentvariablevalues", value).await.code(), "412 0x80040237");
    let row = format!("environmentvariablevalues({made})");
    assert_eq!(service.patch(&row, json!({"value": "two"})).await.status, 204);
    let expanded = service
        .get("environmentvariabledefinitions(schemaname='CON_site')?$select=schemaname&$expand=environmentvariabledefinition_environmentvariablevalue($select=value)")
        .await
        .json();
    assert_eq!(
        expanded["environmentvariabledefinition_environmentvariablevalue"][0]["value"],
        "two"
    );
    let filtered = service.get("environmentvariablevalues?$filter=EnvironmentVariableDefinitionId/schemaname eq 'con_site'").await;
    assert_eq!(filtered.json()["value"].as_array().unwrap().len(), 1);
    let value = "RetrieveEnvironmentVariableValue(DefinitionSchemaName=@p)?@p='con_site'";
    assert_eq!(service.get(value).await.json()["Value"], "two");
    assert_eq!(service.delete(&row).await.status, 204);
    assert_eq!(service.get(&row).await.status, 404);
    assert_eq!(service.get(value).await.status, 400);
    let site = json!({"schemaname": "con_Place", "type": 100_000_004, "apiid": "/providers/Microsoft.PowerApps/apis/shared_sharepointonline", "parameterkey": "dataset", "isrequired": true, "secretstore": 0});
    let site = service.post("environmentvariabledefinitions", site).await.id();
    let list = json!({
        "schemaname": "con_List", "type": 100_000_004, "apiid": "shared_sharepointonline", "parameterkey": "table",
        "ParentDefinitionId@odata.bind": format!("/environmentvariabledefinitions({site})"),
    });
    let list = service.post("environmentvariabledefinitions", list).await.id();
    let row = format!(
        "environmentvariabledefinitions({list})?$select=_parentdefinitionid_value,isrequired&$expand=ParentDefinitionId($select=schemaname,isrequired)"
    );
    let row = service.get(&row).await.json();
    assert_eq!(row["_parentdefinitionid_value"], site);
    assert_eq!(row["ParentDefinitionId"]["schemaname"], "con_Place");
    assert_eq!(row["ParentDefinitionId"]["isrequired"], true);
    let number = json!({"schemaname": "con_Count", "type": 100_000_001, "defaultvalue": "many"});
    let refused = service.post("environmentvariabledefinitions", number).await;
    assert!(refused.status == 400 && refused.body.contains("not a number"), "{}", refused.body);
}

#[tokio::test]
async fn a_solution_goes_out_and_comes_back() {
    let service = Service::new().await;
    let reference = service.with_solution().await;
    let id = flow(&service, "Quote").await;
    let add = json!({"ComponentId": id, "ComponentType": 29, "SolutionUniqueName": "Orders", "AddRequiredComponents": false});
    let added = service.post("AddSolutionComponent", add).await;
    let component =
        added.json()["id"].as_str().unwrap_or_else(|| panic!("{}", added.body)).to_owned();
    assert_eq!(
        service.get(&format!("solutioncomponents({component})")).await.json()["objectid"],
        id
    );
    let export = json!({"SolutionName": "Orders", "Managed": false});
    let exported = service.post("ExportSolution", export).await;
    let file = exported.json()["ExportSolutionFile"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", exported.body))
        .to_owned();
    let job = "11111111-2222-4333-8444-555555555555";
    let import = json!({
        "CustomizationFile": file, "ImportJobId": job, "PublishWorkflows": true,
        "OverwriteUnmanagedCustomizations": false,
    });
    let request = Request::builder()
        .method("POST")
        .uri("http://other.connref.internal/api/data/v9.2/ImportSolution");
    let imported = service.send(None, request, &import).await;
    assert_eq!(imported.status, 204, "{}", imported.body);
    let there = async |path: &str| {
        let uri = format!("http://other.connref.internal/api/data/v9.2/{path}");
        service.send(None, Request::builder().uri(uri), &Value::Null).await
    };
    let found =
        there("connectionreferences(connectionreferencelogicalname='con_mail')").await.json();
    assert_eq!(found["connectionid"], Value::Null);
    assert_ne!(found["connectionreferenceid"], reference);
    assert_eq!(there(&format!("workflows({id})")).await.json()["statecode"], 0);
    assert_eq!(there(&format!("importjobs({job})")).await.json()["progress"], 100.0);
    assert_eq!(service.delete(&format!("importjobs({job})")).await.status, 404);
}

#[tokio::test]
async fn what_is_refused_is_refused_by_name() {
    let service = Service::new().await;
    let mut shown = String::new();
    for (method, path, body) in [
        ("GET", "nosuch", Value::Null),
        ("GET", "workflows?$filter=nosuch eq 1", Value::Null),
        ("GET", "workflows?$filter=category eq 'x'", Value::Null),
        ("GET", "workflows?$apply=aggregate", Value::Null),
        ("GET", "workflows(5)", Value::Null),
        ("GET", "workflows(name='x')", Value::Null),
        ("GET", "workflows(00000000-0000-0000-0000-000000000001)", Value::Null),
        ("GET", "workflows(00000000-0000-0000-0000-000000000001)?$filter=a", Value::Null),
        ("GET", "accounts?sql=SELECT", Value::Null),
        ("GET", "workflows?sql=SELECT", Value::Null),
        ("POST", "$batch", Value::Null),
        ("POST", "WhoAmI", Value::Null),
        ("POST", "workflows", json!([])),
        ("POST", "workflows", json!({"name": "x"})),
        ("POST", "workflows", json!({"name": "x", "category": 0, "clientdata": "{}"})),
        ("POST", "workflows", json!({"nosuch": 1})),
        ("POST", "importjobs", json!({})),
        ("POST", "solutioncomponents", json!({})),
        ("POST", "ExportSolution", json!({})),
        ("POST", "ExportSolution", json!({"SolutionName": "x", "Nonsense": 1})),
        ("POST", "ExportSolution", json!({"SolutionName": "x", "Managed": "yes"})),
        ("POST", "ImportSolution", json!({"CustomizationFile": "!"})),
        ("POST", "ImportSolution", json!({"CustomizationFile": "UEsDBA=="})),
        ("GET", "connref_FlowWhy()", Value::Null),
        ("GET", "connref_BindingHistory(Reference='nosuch')", Value::Null),
        ("PUT", "workflows", json!({})),
    ] {
        let answer = service.send(None, at(method, path), &body).await;
        let message = answer.json()["error"]["message"].as_str().unwrap_or(&answer.body).to_owned();
        writeln!(shown, "{method} {path} {body}\n    {} {message}", answer.code()).unwrap();
    }
    insta::assert_snapshot!(shown);
}

/// Columns of a live organisation that tools for agents and scripts of administrators select, with the
/// people behind them, as they write it.
#[tokio::test]
async fn what_tools_select_is_there() {
    let service = Service::new().await;
    let by = "modifiedby($select=fullname),createdby($select=fullname)";
    for address in [
        "workflows?$select=workflowid,name,statecode,type,ismanaged,iscrmuiworkflow,primaryentity,mode,subprocess,\
         ondemand,triggeroncreate,triggerondelete,triggeronupdateattributelist,syncworkflowlogonfailure,xaml",
        "workflows?$select=name,scope,runas,workflowidunique,overwritetime,iscustomizable,_parentworkflowid_value",
        "workflows?$filter=category eq 5 and iscrmuiworkflow eq false and ondemand eq false and mode eq 0",
        "connectionreferences?$select=componentidunique,connectionparametersconfig,_modifiedby_value",
        "environmentvariabledefinitions?$select=hint,valueschema,introducedversion,iscustomizable,_createdby_value",
        "environmentvariablevalues?$select=value,environmentvariablevalueidunique,_owninguser_value",
        "roles?$select=roleid,name,roleidunique,description,ismanaged,iscustomizable,_businessunitid_value",
        "businessunits?$select=name,isdisabled,description,divisionname,_parentbusinessunitid_value",
        "systemusers?$select=firstname,lastname,title,windowsliveid,islicensed,setupuser,isintegrationuser",
        "teams?$select=name,emailaddress,issastokenset,_createdby_value",
    ] {
        let answer = service.get(address).await;
        assert_eq!(answer.status, 200, "{address}: {}", answer.body);
    }
    for set in
        ["workflows", "connectionreferences", "environmentvariabledefinitions", "systemusers"]
    {
        let answer = service.get(&format!("{set}?$expand={by}")).await;
        assert_eq!(answer.status, 200, "{set}: {}", answer.body);
    }
}
