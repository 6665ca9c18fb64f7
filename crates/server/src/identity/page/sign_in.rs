//! Signing in to connref with a link or code that an administrator made.
use std::collections::HashMap;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connref_store::signin_grant::{Grant, GrantKind, GrantNew};
use maud::{Markup, html};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{Sorry, go_to, local, own_form, page, session, set_cookie};
use crate::App;
use crate::identity::SIGNER;
use crate::identity::guess::Source;
use crate::identity::oauth::Subject;

/// Seconds that a browser stays signed in: a working day.
const SESSION: i64 = 8 * 3600;

type Fields = HashMap<String, String>;

fn form(next: &str) -> Markup {
    html! {
        p { "An administrator gives you a sign-in code: " code { "connref user sign-in-link NAME" } }
        form method="post" action="/signin" {
            input type="hidden" name="next" value=(next);
            label for="code" { "Sign-in code" }
            input id="code" name="code" type="password" autocomplete="off" required autofocus;
            button { "Sign in" }
        }
    }
}

/// The page of somebody who is not signed in and wants to go on to a path.
pub(crate) fn wanted(next: &str) -> Response {
    page(StatusCode::OK, "Sign in", &form(next))
}

/// `GET /signin`
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<Fields>,
) -> Result<Response, Sorry> {
    let next = local(query.get("next").map(String::as_str));
    let Some(subject) = session(&app, &headers).await? else { return Ok(wanted(next)) };
    let body = html! {
        p { "You are signed in as " strong { (subject.name) } "." }
        form method="post" action="/signout" { button.other { "Sign out" } }
    };
    Ok(page(StatusCode::OK, "Signed in", &body))
}

/// `GET /signin/{code}`: what a link opens. It changes nothing: programs that look at links before
/// people do must not use it up.
pub(crate) async fn link(
    State(app): State<App>,
    Path(code): Path<String>,
    source: Source,
) -> Result<Response, Sorry> {
    let code = SecretString::from(code);
    let subject = super::shown(&app, source, async {
        let found = app.store().grant_find(&SIGNER, GrantKind::SignIn, &code).await?;
        let open = found.filter(|grant| grant.state == "open");
        open.as_ref().and_then(subject).ok_or_else(unknown)
    });
    let subject = subject.await?;
    let body = html! {
        p { "Go on as " strong { (subject.name) } "?" }
        form method="post" action="/signin" {
            input type="hidden" name="code" value=(code.expose_secret());
            button autofocus { "Sign in" }
        }
    };
    Ok(page(StatusCode::OK, "Sign in", &body))
}

fn subject(grant: &Grant) -> Option<Subject> {
    Subject::read(grant.subject.as_deref()?)
}

fn unknown() -> Sorry {
    let what = "This sign-in code is not known, was used, or has expired.".to_owned();
    Sorry::Unknown(StatusCode::FORBIDDEN, what, "Ask an administrator for a new one.")
}

/// `POST /signin`
pub(crate) async fn enter(
    State(app): State<App>,
    source: Source,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Result<Response, Sorry> {
    own_form(&headers)?;
    let code = fields.get("code").map(|code| code.trim().to_owned()).unwrap_or_default();
    let code = SecretString::from(code);
    let before = session(&app, &headers).await?;
    let token = super::shown(&app, source, async {
        let used =
            app.store().signin_link_use(&SIGNER, &code, |link| entered(link, before)).await?;
        used.ok_or_else(unknown)
    });
    let token = token.await?;
    let mut response = go_to(local(fields.get("next").map(String::as_str)));
    set_cookie(&app, &mut response, "session", token.expose_secret(), SESSION);
    Ok(response)
}

/// The session that a link gives. Signing in for a second environment keeps the first.
fn entered(link: &Grant, before: Option<Subject>) -> Option<GrantNew> {
    let mut who = subject(link)?;
    if let Some(before) = before.filter(|one| one.name == who.name) {
        let more = before.environments.into_iter().filter(|one| !who.environments.contains(one));
        who.environments.extend(more.collect::<Vec<_>>());
    }
    Some(GrantNew {
        kind: GrantKind::Session,
        family: None,
        user_code: None,
        client: "browser".to_owned(),
        subject: Some(who.text()),
        content: json!({}),
        pause: 0,
        lifetime: SESSION * 1_000_000,
    })
}

/// `POST /signout`
pub(crate) async fn leave(State(app): State<App>, headers: HeaderMap) -> Result<Response, Sorry> {
    own_form(&headers)?;
    if let Some(token) = super::cookie(&app, &headers, "session") {
        app.store().grant_end(&SIGNER, GrantKind::Session, &token).await?;
    }
    let mut response = go_to("/signin");
    set_cookie(&app, &mut response, "session", "", 0);
    Ok(response)
}

/// `GET /{tenant}/oauth2/v2.0/logout`: where clients send a person to sign out.
pub(crate) async fn logout() -> Response {
    go_to("/signin")
}
