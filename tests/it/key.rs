//! The key of an installation: its status, a new version, another provider, interruption, and one
//! clear line when it is not as it should be.
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use connref_egress::{Egress, EgressConfig};
use connref_engine::key::{KeyProviders, KeySetting};
use connref_solution::model::facts::ConnectionKind;
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::db::Location;
use connref_store::source::{SystemClock, SystemIds};
use connref_tests::home::{Connection, OPERATOR};
use connref_tests::seed::Seed;
use connref_tests::{Home, database};
use secrecy::{ExposeSecret, SecretString};

/// Secrets that a change has to move while it is killed.
const SECRETS: usize = 2_000;

fn world(count: usize) -> Home {
    let home = Home::with_env("dev", &[]);
    for at in 0..count {
        home.connection(&Connection {
            env: "dev",
            connector: "shared_office365",
            name: &format!("Mailbox {at:02}"),
            endpoint: Some("mail.harbour.test:587"),
            parameters: &[("username", "pilot@harbour.test")],
            secrets: &[("password", "planted-one"), ("second", "planted-two")],
            ..Connection::default()
        });
    }
    home
}

/// (version, state, provider, records) of each version.
fn versions(home: &Home) -> Vec<(i64, String, String, i64)> {
    let status = home.json(["key", "status"]);
    let text =
        |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    status
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            let number = |name: &str| row[name].as_i64().expect("a number");
            (number("version"), text(row, "state"), text(row, "provider"), number("records"))
        })
        .collect()
}

fn one(version: i64, provider: &str, records: i64) -> Vec<(i64, String, String, i64)> {
    vec![(version, "newest".to_owned(), provider.to_owned(), records)]
}

/// The credentials of a connection open: its test gets as far as the call.
fn opens(home: &Home) {
    let id = home.json(["connection", "list"])[0]["id"].as_str().expect("an id").to_owned();
    let ran = home.run(["connection", "test", &id]);
    // Nobody listens there: what matters is that it got as far as the call.
    assert!(!ran.stderr.contains("secret"), "{ran:?}");
}

#[test]
fn a_rotation_moves_every_secret() {
    let home = world(3);
    assert_eq!(versions(&home), one(1, "file", 6));
    let ran = home.ok(["key", "rotate"]);
    assert!(ran.stdout.contains("version 2 of the key"), "{ran:?}");
    assert!(ran.stdout.contains("protects every secret (6 moved)"), "{ran:?}");
    assert_eq!(versions(&home), one(2, "file", 6));
    opens(&home);
    let log = home.ok(["audit", "log", "--top", "5"]).stdout;
    assert!(log.contains("key_rotate") && log.contains("key_change_end"), "{log}");
    assert_eq!(home.json(["audit", "verify"])["ok"], true);
}

#[test]
fn a_dry_run_changes_nothing() {
    let home = world(1);
    let ran = home.ok(["key", "rotate", "--dry-run"]);
    assert!(ran.stdout.contains("would send POST /providers/connref/key/rotate"), "{ran:?}");
    assert_eq!(versions(&home), one(1, "file", 2));
}

#[test]
fn a_move_to_a_passphrase_and_back() {
    let home = world(2);
    let secret = home.path().join("passphrase");
    fs::write(&secret, "correct horse battery staple\n").expect("it can be written");
    let address = format!("passphrase:{}", secret.display());
    let ran = home.ok(["key", "move", "--to", &address]);
    assert!(ran.stderr.contains("is not needed any more"), "{ran:?}");
    assert_eq!(versions(&home), one(2, "passphrase", 4));
    fs::rename(home.key(), home.path().join("old-key")).expect("the old key goes");
    opens(&home);
    fs::write(&secret, "another horse battery staple\n").expect("it can be written");
    let refused = home.run(["connection", "list"]).expect(2);
    assert!(refused.stderr.contains("does not fit this database"), "{refused:?}");
    fs::write(&secret, "correct horse battery staple\n").expect("it can be written");
    home.ok(["key", "move", "--to", "file:"]);
    assert_eq!(versions(&home), one(3, "file", 4));
    fs::remove_file(&secret).expect("the passphrase goes");
    opens(&home);
}

#[test]
fn a_key_that_is_not_as_it_should_be_is_one_clear_line() {
    let home = world(1);
    let key = home.key();
    let line = |what: &str| {
        let ran = home.run(["connection", "list"]).expect(2);
        assert!(ran.stderr.contains(what), "{what}: {ran:?}");
        ran.stderr
    };
    let status = home.json(["key", "status"]);
    let fingerprint = status[0]["fingerprint"].as_str().expect("text").to_owned();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("the mode can be set");
    let text = line("its mode is 640");
    assert!(text.contains(&format!("fix: chmod 600 {}", key.display())), "{text}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("the mode can be set");
    let good = fs::read_to_string(&key).expect("the key can be read");
    fs::write(&key, format!("{}\n", "ab".repeat(32))).expect("it can be written");
    let text = line("does not fit this database, which was sealed under key");
    assert!(text.contains(&format!("fix: put the key `{fingerprint}` back")), "{text}");
    for other in [b"short".as_slice(), &[0xff; 32]] {
        fs::write(&key, other).expect("it can be written");
        line("does not hold 64 hexadecimal digits");
    }
    fs::remove_file(&key).expect("the key goes");
    let text = line("is missing; this database was sealed under key");
    assert!(text.contains(&fingerprint), "{text}");
    assert!(!key.exists(), "no other key is made in its place");
    fs::write(&key, good).expect("it can be written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("the mode can be set");
    home.ok(["connection", "list"]);
    for (address, what) in [
        ("floppy:/dev/fd0", "`floppy` is no kind of key provider"),
        ("key", "it is no address"),
        ("file:relative", "the path is not absolute"),
        ("passphrase:/nowhere/at/all", "cannot be read"),
    ] {
        let ran = home.run(["key", "move", "--to", address]);
        assert_eq!(ran.code, Some(4), "{ran:?}");
        assert!(ran.stderr.contains(what), "{what}: {ran:?}");
    }
    assert_eq!(versions(&home), one(1, "file", 2));
}

#[test]
fn a_secret_of_ten_mebibytes_is_one_clear_line() {
    let home = Home::with_env("dev", &[]);
    let path = home.path().join("large");
    fs::write(&path, "x".repeat(10 << 20)).expect("it can be written");
    let file = format!("password={}", path.display());
    let ran = home.run([
        "connection",
        "create",
        "--connector",
        "shared_office365",
        "--name",
        "Large",
        "--secret-file",
        &file,
    ]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("is larger than 1 MiB"), "{ran:?}");
}

/// Killed at any moment of a rotation or a move, the installation opens, and the change goes on.
#[test]
fn kill9_a_change_of_the_key_goes_on() {
    let mut seed = Seed::take("kill9_a_change_of_the_key_goes_on");
    let base = Home::with_env("dev", &[]);
    fill(&base, SECRETS);
    let kills = if std::env::var_os("CONNREF_LONG").is_some() { 50 } else { 5 };
    let mut interrupted = 0;
    for kill in 0..kills {
        let home = base.copy();
        let target = format!("file:{}", home.path().join("second-key").display());
        let arguments: &[&str] =
            if kill % 2 == 0 { &["key", "rotate"] } else { &["key", "move", "--to", &target] };
        let mut child = home.command(arguments).spawn().expect("the program can be started");
        // Some are killed before the change is begun, most of them within it.
        if kill % 5 != 4 {
            wait_for_change(&home);
        }
        let moment = if kill == 0 { 0 } else { seed.below(400_000) };
        let moment = Duration::from_micros(moment);
        std::thread::sleep(moment);
        // SIGKILL; one that has ended already is as good.
        let _ = child.kill();
        child.wait().expect("the program can be waited for");
        // Whatever state it is in, everything opens.
        all_open(&home);
        let before = versions(&home);
        interrupted += usize::from(before.len() > 1);
        home.ok(["key", "rotate"]);
        let newest = before.last().expect("a version").0;
        // One that was left open is finished; a closed one is followed by another.
        let expected = if before.len() > 1 { newest } else { newest + 1 };
        let records = i64::try_from(SECRETS).expect("few");
        assert_eq!(versions(&home), one(expected, "file", records), "kill {kill} after {moment:?}");
        all_open(&home);
        assert_eq!(home.json(["audit", "verify"])["ok"], true);
    }
    println!("{interrupted} of {kills} kills left the change open");
}

/// Waits until a change is begun.
fn wait_for_change(home: &Home) {
    for _ in 0..2_000 {
        let begun = database::open(&home.database()).query_row(
            "SELECT count(*) FROM key_change WHERE endedon IS NULL",
            [],
            |row| row.get(0),
        );
        if begun == Ok(1) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no change was begun");
}

/// The installation opened past the program, as another process would.
pub(crate) fn opened(home: &Home) -> (tokio::runtime::Runtime, Store) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let config = home.path().join("config");
    let setting =
        KeySetting { given: None, file: config.join("key-provider"), key: config.join("key") };
    let keys = Arc::new(KeyProviders::new(
        setting,
        Arc::new(|_| None),
        Egress::new(EgressConfig::default()),
    ));
    let location = Location::Sqlite(home.database());
    let ids = Arc::new(SystemIds::default());
    let store = runtime
        .block_on(Store::open_with(&location, keys, Arc::new(SystemClock), ids))
        .expect("the store opens");
    (runtime, store)
}

/// Makes connections with one secret each, faster than the program is started so often.
fn fill(home: &Home, count: usize) {
    let (runtime, store) = opened(home);
    runtime.block_on(async {
        let caller = Caller::Operator(OPERATOR.to_owned());
        let environment = store.environment_get(&caller, "dev").await.expect("it is there").id;
        let member = store.caller_find(&environment, OPERATOR).await.expect("it is there");
        let owner = member.principal().expect("a member").clone();
        let mut tasks = Vec::new();
        for at in 0..count {
            let (store, member, environment) = (store.clone(), member.clone(), environment.clone());
            let new = ConnectionNew {
                id: None,
                api_name: "shared_sql".into(),
                display_name: format!("Store {at:05}"),
                owner: owner.clone(),
                kind: ConnectionKind::User,
                endpoint: None,
                account: None,
                ends_on: None,
                parameters: BTreeMap::new(),
                secrets: [("password".to_owned(), SecretString::from(format!("planted {at:05}")))]
                    .into(),
            };
            tasks.push(tokio::spawn(async move {
                store.connection_create(&member, &environment, new).await.map(drop)
            }));
        }
        for task in tasks {
            task.await.expect("no panic").expect("it is made");
        }
    });
    drop((store, runtime));
    closed(home);
}

/// Waits until the store's writer has closed the database, which it does on a thread of its own: a
/// copy of the folder made before would lack what the write-ahead log holds.
fn closed(home: &Home) {
    let log = home.database().with_extension("db-wal");
    for _ in 0..2_000 {
        if !log.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("`{}` is still there", log.display());
}

/// Every connection opens to what was put in.
fn all_open(home: &Home) {
    let (runtime, store) = opened(home);
    runtime.block_on(async {
        let caller = Caller::Operator(OPERATOR.to_owned());
        let environment = store.environment_get(&caller, "dev").await.expect("it is there").id;
        let all = store.connection_list(&caller, &environment).await.expect("they can be listed");
        assert_eq!(all.len(), SECRETS);
        for one in all {
            let opened = store.connection_open(&caller, &environment, &one.facts.id).await;
            let opened =
                opened.unwrap_or_else(|error| panic!("{}: {error}", one.facts.display_name));
            let expected = one.facts.display_name.replace("Store", "planted");
            assert_eq!(opened.secrets["password"].expose_secret(), expected);
        }
    });
}
