//! Errors in the shape of these services: `{"error": {"code", "message"}}`. What goes out never
//! holds the cause of an internal failure; that goes to the log.
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use connref_store::StoreError;
use serde_json::json;

use crate::identity::IdentityError;
use crate::identity::issuer::AGAIN;
use crate::operation::{OperationError, with_causes};

/// An error answer.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u16,
    code: String,
    message: String,
    fix: Option<String>,
}

impl Failure {
    /// A request that cannot be used.
    pub(crate) fn bad_request(code: &str, message: impl Into<String>, fix: &str) -> Self {
        Self {
            status: 400,
            code: code.to_owned(),
            message: message.into(),
            fix: Some(fix.to_owned()).filter(|f| !f.is_empty()),
        }
    }
}

impl Failure {
    /// A request that was refused before anything read it.
    pub(crate) fn body(status: StatusCode, message: String) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => "ResourceNotFound",
            StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
            StatusCode::PAYLOAD_TOO_LARGE => "RequestTooLarge",
            _ => "InvalidRequest",
        };
        Self { status: status.as_u16(), code: code.to_owned(), message, fix: None }
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        let status = error.status();
        let fix = error.fix();
        let code = match &error {
            OperationError::Refused { refusals } => {
                refusals.first().map_or("Refused", |r| r.code).to_owned()
            }
            OperationError::Store(error) => store_code(error).to_owned(),
            OperationError::Run(_) => "RunNotStarted".to_owned(),
            OperationError::Variable(error) => {
                return Self {
                    status,
                    code: "EnvironmentVariableUnavailable".to_owned(),
                    message: with_causes(error),
                    fix,
                };
            }
            OperationError::Remote { .. } => "ConnectionTestFailed".to_owned(),
            OperationError::SignIn { .. } => "Unauthenticated".to_owned(),
            OperationError::Conflict { .. } => "Conflict".to_owned(),
            OperationError::Query(_) | OperationError::Invalid { .. } => {
                "InvalidRequest".to_owned()
            }
        };
        let message = if status >= 500 && !matches!(error, OperationError::Remote { .. }) {
            tracing::error!(error = &error as &dyn std::error::Error, "an operation failed");
            "something failed inside; the log has the cause".to_owned()
        } else {
            error.to_string()
        };
        Self { status, code, message, fix }
    }
}

/// Who it is cannot be found out now.
const ISSUER_AWAY: &str = "ServiceUnavailable";

fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::NotFound { kind: "connection", .. } => "ConnectionNotFound",
        StoreError::NotFound { kind: "environment", .. } => "EnvironmentNotFound",
        StoreError::NotFound { kind: "flow", .. } => "FlowNotFound",
        StoreError::NotFound { .. } => "NotFound",
        StoreError::Exists { .. } => "AlreadyExists",
        StoreError::InUse { .. } => "InUse",
        StoreError::Denied { .. } => "Forbidden",
        StoreError::Invalid(_) => "InvalidRequest",
        StoreError::Vault(_) => "SecretIntegrity",
        StoreError::Stale { .. } | StoreError::Modified { .. } => "Conflict",
        _ => "InternalServerError",
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        OperationError::from(error).into()
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(StoreError::NotFound { name, .. }) => Self {
                status: 403,
                code: "Forbidden".to_owned(),
                message: format!("`{name}` is no user of this environment"),
                fix: Some(format!("connref user add {name} --env ENVIRONMENT")),
            },
            IdentityError::Store(error) => error.into(),
            IdentityError::Issuer(_) => Self {
                status: 503,
                code: ISSUER_AWAY.to_owned(),
                message: error.to_string(),
                fix: Some("ask again later; tokens of this server count".to_owned()),
            },
            IdentityError::Missing | IdentityError::Unknown | IdentityError::Token(_) => Self {
                status: 401,
                code: "Unauthorized".to_owned(),
                message: error.to_string(),
                fix: Some(
                    "send the token that `connref server run` printed as `Authorization: Bearer`"
                        .to_owned(),
                ),
            },
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let (Some(fix), Some(map)) = (self.fix, error.as_object_mut()) {
            map.insert("connref.fix".to_owned(), fix.into());
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let value = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, value);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE && self.code == ISSUER_AWAY {
            response.headers_mut().insert(axum::http::header::RETRY_AFTER, AGAIN.into());
        }
        response
    }
}
