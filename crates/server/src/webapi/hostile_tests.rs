//! What attacks: addresses, filters, expansions, batches and bodies that are malformed or too large are
//! refused with a 4xx, at once, and the service goes on.
use serde_json::{Value, json};

use super::tests::{Service, at};

#[tokio::test]
async fn addresses_that_are_none() {
    let service = Service::new().await;
    for path in [
        "publishers(",
        "publishers()",
        "publishers(%00)",
        "publishers('x",
        "publishers(publisherid=)",
        "publishers(a=b=c)",
        "publishers//uniquename",
        "publishers/%2e%2e/%2e%2e/etc",
        "publishers(0190aaaa-0000-7000-8000-00000000000z)",
        "publishers?$filter=%ff%fe",
        "publishers?$filter=uniquename%20eq%20%00",
        "publishers?$top=-1",
        "publishers?$top=99999999999999999999999",
        "publishers?$skiptoken=%7B%7D",
        "a/b/c/d/e/f/g/h/i/j/k",
        "$metadata/x",
        "WhoAmI(x=1)/y",
        "WhoAmI(x=@x)",
    ] {
        let answer = service.get(path).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
    }
    let long = format!("publishers?$filter=uniquename eq '{}'", "x".repeat(60_000));
    assert!(service.get(&long).await.status < 500);
    let long = format!("publishers({})", "x".repeat(40_000));
    assert_eq!(service.get(&long).await.status, 400);
    // A text stands in quotes.
    for (stamp, code) in [("'x'", 200), ("null", 200), ("x", 400), ("%C2%84", 400)] {
        let path = format!("RetrieveMetadataChanges(Query=@q,ClientVersionStamp={stamp})?@q={{}}");
        assert_eq!(service.get(&path).await.status, code, "{stamp}");
    }
}

#[tokio::test]
async fn filters_and_expansions_that_explode() {
    let service = Service::new().await;
    let one = "uniquename eq 'x'";
    let nested = format!("{}{one}{}", "(".repeat(5_000), ")".repeat(5_000));
    let many = vec![one; 2_000].join(" or ");
    let not = format!("{}{one}", "not ".repeat(5_000));
    let stars = format!("contains(uniquename,'{}')", "%_".repeat(2_000));
    let list = format!(
        "Microsoft.Dynamics.CRM.In(PropertyName='uniquename',PropertyValues=[{}])",
        vec!["'x'"; 5_000].join(",")
    );
    let lambda =
        "publisher_solution/any(a:a/publisherid/publisher_solution/any(b:b/uniquename eq 'x'))";
    let lines = vec![
        "Microsoft.Dynamics.CRM.Under(PropertyName='businessunitid',PropertyValue='0190aaaa-0000-7000-8000-000000000001')";
        40
    ]
    .join(" or ");
    for (set, filter) in [
        ("publishers", nested.as_str()),
        ("publishers", &many),
        ("publishers", &not),
        ("publishers", &stars),
        ("publishers", &list),
        ("businessunits", &lines),
        ("publishers", "uniquename eq 'x' and"),
        ("publishers", "and or not"),
        ("publishers", "uniquename eq"),
        ("publishers", "(((("),
        ("publishers", "contains(uniquename,"),
        ("publishers", "Microsoft.Dynamics.CRM.In(PropertyName='uniquename',PropertyValues=["),
        ("publishers", "publisher_solution/any(a:"),
    ] {
        let answer = service.get(&format!("{set}?$filter={filter}")).await;
        let shown = &filter[..filter.len().min(60)];
        assert_eq!(answer.status, 400, "{shown}: {}", &answer.body[..answer.body.len().min(200)]);
    }
    assert!(service.get(&format!("publishers?$filter={lambda}")).await.status < 500);

    let deep = |levels: usize| {
        let inner = (0..levels).fold(String::from("publisherid"), |inner, level| {
            let name = if level % 2 == 0 { "publisher_solution" } else { "publisherid" };
            format!("{name}($expand={inner})")
        });
        format!("publishers?$expand={inner}")
    };
    assert_eq!(service.get(&deep(3)).await.status, 200);
    for levels in [20, 2_000] {
        assert_eq!(service.get(&deep(levels)).await.status, 400, "{levels}");
    }
    let twice = service.get("publishers?$expand=createdby,createdby").await;
    assert_eq!(twice.status, 400, "{}", twice.body);
}

#[tokio::test]
async fn bodies_and_versions_that_do_not_fit() {
    let service = Service::new().await;
    let body = json!({"uniquename": "p", "friendlyname": "P", "customizationprefix": "abc",
        "customizationoptionvalueprefix": 10_000});
    let id = service.post("publishers", body.clone()).await.id();
    let row = format!("publishers({id})");
    for etag in ["W/\"0\"", "W/\"999\"", "\"1\"", "W/1", "x", ""] {
        for method in ["PATCH", "DELETE"] {
            let request = at(method, &row).header("if-match", etag);
            let answer = service.send(None, request, &json!({"friendlyname": "Q"})).await;
            assert_eq!(answer.status, 412, "{method} {etag}: {}", answer.body);
        }
    }
    assert_eq!(service.get(&row).await.json()["friendlyname"], "P");
    for (method, path, body) in [
        ("POST", "publishers", json!([])),
        ("POST", "publishers", json!("x")),
        ("POST", "publishers", json!(1)),
        ("POST", "publishers", Value::Bool(true)),
        ("PATCH", row.as_str(), json!([1])),
        ("POST", "ImportSolution", json!([])),
        ("POST", "ImportSolution", json!({"CustomizationFile": 1})),
        ("POST", "ImportSolution", json!({"CustomizationFile": "%%%"})),
    ] {
        let answer = service.send(None, at(method, path), &body).await;
        assert_eq!(answer.status, 400, "{method} {path} {body}: {}", answer.body);
    }
    for kind in ["text/plain", "application/json", "multipart/mixed", "multipart/mixed; boundary="]
    {
        let request = at("POST", "$batch").header("content-type", kind);
        let answer = service.send(None, request, &Value::Null).await;
        assert_eq!(answer.status, 400, "{kind}: {}", answer.body);
    }
    // A new row needs a body; a set that takes none says what it does take.
    assert_eq!(service.send(None, at("POST", "publishers"), &Value::Null).await.status, 400);
    assert_eq!(service.send(None, at("POST", "importjobs"), &json!({})).await.status, 405);
}
