//! Signing in to a server that tells where: it answers a request without a token with the address of
//! its authorization server, which then gives one.
use std::time::Duration;

use connref_egress::oauth::{
    Algorithm, Assertion, Audience, Certificate, CertificateError, ClientProof, DeviceCode,
    DeviceRequest, Grant, OAuthError, Token, TokenRequest, assertion, device_request,
    token_request,
};
use connref_egress::{Egress, EgressError, HttpRequest, Policy, Redirects};
use http::Method;
use http::header::WWW_AUTHENTICATE;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::remote::{RemoteError, named_policy, remote_egress};

/// Longest a token request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Authorization servers of the vendor's clouds: their word is taken wherever it leads to them.
const KNOWN: [&str; 3] =
    ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"];
/// A server that wants to be asked less often gets so much more time (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// Who signs in.
#[derive(Clone)]
pub enum SignInAs {
    /// An application with its secret.
    Secret {
        /// Application id.
        client: String,
        /// Secret.
        secret: SecretString,
    },
    /// An application with its certificate and key, as PEM.
    Certificate {
        /// Application id.
        client: String,
        /// Certificate and RSA key.
        pem: SecretString,
        /// Now, in seconds since 1970.
        now: i64,
        /// Its own id, never used twice.
        id: String,
    },
    /// Somebody who signed in before.
    Refresh {
        /// The program's id.
        client: String,
        /// What was kept.
        token: SecretString,
    },
}

/// Why nobody signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The server's address cannot be used.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The server is not reached.
    #[error("cannot ask where to sign in")]
    Egress(#[from] EgressError),
    /// The server does not say where to sign in.
    #[error("the server does not say where to sign in")]
    NoAuthority,
    /// The server sends us to somebody it has nothing to do with.
    #[error("the server sends us to `{0}` to sign in; a secret goes there only if you say so")]
    Foreign(String),
    /// The address of the authority cannot be used.
    #[error(
        "`{0}` is not the address of an authority, as in `https://login.microsoftonline.com/TENANT`"
    )]
    Authority(String),
    /// The certificate cannot be used.
    #[error("cannot use the certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The authority refused.
    #[error("cannot sign in")]
    OAuth(#[from] OAuthError),
    /// The person had no time, or forgot.
    #[error("nobody confirmed the code in time")]
    Over,
}

/// The authorization server of an environment.
pub struct Authority {
    egress: Egress,
    policy: Policy,
    base: Url,
    resource: String,
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl Authority {
    /// Finds the authority of the server at `address`; `given` is its address where the user knows
    /// better. `roots` are certificates (PEM) trusted besides the system's.
    ///
    /// # Errors
    /// If the server does not tell, or tells one that it has nothing to do with.
    pub async fn find(
        address: &str,
        given: Option<&str>,
        roots: &[Vec<u8>],
    ) -> Result<Self, SignInError> {
        let server = Url::parse(address).map_err(|_| RemoteError::Address(address.to_owned()))?;
        let egress = remote_egress(roots);
        let base = match given {
            Some(text) => Url::parse(text).map_err(|_| SignInError::Authority(text.to_owned()))?,
            None => told(&egress, &server).await?,
        };
        let host = base.host_str().ok_or_else(|| SignInError::Authority(base.to_string()))?;
        let here = server.scheme() == "http" && base.scheme() == "http";
        if base.scheme() != "https" && !here {
            return Err(SignInError::Authority(base.to_string()));
        }
        let port = base.port_or_known_default().unwrap_or(443);
        let policy = named_policy(host, port).await?;
        Ok(Self { egress, policy, resource: origin(&server), base })
    }

    /// Its address.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn endpoint(&self, name: &str) -> Result<Url, SignInError> {
        let text = format!("{}/oauth2/v2.0/{name}", self.address());
        text.parse().map_err(|_| SignInError::Authority(text))
    }

    /// Signs in without anybody's help.
    ///
    /// # Errors
    /// If the authority refuses or is not reached.
    pub async fn sign_in(&self, who: &SignInAs) -> Result<Token, SignInError> {
        let token_url = self.endpoint("token")?;
        let all = format!("{}/.default", self.resource);
        let (client, proof, grant, scope) = match who {
            SignInAs::Secret { client, secret } => {
                (client, ClientProof::Secret(secret.clone()), Grant::ClientCredentials, all)
            }
            SignInAs::Certificate { client, pem, now, id } => {
                let certificate = Certificate::from_pem(pem.expose_secret())?;
                let audience = token_url.as_str();
                let says = Assertion { client_id: client, audience, now: *now, id };
                let signed = assertion(&certificate, Algorithm::Rs256, says)?;
                (client, ClientProof::Assertion(signed), Grant::ClientCredentials, all)
            }
            SignInAs::Refresh { client, token } => {
                let scope = self.person_scope();
                (client, ClientProof::None, Grant::Refresh { token: token.clone() }, scope)
            }
        };
        self.ask(token_url, client, proof, grant, Audience::Scope(scope)).await
    }

    fn person_scope(&self) -> String {
        format!("{}/user_impersonation offline_access openid profile", self.resource)
    }

    async fn ask(
        &self,
        token_url: Url,
        client: &str,
        proof: ClientProof,
        grant: Grant,
        audience: Audience,
    ) -> Result<Token, SignInError> {
        let request = TokenRequest {
            token_url,
            client_id: client.to_owned(),
            proof,
            grant,
            audience,
            timeout: TIMEOUT,
        };
        Ok(token_request(&self.egress, &self.policy, &request).await?)
    }

    /// Signs a person in on another device: `show` tells the person what to do.
    ///
    /// # Errors
    /// If the authority or the person refuses, or the time runs out.
    pub async fn sign_in_device(
        &self,
        client: &str,
        show: impl FnOnce(&DeviceCode),
    ) -> Result<Token, SignInError> {
        let request = DeviceRequest {
            device_url: self.endpoint("devicecode")?,
            client_id: client.to_owned(),
            proof: ClientProof::None,
            audience: Audience::Scope(self.person_scope()),
            timeout: TIMEOUT,
        };
        let code = device_request(&self.egress, &self.policy, &request).await?;
        show(&code);
        let over = tokio::time::Instant::now() + code.expires_in;
        let mut pause = code.interval;
        loop {
            if tokio::time::Instant::now() + pause > over {
                return Err(SignInError::Over);
            }
            tokio::time::sleep(pause).await;
            let grant = Grant::Device { code: code.device_code.clone() };
            let url = self.endpoint("token")?;
            match self.ask(url, client, ClientProof::None, grant, Audience::Unstated).await {
                Ok(token) => return Ok(token),
                Err(SignInError::OAuth(error)) => match error.code() {
                    Some("authorization_pending") => {}
                    Some("slow_down") => pause += SLOWER,
                    _ if error.retryable() => {}
                    _ => return Err(error.into()),
                },
                Err(error) => return Err(error),
            }
        }
    }
}

/// Host and tenant of the authority of the server at `address`, where that is one of the vendor's
/// clouds; `given` as in [`Authority::find`]. The authority itself is not asked.
pub async fn vendor_authority(
    address: &str,
    given: Option<&str>,
    roots: &[Vec<u8>],
) -> Option<(String, String)> {
    let base = match given {
        Some(text) => Url::parse(text).ok()?,
        None => told(&remote_egress(roots), &Url::parse(address).ok()?).await.ok()?,
    };
    let host = base.host_str().filter(|host| base.scheme() == "https" && KNOWN.contains(host))?;
    let tenant = base.path_segments()?.next().filter(|tenant| !tenant.is_empty())?;
    Some((host.to_owned(), tenant.to_owned()))
}

/// Asks the server where to sign in, as its own clients do.
async fn told(egress: &Egress, server: &Url) -> Result<Url, SignInError> {
    let host = server.host_str().ok_or(SignInError::NoAuthority)?;
    let port = server.port_or_known_default().ok_or(SignInError::NoAuthority)?;
    let policy = named_policy(host, port).await?;
    let address = server.join("/api/data/v9.2/WhoAmI").map_err(|_| SignInError::NoAuthority)?;
    let mut request = HttpRequest::new(Method::GET, address);
    request.redirects = Redirects::Never;
    request.timeout = Some(TIMEOUT);
    let answer = egress.http(&policy, request).await?;
    let words = answer.headers.get_all(WWW_AUTHENTICATE).iter();
    let base = words.filter_map(|value| value.to_str().ok()).find_map(authority);
    let base = base.ok_or(SignInError::NoAuthority)?;
    let found = base.host_str().unwrap_or_default();
    let related = found == host || host.strip_suffix(found).is_some_and(|rest| rest.ends_with('.'));
    if related || KNOWN.contains(&found) {
        return Ok(base);
    }
    Err(SignInError::Foreign(origin(&base)))
}

/// `https://host/tenant` of `Bearer authorization_uri=https://host/tenant/oauth2/authorize, …`.
fn authority(challenge: &str) -> Option<Url> {
    let rest = challenge.split_once("authorization_uri=")?.1;
    let text = rest.trim_start_matches('"').split(['"', ',', ' ']).next()?;
    let base = text.trim_end_matches('/').strip_suffix("/oauth2/authorize").unwrap_or(text);
    base.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_stands_in_the_challenge() {
        let read = |text: &str| authority(text).map(String::from);
        assert_eq!(
            read(
                "Bearer authorization_uri=https://a.test/t/oauth2/authorize, resource_id=https://b.test/"
            ),
            Some("https://a.test/t".to_owned())
        );
        assert_eq!(
            read(
                "Bearer authorization_uri=\"https://a.test:8/t/oauth2/authorize\", resource_id=\"x\""
            ),
            Some("https://a.test:8/t".to_owned())
        );
        assert_eq!(read("Bearer realm=x"), None);
    }

    /// A server that names an authority.
    async fn server(authority: &str) -> String {
        let challenge = format!("Bearer authorization_uri={authority}/oauth2/authorize");
        let answer = move || {
            let challenge = challenge.clone();
            async move { (axum::http::StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap();
        });
        format!("http://dev.localhost:{port}")
    }

    #[tokio::test]
    async fn a_secret_is_not_taken_to_a_stranger() {
        let near = server("http://localhost:1/tenant").await;
        assert!(Authority::find(&near, None, &[]).await.is_ok());
        let far = server("https://evil.test/tenant").await;
        let refused = Authority::find(&far, None, &[]).await;
        assert!(matches!(refused, Err(SignInError::Foreign(host)) if host == "https://evil.test"));
        let longer = server("http://xlocalhost:1/tenant").await;
        assert!(Authority::find(&longer, None, &[]).await.is_err());
    }
}
