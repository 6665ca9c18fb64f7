//! What a run asks of the outside.

use std::fmt;

use crate::definition::RetryPolicy;
use crate::value::{Object, Value};

/// One thing for the host to do. Its result comes back as an [`Event`].
#[derive(Clone, PartialEq)]
pub struct Call {
    /// Unique within the run: `Scope/For_each[3]/Send`. `%`, `/`, `[` and `]` in names are
    /// percent-encoded.
    pub path: String,
    /// Name of the action.
    pub action: String,
    /// The same for every attempt at this call, 32 hex digits.
    pub idempotency_key: String,
    /// What to do.
    pub kind: CallKind,
    /// How often to try again.
    pub retry: RetryPolicy,
    /// Give up after so long, µs.
    pub timeout_us: Option<i64>,
    /// The inputs must not be shown.
    pub secure_inputs: bool,
    /// The outputs must not be shown.
    pub secure_outputs: bool,
    /// As the history records them.
    pub inputs: Value,
    /// Whether a 202 answer is polled until the work is done.
    pub asynchronous: bool,
    /// Fetch further pages until at least so many items are there.
    pub pagination: Option<u64>,
}

impl fmt::Debug for Call {
    /// Inputs and bodies may hold secrets and are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("path", &self.path)
            .field("idempotency_key", &self.idempotency_key)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What a call does.
#[derive(Clone, PartialEq)]
pub enum CallKind {
    /// An operation of a connector.
    Connection {
        /// Key in `connectionReferences`.
        connection_key: String,
        /// `/providers/Microsoft.PowerApps/apis/shared_x`; empty in a few exports.
        api_id: String,
        /// Operation of the connector.
        operation_id: String,
        /// Flat, keys are paths: `emailMessage/To`.
        parameters: Object,
        /// The operation subscribes and waits for an event (`OpenApiConnectionWebhook`).
        webhook: bool,
    },
    /// A request in terms of method and path (`ApiConnection`).
    OldConnection {
        /// Key in the `$connections` parameter.
        connection_key: String,
        /// Operation, where the definition remembers it.
        operation_id: Option<String>,
        /// HTTP method.
        method: String,
        /// Path below the connector's base, as written.
        path: String,
        /// Query parameters.
        queries: Object,
        /// Headers.
        headers: Object,
        /// Body; `Null` = none.
        body: Value,
    },
    /// A request to any address.
    Http {
        /// HTTP method.
        method: String,
        /// Absolute address.
        uri: String,
        /// Query parameters to add.
        queries: Object,
        /// Headers.
        headers: Object,
        /// Body; `Null` = none.
        body: Value,
        /// `{type: Basic|Raw|ClientCertificate|ActiveDirectoryOAuth|ManagedServiceIdentity, …}`;
        /// holds secrets.
        authentication: Value,
    },
    /// Another flow; its response is the result.
    ChildFlow {
        /// Id of the flow, lower case.
        workflow_id: String,
        /// What its trigger gets.
        body: Value,
        /// Headers for its trigger.
        headers: Object,
    },
    /// Nothing until a time.
    Wait {
        /// µs since the Unix epoch, UTC.
        until: i64,
    },
    /// The answer to whoever started the run.
    Response {
        /// HTTP status.
        status: u16,
        /// Headers.
        headers: Object,
        /// Body; `Null` = none.
        body: Value,
    },
}

impl fmt::Debug for CallKind {
    /// Shows what is addressed, never what is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection { connection_key, operation_id, .. } => {
                write!(f, "Connection({connection_key}, {operation_id})")
            }
            Self::OldConnection { connection_key, method, .. } => {
                write!(f, "OldConnection({connection_key}, {method})")
            }
            Self::Http { method, .. } => write!(f, "Http({method})"),
            Self::ChildFlow { workflow_id, .. } => write!(f, "ChildFlow({workflow_id})"),
            Self::Wait { until } => write!(f, "Wait({until})"),
            Self::Response { status, .. } => write!(f, "Response({status})"),
        }
    }
}
