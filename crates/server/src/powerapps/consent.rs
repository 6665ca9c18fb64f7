//! Links by which a person signs a connection in while a pipeline waits.
use std::collections::HashMap;

use axum::Json;
use axum::extract::Path;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{Caller, Failure};
use crate::operation::connection_consent::{
    ConsentState, connection_consent_link, connection_consent_state,
};

type Ids = Path<HashMap<String, String>>;

/// Seconds that a link counts unless another time is wanted.
const LIFETIME: i64 = 3600;

fn id(ids: &Ids) -> &str {
    ids.get("id").map_or("", String::as_str)
}

/// `POST …/connref_consentLink` with `{account?, expiresIn?}`.
pub(crate) async fn link(
    caller: Caller,
    ids: Ids,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    if !caller.app().is_serving() {
        let fix = "give the server's address: --environment https://…";
        let message = "a link leads to a server, and none listens here";
        return Err(Failure::bad_request("InvalidRequest", message, fix));
    }
    let seconds = body["expiresIn"].as_i64().unwrap_or(LIFETIME);
    let micros = seconds.saturating_mul(1_000_000);
    let link = connection_consent_link(&cx, id(&ids), body["account"].as_str(), micros).await?;
    let secret = link.expose_secret();
    Ok(Json(json!({
        "id": secret,
        "url": format!("{}/consent/{secret}", caller.app().addresses().control()),
        "expiresIn": seconds,
    })))
}

/// `POST …/connref_consentState` with `{id}`.
pub(crate) async fn state(
    caller: Caller,
    ids: Ids,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let link = SecretString::from(body["id"].as_str().unwrap_or_default().to_owned());
    let state = match connection_consent_state(&cx, id(&ids), &link).await? {
        ConsentState::Pending => "pending",
        ConsentState::Done => "done",
        ConsentState::Refused => "refused",
        ConsentState::Over => "over",
    };
    Ok(Json(json!({"state": state})))
}
