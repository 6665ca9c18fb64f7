//! Whether a SQLite database is as it was, without asking it.
//!
//! The index of the write-ahead log begins with a header, written twice, that every commit of every
//! process changes: a counter, the length of the log, its checksums and salts
//! (<https://www.sqlite.org/walformat.html>, "WAL-Index Header"). SQLite itself compares it to know
//! whether what it holds still counts. Reading it takes no lock and no transaction, where a question
//! takes both. It lies in shared memory, which reading the file sees at once.
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Bytes of the header.
const HEADER: usize = 48;

/// The state of a database. Two that are equal are of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark([u8; HEADER]);

/// Where the header lies.
///
/// SQLite keeps its locks on this very file, and closing any handle of a file drops every lock that the
/// process has on it, whoever took them (POSIX). So a handle is opened once for a file and never closed.
#[derive(Clone, Copy)]
pub(super) struct Index(&'static File);

/// The handles of this process, by device and inode: while one is held its inode is nobody else's.
static HELD: Mutex<Option<HashMap<(u64, u64), Index>>> = Mutex::new(None);

impl Index {
    /// The index beside a database that is open; none where it cannot be read.
    pub(super) fn open(database: &Path) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-shm");
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get_or_insert_with(HashMap::new);
        let file = std::fs::metadata(&path).ok()?;
        if let Some(index) = held.get(&(file.dev(), file.ino())) {
            return Some(*index);
        }
        // It may have become another one meanwhile; it counts as what it is.
        let file: &'static File = Box::leak(Box::new(File::open(&path).ok()?));
        let found = file.metadata().ok()?;
        Some(*held.entry((found.dev(), found.ino())).or_insert(Self(file)))
    }

    /// The state at this moment; none while it is being written, or if it cannot be told.
    pub(super) fn mark(&self) -> Option<Mark> {
        let mut both = [0; 2 * HEADER];
        self.0.read_exact_at(&mut both, 0).ok()?;
        let (one, two) = both.split_at(HEADER);
        // The twelfth byte says that the header holds.
        let holds = one == two && one[12] == 1;
        holds.then(|| Mark(std::array::from_fn(|at| one[at])))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn every_commit_of_anybody_changes_it_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let one = Connection::open(&path).unwrap();
        one.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
            .unwrap();
        let two = Connection::open(&path).unwrap();
        let index = Index::open(&path).unwrap();
        let mut last = index.mark().unwrap();
        for round in 0..200 {
            let count: i64 = two.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0)).unwrap();
            assert_eq!(count, round + 1);
            one.execute_batch("BEGIN; INSERT INTO t VALUES (3); ROLLBACK").unwrap();
            assert_eq!(index.mark().as_ref(), Some(&last), "what was undone is no change");
            let writer = if round % 2 == 0 { &one } else { &two };
            writer.execute("INSERT INTO t VALUES (2)", []).unwrap();
            let next = index.mark().unwrap();
            assert_ne!(next, last, "round {round}");
            if round % 50 == 49 {
                writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
            }
            last = index.mark().unwrap();
        }
    }

    #[test]
    fn whoever_looks_takes_no_lock_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let one = Connection::open(&path).unwrap();
        one.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (a)").unwrap();
        one.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").unwrap();
        let inode = std::fs::metadata(folder.path().join("test.db-shm")).unwrap().ino();
        // What the system knows of this process's locks on the file.
        let locks = || {
            let all = std::fs::read_to_string("/proc/locks").unwrap();
            let ours = format!(" {} ", std::process::id());
            let file = format!(":{inode} ");
            all.lines().filter(|line| line.contains(&ours) && line.contains(&file)).count()
        };
        let before = locks();
        assert!(before > 0, "a writer holds one");
        for _ in 0..3 {
            let index = Index::open(&path).unwrap();
            assert!(index.mark().is_some());
        }
        assert_eq!(locks(), before);
        one.execute_batch("COMMIT").unwrap();
    }

    #[test]
    fn without_an_index_nothing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Index::open(&folder.path().join("none.db")).is_none());
    }
}
