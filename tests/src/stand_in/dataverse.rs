//! A Dataverse Web API that serves quotes, with the token endpoint of its tenant.
use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Reply, Request, StandIn};

/// Where applications get their tokens.
pub const TOKEN_PATH: &str = "/tenant/oauth2/v2.0/token";

/// Starts one. `applications` are client id and secret; `quotes` is what the table holds.
#[must_use]
pub fn start(applications: &[(&str, &str)], quotes: Vec<Value>) -> StandIn {
    let known: HashMap<String, String> =
        applications.iter().map(|(id, secret)| ((*id).to_owned(), (*secret).to_owned())).collect();
    StandIn::start_open(move |request, issue| {
        if request.path == TOKEN_PATH {
            return grant(&known, request, issue);
        }
        let Some(identity) = &request.identity else {
            return Reply::error(401, "0x80072560", "no token, or one nobody has");
        };
        match request.path.as_str() {
            "/api/data/v9.2/WhoAmI" => Reply::ok(json!({
                "UserId": identity, "OrganizationId": "6d1c3b5e-0000-4000-8000-000000000001",
                "BusinessUnitId": "6d1c3b5e-0000-4000-8000-000000000002",
            })),
            "/api/data/v9.2/quotes" => Reply::ok(json!({
                "@odata.context": "$metadata#quotes", "value": quotes,
            })),
            _ => Reply::error(404, "0x80060888", "no such resource"),
        }
    })
}

fn grant(known: &HashMap<String, String>, request: &Request, issue: &dyn Fn(&str, &str)) -> Reply {
    let mut form = request.form();
    // RFC 6749 §2.3.1: the client may prove itself in the header instead.
    if let Some((id, secret)) = basic(request) {
        form.entry("client_id".to_owned()).or_insert(id);
        form.entry("client_secret".to_owned()).or_insert(secret);
    }
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (id, secret) = (field("client_id"), field("client_secret"));
    let fits = field("grant_type") == "client_credentials"
        && known.get(id).is_some_and(|kept| kept == secret);
    if !fits {
        return Reply { status: 401, body: json!({"error": "invalid_client"}) };
    }
    let token = format!("access-token-of-{id}");
    issue(&token, id);
    Reply::ok(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}))
}

fn basic(request: &Request) -> Option<(String, String)> {
    use base64::Engine as _;
    let text = request.header("authorization")?.strip_prefix("Basic ")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
