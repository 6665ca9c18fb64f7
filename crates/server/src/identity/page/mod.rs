//! The pages a person meets while signing in. Written out by the server, without scripts; nothing
//! on them comes from elsewhere, and no other site may frame them or post to them.
pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod sign_in;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use connref_store::StoreError;
use connref_store::signin_grant::GrantKind;
use maud::{DOCTYPE, Markup, html};
use secrecy::SecretString;

use super::SIGNER;
use super::guess::Source;
use super::oauth::{Refusal, Subject};
use crate::App;

const STYLE: &str = include_str!("style.css");

/// What pages may load and where their forms may go.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";
/// The same for a page whose form ends at a program on the person's own machine.
pub(crate) const POLICY_LOOPBACK: &str = "default-src 'none'; style-src 'self'; form-action 'self' \
     http://localhost:* http://127.0.0.1:*; frame-ancestors 'none'; base-uri 'none'";

/// `GET /signin.css`
pub(crate) async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), NOSNIFF];
    (headers, STYLE).into_response()
}

const NOSNIFF: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");

/// A page.
pub(crate) fn page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - connref" }
                link rel="stylesheet" href="/signin.css";
            }
            body {
                main {
                    h1 { (title) }
                    (body)
                }
            }
        }
    };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: with it browsers hide where a form comes from, which `own_form` asks.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        NOSNIFF,
    ];
    (status, headers, Html(markup.into_string())).into_response()
}

/// A page that says what is wrong and what helps.
pub(crate) fn sorry(status: StatusCode, what: &str, fix: &str) -> Response {
    let body = html! {
        p role="alert" { (what) }
        @if !fix.is_empty() {
            p { (fix) }
        }
    };
    page(status, "This did not work", &body)
}

/// Who would act for whom, where.
pub(crate) fn asked(name: &str, client: &str, resource: Option<&str>) -> Markup {
    html! {
        dl {
            dt { "You" }
            dd { (name) }
            dt { "Program (client id)" }
            dd { code { (client) } }
            dt { "For" }
            dd { code { (resource.unwrap_or_default()) } }
        }
    }
}

/// Why a page cannot be shown.
pub(crate) enum Sorry {
    /// The store failed.
    Store(StoreError),
    /// A person can do something about it.
    Told(StatusCode, String, &'static str),
    /// The same, of a code or link that is none.
    Unknown(StatusCode, String, &'static str),
    /// Too many of those; seconds to wait.
    Wait(i64),
}

/// Does what somebody wants who shows a code or a link, unless too many of theirs were wrong.
pub(super) async fn shown<T>(
    app: &App,
    source: Source,
    work: impl Future<Output = Result<T, Sorry>>,
) -> Result<T, Sorry> {
    let (guesses, store) = (app.guesses(), app.store());
    guesses.check(store.now(), None, source).map_err(Sorry::Wait)?;
    let done = work.await;
    if matches!(done, Err(Sorry::Unknown(..))) {
        guesses.wrong(store.now(), None, source);
    }
    done
}

impl From<StoreError> for Sorry {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for Sorry {
    fn from(refusal: Refusal) -> Self {
        Self::Told(StatusCode::BAD_REQUEST, refusal.description(), "")
    }
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        match self {
            Self::Told(status, what, fix) | Self::Unknown(status, what, fix) => {
                sorry(status, &what, fix)
            }
            Self::Wait(seconds) => {
                let what = "Too many wrong codes or links came from this address.";
                let fix = "Wait some minutes, then try again.";
                let mut response = sorry(StatusCode::TOO_MANY_REQUESTS, what, fix);
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                response
            }
            Self::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a page failed");
                let what = "Something failed inside; the server's log has the cause.";
                sorry(StatusCode::INTERNAL_SERVER_ERROR, what, "")
            }
        }
    }
}

/// Whether a form was sent from one of our own pages. What no browser sent carries neither header;
/// it has no cookies of anybody's either.
pub(crate) fn own_form(headers: &HeaderMap) -> Result<(), Sorry> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    let origin = text("origin").is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
    });
    let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    if origin && site {
        return Ok(());
    }
    let what = "This form was sent from another site.".to_owned();
    Err(Sorry::Told(StatusCode::FORBIDDEN, what, "Open the page here and try again."))
}

fn cookie_name(app: &App, name: &str) -> String {
    // Browsers take such a name only over HTTPS, for this host alone.
    let prefix = if app.addresses().scheme == "https" { "__Host-" } else { "" };
    format!("{prefix}connref-{name}")
}

/// The value of one of our cookies.
pub(crate) fn cookie(app: &App, headers: &HeaderMap, name: &str) -> Option<SecretString> {
    let wanted = cookie_name(app, name);
    let all = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs =
        all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned().into())
}

/// Sets a cookie for some seconds; 0 takes it away.
pub(crate) fn set_cookie(
    app: &App,
    response: &mut Response,
    name: &str,
    value: &str,
    seconds: i64,
) {
    let secure = if app.addresses().scheme == "https" { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}",
        cookie_name(app, name)
    );
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Who is signed in with this browser.
pub(crate) async fn session(app: &App, headers: &HeaderMap) -> Result<Option<Subject>, StoreError> {
    let Some(token) = cookie(app, headers, "session") else { return Ok(None) };
    let found = app.store().grant_find(&SIGNER, GrantKind::Session, &token).await?;
    Ok(found.and_then(|grant| Subject::read(grant.subject.as_deref()?)))
}

/// A path of ours to go on to; anything else is the start.
pub(crate) fn local(next: Option<&str>) -> &str {
    next.filter(|path| {
        path.len() <= 8000
            && path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    })
    .unwrap_or("/signin")
}

/// Sends the browser to an address with a GET.
pub(crate) fn go_to(url: &str) -> Response {
    let Ok(value) = HeaderValue::from_str(url) else {
        return sorry(StatusCode::BAD_REQUEST, "The address to go on to is not readable.", "");
    };
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers, [(header::LOCATION, value)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_gone_on_to() {
        assert_eq!(local(Some("/device?user_code=AB")), "/device?user_code=AB");
        for bad in ["", "//evil.test", "https://evil.test", "/\\evil.test", "/a b", "device"] {
            assert_eq!(local(Some(bad)), "/signin", "{bad}");
        }
    }

    #[test]
    fn forms_of_other_sites_are_refused() {
        let from = |origin: &str, site: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "connref.test:8443".parse().unwrap());
            headers.insert("origin", origin.parse().unwrap());
            headers.insert("sec-fetch-site", site.parse().unwrap());
            own_form(&headers).is_ok()
        };
        assert!(from("https://connref.test:8443", "same-origin"));
        for (origin, site) in [
            ("https://evil.test", "cross-site"),
            ("null", "cross-site"),
            ("https://connref.test", "same-origin"),
            ("https://connref.test:8443", "same-site"),
        ] {
            assert!(!from(origin, site), "{origin} {site}");
        }
    }
}
