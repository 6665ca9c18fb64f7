//! Several changes in one transaction, on each engine.
use connref_solution::model::facts::ReferenceFacts;
use connref_store::db::DbError;
use connref_store::{Store, StoreError};

use crate::reference;
use crate::world::{World, each_engine};

async fn create(world: &World, store: &Store, name: &str) -> Result<ReferenceFacts, StoreError> {
    let (caller, environment) = (&world.caller, &world.environment);
    let version = store.facts(caller, environment).await?.environment.version;
    store.reference_create(caller, environment, version, reference(name, None)).await
}

async fn names(world: &World, store: &Store) -> Vec<String> {
    let mut names = Vec::new();
    for name in ["con_a", "con_b", "con_c"] {
        if store.reference_get(&world.caller, &world.environment, name).await.is_ok() {
            names.push(name.to_owned());
        }
    }
    names
}

#[test]
fn a_group_is_seen_by_itself_until_it_is_committed() {
    each_engine(|world| async move {
        let (inside, group) = world.store.group();
        for name in ["con_a", "con_b"] {
            create(&world, &inside, name).await.unwrap();
        }
        assert_eq!(names(&world, &inside).await, ["con_a", "con_b"]);
        assert_eq!(names(&world, &world.store).await, [""; 0]);
        let facts = inside.facts(&world.caller, &world.environment).await.unwrap();
        assert_eq!(facts.references.len(), 2);
        group.commit().await.unwrap();
        assert_eq!(names(&world, &world.store).await, ["con_a", "con_b"]);
        let facts = world.store.facts(&world.caller, &world.environment).await.unwrap();
        assert_eq!(facts.references.len(), 2);
        let late = inside.reference_get(&world.caller, &world.environment, "con_a").await;
        assert!(matches!(late, Err(StoreError::Database(DbError::GroupOver))), "{late:?}");
    });
}

#[test]
fn a_piece_that_fails_leaves_no_trace_and_the_rest_goes_on() {
    each_engine(|world| async move {
        let (inside, group) = world.store.group();
        create(&world, &inside, "con_a").await.unwrap();
        let again = create(&world, &inside, "con_a").await;
        assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
        create(&world, &inside, "con_b").await.unwrap();
        group.commit().await.unwrap();
        assert_eq!(names(&world, &world.store).await, ["con_a", "con_b"]);
    });
}

#[test]
fn what_is_undone_or_dropped_never_was() {
    each_engine(|world| async move {
        for undo in [true, false] {
            let (inside, group) = world.store.group();
            create(&world, &inside, "con_a").await.unwrap();
            if undo {
                group.undo().await;
            } else {
                drop(group);
            }
            // The writer is free again.
            let made = create(&world, &world.store, "con_c").await.unwrap();
            assert_eq!(names(&world, &world.store).await, ["con_c"]);
            let (caller, environment) = (&world.caller, &world.environment);
            world.store.reference_delete(caller, environment, &made.id).await.unwrap();
        }
    });
}
