//! The Web API over a socket: a page of 50 rows out of 100,000 with `$select`, `$filter` and
//! `$orderby`, and one row by key; beside it a bare axum "hello" and another OData server.
//! Modes: `serve FOLDER` (prints port and token, serves until stdin ends), `hello`, `ask NAME PORT PATH
//! [TOKEN]` (prints `NAME_1`, `NAME_32`, `NAME_p99_ms` lines for `benches/webapi.sh`).
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]
use std::error::Error;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use connref_egress::{Egress, EgressConfig};
use connref_server::operation::environment::environment_create;
use connref_server::{App, router};
use connref_solution::model::facts::{EnvironmentKind, Fidelity};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::reference::ReferenceNew;
use connref_store::source::{SystemClock, SystemIds};
use connref_store::vault::KeyFile;
use mimalloc::MiMalloc;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The program's own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Fail = Box<dyn Error + Send + Sync>;

const ROWS: i64 = 100_000;
const SPAN: Duration = Duration::from_secs(3);
const OPERATOR: &str = "bench@contoso.example";

fn main() -> Result<(), Fail> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match words.as_slice() {
        ["serve", folder] => runtime.block_on(serve(Path::new(folder))),
        ["hello"] => runtime.block_on(listen(Router::new().route("/", get(async || "hello")), "")),
        ["ask", name, port, path, rest @ ..] => {
            let token = rest.first().copied().unwrap_or_default();
            runtime.block_on(ask(name, port.parse()?, path, token))
        }
        _ => Err("webapi serve FOLDER | hello | ask NAME PORT PATH [TOKEN]".into()),
    }
}

/// Serves until whoever started it is gone.
async fn listen(router: Router, token: &str) -> Result<(), Fail> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {token}", listener.local_addr()?.port());
    // The end of the input, in whatever way, is the end.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        _ = ended => {}
    }
    Ok(())
}

async fn serve(folder: &Path) -> Result<(), Fail> {
    let ids = SystemIds::default();
    let key = KeyFile::open_or_create(&folder.join("key"), &ids)?;
    let file = folder.join("bench.db");
    let location = Location::Sqlite(file.clone());
    let store = Store::open(&location, Arc::new(key), Arc::new(SystemClock), Arc::new(ids)).await?;
    let egress = Egress::new(EgressConfig::default());
    let app = App::new(store, egress, OPERATOR.to_owned(), "bench".to_owned());
    let operator = Caller::Operator(OPERATOR.to_owned());
    let new = EnvironmentNew {
        name: "bench".to_owned(),
        kind: EnvironmentKind::Developer,
        fidelity: Fidelity::Extended,
        allowed: Vec::new(),
    };
    let environment = environment_create(&app, &operator, new).await?;
    let caller = app.store().caller_find(&environment.id, OPERATOR).await?;
    let seed = ReferenceNew {
        logical_name: "con_seed".into(),
        display_name: "Seed".to_owned(),
        description: Some("What the others are copied from".to_owned()),
        api_name: "shared_office365".into(),
        custom_connector_id: None,
        connection: None,
        solution: None,
    };
    let version = app.store().environment_get(&operator, "bench").await?.version;
    app.store().reference_create(&caller, &environment.id, version, seed).await?;
    copy(&file)?;
    let token = app.store().token_create(OPERATOR).await?;
    listen(router(app), token.expose_secret()).await
}

/// The one row as often as it takes, with ids and names that count.
fn copy(file: &Path) -> Result<(), Fail> {
    let database = rusqlite::Connection::open(file)?;
    database.busy_timeout(Duration::from_secs(30))?;
    database.execute_batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
         INSERT INTO connectionreference (environmentid, connectionreferenceid, connectionreferencelogicalname, \
         logicalname_key, connectionreferencedisplayname, description, connectorid, customconnectorid, \
         connectionid, bindingversion, promptingbehavior, iscustomizable, ismanaged, ownerid, createdby, \
         createdon, modifiedon, versionnumber) SELECT environmentid, \
         printf('00000000-0000-4000-8000-%012d', i), printf('con_%06d', i), printf('con_%06d', i), \
         printf('Reference %d', i), description, connectorid, customconnectorid, connectionid, bindingversion, \
         promptingbehavior, iscustomizable, ismanaged, ownerid, createdby, createdon, modifiedon, versionnumber \
         FROM n, connectionreference WHERE logicalname_key = 'con_seed'; ANALYZE;"
    ))?;
    Ok(())
}

/// Asks with one client, then with 32. `{}` in the path is a number that differs each time.
async fn ask(name: &str, port: u16, path: &str, token: &str) -> Result<(), Fail> {
    let alone = Arc::new((path.to_owned(), token.to_owned()));
    // What is read first is not yet compiled or cached.
    load(port, 4, Duration::from_millis(500), &alone).await?;
    let (rate, _) = load(port, 1, SPAN, &alone).await?;
    println!("{name}_1 {rate:.0}");
    let (rate, mut times) = load(port, 32, SPAN, &alone).await?;
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    println!("{name}_32 {rate:.0}");
    println!("{name}_p99_ms {:.2}", f64::from(p99) / 1000.0);
    Ok(())
}

async fn load(
    port: u16,
    clients: u32,
    span: Duration,
    asked: &Arc<(String, String)>,
) -> Result<(f64, Vec<u32>), Fail> {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..clients {
        let asked = Arc::clone(asked);
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(64 * 1024));
            let mut number = client;
            while start.elapsed() < span {
                number = number.wrapping_mul(7919).wrapping_add(client + 1);
                let at = i64::from(number) % (ROWS - 100) + 1;
                let begun = Instant::now();
                one(&mut stream, &mut buffer, &asked.0, &asked.1, at).await?;
                times.push(u32::try_from(begun.elapsed().as_micros())?);
            }
            Ok::<_, Fail>(times)
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let count = f64::from(u32::try_from(times.len())?);
    Ok((count / start.elapsed().as_secs_f64(), times))
}

/// One request on an open connection; the answer must be a 200 and is read to its end.
async fn one(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    path: &str,
    token: &str,
    at: i64,
) -> Result<(), Fail> {
    let path = path.replace("{12}", &format!("{at:012}")).replace("{6}", &format!("{at:06}"));
    let bearer = match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: bench.localhost\r\n{bearer}accept: application/json\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(buffer.get(..end).unwrap_or_default())?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("not 200: {}", String::from_utf8_lossy(buffer)).into());
        }
        let whole = match header(head, "content-length") {
            Some(length) => buffer.len() >= end + 4 + length.parse::<usize>()?,
            None => buffer.ends_with(b"0\r\n\r\n"),
        };
        if whole {
            return Ok(());
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
