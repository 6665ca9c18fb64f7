//! SQLite: one writer thread that groups commits, and a pool of readers used inline.
use std::borrow::Cow;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use tokio::sync::oneshot;

use super::mark::{Index, Mark};
use super::work::{self, Work};
use super::{DbError, Dialect, Param, Row, Session, Sql, Statement, execute_all, migrate};

/// Steps of SQLite's machine between two looks at the clock: about a millisecond.
const STEPS: i32 = 100_000;
/// A group never grows beyond this, so that the first in it does not wait for ever.
const GROUP_MAX: usize = 256;
/// Readers kept open; more are opened under load and dropped afterwards.
const READERS_KEPT: usize = 8;

#[derive(Clone)]
pub(super) struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    index: Option<Index>,
    writer: mpsc::Sender<Job>,
}

/// A queued change: runs inside the group's transaction, then hears how the commit went.
struct Job {
    work: Work,
    tell: Told,
}

type Told = oneshot::Sender<Result<(), DbError>>;

impl Sqlite {
    /// Locks a file beside the database. The lock goes with the process.
    pub(super) fn lock(&self, name: &str) -> Result<Option<std::fs::File>, DbError> {
        let mut path = self.shared.path.clone().into_os_string();
        path.push(format!(".{name}.lock"));
        let fail = |source: std::io::Error| DbError::Open {
            place: Path::new(&path).display().to_string(),
            source: Box::new(source),
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(fail(error)),
        }
    }

    pub(super) fn open(path: &Path) -> Result<Self, DbError> {
        let fail = |source: rusqlite::Error| DbError::Open {
            place: path.display().to_string(),
            source: Box::new(source),
        };
        make_private(path).map_err(|source| DbError::Open {
            place: path.display().to_string(),
            source: Box::new(source),
        })?;
        let connection = Connection::open(path).map_err(fail)?;
        prepare(&connection).map_err(fail)?;
        connection.execute_batch("PRAGMA journal_mode=WAL; BEGIN IMMEDIATE;").map_err(fail)?;
        connection.execute_batch(migrate::TABLE)?;
        migrate::apply(&mut Sql(Session::Sqlite(&connection)), Dialect::Sqlite)?;
        connection.execute_batch("COMMIT").map_err(fail)?;
        let (writer, jobs) = mpsc::channel();
        thread::Builder::new()
            .name("connref-writer".into())
            .spawn(move || write_loop(&connection, &jobs))
            .map_err(|source| DbError::Open {
                place: path.display().to_string(),
                source: Box::new(source),
            })?;
        // The writer's connection stays open, and with it the index.
        let index = Index::open(path);
        let shared = Shared { path: path.to_owned(), readers: Mutex::default(), index, writer };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(super) fn read(
        &self,
        snapshot: bool,
        limit: Option<Duration>,
        work: &mut dyn FnMut(&mut Sql<'_>),
    ) -> Result<(), DbError> {
        let mut connection = self.reader()?;
        if snapshot {
            connection.prepare_cached("BEGIN")?.execute([])?;
        }
        if let Some(limit) = limit {
            let end = Instant::now() + limit;
            connection.progress_handler(STEPS, Some(move || Instant::now() > end))?;
        }
        work(&mut Sql(Session::Sqlite(&connection)));
        if limit.is_some() {
            connection.progress_handler(0, None::<fn() -> bool>)?;
        }
        if snapshot {
            connection.prepare_cached("COMMIT")?.execute([])?;
        }
        let mut readers = self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
        Ok(())
    }

    fn reader(&self) -> Result<Connection, DbError> {
        let kept = self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = kept {
            return Ok(connection);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.shared.path, flags)?;
        prepare(&connection)?;
        // Up to 32 MiB of pages: what is asked by key is all over the tables.
        connection.execute_batch("PRAGMA query_only=ON; PRAGMA cache_size=-32768")?;
        Ok(connection)
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        self.shared.index.as_ref()?.mark()
    }

    pub(super) async fn change(&self, work: Work) -> Result<(), DbError> {
        let (tell, told) = oneshot::channel();
        self.shared.writer.send(Job { work, tell }).map_err(|_| DbError::WriterGone)?;
        told.await.map_err(|_| DbError::WriterGone)?
    }

    pub(super) async fn append(&self, statements: Vec<Statement>) -> Result<Vec<u64>, DbError> {
        let (work, answer) = work::part(move |sql| execute_all(sql, &statements));
        answer.told(self.change(work).await)
    }
}

/// Makes the file, if it is not there, so that only its owner reads it; SQLite gives its side files
/// the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.set_prepared_statement_cache_capacity(256);
    // Without this a plan depends on the values bound, and every join that is taken from the cache is
    // planned anew at each use: ten times the cost of running it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-4096; \
         PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;",
    )
}

/// Takes whatever is queued into one transaction, commits it, and only then answers. There is no
/// timer: the next group gathers while the disk works on this one.
fn write_loop(connection: &Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        let (done, failure) = write_group(connection, group);
        for tell in done {
            // A caller that hung up does not want the answer; the change stands.
            drop(tell.send(failure.clone().map_or(Ok(()), |why| Err(DbError::Commit(why)))));
        }
    }
}

fn write_group(connection: &Connection, group: Vec<Job>) -> (Vec<Told>, Option<String>) {
    let run = |text: &str| connection.prepare_cached(text).and_then(|mut s| s.execute([]));
    let mut done = Vec::with_capacity(group.len());
    if let Err(error) = run("BEGIN IMMEDIATE") {
        // Dropping the jobs closes their channels: each caller learns that the writer failed.
        return (done, Some(error.to_string()));
    }
    let mut failure = None;
    for job in group {
        let result = run("SAVEPOINT job").and_then(|_| {
            let work = AssertUnwindSafe(|| (job.work)(&mut Sql(Session::Sqlite(connection))));
            // After a panic there is no answer, and its caller is told so.
            let keep = catch_unwind(work).unwrap_or(false);
            done.push(job.tell);
            let end = if keep { Ok(0) } else { run("ROLLBACK TO job") };
            end.and_then(|_| run("RELEASE job"))
        });
        if let Err(error) = result {
            failure = Some(error.to_string());
            break;
        }
    }
    if failure.is_none() {
        failure = run("COMMIT").err().map(|error| error.to_string());
    }
    if failure.is_some() && !connection.is_autocommit() {
        drop(run("ROLLBACK"));
    }
    (done, failure)
}

pub(super) fn execute(
    connection: &Connection,
    text: &str,
    params: &[Param<'_>],
) -> Result<u64, DbError> {
    let mut statement = connection.prepare_cached(&numbered(text))?;
    let changed = statement.execute(rusqlite::params_from_iter(params))?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

pub(super) fn query(
    connection: &Connection,
    text: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, DbError> {
    let mut statement = connection.prepare_cached(&numbered(text))?;
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next()? {
        let mut cells = Vec::with_capacity(columns);
        for index in 0..columns {
            cells.push(cell(row.get_ref(index)?)?);
        }
        answer.push(Row(cells));
    }
    Ok(answer)
}

/// `$1` is a name to SQLite, numbered by first appearance; `?1` is a number on every engine of it.
/// Where the names appear in order both mean the same.
fn numbered(text: &str) -> Cow<'_, str> {
    let mut next = 1;
    for after in text.split('$').skip(1) {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        match after[..digits].parse::<usize>() {
            Ok(number) if number == next => next += 1,
            Ok(number) if (1..next).contains(&number) => {}
            _ => return Cow::Owned(text.replace('$', "?")),
        }
    }
    Cow::Borrowed(text)
}

fn cell(value: ValueRef<'_>) -> Result<Param<'static>, DbError> {
    Ok(match value {
        ValueRef::Null => Param::Null,
        ValueRef::Integer(number) => Param::Int(number),
        ValueRef::Real(number) => Param::Text(number.to_string().into()),
        ValueRef::Text(text) => Param::Text(
            std::str::from_utf8(text)
                .map_err(|e| DbError::Statement(Box::new(e)))?
                .to_owned()
                .into(),
        ),
        ValueRef::Blob(bytes) => Param::Bytes(bytes.to_vec().into()),
    })
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn names_stand_for_their_numbers() {
        let cases = [
            ("SELECT 1", None),
            ("a = $1 AND b = $2 AND c = $1", None),
            ("a = $2 AND b = $1", Some("a = ?2 AND b = ?1")),
            ("a = $1 AND b = $3", Some("a = ?1 AND b = ?3")),
            ("a = $0", Some("a = ?0")),
            ("a = '$' AND b = $1", Some("a = '?' AND b = ?1")),
        ];
        for (text, expected) in cases {
            match numbered(text) {
                Cow::Borrowed(same) => assert_eq!((same, expected), (text, None)),
                Cow::Owned(new) => assert_eq!(Some(&*new), expected, "{text}"),
            }
        }
    }

    #[test]
    fn a_statement_is_planned_once_however_often_it_is_used() {
        let connection = Connection::open_in_memory().expect("SQLite opens");
        prepare(&connection).expect("the settings are known");
        connection
            .execute_batch(
                "CREATE TABLE a (k TEXT PRIMARY KEY, v INT); CREATE TABLE b (k TEXT, f TEXT, PRIMARY KEY (k, f));",
            )
            .expect("tables are made");
        let text = "SELECT a.v, b.f FROM a LEFT JOIN b ON b.k = a.k WHERE a.k = ?1 AND a.v = ?2";
        for use_ in 0..3 {
            let mut statement = connection.prepare_cached(text).expect("it is a statement");
            statement
                .query([format!("{use_}"), "1".to_owned()])
                .expect("it runs")
                .next()
                .expect("no rows");
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "use {use_}");
        }
    }
}
