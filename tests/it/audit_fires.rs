//! Every audit rule fires on its fixture and not on its near miss over what really lies in a store:
//! asked of the store, of the API and of a file, and all three say the same.
use std::collections::BTreeMap;

use connref_review::audit::{AuditOptions, Locked, audit_codes, audit_rules};
use connref_solution::artefact::bindings_lock::{
    bindings_lock_of, bindings_lock_read, bindings_lock_write,
};
use connref_solution::artefact::facts_json::facts_write;
use connref_solution::model::facts::{
    ConnectionKind, EnvironmentKind, Facts, Fidelity, Fingerprint, PrincipalKind, Role,
};
use connref_solution::model::{ConnectionId, EnvironmentId, FlowId};
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connection_state::TestResult;
use connref_store::environment::EnvironmentNew;
use connref_store::flow::FlowNew;
use connref_store::reference::ReferenceNew;
use connref_store::user::UserNew;
use connref_tests::database;
use connref_tests::generated::Generated;
use connref_tests::home::OPERATOR;
use rusqlite::params;
use serde_json::{Value, json};

use crate::plan_matrix::{World, asked};

const DAY: i64 = 86_400_000_000;
const SVC: &str = "svc-orders";
const BOB: &str = "bob@harbour.test";
const GONE: &str = "gone@harbour.test";

/// How the one connection, reference and flow of an environment are: in order, unless changed.
struct Base {
    kind: ConnectionKind,
    owner: &'static str,
    flow_owner: &'static str,
    source: &'static str,
    /// Days since the last use.
    used: i64,
    target: &'static str,
    ends: Option<i64>,
    trigger: Value,
    /// No reference and no flow.
    bare: bool,
}

impl Default for Base {
    fn default() -> Self {
        Self {
            kind: ConnectionKind::ServicePrincipal,
            owner: SVC,
            flow_owner: SVC,
            source: "embedded",
            used: 1,
            target: "https://sql.harbour.test",
            ends: None,
            trigger: json!({"type": "Request", "kind": "Button", "inputs": {}}),
            bare: false,
        }
    }
}

impl Base {
    /// What has to be different from the start on.
    fn of(code: &str, miss: bool) -> Self {
        let mut base = Self::default();
        match code {
            "CA104" => {
                base.kind = ConnectionKind::User;
                base.source = if miss { "invoker" } else { "embedded" };
            }
            "CA105" => base.owner = if miss { BOB } else { GONE },
            "CA106" => base.flow_owner = BOB,
            "CA107" => {
                base.bare = true;
                base.used = if miss { 1 } else { 50 };
            }
            "CA110" => {
                base.used = 100;
                let often = if miss { "Month" } else { "Week" };
                base.trigger = json!({
                    "type": "Recurrence", "recurrence": {"frequency": often, "interval": 2}});
            }
            "CA112" => base.ends = Some(if miss { 31 } else { 29 }),
            "CA119" if !miss => base.target = "https://sql-uat2.harbour.test",
            "CA119" => base.target = "https://latest.harbour.test",
            "CA122" => base.flow_owner = GONE,
            _ => {}
        }
        base
    }
}

/// An entry of a flow's connection references.
fn entry(reference: &str, api: &str, source: &str) -> Value {
    json!({
        "runtimeSource": source, "api": {"name": api},
        "connection": {"connectionReferenceLogicalName": reference},
    })
}

fn body(entries: &[Value], trigger: &Value) -> String {
    let entries: serde_json::Map<String, Value> =
        entries.iter().enumerate().map(|(at, entry)| (format!("key{at}"), entry.clone())).collect();
    json!({"schemaVersion": "1.0.0.0", "properties": {"connectionReferences": entries, "definition": {
        "triggers": {"start": trigger}, "actions": {}}}})
    .to_string()
}

/// One environment of a world.
struct Site<'w> {
    world: &'w World,
    name: String,
    id: EnvironmentId,
    member: Caller,
    solution: String,
    /// The connection and the flow in order.
    connection: ConnectionId,
    flow: String,
}

impl<'w> Site<'w> {
    async fn new(world: &'w World, name: &str, base: &Base) -> Self {
        let operator = Caller::Operator(OPERATOR.to_owned());
        let new = EnvironmentNew {
            name: name.to_owned(),
            kind: EnvironmentKind::Production,
            fidelity: Fidelity::Extended,
            allowed: Vec::new(),
        };
        let id = world.store.environment_create(&operator, new).await.expect("it is made").id;
        let member = world.store.caller_find(&id, OPERATOR).await.expect("it is there");
        for (who, kind) in [
            (SVC, PrincipalKind::ServicePrincipal),
            (BOB, PrincipalKind::User),
            (GONE, PrincipalKind::User),
        ] {
            let new = UserNew {
                name: who.to_owned(),
                display_name: who.to_owned(),
                kind,
                application_id: None,
                role: Role::EnvironmentMaker,
                business_unit: None,
                manager: None,
            };
            world.store.user_add(&member, &id, new).await.expect("it is added");
        }
        let client = world.client(name, OPERATOR);
        let publisher =
            client.publisher_create("harbour", "hbr", 23_456).await.expect("it is made");
        let solution = client.solution_create("Quay", "Quay", "1.0", &publisher).await;
        let mut site = Self {
            world,
            name: name.to_owned(),
            id,
            member,
            solution: solution.expect("it is made"),
            connection: "0".into(),
            flow: String::new(),
        };
        site.connection = site.connection("shared_sql", base).await;
        if !base.bare {
            let bound = site.connection.clone();
            site.reference("hbr_Sql", "shared_sql", Some(&bound)).await;
            let entry = entry("hbr_Sql", "shared_sql", base.source);
            site.flow = site.flow("Flow", &[entry], &base.trigger).await;
            let owner = site.person(base.flow_owner);
            site.sql("UPDATE workflow SET ownerid = ?2 WHERE environmentid = ?1", &owner);
        }
        site
    }

    /// A statement past the program: what only time, or an older release, brings about.
    fn sql(&self, statement: &str, value: &str) {
        let sql = database::open(&self.world.home.database());
        let changed = match statement.contains("?2") {
            true => sql.execute(statement, params![self.id.as_str(), value]),
            false => sql.execute(statement, params![self.id.as_str()]),
        };
        assert!(changed.expect("it is a statement") > 0, "{statement}");
    }

    fn person(&self, name: &str) -> String {
        let sql = database::open(&self.world.home.database());
        let text =
            "SELECT systemuserid FROM systemuser WHERE environmentid = ?1 AND domainname = ?2";
        sql.query_row(text, params![self.id.as_str(), name], |row| row.get(0)).expect("it is there")
    }

    async fn connection(&self, api: &str, base: &Base) -> ConnectionId {
        let store = &self.world.store;
        let now = store.now();
        let new = ConnectionNew {
            id: None,
            api_name: api.into(),
            display_name: format!("{api} of {}", base.owner),
            owner: self.person(base.owner).into(),
            kind: base.kind,
            endpoint: None,
            account: None,
            parameters: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ends_on: base.ends.map(|days| now + days * DAY),
        };
        let made = store.connection_create(&self.member, &self.id, new).await.expect("it is made");
        let id = made.facts.id;
        self.print(&id, base.target, "svc-orders").await;
        let sql = database::open(&self.world.home.database());
        sql.execute(
            "UPDATE connection SET createdon = ?3 WHERE environmentid = ?1 AND connectionid = ?2",
            params![self.id.as_str(), id.as_str(), now - 200 * DAY],
        )
        .expect("it is changed");
        sql.execute(
            "INSERT INTO run_event (environmentid, runid, seq, at, path, payload, connectionid) \
             VALUES (?1, ?2, 1, ?3, 'A', '{}', ?2)",
            params![self.id.as_str(), id.as_str(), now - base.used * DAY],
        )
        .expect("it is noted");
        id
    }

    /// A test that passed.
    async fn print(&self, id: &ConnectionId, target: &str, identity: &str) {
        let print = Fingerprint {
            tested_at: self.world.store.now(),
            identity: Some(identity.to_owned()),
            target: target.to_owned(),
        };
        let operator = Caller::Operator(OPERATOR.to_owned());
        let passed = TestResult::Passed(print);
        self.world
            .store
            .connection_tested(&operator, &self.id, id, passed)
            .await
            .expect("it is noted");
    }

    async fn reference(&self, name: &str, api: &str, to: Option<&ConnectionId>) {
        let store = &self.world.store;
        let facts = store.facts(&self.member, &self.id).await.expect("they are read");
        let new = ReferenceNew {
            logical_name: name.into(),
            display_name: name.to_owned(),
            description: None,
            api_name: api.into(),
            custom_connector_id: None,
            connection: to.cloned(),
            solution: Some(self.solution.as_str().into()),
        };
        let version = facts.environment.version;
        store.reference_create(&self.member, &self.id, version, new).await.expect("it is made");
    }

    /// A flow that is on, of the service principal.
    async fn flow(&self, name: &str, entries: &[Value], trigger: &Value) -> String {
        let new = FlowNew {
            id: None,
            name: name.to_owned(),
            description: None,
            client_data: body(entries, trigger),
            solution: Some(self.solution.as_str().into()),
        };
        let id: FlowId =
            self.world.store.flow_create(&self.member, &self.id, new).await.expect("it is made");
        let sql = database::open(&self.world.home.database());
        sql.execute(
            "UPDATE workflow SET statecode = 1, statuscode = 2, wantedon = 1, ownerid = ?3 \
             WHERE environmentid = ?1 AND workflowid = ?2",
            params![self.id.as_str(), id.as_str(), self.person(SVC)],
        )
        .expect("it is changed");
        id.as_str().to_owned()
    }

    /// What is different afterwards.
    async fn arrange(&self, code: &str, miss: bool) {
        let bound = self.connection.clone();
        let manual = Base::default().trigger;
        let own = |name: &str| entry(name, "shared_sql", "embedded");
        match code {
            "CA101" if !miss => {
                self.sql("UPDATE connectionreference SET connectionid = NULL WHERE environmentid = ?1", "");
            }
            "CA102" if !miss => self.sql(
                "UPDATE connectionreference SET connectionid = ?2 WHERE environmentid = ?1",
                "ffffffffffffffffffffffffffffffff",
            ),
            "CA103" if miss => {
                self.sql("UPDATE connection SET api_name = ?2 WHERE environmentid = ?1", "Shared_SQL");
            }
            "CA103" => self.sql(
                "UPDATE connection SET api_name = ?2, api_key = ?2 WHERE environmentid = ?1",
                "shared_office365",
            ),
            "CA105" if miss => {}
            "CA105" | "CA122" => self.depart(miss && code == "CA122").await,
            "CA106" if miss => self.share(BOB),
            "CA108" => {
                for at in 1..if miss { 9 } else { 10 } {
                    self.flow(&format!("Flow {at}"), &[own("hbr_Sql")], &manual).await;
                }
            }
            "CA109" => {
                let second = self.connection("shared_sql", &Base::default()).await;
                let identity = if miss { "another" } else { "svc-orders" };
                self.print(&second, Base::default().target, identity).await;
                self.reference("hbr_Two", "shared_sql", Some(&second)).await;
                self.flow("Two", &[own("hbr_Two")], &manual).await;
            }
            "CA111" => {
                let message = if miss { "cannot resolve `old.harbour.test`" } else { "AADSTS50173" };
                let failed = TestResult::Failed {
                    code: "Unauthorized".to_owned(),
                    message: message.to_owned(),
                    target: None,
                };
                let tested = self.world.store.connection_tested(&self.member, &self.id, &bound, failed);
                tested.await.expect("it is noted");
            }
            "CA113" => self.sql(
                "UPDATE workflow SET statecode = 0, statuscode = 1, wantedon = CAST(?2 AS INTEGER) \
                 WHERE environmentid = ?1",
                if miss { "0" } else { "1" },
            ),
            "CA114" if miss => self.sql(
                "UPDATE connectionreference SET bindingversion = bindingversion + 1 WHERE environmentid = ?1",
                "",
            ),
            "CA114" => {
                let second = self.connection("shared_sql", &Base::default()).await;
                self.sql(
                    "UPDATE connectionreference SET connectionid = ?2 WHERE environmentid = ?1",
                    second.as_str(),
                );
            }
            "CA115" => self.policy(miss).await,
            "CA116" => {
                self.reference("hbr_Spare", "shared_sql", Some(&bound)).await;
                if miss {
                    self.flow("Spare", &[own("hbr_Spare")], &manual).await;
                }
            }
            "CA117" => {
                let new = connref_client::variable::VariableNew {
                    schema_name: "hbr_Site".to_owned(),
                    display_name: "Site".to_owned(),
                    description: None,
                    kind: 100_000_000,
                    default: miss.then(|| "quay".to_owned()),
                    required: false,
                    api: None,
                    parameter: None,
                    parent_id: None,
                    solution: None,
                };
                let client = self.world.client(&self.name, OPERATOR);
                client.variable_create(&new).await.expect("it is made");
            }
            "CA118" => self.acted(if miss { "SVC-Orders" } else { "ann@harbour.test" }),
            "CA120" => {
                let connection = if miss { json!({}) } else { json!({"name": bound.as_str()}) };
                let direct = json!({
                    "runtimeSource": "invoker", "api": {"name": "shared_sql"}, "connection": connection});
                self.flow("Direct", &[direct], &manual).await;
            }
            "CA121" => self.layer(miss).await,
            "CA123" => self.group(if miss { 49 } else { 50 }),
            "CA125" => self.sql(
                "UPDATE workflow SET statecode = CAST(?2 AS INTEGER) WHERE environmentid = ?1",
                if miss { "0" } else { "2" },
            ),
            _ => {}
        }
    }

    /// The one who goes leaves; the flow gets a co-owner before, or not.
    async fn depart(&self, co_owner: bool) {
        let client = self.world.client(&self.name, OPERATOR);
        if co_owner {
            let flow = client.flow(&self.flow).await.expect("it is there");
            client.flow_share(&flow, BOB, "edit").await.expect("it is shared");
        }
        let users = client.users().await.expect("they are listed");
        let gone = users.iter().find(|user| user.name == GONE).expect("it is there");
        client.user_disable(gone, true).await.expect("it is disabled");
    }

    fn share(&self, with: &str) {
        let sql = database::open(&self.world.home.database());
        sql.execute(
            "INSERT INTO connection_share (environmentid, connectionid, principalid, level, createdon) \
             VALUES (?1, ?2, ?3, 'CanView', 0)",
            params![self.id.as_str(), self.connection.as_str(), with_id(self, with)],
        )
        .expect("it is shared");
    }

    /// Both connectors in one flow, which a policy keeps apart, or in two.
    async fn policy(&self, apart: bool) {
        let mail = self.connection("shared_office365", &Base::default()).await;
        self.reference("hbr_Mail", "shared_office365", Some(&mail)).await;
        let (sql, mail) = (
            entry("hbr_Sql", "shared_sql", "embedded"),
            entry("hbr_Mail", "shared_office365", "embedded"),
        );
        let entries = if apart { vec![mail] } else { vec![sql, mail] };
        self.flow("Mail", &entries, &Base::default().trigger).await;
        let document = json!({
            "defaultConnectorsClassification": "General",
            "environmentType": "OnlyEnvironments", "environments": [{"name": self.name}],
            "connectorGroups": [{"classification": "Confidential", "connectors": [
                {"id": "/providers/Microsoft.PowerApps/apis/shared_sql"}]}],
        });
        let client = self.world.client(&self.name, OPERATOR);
        client.policy_set(&self.name, document).await.expect("it is set");
    }

    /// The last run acted as somebody.
    fn acted(&self, identity: &str) {
        let sql = database::open(&self.world.home.database());
        let now = self.world.store.now();
        sql.execute(
            "INSERT INTO run (environmentid, runid, workflowid, definitionversion, status, callerid, start, \
             startedon, fence) VALUES (?1, 'run', ?2, 1, 'Succeeded', ?3, '{}', ?4, 0)",
            params![self.id.as_str(), self.flow, self.person(SVC), now - DAY],
        )
        .expect("it is noted");
        let acting = json!({"reference": "HBR_SQL", "account": identity}).to_string();
        sql.execute(
            "INSERT INTO run_event (environmentid, runid, seq, at, path, payload, connectionid, \
             bindingversion, acting) VALUES (?1, 'run', 1, ?2, 'A', '{}', ?3, 1, ?4)",
            params![self.id.as_str(), now - DAY, self.connection.as_str(), acting],
        )
        .expect("it is noted");
    }

    /// A managed solution, and a patch on top of it, or none.
    async fn layer(&self, whole: bool) {
        let client = self.world.client(&self.name, OPERATOR);
        let managed = Generated { flows: 1, ..Generated::default() }.zip();
        client.solution_import(&asked(&managed, None, &self.world.job())).await.expect("imported");
        if !whole {
            let patch = Generated {
                name: "HarbourPatch",
                managed: false,
                flows: 1,
                words: &[("For pilot", "For the patched pilot")],
                ..Generated::default()
            };
            let zip = patch.zip();
            client.solution_import(&asked(&zip, None, &self.world.job())).await.expect("imported");
        }
    }

    /// A group with so many members may use the connection.
    fn group(&self, members: usize) {
        let sql = database::open(&self.world.home.database());
        let group = format!("group-{}", self.name);
        let tenant: String = sql
            .query_row(
                "SELECT tenantid FROM environment WHERE environmentid = ?1",
                [self.id.as_str()],
                |r| r.get(0),
            )
            .expect("it has one");
        sql.execute(
            "INSERT INTO tenant_group (tenantid, groupid, name, name_key, kind, createdon) \
             VALUES (?1, ?2, ?2, ?2, 'security', 0)",
            params![tenant, group],
        )
        .expect("it is made");
        for at in 0..members {
            sql.execute(
                "INSERT INTO tenant_group_member (tenantid, groupid, principal_key, kind) \
                 VALUES (?1, ?2, ?3, 'member')",
                params![tenant, group, format!("crew{at}@harbour.test")],
            )
            .expect("it joins");
        }
        self.share(&group);
    }

    /// The facts of the store, those of the API, and what the program says of a file of them.
    async fn hits(&self, code: &'static str, before: &Facts) -> usize {
        let lock = bindings_lock_write(&bindings_lock_of(before, &[]));
        let lock_file = self.world.home.file("bindings.lock.json", &lock);
        let read = bindings_lock_read(lock.as_bytes()).expect("it reads back");
        let operator = Caller::Operator(OPERATOR.to_owned());
        let of_store =
            self.world.store.facts_with_use(&operator, &self.id).await.expect("they are read");
        let mut of_api =
            self.world.client(&self.name, OPERATOR).facts(0).await.expect("they are read");
        let found = |facts: &Facts| {
            let options = AuditOptions {
                lock: Some(Locked { lock: &read, file: "bindings.lock.json" }),
                ..AuditOptions::default()
            };
            let found = audit_codes(facts, &options, &[code]).findings;
            let line = |f: &connref_review::Finding| {
                json!([f.code, f.severity.as_str(), f.subject.name, f.message])
            };
            found.iter().map(line).collect::<Vec<_>>()
        };
        let (store, api) = (found(&of_store), found(&of_api));
        assert_eq!(store, api, "{code}: the store and the API");
        of_api.taken_at = of_store.taken_at;
        assert_eq!(of_store, of_api, "{code}: the facts of the store and of the API");
        let file = self.world.home.file("facts.json", facts_write(&of_api));
        let words = ["audit", "report", "--facts", &file, "--rule", code, "--lock", &lock_file];
        let told =
            self.world.home.run_json(words.into_iter().chain(["--fail-on", "never"])).expect(0);
        let told = told.json();
        let told: Vec<Value> = told
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| json!([row["code"], row["severity"], row["subject"], row["message"]]))
            .collect();
        assert_eq!(store, told, "{code}: the store and the file");
        store.len()
    }
}

fn with_id(site: &Site<'_>, with: &str) -> String {
    if with.starts_with("group-") { with.to_owned() } else { site.person(with) }
}

#[test]
fn every_rule_fires_from_the_store_the_api_and_a_file_alike() {
    let world = World::new();
    let mut rules = 0;
    for code in audit_rules() {
        for miss in [false, true] {
            world.runtime.block_on(async {
                let name = format!("{}-{}", code.to_lowercase(), if miss { "miss" } else { "hit" });
                let site = Site::new(&world, &name, &Base::of(code, miss)).await;
                let operator = Caller::Operator(OPERATOR.to_owned());
                let before = world.store.facts_with_use(&operator, &site.id).await;
                site.arrange(code, miss).await;
                let hits = site.hits(code, &before.expect("they are read")).await;
                assert_eq!(hits > 0, !miss, "{code}, near miss {miss}: {hits} findings");
            });
        }
        rules += 1;
    }
    assert_eq!(rules, 24, "a rule without a fixture fires on nothing");
}
