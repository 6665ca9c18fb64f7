//! Resolving a use: reference → binding → connection → opened credential, with authorisation. Beside
//! it one bare read of such a row through the same driver, and reading a secret from an OpenBao.
//! `resolve [postgres://…]`, or `resolve uncached` and `resolve cached` for a profiler; OpenBao is the program that `CONNREF_TEST_OPENBAO` names. Prints
//! `name figure` lines for `benches/resolve.sh`.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use connref_egress::crypto_install;
use connref_engine::runner::{Resolver, Wanted};
use connref_solution::model::facts::ConnectionKind;
use connref_solution::model::{ConnectionId, EnvironmentId, FlowId, PrincipalId};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connector::BuiltIn;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::flow::FlowNew;
use connref_store::reference::ReferenceNew;
use connref_store::source::{SystemClock, SystemIds};
use connref_store::vault::KeyFile;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

type Fail = Box<dyn Error + Send + Sync>;

const CONNECTIONS: usize = 10_000;
const FLOWS: usize = 10;
const KEYS: usize = 100;
/// One figure of one round; the rounds take turns, so that a busy moment meets all alike.
const SPAN: Duration = Duration::from_millis(1000);
const ROUNDS: usize = 3;
const CLIENTS: usize = 32;
const TOKEN: &str = "bench-token";
const API: &str = "shared_sql";

fn main() -> Result<(), Fail> {
    crypto_install();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let word = std::env::args().nth(1);
    match word.as_deref() {
        Some(one @ ("cached" | "uncached")) => runtime.block_on(profile(one == "cached")),
        _ => runtime.block_on(measure(word)),
    }
}

/// The environment that is measured.
struct World {
    store: Store,
    location: Location,
    folder: tempfile::TempDir,
    environment: EnvironmentId,
    principal: PrincipalId,
    flows: Vec<FlowId>,
    keys: Vec<String>,
    bound: Vec<ConnectionId>,
}

impl World {
    fn wanted(&self, at: usize) -> Wanted<'_> {
        let at = at.wrapping_mul(7919) % (FLOWS * KEYS);
        Wanted {
            environment: &self.environment,
            flow: &self.flows[at / KEYS],
            key: &self.keys[at % KEYS],
            principal: &self.principal,
            choices: &[],
        }
    }
}

async fn measure(database: Option<String>) -> Result<(), Fail> {
    let world = Arc::new(world(database.as_deref()).await?);
    let resolver = Arc::new(Resolver::new(world.store.clone()));
    let bare = Bare::open(&world).await?;
    let bao = OpenBao::start().await?;
    for _ in 0..ROUNDS {
        println!("bare_connection {:.0}", bare.rate(&world, "connection").await?);
        println!("bare_secret {:.0}", bare.rate(&world, "secret").await?);
        println!("uncached {:.0}", one_by_one(&world, &resolver, false).await?);
        println!("cached {:.0}", one_by_one(&world, &resolver, true).await?);
        println!("uncached_32 {:.0}", at_once(&world, &resolver, false).await?);
        println!("cached_32 {:.0}", at_once(&world, &resolver, true).await?);
        if let Some(bao) = &bao {
            println!("openbao_32 {:.0}", bao.rate().await?);
        }
    }
    rotate(&world, &resolver).await
}

/// One of the figures alone.
async fn profile(cached: bool) -> Result<(), Fail> {
    let world = world(None).await?;
    let resolver = Resolver::new(world.store.clone());
    for _ in 0..10 {
        println!("{:.0}", one_by_one(&world, &resolver, cached).await?);
    }
    Ok(())
}

/// Uses a second on one thread, each after the one before.
async fn one_by_one(world: &World, resolver: &Resolver, cached: bool) -> Result<f64, Fail> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < SPAN {
        // The clock is asked for once in a while: it would be a good part of what is measured.
        for _ in 0..64 {
            resolve(world, resolver, count as usize, cached).await?;
            count += 1;
        }
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

async fn resolve(world: &World, resolver: &Resolver, at: usize, cached: bool) -> Result<(), Fail> {
    let wanted = world.wanted(at);
    let resolved = if cached {
        resolver.resolve(wanted).await?
    } else {
        resolver.resolve_anew(wanted).await?
    };
    match resolved.material.secrets.get("password") {
        Some(secret) if secret.expose_secret().len() == 32 => Ok(()),
        _ => Err("the credential is not what was put in".into()),
    }
}

async fn at_once(world: &Arc<World>, resolver: &Arc<Resolver>, cached: bool) -> Result<f64, Fail> {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..CLIENTS {
        let (world, resolver) = (Arc::clone(world), Arc::clone(resolver));
        tasks.push(tokio::spawn(async move {
            let mut count = 0_u32;
            while start.elapsed() < SPAN {
                for _ in 0..16 {
                    resolve(&world, &resolver, client * 31 + count as usize, cached).await?;
                    count += 1;
                }
                tokio::task::yield_now().await;
            }
            Ok::<_, Fail>(count)
        }));
    }
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// A new version of the key takes all secrets, while uses go on in this process and in one that
/// learns of the change only by what it reads.
async fn rotate(world: &Arc<World>, resolver: &Arc<Resolver>) -> Result<(), Fail> {
    let other = Arc::new(Resolver::new(open(&world.location, world.folder.path()).await?));
    let stop = Arc::new(AtomicBool::new(false));
    let (uses, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for client in 0..4 {
        let resolver = Arc::clone(if client % 2 == 0 { resolver } else { &other });
        let (world, stop) = (Arc::clone(world), Arc::clone(&stop));
        let (uses, failed) = (Arc::clone(&uses), Arc::clone(&failed));
        tasks.push(tokio::spawn(async move {
            let mut at = client * 31;
            while !stop.load(Ordering::Relaxed) {
                if resolve(&world, &resolver, at, client == 0).await.is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                uses.fetch_add(1, Ordering::Relaxed);
                at += 1;
                tokio::task::yield_now().await;
            }
        }));
    }
    let operator = Caller::Operator("bench".into());
    let start = Instant::now();
    world.store.key_change_begin(&operator, None).await?;
    let ended = world.store.key_change_continue(&operator, Duration::from_secs(300)).await?;
    let took = start.elapsed();
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await?;
    }
    let ended = ended.filter(|change| change.ended_on.is_some()).ok_or("it did not end")?;
    println!("rotation_records {}", ended.done);
    println!("rotation_seconds {:.2}", took.as_secs_f64());
    println!("rotation_uses {}", uses.load(Ordering::Relaxed));
    println!("rotation_failed {}", failed.load(Ordering::Relaxed));
    Ok(())
}

/// One row by key, past the store, all its columns taken out: with the driver that the store uses,
/// the statement prepared before.
enum Bare {
    Sqlite(Box<rusqlite::Connection>),
    Postgres(Box<tokio_postgres::Client>),
}

impl Bare {
    async fn open(world: &World) -> Result<Self, Fail> {
        Ok(match &world.location {
            Location::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path)?;
                connection.execute_batch("PRAGMA query_only=ON; PRAGMA cache_size=-4096")?;
                Self::Sqlite(Box::new(connection))
            }
            Location::Postgres(url) => {
                let (client, connection) =
                    tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                Self::Postgres(Box::new(client))
            }
        })
    }

    async fn rate(&self, world: &World, table: &str) -> Result<f64, Fail> {
        let text = match table {
            "connection" => {
                "SELECT * FROM connection WHERE environmentid = $1 AND connectionid = $2"
            }
            _ => "SELECT * FROM connection_secret WHERE environmentid = $1 AND connectionid = $2",
        };
        let keys = |count: u32| {
            let at = (count as usize).wrapping_mul(7919) % world.bound.len();
            (world.environment.as_str(), world.bound[at].as_str())
        };
        let (start, mut count) = (Instant::now(), 0_u32);
        match self {
            Self::Sqlite(connection) => {
                let text = text.replace('$', "?");
                let mut statement = connection.prepare(&text)?;
                let columns = statement.column_count();
                while start.elapsed() < SPAN {
                    let (environment, id) = keys(count);
                    let mut rows = statement.query([environment, id])?;
                    let row = rows.next()?.ok_or("no row")?;
                    for column in 0..columns {
                        let value: rusqlite::types::Value = row.get(column)?;
                        std::hint::black_box(value);
                    }
                    count += 1;
                }
            }
            Self::Postgres(client) => {
                let statement = client.prepare(text).await?;
                while start.elapsed() < SPAN {
                    let (environment, id) = keys(count);
                    std::hint::black_box(client.query(&statement, &[&environment, &id]).await?);
                    count += 1;
                }
            }
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }
}

/// A secret store of another make, in memory: it has no disk to wait for.
struct OpenBao {
    process: Child,
    client: reqwest::Client,
    url: String,
    _home: tempfile::TempDir,
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl OpenBao {
    async fn start() -> Result<Option<Self>, Fail> {
        let Some(program) = std::env::var_os("CONNREF_TEST_OPENBAO") else { return Ok(None) };
        let home = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(program)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={TOKEN}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let url = format!("http://127.0.0.1:{port}/v1/secret/data");
        let bao = Self { process, client: reqwest::Client::new(), url, _home: home };
        for _ in 0..200 {
            let put = bao.client.post(format!("{}/bench", bao.url)).header("X-Vault-Token", TOKEN);
            let body = json!({"data": {"password": "p".repeat(32)}});
            match put.json(&body).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(Some(bao)),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        Err("OpenBao did not start".into())
    }

    /// Reads a second, so many in flight.
    async fn rate(&self) -> Result<f64, Fail> {
        let start = Instant::now();
        let mut tasks = Vec::new();
        for _ in 0..CLIENTS {
            let (client, url) = (self.client.clone(), format!("{}/bench", self.url));
            tasks.push(tokio::spawn(async move {
                let mut count = 0_u32;
                while start.elapsed() < SPAN {
                    let answer = client.get(&url).header("X-Vault-Token", TOKEN).send().await?;
                    let body: serde_json::Value = answer.error_for_status()?.json().await?;
                    if body["data"]["data"]["password"].as_str().map(str::len) != Some(32) {
                        return Err("another secret".into());
                    }
                    count += 1;
                }
                Ok::<_, Fail>(count)
            }));
        }
        let mut count = 0;
        for task in tasks {
            count += task.await??;
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }
}

async fn open(location: &Location, folder: &Path) -> Result<Store, Fail> {
    let ids = SystemIds::default();
    let key = KeyFile::open_or_create(&folder.join("key"), &ids)?;
    Ok(Store::open(location, Arc::new(key), Arc::new(SystemClock), Arc::new(ids)).await?)
}

async fn world(database: Option<&str>) -> Result<World, Fail> {
    let folder = tempfile::tempdir()?;
    let location = match database {
        Some(url) => Location::Postgres(url.to_owned()),
        None => Location::Sqlite(folder.path().join("bench.db")),
    };
    let store = open(&location, folder.path()).await?;
    let operator = Caller::Operator("bench".into());
    let new = EnvironmentNew {
        name: "BENCH".into(),
        kind: Default::default(),
        fidelity: Default::default(),
        allowed: Vec::new(),
    };
    let environment = store.environment_create(&operator, new).await?.id;
    let built_in = BuiltIn {
        api_name: API.into(),
        display_name: "SQL".into(),
        service_principal: Default::default(),
    };
    store.connector_seed(&operator, &environment, vec![built_in]).await?;
    let caller = store.caller_find(&environment, "bench").await?;
    let principal = caller.principal().ok_or("no principal")?.clone();
    let mut bound = connections(&store, &caller, &environment).await?;
    bound.truncate(FLOWS * KEYS);
    let version = store.environment_get(&operator, environment.as_str()).await?.version;
    for (at, connection) in bound.iter().enumerate() {
        let new = ReferenceNew {
            logical_name: format!("bench_{at}").as_str().into(),
            display_name: format!("Reference {at}"),
            description: None,
            api_name: API.into(),
            custom_connector_id: None,
            connection: Some(connection.clone()),
            solution: None,
        };
        let version = version + i64::try_from(at)?;
        store.reference_create(&caller, &environment, version, new).await?;
    }
    let keys: Vec<String> = (0..KEYS).map(|key| format!("{API}_{key}")).collect();
    let mut flows = Vec::new();
    for flow in 0..FLOWS {
        let references: BTreeMap<&str, serde_json::Value> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| {
                let name = format!("bench_{}", flow * KEYS + at);
                let connection = json!({"connectionReferenceLogicalName": name});
                let entry = json!({"runtimeSource": "embedded", "connection": connection, "api": {"name": API}});
                (key.as_str(), entry)
            })
            .collect();
        let body = json!({"schemaVersion": "1.0.0.0", "properties": {
            "connectionReferences": references, "definition": {"triggers": {}, "actions": {}}}});
        let new = FlowNew {
            id: None,
            name: format!("Flow {flow}"),
            description: None,
            client_data: body.to_string(),
            solution: None,
        };
        flows.push(store.flow_create(&caller, &environment, new).await?);
    }
    for flow in &flows {
        let version = store.environment_get(&operator, environment.as_str()).await?.version;
        store.flow_state_set(&caller, &environment, version, flow, true).await?;
    }
    Ok(World { store, location, folder, environment, principal, flows, keys, bound })
}

async fn connections(
    store: &Store,
    caller: &Caller,
    environment: &EnvironmentId,
) -> Result<Vec<ConnectionId>, Fail> {
    let owner = caller.principal().ok_or("no principal")?.clone();
    let mut tasks = Vec::new();
    for at in 0..CONNECTIONS {
        let new = ConnectionNew {
            id: None,
            api_name: API.into(),
            display_name: format!("Connection {at:05}"),
            owner: owner.clone(),
            kind: ConnectionKind::User,
            endpoint: Some("db.contoso.test:1433".into()),
            account: Some("svc@contoso.test".into()),
            ends_on: None,
            parameters: [
                ("server", "db.contoso.test"),
                ("database", "orders"),
                ("username", "svc"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            secrets: [("password".to_owned(), SecretString::from(format!("{at:032}")))].into(),
        };
        let (store, caller, environment) = (store.clone(), caller.clone(), environment.clone());
        tasks.push(tokio::spawn(async move {
            store.connection_create(&caller, &environment, new).await.map(|made| made.facts.id)
        }));
    }
    let mut made = Vec::new();
    for task in tasks {
        made.push(task.await??);
    }
    Ok(made)
}
