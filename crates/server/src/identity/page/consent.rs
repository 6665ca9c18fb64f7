//! The link by which a person signs a connection in: `GET /consent/{link}` shows what for, a button
//! begins, and the service the person signs in to sends the browser back to `/consent/callback`.
use std::collections::HashMap;

use axum::Form;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connref_store::StoreError;
use maud::html;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Sorry, cookie, own_form, page, set_cookie};
use crate::App;
use crate::identity::guess::Source;
use crate::operation::OperationError;
use crate::operation::connection_consent::{Consent, connection_consent_find};

/// Seconds that the browser has for the sign-in; as long as the sign-in itself.
const BROWSER: i64 = 600;

impl From<OperationError> for Sorry {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Store(StoreError::NotFound { kind: "link", .. }) => {
                let what = "This link was used, was refused, or its time is over.".to_owned();
                Self::Unknown(StatusCode::NOT_FOUND, what, "Ask whoever sent it for a new one.")
            }
            OperationError::Store(error) if OperationError::is_inside(&error) => Self::Store(error),
            error => {
                let status =
                    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                let fix = "The link still counts: you can open it again.";
                let told = error.fix().map_or_else(
                    || error.to_string(),
                    |fix| format!("{error}. What helps: {fix}."),
                );
                Self::Told(status, told, fix)
            }
        }
    }
}

async fn found(app: &App, link: &SecretString) -> Result<Consent, Sorry> {
    Ok(connection_consent_find(app, link).await?)
}

fn redirect(app: &App) -> String {
    format!("{}/consent/callback", app.addresses().control())
}

fn shown(consent: &Consent) -> maud::Markup {
    let row = &consent.row.facts;
    html! {
        dl {
            dt { "Connection" }
            dd { (row.display_name) }
            dt { "Connector" }
            dd { (row.api_name.as_str()) }
            dt { "Environment" }
            dd { (consent.cx.environment.name) }
            dt { "Asked for by" }
            dd { (consent.by) }
            @if let Some(account) = &consent.account {
                dt { "Sign in as" }
                dd { (account) }
            }
        }
    }
}

/// `GET /consent/{link}`: changes nothing, as programs look at links before people do.
pub(crate) async fn show(
    State(app): State<App>,
    Path(link): Path<String>,
    source: Source,
) -> Result<Response, Sorry> {
    let link = SecretString::from(link);
    let consent = super::shown(&app, source, found(&app, &link)).await?;
    let body = html! {
        p { "Flows that use this connection will act as the account you sign in with." }
        (shown(&consent))
        form method="post" action={ "/consent/" (link.expose_secret()) } {
            button name="answer" value="allow" autofocus { "Go on" }
            button.other name="answer" value="deny" { "No" }
        }
    };
    Ok(page(StatusCode::OK, "Sign a connection in?", &body))
}

/// `POST /consent/{link}`: begins, or ends the link.
pub(crate) async fn answer(
    State(app): State<App>,
    Path(link): Path<String>,
    source: Source,
    headers: HeaderMap,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, Sorry> {
    own_form(&headers)?;
    let link = SecretString::from(link);
    let consent = super::shown(&app, source, found(&app, &link)).await?;
    if fields.get("answer").map(String::as_str) != Some("allow") {
        consent.refuse(&link).await?;
        let body = html! { p { "Nothing was changed. You can close this page." } };
        return Ok(page(StatusCode::OK, "Not signed in", &body));
    }
    let (signin, url) = consent.begin(&redirect(&app)).await?;
    let parsed = url.parse::<Url>().ok();
    let host = parsed.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
    let body = html! {
        p { "The sign-in itself is at " strong { (host) } ". It sends you back here." }
        p { a.button href=(url) rel="noreferrer" { "Sign in at " (host) } }
    };
    let mut response = page(StatusCode::OK, "Sign the connection in", &body);
    // The browser that began is the one that ends it: an answer in another one does not count.
    let value = format!("{}.{signin}", link.expose_secret());
    set_cookie(&app, &mut response, "consent", &value, BROWSER);
    Ok(response)
}

/// `GET /consent/callback`
pub(crate) async fn callback(
    State(app): State<App>,
    source: Source,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Sorry> {
    let unknown = || {
        let what = "This browser did not begin a sign-in here, or took too long.".to_owned();
        Sorry::Told(StatusCode::BAD_REQUEST, what, "Open the link again.")
    };
    let value = cookie(&app, &headers, "consent").ok_or_else(unknown)?;
    let (link, signin) = value.expose_secret().split_once('.').ok_or_else(unknown)?;
    let link = SecretString::from(link.to_owned());
    let consent = super::shown(&app, source, found(&app, &link)).await?;
    consent.finish(&link, signin, query.as_deref().unwrap_or_default()).await?;
    let body = html! {
        p { "The connection " strong { (consent.row.facts.display_name) } " is signed in." }
        p { "Whoever sent you the link goes on by themselves. You can close this page." }
    };
    let mut response = page(StatusCode::OK, "Signed in", &body);
    set_cookie(&app, &mut response, "consent", "", 0);
    Ok(response)
}
