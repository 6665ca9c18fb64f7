//! Confirming a code that another device shows.
use std::collections::HashMap;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::html;

use super::{Sorry, own_form, page, session, sign_in};
use crate::App;
use crate::identity::SIGNER;
use crate::identity::guess::Source;
use crate::identity::oauth::typed;

type Fields = HashMap<String, String>;

/// `GET /device`
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<Fields>,
) -> Result<Response, Sorry> {
    let code = typed(query.get("user_code").map_or("", String::as_str));
    let next =
        if code.is_empty() { "/device".to_owned() } else { format!("/device?user_code={code}") };
    let Some(subject) = session(&app, &headers).await? else { return Ok(sign_in::wanted(&next)) };
    let body = html! {
        p { "You are signed in as " strong { (subject.name) } "." }
        form method="post" action="/device" {
            label for="code" { "Code that the other device shows" }
            input id="code" name="user_code" value=(code) autocomplete="off" required autofocus;
            button { "Next" }
        }
    };
    Ok(page(StatusCode::OK, "Enter the code", &body))
}

/// `POST /device`: first shows who asks for what, then takes the answer.
pub(crate) async fn answer(
    State(app): State<App>,
    source: Source,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Result<Response, Sorry> {
    own_form(&headers)?;
    let code = typed(fields.get("user_code").map_or("", String::as_str));
    let Some(subject) = session(&app, &headers).await? else {
        return Ok(sign_in::wanted("/device"));
    };
    let unknown = || {
        let what = "This code is not known, was answered, or has expired.".to_owned();
        Sorry::Unknown(StatusCode::NOT_FOUND, what, "Start again on the other device.")
    };
    let found = super::shown(&app, source, async {
        app.store().grant_by_user_code(&SIGNER, &code).await?.ok_or_else(unknown)
    });
    let found = found.await?;
    let confirmed = match fields.get("answer").map(String::as_str) {
        Some("allow") => true,
        Some("deny") => false,
        _ => {
            let body = html! {
                p { "Go on only if you started this yourself: the other device will act as you." }
                (super::asked(&subject.name, &found.client, found.content["resource"].as_str()))
                form method="post" action="/device" {
                    input type="hidden" name="user_code" value=(code);
                    button name="answer" value="allow" { "Sign the device in" }
                    button.other name="answer" value="deny" { "No" }
                }
            };
            return Ok(page(StatusCode::OK, "Sign in another device?", &body));
        }
    };
    if !app.store().grant_confirm(&SIGNER, &code, &subject.text(), confirmed).await? {
        return Err(unknown());
    }
    let (title, words) = match confirmed {
        true => ("Signed in", "The other device goes on by itself. You can close this page."),
        false => ("Not signed in", "The other device was told no. You can close this page."),
    };
    Ok(page(StatusCode::OK, title, &html! { p { (words) } }))
}
