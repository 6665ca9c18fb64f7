//! FetchXML, `$apply`, `any` and `all`, and expansions inside expansions, over the same service as
//! `tests`: a small world whose answers are known.
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::tests::{Answer, Service, at};

/// Three publishers with 2, 1 and 0 solutions.
pub(super) async fn world() -> Service {
    let service = Service::new().await;
    for (publisher, prefix, solutions) in
        [("alpha", 100, vec!["One", "Two"]), ("beta", 200, vec!["Three"]), ("gamma", 200, vec![])]
    {
        let body = json!({
            "uniquename": publisher, "friendlyname": publisher.to_uppercase(),
            "customizationprefix": &publisher[..3],
            "customizationoptionvalueprefix": 10_000 + prefix,
        });
        assert_eq!(service.post("publishers", body).await.status, 204);
        for solution in solutions {
            let body = json!({
                "uniquename": solution, "friendlyname": solution, "version": "1.0.0.0",
                "publisherid@odata.bind": format!("publishers(uniquename='{publisher}')"),
            });
            assert_eq!(service.post("solutions", body).await.status, 204);
        }
    }
    service
}

async fn fetch(service: &Service, set: &str, xml: &str) -> Answer {
    let xml = utf8_percent_encode(xml, NON_ALPHANUMERIC);
    service.get_all(&format!("{set}?fetchXml={xml}")).await
}

/// One property of every row, as texts.
fn all(answer: &Answer, name: &str) -> Vec<String> {
    let json = answer.json();
    let rows = json["value"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    rows.iter()
        .map(|row| match &row[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
}

const OURS: &str = "<filter><condition attribute='uniquename' operator='in'><value>alpha</value>\
    <value>BETA</value><value>gamma</value></condition></filter>";

#[tokio::test]
async fn links_inner_and_outer_and_what_they_answer() {
    let service = world().await;
    for (kind, expected) in [
        ("inner", vec!["alpha One", "alpha Two", "beta Three"]),
        ("outer", vec!["alpha One", "alpha Two", "beta Three", "gamma null"]),
    ] {
        let xml = format!(
            "<fetch><entity name='publisher'><attribute name='uniquename'/><order attribute='uniquename'/>{OURS}\
             <link-entity name='solution' from='publisherid' to='publisherid' alias='s' link-type='{kind}'>\
             <attribute name='uniquename'/><order attribute='uniquename'/></link-entity></entity></fetch>"
        );
        let answer = fetch(&service, "publishers", &xml).await;
        let names: Vec<_> = all(&answer, "uniquename")
            .into_iter()
            .zip(all(&answer, "s.uniquename"))
            .map(|(publisher, solution)| format!("{publisher} {solution}"))
            .collect();
        let mut expected = expected;
        expected.sort_by_key(|name| name.to_ascii_lowercase());
        assert_eq!(names, expected, "{}", answer.body);
    }
}

#[tokio::test]
async fn conditions_on_links_and_links_as_conditions() {
    let service = world().await;
    let link = |kind: &str, filter: &str| {
        format!(
            "<link-entity name='solution' from='publisherid' to='publisherid' alias='s' link-type='{kind}'>\
             <filter>{filter}</filter></link-entity>"
        )
    };
    let two = "<condition attribute='uniquename' operator='eq' value='two'/>";
    let none = "<condition entityname='s' attribute='solutionid' operator='null'/>";
    let cases = [
        (link("inner", two), vec!["alpha"]),
        (link("outer", two) + &format!("<filter>{none}</filter>"), vec!["beta", "gamma"]),
        (link("exists", ""), vec!["alpha", "beta"]),
        (format!("<filter>{}</filter>", link("any", two)), vec!["alpha"]),
        (format!("<filter>{}</filter>", link("not any", two)), vec!["beta", "gamma"]),
        (format!("<filter>{}</filter>", link("all", two)), vec!["beta"]),
        (format!("<filter>{}</filter>", link("not all", two)), vec!["alpha"]),
    ];
    for (part, expected) in cases {
        let xml = format!(
            "<fetch><entity name='publisher'><attribute name='uniquename'/><order attribute='uniquename'/>\
             {OURS}{part}</entity></fetch>"
        );
        let answer = fetch(&service, "publishers", &xml).await;
        assert_eq!(all(&answer, "uniquename"), expected, "{part}\n{}", answer.body);
    }
    for (filter, expected) in [
        ("publisher_solution/any(s:s/uniquename eq 'two')", vec!["alpha"]),
        ("not publisher_solution/any()", vec!["gamma"]),
        ("publisher_solution/all(s:s/uniquename ne 'two')", vec!["beta", "gamma"]),
        (
            "publisher_solution/any(s:s/publisherid/publisher_solution/any(t:t/uniquename eq 'one'))",
            vec!["alpha"],
        ),
    ] {
        let path = format!(
            "publishers?$select=uniquename&$orderby=uniquename&$filter=customizationprefix ne 'con' and \
             Microsoft.Dynamics.CRM.In(PropertyName='uniquename',PropertyValues=['alpha','beta','gamma']) and {filter}"
        );
        let answer = service.get(&path).await;
        assert_eq!(all(&answer, "uniquename"), expected, "{filter}\n{}", answer.body);
    }
}

#[tokio::test]
async fn groups_and_sums_in_both_languages() {
    let service = world().await;
    let xml = format!(
        "<fetch aggregate='true'><entity name='publisher'>\
         <attribute name='customizationoptionvalueprefix' groupby='true' alias='value'/>\
         <attribute name='publisherid' aggregate='count' alias='n'/>\
         <attribute name='createdon' groupby='true' dategrouping='year' alias='year'/>\
         <order alias='n' descending='true'/>{OURS}</entity></fetch>"
    );
    let answer = fetch(&service, "publishers", &xml).await;
    assert_eq!(all(&answer, "n"), ["2", "1"], "{}", answer.body);
    assert_eq!(all(&answer, "value"), ["10200", "10100"]);
    assert_eq!(all(&answer, "year"), ["2024", "2024"]);

    let filter = "filter(customizationoptionvalueprefix ge 10100 and customizationoptionvalueprefix le 10200)";
    let answer = service
        .get(&format!(
            "publishers?$apply={filter}/groupby((customizationoptionvalueprefix),aggregate($count as n,\
             customizationoptionvalueprefix with sum as total))&$orderby=n"
        ))
        .await;
    assert_eq!(all(&answer, "n"), ["1", "2"], "{}", answer.body);
    assert_eq!(all(&answer, "total"), ["10100", "20400"]);
    let context = answer.json()["@odata.context"].as_str().unwrap().to_owned();
    assert!(context.ends_with("#publishers(customizationoptionvalueprefix,n,total)"), "{context}");

    let answer = service
        .get("solutions?$apply=filter(publisherid/uniquename eq 'alpha')/groupby((publisherid/uniquename),aggregate($count as n))")
        .await;
    assert_eq!(answer.json()["value"], json!([{"publisherid": {"uniquename": "alpha"}, "n": 2}]));

    let linked = "<fetch aggregate='true'><entity name='solution'>\
        <attribute name='solutionid' aggregate='countcolumn' distinct='true' alias='n'/>\
        <link-entity name='publisher' from='publisherid' to='publisherid' alias='p'>\
        <attribute name='uniquename' groupby='true' alias='who'/>\
        <filter><condition attribute='uniquename' operator='like' value='%a'/>\
        <condition attribute='uniquename' operator='not-begin-with' value='default'/></filter>\
        </link-entity></entity></fetch>";
    let answer = fetch(&service, "solutions", linked).await;
    assert_eq!(all(&answer, "who"), ["alpha", "beta"], "{}", answer.body);
    assert_eq!(all(&answer, "n"), ["2", "1"]);
}

#[tokio::test]
async fn distinct_rows_and_their_pages() {
    let service = world().await;
    let xml = |more: &str| {
        format!(
            "<fetch distinct='true' count='1' {more}><entity name='solution'>\
             <link-entity name='publisher' from='publisherid' to='publisherid' alias='p'>\
             <attribute name='uniquename'/><order attribute='uniquename'/>{OURS}</link-entity></entity></fetch>"
        )
    };
    // Without attributes of its own the entity answers all, so every row differs; with one of the link only, not.
    let narrow = xml("")
        .replace("<entity name='solution'>", "<entity name='solution'><attribute name='version'/>");
    let first = fetch(&service, "solutions", &narrow).await;
    assert_eq!(all(&first, "p.uniquename"), ["alpha"], "{}", first.body);
    let second =
        fetch(&service, "solutions", &narrow.replace("count='1'", "count='1' page='2'")).await;
    assert_eq!(all(&second, "p.uniquename"), ["beta"]);
    assert!(second.json().get("@Microsoft.Dynamics.CRM.morerecords").is_none());
}

/// The cookie is handed on as clients do: taken out of its attribute, decoded twice, escaped again.
#[tokio::test]
async fn pages_follow_their_cookie() {
    let service = world().await;
    for join in [
        "",
        "<link-entity name='solution' from='publisherid' to='publisherid' alias='s' link-type='outer'><attribute name='uniquename'/></link-entity>",
    ] {
        let xml = |more: &str| {
            format!(
                "<fetch count='2' returntotalrecordcount='true' {more}><entity name='publisher'>\
                 <attribute name='uniquename'/><order attribute='customizationprefix' descending='true'/>{join}</entity></fetch>"
            )
        };
        let whole = fetch(&service, "publishers", &xml("").replace("count='2' ", "")).await;
        let (expected, mut seen) = (all(&whole, "uniquename"), Vec::new());
        let mut more = String::new();
        for page in 2.. {
            let answer = fetch(&service, "publishers", &xml(&more)).await;
            assert_eq!(
                answer.json()["@Microsoft.Dynamics.CRM.totalrecordcount"],
                json!(expected.len())
            );
            seen.extend(all(&answer, "uniquename"));
            let json = answer.json();
            let Some(wrapped) = json["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"].as_str()
            else {
                break;
            };
            assert_eq!(json["@Microsoft.Dynamics.CRM.morerecords"], true);
            let cookie =
                wrapped.split("pagingcookie=\"").nth(1).unwrap().split('"').next().unwrap();
            let once = percent_decode_str(cookie).decode_utf8().unwrap();
            let twice = percent_decode_str(&once).decode_utf8().unwrap();
            let escaped = twice.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            more = format!("page='{page}' paging-cookie='{escaped}'");
        }
        assert_eq!(seen, expected);
        assert!(seen.len() >= 3);
    }
}

#[tokio::test]
async fn expansions_inside_expansions() {
    let service = world().await;
    let answer = service
        .get(
            "publishers(uniquename='alpha')?$select=uniquename&$expand=publisher_solution($select=uniquename;\
             $orderby=uniquename;$expand=publisherid($select=friendlyname;$expand=publisher_solution($select=uniquename;$filter=uniquename eq 'two')))",
        )
        .await;
    let solutions = &answer.json()["publisher_solution"];
    assert_eq!(solutions.as_array().unwrap().len(), 2, "{}", answer.body);
    for solution in solutions.as_array().unwrap() {
        assert_eq!(solution["publisherid"]["friendlyname"], "ALPHA");
        assert_eq!(solution["publisherid"]["publisher_solution"][0]["uniquename"], "Two");
        assert!(solution.get("_publisherid_value").is_none(), "what expansion needs is not shown");
    }
    let mut deep = String::from("publisherid");
    for _ in 0..20 {
        deep = format!("publisher_solution($expand=publisherid($expand={deep}))");
    }
    let answer = service.get(&format!("publishers?$expand={deep}")).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[tokio::test]
async fn what_is_no_fetch_is_refused() {
    let service = world().await;
    let entity =
        |inside: &str| format!("<fetch><entity name='publisher'>{inside}</entity></fetch>");
    let condition = |text: &str| entity(&format!("<filter><condition {text}/></filter>"));
    let deep = format!("{}{}", "<filter>".repeat(100), "</filter>".repeat(100));
    let link = "<link-entity name='solution' from='publisherid' to='publisherid'/>";
    let cases = [
        ("<fetch".to_owned(), "400 0x80040201"),
        ("<x/>".to_owned(), "400 0x80040201"),
        ("<fetch/>".to_owned(), "400 0x80040201"),
        ("<fetch><entity name='solution'/></fetch>".to_owned(), "400 0x80040201"),
        ("<fetch nonsense='1'><entity name='publisher'/></fetch>".to_owned(), "400 0x80040201"),
        ("<fetch top='2' page='2'><entity name='publisher'/></fetch>".to_owned(), "400 0x80040201"),
        ("<fetch page='99999'><entity name='publisher'/></fetch>".to_owned(), "400 0x80060888"),
        (
            "<fetch page='2' paging-cookie='x'><entity name='publisher'/></fetch>".to_owned(),
            "400 0x80040201",
        ),
        (entity("<attribute name='nosuch'/>"), "400 0x80041103"),
        (entity("<order attribute='nosuch'/>"), "400 0x80041103"),
        (entity("<link-entity name='nosuch' from='a' to='b'/>"), "400 0x80040217"),
        (entity("<link-entity name='solution' from='nosuch' to='publisherid'/>"), "400 0x80041103"),
        (
            entity("<link-entity name='solution' from='version' to='publisherid'/>"),
            "400 0x80060888",
        ),
        (entity(&link.repeat(20)), "400 0x80060888"),
        (entity(&deep), "400 0x80040201"),
        (condition("attribute='uniquename' operator='nosuch' value='1'"), "400 0x80040201"),
        (condition("attribute='uniquename' operator='eq-userlanguage'"), "501 0x80040229"),
        (condition("attribute='uniquename' operator='eq'"), "400 0x80040201"),
        (condition("attribute='createdon' operator='last-x-days' value='x'"), "400 0x80040201"),
        (
            condition("attribute='createdon' operator='last-x-days' value='999999999'"),
            "400 0x80040201",
        ),
        (condition("attribute='createdon' operator='eq' value='soon'"), "400 0x80060888"),
        (condition("attribute='uniquename' operator='last-week'"), "400 0x80060888"),
        (condition("entityname='s' attribute='uniquename' operator='null'"), "400 0x80040201"),
        (
            condition("attribute='uniquename' operator='eq' valueof='s.uniquename'"),
            "400 0x80060888",
        ),
        (
            "<!DOCTYPE x [<!ENTITY a 'b'>]><fetch><entity name='publisher'/></fetch>".to_owned(),
            "400 0x80040201",
        ),
    ];
    for (xml, expected) in cases {
        let answer = fetch(&service, "publishers", &xml).await;
        assert_eq!(answer.code(), expected, "{xml}\n{}", answer.body);
    }
    let both = service
        .get("publishers?$top=1&fetchXml=<fetch/>".replace('<', "%3C").replace('>', "%3E").as_str())
        .await;
    assert_eq!(both.status, 400);
    let stored = service.send(None, at("GET", "publishers?savedQuery=x"), &Value::Null).await;
    assert_eq!(stored.status, 501);
}

/// Joined with itself over and over, a small table makes more rows than anybody waits for.
#[tokio::test]
async fn a_query_that_takes_too_long_is_refused() {
    if std::env::var_os("CONNREF_LONG").is_none() {
        return;
    }
    let service = world().await;
    for number in 0..20 {
        let body = json!({"uniquename": format!("more{number}"), "friendlyname": "x", "customizationprefix": "mor",
            "customizationoptionvalueprefix": 10_000});
        assert_eq!(service.post("publishers", body).await.status, 204);
    }
    let link = |number: usize| {
        format!(
            "<link-entity name='publisher' from='organizationid' to='organizationid' alias='p{number}'/>"
        )
    };
    let links: String = (0..12).map(link).collect();
    let xml = format!(
        "<fetch><entity name='publisher'>{links}<order attribute='friendlyname'/></entity></fetch>"
    );
    let answer = fetch(&service, "publishers", &xml).await;
    assert_eq!(answer.code(), "400 0x80044151", "{}", answer.body);
    assert_eq!(service.get("publishers?$top=1").await.status, 200);
}
