//! Batches as clients write them, over the same service as `tests`.
use axum::body::Body;
use serde_json::json;

use super::tests::{Answer, Service, at};
use crate::identity::LocalCaller;

const ROOT: &str = "http://dev.connref.internal/api/data/v9.2";

/// A request as a part; `id` is its Content-ID.
fn part(id: Option<u32>, line: &str, headers: &str, body: &str) -> String {
    let id = id.map_or(String::new(), |id| format!("Content-ID: {id}\r\n"));
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    format!(
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{id}\r\n\
         {line} HTTP/1.1\r\n{kind}{headers}\r\n{body}\r\n"
    )
}

fn change_set(parts: &[String]) -> String {
    format!(
        "Content-Type: multipart/mixed;boundary=\"changeset 1\"\r\n\r\n{}",
        whole("changeset 1", parts)
    )
}

fn whole(boundary: &str, parts: &[String]) -> String {
    let mut text = String::from("\r\n");
    for part in parts {
        text.push_str(&format!("--{boundary}\r\n{part}"));
    }
    text + &format!("--{boundary}--\r\n")
}

async fn send(service: &Service, parts: &[String], prefer: &str) -> Answer {
    let mut request = at("POST", "$batch")
        .header("content-type", "multipart/mixed; boundary=batch_1")
        .header("prefer", prefer)
        .body(Body::from(whole("batch_1", parts)))
        .unwrap();
    request.extensions_mut().insert(LocalCaller::default());
    service.raw(request).await
}

/// The statuses in the answer, in order.
fn statuses(answer: &Answer) -> Vec<&str> {
    answer.body.lines().filter_map(|l| l.strip_prefix("HTTP/1.1 ")?.split(' ').next()).collect()
}

fn publisher(name: &str) -> String {
    json!({"uniquename": name, "friendlyname": name, "customizationprefix": name,
           "customizationoptionvalueprefix": 12345})
    .to_string()
}

async fn publishers(service: &Service) -> usize {
    let found =
        service.get("publishers?$select=uniquename&$filter=startswith(uniquename,'p')").await;
    found.json()["value"].as_array().unwrap().len()
}

#[tokio::test]
async fn addresses_absolute_and_relative_in_one_batch() {
    let service = Service::new().await;
    let answer = send(
        &service,
        &[
            part(None, &format!("POST {ROOT}/publishers"), "", &publisher("pone")),
            part(None, "GET publishers?$select=uniquename&$filter=uniquename eq 'pone'", "", ""),
            part(None, "GET /api/data/v9.1/WhoAmI()", "Accept: application/json\r\n", ""),
            part(None, "DELETE publishers(uniquename='pone')", "If-Match: *\r\n", ""),
        ],
        "",
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(statuses(&answer), ["204", "200", "200", "204"], "{}", answer.body);
    assert!(answer.header("content-type").starts_with("multipart/mixed; boundary=batchresponse_"));
    assert!(
        answer
            .body
            .contains("OData-EntityId: http://dev.connref.internal/api/data/v9.2/publishers(")
    );
    assert!(answer.body.contains(r#""uniquename":"pone""#));
    assert_eq!(publishers(&service).await, 0);
}

#[tokio::test]
async fn a_change_set_is_whole_or_nothing_and_refers_to_itself() {
    let service = Service::new().await;
    let solution = |name: &str| {
        json!({"uniquename": name, "friendlyname": name, "version": "1.0.0.0", "publisherid@odata.bind": "$1"})
            .to_string()
    };
    let good = change_set(&[
        part(Some(1), "POST publishers", "", &publisher("pgood")),
        part(Some(2), "POST solutions", "", &solution("Good")),
        part(Some(3), "PATCH $2", "", r#"{"friendlyname":"Better"}"#),
    ]);
    let bad = change_set(&[
        part(Some(1), "POST publishers", "", &publisher("pbad")),
        part(Some(2), "POST solutions", "", &solution("Bad")),
        part(Some(3), "POST publishers", "", &publisher("pgood")),
    ]);
    let last = part(None, "GET WhoAmI", "", "");
    let answer = send(&service, &[good, bad.clone(), last.clone()], "").await;
    assert_eq!(statuses(&answer), ["204", "204", "204", "412"], "{}", answer.body);
    assert_eq!(answer.status, 412);
    for id in 1..=3 {
        assert!(answer.body.contains(&format!("Content-ID: {id}\r\n")));
    }
    assert!(answer.body.contains("boundary=changesetresponse_"));
    assert_eq!(publishers(&service).await, 1, "the bad set left a publisher");
    let solutions = service.get("solutions?$select=friendlyname&$expand=publisherid($select=uniquename)&$filter=uniquename eq 'Good' or uniquename eq 'Bad'").await;
    let found = &solutions.json()["value"];
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["friendlyname"], "Better");
    assert_eq!(found[0]["publisherid"]["uniquename"], "pgood");

    let answer = send(&service, &[bad, last], "odata.continue-on-error").await;
    assert_eq!((answer.status, statuses(&answer)), (200, vec!["412", "200"]), "{}", answer.body);
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_no_part_of_a_change_set() {
    let service = Service::new().await;
    let import = change_set(&[
        part(None, "POST publishers", "", &publisher("pone")),
        part(None, "POST ImportSolution", "", r#"{"CustomizationFile":"AA=="}"#),
    ]);
    let answer = send(&service, &[import], "").await;
    assert_eq!((answer.status, statuses(&answer)), (501, vec!["501"]), "{}", answer.body);
    assert_eq!(publishers(&service).await, 0);
}

#[tokio::test]
async fn malformed_batches_are_refused() {
    let service = Service::new().await;
    let get = part(None, "GET WhoAmI", "", "");
    let nested = part(None, "POST $batch", "", "{}");
    let cases = [
        (vec![change_set(std::slice::from_ref(&get))], 400),
        (vec![nested], 400),
        (vec![get.clone(); 1001], 400),
        (vec![part(None, "GET http://elsewhere.test/api/data/v9.2/WhoAmI", "", "")], 400),
        (vec![part(None, "BREW WhoAmI", "", "")], 405),
        (vec![part(None, "GET nosuch(", "", "")], 400),
        (vec![part(None, "PATCH $9", "", "{}")], 404),
        (vec!["Content-Type: text/plain\r\n\r\nGET x HTTP/1.1\r\n".to_owned()], 400),
    ];
    for (number, (parts, status)) in cases.into_iter().enumerate() {
        let answer = send(&service, &parts, "").await;
        assert_eq!(answer.status, status, "case {number}: {}", answer.body);
    }
    let most = send(&service, &vec![get; 1000], "").await;
    assert_eq!((most.status, statuses(&most).len()), (200, 1000));
    let no_batch = service.post("$batch", json!({})).await;
    assert_eq!(no_batch.code(), "400 0x80048d19");
    assert_eq!(service.get("$batch").await.status, 405);
}

/// Many clients change one row on the condition that it is still as they read it: one may.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_changes_on_one_version_one_is_made() {
    let service = std::sync::Arc::new(Service::new().await);
    let id = service.with_solution().await;
    for round in 0..5 {
        let row = service.get(&format!("connectionreferences({id})?$select=description")).await;
        let etag = row.json()["@odata.etag"].as_str().unwrap().to_owned();
        let tries = (0..8).map(|number| {
            let (service, id, etag) = (service.clone(), id.clone(), etag.clone());
            tokio::spawn(async move {
                let request =
                    at("PATCH", &format!("connectionreferences({id})")).header("If-Match", etag);
                let body = json!({"description": format!("{round} {number}")});
                service.send(None, request, &body).await.status
            })
        });
        let mut statuses = Vec::new();
        for one in tries.collect::<Vec<_>>() {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 412, 412, 412, 412, 412, 412, 412]);
    }
}
