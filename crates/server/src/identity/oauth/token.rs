//! `POST /{tenant}/oauth2/v2.0/token`: every grant.
use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use connref_store::signin_grant::{Grant, GrantKind, Shown};
use ring::digest;
use secrecy::SecretString;
use serde_json::Value;

use super::assertion::assertion_verify;
use super::issue::{Subject, Wanted, issue, wanted_target};
use super::refusal::Guess;
use super::{Refusal, tenant};
use crate::App;
use crate::identity::SIGNER;
use crate::identity::guess::Source;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Longest scope.
const SCOPE_MAX: usize = 2000;

/// A form that names nothing twice.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut fields = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if fields.insert(name.to_string(), value.into_owned()).is_some() {
                let text = "A parameter is there twice.";
                return Err(Refusal::new(400, "invalid_request", 90_014, text));
            }
        }
        Ok(Self(fields))
    }

    /// All fields.
    pub(super) fn into_fields(self) -> HashMap<String, String> {
        self.0
    }

    /// A field that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A field that must be there.
    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// The scope.
    pub(super) fn scope(&self) -> Result<&str, Refusal> {
        let scope = self.get("scope").unwrap_or_default();
        if scope.len() > SCOPE_MAX {
            return Err(Refusal::new(400, "invalid_scope", 70_011, "The scope is too long."));
        }
        Ok(scope)
    }
}

/// A request to the endpoint.
struct Asked {
    app: App,
    tenant: String,
    origin: String,
    form: Form,
    client: String,
    secret: Option<SecretString>,
}

/// `POST /{tenant}/oauth2/v2.0/token`
pub(crate) async fn token(
    State(app): State<App>,
    Path(named): Path<String>,
    source: Source,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answered(answer(app, &named, source, (&headers, &body)).await)
}

/// `POST /{tenant}/oauth2/token`: the older form, whose numbers are texts.
pub(crate) async fn token_v1(
    State(app): State<App>,
    Path(named): Path<String>,
    source: Source,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = app.store().now() / 1_000_000;
    let answer = answer(app, &named, source, (&headers, &body)).await.map(|mut answer| {
        let lifetime = answer["expires_in"].as_i64().unwrap_or_default();
        for (name, number) in [
            ("expires_in", lifetime),
            ("ext_expires_in", lifetime),
            ("expires_on", now + lifetime),
            ("not_before", now),
        ] {
            answer[name] = number.to_string().into();
        }
        let scope = answer["scope"].as_str().unwrap_or_default();
        let resource = scope.split(' ').next().and_then(|one| one.rsplit_once('/'));
        answer["resource"] = resource.map_or(Value::Null, |(resource, _)| resource.into());
        answer
    });
    answered(answer)
}

fn answered(answer: Result<Value, Refusal>) -> Response {
    let mut response = match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn answer(
    app: App,
    named: &str,
    source: Source,
    (headers, body): (&HeaderMap, &[u8]),
) -> Result<Value, Refusal> {
    let tenant = tenant(&app, named).await?;
    let form = Form::read(body)?;
    let (client, secret) = client(&form, headers)?;
    let origin = app.addresses().origin_of(headers);
    let asked = Asked { app, tenant, origin, form, client, secret };
    let (store, guesses, client) = (asked.app.store(), asked.app.guesses(), &asked.client);
    guesses.check(store.now(), Some(client), source).map_err(Refusal::wait)?;
    let answer = asked.grant().await;
    let now = store.now();
    match answer.as_ref().map_err(Refusal::guess) {
        Ok(_) => guesses.right(now, client, source).map_err(Refusal::wait)?,
        Err(Some(Guess::Secret)) => guesses.wrong(now, Some(client), source),
        Err(Some(Guess::Other)) => guesses.wrong(now, None, source),
        Err(None) => {}
    }
    answer
}

impl Asked {
    async fn grant(&self) -> Result<Value, Refusal> {
        match self.form.need("grant_type")? {
            "client_credentials" => self.client_credentials().await,
            "authorization_code" => self.code().await,
            "refresh_token" => self.refresh().await,
            DEVICE | "device_code" => self.device().await,
            _ => {
                let text = "The app requested an unsupported grant type.";
                Err(Refusal::new(400, "unsupported_grant_type", 70_003, text))
            }
        }
    }
}

/// A client's id, of a length that some client has.
fn named(id: &str) -> Result<String, Refusal> {
    if id.len() > 200 {
        let text = "No application has such an id.";
        return Err(Refusal::new(400, "invalid_request", 700_016, text));
    }
    Ok(id.to_lowercase())
}

/// The client's id and secret, from the form or the header (RFC 6749 §2.3.1).
fn client(form: &Form, headers: &HeaderMap) -> Result<(String, Option<SecretString>), Refusal> {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = basic.and_then(|text| text.split_once(' '));
    if let Some((_, pair)) = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")) {
        let wrong =
            || Refusal::new(401, "invalid_client", 7_000_215, "The header is not readable.");
        let pair = STANDARD.decode(pair.trim()).map_err(|_| wrong())?;
        let pair = String::from_utf8(pair).map_err(|_| wrong())?;
        let (id, secret) = pair.split_once(':').ok_or_else(wrong)?;
        let plain = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        return Ok((named(&plain(id))?, Some(plain(secret).into())));
    }
    let id = named(form.need("client_id")?)?;
    Ok((id, form.get("client_secret").map(|secret| secret.to_owned().into())))
}

impl Asked {
    async fn wanted(&self, scope: &str, resource: Option<&str>) -> Result<Wanted, Refusal> {
        let (resource, target) = wanted_target(&self.app, scope, resource).await?;
        Ok(Wanted {
            tenant: self.tenant.clone(),
            origin: self.origin.clone(),
            client: self.client.clone(),
            scope: scope.to_owned(),
            resource,
            target,
        })
    }

    async fn client_credentials(&self) -> Result<Value, Refusal> {
        let scope = self.form.scope()?;
        if scope.is_empty() && self.form.get("resource").is_none() {
            return Err(Refusal::missing("scope"));
        }
        let wanted = self.wanted(scope, self.form.get("resource")).await?;
        if !self.app.store().application_exists(&SIGNER, &self.client).await? {
            let text = "No service principal has this application id.";
            return Err(Refusal::new(400, "unauthorized_client", 700_016, text));
        }
        let store = self.app.store();
        let environments = match (&self.secret, self.form.get("client_assertion")) {
            (_, Some(statement)) => {
                if self.form.need("client_assertion_type")? != ASSERTION {
                    let text = "The type of the client assertion is not supported.";
                    return Err(Refusal::new(400, "invalid_request", 50_027, text));
                }
                assertion_verify(&self.app, &self.tenant, &self.client, statement).await?
            }
            (Some(secret), None) => {
                store.principal_secret_verify(&SIGNER, &self.client, secret).await?
            }
            (None, None) => {
                let text = "The request must contain 'client_assertion' or 'client_secret'.";
                return Err(Refusal::new(401, "invalid_client", 7_000_218, text));
            }
        };
        if environments.is_empty() {
            let text = "Invalid client secret provided.";
            return Err(Refusal::new(401, "invalid_client", 7_000_215, text));
        }
        let subject = Subject { name: self.client.clone(), application: true, environments };
        issue(&self.app, &wanted, &subject, None, None).await
    }

    async fn code(&self) -> Result<Value, Refusal> {
        let code = SecretString::from(self.form.need("code")?.to_owned());
        let redirect = self.form.need("redirect_uri")?.to_owned();
        let verifier = self.form.need("code_verifier")?;
        let challenge =
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let client = self.client.clone();
        let fits = move |grant: &Grant| {
            grant.client == client
                && grant.content["redirect_uri"] == redirect
                && grant.content["challenge"] == challenge
        };
        let shown = self.app.store().grant_take(&SIGNER, GrantKind::Code, &code, fits).await?;
        self.shown(shown).await
    }

    async fn refresh(&self) -> Result<Value, Refusal> {
        let token = SecretString::from(self.form.need("refresh_token")?.to_owned());
        let client = self.client.clone();
        let fits = move |grant: &Grant| grant.client == client;
        let store = self.app.store();
        // Looked at first: a request that cannot be answered must not cost the token.
        if let Some(found) = store.grant_find(&SIGNER, GrantKind::Refresh, &token).await? {
            self.of(&found).await?;
        }
        let shown = store.grant_take(&SIGNER, GrantKind::Refresh, &token, fits).await?;
        self.shown(shown).await
    }

    async fn device(&self) -> Result<Value, Refusal> {
        let code = self.form.get("device_code").or_else(|| self.form.get("code"));
        let code = code.ok_or_else(|| Refusal::missing("device_code"))?;
        let code = SecretString::from(code.to_owned());
        let shown = self.app.store().grant_ask(&SIGNER, &code, &self.client).await?;
        self.shown(shown).await
    }

    async fn shown(&self, shown: Shown) -> Result<Value, Refusal> {
        let grant = match shown {
            Shown::Now(grant) => grant,
            Shown::Pending => {
                let text = "The code was not confirmed yet. Continue to ask.";
                return Err(Refusal::new(400, "authorization_pending", 70_016, text));
            }
            Shown::TooSoon => {
                let text = "Asked too often; keep to the interval.";
                return Err(Refusal::new(400, "slow_down", 70_016, text));
            }
            Shown::Denied => {
                let text = "The person turned the request down.";
                return Err(Refusal::new(400, "authorization_declined", 65_004, text));
            }
            Shown::Again => {
                let text = "The code or refresh token was used before; sign in again.";
                return Err(Refusal::grant(54_005, text));
            }
            Shown::Unknown => {
                let text =
                    "The code or refresh token is not known for this client, or has expired.";
                return Err(Refusal::grant(70_008, text));
            }
        };
        let (wanted, subject) = self.of(&grant).await?;
        let nonce = grant.content["nonce"].as_str();
        issue(&self.app, &wanted, &subject, nonce, Some(grant.family.clone())).await
    }

    /// What a grant stands for. A refresh token serves other services too, where its owner is
    /// known: that is what clients do with it.
    async fn of(&self, grant: &Grant) -> Result<(Wanted, Subject), Refusal> {
        let kept = |name: &str| grant.content[name].as_str().unwrap_or_default();
        let subject = grant.subject.as_deref().and_then(Subject::read);
        let subject = subject.ok_or_else(|| Refusal::grant(70_000, "Nobody signed in for it."))?;
        let refresh = self.form.get("refresh_token").is_some();
        let asked = Some(self.form.scope()?).filter(|scope| refresh && scope.contains("://"));
        let wanted = match (asked, self.form.get("resource").filter(|_| refresh)) {
            (Some(scope), _) => {
                let scope = match kept("scope").contains("offline_access") {
                    true if !scope.contains("offline_access") => format!("{scope} offline_access"),
                    _ => scope.to_owned(),
                };
                self.wanted(&scope, None).await?
            }
            (None, Some(resource)) => self.wanted(kept("scope"), Some(resource)).await?,
            (None, None) => self.wanted(kept("scope"), Some(kept("resource"))).await?,
        };
        Ok((wanted, subject))
    }
}
