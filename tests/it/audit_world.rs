//! The inventory of a world of 200 connections equals what the test counts by itself from what it
//! put there; the facts of the store, of the API and of a file are one; and every command that a
//! finding names is understood.
use std::collections::{BTreeMap, BTreeSet};

use connref_solution::artefact::facts_json::{facts_read, facts_write};
use connref_solution::model::facts::{ConnectionKind, Fingerprint};
use connref_solution::model::{ConnectionId, FlowId};
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connection_state::TestResult;
use connref_store::flow::FlowNew;
use connref_store::reference::ReferenceNew;
use connref_tests::home::OPERATOR;
use connref_tests::seed::Seed;
use connref_tests::{Home, database};
use serde_json::{Value, json};

use crate::key::opened;

const CONNECTIONS: usize = 200;
const DAY: i64 = 86_400_000_000;
const PEOPLE: [&str; 4] = ["ann@harbour.test", "bob@harbour.test", "svc-quay", "gone@harbour.test"];
/// Who of them has left.
const GONE: usize = 3;

/// A connection as it was put there.
struct Put {
    id: String,
    kind: ConnectionKind,
    owner: usize,
    created: i64,
    /// Days ago.
    used: Option<i64>,
    /// Target and identity of its last test.
    tested: Option<(u64, u64)>,
    /// With whom it is shared.
    shared: Option<usize>,
}

/// A reference: the connection it is bound to.
type Bound = Option<usize>;

/// A flow as it was put there.
struct Flow {
    id: String,
    owner: usize,
    on: bool,
    wanted: bool,
    /// References, and whether the flow takes its caller's connection.
    entries: Vec<(usize, bool)>,
}

struct World {
    connections: Vec<Put>,
    references: Vec<Bound>,
    flows: Vec<Flow>,
}

impl World {
    fn choose(seed: &mut Seed) -> Self {
        let connections: Vec<Put> = (0..CONNECTIONS)
            .map(|_| Put {
                id: format!("{:016x}{:016x}", seed.number(), seed.number()),
                kind: [
                    ConnectionKind::User,
                    ConnectionKind::ServicePrincipal,
                    ConnectionKind::SharedKey,
                ][seed.below(3) as usize],
                owner: seed.below(4) as usize,
                created: 200 + seed.below(300) as i64,
                used: (seed.below(3) > 0).then(|| 1 + seed.below(180) as i64),
                tested: (seed.below(2) > 0).then(|| (seed.below(12), seed.below(3))),
                shared: (seed.below(4) == 0).then(|| seed.below(3) as usize),
            })
            .collect();
        // A few connections carry much: their numbers are small.
        let bound = |seed: &mut Seed| match seed.below(10) {
            0 => None,
            1..=3 => Some(seed.below(4) as usize),
            _ => Some(seed.below(CONNECTIONS as u64) as usize),
        };
        let references: Vec<Bound> = (0..120).map(|_| bound(seed)).collect();
        let flows = (0..150)
            .map(|_| {
                let on = seed.below(2) > 0;
                let entries: BTreeMap<usize, bool> = (0..1 + seed.below(3))
                    .map(|_| (seed.below(120) as usize, seed.below(5) == 0))
                    .collect();
                Flow {
                    id: String::new(),
                    owner: seed.below(3) as usize,
                    on,
                    wanted: on || seed.below(2) > 0,
                    entries: entries.into_iter().collect(),
                }
            })
            .collect();
        Self { connections, references, flows }
    }

    /// Flows that act through a connection.
    fn acting(&self, at: usize) -> impl Iterator<Item = &Flow> {
        self.flows.iter().filter(move |flow| {
            flow.entries.iter().any(|(r, caller)| self.references[*r] == Some(at) && !caller)
        })
    }

    fn count(&self, holds: impl Fn(usize, &Put) -> bool) -> usize {
        self.connections.iter().enumerate().filter(|(at, put)| holds(*at, put)).count()
    }

    /// How many findings each rule has to make, counted from what was put there.
    fn counts(&self) -> Vec<(&'static str, usize)> {
        let bound = |at: usize| self.references.contains(&Some(at));
        let mut groups: BTreeMap<(bool, u64, u64), usize> = BTreeMap::new();
        for (at, put) in self.connections.iter().enumerate() {
            if let Some((target, identity)) = put.tested {
                *groups.entry((at % 2 == 0, target, identity)).or_default() += 1;
            }
        }
        let missing: BTreeSet<(usize, usize)> = self
            .flows
            .iter()
            .enumerate()
            .filter(|(_, flow)| flow.on)
            .flat_map(|(at, flow)| {
                let embedded = flow.entries.iter().filter(|(_, caller)| !caller);
                embedded.filter_map(move |(r, _)| Some((at, self.references[*r]?)))
            })
            .filter(|(flow, connection)| {
                let (flow, put) = (&self.flows[*flow], &self.connections[*connection]);
                put.owner != GONE && flow.owner != put.owner && put.shared != Some(flow.owner)
            })
            .collect();
        vec![
            ("CA101", self.references.iter().filter(|r| r.is_none()).count()),
            (
                "CA104",
                self.count(|at, put| {
                    let used = |r: &usize| {
                        self.flows.iter().any(|f| f.entries.iter().any(|(e, _)| e == r))
                    };
                    let idle = (0..self.references.len())
                        .filter(|r| self.references[*r] == Some(at))
                        .any(|r| !used(&r));
                    put.kind == ConnectionKind::User && (self.acting(at).next().is_some() || idle)
                }),
            ),
            ("CA105", self.count(|_, put| put.owner == GONE)),
            ("CA106", missing.len()),
            ("CA107", self.count(|at, put| !bound(at) && put.used.is_none_or(|days| days > 30))),
            ("CA108", self.count(|at, _| self.acting(at).filter(|f| f.wanted).count() >= 10)),
            ("CA109", groups.values().map(|count| count - 1).sum()),
            ("CA110", self.count(|_, put| put.used.unwrap_or(put.created) > 90)),
        ]
    }
}

fn body(entries: &[(usize, bool)]) -> String {
    let references: serde_json::Map<String, Value> = entries
        .iter()
        .map(|(r, caller)| {
            let source = if *caller { "invoker" } else { "embedded" };
            let entry = json!({
                "runtimeSource": source, "api": {"name": api(*r)},
                "connection": {"connectionReferenceLogicalName": format!("hbr_R{r}")},
            });
            (format!("key{r}"), entry)
        })
        .collect();
    json!({"schemaVersion": "1.0.0.0", "properties": {"connectionReferences": references,
        "definition": {"triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {}}}, "actions": {}}}})
    .to_string()
}

/// References and connections of even numbers are of one connector, odd ones of another.
fn api(at: usize) -> &'static str {
    if at.is_multiple_of(2) { "shared_sql" } else { "shared_office365" }
}

fn build(home: &Home, world: &mut World) {
    let (runtime, store) = opened(home);
    runtime.block_on(async {
        let operator = Caller::Operator(OPERATOR.to_owned());
        let place = store.environment_get(&operator, "quay").await.expect("it is there").id;
        let member = store.caller_find(&place, OPERATOR).await.expect("it is there");
        let mut people = Vec::new();
        for name in PEOPLE {
            people.push(store.user_get(&operator, &place, name).await.expect("it is there").id);
        }
        for (at, put) in world.connections.iter().enumerate() {
            let new = ConnectionNew {
                id: Some(ConnectionId::new(&put.id)),
                api_name: api(at).into(),
                display_name: format!("Connection {at}"),
                owner: people[put.owner].clone(),
                kind: put.kind,
                endpoint: None,
                account: None,
                parameters: BTreeMap::new(),
                secrets: BTreeMap::new(),
                ends_on: None,
            };
            store.connection_create(&member, &place, new).await.expect("it is made");
            if let Some((target, identity)) = put.tested {
                let print = Fingerprint {
                    tested_at: store.now(),
                    identity: Some(format!("identity {identity}")),
                    target: format!("https://quay{target}.harbour.test"),
                };
                let id = ConnectionId::new(&put.id);
                let passed = TestResult::Passed(print);
                store.connection_tested(&operator, &place, &id, passed).await.expect("it is noted");
            }
        }
        for (at, bound) in world.references.iter_mut().enumerate() {
            // A reference takes connections of its own connector.
            *bound = bound.map(|to| if to % 2 == at % 2 { to } else { to ^ 1 });
            let version = store.facts(&operator, &place).await.expect("they are read");
            let new = ReferenceNew {
                logical_name: format!("hbr_R{at}").as_str().into(),
                display_name: format!("Reference {at}"),
                description: None,
                api_name: api(at).into(),
                custom_connector_id: None,
                connection: bound.map(|to| ConnectionId::new(&world.connections[to].id)),
                solution: None,
            };
            let version = version.environment.version;
            store.reference_create(&member, &place, version, new).await.expect("it is made");
        }
        for (at, flow) in world.flows.iter_mut().enumerate() {
            let new = FlowNew {
                id: None,
                name: format!("Flow {at}"),
                description: None,
                client_data: body(&flow.entries),
                solution: None,
            };
            let id: FlowId = store.flow_create(&member, &place, new).await.expect("it is made");
            flow.id = id.as_str().to_owned();
        }
    });
    drop(store);
    past(home, world);
}

/// What only time brings about is written past the program: when things were made and used, and what
/// was turned on before rights were taken back.
fn past(home: &Home, world: &World) {
    let sql = database::open(&home.database());
    let now: i64 = sql
        .query_row("SELECT MAX(createdon) FROM connection", [], |row| row.get(0))
        .expect("there are connections");
    let place: String = sql
        .query_row("SELECT environmentid FROM environment", [], |row| row.get(0))
        .expect("there is one");
    let person = |at: usize| -> String {
        sql.query_row(
            "SELECT systemuserid FROM systemuser WHERE domainname = ?1",
            [PEOPLE[at]],
            |row| row.get(0),
        )
        .expect("it is there")
    };
    let people: Vec<String> = (0..PEOPLE.len()).map(person).collect();
    for (at, put) in world.connections.iter().enumerate() {
        sql.execute(
            "UPDATE connection SET createdon = ?2 WHERE connectionid = ?1",
            (&put.id, now - put.created * DAY),
        )
        .expect("it is changed");
        if let Some(days) = put.used {
            sql.execute(
                "INSERT INTO run_event (environmentid, runid, seq, at, path, payload, connectionid) \
                 VALUES (?1, ?2, 1, ?3, 'A', '{}', ?4)",
                // Half a day less, so that the time the test takes decides nothing.
                (&place, format!("run{at}"), now - days * DAY + DAY / 2, &put.id),
            )
            .expect("it is noted");
        }
        if let Some(to) = put.shared {
            sql.execute(
                "INSERT INTO connection_share (environmentid, connectionid, principalid, level, createdon) \
                 VALUES (?1, ?2, ?3, 'CanView', ?4)",
                (&place, &put.id, &people[to], now),
            )
            .expect("it is shared");
        }
    }
    for flow in &world.flows {
        sql.execute(
            "UPDATE workflow SET ownerid = ?2, statecode = ?3, statuscode = ?3 + 1, wantedon = ?4 \
             WHERE workflowid = ?1",
            (&flow.id, &people[flow.owner], i64::from(flow.on), i64::from(flow.wanted)),
        )
        .expect("it is changed");
    }
}

fn people(home: &Home) {
    home.ok(["env", "create", "quay", "--kind", "production"]);
    for name in [PEOPLE[0], PEOPLE[1], PEOPLE[GONE]] {
        home.ok(["user", "add", name, "--role", "maker"]);
    }
    let id = "6d1f2a9c-54b0-4c8e-9d37-2b1f0a6c7e55";
    home.ok([
        "user",
        "add",
        PEOPLE[2],
        "--role",
        "maker",
        "--service-principal",
        "--application-id",
        id,
    ]);
}

#[test]
fn the_inventory_of_200_connections_is_what_was_put_there() {
    let mut seed = Seed::take("the_inventory_of_200_connections_is_what_was_put_there");
    let home = Home::new();
    people(&home);
    let mut world = World::choose(&mut seed);
    build(&home, &mut world);
    home.ok(["user", "disable", PEOPLE[GONE]]);

    let file = home.path().join("facts.json").display().to_string();
    home.ok(["facts", "export", "-f", &file]);
    let all = home.run_json(["audit", "report"]).expect(1).json();
    let of_file = home.run_json(["audit", "report", "--facts", &file]).expect(1).json();
    assert_eq!(all, of_file, "the API and the file are judged alike");
    let found = |code: &str| {
        let rows = all.as_array().expect("a list");
        rows.iter().filter(|row| row["code"] == code).count()
    };
    for (code, count) in world.counts() {
        assert_eq!(found(code), count, "{code}");
        assert!(count > 0 || code == "CA108", "{code}: the world has none of it");
    }
    for (verb, code) in [
        ("orphaned", "CA107"),
        ("stale", "CA110"),
        ("high-use", "CA108"),
        ("duplicates", "CA109"),
        ("share-missing", "CA106"),
    ] {
        let rows = home.json(["audit", verb, "--facts", &file, "--fail-on", "never"]);
        assert_eq!(rows.as_array().expect("a list").len(), found(code), "{verb}");
    }
    same_facts(&home, &file);
    understood(&home, &all);
    pages(&home, &file);
}

/// The store, the API and the file hold the same.
fn same_facts(home: &Home, file: &str) {
    let text = std::fs::read(file).expect("it was written");
    let mut of_file = facts_read(&text).expect("it reads back");
    let (runtime, store) = opened(home);
    let of_store = runtime.block_on(async {
        let operator = Caller::Operator(OPERATOR.to_owned());
        let place = store.environment_get(&operator, "quay").await.expect("it is there").id;
        store.facts_with_use(&operator, &place).await.expect("they are read")
    });
    of_file.taken_at = of_store.taken_at;
    assert_eq!(of_file, of_store);
    assert_eq!(facts_write(&of_file), facts_write(&of_store));
}

/// Every command that a finding names is one of the program's, with its options.
fn understood(home: &Home, findings: &Value) {
    let mut seen = BTreeSet::new();
    for row in findings.as_array().expect("a list") {
        let (Some(fix), Some(code)) = (row["fix"].as_str(), row["code"].as_str()) else { continue };
        let verb: String = fix.split(' ').take(3).collect();
        if !seen.insert((code.to_owned(), verb)) {
            continue;
        }
        let words = fix.strip_prefix("connref ").expect("a command of ours");
        // As a shell takes it apart: every second part stands in quotes.
        let parts = words.split('\'').enumerate();
        let words: Vec<&str> = parts
            .flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            })
            .collect();
        let ran = home.run(words.iter().copied().chain(["--help"]));
        assert_eq!(ran.code, Some(0), "{code}: {fix}\n{}", ran.stderr);
        for word in words.iter().filter(|word| word.starts_with("--")) {
            assert!(ran.stdout.contains(word), "{code}: {fix}: no option {word}");
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");
}

/// The page of the review names every connection; the report for code scanning is one.
fn pages(home: &Home, file: &str) {
    let page = |format: &str| {
        home.run(["audit", "report", "--facts", file, "-o", format]).expect(1).stdout
    };
    for format in ["md", "html"] {
        let text = page(format);
        for at in 0..CONNECTIONS {
            assert!(text.contains(&format!("Connection {at} ")), "{format}: Connection {at}");
        }
        assert!(text.contains("Attestation") && text.contains("SHA-256"), "{format}");
    }
    let sarif: Value = serde_json::from_str(&page("sarif")).expect("it is JSON");
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().expect("a list");
    assert!(rules.iter().all(|rule| rule["id"].as_str().is_some_and(|id| id.starts_with("CA"))));
}

#[test]
fn drift_names_the_line_of_the_record() {
    let home = Home::with_env("dev", &[]);
    let make = |name: &str| {
        home.connection(&connref_tests::home::Connection {
            env: "dev",
            connector: "shared_office365",
            name,
            endpoint: Some("mail.harbour.test:587"),
            parameters: &[("username", "pilots@harbour.test")],
            secrets: &[("password", "drift-rope-5521")],
            ..connref_tests::home::Connection::default()
        })
    };
    let (one, two) = (make("One"), make("Two"));
    for name in ["hbr_A", "hbr_B"] {
        home.ok(["ref", "create", name, "--connector", "shared_office365", "--connection", &one]);
    }
    let lock = home.path().join("bindings.lock.json").display().to_string();
    home.ok(["ref", "lock", "-f", &lock]);
    let audit = ["audit", "report", "--lock", &lock, "--rule", "CA114", "--fail-on", "warning"];
    assert_eq!(home.json(audit), json!([]));
    home.ok(["ref", "bind", "hbr_B", "--connection", &two]);
    let found = home.run_json(audit).expect(1).json();
    let line = found[0]["line"].as_u64().expect("a line");
    let text = std::fs::read_to_string(&lock).expect("it was written");
    let at = usize::try_from(line).expect("a small number");
    assert!(text.lines().skip(at - 1).take(2).any(|l| l.contains("hbr_B")), "{found:#}\n{text}");
    assert_eq!(found[0]["subject"], "hbr_B");
    // Whoever repairs it as the finding says is done.
    let fix = found[0]["fix"].as_str().expect("a command");
    home.ok(fix.split(' ').skip(1));
    assert_eq!(home.json(audit), json!([]));
}
