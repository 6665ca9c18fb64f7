//! Storage: point reads, pages of 50, grouped durable commits, beside a bare fsync probe and a
//! bare SQLite. `storage [postgres://…]`.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]
use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use connref_benches::{SPAN, fsync_probe};
use connref_store::db::{Db, DbError, Location, Statement};

type Fail = Box<dyn Error + Send + Sync>;

const ROWS: i64 = 100_000;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Fail> {
    let folder = tempfile::tempdir()?;
    let fsync = fsync_probe(folder.path())?;
    println!("fsync probe            {fsync:>10.0}/s");
    let bare = bare_sqlite(folder.path())?;
    println!("bare rusqlite by key   {bare:>10.0}/s  (one thread, no store)");
    let sqlite = Db::open(&Location::Sqlite(folder.path().join("bench.db"))).await?;
    measure(&sqlite, fsync, bare).await?;
    if let Some(url) = std::env::args().nth(1) {
        measure(&Db::open(&Location::Postgres(url)).await?, fsync, bare).await?;
    }
    Ok(())
}

fn bare_sqlite(folder: &Path) -> Result<f64, Fail> {
    let connection = rusqlite::Connection::open(folder.join("bare.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000) \
         INSERT INTO t SELECT i, hex(randomblob(100)) FROM n;",
    )?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < SPAN {
        let mut statement = connection.prepare_cached("SELECT v FROM t WHERE k = ?1")?;
        let key = i64::from(count).wrapping_mul(7919) % ROWS + 1;
        let _: String = statement.query_row([key], |row| row.get(0))?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

async fn measure(db: &Db, fsync: f64, bare: f64) -> Result<(), Fail> {
    println!("\n{}", db.engine());
    fill(db).await?;
    for clients in [1, 32] {
        let rate = rate(clients, |i| point(db.clone(), i)).await?;
        println!(
            "read by key      @{clients:<3}   {rate:>10.0}/s  {:>5.2} × bare rusqlite",
            rate / bare
        );
    }
    for clients in [1, 32] {
        let rate = rate(clients, |i| page(db.clone(), i)).await?;
        println!("page of 50       @{clients:<3}   {rate:>10.0}/s");
    }
    for clients in [1, 32, 128] {
        let rate = rate(clients, |i| append(db.clone(), i)).await?;
        println!(
            "durable append   @{clients:<3}   {rate:>10.0}/s  {:>5.2} × fsync probe",
            rate / fsync
        );
    }
    for clients in [1, 32] {
        let rate = rate(clients, |i| change(db.clone(), i)).await?;
        println!(
            "durable change   @{clients:<3}   {rate:>10.0}/s  {:>5.2} × fsync probe",
            rate / fsync
        );
    }
    Ok(())
}

async fn fill(db: &Db) -> Result<(), Fail> {
    db.change(|sql| {
        sql.execute("DROP TABLE IF EXISTS bench", &[])?;
        sql.execute("DROP TABLE IF EXISTS bench_log", &[])?;
        sql.execute("CREATE TABLE bench (k BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, v TEXT NOT NULL)", &[])?;
        sql.execute("CREATE TABLE bench_log (k BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)", &[])?;
        sql.execute(
            "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i+1 FROM n WHERE i < 100000) \
             INSERT INTO bench SELECT i, 'row ' || CAST(1000000 + i AS TEXT), 'some text that makes the row as long as one of ours' FROM n",
            &[],
        )?;
        sql.execute("CREATE INDEX bench_name ON bench (name)", &[])?;
        Ok::<_, DbError>(())
    })
    .await?;
    Ok(())
}

async fn point(db: Db, i: u64) -> Result<(), Fail> {
    let key = i64::try_from(i.wrapping_mul(7919) % 100_000)? + 1;
    let row = db
        .read(move |sql| sql.query_one("SELECT name, v FROM bench WHERE k = $1", &[key.into()]))
        .await?;
    row.map(drop).ok_or_else(|| "no row".into())
}

async fn page(db: Db, i: u64) -> Result<(), Fail> {
    let from = format!("row {}", 1_000_000 + i.wrapping_mul(7919) % 90_000);
    let rows = db
        .read(move |sql| {
            sql.query(
                "SELECT k, name, v FROM bench WHERE name > $1 ORDER BY name LIMIT 50",
                &[from.into()],
            )
        })
        .await?;
    if rows.len() == 50 { Ok(()) } else { Err("short page".into()) }
}

static NEXT: AtomicU64 = AtomicU64::new(1);

fn next() -> i64 {
    i64::try_from(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap_or(0)
}

async fn append(db: Db, _: u64) -> Result<(), Fail> {
    let statement = Statement {
        text: "INSERT INTO bench_log (k, v) VALUES ($1, $2)",
        params: vec![next().into(), "a result of a call, about as long as a short answer".into()],
    };
    db.append(statement).await?;
    Ok(())
}

async fn change(db: Db, _: u64) -> Result<(), Fail> {
    let key = next();
    db.change(move |sql| {
        sql.execute(
            "INSERT INTO bench_log (k, v) VALUES ($1, $2)",
            &[key.into(), "changed".into()],
        )?;
        sql.execute(
            "UPDATE bench SET v = $2 WHERE k = $1",
            &[(key % ROWS + 1).into(), "changed".into()],
        )
    })
    .await
    .map(drop)
    .map_err(|e: DbError| e.into())
}

/// Calls a second with so many clients in flight.
async fn rate<F, T>(clients: u64, call: F) -> Result<f64, Fail>
where
    F: Fn(u64) -> T,
    T: Future<Output = Result<(), Fail>> + Send + 'static,
{
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut running = futures::stream::FuturesUnordered::new();
    let mut i = 0;
    for _ in 0..clients {
        i += 1;
        running.push(tokio::spawn(call(i)));
    }
    while let Some(result) = futures::StreamExt::next(&mut running).await {
        result??;
        done.fetch_add(1, Ordering::Relaxed);
        if start.elapsed() < SPAN {
            i += 1;
            running.push(tokio::spawn(call(i)));
        }
    }
    let count = u32::try_from(done.load(Ordering::Relaxed))?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
