//! A store with one environment, on each engine that is there.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "the set-up of tests")]
use std::future::Future;
use std::sync::Arc;

use connref_solution::model::facts::{PrincipalKind, Role};
use connref_solution::model::{EnvironmentId, PrincipalId};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connector::BuiltIn;
use connref_store::db::{DbError, Location};
use connref_store::environment::EnvironmentNew;
use connref_store::source::{Ids, SystemClock, SystemIds};
use connref_store::user::UserNew;

use crate::key::Folder;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) environment: EnvironmentId,
    pub(crate) administrator: PrincipalId,
    pub(crate) caller: Caller,
    pub(crate) location: Location,
    pub(crate) source: Arc<Folder>,
    _folder: tempfile::TempDir,
}

/// Runs a test on SQLite, and on PostgreSQL where a server is given.
pub(crate) fn each_engine<F, T>(test: F)
where
    F: Fn(World) -> T,
    T: Future<Output = ()>,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = Location::Sqlite(folder.path().join("test.db"));
        test(World::open(file, folder).await).await;
        match std::env::var("CONNREF_TEST_POSTGRES") {
            Ok(server) => {
                let location = Location::Postgres(database(&server).await);
                test(World::open(location, tempfile::tempdir().unwrap()).await).await;
            }
            Err(_) => eprintln!("not run on PostgreSQL: CONNREF_TEST_POSTGRES is not set"),
        }
    });
}

/// A new database on the server.
async fn database(server: &str) -> String {
    let config: tokio_postgres::Config = server.parse().unwrap();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let name = format!("t{}", SystemIds::default().connection_id());
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, query) = server.split_once('?').map_or((server, ""), |(b, q)| (b, q));
    let (base, _) = base.rsplit_once('/').unwrap();
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    format!("{base}/{name}{query}")
}

impl World {
    async fn open(location: Location, folder: tempfile::TempDir) -> Self {
        let ids = SystemIds::default();
        let address = format!("file:{}", folder.path().join("key").display());
        let source = Arc::new(Folder(vec![address].into()));
        let (clock, keys) = (Arc::new(SystemClock), source.clone());
        let store = Store::open_with(&location, keys, clock, Arc::new(ids)).await.unwrap();
        let operator = Caller::Operator("admin".into());
        let new = EnvironmentNew {
            name: "DEV".into(),
            kind: Default::default(),
            fidelity: Default::default(),
            allowed: Vec::new(),
        };
        let environment = store.environment_create(&operator, new).await.unwrap().id;
        let built_in = ["shared_sql", "shared_office365"].map(|api| BuiltIn {
            api_name: api.into(),
            display_name: api.into(),
            service_principal: Default::default(),
        });
        store.connector_seed(&operator, &environment, built_in.to_vec()).await.unwrap();
        let caller = store.caller_find(&environment, "admin").await.unwrap();
        let administrator = caller.principal().unwrap().clone();
        Self { store, environment, administrator, caller, location, source, _folder: folder }
    }

    /// The same database as another process opens it.
    pub(crate) async fn again(&self) -> Store {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds::default()));
        Store::open_with(&self.location, self.source.clone(), clock, ids).await.unwrap()
    }

    /// The version judgements would be made from now.
    pub(crate) async fn version(&self) -> i64 {
        self.store.facts(&self.caller, &self.environment).await.unwrap().environment.version
    }

    pub(crate) async fn member(&self, name: &str, role: Role) -> Caller {
        let new = UserNew {
            name: name.into(),
            display_name: name.into(),
            kind: PrincipalKind::User,
            application_id: None,
            role,
            business_unit: None,
            manager: None,
        };
        self.store.user_add(&self.caller, &self.environment, new).await.unwrap();
        self.store.caller_find(&self.environment, name).await.unwrap()
    }

    pub(crate) async fn another(&self, name: &str) -> EnvironmentId {
        let new = EnvironmentNew {
            name: name.into(),
            kind: Default::default(),
            fidelity: Default::default(),
            allowed: Vec::new(),
        };
        let operator = Caller::Operator("admin".into());
        self.store.environment_create(&operator, new).await.unwrap().id
    }

    pub(crate) async fn envelope(&self, connection: &str, field: &str) -> Vec<u8> {
        let (connection, field) = (connection.to_owned(), field.to_owned());
        self.store
            .db()
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT envelope FROM connection_secret WHERE connectionid = $1 AND field = $2",
                    &[connection.into(), field.into()],
                )?;
                row.expect("the field is sealed").bytes(0)
            })
            .await
            .unwrap_or_else(|e: DbError| panic!("{e}"))
    }

    pub(crate) async fn envelope_put(&self, connection: &str, field: &str, envelope: &[u8]) {
        let (connection, field, envelope) =
            (connection.to_owned(), field.to_owned(), envelope.to_owned());
        self.store
            .db()
            .change(move |sql| {
                sql.execute(
                    "UPDATE connection_secret SET envelope = $3 WHERE connectionid = $1 AND field = $2",
                    &[connection.into(), field.into(), envelope.into()],
                )
            })
            .await
            .unwrap_or_else(|e: DbError| panic!("{e}"));
    }

    /// What somebody with the database in hand can do.
    pub(crate) async fn tamper(&self, statement: &str) {
        let statement = statement.to_owned();
        self.store
            .db()
            .change(move |sql| sql.execute(&statement, &[]))
            .await
            .unwrap_or_else(|e: DbError| panic!("{e}"));
    }
}
