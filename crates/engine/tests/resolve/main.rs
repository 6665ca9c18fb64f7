//! Who may use what is judged at each use, however lately it was used before: what was taken away a
//! moment ago counts, whether this process took it away or another.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "the set-up of tests")]
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connref_engine::runner::{ResolveError, Resolved, Resolver, Wanted};
use connref_solution::model::facts::{ConnectionKind, PrincipalKind, Role, ShareLevel};
use connref_solution::model::{ConnectionId, EnvironmentId, FlowId, PrincipalId, ReferenceId};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connection_share::SharePut;
use connref_store::connector::BuiltIn;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::flow::FlowNew;
use connref_store::reference::ReferenceNew;
use connref_store::source::{Ids, SystemClock, SystemIds};
use connref_store::user::{UserNew, UserUpdate};
use connref_store::vault::KeyFile;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

const API: &str = "shared_sql";

/// Alice's connections, of which Bob's flow uses one by a share.
struct World {
    store: Store,
    /// Another process on the same database.
    other: Store,
    environment: EnvironmentId,
    admin: Caller,
    alice: Caller,
    bob: Caller,
    connection: ConnectionId,
    second: ConnectionId,
    reference: ReferenceId,
    flow: FlowId,
    resolver: Resolver,
    _folder: tempfile::TempDir,
}

/// On SQLite, and on PostgreSQL where a server is given.
fn each_engine<T: Future<Output = ()>>(test: impl Fn(World) -> T) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("test.db"));
        test(World::open(location, folder).await).await;
        let Ok(server) = std::env::var("CONNREF_TEST_POSTGRES") else {
            eprintln!("not run on PostgreSQL: CONNREF_TEST_POSTGRES is not set");
            return;
        };
        let (client, connection) =
            tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let name = format!("t{}", SystemIds::default().connection_id());
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let location = Location::Postgres(format!("{base}/{name}"));
        test(World::open(location, tempfile::tempdir().unwrap()).await).await;
    });
}

impl World {
    async fn open(location: Location, folder: tempfile::TempDir) -> Self {
        let open = async || {
            let ids = SystemIds::default();
            let key = KeyFile::open_or_create(&folder.path().join("key"), &ids).unwrap();
            Store::open(&location, Arc::new(key), Arc::new(SystemClock), Arc::new(ids))
                .await
                .unwrap()
        };
        let (store, other) = (open().await, open().await);
        let operator = Caller::Operator("admin".into());
        let new = EnvironmentNew {
            name: "DEV".into(),
            kind: Default::default(),
            fidelity: Default::default(),
            allowed: Vec::new(),
        };
        let environment = store.environment_create(&operator, new).await.unwrap().id;
        let built_in = BuiltIn {
            api_name: API.into(),
            display_name: "SQL".into(),
            service_principal: Default::default(),
        };
        store.connector_seed(&operator, &environment, vec![built_in]).await.unwrap();
        let admin = store.caller_find(&environment, "admin").await.unwrap();
        let mut members = Vec::new();
        for name in ["alice@x", "bob@x"] {
            let new = UserNew {
                name: name.into(),
                display_name: name.into(),
                kind: PrincipalKind::User,
                application_id: None,
                role: Role::EnvironmentMaker,
                business_unit: None,
                manager: None,
            };
            store.user_add(&admin, &environment, new).await.unwrap();
            members.push(store.caller_find(&environment, name).await.unwrap());
        }
        let [alice, bob] = <[Caller; 2]>::try_from(members).unwrap();
        let mut made = Vec::new();
        for name in ["first", "second"] {
            let new = connection(&alice, name, None);
            let one = store.connection_create(&alice, &environment, new).await.unwrap().facts.id;
            let (to, level) = (principal(&bob), ShareLevel::CanView);
            store.connection_share(&alice, &environment, &one, &to, Some(level)).await.unwrap();
            made.push(one);
        }
        let [connection, second] = <[ConnectionId; 2]>::try_from(made).unwrap();
        let new = ReferenceNew {
            logical_name: "x_orders".into(),
            display_name: "Orders".into(),
            description: None,
            api_name: API.into(),
            custom_connector_id: None,
            connection: Some(connection.clone()),
            solution: None,
        };
        let version = store.environment_get(&operator, environment.as_str()).await.unwrap().version;
        let reference = store.reference_create(&bob, &environment, version, new).await.unwrap().id;
        let body = json!({"schemaVersion": "1.0.0.0", "properties": {
            "connectionReferences": {API: {"runtimeSource": "embedded", "api": {"name": API},
                "connection": {"connectionReferenceLogicalName": "x_orders"}}},
            "definition": {"triggers": {}, "actions": {}}}});
        let new = FlowNew {
            id: None,
            name: "Orders".into(),
            description: None,
            client_data: body.to_string(),
            solution: None,
        };
        let flow = store.flow_create(&bob, &environment, new).await.unwrap();
        store.flow_state_set(&bob, &environment, version + 2, &flow, true).await.unwrap();
        let resolver = Resolver::new(store.clone());
        Self {
            store,
            other,
            environment,
            admin,
            alice,
            bob,
            connection,
            second,
            reference,
            flow,
            resolver,
            _folder: folder,
        }
    }

    async fn resolve(&self) -> Result<Resolved, ResolveError> {
        let principal = principal(&self.bob);
        let wanted = Wanted {
            environment: &self.environment,
            flow: &self.flow,
            key: API,
            principal: &principal,
            choices: &[],
        };
        self.resolver.resolve(wanted).await
    }

    /// What the use opens, twice: from the vault, and from what was kept.
    async fn password(&self) -> String {
        let first = self.resolve().await.unwrap();
        let again = self.resolve().await.unwrap();
        let [first, again] =
            [first, again].map(|r| r.material.secrets["password"].expose_secret().to_owned());
        assert_eq!(first, again);
        first
    }

    async fn refused(&self) -> &'static str {
        match self.resolve().await.err() {
            Some(ResolveError::Refused(refusal)) => refusal.code,
            Some(ResolveError::Store(error)) => panic!("{error}"),
            None => "",
        }
    }

    async fn version(&self) -> i64 {
        self.store.facts(&self.admin, &self.environment).await.unwrap().environment.version
    }
}

fn principal(caller: &Caller) -> PrincipalId {
    caller.principal().unwrap().clone()
}

fn connection(owner: &Caller, password: &str, id: Option<&ConnectionId>) -> ConnectionNew {
    ConnectionNew {
        id: id.cloned(),
        api_name: API.into(),
        display_name: "Orders".into(),
        owner: principal(owner),
        kind: ConnectionKind::User,
        endpoint: None,
        account: None,
        ends_on: None,
        parameters: BTreeMap::new(),
        secrets: [("password".to_owned(), SecretString::from(password))].into(),
    }
}

/// Everything that changes who may use what, and what it opens.
async fn changes(world: &World, by: &Store, settle: impl AsyncFn()) {
    let World { environment, admin, alice, bob, connection: id, second, .. } = world;
    let (to, owner) = (principal(bob), principal(alice));
    assert_eq!(world.password().await, "first");

    let new = connection(alice, "changed", Some(id));
    by.connection_update(alice, environment, new).await.unwrap();
    settle().await;
    assert_eq!(world.password().await, "changed", "a new credential counts");

    for (name, bound) in [("second", second), ("changed", id)] {
        let (version, bound) = (world.version().await, Some(bound.clone()));
        by.reference_bind(bob, environment, version, &world.reference, bound, "user")
            .await
            .unwrap();
        settle().await;
        assert_eq!(world.password().await, name, "another binding counts");
    }

    by.connection_share(alice, environment, id, &to, None).await.unwrap();
    settle().await;
    assert_eq!(world.refused().await, "ConnectionAuthorizationFailed", "a share taken away");
    let level = Some(ShareLevel::CanView);
    by.connection_share(alice, environment, id, &to, level).await.unwrap();
    settle().await;
    assert_eq!(world.password().await, "changed", "a share given counts");

    by.connection_switch(alice, environment, id, false).await.unwrap();
    settle().await;
    assert_ne!(world.refused().await, "", "a connection that is switched off");
    by.connection_switch(alice, environment, id, true).await.unwrap();
    settle().await;
    assert_eq!(world.password().await, "changed");

    for disabled in [true, false] {
        let update = UserUpdate { disabled: Some(disabled), ..UserUpdate::default() };
        by.user_update(admin, environment, &owner, update).await.unwrap();
        settle().await;
        match disabled {
            true => assert_ne!(world.refused().await, "", "a departed owner"),
            false => assert_eq!(world.password().await, "changed"),
        }
    }

    by.connection_delete(alice, environment, id, true).await.unwrap();
    settle().await;
    assert_ne!(world.refused().await, "", "a deleted connection");
}

#[test]
fn what_this_process_changed_counts_at_once() {
    each_engine(|world| async move { changes(&world, &world.store, async || {}).await });
}

/// The version counts as known for a millisecond: five are enough, however slow the machine is.
#[test]
fn what_another_process_changed_counts_too() {
    each_engine(|world| async move {
        let settle = async || tokio::time::sleep(Duration::from_millis(5)).await;
        changes(&world, &world.other, settle).await;
    });
}

#[test]
fn a_share_that_ends_ends_the_use() {
    each_engine(|world| async move {
        assert_eq!(world.password().await, "first");
        let ends = world.store.now() + 400_000;
        let put = SharePut {
            to: principal(&world.bob).as_str().to_owned(),
            level: ShareLevel::CanView,
            expires_on: Some(ends),
        };
        let (store, id) = (&world.store, &world.connection);
        store
            .connection_shares_modify(&world.alice, &world.environment, None, id, vec![put], vec![])
            .await
            .unwrap();
        let used = world.resolve().await;
        assert!(used.is_ok() || store.now() >= ends, "it counts until it ends");
        while store.now() <= ends {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(world.refused().await, "ConnectionAuthorizationFailed");
    });
}

/// An opened credential that nobody asks for does not lie about.
#[test]
fn what_was_opened_is_dropped() {
    each_engine(|world| async move {
        let weak = Arc::downgrade(&world.resolve().await.unwrap().material);
        assert!(weak.upgrade().is_some(), "it is kept for the next use");
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if weak.upgrade().is_none() {
                return;
            }
        }
        panic!("it is still kept");
    });
}

/// Uses go on while the environment changes: each opens what the binding of its moment says.
#[test]
fn uses_while_the_binding_changes() {
    each_engine(|world| async move {
        let world = Arc::new(world);
        let changing = tokio::spawn({
            let world = Arc::clone(&world);
            async move {
                for at in 0..60 {
                    let bound = if at % 2 == 0 { &world.second } else { &world.connection };
                    let (version, bound) = (world.version().await, Some(bound.clone()));
                    let (bob, environment) = (&world.bob, &world.environment);
                    world
                        .store
                        .reference_bind(bob, environment, version, &world.reference, bound, "user")
                        .await
                        .unwrap();
                }
            }
        });
        let mut seen = [0, 0];
        while !changing.is_finished() {
            let resolved = world.resolve().await.unwrap();
            let second = resolved.chosen.connection == world.second;
            let expected = if second { "second" } else { "first" };
            assert_eq!(resolved.material.secrets["password"].expose_secret(), expected);
            seen[usize::from(second)] += 1;
            tokio::task::yield_now().await;
        }
        changing.await.unwrap();
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
}
