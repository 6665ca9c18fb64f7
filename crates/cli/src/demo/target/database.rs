//! The order log: a SQLite file per environment. SQLite knows no users, so a row cannot tell an
//! account; it tells which file was written and what the flow wrote into it.
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::exit::{Exit, Failure};

/// The table that the example's flows use.
const SCHEMA: &str = "CREATE TABLE OrderLog (
  Id INTEGER PRIMARY KEY,
  OrderNumber TEXT NOT NULL,
  Customer TEXT NOT NULL,
  Amount REAL NOT NULL,
  WrittenBy TEXT NOT NULL,
  WrittenOn TEXT NOT NULL
)";

/// A database file.
pub(in crate::demo) struct Database {
    path: PathBuf,
}

/// A row of the order log.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::demo) struct Row {
    pub(in crate::demo) order: String,
    pub(in crate::demo) customer: String,
    pub(in crate::demo) written_by: String,
}

impl Database {
    /// Makes the file with an empty table.
    pub(in crate::demo) fn create(folder: &Path, name: &str) -> Result<Self, Failure> {
        let path = folder.join(name);
        Connection::open(&path)
            .and_then(|database| database.execute_batch(SCHEMA))
            .map_err(|error| failed("make", &path, error))?;
        Ok(Self { path })
    }

    pub(in crate::demo) fn path(&self) -> &Path {
        &self.path
    }

    /// The rows in the order they were written, read by the file's own eyes.
    pub(in crate::demo) fn rows(&self) -> Result<Vec<Row>, Failure> {
        let read = || {
            let database =
                Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let mut statement = database
                .prepare("SELECT OrderNumber, Customer, WrittenBy FROM OrderLog ORDER BY Id")?;
            let rows = statement.query_map([], |row| {
                Ok(Row { order: row.get(0)?, customer: row.get(1)?, written_by: row.get(2)? })
            })?;
            rows.collect::<Result<_, _>>()
        };
        read().map_err(|error| failed("read", &self.path, error))
    }
}

fn failed(verb: &str, path: &Path, error: rusqlite::Error) -> Failure {
    Failure::new(Exit::Usage, error)
        .context(format!("cannot {verb} the target database `{}`", path.display()))
}
