//! Several changes and reads, made one after another by code that knows nothing of it, in one
//! durable transaction: all of them or none.
//!
//! The group holds the engine's transaction open and runs what is sent to it, each piece in a
//! savepoint of its own, so that a piece that fails and is handled leaves no trace. On SQLite the
//! writer is held meanwhile and other changes wait; so a group ends by itself after [`LONGEST`].
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::work::Work;
use super::{Db, DbError, Sql};

/// How long a group may take altogether. Whoever else wants to write waits so long at most.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a group waits for its next piece: whoever made it has gone.
const IDLE: Duration = Duration::from_secs(10);

enum Message {
    Piece(Work, oneshot::Sender<Result<(), DbError>>),
    Commit,
    Undo,
}

/// Where the pieces of a group are sent.
#[derive(Clone)]
pub(super) struct Members(mpsc::Sender<Message>);

impl Members {
    /// Runs a piece within the group.
    pub(super) async fn run(&self, work: Work) -> Result<(), DbError> {
        let (tell, told) = oneshot::channel();
        self.0.send(Message::Piece(work, tell)).map_err(|_| DbError::GroupOver)?;
        told.await.map_err(|_| DbError::GroupOver)?
    }
}

fn piece(sql: &mut Sql<'_>, work: Work) -> Result<(), DbError> {
    sql.execute("SAVEPOINT piece", &[])?;
    // After a panic there is no answer, and its caller is told so.
    let keep = catch_unwind(AssertUnwindSafe(|| work(sql))).unwrap_or(false);
    if !keep {
        sql.execute("ROLLBACK TO SAVEPOINT piece", &[])?;
    }
    sql.execute("RELEASE SAVEPOINT piece", &[])?;
    Ok(())
}

/// A group that is open. Dropped, it is undone.
#[derive(Debug)]
#[must_use = "a group that is not committed is undone"]
pub struct Group {
    messages: mpsc::Sender<Message>,
    over: Option<JoinHandle<Result<(), DbError>>>,
}

impl Group {
    /// Opens a group on a database. What goes through the handle it answers belongs to the group.
    pub(super) fn open(db: &Db) -> (Members, Self) {
        let (messages, inbox) = mpsc::channel();
        let db = db.clone();
        let over = tokio::spawn(async move { db.change(move |sql| serve(sql, &inbox)).await });
        (Members(messages.clone()), Self { messages, over: Some(over) })
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// The group had ended already, or the commit failed; then nothing of it was written.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.end(Message::Commit).await
    }

    /// Takes everything back, and answers when that is done.
    pub async fn undo(mut self) {
        // The transaction's own answer is that it was undone.
        drop(self.end(Message::Undo).await);
    }

    async fn end(&mut self, how: Message) -> Result<(), DbError> {
        // A group that is over does not listen; its answer says why.
        drop(self.messages.send(how));
        match self.over.take() {
            Some(over) => over.await.map_err(|_| DbError::Panicked)?,
            None => Err(DbError::GroupOver),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.messages.send(Message::Undo));
    }
}

fn serve(sql: &mut Sql<'_>, inbox: &mpsc::Receiver<Message>) -> Result<(), DbError> {
    let end = Instant::now() + LONGEST;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match inbox.recv_timeout(left.min(IDLE)) {
            Ok(Message::Piece(work, tell)) => drop(tell.send(piece(sql, work))),
            Ok(Message::Commit) => return Ok(()),
            Ok(Message::Undo) | Err(_) => return Err(DbError::GroupOver),
        }
    }
}
