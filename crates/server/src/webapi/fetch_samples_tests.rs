//! A real solution with a table and a flow full of FetchXML: the queries of the flow, over rows made
//! here, give what plain code over the same rows gives. Runs where `CONNREF_SAMPLES` is set.
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use connref_solution::{Archive, Limits};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::custom_tests::import;
use super::random_tests::Set;
use super::tests::Service;

#[derive(Clone)]
struct Member {
    id: String,
    name: String,
    surname: &'static str,
    given: &'static str,
    sex: Option<i64>,
    born: Option<&'static str>,
    number: Option<i64>,
    email: String,
    parent: Option<usize>,
    created: &'static str,
}

fn micros(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_microsecond()
}

const NOW: &str = "2024-11-25T09:00:00Z";

fn members() -> Vec<Member> {
    let surnames = ["阿久津", "佐藤", "鈴木"];
    let given = ["宏美", "太郎", "寧音", "花子"];
    let born = [
        Some("2022-03-31T00:00:00Z"),
        None,
        Some("1980-05-05T00:00:00Z"),
        Some("2024-01-01T00:00:00Z"),
        Some("2022-04-11T00:00:00Z"),
    ];
    let created = ["2024-11-13T17:44:55Z", "2023-06-01T00:00:00Z", "2024-11-13T17:44:56Z"];
    (0..14)
        .map(|n| Member {
            id: String::new(),
            name: format!("会員{:02}", (n * 5) % 14),
            surname: surnames[n % 3],
            given: given[(n / 2) % 4],
            sex: [None, Some(0), Some(1)][(n / 3) % 3],
            born: born[n % 5],
            number: (n % 4 > 0).then(|| i64::try_from(n).unwrap() * 3 - 7),
            email: format!("m{}@contoso.test", n % 6),
            parent: (n > 2).then_some(n / 3),
            created: created[n % 3],
        })
        .collect()
}

async fn world(folder: &Path) -> (Service, Vec<Member>, Vec<String>) {
    let zip = std::fs::read(folder.join("zip/yzkn/FetchXMLSamples_1_0_0_0.zip")).unwrap();
    let clock = Arc::new(Set(AtomicI64::new(micros(NOW))));
    let service = Service::with(clock.clone()).await;
    let done = import(&service, &zip).await;
    assert_eq!(done.status, 204, "{}", done.body);
    let mut members = members();
    for at in 0..members.len() {
        let member = &members[at];
        clock.0.store(micros(member.created), Ordering::SeqCst);
        let mut body = json!({
            "ya_column01": member.name, "ya_column02": member.surname, "ya_column03": member.given,
            "ya_column06": member.sex, "ya_column11": member.born, "ya_column14": member.number,
            "ya_e": member.email,
        });
        if let Some(parent) = member.parent {
            body["ya_Parent@odata.bind"] = json!(format!("ya_members({})", members[parent].id));
        }
        let made = service.post("ya_members", body).await;
        members[at].id = made.id();
    }
    clock.0.store(micros(NOW), Ordering::SeqCst);
    members.sort_by(|a, b| a.id.cmp(&b.id));
    let archive = Archive::from_zip(&zip, &Limits::default()).unwrap();
    let flow = archive.parts().find(|part| part.name().starts_with("Workflows/")).unwrap();
    let flow = archive.read_part(flow.name()).unwrap().unwrap();
    let flow: Value = serde_json::from_slice(&flow).unwrap();
    let mut queries = Vec::new();
    collect(&flow, &mut queries);
    (service, members, queries)
}

fn collect(value: &Value, queries: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("<fetch") => {
            queries.push(text.replace("@{outputs('LogicalName')}", "ya_member"));
        }
        Value::Object(object) => object.values().for_each(|value| collect(value, queries)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, queries)),
        _ => {}
    }
}

/// The rows of a query as texts of some of their values.
async fn answer(service: &Service, query: &str, names: &[&str]) -> Vec<String> {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    let answer = service.get_all(&format!("ya_members?fetchXml={query}")).await;
    let json = answer.json();
    let rows = json["value"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    let shown = |row: &Value| {
        let values = names.iter().map(|name| match &row[*name] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        });
        values.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(shown).collect()
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[tokio::test]
async fn the_queries_of_a_real_flow_give_the_independent_answers() {
    let Some(folder) = std::env::var_os("CONNREF_SAMPLES") else {
        eprintln!("not run: CONNREF_SAMPLES is not set");
        return;
    };
    let (service, members, queries) = world(Path::new(&folder)).await;
    assert_eq!(queries.len(), 12);
    let query = |part: &str| {
        let found: Vec<_> = queries.iter().filter(|query| query.contains(part)).collect();
        assert_eq!(found.len(), 1, "{part}");
        found[0].clone()
    };
    let me = service.get("WhoAmI").await.json()["UserId"].as_str().unwrap().to_owned();
    let user = service.get(&format!("systemusers({me})")).await.json();
    let list = |rows: &[Member], show: &dyn Fn(&Member) -> String| -> Vec<String> {
        rows.iter().map(show).collect()
    };
    let owned = |rows: Vec<&Member>| -> Vec<Member> { rows.into_iter().cloned().collect() };

    let all = answer(&service, &query("all-attributes"), &["ya_memberid", "ya_column14"]).await;
    assert_eq!(all, list(&members, &|m| format!("{} {}", m.id, text(m.number))));

    let mut by_name = members.clone();
    by_name.sort_by(|a, b| a.name.cmp(&b.name));
    let page =
        answer(&service, &query("page=\"1\""), &["ya_memberid", "ya_column01", "ya_column03"])
            .await;
    assert_eq!(page, list(&by_name[..2], &|m| format!("{} {} {}", m.id, m.name, m.given)));

    let columns =
        answer(&service, &query("ya_column07"), &["ya_column02", "ya_column06", "ya_column07"])
            .await;
    assert_eq!(columns, list(&members, &|m| format!("{} {} -", m.surname, text(m.sex))));

    let mut surnames: Vec<_> = members.iter().map(|m| m.surname.to_owned()).collect();
    surnames.sort();
    surnames.dedup();
    assert_eq!(answer(&service, &query("distinct=\"true\""), &["ya_column02"]).await, surnames);

    let aliases =
        answer(&service, &query("whocreated"), &["whocreated", "whencreated", "ya_e"]).await;
    assert_eq!(aliases, list(&members, &|m| format!("{me} {} {}", m.created, m.email)));

    let full_name = user["fullname"].as_str().unwrap();
    let creators =
        answer(&service, &query("alias=\"Creator\""), &["ya_column01", "Creator.fullname"]).await;
    assert_eq!(creators, list(&members, &|m| format!("{} {full_name}", m.name)));

    // Children were made after their parents, but ids do not follow: pairs by both ids.
    let original = self::members();
    let child_of = |parent: &Member, child: &Member| {
        let made = original.iter().find(|m| m.name == child.name).and_then(|m| m.parent);
        made.is_some_and(|at| original[at].name == parent.name)
    };
    let mut pairs = Vec::new();
    for parent in &members {
        for child in members.iter().filter(|child| child_of(parent, child)) {
            pairs.push(format!("{} {}", parent.name, child.name));
        }
    }
    let found =
        answer(&service, &query("alias=\"UserName\""), &["ya_column01", "UserName.ya_column01"])
            .await;
    assert_eq!(found, pairs);
    assert_eq!(pairs.len(), 11);

    let mut by_birth = members.clone();
    by_birth.sort_by(|a, b| b.born.cmp(&a.born).then(a.email.cmp(&b.email)).then(a.id.cmp(&b.id)));
    let ordered =
        answer(&service, &query("descending=\"true\""), &["FullName", "BirthDate", "Email"]).await;
    assert_eq!(ordered, list(&by_birth, &|m| format!("{} {} {}", m.name, text(m.born), m.email)));

    // 960 days before 25 November 2024 is 10 April 2022.
    let since = micros("2022-04-10T00:00:00Z");
    let fits = |m: &&Member| {
        let born = m.born.map(micros);
        m.surname == "阿久津"
            || m.created == "2024-11-13T17:44:55Z"
            || ["宏美", "重治", "寧音"].contains(&m.given)
            || born.is_some_and(|at| {
                (micros("2022-03-31T00:00:00Z")..=micros("2022-04-01T00:00:00Z")).contains(&at)
            })
            || born.is_some_and(|at| at >= since && at <= micros(NOW))
    };
    let filtered = answer(&service, &query("value=\"960\""), &["FullName", "Surname"]).await;
    let expected = list(&owned(members.iter().filter(fits).collect()), &|m| {
        format!("{} {}", m.name, m.surname)
    });
    assert_eq!(filtered, expected);
    assert!(expected.len() < members.len());

    let numbers: Vec<i64> = members.iter().filter_map(|m| m.number).filter(|n| *n < 10).collect();
    let sum: i64 = numbers.iter().sum();
    let count = numbers.len();
    let average = sum / i64::try_from(count).unwrap();
    let (most, least) = (numbers.iter().max().unwrap(), numbers.iter().min().unwrap());
    let names = ["Average", "Count", "ColumnCount", "Maximum", "Minimum", "Sum"];
    let sums = answer(&service, &query("aggregate=\"true\""), &names).await;
    assert_eq!(sums, [format!("{average} {count} {count} {most} {least} {sum}")]);

    let sexless =
        answer(&service, &query("operator=\"null\""), &["ya_column01", "ya_column06"]).await;
    let expected: Vec<_> = members.iter().filter(|m| m.sex.is_none()).take(10).collect();
    assert_eq!(sexless, list(&owned(expected), &|m| format!("{} -", m.name)));

    let last_year = answer(
        &service,
        &query("<condition attribute=\"createdon\" operator=\"last-year\""),
        &["ya_column01"],
    )
    .await;
    let expected: Vec<_> =
        members.iter().filter(|m| m.created.starts_with("2023")).take(10).collect();
    assert_eq!(last_year, list(&owned(expected), &|m| m.name.clone()));
}
