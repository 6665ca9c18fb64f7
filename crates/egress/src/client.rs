//! The HTTP client behind the guard.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::config::{EgressConfig, Lookup};
use crate::crypto::crypto_install;
use crate::error::EgressError;
use crate::guard::{self, Wire};
use crate::headers;
use crate::policy::Policy;
use crate::redirect::{Hop, Redirect};
use crate::request::{HttpRequest, HttpResponse, Redirects};

/// Clients kept at once; each holds a connection pool for one policy, port and wire.
const MAX_CLIENTS: usize = 64;

/// The way out. Cheap to clone; all clones share their connection pools.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    config: EgressConfig,
    clients: Mutex<HashMap<Key, reqwest::Client>>,
}

/// Connections are shared only between calls that were judged alike.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    policy: Policy,
    port: u16,
    wire: Wire,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Egress {
    /// A way out with these limits. Installs the TLS provider if the process has none.
    #[must_use]
    pub fn new(config: EgressConfig) -> Self {
        crypto_install();
        Self(Arc::new(Inner { config, clients: Mutex::default() }))
    }

    /// The limits in force.
    #[must_use]
    pub fn config(&self) -> &EgressConfig {
        &self.0.config
    }

    /// Sends a request and reads the response to its end.
    ///
    /// Statuses of 400 and more are responses, not errors.
    ///
    /// # Errors
    /// If the policy refuses a hop, a limit is passed, or the network fails.
    pub async fn http(
        &self,
        policy: &Policy,
        request: HttpRequest,
    ) -> Result<HttpResponse, EgressError> {
        let limit = request.timeout.unwrap_or(self.0.config.timeout);
        let host = request.url.host_str().unwrap_or_default().to_owned();
        tokio::time::timeout(limit, self.exchange(policy, request))
            .await
            .unwrap_or_else(|_| Err(EgressError::Timeout { host, seconds: limit.as_secs() }))
    }

    async fn exchange(
        &self,
        policy: &Policy,
        request: HttpRequest,
    ) -> Result<HttpResponse, EgressError> {
        let max_body = request.max_body.unwrap_or(usize::MAX).min(self.0.config.max_body);
        let first_host = request.url.host_str().unwrap_or_default().to_owned();
        let HttpRequest { method, url, mut headers, body, redirects, .. } = request;
        headers::strip_owned(&mut headers);
        let mut hop = Hop { method, url, headers, body };
        hop.url.set_fragment(None);
        for _ in 0..=self.0.config.max_redirects {
            let response = self.send(policy, &hop).await?;
            let status = response.status().as_u16();
            if redirects == Redirects::Follow {
                hop = match hop.next(status, response.headers())? {
                    Redirect::To(next) => {
                        hop = next;
                        continue;
                    }
                    Redirect::None(hop) => hop,
                };
            }
            return self.finish(hop.url, response, max_body).await;
        }
        Err(EgressError::TooManyRedirects { host: first_host, limit: self.0.config.max_redirects })
    }

    async fn send(&self, policy: &Policy, hop: &Hop) -> Result<reqwest::Response, EgressError> {
        let (host, port, wire) = check_url(&hop.url)?;
        // A literal address never meets the resolver, so it is judged here.
        if let Some(literal) = literal(&host, port)? {
            guard::judge(policy, &host, vec![literal], wire)?;
        }
        let client = self.client(Key { policy: policy.clone(), port, wire })?;
        client
            .request(hop.method.clone(), hop.url.clone())
            .headers(hop.headers.clone())
            .body(hop.body.clone())
            .send()
            .await
            .map_err(|error| transport(&host, error, self.0.config.connect_timeout))
    }

    async fn finish(
        &self,
        url: Url,
        mut response: reqwest::Response,
        max_body: usize,
    ) -> Result<HttpResponse, EgressError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let max_headers = self.0.config.max_headers;
        if headers::size(response.headers()) > max_headers {
            return Err(EgressError::HeadersTooLarge { host, limit: max_headers });
        }
        let too_large = || EgressError::BodyTooLarge { host: host.clone(), limit: max_body };
        if response.content_length().is_some_and(|announced| announced > max_body as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|e| transport(&host, e, self.0.config.connect_timeout))? {
                None => break,
                Some(chunk) if body.len() + chunk.len() > max_body => return Err(too_large()),
                Some(chunk) => body.extend_from_slice(&chunk),
            }
        }
        Ok(HttpResponse {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Bytes::from(body),
            url,
        })
    }

    fn client(&self, key: Key) -> Result<reqwest::Client, EgressError> {
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(&key)?;
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, key: &Key) -> Result<reqwest::Client, EgressError> {
        let config = &self.0.config;
        let guarded = Guarded { lookup: Arc::clone(&config.lookup), key: key.clone() };
        let setup = |e: reqwest::Error| EgressError::Setup { source: Box::new(e) };
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            // The engine's retry policy decides about repetition, nobody below it.
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(guarded))
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(16)
            .tcp_nodelay(true)
            .http2_max_header_list_size(u32::try_from(config.max_headers).unwrap_or(u32::MAX))
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .user_agent(&config.user_agent);
        builder = match key.wire {
            // Without TLS no roots are needed, and a system without any must not stop us.
            Wire::Plain => builder.tls_certs_only([]),
            Wire::Secured => {
                let mut roots = Vec::new();
                for pem in &config.extra_roots {
                    roots.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(setup)?);
                }
                builder.https_only(true).tls_certs_merge(roots)
            }
        };
        builder.build().map_err(setup)
    }
}

/// Resolves for one client: only addresses that its policy allows come back.
struct Guarded {
    lookup: Arc<dyn Lookup>,
    key: Key,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.lookup);
        let key = self.key.clone();
        Box::pin(async move {
            let addresses =
                guard::resolve(&lookup, &key.policy, name.as_str(), key.port, key.wire).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn check_url(url: &Url) -> Result<(String, u16, Wire), EgressError> {
    let wire = match url.scheme() {
        "https" => Wire::Secured,
        "http" => Wire::Plain,
        _ => return Err(EgressError::address("it must begin with `https://` or `http://`")),
    };
    let host = url.host_str().ok_or_else(|| EgressError::address("it has no host"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::address("it must not carry a user name or a password"));
    }
    let port = url.port_or_known_default().ok_or_else(|| EgressError::address("it has no port"))?;
    if port == 0 {
        return Err(EgressError::address("port 0 cannot be reached"));
    }
    Ok((host.to_owned(), port, wire))
}

fn literal(host: &str, port: u16) -> Result<Option<std::net::SocketAddr>, EgressError> {
    Ok(match guard::parse_host(host)? {
        url::Host::Ipv4(v4) => Some((v4, port).into()),
        url::Host::Ipv6(v6) => Some((v6, port).into()),
        url::Host::Domain(_) => None,
    })
}

/// Gives our own refusal back if there is one inside; strips the URL from the client's error.
fn transport(host: &str, error: reqwest::Error, connect: Duration) -> EgressError {
    let host = host.to_owned();
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref::<EgressError>() {
            Some(EgressError::Refused { host, reason }) => {
                return EgressError::refused(host, reason.clone());
            }
            Some(EgressError::Address { reason }) => return EgressError::address(reason.clone()),
            Some(EgressError::Resolve { host, source }) => {
                let source = source.as_ref().map(|e| std::io::Error::new(e.kind(), e.to_string()));
                return EgressError::Resolve { host: host.clone(), source };
            }
            _ => cause = inner.source(),
        }
    }
    if error.is_timeout() {
        return EgressError::Timeout { host, seconds: connect.as_secs() };
    }
    let is_connect = error.is_connect();
    let source = Box::new(error.without_url());
    if is_connect {
        EgressError::Connect { host, source }
    } else {
        EgressError::Transport { host, source }
    }
}
