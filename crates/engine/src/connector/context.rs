//! What a connector is given and what it gives back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use connref_egress::{Egress, Policy};
use connref_flow::value::{Object, Value};
use secrecy::SecretString;

/// Where a connection leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Base URL, `host:port` or `file:` path that is reached instead of the connector's public host.
    pub endpoint: Option<String>,
    /// Connection parameters that are no secret.
    pub parameters: BTreeMap<String, String>,
}

impl Target {
    /// A parameter's value, if it is set and not blank.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let exact = self.parameters.get(name);
        let found = exact.or_else(|| {
            self.parameters
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        });
        found.map(|v| v.trim()).filter(|v| !v.is_empty())
    }
}

/// How a connection proves who it is. Never serialised; `Debug` shows the kind only.
#[derive(Clone)]
pub enum Credential {
    /// Nothing.
    None,
    /// An OAuth access token.
    Bearer(SecretString),
    /// User name and password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A shared key; the connector knows where it goes.
    ApiKey(SecretString),
    /// Named secrets of a connector that needs several.
    Fields(BTreeMap<String, SecretString>),
}

impl Credential {
    /// The kind in words, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "no credential",
            Self::Bearer(_) => "a bearer token",
            Self::Basic { .. } => "a user name and password",
            Self::ApiKey(_) => "an API key",
            Self::Fields(_) => "named secrets",
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.kind())
    }
}

/// Everything a call may touch.
#[derive(Clone, Copy, Debug)]
pub struct CallContext<'a> {
    /// The only way out.
    pub egress: &'a Egress,
    /// What the environment may reach.
    pub policy: &'a Policy,
    /// Where the connection leads.
    pub target: &'a Target,
    /// Who the connection is.
    pub credential: &'a Credential,
    /// The same for every attempt of one action, new for every other.
    pub idempotency_key: &'a str,
    /// Time limit of the call.
    pub timeout: Duration,
    /// Object id of the principal on whose behalf the connection acts.
    pub act_on_behalf_of: Option<&'a str>,
}

/// One operation to perform.
#[derive(Clone, Copy, Debug)]
pub struct OperationCall<'a> {
    /// The operation's id as in the flow.
    pub operation_id: &'a str,
    /// Flat parameters as in the flow, for example `item/name`.
    pub parameters: &'a Object,
}

/// What the target answered, whatever the status.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationResponse {
    /// The status code.
    pub status: u16,
    /// The headers in the order received.
    pub headers: Vec<(String, String)>,
    /// The body as flows see it.
    pub body: Value,
}

impl OperationResponse {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// An error response in the shape the services use.
    pub(crate) fn failure(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "error": { "code": code, "message": message } });
        Self::new(status, Value::from_json(&body))
    }
}

/// Who and where a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The identity as the target names it, if it tells.
    pub identity: Option<String>,
    /// Where the connection leads, without credentials.
    pub target: String,
    /// One sentence of what was done.
    pub detail: String,
}
