//! A sealed credential opens in its own place only.
use std::path::Path;
use std::sync::Arc;

use connref_solution::model::{ConnectionId, EnvironmentId};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::db::Location;
use connref_store::source::{SystemClock, SystemIds};
use connref_store::vault::KeyFile;
use connref_tests::home::Connection;
use connref_tests::{Home, database};
use secrecy::ExposeSecret;

const CONNECTIONS: usize = 12;
const FIELDS: [&str; 2] = ["password", "second_key"];

/// A sealed field with its place.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    environment: String,
    connection: String,
    field: String,
    version: i64,
    envelope: Vec<u8>,
}

/// Twelve connections in two environments, two sealed fields each.
fn world() -> Home {
    let home = Home::with_env("dev", &[]);
    home.env_create("prod", &[]);
    for at in 0..CONNECTIONS {
        let secrets = FIELDS.map(|field| secret(at, field));
        home.connection(&Connection {
            env: if at % 2 == 0 { "dev" } else { "prod" },
            connector: "shared_office365",
            name: &format!("Mailbox {at:02}"),
            endpoint: Some("mail.harbour.test:587"),
            parameters: &[("username", "pilot@harbour.test")],
            secrets: &[(FIELDS[0], &secrets[0]), (FIELDS[1], &secrets[1])],
            ..Connection::default()
        });
    }
    home
}

fn secret(at: usize, field: &str) -> String {
    format!("vault-{field}-{at:02}-planted")
}

fn rows(path: &Path) -> Vec<Row> {
    let db = database::open(path);
    let mut statement = db
        .prepare(
            "SELECT s.environmentid, s.connectionid, s.field, s.version, s.envelope \
             FROM connection_secret s JOIN connection c \
             ON c.environmentid = s.environmentid AND c.connectionid = s.connectionid \
             ORDER BY c.displayname, s.field",
        )
        .expect("the table is there");
    statement
        .query_map([], |row| {
            Ok(Row {
                environment: row.get(0)?,
                connection: row.get(1)?,
                field: row.get(2)?,
                version: row.get(3)?,
                envelope: row.get(4)?,
            })
        })
        .and_then(Iterator::collect)
        .expect("the rows can be read")
}

/// Puts a sealed field into a place.
fn put(path: &Path, place: &Row, envelope: &[u8]) {
    let changed = database::open(path)
        .execute(
            "UPDATE connection_secret SET envelope = ?1 \
             WHERE environmentid = ?2 AND connectionid = ?3 AND field = ?4",
            rusqlite_params(envelope, place),
        )
        .expect("the row can be changed");
    assert_eq!(changed, 1);
}

fn rusqlite_params<'a>(
    envelope: &'a [u8],
    place: &'a Row,
) -> (&'a [u8], &'a str, &'a str, &'a str) {
    (envelope, &place.environment, &place.connection, &place.field)
}

/// Opens connections as the program does when it calls.
struct Opener {
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Opener {
    fn new(home: &Home) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let ids = Arc::new(SystemIds::default());
        let key = KeyFile::open_or_create(&home.key(), &*ids).expect("the key file opens");
        let location = Location::Sqlite(home.database());
        let store = runtime
            .block_on(Store::open(&location, Arc::new(key), Arc::new(SystemClock), ids))
            .expect("the store opens");
        Self { runtime, store }
    }

    /// The secrets of a connection, or why they do not open.
    fn open(&self, row: &Row) -> Result<Vec<String>, String> {
        let (environment, connection) =
            (EnvironmentId::new(&row.environment), ConnectionId::new(&row.connection));
        let caller = Caller::System("test");
        let opened =
            self.runtime.block_on(self.store.connection_open(&caller, &environment, &connection));
        match opened {
            Ok(opened) => {
                Ok(opened.secrets.values().map(|s| s.expose_secret().to_owned()).collect())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// 48 sealed fields: two tenants with two environments each, six connections in each of those, two
/// fields in each of them. Every ordered pair.
#[test]
fn a_moved_credential_never_opens() {
    let homes = [world(), world()];
    let openers = [Opener::new(&homes[0]), Opener::new(&homes[1])];
    let mut all = Vec::new();
    for (tenant, home) in homes.iter().enumerate() {
        let rows = rows(&home.database());
        assert_eq!(rows.len(), CONNECTIONS * FIELDS.len());
        for (at, row) in rows.iter().enumerate() {
            // The control: in their own places all of them open.
            let opened = openers[tenant].open(row).expect("an untouched credential opens");
            assert!(opened.contains(&secret(at / 2, &row.field)));
        }
        all.extend(rows.into_iter().map(|row| (tenant, row)));
    }
    let (mut moves, mut opens) = (0, 0);
    for (to, (tenant, place)) in all.iter().enumerate() {
        let (path, opener) = (homes[*tenant].database(), &openers[*tenant]);
        for (from, (_, other)) in all.iter().enumerate() {
            if to == from {
                continue;
            }
            put(&path, place, &other.envelope);
            moves += 1;
            match opener.open(place) {
                Ok(_) => opens += 1,
                Err(error) => assert!(error.contains("does not belong to this row"), "{error}"),
            }
        }
        put(&path, place, &place.envelope);
        assert!(opener.open(place).is_ok(), "put back it opens again");
    }
    assert_eq!((moves, opens), (48 * 47, 0));
}

#[test]
fn a_credential_moved_with_its_whole_row_never_opens() {
    let home = world();
    let path = home.database();
    let rows = rows(&path);
    let opener = Opener::new(&home);
    let mut opens = 0;
    for at in 0..CONNECTIONS {
        for other in (0..CONNECTIONS).filter(|other| *other != at) {
            for field in 0..FIELDS.len() {
                put(&path, &rows[at * 2 + field], &rows[other * 2 + field].envelope);
            }
            opens += usize::from(opener.open(&rows[at * 2]).is_ok());
        }
        for field in 0..FIELDS.len() {
            put(&path, &rows[at * 2 + field], &rows[at * 2 + field].envelope);
        }
        assert!(opener.open(&rows[at * 2]).is_ok(), "put back it opens again");
    }
    assert_eq!(opens, 0);
}

#[test]
fn the_program_says_that_a_moved_credential_does_not_belong_there() {
    let home = world();
    let rows = rows(&home.database());
    put(&home.database(), &rows[0], &rows[2].envelope);
    let ran = home.run(["connection", "test", &rows[0].connection, "--env", "dev"]);
    assert!(![Some(0), None].contains(&ran.code), "{ran:?}");
    assert!(ran.stderr.contains("does not belong to this row"), "{ran:?}");
}

#[test]
fn a_database_without_its_key_stays_shut() {
    let home = world();
    std::fs::remove_file(home.key()).expect("the key file is there");
    let ran = home.run(["connection", "list", "--env", "dev"]).expect(2);
    assert!(ran.stderr.contains("is missing; this database was sealed under key"), "{ran:?}");
}
