//! The server's router, called without a socket.
use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower::{Service, ServiceExt};

use super::{ANSWER_MAX, TransportError};

/// Calls a router in process; a copy of `identity` travels as an extension of each request, never
/// as a header, so nothing a remote caller can send means the same.
#[derive(Clone)]
pub struct InProcess<R, I> {
    router: R,
    identity: I,
}

impl<R, I> InProcess<R, I> {
    /// Wraps a router.
    pub fn new(router: R, identity: I) -> Self {
        Self { router, identity }
    }
}

impl<R, I, B> Service<Request<Bytes>> for InProcess<R, I>
where
    R: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    I: Clone + Send + Sync + 'static,
    B: BodyExt<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Bytes>;
    type Error = TransportError;
    type Future = BoxFuture<'static, Result<Response<Bytes>, TransportError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let mut request = request.map(Full::new);
        request.extensions_mut().insert(self.identity.clone());
        // A socket's reader would have set it; the host chooses the environment.
        if let Some(host) = request.uri().authority().map(|host| host.as_str().to_owned())
            && let Ok(host) = HeaderValue::from_str(&host)
        {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        let router = self.router.clone();
        Box::pin(async move {
            let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            let (parts, body) = response.into_parts();
            let collected =
                Limited::new(body, ANSWER_MAX).collect().await.map_err(|error| broken(&*error))?;
            Ok(Response::from_parts(parts, collected.to_bytes()))
        })
    }
}

fn broken(error: &(dyn std::error::Error + Send + Sync + 'static)) -> TransportError {
    if error.is::<LengthLimitError>() {
        return TransportError::TooLarge;
    }
    TransportError::Broken(error.to_string())
}
