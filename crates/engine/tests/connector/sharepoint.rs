//! SharePoint requests as a stand-in sees them.

use connref_engine::connector::{CallError, Connector, SharePoint};
use serde_json::json;

use crate::server::{Server, Setup, json as reply};

const SITE: &str = "https://contoso.sharepoint.com/sites/team";
const LIST: &str = "11111111-2222-3333-4444-555555555555";

#[tokio::test]
async fn http_request_keeps_the_sites_path() {
    let server = Server::always(200, r#"{"value":[]}"#).await;
    let setup = Setup::to(&server);
    let ask = |uri: &str| {
        json!({
            "dataset": SITE, "parameters/method": "POST", "parameters/uri": uri,
            "parameters/headers": {"Content-Type": "application/json;odata=nometadata", "X-HTTP-Method": "MERGE", "IF-MATCH": "*"}, "parameters/body": "{'a':'b'}"
        })
    };
    setup
        .ok(
            &SharePoint,
            "HttpRequest",
            ask("_api/web/lists(guid'1')/items(2)?$select=Id&$filter=Title eq 'x'"),
        )
        .await;
    let seen = server.last();
    assert_eq!(
        seen.line(),
        "POST /sites/team/_api/web/lists(guid'1')/items(2)?$select=Id&$filter=Title%20eq%20%27x%27"
    );
    assert_eq!(
        (seen.header("x-http-method"), seen.header("if-match"), seen.text().as_str()),
        ("MERGE", "*", "{'a':'b'}")
    );
    assert_eq!(
        (seen.header("accept"), seen.header("authorization")),
        ("application/json;odata=verbose", "Bearer canary-token")
    );
    for uri in ["https://evil.example/_api/web", "//evil.example/x", "\\\\evil.example/x"] {
        let before = server.seen().len();
        if setup.call(&SharePoint, "HttpRequest", ask(uri)).await.is_ok() {
            assert!(
                server.last().path.starts_with("/sites/team/"),
                "{uri}: {}",
                server.last().path
            );
        } else {
            assert_eq!(server.seen().len(), before, "{uri}");
        }
    }
    for name in ["Authorization", "cookie", "Host", "bad name", "x\r\ny"] {
        let mut asked = ask("_api/web");
        asked["parameters/headers"] = json!({name: "v"});
        let error = setup.call(&SharePoint, "HttpRequest", asked).await.expect_err(name);
        assert!(matches!(error, CallError::Parameters { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_token_goes_to_sharepoint_only() {
    let setup = Setup::new("", None);
    for site in [
        "https://evil.example/sites/x",
        "http://contoso.sharepoint.com/x",
        "https://contoso.sharepoint.com.evil.example",
        "ftp://contoso.sharepoint.com",
        "nonsense",
    ] {
        let error =
            setup.call(&SharePoint, "GetTables", json!({"dataset": site})).await.expect_err(site);
        assert!(matches!(error, CallError::Parameters { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn items_are_read_and_dressed() {
    let server = Server::always(200, r#"{"odata.nextLink":"https://x/items?$skiptoken=Paged%3dTRUE","value":[{"ID":7,"Title":"T","odata.etag":"\"1\""}]}"#).await;
    let setup = Setup::to(&server);
    let answer = setup
        .ok(
            &SharePoint,
            "GetItems",
            json!({"dataset": SITE, "table": LIST, "$filter": "Title eq 'T'", "$top": 10}),
        )
        .await;
    assert_eq!(
        server.last().line(),
        format!(
            "GET /sites/team/_api/web/lists(guid'{LIST}')/items?$filter=Title%20eq%20%27T%27&$top=10"
        )
    );
    let body = answer.body.to_json();
    assert_eq!(
        body["value"][0],
        json!({"ID": 7, "Title": "T", "ItemInternalId": "7", "@odata.etag": "\"1\""})
    );
    assert!(body["@odata.nextLink"].is_string());
    setup.ok(&SharePoint, "GetItem", json!({"dataset": "https%3A%2F%2Fcontoso.sharepoint.com%2Fsites%2Fteam", "table": "Bob's list", "id": 7})).await;
    assert_eq!(
        server.last().line(),
        "GET /sites/team/_api/web/lists/getbytitle('Bob%27%27s%20list')/items(7)"
    );
    setup
        .call(&SharePoint, "GetItem", json!({"dataset": SITE, "table": LIST, "id": "7)/x"}))
        .await
        .expect_err("no number");
}

#[tokio::test]
async fn writes_translate_people_choices_and_lookups() {
    let server = Server::start(|seen| {
        if seen.path.ends_with("ensureuser") {
            return reply(200, r#"{"Id":42}"#);
        }
        match (seen.method.as_str(), seen.header("x-http-method")) {
            ("POST", "MERGE" | "DELETE") => (204, "text/plain", String::new()),
            ("POST", _) => reply(201, r#"{"ID":9}"#),
            _ => reply(200, r#"{"ID":9,"Title":"now"}"#),
        }
    })
    .await;
    let setup = Setup::to(&server);
    let item = json!({
        "dataset": SITE, "table": LIST, "item/Title": "T", "item/Status/Value": "Open", "item/Tags": [{"Value": "a"}, {"Value": "b"}],
        "item/Owner/Claims": "i:0#.f|membership|ada@contoso.example", "item/Parent/Id": 3, "item/Due": null
    });
    let answer = setup.ok(&SharePoint, "PostItem", item).await;
    assert_eq!(answer.body.to_json()["ItemInternalId"], "9");
    assert_eq!(
        server.last().json(),
        json!({"Title": "T", "Status": "Open", "Tags": ["a", "b"], "OwnerId": 42, "ParentId": 3, "Due": null})
    );
    let answer = setup
        .ok(
            &SharePoint,
            "PatchItem",
            json!({"dataset": SITE, "table": LIST, "id": 9, "item/Title": "now"}),
        )
        .await;
    assert_eq!(answer.body.to_json()["Title"], "now");
    let seen = server.seen();
    let merge = &seen[seen.len() - 2];
    assert_eq!((merge.header("x-http-method"), merge.header("if-match")), ("MERGE", "*"));
    setup.ok(&SharePoint, "DeleteItem", json!({"dataset": SITE, "table": LIST, "id": 9})).await;
    assert_eq!(server.last().header("x-http-method"), "DELETE");
}

#[tokio::test]
async fn lists_and_probe() {
    let server = Server::start(|seen| {
        if seen.path.contains("currentuser") {
            reply(200, r#"{"UserPrincipalName":"ada@contoso.example"}"#)
        } else {
            reply(200, r#"{"value":[{"Id":"1","Title":"Docs"}]}"#)
        }
    })
    .await;
    let setup = Setup::to(&server).parameter("siteUrl", SITE);
    let answer = setup.ok(&SharePoint, "GetTables", json!({"dataset": SITE})).await;
    assert_eq!(answer.body.to_json(), json!({"value": [{"Name": "1", "DisplayName": "Docs"}]}));
    let probe = SharePoint.probe(&setup.context()).await.expect("a probe");
    assert_eq!(
        (probe.identity.as_deref(), probe.target),
        (Some("ada@contoso.example"), format!("{}/sites/team", server.url()))
    );
}
