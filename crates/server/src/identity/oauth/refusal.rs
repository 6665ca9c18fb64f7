//! Refusals of the authorization server, in the shape of the vendor's: a registered error, and its
//! number for what exactly is wrong, which clients and people look up.
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use connref_store::StoreError;
use serde_json::json;

use crate::identity::signing::SigningError;

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// The registered error.
    pub(crate) error: &'static str,
    number: u32,
    text: String,
    /// Seconds to wait before asking again.
    retry: Option<i64>,
}

/// Numbers of refusals because of what was shown: an application's secret or statement.
const SECRETS: [u32; 4] = [7_000_215, 700_027, 700_212, 700_213];
/// The same of codes, and of applications that are not there.
const CODES: [u32; 3] = [70_008, 54_005, 700_016];

/// What kind of guess a refusal was the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// At the secret of an application that there is.
    Secret,
    /// At anything else.
    Other,
}

impl Refusal {
    /// A refusal with its number and what it says.
    pub(crate) fn new(
        status: u16,
        error: &'static str,
        number: u32,
        text: impl Into<String>,
    ) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, error, number, text: text.into(), retry: None }
    }

    /// Too much was wrong lately.
    pub(super) fn wait(seconds: i64) -> Self {
        let text =
            "Too many wrong secrets or codes were shown from this address. Wait, then try again.";
        Self::new(429, "temporarily_unavailable", 50_053, text).after(seconds)
    }

    /// The same, with the seconds to wait.
    pub(super) fn after(self, seconds: i64) -> Self {
        Self { retry: Some(seconds), ..self }
    }

    /// Whether what was shown was wrong.
    pub(super) fn guess(&self) -> Option<Guess> {
        match self.number {
            number if SECRETS.contains(&number) => Some(Guess::Secret),
            number if CODES.contains(&number) => Some(Guess::Other),
            _ => None,
        }
    }

    /// A parameter that is missing.
    pub(crate) fn missing(name: &str) -> Self {
        let text = format!("The request must contain the following parameter: '{name}'.");
        Self::new(400, "invalid_request", 900_144, text)
    }

    /// What the code or token stands for is over, or never was.
    pub(crate) fn grant(number: u32, text: &str) -> Self {
        Self::new(400, "invalid_grant", number, text)
    }

    /// What it says, with its number.
    pub(crate) fn description(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.text)
    }

    fn inside(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a sign-in failed");
        Self::new(500, "server_error", 90_033, "Something failed inside; the log has the cause.")
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            // The one thing the store refuses here: too much is under way.
            StoreError::Invalid(text) => Self::new(429, "temporarily_unavailable", 90_055, text),
            error => Self::inside(&error),
        }
    }
}

impl From<SigningError> for Refusal {
    fn from(error: SigningError) -> Self {
        Self::inside(&error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "error": self.error,
            "error_description": self.description(),
            "error_codes": [self.number],
        });
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
