//! Runs that are cancelled, and what is past deleted in bulk.
use connref_solution::model::RunId;
use connref_solution::model::facts::Role;
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::bulk_delete::{
    BulkCompare, BulkCondition, BulkDeleteNew, BulkQuery, BulkTarget, BulkValue,
};
use connref_store::query::{Cell, Query, table_by_logical_name};

use crate::run_new;
use crate::world::{World, each_engine};

fn runs_of(flow: &str) -> Vec<BulkQuery> {
    vec![BulkQuery {
        target: BulkTarget::Runs,
        conditions: vec![
            BulkCondition {
                column: "workflow".into(),
                by: BulkCompare::Equal,
                value: BulkValue::Text(flow.into()),
            },
            BulkCondition {
                column: "startTime".into(),
                by: BulkCompare::Less,
                value: BulkValue::Ago(1000),
            },
        ],
    }]
}

fn new(world: &World, every: Option<i64>, start: i64) -> BulkDeleteNew {
    BulkDeleteNew {
        name: "old runs".into(),
        queries: runs_of("F"),
        document: "[]".into(),
        recurrence: every.map(|_| "FREQ=DAILY".to_owned()),
        every,
        start,
        node: world.store.ids().connection_id(),
    }
}

#[test]
fn a_cancelled_run_ends_once_and_can_be_deleted() {
    each_engine(|world| async move {
        let (store, env, caller) = (&world.store, &world.environment, &world.caller);
        let (system, run) = (Caller::System("test"), RunId::new("r1"));
        let fence = store.run_start(&system, env, run_new("r1")).await.unwrap();
        let ada = world.member("ada@contoso.test", Role::EnvironmentMaker).await;
        let unseen = store.run_cancel(&ada, env, &run).await;
        assert!(matches!(unseen, Err(StoreError::NotFound { .. })), "{unseen:?}");
        let count = || store.bulk_delete_count(caller, env, runs_of("F"));
        assert_eq!(count().await.unwrap(), [0], "it goes on");
        store.run_cancel(caller, env, &run).await.unwrap();
        let found = store.run_get(caller, env, &run).await.unwrap();
        assert_eq!((found.status.as_str(), found.fence), ("Cancelled", fence + 1));
        let again = store.run_cancel(caller, env, &run).await;
        assert!(matches!(again, Err(StoreError::Invalid(_))), "{again:?}");

        assert_eq!(count().await.unwrap(), [1]);
        let now = store.now();
        let refused = store.bulk_delete_create(&ada, env, new(&world, None, now)).await;
        assert!(matches!(refused, Err(StoreError::Denied { .. })), "{refused:?}");
        let job = store.bulk_delete_create(caller, env, new(&world, None, now)).await.unwrap();
        let due = store.bulk_delete_due(&system, None).await.unwrap();
        assert_eq!(due.iter().map(|one| &one.job).collect::<Vec<_>>(), [&job]);
        assert_eq!(store.bulk_delete_run(caller, &due[0], &runs_of("F")).await.unwrap(), 1);
        assert!(matches!(store.run_get(caller, env, &run).await, Err(StoreError::NotFound { .. })));
        // Whoever comes second finds nothing to do.
        assert_eq!(store.bulk_delete_run(caller, &due[0], &runs_of("F")).await.unwrap(), 0);
        assert_eq!(store.bulk_delete_due(&system, None).await.unwrap(), []);
    });
}

#[test]
fn a_deletion_comes_again_until_it_is_ended() {
    each_engine(|world| async move {
        let (store, env, caller) = (&world.store, &world.environment, &world.caller);
        let system = Caller::System("test");
        let (day, now) = (86_400_000_000, store.now());
        // Three turns were missed: they are made up for by one.
        let start = now - 3 * day - 5_000_000;
        let job =
            store.bulk_delete_create(caller, env, new(&world, Some(day), start)).await.unwrap();
        let due = store.bulk_delete_due(&system, None).await.unwrap();
        store.bulk_delete_run(caller, &due[0], &runs_of("F")).await.unwrap();
        assert_eq!(store.bulk_delete_due(&system, None).await.unwrap(), []);
        let row = || async {
            let table = table_by_logical_name("asyncoperation").unwrap();
            let rows = store.query(caller, env, Query::new(table)).await.unwrap().rows;
            let cell = |name: &str| rows[0].cell(name).cloned();
            (cell("statecode"), cell("statuscode"), cell("postponeuntil"))
        };
        let (state, status, next) = row().await;
        assert_eq!((state, status), (Some(Cell::Int(1)), Some(Cell::Int(10))));
        assert_eq!(next, Some(Cell::Time(start + 4 * day)));
        store.job_cancel(caller, env, &job).await.unwrap();
        let (state, status, _) = row().await;
        assert_eq!((state, status), (Some(Cell::Int(3)), Some(Cell::Int(32))));
        let again = store.job_cancel(caller, env, &job).await;
        assert!(matches!(again, Err(StoreError::Invalid(_))), "{again:?}");
    });
}
