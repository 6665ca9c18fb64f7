//! PostgreSQL: a pool for reads and changes, and one connection on which what runs write is grouped
//! and pipelined.
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Client, Config, NoTls};

use super::work::{self, Work};
use super::{DbError, Param, Row, Session as AnySession, Sql, Statement};
use super::{Dialect, migrate};

const POOL_SIZE: usize = 16;
const GROUP_MAX: usize = 256;
/// The lock under which nodes that start together apply migrations one after another.
const MIGRATION_LOCK: i64 = 0x636f_6e6e_7265_6601;

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    appends: mpsc::UnboundedSender<Append>,
    config: Arc<Config>,
}

struct Append {
    statements: Vec<Statement>,
    tell: oneshot::Sender<Result<Vec<u64>, DbError>>,
}

/// What is done in a session.
type Piece = Box<dyn FnOnce(&mut Session<'_>) -> Result<(), DbError> + Send>;

/// A session on a pooled connection; its calls block, so it lives on a blocking thread.
pub(super) struct Session<'a> {
    client: &'a Object,
    handle: Handle,
}

impl Session<'_> {
    pub(super) fn execute(&mut self, text: &str, params: &[Param<'_>]) -> Result<u64, DbError> {
        self.handle.block_on(async {
            let statement = self.client.prepare_cached(text).await?;
            Ok(self.client.execute(&statement, &references(params)).await?)
        })
    }

    pub(super) fn query(&mut self, text: &str, params: &[Param<'_>]) -> Result<Vec<Row>, DbError> {
        self.handle.block_on(async {
            let statement = self.client.prepare_cached(text).await?;
            let rows = self.client.query(&statement, &references(params)).await?;
            rows.iter().map(row).collect()
        })
    }

    fn run(&mut self, text: &str) -> Result<(), DbError> {
        Ok(self.handle.block_on(self.client.batch_execute(text))?)
    }
}

/// How often a lock is asked for before it is another's, and the time between.
const LOCK_TRIES: u32 = 8;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self, DbError> {
        let fail = |source: Box<dyn Error + Send + Sync>| DbError::Open {
            place: "postgres".to_owned(),
            source,
        };
        let config: Config = url.parse().map_err(|e| fail(Box::new(e)))?;
        let manager = Manager::from_config(
            config.clone(),
            NoTls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool =
            Pool::builder(manager).max_size(POOL_SIZE).build().map_err(|e| fail(Box::new(e)))?;
        let client = connect(&config).await.map_err(|e| fail(Box::new(e)))?;
        let (appends, queue) = mpsc::unbounded_channel();
        tokio::spawn(append_loop(config.clone(), client, queue));
        let opened = Self { pool, appends, config: Arc::new(config) };
        opened.migrate().await?;
        Ok(opened)
    }

    /// Takes an advisory lock on a session of its own, which ends with the process.
    pub(super) async fn lock(&self, name: &str) -> Result<Option<Client>, DbError> {
        let client = connect(&self.config).await?;
        let digest = Sha256::digest(name.as_bytes());
        let key = i64::from_be_bytes(std::array::from_fn(|at| digest[at]));
        // A session that was closed just now may hold it for a moment: the server ends it on its own time.
        for _ in 0..LOCK_TRIES {
            let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&key]).await?;
            if row.try_get::<_, bool>(0)? {
                return Ok(Some(client));
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Ok(None)
    }

    async fn migrate(&self) -> Result<(), DbError> {
        let (work, answer) = work::part(|sql: &mut Sql<'_>| -> Result<(), DbError> {
            sql.query("SELECT pg_advisory_xact_lock($1)", &[MIGRATION_LOCK.into()])?;
            sql.execute(migrate::TABLE, &[])?;
            migrate::apply(sql, Dialect::Postgres)
        });
        answer.told(self.change(work).await)
    }

    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<Row>, DbError> {
        let client = self.pool.get().await.map_err(|e| DbError::Statement(Box::new(e)))?;
        let prepared = client.prepare_cached(statement.text).await?;
        let rows = client.query(&prepared, &references(&statement.params)).await?;
        rows.iter().map(row).collect()
    }

    async fn session(&self, f: Piece) -> Result<(), DbError> {
        let client = self.pool.get().await.map_err(|e| DbError::Statement(Box::new(e)))?;
        let handle = Handle::current();
        tokio::task::spawn_blocking(move || f(&mut Session { client: &client, handle }))
            .await
            .map_err(|_| DbError::Panicked)?
    }

    pub(super) async fn read(
        &self,
        snapshot: bool,
        limit: Option<Duration>,
        work: Work,
    ) -> Result<(), DbError> {
        self.session(Box::new(move |session| {
            if snapshot {
                session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            }
            if let Some(limit) = limit {
                session.run(&format!("SET LOCAL statement_timeout = {}", limit.as_millis()))?;
            }
            work(&mut wrap(session));
            if snapshot {
                session.run("COMMIT")?;
            }
            Ok(())
        }))
        .await
    }

    pub(super) async fn change(&self, work: Work) -> Result<(), DbError> {
        self.session(Box::new(move |session| {
            session.run("BEGIN")?;
            // A panic must not hand a connection with an open transaction back to the pool.
            let work = std::panic::AssertUnwindSafe(|| work(&mut wrap(session)));
            let keep = std::panic::catch_unwind(work).unwrap_or(false);
            session.run(if keep { "COMMIT" } else { "ROLLBACK" })
        }))
        .await
    }

    pub(super) async fn append(&self, statements: Vec<Statement>) -> Result<Vec<u64>, DbError> {
        let (tell, told) = oneshot::channel();
        self.appends.send(Append { statements, tell }).map_err(|_| DbError::WriterGone)?;
        told.await.map_err(|_| DbError::WriterGone)?
    }
}

fn wrap<'a>(session: &'a mut Session<'_>) -> Sql<'a> {
    Sql(AnySession::Postgres(Session { client: session.client, handle: session.handle.clone() }))
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    // Everything on this connection goes by key. A plan made while the tables were new and empty
    // would read them from end to end and be kept, however long they grow.
    client.batch_execute("SET enable_seqscan = off; SET jit = off").await?;
    Ok(client)
}

async fn append_loop(
    config: Config,
    mut client: Client,
    mut queue: mpsc::UnboundedReceiver<Append>,
) {
    let mut prepared = HashMap::new();
    while let Some(first) = queue.recv().await {
        if client.is_closed() {
            // The server restarted or dropped us. Whoever waits hears it if it is still away.
            prepared.clear();
            match connect(&config).await {
                Ok(again) => client = again,
                Err(error) => {
                    drop(first.tell.send(Err(error.into())));
                    continue;
                }
            }
        }
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        match append_group(&client, &mut prepared, &group).await {
            Ok(counts) => {
                for (append, counts) in group.into_iter().zip(counts) {
                    drop(append.tell.send(Ok(counts)));
                }
            }
            // One bad statement fails the whole group on PostgreSQL: run each alone, so that only
            // its own caller hears of it.
            Err(_) => {
                for append in group {
                    let alone = std::slice::from_ref(&append);
                    let result = append_group(&client, &mut prepared, alone).await;
                    let result = result.and_then(|mut c| c.pop().ok_or(DbError::WriterGone));
                    drop(append.tell.send(result));
                }
            }
        }
    }
}

type Prepared = HashMap<&'static str, Arc<tokio_postgres::Statement>>;

/// One transaction for the group. The statements are sent without waiting for one another, so the
/// group costs about one round trip, and each answers its own count.
async fn append_group(
    client: &Client,
    prepared: &mut Prepared,
    group: &[Append],
) -> Result<Vec<Vec<u64>>, DbError> {
    let mut work = Vec::new();
    for statement in group.iter().flat_map(|a| &a.statements) {
        if !prepared.contains_key(statement.text) {
            let ready = Arc::new(client.prepare(statement.text).await?);
            prepared.insert(statement.text, ready);
        }
        work.push((Arc::clone(&prepared[statement.text]), references(&statement.params)));
    }
    client.batch_execute("BEGIN").await?;
    let sent = work.iter().map(|(statement, params)| client.execute(&**statement, params));
    let counts: Result<Vec<u64>, _> = futures::future::try_join_all(sent).await;
    match counts {
        Ok(counts) => {
            client.batch_execute("COMMIT").await?;
            let mut counts = counts.into_iter();
            Ok(group.iter().map(|a| counts.by_ref().take(a.statements.len()).collect()).collect())
        }
        Err(error) => {
            client.batch_execute("ROLLBACK").await?;
            Err(error.into())
        }
    }
}

fn references<'a>(params: &'a [Param<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|p| p as &(dyn ToSql + Sync)).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, DbError> {
    let cells: Result<Vec<_>, _> =
        (0..row.len()).map(|index| row.try_get::<_, Cell>(index).map(|cell| cell.0)).collect();
    Ok(Row(cells?))
}

struct Cell(Param<'static>);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *kind {
            Type::INT8 => Param::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Param::Int(i32::from_sql(kind, raw)?.into()),
            Type::INT2 => Param::Int(i16::from_sql(kind, raw)?.into()),
            Type::BOOL => Param::Int(bool::from_sql(kind, raw)?.into()),
            Type::BYTEA => Param::Bytes(raw.to_vec().into()),
            Type::VOID => Param::Null,
            _ => Param::Text(String::from_sql(&Type::TEXT, raw)?.into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Param::Null))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(
            *kind,
            Type::INT8
                | Type::INT4
                | Type::INT2
                | Type::BOOL
                | Type::BYTEA
                | Type::TEXT
                | Type::VARCHAR
                | Type::VOID
        )
    }
}

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.as_ref().to_sql(kind, out),
            Self::Int(number) => match *kind {
                Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
                Type::INT2 => i16::try_from(*number)?.to_sql(kind, out),
                _ => number.to_sql(kind, out),
            },
            Self::Bytes(bytes) => bytes.as_ref().to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}
