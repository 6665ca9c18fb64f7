//! The store's suite, run on SQLite and, where `CONNREF_TEST_POSTGRES` names a server, on
//! PostgreSQL: the same code, the same expectations.
mod access;
mod connection;
mod group;
mod key;
mod model;
mod past;
mod people;
mod pipeline;
mod sign_in;
mod world;

use std::collections::BTreeMap;

use connref_solution::model::change_set::{ChangeSet, FlowChange, ReferenceChange, SolutionChange};
use connref_solution::model::facts::{
    ConnectionStatus, FlowState, PrincipalKind, Role, ShareLevel,
};
use connref_solution::model::package::{Manifest, PackageReference, Publisher, Workflow};
use connref_solution::model::{ConnectionId, RunId};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connection_state::TestResult;
use connref_store::db::{Db, DbError, Statement};
use connref_store::flow::FlowNew;
use connref_store::reference::ReferenceNew;
use connref_store::run::{RunEnd, RunEvent, RunNew};
use connref_store::run_secret::RunPart;
use connref_store::solution::SolutionNew;
use connref_store::user::{UserNew, UserUpdate};
use secrecy::{ExposeSecret, SecretString};
use world::{World, each_engine};

const BODY: &str = r#"{"properties":{"connectionReferences":{"shared_sql":{"runtimeSource":"embedded",
"connection":{"connectionReferenceLogicalName":"contoso_sql"},"api":{"name":"shared_sql"}}},
"definition":{"triggers":{"manual":{"type":"Request","kind":"Button","inputs":{}}},"actions":{}}},
"schemaVersion":"1.0.0.0"}"#;

fn connection(id: &str, world: &World, secrets: &[(&str, &str)]) -> ConnectionNew {
    ConnectionNew {
        id: Some(ConnectionId::new(id)),
        api_name: "shared_sql".into(),
        display_name: format!("SQL {id}"),
        owner: world.administrator.clone(),
        kind: connref_solution::model::facts::ConnectionKind::SharedKey,
        endpoint: None,
        account: None,
        parameters: BTreeMap::new(),
        secrets: secrets
            .iter()
            .map(|(k, v)| ((*k).to_owned(), SecretString::from((*v).to_owned())))
            .collect(),
        ends_on: None,
    }
}

fn reference(name: &str, bind: Option<&str>) -> ReferenceNew {
    ReferenceNew {
        logical_name: name.into(),
        display_name: name.to_owned(),
        description: None,
        api_name: "shared_sql".into(),
        custom_connector_id: None,
        connection: bind.map(ConnectionId::new),
        solution: None,
    }
}

#[test]
fn a_change_is_whole_or_not_at_all() {
    each_engine(|world| async move {
        let db = world.store.db().clone();
        db.change(|sql| {
            sql.execute("CREATE TABLE t (k BIGINT NOT NULL PRIMARY KEY, v TEXT)", &[])?;
            Ok::<_, DbError>(())
        })
        .await
        .unwrap();
        let failed = db
            .change(|sql| {
                sql.execute("INSERT INTO t (k, v) VALUES ($1, $2)", &[1_i64.into(), "a".into()])?;
                sql.execute("INSERT INTO t (k, v) VALUES ($1, $2)", &[1_i64.into(), "b".into()])?;
                Ok::<_, DbError>(())
            })
            .await;
        assert!(matches!(failed, Err(DbError::Unique(_))), "{failed:?}");
        assert_eq!(count(&db).await, 0);
        let panicked = db
            .change(|sql| -> Result<(), DbError> {
                sql.execute("INSERT INTO t (k, v) VALUES ($1, $2)", &[2_i64.into(), "a".into()])?;
                panic!("a fault in a change")
            })
            .await;
        assert!(matches!(panicked, Err(DbError::Panicked)), "{panicked:?}");
        assert_eq!(count(&db).await, 0);
    });
}

async fn count(db: &Db) -> i64 {
    db.read(|sql| {
        let row = sql.query_one("SELECT COUNT(*) FROM t", &[])?;
        row.map_or(Ok(0), |r| r.int(0))
    })
    .await
    .unwrap_or_else(|e: DbError| panic!("{e}"))
}

#[test]
fn one_bad_append_of_a_group_fails_alone() {
    each_engine(|world| async move {
        let db = world.store.db().clone();
        db.change(|sql| {
            sql.execute("CREATE TABLE t (k BIGINT NOT NULL PRIMARY KEY, v TEXT)", &[])?;
            Ok::<_, DbError>(())
        })
        .await
        .unwrap();
        // Keys 0..99 and every tenth again: those must fail, the others must stand.
        let tasks: Vec<_> = (0..110_i64)
            .map(|i| {
                let (db, key) = (db.clone(), if i < 100 { i } else { (i - 100) * 10 });
                tokio::spawn(async move {
                    let text = "INSERT INTO t (k, v) VALUES ($1, $2)";
                    db.append(Statement { text, params: vec![key.into(), "x".into()] }).await
                })
            })
            .collect();
        let mut failed = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(changed) => assert_eq!(changed, 1),
                Err(DbError::Unique(_)) => failed += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(failed, 10);
        assert_eq!(count(&db).await, 100);
    });
}

#[test]
fn a_binding_keeps_its_history_and_its_connector() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        store.connection_create(cx, env, connection("a1a1a1a1", &world, &[])).await.unwrap();
        let mut other = connection("b2b2b2b2", &world, &[]);
        other.api_name = "shared_office365".into();
        store.connection_create(cx, env, other).await.unwrap();
        let row = store
            .reference_create(cx, env, world.version().await, reference("Contoso_Sql", None))
            .await
            .unwrap();
        assert_eq!(row.connection, None);
        let found = store.reference_get(cx, env, "contoso_SQL").await.unwrap();
        assert_eq!(found.id, row.id);
        let id = Some(ConnectionId::new("a1a1a1a1"));
        store.reference_bind(cx, env, world.version().await, &row.id, id, "hand").await.unwrap();
        let wrong = Some(ConnectionId::new("b2b2b2b2"));
        let refused =
            store.reference_bind(cx, env, world.version().await, &row.id, wrong, "hand").await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
        let absent = Some(ConnectionId::new("cccccccc"));
        let refused =
            store.reference_bind(cx, env, world.version().await, &row.id, absent, "hand").await;
        assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
        store.reference_bind(cx, env, world.version().await, &row.id, None, "hand").await.unwrap();
        let history = store.reference_history(cx, env, &row.id).await.unwrap();
        let versions: Vec<_> =
            history.iter().map(|b| (b.version, b.connection.is_some())).collect();
        assert_eq!(versions, [(2, false), (1, true)]);
    });
}

#[test]
fn a_tested_binding_goes_back_once_and_in_time() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        for id in ["a1a1a1a1", "b2b2b2b2"] {
            store.connection_create(cx, env, connection(id, &world, &[])).await.unwrap();
        }
        let new = reference("contoso_sql", None);
        let row = store.reference_create(cx, env, world.version().await, new).await.unwrap();
        let bind = async |id: &str, until: Option<i64>| {
            let bindings = vec![(row.id.clone(), Some(ConnectionId::new(id)))];
            let version = world.version().await;
            store.references_bind(cx, env, version, bindings, "tested", until).await.unwrap();
        };
        let soon = || Some(store.now() + 3_600_000_000);
        let bound =
            async || store.reference_get(cx, env, "contoso_sql").await.unwrap().connection.unwrap();
        // There is nothing before a first binding.
        bind("a1a1a1a1", soon()).await;
        assert!(!store.reference_return(cx, env, &row.id, 1).await.unwrap());
        bind("b2b2b2b2", soon()).await;
        assert!(!store.reference_return(cx, env, &row.id, 1).await.unwrap(), "another version");
        assert!(store.reference_return(cx, env, &row.id, 2).await.unwrap());
        assert_eq!(bound().await, "a1a1a1a1".into());
        assert!(!store.reference_return(cx, env, &row.id, 3).await.unwrap(), "once");
        // Its time is over, or there was none, or the connection before is gone.
        bind("b2b2b2b2", Some(store.now() - 1)).await;
        assert!(!store.reference_return(cx, env, &row.id, 4).await.unwrap());
        bind("a1a1a1a1", None).await;
        assert!(!store.reference_return(cx, env, &row.id, 5).await.unwrap());
        bind("b2b2b2b2", soon()).await;
        store.connection_delete(cx, env, &"a1a1a1a1".into(), true).await.unwrap();
        assert!(!store.reference_return(cx, env, &row.id, 6).await.unwrap());
        let sources: Vec<String> = store
            .reference_history(cx, env, &row.id)
            .await
            .unwrap()
            .into_iter()
            .map(|one| one.source)
            .collect();
        assert_eq!(sources, ["tested", "tested", "tested", "return", "tested", "tested"]);
    });
}

#[test]
fn an_import_suspends_what_it_is_told_to() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        store.change_apply(cx, env, import(world.version().await, true), None).await.unwrap();
        let facts = store.facts(cx, env).await.unwrap();
        assert_eq!(facts.flows[0].state, FlowState::On);
        let mut update = import(world.version().await, false);
        update.solution.existing = Some(facts.solutions[0].id.clone());
        update.references[0].existing = Some(facts.references[0].id.clone());
        update.flows[0].existing = Some(facts.flows[0].id.clone());
        update.suspensions = vec![(facts.flows[0].id.clone(), "CompanyDlpViolation: x".into())];
        store.change_apply(cx, env, update, None).await.unwrap();
        let facts = store.facts(cx, env).await.unwrap();
        assert_eq!(facts.flows[0].state, FlowState::Suspended);
        assert_eq!(facts.flows[0].why_off.as_deref(), Some("CompanyDlpViolation: x"));
        assert!(facts.flows[0].wanted_on);
    });
}

#[test]
fn a_judgement_on_old_facts_is_refused() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let old = world.version().await;
        store.reference_create(cx, env, old, reference("contoso_a", None)).await.unwrap();
        let stale = store.reference_create(cx, env, old, reference("contoso_b", None)).await;
        assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
        let facts = store.facts(cx, env).await.unwrap();
        assert_eq!(facts.references.len(), 1);
        let twice = store
            .reference_create(cx, env, world.version().await, reference("CONTOSO_A", None))
            .await;
        assert!(matches!(twice, Err(StoreError::Exists { .. })), "{twice:?}");
    });
}

#[test]
fn a_sealed_field_opens_in_its_own_place_only() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let ids: Vec<String> = (0..12).map(|i| format!("{i:032x}")).collect();
        for id in &ids {
            let new = connection(id, &world, &[("password", "one"), ("token", "two")]);
            store.connection_create(cx, env, new).await.unwrap();
        }
        let opened = store.connection_open(cx, env, &ids[3].as_str().into()).await.unwrap();
        assert_eq!(opened.secrets["password"].expose_secret(), "one");
        let mut envelopes = Vec::new();
        for id in &ids {
            for field in ["password", "token"] {
                envelopes.push((id.clone(), field, world.envelope(id, field).await));
            }
        }
        let mut tried = 0;
        for (to, to_field, original) in &envelopes {
            for (from, from_field, moved) in &envelopes {
                if (to, to_field) == (from, from_field) {
                    continue;
                }
                world.envelope_put(to, to_field, moved).await;
                let refused = store.connection_open(cx, env, &to.as_str().into()).await;
                assert!(matches!(refused, Err(StoreError::Vault(_))), "a moved secret opened");
                tried += 1;
            }
            world.envelope_put(to, to_field, original).await;
        }
        assert_eq!(tried, 24 * 23);
        for id in &ids {
            store.connection_open(cx, env, &id.as_str().into()).await.unwrap();
        }
    });
}

#[test]
fn an_older_secret_put_back_does_not_open() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let id = "d4d4d4d4";
        let new = connection(id, &world, &[("password", "first"), ("other", "kept")]);
        store.connection_create(cx, env, new).await.unwrap();
        let old = world.envelope(id, "password").await;
        let update = connection(id, &world, &[("password", "second")]);
        store.connection_update(cx, env, update).await.unwrap();
        let opened = store.connection_open(cx, env, &id.into()).await.unwrap();
        assert_eq!(opened.secrets["password"].expose_secret(), "second");
        assert_eq!(opened.secrets["other"].expose_secret(), "kept");
        world.envelope_put(id, "password", &old).await;
        assert!(store.connection_open(cx, env, &id.into()).await.is_err());
    });
}

#[test]
fn who_sees_and_uses_a_connection() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let id: ConnectionId = "e5e5e5e5".into();
        store.connection_create(cx, env, connection("e5e5e5e5", &world, &[])).await.unwrap();
        let maker = world.member("maker@contoso.test", Role::EnvironmentMaker).await;
        assert!(matches!(
            store.connection_get(&maker, env, &id).await,
            Err(StoreError::NotFound { .. })
        ));
        assert!(store.connection_list(&maker, env).await.unwrap().is_empty());
        let principal = maker.principal().unwrap().clone();
        let view = Some(ShareLevel::CanView);
        store.connection_share(cx, env, &id, &principal, view).await.unwrap();
        assert_eq!(store.connection_list(&maker, env).await.unwrap().len(), 1);
        let again = store.connection_share(&maker, env, &id, &principal, view).await;
        assert!(matches!(again, Err(StoreError::Denied { .. })), "{again:?}");
        let deleted = store.connection_delete(&maker, env, &id, true).await;
        assert!(matches!(deleted, Err(StoreError::Denied { .. })), "{deleted:?}");
        store.connection_share(cx, env, &id, &principal, None).await.unwrap();
        assert!(store.connection_open(&maker, env, &id).await.is_err());
        let status = ConnectionStatus::Error { code: "x".into(), message: "y".into() };
        let failed = TestResult::Failed { code: "x".into(), message: "y".into(), target: None };
        store.connection_tested(cx, env, &id, failed).await.unwrap();
        assert_eq!(store.connection_get(cx, env, &id).await.unwrap().facts.status, status);
    });
}

#[test]
fn a_used_connection_is_not_deleted_by_accident() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let id: ConnectionId = "f6f6f6f6".into();
        store.connection_create(cx, env, connection("f6f6f6f6", &world, &[])).await.unwrap();
        let bound = reference("contoso_sql", Some("f6f6f6f6"));
        store.reference_create(cx, env, world.version().await, bound).await.unwrap();
        let refused = store.connection_delete(cx, env, &id, false).await.unwrap_err();
        assert!(refused.to_string().contains("`contoso_sql`"), "{refused}");
        store.connection_delete(cx, env, &id, true).await.unwrap();
        assert!(store.connection_get(cx, env, &id).await.is_err());
    });
}

#[test]
fn the_log_shows_what_was_altered() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        for i in 0..5 {
            let name = format!("contoso_{i}");
            store
                .reference_create(cx, env, world.version().await, reference(&name, None))
                .await
                .unwrap();
        }
        let good = store.audit_verify(cx, env).await.unwrap();
        assert_eq!(good.first_bad, None);
        assert!(good.entries >= 6);
        let log = store.audit_list(cx, env, 2).await.unwrap();
        assert_eq!(log[0].action, "reference_create");
        assert_eq!(log[0].detail["name"], "contoso_4");
        world.tamper("UPDATE audit SET actor = 'somebody else' WHERE seq = 3").await;
        assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, Some(3));
        world.tamper(&format!("UPDATE audit SET actor = '{}' WHERE seq = 3", cx.name())).await;
        assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, None);
        world.tamper(&format!("DELETE FROM audit WHERE seq = {}", good.entries)).await;
        assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, Some(good.entries));
    });
}

#[test]
fn a_member_of_one_environment_finds_nothing_in_another() {
    each_engine(|world| async move {
        let store = &world.store;
        let other = world.another("OTHER").await;
        let outsider = world.member("maker@contoso.test", Role::SystemAdministrator).await;
        for refused in [
            store.facts(&outsider, &other).await.err(),
            store.connection_list(&outsider, &other).await.err(),
            store.audit_list(&outsider, &other, 1).await.err(),
            store.environment_get(&outsider, "other").await.err(),
        ] {
            assert!(matches!(refused, Some(StoreError::NotFound { .. })), "{refused:?}");
        }
        let made = store
            .environment_create(
                &outsider,
                connref_store::environment::EnvironmentNew {
                    name: "MINE".into(),
                    kind: Default::default(),
                    fidelity: Default::default(),
                    allowed: Vec::new(),
                },
            )
            .await;
        assert!(matches!(made, Err(StoreError::Denied { .. })), "{made:?}");
    });
}

#[test]
fn a_disabled_user_is_nobody() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let user = UserNew {
            name: "alice@contoso.test".into(),
            display_name: "Alice".into(),
            kind: PrincipalKind::User,
            application_id: None,
            role: Role::EnvironmentMaker,
            business_unit: None,
            manager: None,
        };
        let alice = store.user_add(cx, env, user).await.unwrap();
        store.caller_find(env, "ALICE@contoso.test").await.unwrap();
        let gone = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
        store.user_update(cx, env, &alice.id, gone).await.unwrap();
        let refused = store.caller_find(env, "alice@contoso.test").await;
        assert!(matches!(refused, Err(StoreError::Denied { .. })), "{refused:?}");
        let facts = store.facts(cx, env).await.unwrap();
        let seen = facts.principal(&alice.id).unwrap();
        assert!(seen.disabled && seen.departed_at.is_some());
    });
}

fn import(version: i64, on: bool) -> ChangeSet {
    let publisher = Publisher {
        unique_name: "contoso".into(),
        display_name: "Contoso".into(),
        prefix: "contoso".into(),
        option_value_prefix: 10000,
    };
    ChangeSet {
        facts_version: version,
        solution: SolutionChange {
            existing: None,
            upgrade_of: None,
            manifest: Manifest {
                unique_name: "Orders".into(),
                display_name: "Orders".into(),
                version: "1.0.0.0".into(),
                language: 1033,
                publisher,
                ..Manifest::default()
            },
            parts: vec![("solution.xml".into(), b"<x/>".to_vec()), ("b".into(), vec![0, 255])],
        },
        tables: Vec::new(),
        connectors: Vec::new(),
        references: vec![ReferenceChange {
            existing: None,
            reference: PackageReference {
                logical_name: "contoso_sql".into(),
                display_name: "SQL".into(),
                description: None,
                api_name: "shared_sql".into(),
                custom_connector_id: None,
                customizable: true,
                prompting_behavior: Some(0),
            },
            hidden: false,
            bind: None,
        }],
        variables: Vec::new(),
        flows: vec![FlowChange {
            existing: None,
            workflow: Workflow {
                id: "11111111-2222-3333-4444-555555555555".into(),
                name: "Sync".into(),
                description: None,
                category: 5,
                state_code: 1,
                modern_flow_type: Some(0),
                json_file_name: Some("/Workflows/Sync.json".into()),
                client_data: Some(BODY.into()),
            },
            body: None,
            hidden: false,
            on,
            wanted_on: true,
            why_off: None,
        }],
        removals: Vec::new(),
        suspensions: Vec::new(),
        overwrite: false,
    }
}

#[test]
fn an_import_is_written_whole_and_read_back() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let change = import(world.version().await, false);
        store.change_apply(cx, env, change, None).await.unwrap();
        let facts = store.facts(cx, env).await.unwrap();
        assert_eq!(facts.flows[0].references[0].logical_name, Some("contoso_sql".into()));
        assert_eq!(facts.references[0].solutions, facts.flows[0].solutions);
        assert!(facts.flows[0].wanted_on);
        let content = store.solution_content(cx, env, "orders").await.unwrap();
        assert_eq!(content.parts[1], ("b".to_owned(), vec![0, 255]));
        assert_eq!(content.workflows[0].client_data.as_deref(), Some(BODY));
        let mut upgrade = import(world.version().await, true);
        upgrade.solution.existing = Some(facts.solutions[0].id.clone());
        upgrade.references[0].existing = Some(facts.references[0].id.clone());
        upgrade.references[0].reference.display_name = String::new();
        upgrade.flows[0].existing = Some(facts.flows[0].id.clone());
        store.change_apply(cx, env, upgrade, None).await.unwrap();
        let facts = store.facts(cx, env).await.unwrap();
        assert_eq!(facts.references[0].display_name, "SQL", "an empty name blanks nothing");
        assert_eq!(facts.flows[0].state, FlowState::On);
        let twice = store.change_apply(cx, env, import(world.version().await, true), None).await;
        assert!(
            matches!(twice, Err(StoreError::Exists { .. } | StoreError::Database(_))),
            "{twice:?}"
        );
        let after = store.facts(cx, env).await.unwrap();
        assert_eq!(*facts, *after, "a failed import leaves the environment as it was");
    });
}

#[test]
fn authoring_adds_components_in_order() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let publisher = Publisher {
            unique_name: "contoso".into(),
            display_name: "Contoso".into(),
            prefix: "contoso".into(),
            option_value_prefix: 10000,
        };
        store.publisher_create(cx, env, publisher.clone()).await.unwrap();
        assert!(store.publisher_create(cx, env, publisher).await.is_err());
        let new = SolutionNew {
            unique_name: "Orders".into(),
            display_name: "Orders".into(),
            description: None,
            version: "1.0.0.0".into(),
            publisher: "Contoso".into(),
        };
        let solution = store.solution_create(cx, env, new).await.unwrap();
        for name in ["contoso_z", "contoso_a"] {
            let mut row = reference(name, None);
            row.solution = Some(solution.facts.id.clone());
            store.reference_create(cx, env, world.version().await, row).await.unwrap();
        }
        let flow = FlowNew {
            id: None,
            name: "Sync".into(),
            description: None,
            client_data: BODY.into(),
            solution: Some(solution.facts.id.clone()),
        };
        let id = store.flow_create(cx, env, flow).await.unwrap();
        for on in [true, false] {
            store.flow_state_set(cx, env, world.version().await, &id, on).await.unwrap();
            let facts = store.facts(cx, env).await.unwrap();
            assert_eq!(facts.flow(&id).unwrap().state == FlowState::On, on);
        }
        let content = store.solution_content(cx, env, "Orders").await.unwrap();
        let names: Vec<_> = content.references.iter().map(|r| r.logical_name.as_str()).collect();
        assert_eq!(names, ["contoso_z", "contoso_a"]);
        assert_eq!(content.workflows.len(), 1);
    });
}

fn run_new(id: &str) -> RunNew {
    RunNew {
        id: RunId::new(id),
        flow: "f".into(),
        definition_version: 1,
        caller: "somebody".into(),
        parent: None,
        start: "{}".into(),
        secured: false,
        started_on: 1,
        node: "one".into(),
        lease_until: 5,
    }
}

fn event(seq: i64) -> RunEvent {
    RunEvent {
        seq,
        at: 2,
        path: "Send".into(),
        payload: "{}".into(),
        secured: false,
        connection: None,
        reference: None,
        binding_version: Some(3),
        acting: None,
    }
}

#[test]
fn what_a_run_hides_is_kept_whole_for_its_lease_and_goes_with_its_end() {
    each_engine(|world| async move {
        let (store, env) = (&world.store, &world.environment);
        let (system, run) = (Caller::System("test"), RunId::new("r1"));
        let fence = store.run_start(&system, env, run_new("r1")).await.unwrap();
        // Longer than one envelope takes, cut within a letter if it were cut by bytes.
        let long = format!("a{}", "é".repeat(1_500_000));
        let part = RunPart::Event(1);
        let put = |fence: i64, text: &str| {
            let text = SecretString::from(text.to_owned());
            let (store, env, run) = (store.clone(), env.clone(), run.clone());
            async move { store.run_secret_put(&env, &run, Some(fence), part, &text).await }
        };
        put(fence, &long).await.unwrap();
        let kept = store.run_secret(&system, env, &run, part).await.unwrap().unwrap();
        assert!(kept.expose_secret() == long);
        put(fence, "short").await.unwrap();
        let kept = store.run_secret(&system, env, &run, part).await.unwrap().unwrap();
        assert_eq!(kept.expose_secret(), "short");
        assert!(store.run_secret(&system, env, &run, RunPart::Event(11)).await.unwrap().is_none());
        let refused = store.run_secret(&world.caller, env, &run, part).await;
        assert!(matches!(refused, Err(StoreError::Denied { .. })));
        let lost = put(fence + 1, "x").await;
        assert!(matches!(lost, Err(StoreError::LeaseLost(_))));
        let end = RunEnd {
            status: "Succeeded".into(),
            code: None,
            message: None,
            response: None,
            secured_response: false,
            forget: true,
            history: "{}".into(),
            ended_on: 9,
        };
        let late = store.run_finish(env, &run, fence + 1, Vec::new(), end.clone()).await;
        assert!(late.is_err());
        assert!(store.run_secret(&system, env, &run, part).await.unwrap().is_some());
        store.run_finish(env, &run, fence, Vec::new(), end).await.unwrap();
        assert!(store.run_secret(&system, env, &run, part).await.unwrap().is_none());
    });
}

#[test]
fn a_node_that_lost_its_lease_writes_nothing() {
    each_engine(|world| async move {
        let (store, env) = (&world.store, &world.environment);
        let system = Caller::System("test");
        let run = RunId::new("r1");
        let fence = store.run_start(&system, env, run_new("r1")).await.unwrap();
        store.run_event(env, &run, fence, event(1)).await.unwrap();
        let (place, claimed) = store.run_claim(&system, "two", i64::MAX).await.unwrap().unwrap();
        assert_eq!((&place, claimed.fence), (env, fence + 1));
        assert!(store.run_claim(&system, "three", i64::MAX).await.unwrap().is_none());
        let end = RunEnd {
            status: "Succeeded".into(),
            code: None,
            message: None,
            response: None,
            secured_response: false,
            forget: true,
            history: "{}".into(),
            ended_on: 9,
        };
        for refused in [
            store.run_event(env, &run, fence, event(2)).await,
            store.run_renew(env, &run, fence, 7).await,
            store.run_finish(env, &run, fence, Vec::new(), end.clone()).await,
        ] {
            assert!(matches!(refused, Err(StoreError::LeaseLost(_))), "{refused:?}");
        }
        store.run_finish(env, &run, fence + 1, vec![event(2)], end.clone()).await.unwrap();
        let again = store.run_finish(env, &run, fence + 1, Vec::new(), end).await;
        assert!(again.is_err(), "a run ends once");
        let events = store.run_events(&system, env, &run).await.unwrap();
        assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(store.run_get(&system, env, &run).await.unwrap().status, "Succeeded");
    });
}

#[test]
fn only_the_operator_says_which_secrets_an_environment_reads() {
    each_engine(|world| async move {
        let (store, env) = (&world.store, &world.environment);
        let allow = |caller: &Caller, entries: &[&str]| {
            let (caller, entries) =
                (caller.clone(), entries.iter().map(|e| (*e).to_owned()).collect());
            async move { store.environment_allow(&caller, env, entries).await }
        };
        let operator = Caller::Operator("admin".into());
        allow(&operator, &["secret:vault://kv", "10.0.0.1"]).await.unwrap();
        allow(&world.caller, &["10.0.0.2", "secret:vault://kv"]).await.unwrap();
        for entries in
            [&["10.0.0.2"][..], &["secret:vault://kv,secret:env://A"], &["secret:env://A"]]
        {
            let refused = allow(&world.caller, entries).await;
            assert!(matches!(refused, Err(StoreError::Denied { .. })), "{refused:?}");
        }
        let found = store.environment_get(&operator, env.as_str()).await.unwrap();
        assert_eq!(found.allowed, ["10.0.0.2", "secret:vault://kv"]);
    });
}

#[test]
fn changes_that_race_follow_one_another() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let before = world.version().await;
        let tasks: Vec<_> = (0..40)
            .map(|i| {
                let (store, cx, env) = (store.clone(), cx.clone(), env.clone());
                tokio::spawn(async move {
                    let user = UserNew {
                        name: format!("user{i}@contoso.test"),
                        display_name: String::new(),
                        kind: PrincipalKind::User,
                        application_id: None,
                        role: Role::BasicUser,
                        business_unit: None,
                        manager: None,
                    };
                    store.user_add(&cx, &env, user).await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(world.version().await, before + 40);
        assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, None);
    });
}
