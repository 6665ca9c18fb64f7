//! The key of the installation.
use std::time::Duration;

use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::tenant_key::{KeyChange, KeyStatus};
use connref_store::vault::VaultError;

use super::{OperationError, Result, with_causes};
use crate::App;

/// How long one request goes on with a change before it answers how far it is.
const SHARE: Duration = Duration::from_secs(5);

/// The versions of the key, and the change that runs.
pub async fn key_status(app: &App, caller: &Caller) -> Result<KeyStatus> {
    Ok(app.store().key_status(caller).await?)
}

/// Begins a new version of the key; with a change under way, that one is meant.
pub async fn key_rotate(app: &App, caller: &Caller) -> Result<KeyChange> {
    match app.store().key_change_begin(caller, None).await {
        Err(StoreError::InUse { .. }) => key_continue(app, caller).await,
        begun => begun.map_err(told),
    }
}

/// Begins a move to another provider.
pub async fn key_move(app: &App, caller: &Caller, to: &str) -> Result<KeyChange> {
    app.store().key_change_begin(caller, Some(to)).await.map_err(told)
}

/// Goes on with the change for a while.
pub async fn key_continue(app: &App, caller: &Caller) -> Result<KeyChange> {
    let change = app.store().key_change_continue(caller, SHARE).await.map_err(told)?;
    change.ok_or_else(|| {
        OperationError::invalid("no change of the key was begun", "connref key rotate")
    })
}

/// Key providers are the operator's own: whoever changes the key is told all they said.
fn told(error: StoreError) -> OperationError {
    let StoreError::Vault(error) = error else { return error.into() };
    let fix = error.fix();
    match error {
        VaultError::Provider { .. } => OperationError::Remote { message: with_causes(&error) },
        VaultError::KeyChanged => OperationError::Conflict { message: error.to_string(), fix },
        _ => OperationError::Invalid { message: with_causes(&error), fix },
    }
}
