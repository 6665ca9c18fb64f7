//! What can go wrong on the way out.

use std::error::Error as StdError;

/// A call that did not complete. Names the host and the reason, never a path, query or credential.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The address of the request cannot be used as such.
    #[error("cannot call the given address: {reason}")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The policy of the environment forbids the target.
    #[error("refused to reach `{host}`: {reason}")]
    Refused {
        /// The host as named by the caller.
        host: String,
        /// Why.
        reason: String,
    },
    /// The name has no usable address.
    #[error("cannot resolve `{host}`")]
    Resolve {
        /// The host as named by the caller.
        host: String,
        /// The resolver's word, if it gave one.
        #[source]
        source: Option<std::io::Error>,
    },
    /// No connection (or no TLS session) was established: nothing was sent.
    #[error("cannot connect to `{host}`")]
    Connect {
        /// The host as named by the caller.
        host: String,
        /// The cause.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The connection broke while talking: the request may have been received.
    #[error("lost the connection to `{host}`")]
    Transport {
        /// The host as named by the caller.
        host: String,
        /// The cause.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The time limit passed: the request may have been received.
    #[error("`{host}` did not answer within {seconds} s")]
    Timeout {
        /// The host as named by the caller.
        host: String,
        /// The limit that applied, in seconds.
        seconds: u64,
    },
    /// The response was longer than allowed.
    #[error("the response of `{host}` is longer than {limit} bytes")]
    BodyTooLarge {
        /// The host as named by the caller.
        host: String,
        /// The limit that applied, in bytes.
        limit: usize,
    },
    /// The response headers were longer than allowed.
    #[error("the response headers of `{host}` are longer than {limit} bytes")]
    HeadersTooLarge {
        /// The host as named by the caller.
        host: String,
        /// The limit that applied, in bytes.
        limit: usize,
    },
    /// Too many redirects.
    #[error("`{host}` redirects more than {limit} times")]
    TooManyRedirects {
        /// The host of the first request.
        host: String,
        /// The limit that applied.
        limit: usize,
    },
    /// The file is not one that the policy opens.
    #[error("refused to open the file `{path}`: {reason}")]
    File {
        /// The path as named by the caller.
        path: String,
        /// Why.
        reason: &'static str,
        /// The operating system's word, if it gave one.
        #[source]
        source: Option<std::io::Error>,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    Setup {
        /// The cause.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl EgressError {
    /// True if the same call may succeed later: network trouble, not a refusal or a size limit.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Resolve { .. }
                | Self::Connect { .. }
                | Self::Transport { .. }
                | Self::Timeout { .. }
        )
    }

    /// True if the target may have seen the request although no response came back.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        matches!(
            self,
            Self::Transport { .. }
                | Self::Timeout { .. }
                | Self::BodyTooLarge { .. }
                | Self::HeadersTooLarge { .. }
                | Self::TooManyRedirects { .. }
        )
    }

    pub(crate) fn refused(host: &str, reason: impl Into<String>) -> Self {
        Self::Refused { host: host.to_owned(), reason: reason.into() }
    }

    pub(crate) fn address(reason: impl Into<String>) -> Self {
        Self::Address { reason: reason.into() }
    }
}
