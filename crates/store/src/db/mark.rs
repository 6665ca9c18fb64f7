//! Whether a SQLite database is as it was, without asking it.
//!
//! The index of the write-ahead log begins with a header, written twice, that every commit of every
//! process changes: a counter, the length of the log, its checksums and salts
//! (<https://www.sqlite.org/walformat.html>, "WAL-Index Header"). SQLite itself compares it to know
//! whether what it holds still counts. Reading it takes no lock and no transaction, where a question
//! takes both. It lies in shared memory, which reading the file sees at once.
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of the header.
const HEADER: usize = 48;

/// The state of a database. Two that are equal are of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark([u8; HEADER]);

/// Where the header lies.
pub(super) struct Index(File);

impl Index {
    /// The index beside a database that is open; none where it cannot be read.
    pub(super) fn open(database: &Path) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-shm");
        File::open(path).ok().map(Self)
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
    fn without_an_index_nothing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Index::open(&folder.path().join("none.db")).is_none());
    }
}
