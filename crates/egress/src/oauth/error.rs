//! Why there is no token.

use crate::error::EgressError;

/// Why there is no token. The server's free text is left out: it may repeat what we sent.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The endpoint was not reached.
    #[error("cannot ask for a token")]
    Egress(#[source] EgressError),
    /// The server said no.
    #[error("the token endpoint `{host}` refused with status {status} (`{code}`)")]
    Refused {
        /// The host of the token endpoint.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The OAuth error code, and the vendor's number if there is one.
        code: String,
    },
    /// The server's answer holds no usable token.
    #[error("the token endpoint `{host}` gave no usable token: {reason}")]
    Malformed {
        /// The host of the token endpoint.
        host: String,
        /// What is missing.
        reason: &'static str,
    },
    /// The answer is another server's.
    #[error("the answer comes from the issuer `{found}` where `{expected}` was asked")]
    Issuer {
        /// Who was asked.
        expected: String,
        /// Who answered.
        found: String,
    },
    /// An issuer's description of itself, or its keys, are of no use.
    #[error("the issuer's description or keys at `{host}` are of no use: {reason}")]
    Keys {
        /// Who answered.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The person or the server ended the sign-in.
    #[error("the sign-in was not completed (`{code}`)")]
    Declined {
        /// The OAuth error code.
        code: String,
    },
    /// The answer of a sign-in does not belong to it.
    #[error("the answer does not belong to this sign-in: {reason}")]
    Callback {
        /// What differs.
        reason: &'static str,
    },
    /// What we would prove ourselves with cannot be used.
    #[error("cannot prove who the client is: {reason}")]
    Proof {
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Codes that mean: what we showed is not, or no longer, accepted (RFC 6749 §5.2, OIDC Core §3.1.2.6).
const CREDENTIAL_CODES: [&str; 7] = [
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "interaction_required",
    "login_required",
    "consent_required",
    "access_denied",
];

impl OAuthError {
    /// True if the same request may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Egress(error) => error.retryable(),
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Keys { .. } => true,
            _ => false,
        }
    }

    /// True if the server does not accept the credential itself: asking again with it is no use.
    #[must_use]
    pub fn credential_refused(&self) -> bool {
        match self {
            Self::Refused { status: 400 | 401 | 403, code, .. } => {
                let code = code.split(',').next().unwrap_or_default();
                CREDENTIAL_CODES.contains(&code)
            }
            _ => false,
        }
    }

    /// The registered error code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } | Self::Declined { code } => code.split(',').next(),
            _ => None,
        }
    }

    pub(super) fn malformed(host: &str, reason: &'static str) -> Self {
        Self::Malformed { host: host.to_owned(), reason }
    }
}
