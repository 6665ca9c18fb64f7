//! How principals of an environment prove who they are. connref's own addresses: in the vendor's
//! cloud this is the directory's.
use std::collections::HashMap;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use connref_store::principal_credential::CredentialNew;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::time::iso;
use super::{Caller, Failure};
use crate::operation::principal_credential::{
    principal_credential_add, principal_credential_list, principal_credential_remove,
    signin_link_create,
};

type Names = Path<HashMap<String, String>>;

/// Seconds that a link to sign in counts unless another time is wanted.
const LINK: i64 = 3600;

fn name<'a>(names: &'a Names, key: &str) -> &'a str {
    names.get(key).map_or("", String::as_str)
}

fn wrong(message: &str, fix: &str) -> Failure {
    Failure::bad_request("InvalidRequest", message, fix)
}

pub(crate) async fn list(caller: Caller, names: Names) -> Result<Json<Value>, Failure> {
    let cx = caller.enter(name(&names, "environment")).await?;
    let rows = principal_credential_list(&cx, name(&names, "principal")).await?;
    let rows = rows.iter().map(|row| {
        json!({
            "id": row.id, "kind": row.kind, "name": row.name, "shown": row.shown,
            "issuer": row.issuer, "audience": row.audience, "created": iso(row.created_on), "ends": row.expires_on.map(iso),
        })
    });
    Ok(Json(json!({"value": rows.collect::<Vec<_>>()})))
}

/// Adds what the body holds: `secret`, or with none of the others one that is made here and told
/// once; `certificate` (base64 of DER) or `thumbprint`; `issuer`, `subject` and perhaps `audience`.
pub(crate) async fn add(
    caller: Caller,
    names: Names,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let cx = caller.enter(name(&names, "environment")).await?;
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    let ends = match text("ends") {
        None => None,
        Some(at) => {
            let at = at.parse::<jiff::Timestamp>();
            Some(
                at.map_err(|_| wrong("`ends` is no time", "2027-03-31T00:00:00Z"))?
                    .as_microsecond(),
            )
        }
    };
    let mut told = None;
    let new = match (text("secret"), text("certificate"), text("thumbprint"), text("subject")) {
        (Some(secret), None, None, None) => CredentialNew::Secret(secret.into()),
        (None, Some(der), None, None) => {
            let der = STANDARD.decode(der).map_err(|_| wrong("`certificate` is no base64", ""))?;
            CredentialNew::CertificateDer(der)
        }
        (None, None, Some(print), None) => CredentialNew::Certificate(print),
        (None, None, None, Some(subject)) => CredentialNew::Federated {
            issuer: text("issuer").unwrap_or_default(),
            subject,
            audience: text("audience"),
        },
        (None, None, None, None) => {
            let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
            caller.app().store().ids().fill(&mut bytes[..]);
            let secret = SecretString::from(URL_SAFE_NO_PAD.encode(&bytes[..]));
            told = Some(secret.clone());
            CredentialNew::Secret(secret)
        }
        _ => return Err(wrong("the body holds more than one credential", "add one at a time")),
    };
    let shown = text("name").unwrap_or_default();
    let id = principal_credential_add(&cx, name(&names, "principal"), shown, new, ends).await?;
    let secret = told.as_ref().map(|secret| secret.expose_secret());
    Ok((StatusCode::CREATED, Json(json!({"id": id, "secret": secret}))))
}

pub(crate) async fn remove(caller: Caller, names: Names) -> Result<StatusCode, Failure> {
    let cx = caller.enter(name(&names, "environment")).await?;
    principal_credential_remove(&cx, name(&names, "principal"), name(&names, "credential")).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST …/signInLink` with `{expiresIn?}`: a link by which a person signs in, told once.
pub(crate) async fn sign_in_link(
    caller: Caller,
    names: Names,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter(name(&names, "environment")).await?;
    let seconds = body["expiresIn"].as_i64().unwrap_or(LINK);
    let micros = seconds.saturating_mul(1_000_000);
    let code = signin_link_create(&cx, name(&names, "principal"), micros).await?;
    let app = caller.app();
    let code = code.expose_secret();
    let url = app.is_serving().then(|| format!("{}/signin/{code}", app.addresses().control()));
    Ok(Json(json!({"code": code, "url": url, "expiresIn": seconds})))
}
