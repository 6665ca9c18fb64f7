//! Reads the database file past the program: the second opinion.
use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// Rows by table; each row one line, in order.
pub type Dump = BTreeMap<String, Vec<String>>;

/// Opens the database file of a home that no process is using.
///
/// # Panics
/// If it cannot be opened.
#[must_use]
#[track_caller]
pub fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).expect("the database can be opened");
    db.busy_timeout(std::time::Duration::from_secs(20)).expect("a timeout can be set");
    db
}

/// Tables that record that something was asked, rather than what is.
const RECORDS: [&str; 4] = ["audit", "audit_head", "importjob", "migration"];

/// All rows of all tables but those that record attempts.
///
/// # Panics
/// If the database cannot be read.
#[must_use]
#[track_caller]
pub fn dump(path: &Path) -> Dump {
    let db = open(path);
    let mut names = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .expect("the schema can be read");
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("the schema can be read");
    names
        .into_iter()
        .filter(|name| !RECORDS.contains(&name.as_str()))
        .map(|name| {
            let rows = rows(&db, &format!("SELECT * FROM {name}"));
            (name, rows)
        })
        .collect()
}

/// What an environment holds, told without ids, times and versions that differ between two imports
/// of the same package.
///
/// # Panics
/// If the database cannot be read.
#[must_use]
#[track_caller]
pub fn content(path: &Path) -> Dump {
    const QUERIES: [(&str, &str); 8] = [
        ("solution", "SELECT uniquename, version, ismanaged, friendlyname FROM solution"),
        (
            "part",
            "SELECT s.uniquename, p.ordinal, p.name, p.content FROM solution_part p \
                  JOIN solution s ON s.solutionid = p.solutionid AND s.environmentid = p.environmentid",
        ),
        (
            "component",
            "SELECT s.uniquename, c.kind, count(*) FROM solutioncomponent c \
                       JOIN solution s ON s.solutionid = c.solutionid AND s.environmentid = c.environmentid \
                       GROUP BY s.uniquename, c.kind",
        ),
        (
            "reference",
            "SELECT connectionreferencelogicalname, connectionreferencedisplayname, connectorid, \
                       connectionid, bindingversion FROM connectionreference",
        ),
        ("flow", "SELECT workflowid, name, statecode, statuscode, clientdata FROM workflow"),
        ("entry", "SELECT workflowid, name, logicalname, source FROM workflow_reference"),
        (
            "variable",
            "SELECT schemaname, displayname, type, defaultvalue FROM environmentvariabledefinition",
        ),
        ("value", "SELECT schemaname, value, base FROM environmentvariablevalue"),
    ];
    let db = open(path);
    QUERIES.iter().map(|(name, query)| ((*name).to_owned(), rows(&db, query))).collect()
}

#[track_caller]
fn rows(db: &Connection, query: &str) -> Vec<String> {
    let mut statement =
        db.prepare(query).unwrap_or_else(|error| panic!("cannot read `{query}`: {error}"));
    let width = statement.column_count();
    let mut lines: Vec<String> = statement
        .query_map([], |row| {
            let cells: Result<Vec<String>, _> =
                (0..width).map(|at| row.get_ref(at).map(shown)).collect();
            Ok(cells?.join(" | "))
        })
        .and_then(Iterator::collect)
        .unwrap_or_else(|error| panic!("cannot read `{query}`: {error}"));
    lines.sort();
    lines
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Where two dumps differ, a few lines of it; empty if nowhere.
#[must_use]
pub fn difference(before: &Dump, after: &Dump) -> String {
    let mut told = String::new();
    let tables: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for table in tables {
        let none = Vec::new();
        let (one, two) = (before.get(table).unwrap_or(&none), after.get(table).unwrap_or(&none));
        for (sign, lines, others) in [("-", one, two), ("+", two, one)] {
            for line in lines.iter().filter(|line| !others.contains(line)).take(3) {
                let short: String = line.chars().take(300).collect();
                told += &format!("{sign} {table}: {short}\n");
            }
        }
    }
    told
}

/// All bytes that the database left on disk: the file, its write-ahead log and its index.
///
/// # Panics
/// If a file is there and cannot be read.
#[must_use]
pub fn raw(path: &Path) -> Vec<(String, Vec<u8>)> {
    ["", "-wal", "-shm", "-journal"]
        .iter()
        .map(|end| format!("{}{end}", path.display()))
        .filter(|name| Path::new(name).exists())
        .map(|name| {
            let bytes = std::fs::read(&name).expect("the database can be read");
            (name, bytes)
        })
        .collect()
}
