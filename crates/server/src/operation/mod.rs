//! The application layer: one file per noun, one function per verb, the same names as in the store.
//! An operation judges with `review` over the facts and has the store write for exactly that
//! version of them. No HTTP, no OData, no SQL.
pub mod audit;
pub mod bulk_delete;
pub mod business_unit;
pub mod connection;
pub mod connection_consent;
pub mod connection_rotate;
pub mod connection_sign_in;
pub mod connection_test;
pub mod connector;
pub mod dependency;
pub mod deployment;
mod deployment_run;
pub mod environment;
mod error;
pub mod export_job;
pub mod flow;
pub mod import_result;
pub mod key;
pub mod layer;
pub mod pipeline;
pub mod principal_credential;
pub mod reference;
pub mod role;
pub mod row_share;
pub mod solution;
pub mod solution_stage;
pub mod team;
pub mod tenant_group;
pub mod tenant_policy;
pub mod user;
pub mod variable;

use std::future::Future;
use std::sync::Arc;

use connref_solution::model::Facts;
use connref_solution::model::PrincipalId;
use connref_store::StoreError;

use crate::Context;
pub use error::OperationError;
pub(crate) use error::with_causes;

/// Result of an operation.
pub type Result<T> = std::result::Result<T, OperationError>;

/// How often a judgement is made anew because somebody else changed the environment meanwhile.
const ATTEMPTS: usize = 8;

/// Judges over the facts and writes for that version of them; judges again when the environment
/// moved on between the two.
async fn judged<T, F, R>(cx: &Context, step: F) -> Result<T>
where
    F: Fn(Arc<Facts>) -> R,
    R: Future<Output = Result<T>>,
{
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
        match step(facts).await {
            Err(OperationError::Store(error @ StoreError::Stale { .. })) => last = Some(error),
            result => return result,
        }
    }
    Err(last.map_or_else(
        || OperationError::invalid("the environment is being changed", ""),
        Into::into,
    ))
}

/// The acting principal. The operator acts in an environment as its administrator there.
fn principal(cx: &Context) -> Result<PrincipalId> {
    Ok(cx.caller.owner()?)
}
