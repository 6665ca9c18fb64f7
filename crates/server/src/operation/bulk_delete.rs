//! Deleting jobs, records of imports and runs in bulk.
use connref_solution::model::JobId;
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::bulk_delete::{BulkDeleteNew, BulkQuery};

use super::Result;
use crate::{App, Context};

/// How many rows each query would delete now.
pub async fn bulk_delete_count(cx: &Context, queries: Vec<BulkQuery>) -> Result<Vec<i64>> {
    Ok(cx.store().bulk_delete_count(&cx.caller, &cx.environment.id, queries).await?)
}

/// Opens the job and carries out its first turn, if that is now.
pub async fn bulk_delete_create(cx: &Context, new: BulkDeleteNew) -> Result<JobId> {
    let queries = new.queries.clone();
    let store = cx.store();
    let job = store.bulk_delete_create(&cx.caller, &cx.environment.id, new).await?;
    for due in store.bulk_delete_due(&cx.caller, Some(&job)).await? {
        store.bulk_delete_run(&cx.caller, &due, &queries).await?;
    }
    Ok(job)
}

/// Carries out what is due in all environments, each as whoever asked for it and with the rights it has
/// by now. One that cannot be carried out is skipped and comes up again.
pub async fn bulk_delete_turn(
    app: &App,
    read: impl Fn(&str) -> Option<Vec<BulkQuery>>,
) -> Result<i64> {
    let keeper = Caller::System("bulk delete");
    let mut deleted = 0;
    for due in app.store().bulk_delete_due(&keeper, None).await? {
        let Some(queries) = read(&due.document) else { continue };
        let done = match app.store().caller_find(&due.environment, &due.owner).await {
            Ok(caller) => app.store().bulk_delete_run(&caller, &due, &queries).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(count) => deleted += count,
            Err(StoreError::NotFound { .. } | StoreError::Denied { .. }) => {
                tracing::warn!(
                    job = due.job.as_str(),
                    "whoever asked for a bulk deletion may not do it any more"
                );
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(deleted)
}
