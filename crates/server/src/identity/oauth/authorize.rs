//! `/{tenant}/oauth2/v2.0/authorize`: a person lets a program on the same machine act for them
//! (authorization code with PKCE, RFC 7636 and RFC 8252). Programs come back to a loopback address,
//! and only there: nobody registers addresses here, and a code must not leave the machine.
use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use connref_store::signin_grant::{GrantKind, GrantNew};
use connref_store::signin_note::SignInNote;
use maud::html;
use secrecy::ExposeSecret as _;
use serde_json::json;
use url::Url;

use super::issue::wanted_target;
use super::token::Form;
use super::{Refusal, tenant};
use crate::App;
use crate::identity::SIGNER;
use crate::identity::page::{
    POLICY_LOOPBACK, Sorry, asked, go_to, own_form, page, session, sign_in,
};

/// How long a code counts, in microseconds.
const LIFETIME: i64 = 300 * 1_000_000;
/// Longest value of a parameter.
const VALUE_MAX: usize = 4000;

/// What the pages pass on between question and answer.
const PARAMETERS: [&str; 9] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// A request whose redirect address is good: errors go there.
struct Asked {
    client: String,
    redirect: Url,
    state: Option<String>,
    scope: String,
    nonce: Option<String>,
    challenge: Option<String>,
    wrong: Option<Refusal>,
}

fn told(what: &str, fix: &'static str) -> Sorry {
    Sorry::Told(StatusCode::BAD_REQUEST, what.to_owned(), fix)
}

/// A loopback address, the only kind a code goes to.
fn loopback(text: &str) -> Option<Url> {
    let url = text.parse::<Url>().ok().filter(|url| url.scheme() == "http")?;
    let here = matches!(url.host_str()?, "localhost" | "127.0.0.1" | "[::1]");
    (here && url.fragment().is_none() && url.username().is_empty()).then_some(url)
}

fn read(fields: &HashMap<String, String>) -> Result<Asked, Sorry> {
    if fields.values().any(|value| value.len() > VALUE_MAX) {
        return Err(told("The request is too long.", ""));
    }
    let get = |name: &str| fields.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let client = get("client_id").ok_or_else(|| told("The request names no client_id.", ""))?;
    let redirect = get("redirect_uri").and_then(loopback).ok_or_else(|| {
        let what = "AADSTS50011: The redirect_uri is no http address of this machine.";
        told(what, "Programs sign in here with http://localhost:PORT, as command-line tools do.")
    })?;
    let wrong = |error, text: &str| Some(Refusal::new(400, error, 900_144, text));
    let challenge = get("code_challenge").filter(|text| text.len() == 43);
    let problem = if get("response_type") != Some("code") {
        wrong("unsupported_response_type", "Only response_type=code is supported.")
    } else if get("response_mode").is_some_and(|mode| mode != "query") {
        wrong("invalid_request", "Only response_mode=query is supported.")
    } else if challenge.is_none() || get("code_challenge_method") != Some("S256") {
        wrong("invalid_request", "A code_challenge with code_challenge_method=S256 is needed.")
    } else {
        None
    };
    Ok(Asked {
        client: client.to_lowercase(),
        redirect,
        state: get("state").map(str::to_owned),
        scope: get("scope").unwrap_or_default().to_owned(),
        nonce: get("nonce").map(str::to_owned),
        challenge: challenge.map(str::to_owned),
        wrong: problem,
    })
}

impl Asked {
    fn back(&self, pairs: &[(&str, &str)]) -> Response {
        let mut url = self.redirect.clone();
        url.query_pairs_mut()
            .extend_pairs(pairs)
            .extend_pairs(self.state.iter().map(|state| ("state", state)));
        go_to(url.as_str())
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        let text = refusal.description();
        self.back(&[("error", refusal.error), ("error_description", &text)])
    }
}

/// `GET`: asks the person.
pub(crate) async fn authorize(
    State(app): State<App>,
    Path(named): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Sorry> {
    tenant(&app, &named).await?;
    let asked_for = read(&query)?;
    if let Some(wrong) = &asked_for.wrong {
        return Ok(asked_for.refused(wrong));
    }
    let resource = match wanted_target(&app, &asked_for.scope, None).await {
        Ok((resource, _)) => resource,
        Err(refusal) => return Ok(asked_for.refused(&refusal)),
    };
    if query.get("prompt").is_some_and(|prompt| prompt == "none") {
        let text = "Somebody must answer, which prompt=none rules out.";
        let refusal = Refusal::new(400, "interaction_required", 65_001, text);
        return Ok(asked_for.refused(&refusal));
    }
    let path = uri.path_and_query().map_or("/signin", |path| path.as_str());
    let Some(subject) = session(&app, &headers).await? else { return Ok(sign_in::wanted(path)) };
    let body = html! {
        p { "A program on this machine wants to act as you. Go on only if you started it." }
        (asked(&subject.name, &asked_for.client, Some(&resource)))
        form method="post" action=(uri.path()) {
            @for name in PARAMETERS {
                @if let Some(value) = query.get(name) {
                    input type="hidden" name=(name) value=(value);
                }
            }
            button name="answer" value="allow" { "Go on" }
            button.other name="answer" value="deny" { "No" }
        }
    };
    let mut response = page(StatusCode::OK, "Let a program act as you?", &body);
    let policy = HeaderValue::from_static(POLICY_LOOPBACK);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// `POST`: the person's answer.
pub(crate) async fn authorize_answer(
    State(app): State<App>,
    Path(named): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Sorry> {
    own_form(&headers)?;
    tenant(&app, &named).await?;
    let fields = Form::read(&body)?.into_fields();
    let asked_for = read(&fields)?;
    let Some(challenge) = asked_for.challenge.as_ref().filter(|_| asked_for.wrong.is_none()) else {
        return Err(told("The request is not complete.", "Start again from the program."));
    };
    let Some(subject) = session(&app, &headers).await? else {
        return Err(told("You are no longer signed in.", "Start again from the program."));
    };
    if fields.get("answer").map(String::as_str) != Some("allow") {
        let refusal = Refusal::new(400, "access_denied", 65_004, "The person said no.");
        return Ok(asked_for.refused(&refusal));
    }
    let (resource, _) = wanted_target(&app, &asked_for.scope, None).await?;
    let new = GrantNew {
        kind: GrantKind::Code,
        family: None,
        user_code: None,
        client: asked_for.client.clone(),
        subject: Some(subject.text()),
        content: json!({
            "scope": asked_for.scope, "resource": resource, "nonce": asked_for.nonce,
            "redirect_uri": fields.get("redirect_uri"), "challenge": challenge,
        }),
        pause: 0,
        lifetime: LIFETIME,
    };
    let note = SignInNote {
        action: "user_program_signin",
        subject: subject.text(),
        detail: json!({"client": asked_for.client, "resource": resource}),
    };
    let code = app.store().grant_create_noted(&SIGNER, new, Some(note)).await?;
    Ok(asked_for.back(&[("code", code.expose_secret())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_to_this_machine_alone() {
        for good in ["http://localhost:4000", "http://127.0.0.1/x", "http://[::1]:8/callback?a=b"] {
            assert!(loopback(good).is_some(), "{good}");
        }
        for bad in [
            "https://localhost:4000",
            "http://localhost.evil.test",
            "http://evil.test",
            "http://127.0.0.1@evil.test",
            "http://a@localhost",
            "http://localhost/#x",
            "myapp://localhost",
            "javascript:alert(1)",
        ] {
            assert!(loopback(bad).is_none(), "{bad}");
        }
    }
}
