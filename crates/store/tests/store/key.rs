//! The tenant's key: a new version while secrets are read and written, another provider, and what is
//! said when the key is not the right one.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use connref_solution::model::facts::ConnectionKind;
use connref_solution::model::{ConnectionId, EnvironmentId};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::source::{SystemClock, SystemIds};
use connref_store::vault::{KeyFile, KeyProvider, KeySource, Passphrase, VaultError};
use secrecy::{ExposeSecret, SecretString};

use crate::world::{World, each_engine};

const LONG: Duration = Duration::from_secs(600);

/// Providers in a folder: `file:` addresses, the newest first, as a setting would have them.
pub(crate) struct Folder(pub(crate) std::sync::Mutex<Vec<String>>);

impl KeySource for Folder {
    fn providers(&self) -> Result<Vec<Arc<dyn KeyProvider>>, VaultError> {
        self.0
            .lock()
            .expect("no test thread panicked with it")
            .iter()
            .map(|address| self.provider(address))
            .collect()
    }

    fn provider(&self, address: &str) -> Result<Arc<dyn KeyProvider>, VaultError> {
        Ok(match address.strip_prefix("file:") {
            Some(path) => Arc::new(KeyFile::at(path.as_ref())),
            None => Arc::new(Passphrase::new("correct horse battery".into(), address)?),
        })
    }

    fn choose(&self, address: &str, keep: bool) -> Result<(), VaultError> {
        let mut all = self.0.lock().expect("no test thread panicked with it");
        all.retain(|one| keep && one != address);
        all.insert(0, address.to_owned());
        Ok(())
    }
}

fn operator() -> Caller {
    Caller::Operator("admin".into())
}

fn connection(world: &World, secret: &str) -> ConnectionNew {
    ConnectionNew {
        id: None,
        api_name: "shared_sql".into(),
        display_name: "Orders".into(),
        owner: world.administrator.clone(),
        kind: ConnectionKind::User,
        endpoint: None,
        account: None,
        ends_on: None,
        parameters: BTreeMap::new(),
        secrets: [("password", secret), ("key", "second")]
            .map(|(field, text)| (field.to_owned(), SecretString::from(text.to_owned())))
            .into(),
    }
}

async fn make(world: &World, count: usize) -> Vec<ConnectionId> {
    let mut ids = Vec::new();
    for at in 0..count {
        let new = connection(world, &format!("secret {at}"));
        let made = world
            .store
            .connection_create(&world.caller, &world.environment, new)
            .await
            .expect("it is made");
        ids.push(made.facts.id);
    }
    ids
}

async fn password(store: &Store, environment: &EnvironmentId, id: &ConnectionId) -> String {
    let opened =
        store.connection_open(&Caller::System("test"), environment, id).await.expect("it opens");
    opened.secrets["password"].expose_secret().to_owned()
}

async fn finish(store: &Store) -> connref_store::tenant_key::KeyChange {
    store
        .key_change_continue(&operator(), LONG)
        .await
        .expect("a step goes through")
        .expect("a step goes through")
}

/// Another process on the same database.
async fn another(
    world: &World,
    source: Arc<dyn KeySource>,
) -> Result<Store, connref_store::StoreError> {
    let ids = Arc::new(SystemIds::default());
    Store::open_with(&world.location, source, Arc::new(SystemClock), ids).await
}

#[test]
fn a_new_version_takes_every_secret_and_the_old_one_goes() {
    each_engine(|world| async move {
        let ids = make(&world, 300).await;
        let before = world.store.key_status(&operator()).await.unwrap();
        assert_eq!((before.versions.len(), before.versions[0].records), (1, 600));
        let begun = world.store.key_change_begin(&operator(), None).await.unwrap();
        assert_eq!((begun.to, begun.total, begun.done, begun.ended_on), (2, 600, 0, None));
        let again = world.store.key_change_begin(&operator(), None).await.unwrap_err().to_string();
        assert!(again.contains("a change that is under way (0 of 600)"), "{again}");
        let ended = finish(&world.store).await;
        assert_eq!((ended.done, ended.unreadable), (600, 0));
        assert!(ended.ended_on.is_some());
        let after = world.store.key_status(&operator()).await.unwrap();
        assert_eq!(after.versions.len(), 1);
        assert_eq!((after.versions[0].version, after.versions[0].records), (2, 600));
        assert_eq!(after.versions[0].fingerprint, before.versions[0].fingerprint);
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(
                password(&world.store, &world.environment, id).await,
                format!("secret {at}")
            );
        }
        let check = world.store.audit_verify(&world.caller, &world.environment).await.unwrap();
        assert_eq!(check.first_bad, None);
        let log = world.store.audit_list(&world.caller, &world.environment, 2).await.unwrap();
        assert_eq!([&*log[0].action, &*log[1].action], ["key_change_end", "key_rotate"]);
    });
}

#[test]
fn only_the_operator_sees_and_changes_the_key() {
    each_engine(|world| async move {
        for refused in [
            world.store.key_status(&world.caller).await.map(drop),
            world.store.key_change_begin(&world.caller, None).await.map(drop),
            world.store.key_change_continue(&world.caller, LONG).await.map(drop),
        ] {
            assert!(matches!(refused, Err(connref_store::StoreError::Denied { .. })));
        }
    });
}

/// What is used and written while the key is changed, again and again, always opens; also in
/// another process that learns of the change only by what it reads.
#[test]
fn nothing_fails_while_the_key_is_changed() {
    each_engine(|world| async move {
        let ids = make(&world, 120).await;
        let world = Arc::new(world);
        let source = world.source.clone();
        let other = another(&world, source).await.unwrap();
        let (stop, uses) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = Vec::new();
        for (worker, store) in [(0, world.store.clone()), (1, other.clone()), (2, other)] {
            let (world, ids, stop, uses) =
                (Arc::clone(&world), ids.clone(), Arc::clone(&stop), Arc::clone(&uses));
            tasks.push(tokio::spawn(async move {
                let mut at = worker;
                while !stop.load(Ordering::Relaxed) {
                    at = (at + 7) % ids.len();
                    let caller = Caller::System("test");
                    let opened = store.connection_open(&caller, &world.environment, &ids[at]).await;
                    opened.unwrap();
                    uses.fetch_add(1, Ordering::Relaxed);
                    if worker == 1 && at % 5 == 0 {
                        let mut new = connection(&world, &format!("secret {at}"));
                        new.id = Some(ids[at].clone());
                        let caller = &world.caller;
                        store.connection_update(caller, &world.environment, new).await.unwrap();
                    }
                    tokio::task::yield_now().await;
                }
            }));
        }
        for version in 2..=6 {
            world.store.key_change_begin(&operator(), None).await.unwrap();
            let ended = finish(&world.store).await;
            assert_eq!((ended.to, ended.unreadable), (version, 0));
        }
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        assert!(uses.load(Ordering::Relaxed) > 0);
        let status = world.store.key_status(&operator()).await.unwrap();
        assert_eq!((status.versions.len(), status.versions[0].records), (1, 240));
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(
                password(&world.store, &world.environment, id).await,
                format!("secret {at}")
            );
        }
    });
}

/// Whoever slept through two changes neither loses what it writes nor what it reads.
#[test]
fn a_process_that_slept_through_changes_goes_on() {
    each_engine(|world| async move {
        let ids = make(&world, 3).await;
        let sleeper = another(&world, world.source.clone()).await.unwrap();
        for _ in 0..2 {
            world.store.key_change_begin(&operator(), None).await.unwrap();
            finish(&world.store).await;
        }
        let mut new = connection(&world, "written late");
        new.id = Some(ids[0].clone());
        sleeper.connection_update(&world.caller, &world.environment, new).await.unwrap();
        let made = connection(&world, "made late");
        let made =
            sleeper.connection_create(&world.caller, &world.environment, made).await.unwrap();
        for store in [&world.store, &sleeper] {
            assert_eq!(password(store, &world.environment, &ids[0]).await, "written late");
            assert_eq!(password(store, &world.environment, &made.facts.id).await, "made late");
            assert_eq!(password(store, &world.environment, &ids[1]).await, "secret 1");
        }
    });
}

/// A secret that does not open is left, counted, and keeps the old version from being dropped.
#[test]
fn a_secret_that_was_tampered_with_is_left_and_said() {
    each_engine(|world| async move {
        let ids = make(&world, 4).await;
        let other = world.envelope(ids[1].as_str(), "password").await;
        world.envelope_put(ids[0].as_str(), "password", &other).await;
        world.store.key_change_begin(&operator(), None).await.unwrap();
        let ended = finish(&world.store).await;
        assert_eq!((ended.done, ended.unreadable), (7, 1));
        let status = world.store.key_status(&operator()).await.unwrap();
        let left: Vec<_> = status.versions.iter().map(|v| (v.version, v.records)).collect();
        assert_eq!(left, [(1, 1), (2, 7)]);
        assert_eq!(password(&world.store, &world.environment, &ids[1]).await, "secret 1");
    });
}

#[test]
fn a_move_needs_the_new_provider_only_and_says_so_with_the_old() {
    each_engine(|world| async move {
        let ids = make(&world, 5).await;
        let old = world.source.0.lock().unwrap()[0].clone();
        for address in [format!("{old}.second"), "passphrase:".to_owned(), old.clone()] {
            world.store.key_change_begin(&operator(), Some(&address)).await.unwrap();
            // Not finished yet: one provider is enough all the same.
            let source = Arc::new(Folder(vec![address.clone()].into()));
            let other = another(&world, source).await.unwrap();
            assert_eq!(password(&other, &world.environment, &ids[0]).await, "secret 0");
            let ended = finish(&other).await;
            assert_eq!((ended.kind.as_str(), ended.unreadable), ("move", 0));
            assert_eq!(*world.source.0.lock().unwrap(), std::slice::from_ref(&address));
            assert_eq!(password(&world.store, &world.environment, &ids[4]).await, "secret 4");
            let status = world.store.key_status(&operator()).await.unwrap();
            assert_eq!(status.versions.last().unwrap().place, address);
        }
        let wrong = Arc::new(Folder(vec!["passphrase:".to_owned()].into()));
        let refused = another(&world, wrong).await.err().unwrap().to_string();
        assert!(refused.contains("but the key provider set here is `passphrase:`"), "{refused}");
    });
}

#[test]
fn a_move_that_fails_leaves_everything_as_it_was() {
    each_engine(|world| async move {
        make(&world, 1).await;
        let before = world.source.0.lock().unwrap().clone();
        let refused = world
            .store
            .key_change_begin(&operator(), Some("file:/proc/nowhere/key"))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("cannot use the key file"), "{refused}");
        assert_eq!(*world.source.0.lock().unwrap(), before);
        let status = world.store.key_status(&operator()).await.unwrap();
        assert_eq!((status.versions.len(), status.change), (1, None));
    });
}

#[test]
fn another_key_and_a_missing_one_are_named_at_the_start() {
    each_engine(|world| async move {
        let mine = world.source.0.lock().unwrap()[0].clone();
        let status = world.store.key_status(&operator()).await.unwrap();
        let expected = &status.versions[0].fingerprint;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other");
        let open =
            || another(&world, Arc::new(Folder(vec![format!("file:{}", path.display())].into())));
        let missing = open().await.err().unwrap().to_string();
        assert_eq!(
            missing,
            format!(
                "the key file `{}` is missing; this database was sealed under key `{expected}`",
                path.display()
            )
        );
        assert!(!path.exists(), "no key is made for a database that has one");
        drop(KeyFile::open_or_create(&path, &SystemIds::default()).unwrap());
        let wrong = open().await.err().unwrap().to_string();
        assert!(
            wrong.contains("does not fit this database, which was sealed under key"),
            "{wrong}"
        );
        assert!(wrong.contains(&format!("`{expected}`")), "{wrong}");
        // The same key under another name is the same key.
        std::fs::copy(mine.strip_prefix("file:").unwrap(), &path).unwrap();
        assert!(open().await.is_ok());
    });
}

#[test]
fn a_secret_of_ten_mebibytes_is_refused() {
    each_engine(|world| async move {
        let new = connection(&world, &"x".repeat(10 << 20));
        let refused = world
            .store
            .connection_create(&world.caller, &world.environment, new)
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the secret `password` has 10485760 bytes; at most 1048576 are kept"
        );
        let all = world.store.connection_list(&world.caller, &world.environment).await.unwrap();
        assert_eq!(all.len(), 0);
    });
}
