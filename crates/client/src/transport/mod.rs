//! How a request reaches the API: in process, or over HTTP(S) through egress.
mod in_process;
mod remote;
mod sign_in;

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;
use tower::util::BoxCloneSyncService;

pub use connref_egress::oauth::Token;
pub use in_process::InProcess;
pub use remote::{Remote, RemoteError};
pub use sign_in::{Authority, SignInAs, SignInError, vendor_authority};

/// The largest answer that is accepted. An exported solution is the largest thing the API answers.
pub const ANSWER_MAX: usize = 256 << 20;

/// A transport whose kind was chosen at run time.
pub type Shared = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The request cannot be written.
    #[error("the request is not valid")]
    Request(#[source] http::Error),
    /// The answer is larger than [`ANSWER_MAX`].
    #[error("the answer is larger than {} MiB", ANSWER_MAX >> 20)]
    TooLarge,
    /// The answer broke off.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// The network, or the guard in front of it.
    #[error(transparent)]
    Network(Box<dyn std::error::Error + Send + Sync>),
}

/// A tower service that carries the API: any clonable service from requests to answers, both with
/// their bodies in memory.
pub trait ApiService:
    Service<Request<Bytes>, Response = Response<Bytes>, Error = TransportError, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> ApiService for S where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = TransportError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}
