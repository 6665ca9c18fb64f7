//! The database: SQLite embedded, or PostgreSQL for several nodes, behind one SQL text.
//!
//! Nouns are written as synchronous functions over [`Sql`], so each is one piece of code for both
//! engines. Reads run inline on the calling worker on SQLite (a read by key takes microseconds;
//! handing it to another thread costs more) and on a blocking thread on PostgreSQL. Changes of the
//! model go through one writer thread on SQLite, which groups whatever is queued into one durable
//! commit, and are ordinary transactions on PostgreSQL. What a run writes goes through a grouping
//! writer on both. Figures: docs/decisions/0003-storage.md.
mod error;
mod group;
mod mark;
mod migrate;
mod postgres;
mod sqlite;
mod value;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use error::DbError;
pub use group::Group;
pub(crate) use mark::Mark;
pub use value::{Param, Row};
use work::Work;

/// Where the data lies.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string. It may hold a password, so `Debug` hides it.
    Postgres(String),
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "Sqlite({})", path.display()),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    changes: Arc<AtomicU64>,
}

/// Counts a change when it is over, however it ended.
struct Counted<'a>(&'a AtomicU64);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// Which engine reads a statement, for the little that the two spell differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// BYTEA becomes BLOB; a set of characters is a GLOB.
    Sqlite,
    /// TEXT compares by code point on every server, whatever its locale; a set of characters is a
    /// regular expression.
    Postgres,
}

#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
    /// The inside of a group on another engine.
    Group(Box<Engine>, group::Members),
}

/// One session in which statements run: a read, or the inside of a transaction.
///
/// Placeholders are `$1`, `$2` …; the statement's text is the same for both engines.
pub struct Sql<'a>(Session<'a>);

enum Session<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(postgres::Session<'a>),
}

impl Sql<'_> {
    /// Runs a statement and answers how many rows it changed.
    pub fn execute(&mut self, text: &str, params: &[Param<'_>]) -> Result<u64, DbError> {
        match &mut self.0 {
            Session::Sqlite(connection) => sqlite::execute(connection, text, params),
            Session::Postgres(session) => session.execute(text, params),
        }
    }

    /// Runs a query and answers its rows.
    pub fn query(&mut self, text: &str, params: &[Param<'_>]) -> Result<Vec<Row>, DbError> {
        match &mut self.0 {
            Session::Sqlite(connection) => sqlite::query(connection, text, params),
            Session::Postgres(session) => session.query(text, params),
        }
    }

    /// The first row, if there is one.
    pub fn query_one(&mut self, text: &str, params: &[Param<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.query(text, params)?.into_iter().next())
    }

    /// Which engine this is.
    pub(crate) fn dialect(&self) -> Dialect {
        match self.0 {
            Session::Sqlite(_) => Dialect::Sqlite,
            Session::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The type of text in a table that is made outside of the migrations: it compares by code point.
    pub fn text_type(&self) -> &'static str {
        match self.0 {
            Session::Sqlite(_) => "TEXT",
            Session::Postgres(_) => "TEXT COLLATE \"C\"",
        }
    }

    /// What must follow a `SELECT` whose rows must stay as they are until this transaction ends:
    /// nothing on SQLite, where the writer is alone; a shared row lock on PostgreSQL.
    pub fn for_share(&self) -> &'static str {
        match self.0 {
            Session::Sqlite(_) => "",
            Session::Postgres(_) => " FOR SHARE",
        }
    }

    /// What must follow a `SELECT` whose rows will be changed in this transaction: nothing on
    /// SQLite, where the writer is alone; a row lock on PostgreSQL.
    pub fn for_update(&self) -> &'static str {
        match self.0 {
            Session::Sqlite(_) => "",
            Session::Postgres(_) => " FOR UPDATE",
        }
    }
}

impl Engine {
    async fn read(
        &self,
        snapshot: bool,
        limit: Option<Duration>,
        work: Work,
    ) -> Result<(), DbError> {
        match self {
            Self::Sqlite(engine) => {
                let mut work = Some(work);
                engine.read(snapshot, limit, &mut |sql| {
                    work.take().map(|work| work(sql));
                })
            }
            Self::Postgres(engine) => engine.read(snapshot, limit, work).await,
            // A group sees its own transaction, and has a bound of its own.
            Self::Group(_, members) => members.run(work).await,
        }
    }

    async fn change(&self, work: Work) -> Result<(), DbError> {
        match self {
            Self::Sqlite(engine) => engine.change(work).await,
            Self::Postgres(engine) => engine.change(work).await,
            Self::Group(_, members) => members.run(work).await,
        }
    }
}

fn execute_all(sql: &mut Sql<'_>, statements: &[Statement]) -> Result<Vec<u64>, DbError> {
    statements.iter().map(|one| sql.execute(one.text, &one.params)).collect()
}

impl Db {
    /// Opens the database, making it if it is not there, and brings its schema up to date.
    pub async fn open(location: &Location) -> Result<Self, DbError> {
        let engine = match location {
            Location::Sqlite(path) => Engine::Sqlite(sqlite::Sqlite::open(path)?),
            Location::Postgres(url) => Engine::Postgres(postgres::Postgres::open(url).await?),
        };
        Ok(Self { engine, changes: Arc::default() })
    }

    /// How many changes of the model this handle and its clones have made. While it stands still,
    /// this process has changed nothing.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Reads. Each statement sees the newest committed state.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Sql<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(engine) => work::inline(f, |work| engine.read(false, None, work)),
            other => {
                let (work, answer) = work::part(f);
                answer.told(other.read(false, None, work).await)
            }
        }
    }

    /// Runs one query. On PostgreSQL it takes no thread of its own, as [`Db::read`] does: for what is
    /// asked at every use.
    pub async fn query(&self, statement: &Statement) -> Result<Vec<Row>, DbError> {
        match &self.engine {
            Engine::Sqlite(engine) => {
                let ask = |sql: &mut Sql<'_>| sql.query(statement.text, &statement.params);
                work::inline(ask, |work| engine.read(false, None, work))
            }
            Engine::Postgres(engine) => engine.query(statement).await,
            Engine::Group(_, members) => {
                let (text, params) = (statement.text, statement.params.clone());
                let (work, answer) = work::part(move |sql| sql.query(text, &params));
                answer.told(members.run(work).await)
            }
        }
    }

    /// The state of the database, to know later without a question whether anybody has changed
    /// anything; none where that cannot be told: on PostgreSQL, in a group, while somebody writes.
    pub(crate) fn mark(&self) -> Option<Mark> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.mark(),
            Engine::Postgres(_) | Engine::Group(..) => None,
        }
    }

    /// Reads with one snapshot for all statements.
    pub async fn snapshot<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Sql<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(engine) => work::inline(f, |work| engine.read(true, None, work)),
            other => {
                let (work, answer) = work::part(f);
                answer.told(other.read(true, None, work).await)
            }
        }
    }

    /// Reads, with one snapshot if it takes several statements, and gives up after so long: for
    /// questions that people make up.
    pub async fn bounded<T, E, F>(&self, limit: Duration, several: bool, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Sql<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(engine) => {
                work::inline(f, |work| engine.read(several, Some(limit), work))
            }
            other => {
                let (work, answer) = work::part(f);
                // The bound itself is of a transaction on PostgreSQL.
                answer.told(other.read(true, Some(limit), work).await)
            }
        }
    }

    /// Changes the model in one durable transaction: all of it or, on an error, nothing. Answers
    /// after the commit.
    pub async fn change<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Sql<'_>) -> Result<T, E> + Send + 'static,
    {
        let _counted = Counted(&self.changes);
        let (work, answer) = work::part(f);
        answer.told(self.engine.change(work).await)
    }

    /// Runs one fixed statement through the grouping writer and answers, after the commit, how many
    /// rows it changed. For what runs write: many at once, each small.
    pub async fn append(&self, statement: Statement) -> Result<u64, DbError> {
        let mut counts = self.append_all(vec![statement]).await?;
        counts.pop().ok_or(DbError::WriterGone)
    }

    /// Several statements that belong together, in one grouped commit: all or none.
    pub async fn append_all(&self, statements: Vec<Statement>) -> Result<Vec<u64>, DbError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.append(statements).await,
            Engine::Postgres(engine) => engine.append(statements).await,
            Engine::Group(_, members) => {
                let (work, answer) = work::part(move |sql| execute_all(sql, &statements));
                answer.told(members.run(work).await)
            }
        }
    }

    /// Takes a lock of this name, held until it is dropped or the process ends, however it ends;
    /// `None` if somebody holds it.
    pub async fn lock(&self, name: &str) -> Result<Option<Lock>, DbError> {
        let engine = match &self.engine {
            Engine::Group(outer, _) => outer,
            own => own,
        };
        Ok(match engine {
            Engine::Sqlite(engine) => engine.lock(name)?.map(|file| Lock::File { _file: file }),
            Engine::Postgres(engine) => {
                engine.lock(name).await?.map(|client| Lock::Session { _client: client })
            }
            // A group is never opened inside a group.
            Engine::Group(..) => return Err(DbError::GroupOver),
        })
    }

    /// Opens a group: what is read and changed through the handle it answers happens in one
    /// transaction, and lasts once the group is committed.
    pub(crate) fn group(&self) -> (Self, Group) {
        let (members, group) = Group::open(self);
        let engine = Engine::Group(Box::new(self.engine.clone()), members);
        (Self { engine, changes: Arc::default() }, group)
    }

    /// Which engine it is, for messages and benches.
    pub fn engine(&self) -> &'static str {
        match &self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
            Engine::Group(outer, _) => match **outer {
                Engine::Postgres(_) => "postgres",
                _ => "sqlite",
            },
        }
    }
}

/// A lock that is held as long as this lives: a lock on a file beside the database, or an advisory
/// lock of a session of its own.
#[derive(Debug)]
pub enum Lock {
    /// The locked file.
    File {
        /// Closing it frees it.
        _file: std::fs::File,
    },
    /// The session.
    Session {
        /// Closing it frees it.
        _client: tokio_postgres::Client,
    },
}

/// A statement with its values, to be run by the grouping writer.
pub struct Statement {
    /// Text with `$n` placeholders.
    pub text: &'static str,
    /// Values.
    pub params: Vec<Param<'static>>,
}
