//! Stores of secrets: an Azure Key Vault with the token endpoint of its tenant, and the key-value
//! engine of Vault. The Key Vault's shapes are those its vendor's client library reads
//! (`tests/providers/key_vault_client.py`).
use serde_json::{Value, json};

use super::{Reply, StandIn};

/// Where the service principal gets its token.
pub const TOKEN_PATH: &str = "/harbour-tenant/oauth2/v2.0/token";
/// The service principal.
pub const CLIENT: &str = "44444444-dddd-4000-8000-000000000004";

/// A Key Vault; `secrets` are name, value and tags.
#[must_use]
pub fn key_vault(client_secret: &str, secrets: &[(&str, &str, Value)]) -> StandIn {
    let client_secret = client_secret.to_owned();
    let secrets: Vec<(String, String, Value)> = secrets
        .iter()
        .map(|(name, value, tags)| ((*name).to_owned(), (*value).to_owned(), tags.clone()))
        .collect();
    StandIn::start_open(move |request, issue| {
        if request.path == TOKEN_PATH {
            let form = request.form();
            let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
            let known = field("grant_type") == "client_credentials"
                && field("client_id") == CLIENT
                && field("client_secret") == client_secret
                && field("scope") == "https://vault.azure.net/.default";
            if !known {
                return Reply { status: 401, body: json!({"error": "invalid_client"}) };
            }
            issue("key-vault-access-token", CLIENT);
            let token = "key-vault-access-token";
            return Reply::ok(
                json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}),
            );
        }
        if request.identity.is_none() {
            return Reply::error(
                401,
                "Unauthorized",
                "AKV10000: Request is missing a Bearer token.",
            );
        }
        if request.parameter("api-version").is_none() {
            return Reply::error(400, "BadParameter", "The api-version is missing");
        }
        let name = request.path.strip_prefix("/secrets/").unwrap_or_default();
        let name = name.trim_end_matches('/');
        match secrets.iter().find(|(known, ..)| known == name) {
            Some((name, ..)) if name == "disabled" => {
                Reply::error(403, "Forbidden", "Operation get is not allowed on a disabled secret.")
            }
            Some((name, value, tags)) => Reply::ok(json!({
                "value": value,
                "id": format!("https://harbour-kv.vault.azure.net/secrets/{name}/4387e9f3d6e14c459867679a90fd0f79"),
                "attributes": {"enabled": true, "created": 1_700_000_000, "updated": 1_700_000_000,
                    "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90},
                "tags": tags,
            })),
            None => Reply::error(404, "SecretNotFound", "A secret with that name was not found"),
        }
    })
}

/// A Vault whose key-value engine is mounted at `kv` and holds one secret at `apps/mail`.
#[must_use]
pub fn vault(token: &str, fields: &Value) -> StandIn {
    let (token, fields) = (token.to_owned(), fields.clone());
    StandIn::start_open(move |request, _| {
        if request.header("x-vault-token") != Some(&token) {
            return Reply { status: 403, body: json!({"errors": ["permission denied"]}) };
        }
        match request.path.as_str() {
            "/v1/kv/data/apps/mail" => Reply::ok(json!({
                "request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0,
                "data": {"data": fields, "metadata": {"version": 1, "destroyed": false}},
            })),
            "/v1/kv/data/apps/busy" => Reply { status: 503, body: json!({"errors": ["sealed"]}) },
            _ => Reply { status: 404, body: json!({"errors": []}) },
        }
    })
}
