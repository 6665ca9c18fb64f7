//! The key of the installation. The vendor's services have nothing like it; the shape is ours.
use axum::Json;
use connref_store::tenant_key::{KeyChange, KeyStatus, KeyVersion};
use serde_json::{Value, json};

use super::time::iso;
use super::{Caller, Document, Failure};
use crate::operation::key::{key_continue, key_move, key_rotate, key_status};

pub(crate) async fn status(caller: Caller) -> Result<Json<Value>, Failure> {
    let found = key_status(caller.app(), &caller.installation()?).await?;
    Ok(Json(status_json(&found)))
}

pub(crate) async fn rotate(caller: Caller) -> Result<Json<Value>, Failure> {
    Ok(Json(change(&key_rotate(caller.app(), &caller.installation()?).await?)))
}

pub(crate) async fn change_provider(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let to = body["to"].as_str().ok_or_else(|| {
        Failure::bad_request(
            "InvalidRequest",
            "`to`, the address of a key provider, is missing",
            "",
        )
    })?;
    Ok(Json(change(&key_move(caller.app(), &caller.installation()?, to).await?)))
}

pub(crate) async fn go_on(caller: Caller) -> Result<Json<Value>, Failure> {
    Ok(Json(change(&key_continue(caller.app(), &caller.installation()?).await?)))
}

fn status_json(status: &KeyStatus) -> Value {
    json!({
        "versions": status.versions.iter().map(version).collect::<Vec<_>>(),
        "change": status.change.as_ref().map(change),
    })
}

fn version(version: &KeyVersion) -> Value {
    json!({
        "version": version.version,
        "newest": version.newest,
        "provider": version.provider,
        "place": version.place,
        "fingerprint": version.fingerprint,
        "createdTime": iso(version.created_on),
        "records": version.records,
    })
}

fn change(change: &KeyChange) -> Value {
    json!({
        "kind": change.kind,
        "version": change.to,
        "place": change.place,
        "total": change.total,
        "done": change.done,
        "unreadable": change.unreadable,
        "startedBy": change.started_by,
        "startedTime": iso(change.started_on),
        "endedTime": change.ended_on.map(iso),
    })
}
