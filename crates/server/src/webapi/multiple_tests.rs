//! Several rows at once: `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple`, and `BulkDelete` of rows.
use serde_json::{Value, json};

use super::tests::{Answer, Service};

const SET: &str = "connectionreferences";
const API: &str = "/providers/Microsoft.PowerApps/apis/shared_office365";

fn reference(name: &str) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.connectionreference",
        "connectionreferencelogicalname": name, "connectionreferencedisplayname": name,
        "connectorid": API,
    })
}

fn of(mut fields: Value) -> Value {
    fields["@odata.type"] = "#Microsoft.Dynamics.CRM.connectionreference".into();
    fields
}

async fn multiple(service: &Service, action: &str, targets: &[Value]) -> Answer {
    service
        .post(&format!("{SET}/Microsoft.Dynamics.CRM.{action}"), json!({"Targets": targets}))
        .await
}

async fn names(service: &Service) -> String {
    let path = format!(
        "{SET}?$select=connectionreferencelogicalname,description&$orderby=connectionreferencelogicalname"
    );
    let json = service.get(&path).await.json();
    let rows = json["value"].as_array().unwrap();
    let one = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        format!("{}:{}", text("connectionreferencelogicalname"), text("description"))
    };
    rows.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn several_rows_are_all_or_none() {
    let service = Service::new().await;
    let made =
        multiple(&service, "CreateMultiple", &[reference("con_a"), reference("con_b")]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let ids: Vec<String> = serde_json::from_value(made.json()["Ids"].clone()).unwrap();
    assert_eq!(ids.len(), 2);
    let twice =
        multiple(&service, "CreateMultiple", &[reference("con_c"), reference("con_a")]).await;
    assert!(twice.status >= 400, "{}", twice.body);
    assert_eq!(names(&service).await, "con_a:- con_b:-");

    let change =
        |id: &str, text: &str| of(json!({"connectionreferenceid": id, "description": text}));
    let both = [change(&ids[0], "x"), change(&ids[1], "y")];
    assert_eq!(multiple(&service, "UpdateMultiple", &both).await.status, 204);
    let none = "00000000-0000-0000-0000-00000000ffff";
    let missing =
        multiple(&service, "UpdateMultiple", &[change(&ids[0], "z"), change(none, "z")]).await;
    assert_eq!(missing.code(), "404 0x80040217");
    assert_eq!(names(&service).await, "con_a:x con_b:y");

    let upsert = |name: &str, text: &str| {
        of(json!({
            "@odata.id": format!("{SET}(connectionreferencelogicalname='{name}')"),
            "connectionreferencedisplayname": name, "connectorid": API, "description": text,
        }))
    };
    let both =
        multiple(&service, "UpsertMultiple", &[upsert("con_b", "again"), upsert("con_c", "new")])
            .await;
    assert_eq!(both.status, 204, "{}", both.body);
    assert_eq!(names(&service).await, "con_a:x con_b:again con_c:new");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let service = Service::new().await;
    for (action, targets, code) in [
        ("CreateMultiple", json!([{"connectionreferencelogicalname": "con_a"}]), "400 0x80048d19"),
        (
            "CreateMultiple",
            json!([{"@odata.type": "Microsoft.Dynamics.CRM.workflow"}]),
            "400 0x80040203",
        ),
        ("CreateMultiple", json!([]), "400 0x80040203"),
        ("CreateMultiple", json!("x"), "400 0x80048d19"),
        ("UpdateMultiple", json!([of(json!({"description": "x"}))]), "400 0x80048d19"),
        (
            "UpdateMultiple",
            json!([of(json!({"@odata.id": "workflows(name='x')"}))]),
            "400 0x80048d19",
        ),
        ("DeleteMultiple", json!([of(json!({}))]), "405 0x80040800"),
        ("MergeMultiple", json!([]), "404 0x80060888"),
    ] {
        let path = format!("{SET}/Microsoft.Dynamics.CRM.{action}");
        let answer = service.post(&path, json!({"Targets": targets})).await;
        assert_eq!(answer.code(), code, "{action} {targets}: {}", answer.body);
    }
    let read = service.get(&format!("{SET}/Microsoft.Dynamics.CRM.CreateMultiple")).await;
    assert_eq!(read.status, 404);
    let body = json!({"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.asyncoperation"}]});
    let path = "asyncoperations/Microsoft.Dynamics.CRM.CreateMultiple";
    assert_eq!(service.post(path, body).await.code(), "405 0x80040800");
}

fn deletion(table: &str, criteria: &Value) -> Value {
    json!({"JobName": "Tidy", "QuerySet": [{
        "@odata.type": "Microsoft.Dynamics.CRM.QueryExpression", "EntityName": table,
        "Criteria": criteria,
    }]})
}

#[tokio::test]
async fn rows_of_any_table_are_deleted_in_bulk() {
    let service = Service::new().await;
    let all: Vec<_> = ["con_a", "con_b", "con_c", "con_d"].map(reference).into();
    let ids = multiple(&service, "CreateMultiple", &all).await.json()["Ids"].clone();
    let value = |id: &Value| json!({"Value": id, "Type": "System.Guid"});
    let among = json!({"FilterOperator": "And", "Conditions": [{
        "AttributeName": "connectionreferenceid", "Operator": "In",
        "Values": [value(&ids[0]), value(&ids[2])],
    }]});
    let mut body = deletion("connectionreference", &among);
    body.as_object_mut().unwrap().remove("JobName");
    let preview = service.post("connref_BulkDeletePreview", body).await.json();
    assert_eq!(preview["value"][0], json!({"EntityName": "connectionreference", "Count": 2}));
    let job = service.post("BulkDelete", deletion("connectionreference", &among)).await;
    assert_eq!(job.status, 200, "{}", job.body);
    assert_eq!(names(&service).await, "con_b:- con_d:-");
    let path = format!("asyncoperations({})", job.json()["JobId"].as_str().unwrap());
    let job = service.get(&path).await.json();
    assert_eq!(
        (job["statuscode"].as_i64(), job["message"].as_str()),
        (Some(30), Some("2 rows were deleted"))
    );
    let nested = json!({"FilterOperator": "And", "Filters": [{"FilterOperator": "Or", "Conditions": [
        {"AttributeName": "connectionreferencelogicalname", "Operator": "BeginsWith", "Values": ["con_d"]},
        {"AttributeName": "description", "Operator": "NotNull"},
    ]}]});
    assert_eq!(
        service.post("BulkDelete", deletion("connectionreference", &nested)).await.status,
        200
    );
    assert_eq!(names(&service).await, "con_b:-");
    // Users are never deleted; the job tells.
    let user = json!({"domainname": "eve@contoso.example", "connref_role": "Environment Maker"});
    assert_eq!(service.post("systemusers", user).await.status, 204);
    let eve = json!({"Conditions": [{"AttributeName": "domainname", "Operator": "Like", "Values": ["eve%"]}]});
    let job = service.post("BulkDelete", deletion("systemuser", &eve)).await.json();
    let path = format!("asyncoperations({})/message", job["JobId"].as_str().unwrap());
    let told = service.get(&path).await.json();
    assert_eq!(told["value"], "0 rows were deleted, 1 could not be");
    for (table, criteria) in [
        ("nosuch", json!({})),
        ("publisher", json!({"Conditions": [{"AttributeName": "nosuch", "Operator": "Null"}]})),
        (
            "publisher",
            json!({"Conditions": [{"AttributeName": "createdon", "Operator": "Equal", "Values": ["x"]}]}),
        ),
    ] {
        assert_eq!(service.post("BulkDelete", deletion(table, &criteria)).await.status, 400);
    }
}

#[tokio::test]
async fn a_row_can_be_sent_back_as_it_was_read() {
    let service = Service::new().await;
    let id = service.post(SET, reference("con_a")).await.id();
    let path = format!("{SET}({id})");
    let mut row = service.get(&path).await.json();
    let object = row.as_object_mut().unwrap();
    object.retain(|name, _| !name.starts_with('_'));
    object.insert("description".to_owned(), json!("Changed"));
    let sent = service.patch(&path, row.clone()).await;
    assert_eq!(sent.status, 204, "{}", sent.body);
    assert_eq!(service.get(&path).await.json()["description"], "Changed");
    // An emptied text is no text.
    assert_eq!(service.delete(&format!("{path}/description")).await.status, 204);
    assert!(service.get(&path).await.json()["description"].is_null());
    // What cannot be changed is refused when it would.
    let other = service
        .patch(&path, json!({"connectorid": "/providers/Microsoft.PowerApps/apis/shared_sql"}));
    assert_eq!(other.await.code(), "400 0x80048d19");
}

#[tokio::test]
async fn many_to_many_from_both_ends() {
    let service = Service::new().await;
    let unit = service.get("WhoAmI").await.json()["BusinessUnitId"].clone();
    let unit = format!("businessunits({})", unit.as_str().unwrap());
    let mut ids = Vec::new();
    for name in ["eve@contoso.example", "bob@contoso.example"] {
        let user = json!({"domainname": name, "connref_role": "Environment Maker"});
        ids.push(service.post("systemusers", user).await.id());
    }
    let mut teams = Vec::new();
    for name in ["Pilots", "Tugs"] {
        let team = json!({"name": name, "teamtype": 0, "businessunitid@odata.bind": unit});
        teams.push(service.post("teams", team).await.id());
    }
    for (team, user) in [(0, 0), (0, 1), (1, 1)] {
        let path = format!("teams({})/teammembership_association/$ref", teams[team]);
        let answer =
            service.post(&path, json!({"@odata.id": format!("systemusers({})", ids[user])}));
        assert_eq!(answer.await.status, 204);
    }
    // What leads across is linked, not made.
    let across = format!("teams({})/teammembership_association", teams[0]);
    let made = service.post(&across, json!({"domainname": "ann@contoso.example"})).await;
    assert_eq!((made.status, made.header("allow")), (405, "GET"));
    assert_eq!(service.delete(&across).await.status, 405);
    let ask = async |path: String| {
        let answer = service.get(&path).await;
        let json = answer.json();
        let list = json["value"].as_array().unwrap_or_else(|| panic!("{}", answer.body)).clone();
        list.iter()
            .map(|one| one["domainname"].as_str().or(one["name"].as_str()).unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let behind = "teammembership_association";
    let members = format!("teams({})/{behind}?$select=domainname&$orderby=domainname", teams[0]);
    assert_eq!(ask(members).await, "bob@contoso.example eve@contoso.example");
    let of = format!(
        "systemusers({})/{behind}?$select=name&$filter=name ne 'x'&$orderby=name desc",
        ids[1]
    );
    assert_eq!(ask(of).await, "Tugs Pilots");
    let count = service.get(&format!("teams({})/{behind}/$count", teams[1])).await;
    assert_eq!(count.body, "1");
    let any =
        format!("teams?$filter={behind}/any(o:o/domainname eq 'eve@contoso.example')&$select=name");
    assert_eq!(ask(any).await, "Pilots");
    let expanded = service
        .get(&format!("teams?$select=name&$filter=name eq 'Pilots' or name eq 'Tugs'&$orderby=name&$expand={behind}($select=domainname;$orderby=domainname;$top=1)"))
        .await;
    let json = expanded.json();
    let first: Vec<_> = json["value"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", expanded.body))
        .iter()
        .map(|team| team[behind][0]["domainname"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(first, ["bob@contoso.example", "bob@contoso.example"]);
}
