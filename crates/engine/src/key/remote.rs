//! What key providers on other machines have in common: where they are, what may be reached, and how
//! a request that fails is told. Of what a server says in free text not a word is kept.
use std::error::Error;
use std::time::Duration;

use connref_egress::{Egress, HttpRequest, Policy, Redirects};
use connref_store::vault::VaultError;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use url::Url;

use super::{Variables, credential};

/// Time limit of one request: an installation starts or fails within it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read.
const ANSWER_MAX: usize = 64 * 1024;

/// A key provider on another machine.
pub(super) struct Remote {
    /// The whole address, as it was set.
    pub(super) place: String,
    /// The address of the key.
    pub(super) url: Url,
    pub(super) egress: Egress,
    pub(super) policy: Policy,
    pub(super) variables: Variables,
}

impl Remote {
    /// Reads the address, and what beside public addresses may be reached for it.
    pub(super) fn new(
        place: &str,
        url: &str,
        variables: Variables,
        egress: Egress,
    ) -> Result<Self, VaultError> {
        let wrong = |reason: String| VaultError::Setting { setting: place.to_owned(), reason };
        let url: Url = url.parse().map_err(|_| wrong("it holds no address `https://…`".into()))?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(wrong("an address is `https://HOST/…` and nothing more".into()));
        }
        let allowed = variables("CONNREF_KEY_ALLOW");
        let allowed = allowed.as_ref().map_or("", |text| text.expose_secret());
        let policy =
            Policy::parse(allowed).map_err(|error| wrong(format!("CONNREF_KEY_ALLOW: {error}")))?;
        Ok(Self { place: place.to_owned(), url, egress, policy, variables })
    }

    /// The path's parts.
    pub(super) fn segments(&self) -> Vec<String> {
        let parts = self.url.path().split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    /// The origin with another path.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    pub(super) fn setting(&self, reason: impl Into<String>) -> VaultError {
        VaultError::Setting { setting: self.place.clone(), reason: reason.into() }
    }

    pub(super) fn failed(&self, reason: impl Into<String>, retryable: bool) -> VaultError {
        let (place, reason) = (self.place.clone(), reason.into());
        VaultError::Provider { place, reason, retryable, source: None }
    }

    pub(super) fn caused(
        &self,
        reason: &str,
        retryable: bool,
        source: impl Error + Send + Sync + 'static,
    ) -> VaultError {
        VaultError::Provider {
            place: self.place.clone(),
            reason: reason.to_owned(),
            retryable,
            source: Some(Box::new(source)),
        }
    }

    /// A credential that the process was given, read at this moment.
    pub(super) fn credential(&self, name: &str) -> Result<SecretString, VaultError> {
        credential(&self.variables, name).map_err(|reason| self.setting(reason))
    }

    /// A variable that is no secret.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let text = (self.variables)(name)?.expose_secret().trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    }

    /// A header that carries a credential.
    pub(super) fn secret_header(
        &self,
        headers: &mut HeaderMap,
        name: HeaderName,
        value: &str,
    ) -> Result<(), VaultError> {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| self.setting("its credential holds characters that no header may hold"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }

    /// One request. Statuses are for the caller to judge; the body is JSON or null.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        body: Option<&Json>,
    ) -> Result<(u16, Json), VaultError> {
        let mut request = HttpRequest::new(method, url);
        if let Some(body) = body {
            request.body = body.to_string().into();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        request.headers = headers;
        request.timeout = Some(TIMEOUT);
        request.max_body = Some(ANSWER_MAX);
        // Its own word or none: the credential goes nowhere else.
        request.redirects = Redirects::Never;
        let response = self
            .egress
            .http(&self.policy, request)
            .await
            .map_err(|error| self.caused("was not reached", error.retryable(), error))?;
        Ok((response.status, serde_json::from_slice(&response.body).unwrap_or(Json::Null)))
    }

    /// What a status that is no success means, where nothing more is known.
    pub(super) fn status(&self, status: u16) -> VaultError {
        match status {
            401 => self.failed("did not accept the credential (status 401)", false),
            403 => self.failed("refused: its credential may not do this (status 403)", false),
            404 => self.failed("has no such key (status 404)", false),
            other => {
                let again = matches!(other, 408 | 412 | 425 | 429 | 500..=599);
                self.failed(format!("answered with status {other}"), again)
            }
        }
    }

    /// An answer that is not what the interface promises.
    pub(super) fn malformed(&self) -> VaultError {
        self.failed("gave an answer that is not understood", false)
    }
}
