//! The authorization server, at the addresses and in the words that clients of the vendor's cloud
//! have built in: metadata, keys, tokens, device codes, the authorization page.
mod assertion;
mod authorize;
mod device;
mod federated;
mod issue;
mod refusal;
mod token;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::collections::HashMap;

use super::signing::SIGNER;
use crate::App;

pub(crate) use authorize::{authorize, authorize_answer};
pub(crate) use device::{device_code, typed};
pub(crate) use issue::Subject;
pub(crate) use refusal::Refusal;
pub(crate) use token::{token, token_v1};

/// The issuer of a tenant's tokens.
pub(crate) fn issuer(origin: &str, tenant: &str) -> String {
    format!("{origin}/{tenant}/v2.0")
}

/// The tenant's id, if the path names it: by id, by name, or as whichever there is.
pub(crate) async fn tenant(app: &App, named: &str) -> Result<String, Refusal> {
    let (id, name) = app.store().tenant(&SIGNER).await?;
    let any = ["common", "organizations"];
    if any.contains(&named) || named.eq_ignore_ascii_case(&id) || named.eq_ignore_ascii_case(&name)
    {
        return Ok(id);
    }
    Err(Refusal::new(400, "invalid_tenant", 90002, "No such tenant is known here."))
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`
pub(crate) async fn configuration(
    State(app): State<App>,
    Path(named): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(&app, &named).await?;
    let origin = app.addresses().origin_of(&headers);
    let base = format!("{origin}/{tenant}");
    Ok(Json(json!({
        "issuer": issuer(&origin, &tenant),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["pairwise"],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "client_secret_basic", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nbf", "nonce", "preferred_username", "name", "tid",
            "oid", "ver",
        ],
        "authorization_response_iss_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "tenant_region_scope": Value::Null,
        "cloud_instance_name": origin.split_once("://").map_or("", |(_, host)| host),
    })))
}

/// `GET /{tenant}/discovery/v2.0/keys`
pub(crate) async fn keys(
    State(app): State<App>,
    Path(named): Path<String>,
) -> Result<Json<Value>, Refusal> {
    tenant(&app, &named).await?;
    Ok(Json(app.public_keys().await?))
}

/// `GET /common/discovery/instance`: clients ask the authority they were built with whether another
/// one is to be trusted. What they reach under that name is this server, and so the answer.
pub(crate) async fn instance(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Refusal> {
    let origin = app.addresses().origin_of(&headers);
    let asked = query.get("authorization_endpoint").map(String::as_str).unwrap_or_default();
    let named = asked.split('/').nth(3).filter(|name| !name.is_empty()).unwrap_or("common");
    let tenant = tenant(&app, named).await?;
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    Ok(Json(json!({
        "tenant_discovery_endpoint":
            format!("{origin}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    })))
}
