//! HTTP(S) to a connref server or a real organisation, through egress.
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use connref_egress::{
    Egress, EgressConfig, HttpRequest, HttpResponse, Lookup, Policy, Redirects, SystemLookup,
    classify,
};
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, DATE, RETRY_AFTER};
use http::{HeaderValue, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use tower::Service;
use url::Url;

use super::{ANSWER_MAX, TransportError};

/// An import or export of a large solution is one request.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long a command waits in all for a server that asks for pauses: the vendor's limits count
/// over 5 minutes.
const PATIENCE: Duration = Duration::from_secs(6 * 60);

/// Why a remote address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Not an address of a server.
    #[error("`{0}` is not the address of an environment, as in `https://contoso.crm.dynamics.com`")]
    Address(String),
    /// The name does not resolve.
    #[error("cannot find the host `{host}`")]
    Lookup {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The token cannot travel in a header.
    #[error("the token holds characters that no header can carry")]
    Token,
}

/// A server that the user named.
#[derive(Clone)]
pub struct Remote {
    egress: Egress,
    policy: Policy,
    origin: Arc<str>,
    token: Option<HeaderValue>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Remote {
    /// Prepares calls to the server at `address`. Egress refuses private addresses unless a policy
    /// names them; the user naming one on the command line is such a policy, for this host only.
    /// `roots` are certificates (PEM) trusted besides the system's.
    pub async fn open(
        address: &str,
        token: Option<&SecretString>,
        roots: &[Vec<u8>],
    ) -> Result<Self, RemoteError> {
        let refused = || RemoteError::Address(address.to_owned());
        let url = Url::parse(address).map_err(|_| refused())?;
        let plain_path = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !plain_path || !url.username().is_empty() {
            return Err(refused());
        }
        let port = url.port_or_known_default().ok_or_else(refused)?;
        let host = url.host_str().ok_or_else(refused)?.to_owned();
        let policy = named_policy(&host, port).await?;
        let token = token.map(header).transpose()?;
        let origin = url.origin().ascii_serialization().into();
        Ok(Self { egress: remote_egress(roots), policy, origin, token })
    }

    /// Scheme, host and port, as they stand at the beginning of an address.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Service<Request<Bytes>> for Remote {
    type Response = Response<Bytes>;
    type Error = TransportError;
    type Future = BoxFuture<'static, Result<Response<Bytes>, TransportError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let remote = self.clone();
        Box::pin(async move { remote.send(request).await })
    }
}

impl Remote {
    /// Sends, and as long as the server says that it is too busy, waits as it asks and sends again.
    /// A request that was turned away with 429 was not carried out, whatever its method.
    async fn patient(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut waited = Duration::ZERO;
        loop {
            let answer = self.egress.http(&self.policy, request.clone()).await.map_err(network)?;
            let again = match answer.status {
                429 => true,
                503 => request.method == http::Method::GET,
                _ => false,
            };
            let Some(pause) = pause(&answer).filter(|_| again) else { return Ok(answer) };
            waited += pause.max(Duration::from_millis(10));
            if waited > PATIENCE {
                return Ok(answer);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(network)?;
        let home = url.origin().ascii_serialization() == *self.origin;
        let mut outgoing = HttpRequest::new(parts.method, url);
        outgoing.headers = parts.headers;
        outgoing.body = body;
        // An answer that points elsewhere is an error: the API never redirects.
        outgoing.redirects = Redirects::Never;
        if let Some(token) = self.token.as_ref().filter(|_| home) {
            outgoing.headers.insert(AUTHORIZATION, token.clone());
        }
        let answer = self.patient(outgoing).await?;
        let mut response = Response::builder().status(answer.status);
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers;
        }
        response.body(answer.body).map_err(TransportError::Request)
    }
}

/// The way to servers that the user names.
pub(super) fn remote_egress(roots: &[Vec<u8>]) -> Egress {
    Egress::new(EgressConfig {
        lookup: Arc::new(LocalhostLookup),
        extra_roots: roots.to_vec(),
        timeout: TIMEOUT,
        max_body: ANSWER_MAX,
        ..EgressConfig::default()
    })
}

/// The pause that a busy server asks for: seconds, or a time.
fn pause(answer: &HttpResponse) -> Option<Duration> {
    let text = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let from = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
    let from = jiff::fmt::rfc2822::parse(from?).ok()?.timestamp();
    Duration::try_from(from.until(at).ok()?).ok()
}

fn network(error: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    TransportError::Network(Box::new(error))
}

fn header(token: &SecretString) -> Result<HeaderValue, RemoteError> {
    let text = format!("Bearer {}", token.expose_secret().trim());
    let mut value = HeaderValue::from_str(&text).map_err(|_| RemoteError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Allows exactly the private addresses that the named host has now.
pub(super) async fn named_policy(host: &str, port: u16) -> Result<Policy, RemoteError> {
    let bare = host.trim_matches(['[', ']']);
    let found = LocalhostLookup.lookup(bare, port).await;
    let addresses =
        found.map_err(|source| RemoteError::Lookup { host: host.to_owned(), source })?;
    let entries: Vec<String> = addresses
        .into_iter()
        .filter(|address| classify(address.ip()).is_some_and(|refusal| !refusal.absolute))
        .map(|address| address.to_string())
        .collect();
    Ok(Policy::parse(&entries.join(" ")).unwrap_or_default())
}

/// The system's resolver, but `localhost` and everything below it is this machine (RFC 6761): not
/// every system resolves `contoso.localhost`.
#[derive(Clone, Copy, Debug)]
struct LocalhostLookup;

impl Lookup for LocalhostLookup {
    fn lookup<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            let here = vec![
                SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
            ];
            return Box::pin(async move { Ok(here) });
        }
        SystemLookup.lookup(host, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_addresses_of_servers_are_taken() {
        for bad in
            ["contoso", "ftp://x", "https://x/y", "https://u:p@x", "https://x?y", "file:///x"]
        {
            assert!(Remote::open(bad, None, &[]).await.is_err(), "{bad}");
        }
        let remote = Remote::open("http://dev.localhost:8080/", None, &[]).await.unwrap();
        assert_eq!(remote.origin(), "http://dev.localhost:8080");
    }

    #[tokio::test]
    async fn a_token_with_a_line_end_inside_is_refused() {
        let token = SecretString::from("a\nb");
        assert!(matches!(
            Remote::open("http://127.0.0.1:9", Some(&token), &[]).await,
            Err(RemoteError::Token)
        ));
    }

    #[tokio::test]
    async fn the_named_host_is_allowed_and_its_neighbours_are_not() {
        let policy = named_policy("dev.localhost", 8080).await.unwrap();
        assert!(policy.names("127.0.0.1:8080".parse().unwrap()));
        assert!(!policy.names("127.0.0.1:8081".parse().unwrap()));
        assert!(!policy.names("10.0.0.1:8080".parse().unwrap()));
    }

    /// A server on loopback that tells what it saw, and redirects when asked to.
    async fn server() -> SocketAddr {
        use axum::extract::Request as Seen;
        use axum::response::{IntoResponse, Redirect};
        let answer = |seen: Seen| async move {
            if seen.uri().path() == "/away" {
                return Redirect::temporary("/home").into_response();
            }
            let header = |name: &str| {
                let value = seen.headers().get(name).and_then(|value| value.to_str().ok());
                value.unwrap_or("-").to_owned()
            };
            format!("{} {} {}", seen.uri(), header("host"), header("authorization")).into_response()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap();
        });
        address
    }

    async fn get(remote: &Remote, url: &str) -> Result<Response<Bytes>, TransportError> {
        remote.clone().call(Request::get(url).body(Bytes::new()).unwrap()).await
    }

    #[tokio::test]
    async fn a_named_server_gets_the_token_and_the_host() {
        let port = server().await.port();
        let origin = format!("http://dev.localhost:{port}");
        let remote =
            Remote::open(&origin, Some(&SecretString::from("t0ken\n")), &[]).await.unwrap();
        let response = get(&remote, &format!("{origin}/x?y=1")).await.unwrap();
        let seen = String::from_utf8(response.body().to_vec()).unwrap();
        assert_eq!(seen, format!("/x?y=1 dev.localhost:{port} Bearer t0ken"));
    }

    #[tokio::test]
    async fn another_host_gets_no_token_and_a_redirect_is_not_followed() {
        let port = server().await.port();
        let origin = format!("http://dev.localhost:{port}");
        let remote = Remote::open(&origin, Some(&SecretString::from("t0ken")), &[]).await.unwrap();
        let response = get(&remote, &format!("http://other.localhost:{port}/x")).await.unwrap();
        assert!(response.body().ends_with(b" -"), "{:?}", response.body());
        let response = get(&remote, &format!("{origin}/away")).await.unwrap();
        assert_eq!(response.status(), 307);
    }

    #[tokio::test]
    async fn a_neighbour_that_was_not_named_is_refused() {
        let named = server().await.port();
        let neighbour = server().await.port();
        let remote = Remote::open(&format!("http://127.0.0.1:{named}"), None, &[]).await.unwrap();
        let refused = get(&remote, &format!("http://127.0.0.1:{neighbour}/")).await;
        assert!(matches!(refused, Err(TransportError::Network(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_busy_server_is_asked_again_after_the_pause_it_names() {
        use axum::http::StatusCode;
        use std::sync::atomic::{AtomicUsize, Ordering};
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let answer = move |asked: axum::extract::Request| async move {
            let number = seen.fetch_add(1, Ordering::SeqCst);
            let pause = if asked.uri().path() == "/long" { "3600" } else { "0" };
            match number {
                0..2 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", pause)]),
                _ => (StatusCode::OK, [("x-done", "1")]),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap();
        });
        let remote = Remote::open(&origin, None, &[]).await.unwrap();
        let post = Request::post(format!("{origin}/x")).body(Bytes::new()).unwrap();
        assert_eq!(remote.clone().call(post).await.unwrap().status(), 200);
        assert_eq!(count.swap(0, Ordering::SeqCst), 3);
        // A pause beyond our patience is the answer.
        assert_eq!(get(&remote, &format!("{origin}/long")).await.unwrap().status(), 429);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn pauses_are_seconds_or_a_time() {
        let answer = |pairs: &[(&str, &str)]| {
            let mut headers = http::HeaderMap::new();
            for (name, value) in pairs {
                let name: http::HeaderName = name.parse().unwrap();
                headers.insert(name, value.parse().unwrap());
            }
            let url = Url::parse("https://x.test").unwrap();
            pause(&HttpResponse { status: 429, headers, body: Bytes::new(), url })
        };
        assert_eq!(answer(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT");
        assert_eq!(answer(&[later, date]), Some(Duration::from_secs(10)));
        for bad in ["", "-1", "soon", "1.5"] {
            assert_eq!(answer(&[("retry-after", bad), date]), None, "{bad}");
        }
    }
}
