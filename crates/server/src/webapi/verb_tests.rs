//! Functions and actions of solutions, dependencies and states; acting on behalf of somebody else.
use serde_json::{Value, json};

use super::tests::{Service, at, flow_body};

async fn flow(service: &Service) -> String {
    let body = json!({"category": 5, "type": 1, "primaryentity": "none", "name": "Post", "clientdata": flow_body()});
    service.post("workflows", body).await.id()
}

fn ends(list: &Value) -> Vec<(i64, String, i64, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = list["value"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    rows.iter()
        .map(|row| {
            (
                row["dependentcomponenttype"].as_i64().unwrap(),
                text(&row["dependentcomponentobjectid"]),
                row["requiredcomponenttype"].as_i64().unwrap(),
                text(&row["requiredcomponentobjectid"]),
            )
        })
        .collect()
}

#[tokio::test]
async fn what_needs_what() {
    let service = Service::new().await;
    let reference = service.with_solution().await;
    let flow = flow(&service).await;
    let edge = vec![(29, flow.clone(), 10091, reference.clone())];
    let ask = async |path: String| ends(&service.get(&path).await.json());
    for name in ["RetrieveDependentComponents", "RetrieveDependenciesForDelete"] {
        assert_eq!(ask(format!("{name}(ObjectId={reference},ComponentType=10091)")).await, edge);
        assert_eq!(ask(format!("{name}(ObjectId={flow},ComponentType=29)")).await, []);
    }
    assert_eq!(
        ask(format!("RetrieveRequiredComponents(ObjectId={flow},ComponentType=29)")).await,
        edge
    );
    // The reference is in the solution already.
    let missing = "RetrieveMissingDependencies(SolutionUniqueName='Orders')";
    assert_eq!(ask(missing.to_owned()).await, []);
    let take = json!({"SolutionComponent": {"@odata.type": "Microsoft.Dynamics.CRM.solutioncomponent",
        "solutioncomponentid": reference}, "ComponentType": 10091, "SolutionUniqueName": "Orders"});
    assert_eq!(service.post("RemoveSolutionComponent", take.clone()).await.status, 200);
    assert_eq!(service.post("RemoveSolutionComponent", take).await.code(), "404 0x80040217");
    let add = |required: bool| {
        json!({"ComponentId": flow, "ComponentType": 29, "SolutionUniqueName": "Orders",
            "AddRequiredComponents": required})
    };
    assert_eq!(service.post("AddSolutionComponent", add(false)).await.status, 200);
    assert_eq!(ask(missing.to_owned()).await, edge);
    assert_eq!(service.post("AddSolutionComponent", add(true)).await.status, 200);
    assert_eq!(ask(missing.to_owned()).await, []);
    let unknown = service.get("RetrieveMissingDependencies(SolutionUniqueName='Nothing')").await;
    assert_eq!(unknown.code(), "404 0x80040217");
}

#[tokio::test]
async fn who_may_not_see_an_end_is_not_told_of_it() {
    let service = Service::new().await;
    let reference = service.with_solution().await;
    flow(&service).await;
    let user = json!({"domainname": "bob@contoso.example", "connref_role": "Environment Maker"});
    service.post("systemusers", user).await.id();
    let path = format!("RetrieveDependentComponents(ObjectId={reference},ComponentType=10091)");
    let answer = service.send(Some("bob@contoso.example"), at("GET", &path), &Value::Null).await;
    assert_eq!(ends(&answer.json()), []);
}

#[tokio::test]
async fn component_types_have_numbers() {
    let service = Service::new().await;
    let path = "solutioncomponentdefinitions?$select=solutioncomponenttype\
                &$filter=primaryentityname eq 'connectionreference'";
    let found = service.get(path).await.json();
    assert_eq!(found["value"][0]["solutioncomponenttype"], 10091, "{found}");
    let all = service.get("solutioncomponentdefinitions?$count=true").await.json();
    assert_eq!(all["@odata.count"], 5);
}

#[tokio::test]
async fn states_are_set_by_an_action_too() {
    let service = Service::new().await;
    let body = flow_body().replace("con_Mail", "con_None");
    let body = json!({"category": 5, "type": 1, "primaryentity": "none", "name": "Post",
        "clientdata": body.replace("\"mail\"", "\"unused\"")});
    let flow = service.post("workflows", body).await.id();
    let set = async |table: &str, id: &str, state: Value| {
        let key = format!("{table}id");
        let moniker = json!({"@odata.type": format!("Microsoft.Dynamics.CRM.{table}"), key: id});
        let body = json!({"EntityMoniker": moniker, "State": state, "Status": {"Value": -1}});
        service.post("SetState", body).await.code()
    };
    let valid = async |state: &str, reason: i64| {
        let path = format!(
            "IsValidStateTransition(Entity=@e,NewState='{state}',NewStatus={reason})?@e={{\"@odata.type\":\"Microsoft.Dynamics.CRM.workflow\",\"workflowid\":\"{flow}\"}}"
        );
        let path = path.replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
        service.get(&path).await.json()["IsValid"].clone()
    };
    for (state, reason, expected) in [
        ("Activated", 2, true),
        ("activated", -1, true),
        ("0", 1, true),
        ("Draft", 2, false),
        ("Suspended", 3, false),
        ("Open", 1, false),
        ("Draft", 7, false),
    ] {
        assert_eq!(valid(state, reason).await, json!(expected), "{state} {reason}");
    }
    // Its reference is not there: turning it on is refused as a PATCH would be.
    let refused = set("workflow", &flow, json!({"Value": 1})).await;
    let patched =
        service.patch(&format!("workflows({flow})"), json!({"statecode": 1})).await.code();
    assert_eq!(refused, patched);
    assert_eq!(set("workflow", &flow, json!(0)).await, "204 ");
    let user = json!({"domainname": "bob@contoso.example"});
    let bob = service.post("systemusers", user).await.id();
    assert_eq!(set("systemuser", &bob, json!({"Value": 1})).await, "204 ");
    let read = service.get(&format!("systemusers({bob})?$select=isdisabled")).await.json();
    assert_eq!(read["isdisabled"], true);
    let nowhere = "00000000-0000-4000-8000-00000000dead";
    assert_eq!(set("workflow", nowhere, json!({"Value": 1})).await, "404 0x80040217");
}

#[tokio::test]
async fn exports_wait_to_be_fetched_by_their_maker() {
    let service = Service::new().await;
    service.with_solution().await;
    let body = json!({"SolutionName": "Orders", "Managed": false});
    let started = service.post("ExportSolutionAsync", body.clone()).await.json();
    let operation = started["AsyncOperationId"].as_str().unwrap();
    let row = service.get(&format!("asyncoperations({operation})")).await.json();
    assert_eq!(
        (&row["statuscode"], &row["messagename"]),
        (&json!(30), &json!("ExportSolutionAsync"))
    );
    let fetch = json!({"ExportJobId": started["ExportJobId"]});
    let fetched = service.post("DownloadSolutionExportData", fetch).await.json();
    let direct = service.post("ExportSolution", body).await.json();
    assert_eq!(fetched["ExportSolutionFile"], direct["ExportSolutionFile"]);
    // It is no staged package, and a staged one is no export.
    let import = json!({"SolutionParameters": {"StageSolutionUploadId": started["ExportJobId"]}});
    assert_eq!(service.post("ImportSolutionAsync", import).await.code(), "404 0x80040217");
    assert_eq!(service.post("PublishAllXml", json!({})).await.status, 204);
    assert_eq!(service.post("CloneAsPatch", json!({})).await.code(), "501 0x80040229");
}

#[tokio::test]
async fn whoever_may_acts_on_behalf_of_another() {
    let service = Service::new().await;
    let user = json!({"domainname": "bob@contoso.example", "connref_role": "Environment Maker"});
    let bob = service.post("systemusers", user).await.id();
    for header in ["CallerObjectId", "MSCRMCallerID"] {
        let request = at("GET", "WhoAmI").header(header, &bob);
        let me = service.send(None, request, &Value::Null).await.json();
        assert_eq!(me["UserId"], bob.as_str(), "{header}");
        // What is made belongs to whom it was made for, with no more than that one may.
        let body = json!({"category": 5, "type": 1, "primaryentity": "none", "name": header, "clientdata": flow_body()});
        let made =
            service.send(None, at("POST", "workflows").header(header, &bob), &body).await.id();
        let row = service.get(&format!("workflows({made})?$select=_ownerid_value")).await.json();
        assert_eq!(row["_ownerid_value"], bob.as_str());
        let user = json!({"domainname": "eve@contoso.example"});
        let refused =
            service.send(None, at("POST", "systemusers").header(header, &bob), &user).await;
        assert_eq!(refused.code(), "403 0x80040220", "{header}");
        // Bob may not act for anybody, not even by the name of an administrator.
        let request = at("GET", "WhoAmI").header(header, "ada@contoso.example");
        let refused = service.send(Some("bob@contoso.example"), request, &Value::Null).await;
        assert_eq!(refused.code(), "403 0x80040220", "{header}");
        let nobody = at("GET", "WhoAmI").header(header, "00000000-0000-4000-8000-00000000dead");
        assert_eq!(service.send(None, nobody, &Value::Null).await.status, 403, "{header}");
    }
    // A service principal with the privilege may; without it may not.
    let app = json!({"domainname": "deploy-app", "accessmode": 4, "connref_role": "Deployer",
        "applicationid": "00000000-0000-4000-8000-00000000a11a"});
    let app = service.post("systemusers", app).await.id();
    let attempt = async || {
        let request = at("GET", "WhoAmI").header("CallerObjectId", &bob);
        service.send(Some("deploy-app"), request, &Value::Null).await
    };
    assert_eq!(attempt().await.code(), "403 0x80040220");
    let role = json!({"name": "Delegate", "connref_privileges": "prvActOnBehalfOfAnotherUser=organization"});
    let role = service.post("roles", role).await.id();
    let given = json!({"@odata.id": format!("roles({role})")});
    let given =
        service.post(&format!("systemusers({app})/systemuserroles_association/$ref"), given).await;
    assert_eq!(given.status, 204, "{}", given.code());
    assert_eq!(attempt().await.json()["UserId"], bob.as_str());
}

fn old_exports() -> Value {
    let conditions = json!([
        {"AttributeName": "messagename", "Operator": "Equal", "Values": ["exportsolutionasync"]},
        {"AttributeName": "statecode", "Operator": "Equal", "Values": [{"Value": "3", "Type": "System.Int32"}]},
    ]);
    json!([{"EntityName": "asyncoperation", "Criteria": {"FilterOperator": "And", "Conditions": conditions}}])
}

#[tokio::test]
async fn what_is_past_is_deleted_in_bulk() {
    let service = Service::new().await;
    service.with_solution().await;
    for _ in 0..2 {
        let body = json!({"SolutionName": "Orders", "Managed": false});
        assert_eq!(service.post("ExportSolutionAsync", body).await.status, 200);
    }
    let preview = json!({"QuerySet": old_exports()});
    let seen = service.post("connref_BulkDeletePreview", preview.clone()).await.json();
    assert_eq!(seen["value"], json!([{"EntityName": "asyncoperation", "Count": 2}]), "{seen}");
    let user = json!({"domainname": "bob@contoso.example", "connref_role": "Environment Maker"});
    service.post("systemusers", user).await.id();
    for verb in ["BulkDelete", "connref_BulkDeletePreview"] {
        let mut body = preview.clone();
        if verb == "BulkDelete" {
            body["JobName"] = json!("Mine");
        }
        let refused = service.send(Some("bob@contoso.example"), at("POST", verb), &body).await;
        assert_eq!(refused.code(), "403 0x80040220", "{verb}");
    }
    let job = async |body: Value| {
        let made = service.post("BulkDelete", body).await;
        let id = made.json()["JobId"].as_str().unwrap_or_default().to_owned();
        (id.clone(), service.get(&format!("asyncoperations({id})")).await.json())
    };
    // One for later, again and again: it waits, and ends when it is asked to.
    let later = json!({"QuerySet": old_exports(), "JobName": "Later", "RecurrencePattern": "FREQ=DAILY;INTERVAL=7",
        "StartDateTime": "2031-01-01T00:00:00Z"});
    let (id, row) = job(later).await;
    assert_eq!((&row["statecode"], &row["operationtype"]), (&json!(1), &json!(13)), "{row}");
    assert_eq!(row["postponeuntil"], "2031-01-01T00:00:00Z");
    assert_eq!(row["recurrencepattern"], "FREQ=DAILY;INTERVAL=7");
    let end = json!({"statecode": 3, "statuscode": 32});
    assert_eq!(service.patch(&format!("asyncoperations({id})"), end).await.status, 204);
    let ended = service.get(&format!("asyncoperations({id})")).await.json();
    assert_eq!((&ended["statecode"], &ended["statuscode"]), (&json!(3), &json!(32)));
    // One at once.
    let (_, row) = job(json!({"QuerySet": old_exports(), "JobName": "Now"})).await;
    assert_eq!((&row["statuscode"], &row["message"]), (&json!(30), &json!("2 rows were deleted")));
    let seen = service.post("connref_BulkDeletePreview", preview).await.json();
    assert_eq!(seen["value"][0]["Count"], 0);
    let left = service.get("asyncoperations?$filter=operationtype eq 13&$count=true").await.json();
    assert_eq!(left["@odata.count"], 2);
    for (body, code) in [
        (json!({"QuerySet": [{"EntityName": "account"}], "JobName": "x"}), "400 0x80040217"),
        (
            json!({"QuerySet": [{"EntityName": "flowrun"}, {"EntityName": "team"}], "JobName": "x"}),
            "400 0x80040203",
        ),
        (json!({"QuerySet": [], "JobName": "x"}), "400 0x80048d19"),
        (
            json!({"QuerySet": old_exports(), "JobName": "x", "RecurrencePattern": "FREQ=YEARLY"}),
            "400 0x80040203",
        ),
        (
            json!({"QuerySet": [{"EntityName": "flowrun", "Criteria": {"Conditions": [
            {"AttributeName": "secret", "Operator": "Equal", "Values": ["x"]}]}}], "JobName": "x"}),
            "400 0x80040203",
        ),
    ] {
        assert_eq!(service.post("BulkDelete", body.clone()).await.code(), code, "{body}");
    }
}
