//! SQL on real SQLite files.

use connref_engine::connector::{
    CallError, Connector, Credential, OperationCall, OperationResponse, Sql, call_paged,
};
use serde_json::{Value as Json, json};

use crate::server::{Setup, object};

struct Database {
    folder: tempfile::TempDir,
}

impl Database {
    fn new(schema: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database =
            rusqlite::Connection::open(folder.path().join("data.db")).expect("a database");
        database.execute_batch(schema).expect("the schema");
        Self { folder }
    }

    fn path(&self) -> String {
        self.folder.path().join("data.db").display().to_string()
    }

    fn setup(&self) -> Setup {
        let policy = format!("file:{}", self.folder.path().display());
        Setup::new(&policy, Some(format!("file:{}", self.path()))).credential(Credential::None)
    }
}

fn people() -> Database {
    Database::new(
        "create table people(id integer primary key, name text not null, age integer, photo blob);\
         insert into people values (1,'Ada',36,x'0102'),(2,'Bob',null,null),(3,'Cy''s',20,null);\
         create table \"odd name\"(\"a b\" text primary key, v real);\
         create table pair(a integer, b integer, primary key(a,b));",
    )
}

fn rows(answer: &OperationResponse) -> Vec<Json> {
    answer.body.to_json()["value"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn rows_are_listed_filtered_and_ordered() {
    let database = people();
    let setup = database.setup();
    let names = async |extra: Json| {
        let mut p = json!({"server": "default", "database": "default", "table": "[dbo].[people]"});
        for (name, value) in extra.as_object().expect("an object") {
            p[name] = value.clone();
        }
        let answer = setup.ok(&Sql, "GetItems_V2", p).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        rows(&answer)
            .iter()
            .map(|r| r["name"].as_str().unwrap_or("-").to_owned())
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(names(json!({})).await, "Ada,Bob,Cy's");
    assert_eq!(names(json!({"$orderby": "age desc, name"})).await, "Ada,Cy's,Bob");
    assert_eq!(names(json!({"$filter": "age gt 30 or name eq 'Cy''s'"})).await, "Ada,Cy's");
    assert_eq!(names(json!({"$filter": "age eq null"})).await, "Bob");
    assert_eq!(names(json!({"$filter": "not (age ne null)"})).await, "Bob");
    assert_eq!(
        names(
            json!({"$filter": "startswith(name,'A') or endswith(name,'ob') and contains(name,'o')"})
        )
        .await,
        "Ada,Bob"
    );
    assert_eq!(names(json!({"$top": 1, "$skip": 1})).await, "Bob");
    assert_eq!(names(json!({"$select": "id"})).await, "-,-,-");
    let photo = setup.ok(&Sql, "GetItem_V2", json!({"table": "people", "id": 1})).await;
    assert_eq!(photo.body.to_json(), json!({"id": 1, "name": "Ada", "age": 36, "photo": "AQI="}));
    for (table, column) in [("people", "nope"), ("people", "id\"||1--")] {
        let answer =
            setup.ok(&Sql, "GetItems_V2", json!({"table": table, "$orderby": column})).await;
        assert_eq!(answer.status, 400, "{column}");
    }
    assert_eq!(setup.ok(&Sql, "GetItems_V2", json!({"table": "missing"})).await.status, 404);
}

#[tokio::test]
async fn rows_are_written() {
    let database = people();
    let setup = database.setup();
    let made = setup.ok(&Sql, "PostItem_V2", json!({"table": "people", "item/name": "Dee", "item/photo": {"$content-type": "image/png", "$content": "AQI="}})).await;
    assert_eq!(made.body.to_json(), json!({"id": 4, "name": "Dee", "age": null, "photo": "AQI="}));
    let changed =
        setup.ok(&Sql, "PatchItem_V2", json!({"table": "people", "id": "4", "item/age": 50})).await;
    assert_eq!(changed.body.to_json()["age"], 50);
    assert_eq!(
        setup
            .ok(&Sql, "PatchItem_V2", json!({"table": "people", "id": "99", "item/age": 50}))
            .await
            .status,
        404
    );
    assert_eq!(
        setup
            .ok(&Sql, "PostItem_V2", json!({"table": "people", "item/id": 1, "item/name": "x"}))
            .await
            .status,
        409
    );
    assert_eq!(
        setup.ok(&Sql, "DeleteItem_V2", json!({"table": "people", "id": "4"})).await.status,
        200
    );
    assert_eq!(
        setup.ok(&Sql, "DeleteItem_V2", json!({"table": "people", "id": "4"})).await.status,
        404
    );
    let odd = setup
        .ok(&Sql, "PostItem_V2", json!({"table": "odd name", "item/a b": "7", "item/v": 1.5}))
        .await;
    assert_eq!(odd.body.to_json(), json!({"a b": "7", "v": 1.5}));
    assert_eq!(
        setup.ok(&Sql, "GetItem_V2", json!({"table": "odd name", "id": "7"})).await.status,
        200,
        "a text key that looks like a number"
    );
    let error = setup
        .call(&Sql, "GetItem_V2", json!({"table": "pair", "id": "1"}))
        .await
        .expect_err("two keys");
    assert!(matches!(error, CallError::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn values_are_data_whatever_they_say() {
    let database = people();
    let setup = database.setup();
    let mut count = 0;
    for head in [
        "'", "''", "\"", "`", "\\", ";", "--", "/*", "%", "_", "$1", "?1", "@a", "x'00'",
        "\u{202e}", "🙂", "null", "\n",
    ] {
        for tail in [
            "",
            " or 1=1",
            "; drop table people; --",
            " union select * from people",
            "') returning *; --",
            " and sleep(5)",
            "||'x",
            "%00",
            "\\'; --",
        ] {
            let payload = format!("{head}{tail}");
            let made = setup
                .ok(&Sql, "PostItem_V2", json!({"table": "people", "item/name": payload}))
                .await;
            assert_eq!(made.body.to_json()["name"], json!(payload));
            let filter = format!("name eq '{}'", payload.replace('\'', "''"));
            let found =
                setup.ok(&Sql, "GetItems_V2", json!({"table": "people", "$filter": filter})).await;
            assert!(
                rows(&found).iter().all(|r| r["name"] == json!(payload))
                    && !rows(&found).is_empty(),
                "{payload:?}"
            );
            let by_table = setup.call(&Sql, "GetItems_V2", json!({"table": payload})).await;
            assert!(by_table.is_err() || by_table.is_ok_and(|a| a.status >= 400), "{payload:?}");
            count += 2;
        }
    }
    assert!(count >= 300, "{count}");
    assert!(rows(&setup.ok(&Sql, "GetItems_V2", json!({"table": "people"})).await).len() > 3);
}

#[tokio::test]
async fn native_queries_stay_in_the_file() {
    let database = people();
    let setup = database.setup();
    let run = async |query: &str, values: Json| {
        setup.call(&Sql, "ExecutePassThroughNativeQuery_V2", json!({"server": "default", "database": "default", "query/query": query, "query/formalParameters": {"min": "int"}, "query/actualParameters": values})).await
    };
    let answer = run("select name, age from people where age > @min;", json!({"min": 30}))
        .await
        .expect("rows");
    assert_eq!(
        answer.body.to_json(),
        json!({"resultsets": {"Table1": [{"name": "Ada", "age": 36}]}})
    );
    assert_eq!(
        run("delete from people where id = 3", json!({})).await.expect("done").body.to_json(),
        json!({"resultsets": {}})
    );
    assert_eq!(
        run("select nonsense from nothing", json!({})).await.expect("a response").status,
        400
    );
    run("select @other", json!({})).await.expect_err("no value");
    let other = database.folder.path().join("other.db");
    for query in [
        format!("attach '{}' as o", other.display()),
        format!("vacuum into '{}'", other.display()),
        "pragma journal_mode = delete".to_owned(),
        "select 1; select 2".to_owned(),
        "drop table people".to_owned(),
        "create table x(y)".to_owned(),
        format!("select 1; attach '{}' as o", other.display()),
    ] {
        run(&query, json!({})).await.expect_err(&query);
    }
    for query in [
        "select load_extension('/tmp/x')",
        "select readfile('/etc/passwd')",
        "select writefile('/tmp/x', 'y')",
    ] {
        assert_eq!(run(query, json!({})).await.expect("a response").status, 400, "{query}");
    }
    assert!(!other.exists());
}

#[tokio::test]
async fn limits_hold() {
    let database = Database::new(
        "create table many(id integer primary key); with recursive n(i) as (values(1) union all select i+1 from n where i<12000) insert into many select i from n;",
    );
    let mut setup = database.setup();
    let first = setup.ok(&Sql, "GetItems_V2", json!({"table": "many"})).await;
    assert_eq!((rows(&first).len(), first.body.get("@odata.nextLink").is_some()), (5000, true));
    let parameters = object(&json!({"table": "many"}));
    let call = OperationCall { operation_id: "GetItems_V2", parameters: &parameters };
    let all = call_paged(&Sql, &setup.context(), call, 100_000).await.expect("pages");
    let ids: Vec<i64> = rows(&all).iter().filter_map(|r| r["id"].as_i64()).collect();
    assert_eq!(ids, (1..=12000).collect::<Vec<_>>());
    let big = setup
        .ok(&Sql, "ExecutePassThroughNativeQuery_V2", json!({"query/query": "select * from many"}))
        .await;
    assert_eq!(big.status, 413);
    setup.timeout = std::time::Duration::from_millis(300);
    let endless =
        "with recursive n(i) as (values(1) union all select i+1 from n) select count(*) from n";
    let error = setup
        .call(&Sql, "ExecutePassThroughNativeQuery_V2", json!({"query/query": endless}))
        .await
        .expect_err("endless");
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn only_existing_files_of_the_policy_open() {
    let database = people();
    let setup = database.setup();
    let probe = Sql.probe(&setup.context()).await.expect("a probe");
    assert!(probe.detail.contains("3 tables"), "{probe:?}");
    let missing = database.folder.path().join("new.db");
    for endpoint in [
        format!("file:{}", missing.display()),
        "file:/etc/passwd".to_owned(),
        "file:relative.db".to_owned(),
        format!("sqlite:{}/../x", database.folder.path().display()),
    ] {
        let mut other = database.setup();
        other.target.endpoint = Some(endpoint.clone());
        let error =
            other.call(&Sql, "GetItems_V2", json!({"table": "people"})).await.expect_err(&endpoint);
        assert!(matches!(error, CallError::Egress(_)) && !error.retryable(), "{error:?}");
    }
    assert!(!missing.exists());
    std::fs::write(
        database.folder.path().join("text.db"),
        "no database at all, only text of some length",
    )
    .expect("a file");
    let mut other = database.setup();
    other.target.endpoint =
        Some(format!("file:{}", database.folder.path().join("text.db").display()));
    assert_eq!(other.ok(&Sql, "PostItem_V2", json!({"table": "t", "item/a": 1})).await.status, 502);
    Sql.probe(&other.context()).await.expect_err("no database");
}
