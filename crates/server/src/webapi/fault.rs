//! What the Web API answers instead of a result: status, hexadecimal code, message, and what helps.
use axum::body::Body;
use axum::response::Response;
use connref_review::Refusal;
use connref_review::catalogue::code;
use connref_review::refusal::{DATAVERSE_CODE, flow_client_error};
use connref_store::StoreError;
use connref_store::db::DbError;
use connref_store::query::QueryError;
use http::StatusCode;
use serde_json::{Value, json};

use crate::identity::IdentityError;
use crate::identity::issuer::AGAIN;
use crate::operation::OperationError;
use crate::protection::{Exceeded, Limits, Wait};

/// An error answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Fault {
    /// HTTP status.
    pub status: StatusCode,
    /// Code as clients know it: `0x` and eight digits.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
    /// The command that helps.
    pub fix: Option<String>,
    /// What judgement refused, one by one, for clients of connref.
    pub refusals: Option<Box<Value>>,
    /// Seconds to wait before asking again.
    retry: Option<i64>,
}

/// The object does not exist.
pub(super) const NOT_FOUND: &str = "0x80040217";
/// The caller lacks a privilege.
pub(super) const DENIED: &str = "0x80040220";
/// An argument does not fit.
pub(super) const INVALID: &str = "0x80040203";
/// The payload does not fit the type.
pub(super) const PAYLOAD: &str = "0x80048d19";
/// A row with the key is there.
pub(super) const DUPLICATE: &str = "0x80040237";
/// The row changed meanwhile.
pub(super) const CONFLICT: &str = "0x80060882";
/// A path or query option is not understood.
pub(super) const SYNTAX: &str = "0x80060888";
/// A query in FetchXML is not understood.
pub(super) const FETCH: &str = "0x80040201";
/// A column is not there.
pub(super) const NO_ATTRIBUTE: &str = "0x80041103";
/// The database took too long.
pub(super) const TIMEOUT: &str = "0x80044151";
/// More rows than are aggregated.
pub(super) const AGGREGATES: &str = "0x8004e023";
/// Something else depends on the row.
pub(super) const IN_USE: &str = "0x8004f01f";
/// Another import or export of solutions runs.
pub(super) const BUSY: &str = "0x80071151";
/// Nobody is signed in.
pub(super) const UNAUTHENTICATED: &str = "0x80040236";
/// Signed in, but no user of this environment.
pub(super) const NOT_A_MEMBER: &str = "0x80072560";
/// Who it is cannot be found out now.
pub(super) const ISSUER_AWAY: &str = "0x80044150";
/// Unexpected.
pub(super) const UNEXPECTED: &str = "0x80040216";
/// Not offered.
pub(super) const UNSUPPORTED: &str = "0x80040229";

impl Fault {
    /// A fault.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fix: None, refusals: None, retry: None }
    }

    /// 400: the address or the query is not understood.
    pub(super) fn syntax(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, SYNTAX, message)
    }

    /// 400: the FetchXML is not understood.
    pub(super) fn fetch(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, FETCH, message)
    }

    /// 400: FetchXML names a column that is not there.
    pub(super) fn no_attribute(table: &str, column: &str) -> Self {
        let message = format!("'{table}' entity doesn't contain attribute with Name = '{column}'.");
        Self::new(StatusCode::BAD_REQUEST, NO_ATTRIBUTE, message)
    }

    /// 400: FetchXML names a table that is not there.
    pub(super) fn no_entity(table: &str) -> Self {
        let message = format!("The entity with a name = '{table}' was not found.");
        Self::new(StatusCode::BAD_REQUEST, NOT_FOUND, message)
    }

    /// 400: an argument does not fit.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// 400: the body does not fit.
    pub(super) fn payload(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, PAYLOAD, message)
    }

    /// 404: nothing at this address.
    pub(super) fn no_resource(segment: &str) -> Self {
        let message = format!("Resource not found for the segment '{segment}'.");
        Self::new(StatusCode::NOT_FOUND, SYNTAX, message)
    }

    /// 404: no row with this id.
    pub(super) fn no_row(table: &str, id: &str) -> Self {
        let message = format!("Entity '{table}' With Id = {id} Does Not Exist");
        Self::new(StatusCode::NOT_FOUND, NOT_FOUND, message)
    }

    /// 405: not with this verb.
    pub(super) fn method(what: &str) -> Self {
        let message = format!("The requested resource does not support {what}.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, SYNTAX, message)
    }

    /// 405: not with the HTTP method of the request.
    pub(super) fn http_method(method: &http::Method) -> Self {
        Self::method(&format!("http method '{method}'"))
    }

    /// 501: known to exist, not offered here.
    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, UNSUPPORTED, what)
    }

    /// 429: the caller has asked for too much.
    pub(super) fn wait(wait: &Wait) -> Self {
        let Limits { window, requests, execution, concurrent } = wait.limits;
        let (code, message) = match wait.exceeded {
            Exceeded::Requests => (
                "0x80072322",
                format!(
                    "Number of requests exceeded the limit of {requests} over time window of {window} seconds."
                ),
            ),
            Exceeded::Execution => (
                "0x80072321",
                format!(
                    "Combined execution time of incoming requests exceeded limit of {} milliseconds \
                     over time window of {window} seconds.",
                    execution * 1000
                ),
            ),
            Exceeded::Concurrent => (
                "0x80072326",
                format!("Number of concurrent requests exceeded the limit of {concurrent}."),
            ),
        };
        let mut fault = Self::new(StatusCode::TOO_MANY_REQUESTS, code, message);
        fault.retry = Some(wait.seconds);
        fault.fix = Some(
            "ask for less at once, or set other limits: connref server run --limits".to_owned(),
        );
        fault
    }

    /// 412: the row is at another version.
    pub(super) fn version() -> Self {
        let message =
            "The version of the existing record doesn't match the RowVersion property provided.";
        Self::new(StatusCode::PRECONDITION_FAILED, CONFLICT, message)
    }

    /// 412: a row with this key exists.
    pub(super) fn duplicate() -> Self {
        let message = "A record with matching key values already exists.";
        Self::new(StatusCode::PRECONDITION_FAILED, DUPLICATE, message)
    }

    /// The answer on the wire.
    pub(super) fn response(&self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let (Some(fix), Some(error)) = (&self.fix, error.as_object_mut()) {
            error.insert("@connref.fix".to_owned(), json!(fix));
        }
        if let (Some(refusals), Some(error)) = (&self.refusals, error.as_object_mut()) {
            error.insert("@connref.refusals".to_owned(), (**refusals).clone());
        }
        let body = json!({"error": error}).to_string();
        let mut response = Response::builder().status(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            response = response.header("WWW-Authenticate", "Bearer");
        }
        if let Some(seconds) = self.retry {
            response = response.header("Retry-After", seconds);
        }
        response
            .header("content-type", "application/json; odata.metadata=minimal")
            .header("OData-Version", "4.0")
            .body(Body::from(body))
            .expect("the headers are constants")
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::NotFound { .. } => (StatusCode::NOT_FOUND, NOT_FOUND),
            StoreError::Exists { .. } => (StatusCode::PRECONDITION_FAILED, DUPLICATE),
            StoreError::Denied { .. } => (StatusCode::FORBIDDEN, DENIED),
            StoreError::Stale { .. } | StoreError::Modified { .. } => {
                (StatusCode::PRECONDITION_FAILED, CONFLICT)
            }
            StoreError::InUse { .. } => (StatusCode::BAD_REQUEST, IN_USE),
            StoreError::Invalid(_) => (StatusCode::BAD_REQUEST, INVALID),
            StoreError::Database(DbError::Unique(_)) => {
                (StatusCode::PRECONDITION_FAILED, DUPLICATE)
            }
            StoreError::Database(DbError::TooLong) => (StatusCode::BAD_REQUEST, TIMEOUT),
            StoreError::Database(DbError::GroupOver) => {
                (StatusCode::SERVICE_UNAVAILABLE, UNEXPECTED)
            }
            _ => {
                // The cause stays in the log: it names files and statements.
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
                return Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    UNEXPECTED,
                    "An unexpected error occurred.",
                );
            }
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Store(error) => error.into(),
            QueryError::Database(error) => StoreError::Database(error).into(),
            QueryError::Column { table, column }
            | QueryError::Navigation { table, name: column } => Self::no_property(table, &column),
            QueryError::TooMany(_) => {
                Self::new(StatusCode::BAD_REQUEST, AGGREGATES, error.to_string())
            }
            QueryError::Unsupported(_) => Self::unsupported(error.to_string()),
            _ => Self::syntax(error.to_string()),
        }
    }
}

impl Fault {
    /// 400: the type has no such property.
    pub(super) fn no_property(table: &str, property: &str) -> Self {
        Self::syntax(format!(
            "Could not find a property named '{property}' on type 'Microsoft.Dynamics.CRM.{table}'."
        ))
    }
}

/// A refusal as clients of connref read it.
pub(super) fn refusal(refusal: &Refusal) -> Value {
    json!({
        "code": refusal.code,
        "status": refusal.status,
        "message": refusal.text,
        "fix": refusal.fix,
        "subject": subject(&refusal.subject),
    })
}

/// What a refusal or a finding is about.
pub(super) fn subject(subject: &connref_review::Subject) -> Value {
    json!({"kind": subject.kind.as_str(), "id": subject.id, "name": subject.name})
}

impl From<OperationError> for Fault {
    fn from(error: OperationError) -> Self {
        let fix = error.fix();
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let mut fault = match error {
            OperationError::Refused { refusals } => Self::refused(&refusals),
            OperationError::Store(error) => error.into(),
            OperationError::Query(error) => error.into(),
            OperationError::Invalid { .. } => Self::invalid(error.to_string()),
            OperationError::Run(_) => Self::new(status, INVALID, error.to_string()),
            OperationError::Variable(ref cause) => {
                let code = match status {
                    StatusCode::FORBIDDEN => DENIED,
                    StatusCode::NOT_FOUND => NOT_FOUND,
                    _ => INVALID,
                };
                Self::new(status, code, crate::operation::with_causes(cause))
            }
            OperationError::Remote { .. } => Self::new(status, UNEXPECTED, error.to_string()),
            OperationError::Conflict { .. } | OperationError::SignIn { .. } => {
                Self::new(status, IN_USE, error.to_string())
            }
        };
        fault.fix = fault.fix.or(fix);
        fault
    }
}

impl Fault {
    /// What judgement refused, in the words in which the vendor's Web API passes it on.
    pub(super) fn refused(refusals: &[Refusal]) -> Self {
        let message =
            flow_client_error(refusals).unwrap_or_else(|| "The request was refused.".to_owned());
        let mut fault = Self::new(StatusCode::BAD_REQUEST, DATAVERSE_CODE, message);
        fault.refusals = Some(Box::new(refusals.iter().map(refusal).collect()));
        fault.fix = refusals.iter().find_map(|refusal| refusal.fix.clone());
        fault
    }

    /// The same, where no flow is concerned: the texts themselves.
    pub(super) fn refused_plainly(refusals: &[Refusal]) -> Self {
        let texts: Vec<_> = refusals.iter().map(|r| format!("{}: {}", r.code, r.text)).collect();
        let mut fault = Self::refused(refusals);
        fault.code = match refusals.first().map(|r| r.code) {
            Some(code::CANNOT_DELETE_IN_USE) => IN_USE,
            Some(code::IMPORT_RUNNING) => BUSY,
            _ => INVALID,
        };
        fault.message = texts.join("\n");
        fault
    }
}

impl From<IdentityError> for Fault {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Missing | IdentityError::Unknown | IdentityError::Token(_) => {
                let mut fault =
                    Self::new(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, error.to_string());
                fault.fix = Some(
                    "send the token of `connref server run` as `Authorization: Bearer`".to_owned(),
                );
                fault
            }
            IdentityError::Issuer(_) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let mut fault = Self::new(status, ISSUER_AWAY, error.to_string());
                fault.retry = Some(AGAIN);
                fault.fix = Some("ask again later; tokens of this server count".to_owned());
                fault
            }
            IdentityError::Store(StoreError::NotFound { name, .. }) => {
                let message = format!("The user `{name}` is not a member of the organization.");
                let mut fault = Self::new(StatusCode::FORBIDDEN, NOT_A_MEMBER, message);
                fault.fix = Some(format!("connref user add {name}"));
                fault
            }
            IdentityError::Store(error) => error.into(),
        }
    }
}
