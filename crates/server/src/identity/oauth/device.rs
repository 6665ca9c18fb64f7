//! `POST /{tenant}/oauth2/v2.0/devicecode` (RFC 8628 §3.1): a code for a person on another device.
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use connref_store::signin_grant::{GrantKind, GrantNew};
use connref_store::source::Ids;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::issue::wanted_target;
use super::token::Form;
use super::{Refusal, tenant};
use crate::App;
use crate::identity::SIGNER;

/// Letters of a code: none that is taken for another, none that makes words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;
/// Seconds that a person has.
const LIFETIME: i64 = 900;
/// Seconds between two questions.
const INTERVAL: i64 = 5;

pub(crate) async fn device_code(
    State(app): State<App>,
    Path(named): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    tenant(&app, &named).await?;
    let form = Form::read(&body)?;
    let client = form.need("client_id")?.to_lowercase();
    let scope = form.scope()?;
    let (resource, _) = wanted_target(&app, scope, form.get("resource")).await?;
    let code = user_code(app.store().ids());
    let new = GrantNew {
        kind: GrantKind::Device,
        family: None,
        user_code: Some(code.clone()),
        client: client.chars().take(200).collect(),
        subject: None,
        content: json!({"scope": scope, "resource": resource}),
        pause: INTERVAL * 1_000_000,
        lifetime: LIFETIME * 1_000_000,
    };
    let device = app.store().grant_create(&SIGNER, new).await?;
    let page = format!("{}/device", app.addresses().origin_of(&headers));
    Ok(Json(json!({
        "device_code": device.expose_secret(),
        "user_code": code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={code}"),
        "expires_in": LIFETIME,
        "interval": INTERVAL,
        "message": format!(
            "To sign in, use a web browser to open the page {page} and enter the code {code} to authenticate."
        ),
    })))
}

fn user_code(ids: &dyn Ids) -> String {
    let mut code = String::new();
    while code.len() < LENGTH {
        let mut byte = [0_u8];
        ids.fill(&mut byte);
        // 240 is a multiple of 20: no letter comes more often than another.
        if byte[0] < 240 {
            code.push(char::from(LETTERS[usize::from(byte[0] % 20)]));
        }
    }
    code
}

/// A code as a person may type it.
pub(crate) fn typed(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric).take(LENGTH + 1);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use connref_store::source::SystemIds;

    use super::*;

    #[test]
    fn codes_are_letters_and_typed_in_any_way() {
        let code = user_code(&SystemIds::default());
        assert!(code.len() == 8 && code.bytes().all(|b| LETTERS.contains(&b)), "{code}");
        let spelled = format!(" {}-{} ", code[..4].to_lowercase(), &code[4..]);
        assert_eq!(typed(&spelled), code);
    }
}
