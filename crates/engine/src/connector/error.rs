//! Why a call has no response.

use connref_egress::EgressError;
use connref_egress::oauth::OAuthError;

use super::Credential;

/// A call without a response of the target. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The network or the egress policy.
    #[error("cannot call the target of the connection")]
    Egress(#[source] EgressError),
    /// No token for the call.
    #[error("cannot authenticate the call")]
    Authentication(#[source] OAuthError),
    /// The connector does not offer this.
    #[error("`{operation}` is not supported: {reason}")]
    Unsupported {
        /// The operation, policy or kind that was asked for.
        operation: String,
        /// What is missing and what to do instead.
        reason: String,
    },
    /// The flow's parameters do not fit the operation.
    #[error("cannot build the call of `{operation}`: {reason}")]
    Parameters {
        /// The operation.
        operation: String,
        /// Which parameter and what is wrong.
        reason: String,
    },
    /// The connection lacks something or carries the wrong credential.
    #[error("the connection is not usable: {reason}")]
    Connection {
        /// What to set.
        reason: String,
    },
    /// The target answered outside of its own protocol.
    #[error("the target's answer is not understood: {reason}")]
    Protocol {
        /// What was wrong.
        reason: String,
    },
    /// The conversation broke off.
    #[error("the conversation with the target broke off")]
    Interrupted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The time limit of the call passed.
    #[error("the target did not finish within {seconds} s")]
    TimedOut {
        /// The limit in seconds.
        seconds: u64,
    },
}

impl CallError {
    /// True if the same call may succeed later (network trouble, not a refusal).
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Egress(error) => error.retryable(),
            Self::Authentication(error) => error.retryable(),
            Self::Interrupted(_) | Self::TimedOut { .. } => true,
            Self::Unsupported { .. }
            | Self::Parameters { .. }
            | Self::Connection { .. }
            | Self::Protocol { .. } => false,
        }
    }

    /// True if the target may have performed the operation all the same.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Egress(error) => error.may_have_arrived(),
            Self::Interrupted(_) | Self::TimedOut { .. } | Self::Protocol { .. } => true,
            _ => false,
        }
    }

    /// The action code that a run's history shows.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Egress(error) if !error.retryable() => "Forbidden",
            Self::Egress(_) | Self::Interrupted(_) | Self::Protocol { .. } => "BadGateway",
            Self::Authentication(_) => "Unauthorized",
            Self::Unsupported { .. } => "NotSupported",
            Self::Parameters { .. } => "BadRequest",
            Self::Connection { .. } => "ConnectionNotConfigured",
            Self::TimedOut { .. } => "ActionTimedOut",
        }
    }

    pub(crate) fn parameters(operation: &str, reason: impl Into<String>) -> Self {
        Self::Parameters { operation: operation.to_owned(), reason: reason.into() }
    }

    pub(crate) fn unsupported(operation: &str, reason: impl Into<String>) -> Self {
        Self::Unsupported { operation: operation.to_owned(), reason: reason.into() }
    }

    pub(crate) fn connection(reason: impl Into<String>) -> Self {
        Self::Connection { reason: reason.into() }
    }

    pub(crate) fn protocol(reason: impl Into<String>) -> Self {
        Self::Protocol { reason: reason.into() }
    }

    /// The connection carries another kind of credential than the connector takes.
    pub(crate) fn credential(found: &Credential, wanted: &str) -> Self {
        Self::connection(format!("it carries {} where {wanted} is needed", found.kind()))
    }
}

impl From<EgressError> for CallError {
    fn from(error: EgressError) -> Self {
        Self::Egress(error)
    }
}
