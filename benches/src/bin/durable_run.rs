//! A durable run under load: HTTP request → durable run row → connector call with an opened
//! credential → durable result → response. Beside it the floor: the same HTTP request answered at
//! once, and a bare fsync probe. `durable_run [postgres://…]`.
//!
//! Target, load and connref are processes of their own on the same machine; CPU is counted for the
//! connref process alone (the database's own is not in it on PostgreSQL).
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use connref_benches::{SPAN, cpu_seconds, fsync_probe};
use connref_egress::{Egress, EgressConfig, crypto_install};
use connref_engine::runner::RunRequest;
use connref_flow::{Object, Value};
use connref_server::operation::connection::{ConnectionPut, connection_put};
use connref_server::operation::connector::{ConnectorCreate, ConnectorFiles, connector_create};
use connref_server::operation::environment::environment_create;
use connref_server::operation::flow::{FlowCreate, flow_create, flow_state_set};
use connref_server::operation::reference::{ReferenceCreate, reference_create};
use connref_server::{App, Context};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::source::{SystemClock, SystemIds};
use connref_store::vault::KeyFile;
use serde_json::json;
use tokio::net::TcpListener;

type Fail = Box<dyn Error + Send + Sync>;

const TOKEN: &str = "bench-token";

fn main() -> Result<(), Fail> {
    crypto_install();
    let mut words = std::env::args().skip(1);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match words.next().as_deref() {
        Some("target") => runtime.block_on(target()),
        Some("load") => {
            let url = words.next().ok_or("no address")?;
            let clients = words.next().ok_or("no clients")?.parse()?;
            runtime.block_on(load(&url, clients))
        }
        database => runtime.block_on(measure(database)),
    }
}

/// The system that is called: checks the bearer, answers JSON.
async fn target() -> Result<(), Fail> {
    let answer = |headers: HeaderMap| async move {
        let wanted = format!("Bearer {TOKEN}");
        let given = headers.get("authorization").and_then(|v| v.to_str().ok());
        if given == Some(wanted.as_str()) {
            (StatusCode::OK, axum::Json(json!({"value": [{"id": 1, "name": "one"}]})))
        } else {
            (StatusCode::UNAUTHORIZED, axum::Json(json!({})))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, Router::new().route("/orders", get(answer))).await?)
}

/// So many requests in flight for a fixed time; prints count, median and 99th percentile.
async fn load(url: &str, clients: usize) -> Result<(), Fail> {
    let client = reqwest::Client::new();
    let start = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (client, url) = (client.clone(), url.to_owned());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while start.elapsed() < SPAN {
                    let one = Instant::now();
                    let response = client.post(&url).send().await?;
                    if response.status() != 200 {
                        return Err(format!("answered {}", response.status()).into());
                    }
                    response.bytes().await?;
                    times.push(one.elapsed());
                }
                Ok::<_, Fail>(times)
            })
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    times.sort();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times
            .get(index.min(times.len().saturating_sub(1)))
            .map_or(0.0, |t| t.as_secs_f64() * 1000.0)
    };
    println!("{} {:.3} {:.3} {:.3}", times.len(), start.elapsed().as_secs_f64(), at(0.5), at(0.99));
    Ok(())
}

async fn measure(database: Option<&str>) -> Result<(), Fail> {
    let folder = tempfile::tempdir()?;
    let fsync = fsync_probe(folder.path())?;
    let mut target = spawn(&["target"])?;
    let port: u16 = first_line(&mut target)?.trim().parse()?;
    let app = open(database, folder.path()).await?;
    let (cx, flow) = set_up(&app, port).await?;
    let bench = Arc::new(Bench { cx, flow });
    let router = Router::new()
        .route("/run", post(run))
        .route("/floor", post(|| async { axum::Json(json!({"ok": true})) }))
        .with_state(bench);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let own = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    println!("database {}, fsync probe {fsync:.0}/s", app.store().db().engine());
    println!(
        "{:<10} {:>4} {:>10} {:>9} {:>9} {:>12} {:>12}",
        "what", "@", "per s", "p50 ms", "p99 ms", "CPU ms each", "× fsync"
    );
    for (what, path) in [("floor", "floor"), ("run", "run")] {
        for clients in ["1", "32"] {
            let url = format!("http://127.0.0.1:{own}/{path}");
            let before = cpu_seconds();
            let line = tokio::task::spawn_blocking(move || {
                let mut child = spawn(&["load", &url, clients])?;
                let line = first_line(&mut child);
                child.wait()?;
                line
            })
            .await??;
            let cpu = cpu_seconds() - before;
            let words: Vec<f64> = line.split_whitespace().filter_map(|w| w.parse().ok()).collect();
            let [count, seconds, p50, p99] = words[..] else { return Err("no figures".into()) };
            println!(
                "{what:<10} {clients:>4} {:>10.0} {p50:>9.2} {p99:>9.2} {:>12.3} {:>12.2}",
                count / seconds,
                cpu * 1000.0 / count,
                count / seconds / fsync
            );
        }
    }
    target.kill()?;
    Ok(())
}

fn spawn(words: &[&str]) -> Result<Child, Fail> {
    Ok(Command::new(std::env::current_exe()?).args(words).stdout(Stdio::piped()).spawn()?)
}

fn first_line(child: &mut Child) -> Result<String, Fail> {
    let mut line = String::new();
    let out = child.stdout.as_mut().ok_or("no output")?;
    BufReader::new(out).read_line(&mut line)?;
    Ok(line)
}

struct Bench {
    cx: Context,
    flow: String,
}

async fn run(State(bench): State<Arc<Bench>>) -> Result<axum::Json<serde_json::Value>, String> {
    let mut outputs = Object::new();
    outputs.insert("headers", Value::object(Object::new()));
    let request = RunRequest {
        environment: bench.cx.environment.id.clone(),
        flow: bench.flow.as_str().into(),
        trigger: "manual".into(),
        outputs: Value::object(outputs),
        choices: Vec::new(),
        secured: false,
    };
    let started = bench.cx.app.runner().run_start(&bench.cx.caller, request).await;
    let mut started = started.map_err(|e| e.to_string())?;
    let one = started.first_mut().ok_or("no run")?;
    let answer = one.answered().await.ok_or("no answer")?;
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    Ok(axum::Json(answer.body.to_json()))
}

async fn open(database: Option<&str>, folder: &std::path::Path) -> Result<App, Fail> {
    let location = match database {
        Some(url) => Location::Postgres(url.to_owned()),
        None => Location::Sqlite(folder.join("bench.db")),
    };
    let ids = SystemIds::default();
    let key = KeyFile::open_or_create(&folder.join("key"), &ids)?;
    let store = Store::open(&location, Arc::new(key), Arc::new(SystemClock), Arc::new(ids)).await?;
    Ok(App::new(store, Egress::new(EgressConfig::default()), "bench".into(), "bench".into()))
}

async fn set_up(app: &App, port: u16) -> Result<(Context, String), Fail> {
    let operator = Caller::Operator("bench".into());
    let name = format!("B{}", app.store().now());
    let new = EnvironmentNew {
        name,
        kind: Default::default(),
        fidelity: Default::default(),
        allowed: vec![format!("127.0.0.1:{port}")],
    };
    let environment = environment_create(app, &operator, new).await?;
    let caller = app.store().caller_find(&environment.id, "bench").await?;
    let cx = Context { app: app.clone(), caller, environment };
    let swagger = json!({
        "swagger": "2.0", "info": {"title": "Orders", "version": "1"}, "host": "orders.contoso.test",
        "basePath": "/", "schemes": ["https"],
        "securityDefinitions": {"oauth": {"type": "oauth2", "flow": "application", "tokenUrl": "https://orders.contoso.test/token", "scopes": {}}},
        "paths": {"/orders": {"get": {"operationId": "GetOrders", "responses": {"200": {"description": "ok"}}}}},
    });
    let connector = connector_create(
        &cx,
        ConnectorCreate {
            display_name: "Orders".into(),
            files: ConnectorFiles {
                openapi_definition: Some(swagger.to_string()),
                ..ConnectorFiles::default()
            },
            ..ConnectorCreate::default()
        },
    )
    .await?
    .row;
    let secret = secrecy::SecretString::from(TOKEN.to_owned());
    connection_put(
        &cx,
        ConnectionPut {
            id: "0123456789abcdef0123456789abcdef".into(),
            api_name: connector.api_name.as_str().into(),
            display_name: "orders".into(),
            owner: None,
            kind: None,
            endpoint: Some(format!("http://127.0.0.1:{port}")),
            parameters: BTreeMap::new(),
            secrets: BTreeMap::from([("token".to_owned(), secret)]),
            ends_on: None,
        },
    )
    .await?;
    reference_create(
        &cx,
        ReferenceCreate {
            logical_name: "bench_orders".into(),
            display_name: String::new(),
            description: None,
            connector_id: connector.api_name.as_str().into(),
            connection_id: Some("0123456789abcdef0123456789abcdef".into()),
            solution: None,
        },
    )
    .await?;
    let api = connector.api_name.as_str();
    let body = json!({"schemaVersion": "1.0.0.0", "properties": {
        "connectionReferences": {api: {"runtimeSource": "embedded", "connection": {"connectionReferenceLogicalName": "bench_orders"}, "api": {"name": api}}},
        "definition": {
            "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
            "actions": {
                "Get_orders": {"type": "OpenApiConnection", "runAfter": {}, "inputs": {
                    "host": {"apiId": connector.api_name.connector_id(), "connectionName": api, "operationId": "GetOrders"}, "parameters": {}}},
                "Response": {"type": "Response", "kind": "Http", "runAfter": {"Get_orders": ["Succeeded"]}, "inputs": {"statusCode": 200, "body": "@body('Get_orders')?['value']"}},
            },
        },
    }});
    let new = FlowCreate {
        id: None,
        name: "Bench".into(),
        description: None,
        client_data: body.to_string(),
        solution: None,
    };
    let flow = flow_create(&cx, new).await?;
    flow_state_set(&cx, flow.as_str(), true).await?;
    Ok((cx, flow.as_str().to_owned()))
}
