//! Sharing single rows, and giving them away.
use connref_store::row_share::{Receiver, RowShare, ShareChange, SharedRow};

use super::Result;
use crate::Context;

/// Changes the share of a row.
pub async fn row_share(
    cx: &Context,
    row: SharedRow,
    to: Receiver,
    change: ShareChange,
) -> Result<()> {
    Ok(cx.store().row_share(&cx.caller, &cx.environment.id, row, to, change).await?)
}

/// Whom a row is shared with.
pub async fn row_shares(cx: &Context, row: SharedRow) -> Result<Vec<RowShare>> {
    Ok(cx.store().row_shares(&cx.caller, &cx.environment.id, row).await?)
}

/// The rights a principal has on a row.
pub async fn row_access(cx: &Context, row: SharedRow, principal: &str) -> Result<i64> {
    Ok(cx.store().row_access(&cx.caller, &cx.environment.id, row, principal).await?)
}

/// Gives a row to another owner.
pub async fn row_assign(cx: &Context, row: SharedRow, to: Receiver) -> Result<()> {
    Ok(cx.store().row_assign(&cx.caller, &cx.environment.id, row, to).await?)
}
