//! Dataverse requests as a Web API stand-in sees them.

use connref_engine::connector::{CallError, Connector, Dataverse, OperationCall, call_paged};
use serde_json::json;

use crate::server::{Server, Setup, json as reply, object};

const ID: &str = "6f2f1d5e-0000-4000-8000-000000000001";

#[tokio::test]
async fn list_sends_odata_and_keeps_nested_rows() {
    let server =
        Server::always(200, r#"{"value":[{"accountid":"1","owninguser":{"fullname":"Ada"}}]}"#)
            .await;
    let setup = Setup::to(&server);
    let answer = setup.ok(&Dataverse, "ListRecords", json!({
        "entityName": "accounts", "$select": "name,accountid", "$filter": "name eq 'A & B'", "$expand": "owninguser($select=fullname)", "$top": 5
    })).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.to_json().pointer("/value/0/owninguser/fullname"), Some(&json!("Ada")));
    let seen = server.last();
    assert_eq!(
        seen.line(),
        "GET /api/data/v9.2/accounts?$select=name%2Caccountid&$filter=name%20eq%20%27A%20%26%20B%27&$expand=owninguser%28%24select%3Dfullname%29&$top=5"
    );
    assert_eq!(seen.header("authorization"), "Bearer canary-token");
    assert_eq!(seen.header("prefer"), "odata.include-annotations=\"*\"");
    assert_eq!(seen.header("x-ms-client-request-id"), "0123456789abcdef");
    setup.ok(&Dataverse, "ListRecords", json!({"entityName": "accounts"})).await;
    assert_eq!(
        server.last().header("prefer"),
        "odata.maxpagesize=5000,odata.include-annotations=\"*\""
    );
    setup
        .ok(&Dataverse, "ListRecords", json!({"entityName": "accounts", "fetchXml": "<fetch/>"}))
        .await;
    assert_eq!(server.last().path, "/api/data/v9.2/accounts?fetchXml=%3Cfetch%2F%3E");
}

#[tokio::test]
async fn writes_carry_nested_items_and_impersonation() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "DELETE" => (204, "text/plain", String::new()),
        "POST" => reply(201, "{\"accountid\":\"1\"}"),
        _ => reply(200, "{\"accountid\":\"1\"}"),
    })
    .await;
    let mut setup = Setup::to(&server);
    setup.principal = Some(ID);
    let item = json!({"entityName": "accounts", "item/name": "A", "item/revenue": 12.5, "item/parentaccountid@odata.bind": "accounts(1)", "item/blank": null, "item/nested/deep": true});
    let created = setup.ok(&Dataverse, "CreateRecord", item).await;
    assert_eq!(created.status, 201);
    let seen = server.last();
    assert_eq!(seen.line(), "POST /api/data/v9.2/accounts");
    assert_eq!(
        seen.json(),
        json!({"name": "A", "revenue": 12.5, "parentaccountid@odata.bind": "accounts(1)", "blank": null, "nested": {"deep": true}})
    );
    assert_eq!(seen.header("calleroBjectid".to_ascii_lowercase().as_str()), ID);
    assert!(seen.header("prefer").starts_with("return=representation"));
    for (operation, must_exist) in [("UpdateRecord", ""), ("UpdateOnlyRecord", "*")] {
        let answer = setup.ok(&Dataverse, operation, json!({"entityName": "accounts", "recordId": format!("{{{ID}}}"), "item/name": "B"})).await;
        let seen = server.last();
        assert_eq!(
            (seen.line(), seen.header("if-match")),
            (format!("PATCH /api/data/v9.2/accounts({ID})"), must_exist)
        );
        assert_eq!(
            answer.body.get("@odata.id").and_then(|v| v.as_str()),
            Some(format!("{}/api/data/v9.2/accounts({ID})", server.url()).as_str())
        );
    }
    let gone = setup
        .ok(&Dataverse, "DeleteRecord", json!({"entityName": "accounts", "recordId": ID}))
        .await;
    assert!(gone.status == 204 && gone.body.is_null());
    assert_eq!(server.last().line(), format!("DELETE /api/data/v9.2/accounts({ID})"));
}

#[tokio::test]
async fn actions_and_relations() {
    let server = Server::always(200, "{}").await;
    let setup = Setup::to(&server);
    setup
        .ok(
            &Dataverse,
            "PerformUnboundAction",
            json!({"actionName": "contoso_Reserve", "item/From": "x"}),
        )
        .await;
    assert_eq!(
        (server.last().line(), server.last().json()),
        ("POST /api/data/v9.2/contoso_Reserve".to_owned(), json!({"From": "x"}))
    );
    setup.ok(&Dataverse, "PerformBoundAction", json!({"entityName": "accounts", "recordId": ID, "actionName": "Microsoft.Dynamics.CRM.Close"})).await;
    assert_eq!(
        server.last().line(),
        format!("POST /api/data/v9.2/accounts({ID})/Microsoft.Dynamics.CRM.Close")
    );
    setup.ok(&Dataverse, "AssociateEntities", json!({"entityName": "a", "recordId": ID, "associationEntityRelationship": "rel", "item/@odata.id": "https://contoso.crm.dynamics.com/api/data/v9.2/b(2)"})).await;
    assert_eq!(server.last().line(), format!("POST /api/data/v9.2/a({ID})/rel/$ref"));
    assert_eq!(
        server.last().json(),
        json!({"@odata.id": format!("{}/api/data/v9.2/b(2)", server.url())})
    );
}

#[tokio::test]
async fn the_organisation_of_a_call_must_be_the_connections() {
    let server = Server::always(200, "{\"value\":[]}").await;
    let setup = Setup::to(&server).parameter("url", "https://contoso.crm.dynamics.com");
    let list = |organisation: &str| json!({"organization": organisation, "entityName": "accounts"});
    setup
        .ok(&Dataverse, "ListRecordsWithOrganization", list("https://contoso.crm.dynamics.com/"))
        .await;
    let error = setup
        .call(&Dataverse, "ListRecordsWithOrganization", list("https://evil.example"))
        .await
        .expect_err("another");
    assert!(matches!(error, CallError::Parameters { .. }), "{error:?}");
    let nowhere = Setup::new("", None);
    for organisation in [
        "https://evil.example",
        "http://contoso.crm.dynamics.com",
        "https://dynamics.com.evil.example",
        "https://evildynamics.com",
    ] {
        nowhere
            .call(&Dataverse, "ListRecordsWithOrganization", list(organisation))
            .await
            .expect_err(organisation);
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn errors_of_the_service_are_responses() {
    let server =
        Server::always(412, r#"{"error":{"code":"0x80060882","message":"changed"}}"#).await;
    let answer = Setup::to(&server)
        .ok(&Dataverse, "GetItem", json!({"entityName": "accounts", "recordId": "x"}))
        .await;
    assert_eq!(answer.status, 412);
    assert_eq!(answer.body.to_json()["error"]["code"], "0x80060882");
    for (operation, parameters) in [
        ("GetItem", json!({"entityName": "accounts"})),
        ("GetItem", json!({"entityName": "a/b", "recordId": "1"})),
        ("PerformUnboundAction", json!({"actionName": "x/../y"})),
        ("CreateRecord", json!({"entityName": "a", "item": 5})),
    ] {
        let error =
            Setup::to(&server).call(&Dataverse, operation, parameters).await.expect_err(operation);
        assert!(matches!(error, CallError::Parameters { .. }) && !error.retryable(), "{error:?}");
    }
    let error =
        Setup::to(&server).call(&Dataverse, "GetChanges", json!({})).await.expect_err("unknown");
    assert!(matches!(error, CallError::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn pages_are_put_together() {
    let server = Server::start(|seen| {
        let page = if seen.path.contains("skiptoken=p3") {
            r#"{"value":[{"n":5}]}"#
        } else if seen.path.contains("skiptoken=p2") {
            r#"{"value":[{"n":3},{"n":4}],"@odata.nextLink":"https://o.example/api/data/v9.2/as?$skiptoken=p3"}"#
        } else {
            r#"{"value":[{"n":1},{"n":2}],"@odata.nextLink":"https://o.example/api/data/v9.2/as?$skiptoken=p2"}"#
        };
        reply(200, page)
    })
    .await;
    let setup = Setup::to(&server);
    let parameters = object(&json!({"entityName": "as"}));
    for (minimum, items, calls) in [(1, 2, 1), (3, 4, 2), (100, 5, 3)] {
        let before = server.seen().len();
        let call = OperationCall { operation_id: "ListRecords", parameters: &parameters };
        let answer = call_paged(&Dataverse, &setup.context(), call, minimum).await.expect("pages");
        let body = answer.body.to_json();
        assert_eq!(
            (body["value"].as_array().map(Vec::len), server.seen().len() - before),
            (Some(items), calls)
        );
        assert_eq!(body.get("@odata.nextLink").is_some(), items < 5);
    }
}

#[tokio::test]
async fn who_am_i() {
    let server =
        Server::always(200, format!(r#"{{"UserId":"{ID}","OrganizationId":"org"}}"#)).await;
    let setup = Setup::to(&server);
    let probe = Dataverse.probe(&setup.context()).await.expect("a probe");
    assert_eq!(probe.identity.as_deref(), Some(ID));
    assert_eq!(
        (probe.target, server.last().line()),
        (server.url(), "GET /api/data/v9.2/WhoAmI".to_owned())
    );
    let refused = Server::always(401, "{}").await;
    let error = Dataverse.probe(&Setup::to(&refused).context()).await.expect_err("refused");
    assert!(
        error.to_string().contains("401") && !format!("{error:?}").contains("canary"),
        "{error}"
    );
}
