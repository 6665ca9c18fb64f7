//! Exports that are fetched later.
use connref_solution::model::JobId;
use connref_store::job::{JobEnd, JobNew};

use super::Result;
use super::solution::solution_export;
use crate::Context;

/// Exports a solution and keeps the file for a day. Answers the operation, which has ended by then,
/// and the id under which the file waits.
pub async fn solution_export_start(
    cx: &Context,
    name: &str,
    managed: bool,
) -> Result<(JobId, JobId)> {
    let (store, environment) = (cx.store(), &cx.environment.id);
    let zip = solution_export(cx, name, managed).await?;
    let kept = JobId::from(store.export_keep(&cx.caller, environment, name, zip).await?);
    let node = cx.app.node().to_owned();
    let new = JobNew { message: "ExportSolutionAsync", job: kept.clone(), node };
    let operation = store.job_start(&cx.caller, environment, new).await?;
    store.job_finish(&cx.caller, environment, &operation, JobEnd::Succeeded).await?;
    Ok((operation, kept))
}

/// The file of an export of this caller.
pub async fn solution_exported(cx: &Context, id: &str) -> Result<Vec<u8>> {
    Ok(cx.store().export_kept(&cx.caller, &cx.environment.id, id).await?)
}
