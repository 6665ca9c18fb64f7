//! The emitter against a database: held to a small evaluator over the same rows, and to hand-made cases.
use std::cmp::Ordering;
use std::sync::atomic::{AtomicU32, Ordering as AtomicOrdering};

use super::*;
use crate::access::Member;
use crate::db::{Db, DbError, Location, Param, Sql};
use connref_solution::model::facts::Role;

const E: &str = "00000000-0000-7000-8000-00000000000e";

/// A small generator; the seed makes a failure repeatable.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(below).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.next(from.len())].clone()
    }
}

fn seed() -> u64 {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = u64::try_from(seed.as_nanos() % u128::from(u64::MAX)).unwrap() | 1;
    eprintln!("seed {seed}");
    seed
}

/// A row of the tests: what stands in `connectionreference`.
#[derive(Clone, Debug)]
struct Ref {
    id: String,
    name: String,
    description: Option<String>,
    prompting: Option<i64>,
    managed: bool,
    created: i64,
    owner: usize,
}

const OWNERS: [&str; 3] = ["Ada", "böb", "ZOE"];
const WORDS: [&str; 8] = ["alpha", "Alpha", "BETA", "a_b", "a%b", "axb", "", "[x]"];

fn guid(kind: u8, number: usize) -> String {
    format!("{kind:08x}-0000-7000-8000-{number:012x}")
}

/// A filled database: a SQLite file, or where `CONNREF_TEST_POSTGRES` names a server one of its own
/// on that server. The folder lives as long as the test.
async fn database(rows: Vec<Ref>) -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let location = match std::env::var("CONNREF_TEST_POSTGRES") {
        Ok(server) => Location::Postgres(postgres(&server).await),
        Err(_) => Location::Sqlite(folder.path().join("t.db")),
    };
    let db = Db::open(&location).await.unwrap();
    db.change(move |sql: &mut Sql<'_>| fill(sql, &rows)).await.unwrap();
    (folder, db)
}

async fn postgres(server: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, AtomicOrdering::Relaxed);
    let name = format!("connref_query_{}_{number}", std::process::id());
    let config: tokio_postgres::Config = server.parse().unwrap();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    // `postgres://host/database?options`: the same with another database.
    let (base, options) = server.split_once('?').unwrap_or((server, ""));
    let (base, _) = base.rsplit_once('/').unwrap();
    format!("{base}/{name}?{options}")
}

fn fill(sql: &mut Sql<'_>, rows: &[Ref]) -> Result<(), DbError> {
    for (environment, name) in [(E, "dev"), ("f", "other")] {
        sql.execute(
            "INSERT INTO environment (environmentid, tenantid, name, name_key, displayname, kind, fidelity, \
             organizationid, businessunitid, allowed, version, createdon) \
             VALUES ($1, 't', $2, $2, $2, 'developer', 'extended', $3, $4, '[]', 7, 0)",
            &[environment.into(), name.into(), guid(0xa, 1).into(), guid(0xb, 1).into()],
        )?;
        sql.execute(
            "INSERT INTO businessunit (environmentid, businessunitid, name, name_key, createdon, modifiedon, \
             versionnumber) VALUES ($1, $2, $3, $3, 0, 0, 1)",
            &[environment.into(), guid(0xb, 1).into(), name.into()],
        )?;
    }
    for (number, owner) in OWNERS.iter().enumerate() {
        sql.execute(
            "INSERT INTO systemuser (environmentid, systemuserid, kind, domainname, domainname_key, fullname, \
             role, isdisabled, createdon, modifiedon, versionnumber, businessunitid) \
             VALUES ($1, $2, 'user', $3, $4, $3, 'basic user', 0, 0, 0, 1, $5)",
            &[
                E.into(),
                guid(1, number).into(),
                (*owner).into(),
                owner.to_lowercase().into(),
                guid(0xb, 1).into(),
            ],
        )?;
        flow(sql, number, number)?;
    }
    sql.execute(
        "INSERT INTO workflow_share (environmentid, workflowid, principalid, level, createdon) \
         VALUES ($1, $2, $3, 'run', 0)",
        &[E.into(), guid(3, 2).into(), guid(1, 0).into()],
    )?;
    for row in rows {
        reference(sql, E, row)?;
    }
    if let Some(row) = rows.first() {
        reference(sql, "f", row)?;
    }
    Ok(())
}

fn flow(sql: &mut Sql<'_>, number: usize, owner: usize) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO workflow (environmentid, workflowid, name, category, type, statecode, statuscode, \
         wantedon, definitionversion, primaryentity, ownerid, createdby, ismanaged, createdon, modifiedon, \
         versionnumber) VALUES ($1, $2, $3, 5, 1, 0, 1, 0, 1, 'none', $4, $4, 0, 0, 0, 4)",
        &[
            E.into(),
            guid(3, number).into(),
            format!("flow {number}").into(),
            guid(1, owner).into(),
        ],
    )?;
    Ok(())
}

fn reference(sql: &mut Sql<'_>, environment: &str, row: &Ref) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO connectionreference (environmentid, connectionreferenceid, \
         connectionreferencelogicalname, logicalname_key, connectionreferencedisplayname, description, \
         connectorid, bindingversion, promptingbehavior, iscustomizable, ismanaged, ownerid, createdby, \
         createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $3, $5, '/x', 0, $6, 1, $7, $8, $8, $9, $9, 3)",
        &[
            environment.into(),
            (&row.id).into(),
            (&row.name).into(),
            row.name.to_lowercase().into(),
            row.description.as_ref().into(),
            row.prompting.into(),
            row.managed.into(),
            guid(1, row.owner).into(),
            row.created.into(),
        ],
    )?;
    Ok(())
}

fn rows(random: &mut Random, count: usize) -> Vec<Ref> {
    (0..count)
        .map(|number| Ref {
            id: guid(2, number),
            name: format!("{}{number}", random.pick(&WORDS)),
            description: (random.next(3) > 0).then(|| random.pick(&WORDS).to_owned()),
            prompting: (random.next(2) > 0).then(|| i64::try_from(random.next(3)).unwrap()),
            managed: random.next(2) == 0,
            created: i64::try_from(random.next(4)).unwrap() * 1_000_000,
            owner: random.next(3),
        })
        .collect()
}

#[derive(Clone, Debug, PartialEq)]
enum Plain {
    Null,
    Text(String),
    Number(f64),
}

fn plain(row: &Ref, path: &[String]) -> Plain {
    let text = |text: &str| Plain::Text(text.to_ascii_lowercase());
    #[expect(clippy::cast_precision_loss, reason = "the tests' numbers are small")]
    let number = |number: i64| Plain::Number(number as f64);
    match path.last().unwrap().as_str() {
        "connectionreferencelogicalname" => text(&row.name),
        "description" => row.description.as_deref().map_or(Plain::Null, text),
        "promptingbehavior" => row.prompting.map_or(Plain::Null, number),
        "ismanaged" => number(row.managed.into()),
        "createdon" => number(row.created),
        "ownerid" => text(&guid(1, row.owner)),
        "fullname" => text(OWNERS[row.owner]),
        "statecode" => number(0),
        other => panic!("{other}"),
    }
}

fn literal(value: &Literal) -> Plain {
    #[expect(clippy::cast_precision_loss, reason = "the tests' numbers are small")]
    match value {
        Literal::Null => Plain::Null,
        Literal::Text(text) | Literal::Guid(text) => Plain::Text(text.to_ascii_lowercase()),
        Literal::Int(number) | Literal::Time(number) => Plain::Number(*number as f64),
        Literal::Float(number) => Plain::Number(*number),
        Literal::Flag(flag) => Plain::Number(f64::from(u8::from(*flag))),
    }
}

fn side(row: &Ref, operand: &Operand) -> Plain {
    match operand {
        Operand::Path(path) => plain(row, path),
        Operand::Literal(value) => literal(value),
        Operand::Of { .. } => unreachable!("not made here"),
    }
}

fn compare(left: &Plain, by: Compare, right: &Plain) -> bool {
    let order = match (left, right) {
        (Plain::Null, Plain::Null) => return by == Compare::Eq,
        (Plain::Null, _) | (_, Plain::Null) => return by == Compare::Ne,
        (Plain::Text(left), Plain::Text(right)) => left.cmp(right),
        (Plain::Number(left), Plain::Number(right)) => left.partial_cmp(right).unwrap(),
        other => panic!("{other:?}"),
    };
    match by {
        Compare::Eq => order == Ordering::Equal,
        Compare::Ne => order != Ordering::Equal,
        Compare::Gt => order == Ordering::Greater,
        Compare::Ge => order != Ordering::Less,
        Compare::Lt => order == Ordering::Less,
        Compare::Le => order != Ordering::Greater,
    }
}

/// Matching with `%`, `_` and `[x]`, by plain backtracking.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['[', only, ']', rest @ ..] => text.first() == Some(only) && like(&text[1..], rest),
        [first, rest @ ..] => text.first() == Some(first) && like(&text[1..], rest),
    }
}

fn holds(row: &Ref, expr: &Expr) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().all(|part| holds(row, part)),
        Expr::Or(parts) => parts.iter().any(|part| holds(row, part)),
        Expr::Not(inner) => !holds(row, inner),
        Expr::Compare { left, by, right } => compare(&side(row, left), *by, &side(row, right)),
        Expr::In { path, values } => {
            let value = plain(row, path);
            values.iter().any(|other| compare(&value, Compare::Eq, &literal(other)))
        }
        Expr::Exists { .. }
        | Expr::At { .. }
        | Expr::Line { .. }
        | Expr::Holds { .. }
        | Expr::Quarter { .. } => unreachable!("not made here"),
        Expr::Match { path, by, pattern } => {
            let Plain::Text(text) = plain(row, path) else { return false };
            let pattern = pattern.to_ascii_lowercase();
            let pattern = match by {
                Match::Contains => format!("%{pattern}%"),
                Match::StartsWith => format!("{pattern}%"),
                Match::EndsWith => format!("%{pattern}"),
                Match::Whole => pattern,
            };
            let (text, pattern): (Vec<_>, Vec<_>) =
                (text.chars().collect(), pattern.chars().collect());
            like(&text, &pattern)
        }
    }
}

fn path(column: &str) -> Vec<String> {
    column.split('/').map(str::to_owned).collect()
}

fn random_leaf(random: &mut Random) -> Expr {
    let by = random.pick(&[
        Compare::Eq,
        Compare::Ne,
        Compare::Gt,
        Compare::Ge,
        Compare::Lt,
        Compare::Le,
    ]);
    let texts = ["connectionreferencelogicalname", "description", "ownerid/fullname"];
    let word = random.pick(&WORDS).to_owned();
    match random.next(7) {
        0 => Expr::Match {
            path: path(random.pick(&texts)),
            by: random.pick(&[Match::Contains, Match::StartsWith, Match::EndsWith]),
            pattern: random.pick(&["a", "A_B", "a%", "[_]", "[%]", "é", "0", ""]).to_owned(),
        },
        1 => Expr::In {
            path: path(random.pick(&texts)),
            values: (0..random.next(3))
                .map(|_| Literal::Text(random.pick(&WORDS).to_owned()))
                .collect(),
        },
        2 => Expr::Compare {
            left: Operand::Path(path(random.pick(&texts))),
            by,
            right: Operand::Path(path(random.pick(&texts))),
        },
        3 => {
            let value = random.pick(&[
                Literal::Null,
                Literal::Int(1),
                Literal::Float(0.5),
                Literal::Float(1.0),
                Literal::Float(-1e300),
            ]);
            let (left, right) = (Operand::Path(path("promptingbehavior")), Operand::Literal(value));
            if random.next(2) == 0 {
                Expr::Compare { left, by, right }
            } else {
                Expr::Compare { left: right, by, right: left }
            }
        }
        4 => {
            let (column, value) = random.pick(&[
                ("ismanaged", Literal::Flag(true)),
                ("createdon", Literal::Time(1_000_000)),
                ("ownerid", Literal::Guid(guid(1, 1))),
                ("statecode", Literal::Int(0)),
                ("description", Literal::Null),
            ]);
            Expr::Compare { left: Operand::Path(path(column)), by, right: Operand::Literal(value) }
        }
        _ => Expr::Compare {
            left: Operand::Path(path(random.pick(&texts))),
            by,
            right: Operand::Literal(Literal::Text(word)),
        },
    }
}

fn random_filter(random: &mut Random, depth: usize) -> Expr {
    if depth == 0 {
        return random_leaf(random);
    }
    let many = |random: &mut Random| {
        (0..random.next(4)).map(|_| random_filter(random, depth - 1)).collect::<Vec<_>>()
    };
    match random.next(4) {
        0 => Expr::And(many(random)),
        1 => Expr::Or(many(random)),
        2 => Expr::Not(Box::new(random_filter(random, depth - 1))),
        _ => random_leaf(random),
    }
}

fn table(set: &str) -> &'static TableDef {
    table_by_set(set).unwrap()
}

async fn run(db: &Db, caller: Caller, query: Query) -> Result<Page, QueryError> {
    db.snapshot(move |sql| query_run(sql, &E.into(), &caller, &query)).await
}

async fn ids(db: &Db, query: Query) -> Vec<String> {
    let page = run(db, Caller::System("test"), query).await.unwrap();
    page.rows.into_iter().map(|row| row.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn random_filters_mean_what_a_plain_evaluator_says() {
    let mut random = Random(seed());
    let rows = rows(&mut random, 40);
    let (_folder, db) = database(rows.clone()).await;
    for _ in 0..400 {
        let filter = random_filter(&mut random, 3);
        let mut query = Query::new(table("connectionreferences"));
        query.filter = Some(filter.clone());
        let expected: Vec<_> =
            rows.iter().filter(|row| holds(row, &filter)).map(|row| row.id.clone()).collect();
        assert_eq!(ids(&db, query).await, expected, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_without_gap_or_overlap() {
    let mut random = Random(seed());
    let rows = rows(&mut random, 37);
    let (_folder, db) = database(rows).await;
    let orders: [&[(&str, bool)]; 5] = [
        &[],
        &[("description", false)],
        &[("description", true), ("promptingbehavior", false)],
        &[("promptingbehavior", true), ("createdon", false)],
        &[("ownerid/fullname", false)],
    ];
    for order in orders {
        let mut query = Query::new(table("connectionreferences"));
        query.order = order
            .iter()
            .map(|(column, descending)| Order {
                of: None,
                path: path(column),
                descending: *descending,
            })
            .collect();
        let whole = ids(&db, query.clone()).await;
        assert_eq!(whole.len(), 37);
        let mut paged = Vec::new();
        query.page = Some(5);
        loop {
            let page = run(&db, Caller::System("test"), query.clone()).await.unwrap();
            paged.extend(page.rows.into_iter().map(|row| row.id));
            match page.next {
                Some(cursor) => query.after = Some(cursor),
                None => break,
            }
        }
        assert_eq!(paged, whole, "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_come_first_ascending_and_last_descending() {
    let mut rows = rows(&mut Random(1), 3);
    for (row, description) in rows.iter_mut().zip([Some("b"), None, Some("A")]) {
        row.description = description.map(str::to_owned);
    }
    let (_folder, db) = database(rows).await;
    let mut query = Query::new(table("connectionreferences"));
    query.order = vec![Order { of: None, path: path("description"), descending: false }];
    assert_eq!(ids(&db, query.clone()).await, [guid(2, 1), guid(2, 2), guid(2, 0)]);
    query.order[0].descending = true;
    assert_eq!(ids(&db, query).await, [guid(2, 0), guid(2, 2), guid(2, 1)]);
}

fn member(owner: usize, role: Role) -> Caller {
    Caller::Member(std::sync::Arc::new(Member::with_role(E, &guid(1, owner), OWNERS[owner], role)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_own_and_shared_flows_only() {
    let (_folder, db) = database(Vec::new()).await;
    let seen = async |caller: Caller| {
        let mut query = Query::new(table("workflows"));
        query.count = true;
        let page = run(&db, caller, query).await.unwrap();
        assert_eq!(page.count.unwrap().rows, page.rows.len());
        page.rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(seen(member(0, Role::BasicUser)).await, [guid(3, 0), guid(3, 2)]);
    assert_eq!(seen(member(1, Role::EnvironmentMaker)).await, [guid(3, 1)]);
    assert_eq!(seen(member(1, Role::SystemAdministrator)).await.len(), 3);
    assert_eq!(seen(Caller::Operator("root".into())).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_of_every_flow_is_not_said_of_other_processes() {
    let (_folder, db) = database(Vec::new()).await;
    db.change(|sql: &mut Sql<'_>| -> Result<(), DbError> {
        sql.execute(
            "UPDATE workflow SET category = 2 WHERE workflowid = $1",
            &[guid(3, 1).into()],
        )?;
        Ok(())
    })
    .await
    .unwrap();
    let mut query = Query::new(table("workflows"));
    query.order = vec![Order { of: None, path: path("workflowid"), descending: false }];
    let page = run(&db, Caller::System("test"), query).await.unwrap();
    let cells = |name: &str| page.rows.iter().map(|row| row.cell(name)).collect::<Vec<_>>();
    let scope = Some(&Cell::Int(4));
    assert_eq!(cells("scope"), [scope, Some(&Cell::Null), scope]);
    let not = Some(&Cell::Flag(false));
    assert_eq!(cells("ondemand"), [not, Some(&Cell::Null), not]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_another_environment_finds_nothing() {
    let (_folder, db) = database(Vec::new()).await;
    let caller = member(0, Role::SystemAdministrator);
    let query = Query::new(table("workflows"));
    let refused = db.snapshot(move |sql| query_run(sql, &"f".into(), &caller, &query)).await;
    assert!(matches!(refused, Err(QueryError::Store(crate::StoreError::NotFound { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_carry_names_and_expand_both_ways() {
    let (_folder, db) = database(rows(&mut Random(5), 4)).await;
    db.change(|sql: &mut Sql<'_>| -> Result<(), DbError> {
        sql.execute(
            "INSERT INTO publisher (environmentid, publisherid, uniquename, uniquename_key, friendlyname, \
             customizationprefix, customizationoptionvalueprefix, createdon, modifiedon, versionnumber) \
             VALUES ($1, $2, 'Pub', 'pub', 'Publisher', 'pub', 10000, 0, 0, 1)",
            &[E.into(), guid(4, 0).into()],
        )?;
        for (number, name) in ["One", "Two", "Three"].iter().enumerate() {
            sql.execute(
                "INSERT INTO solution (environmentid, solutionid, uniquename, uniquename_key, friendlyname, \
                 version, ismanaged, languagecode, publisherid, createdon, installedon, modifiedon, \
                 versionnumber) VALUES ($1, $2, $3, $4, $3, '1.0', 0, 1033, $5, 0, 0, 0, 2)",
                &[
                    E.into(),
                    guid(5, number).into(),
                    (*name).into(),
                    name.to_lowercase().into(),
                    guid(4, 0).into(),
                ],
            )?;
        }
        Ok(())
    })
    .await
    .unwrap();
    let expand = |name: &str, select: &[&str]| Expand {
        name: name.to_owned(),
        select: Some(select.iter().map(|s| (*s).to_owned()).collect()),
        filter: None,
        order: Vec::new(),
        top: None,
        expand: Vec::new(),
    };
    let mut query = Query::new(table("solutions"));
    query.select = Some(vec!["uniquename".to_owned()]);
    query.names = true;
    query.expand = vec![expand("publisherid", &["friendlyname"])];
    let page = run(&db, Caller::System("test"), query).await.unwrap();
    assert_eq!(page.rows.len(), 3);
    for row in &page.rows {
        let columns: Vec<_> = row.cells.iter().map(|(column, _)| column.name).collect();
        assert_eq!(columns, ["solutionid", "uniquename"]);
        let [("publisherid", Expanded::One(Some(publisher)))] = row.expanded.as_slice() else {
            panic!("{row:?}")
        };
        assert_eq!(publisher.cell("friendlyname"), Some(&Cell::Text("Publisher".into())));
    }
    let mut query = Query::new(table("publishers"));
    let mut wish = expand("publisher_solution", &["uniquename"]);
    wish.order = vec![Order { of: None, path: path("uniquename"), descending: true }];
    wish.top = Some(2);
    query.expand = vec![wish];
    let page = run(&db, Caller::System("test"), query).await.unwrap();
    let [("publisher_solution", Expanded::Many(solutions))] = page.rows[0].expanded.as_slice()
    else {
        panic!("{page:?}")
    };
    let names: Vec<_> =
        solutions.iter().map(|row| row.cell("uniquename").unwrap().clone()).collect();
    assert_eq!(names, [Cell::Text("Two".into()), Cell::Text("Three".into())]);
    let mut query = Query::new(table("connectionreferences"));
    query.names = true;
    let page = run(&db, Caller::System("test"), query).await.unwrap();
    assert!(
        page.rows[0]
            .names
            .iter()
            .any(|(column, name)| *column == "ownerid" && OWNERS.contains(&name.as_str()))
    );
    assert!(
        page.rows[0]
            .names
            .iter()
            .any(|(column, name)| *column == "owningbusinessunit" && name == "dev")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_answers_all_columns_names_and_a_sort_by_each() {
    let (_folder, db) = database(rows(&mut Random(9), 2)).await;
    for table in TABLES {
        for column in table.columns {
            let mut query = Query::new(table);
            query.names = true;
            query.count = true;
            query.order = vec![Order { of: None, path: path(column.name), descending: false }];
            query.filter = Some(Expr::Compare {
                left: Operand::Path(path(column.name)),
                by: Compare::Ne,
                right: Operand::Literal(Literal::Null),
            });
            let page = run(&db, Caller::System("test"), query).await;
            assert!(page.is_ok(), "{}.{}: {page:?}", table.name, column.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_or_too_costly_is_refused() {
    let (_folder, db) = database(Vec::new()).await;
    let refused = async |filter: Expr| {
        let mut query = Query::new(table("connectionreferences"));
        query.filter = Some(filter);
        run(&db, Caller::System("test"), query).await.unwrap_err().to_string()
    };
    let many = Expr::Or(vec![Expr::equal("description", Literal::Null); FILTER_NODES_MAX]);
    let mut deep = Expr::equal("description", Literal::Null);
    for _ in 0..=FILTER_DEPTH_MAX {
        deep = Expr::Not(Box::new(deep));
    }
    let search = |column: &str, pattern: &str| Expr::Match {
        path: path(column),
        by: Match::Contains,
        pattern: pattern.to_owned(),
    };
    insta::assert_snapshot!(
        [
            refused(Expr::equal("nosuch", Literal::Null)).await,
            refused(Expr::equal("description", Literal::Int(1))).await,
            refused(Expr::equal("ownerid", Literal::Text("me".into()))).await,
            refused(Expr::In { path: path("ownerid/createdon/x"), values: vec![] }).await,
            refused(Expr::Compare { left: Operand::Path(path("description/x")), by: Compare::Eq, right: Operand::Literal(Literal::Null) }).await,
            refused(Expr::Compare { left: Operand::Path(path("description")), by: Compare::Eq, right: Operand::Path(path("createdon")) }).await,
            refused(search("createdon", "x")).await,
            refused(Expr::Line { path: path("connectionreferenceid"), line: Line::Under, row: guid(1, 1) }).await,
            refused(Expr::Line { path: path("description"), line: Line::Under, row: guid(1, 1) }).await,
            refused(Expr::Holds { path: path("description"), values: vec![1] }).await,
            refused(Expr::Quarter { path: path("description"), quarter: 1 }).await,
            refused(search("description", &"x".repeat(PATTERN_MAX + 1))).await,
            refused(many).await,
            refused(deep).await,
        ]
        .join("\n"),
        @r"
    table `connectionreference` has no column `nosuch`
    cannot compare `description` (Edm.String) with the number 1
    cannot compare `ownerid` (Edm.Guid) with the text `me`
    table `systemuser` has no navigation property `createdon`
    table `connectionreference` has no navigation property `description`
    cannot compare `description` (Edm.String) with `createdon` (Edm.DateTimeOffset)
    cannot compare `createdon` (Edm.DateTimeOffset) with a searched text
    table `connectionreference` has no hierarchical relationship with itself
    cannot compare `description` (Edm.String) with a row of a hierarchy
    cannot compare `description` (Edm.String) with values of a choice of several
    cannot compare `description` (Edm.String) with a quarter
    the query is too costly: a searched text has at most 500 bytes
    the query is too costly: a filter has at most 500 conditions
    the query is too costly: a filter nests at most 64 deep
    "
    );
}

#[test]
fn bound_values_never_reach_the_text() {
    let caller = Caller::System("test");
    let environment = E.into();
    let scope = emit::Scope {
        environment: &environment,
        caller: &caller,
        dialect: crate::db::Dialect::Sqlite,
    };
    let mut emitter = emit::Emitter::new(scope);
    let at = emit::At { table: table("connectionreferences"), alias: "t0" };
    let filter = Expr::And(vec![
        Expr::equal(
            "connectionreferencelogicalname",
            Literal::Text("x'; DROP TABLE run; --".into()),
        ),
        Expr::Match {
            path: path("description"),
            by: Match::Contains,
            pattern: "50%' OR 1=1".into(),
        },
    ]);
    let text = condition::condition(&mut emitter, at, &filter).unwrap();
    insta::assert_snapshot!(
        text,
        @r"(t0.logicalname_key = $1 AND lower(t0.description) LIKE $2 ESCAPE '\')"
    );
    assert_eq!(emitter.params.first(), Some(&Param::from("x'; drop table run; --")));
}
