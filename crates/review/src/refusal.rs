//! A refusal in the words that existing clients know.
use connref_solution::model::facts::{ConnectionFacts, PrincipalFacts};
use connref_solution::model::{ApiName, ConnectionId, Facts, LogicalName, PrincipalId};
use serde_json::json;

use crate::catalogue::code;
use crate::finding::{Subject, SubjectKind};

/// Why something is not done. Clients match on `code` and, some of them, on `text`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Error code; [`crate::explain`] has its page.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Message as the service words it.
    pub text: String,
    /// What fixes it: a command line, or a sentence where no single command does.
    pub fix: Option<String>,
    /// What it is about.
    pub subject: Subject,
}

/// The Dataverse error code under which the Web API answers with [`flow_client_error`].
pub const DATAVERSE_CODE: &str = "0x80060467";

/// Name of a status as the flow service writes it in its wrapper text.
pub fn status_name(status: u16) -> &'static str {
    match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        _ => "BadRequest",
    }
}

/// The text of the Web API around what the flow service refused; `None` without a refusal. One
/// refusal stands for itself, several become `MultipleErrorsOccurred` with details (recorded in
/// public threads, see the wire facts).
pub fn flow_client_error(refusals: &[Refusal]) -> Option<String> {
    let (status, error) = match refusals {
        [] => return None,
        [one] => (status_name(one.status), json!({"code": one.code, "message": one.text})),
        many => {
            let names: Vec<_> = many.iter().map(|r| status_name(r.status)).collect();
            let message =
                format!("Multiple errors occurred: '{}'. Please see details.", names.join(","));
            let details: Vec<_> =
                many.iter().map(|r| json!({"code": r.code, "message": r.text})).collect();
            let error =
                json!({"code": "MultipleErrorsOccurred", "message": message, "details": details});
            ("BadRequest", error)
        }
    };
    let details = json!({ "error": error });
    Some(format!(
        "Flow client error returned with status code \"{status}\" and details \"{details}\"."
    ))
}

impl Refusal {
    pub(crate) fn new(code: &'static str, status: u16, subject: Subject, text: String) -> Self {
        Self { code, status, text, fix: None, subject }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The reference has no connection.
    pub(crate) fn missing_connection(name: &LogicalName, subject: Subject) -> Self {
        let text = format!("Connection Id missing for connection reference logical name '{name}'.");
        Self::new(code::XRM_MISSING_CONNECTION, 400, subject, text)
    }

    /// The environment has no reference of these names.
    pub(crate) fn references_not_found(names: &[LogicalName]) -> Self {
        let joined = names.iter().map(LogicalName::as_str).collect::<Vec<_>>().join(",");
        let subject = Subject::new(SubjectKind::Reference, "", &joined);
        let text = format!("Failed to find connection references with logical name(s) '{joined}'.");
        Self::new(code::REFERENCE_NOT_FOUND, 400, subject, text)
    }

    /// No such connection for this connector; the service looks connections up by connector, so a
    /// connection of another connector reads the same.
    pub(crate) fn connection_not_found(id: &ConnectionId, api: &ApiName) -> Self {
        let subject = Subject::new(SubjectKind::Connection, id, id);
        let text = format!("Could not find connection '{id}' for API '{api}'.");
        Self::new(code::CONNECTION_NOT_FOUND, 404, subject, text)
    }

    /// Whoever turns the flow on, or carries its run, may not use the connection.
    pub(crate) fn not_authorised(caller: &PrincipalId, connection: &ConnectionFacts) -> Self {
        let api = &connection.api_name;
        let path = format!("{}/connections/{}", api.connector_id(), connection.id);
        let text = format!(
            "The caller object id is '{caller}'. Connection '{path}' to '{api}' cannot be used to \
             activate this flow, either because this is not a valid connection or because it is \
             not a connection you have access permission for. Either replace the connection with a \
             valid connection you can access or have the connection owner activate the flow, so \
             the connection is shared with you in the context of this flow."
        );
        let subject = Subject::connection(connection);
        Self::new(code::CONNECTION_AUTHORIZATION_FAILED, 403, subject, text)
    }

    /// A binder may not use the connection, or, as a service principal, not share it.
    pub(crate) fn not_bindable(caller: &PrincipalFacts, connection: &ConnectionFacts) -> Self {
        let (id, api) = (&connection.id, &connection.api_name);
        let oid = &caller.id;
        let text = if crate::right::level_of(connection, caller).is_some() {
            format!(
                "Error calling /modifyPermissionsForServicePrincipal, StatusCode: Forbidden, please \
                 verify that user {oid} has at least Can use + share Permission on connection {id}"
            )
        } else {
            format!(
                "The caller with object id '{oid}' does not have permission for connection '{id}' \
                 under Api '{api}'."
            )
        };
        let subject = Subject::connection(connection);
        Self::new(code::CONNECTION_AUTHORIZATION_FAILED, 403, subject, text)
    }

    /// The acting principal is unknown, disabled or departed.
    pub(crate) fn caller_disabled(caller: &PrincipalId, known: Option<&PrincipalFacts>) -> Self {
        let name = known.map_or(caller.as_str(), |p| p.name.as_str());
        let subject = Subject::new(SubjectKind::Principal, caller, name);
        let text = if known.is_some() {
            format!("The principal '{caller}' ({name}) is disabled.")
        } else {
            format!("The principal '{caller}' is not a member of the environment.")
        };
        Self::new(code::CALLER_DISABLED, 403, subject, text)
    }

    /// No role lets the caller import; the words and the code of the store, which refuses it too.
    pub(crate) fn import_denied(facts: &Facts, caller: &PrincipalFacts) -> Self {
        let name = &caller.name;
        let text = format!(
            "`{name}` may not import solutions: the privilege `prvImportCustomization` is missing"
        );
        let subject = Subject::new(SubjectKind::Principal, &caller.id, name);
        Self::new(code::PRIVILEGE_DENIED, 403, subject, text).fix(crate::fix::deployer(facts, name))
    }
}
