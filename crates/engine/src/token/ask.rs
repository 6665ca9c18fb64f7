//! What is asked for a token, and how: with the client's own proof, or as the host itself.
use std::path::Path;
use std::time::Duration;

use connref_egress::oauth::{
    Algorithm, Assertion, Audience, Certificate, ClientProof, Grant, ManagedIdentity, OAuthError,
    Token, TokenRequest, assertion, identity_token, token_request,
};
use connref_egress::{Egress, Policy};
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use url::Url;

/// Time limit of a token request.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest federated token that is read.
const MAX_FEDERATED: u64 = 64 * 1024;

/// A client at a token endpoint.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) token_url: Url,
    pub(crate) client_id: String,
    pub(crate) proof: Proof,
    pub(crate) audience: Audience,
}

/// How the client proves itself, before anything is signed or read.
#[derive(Clone)]
pub(crate) enum Proof {
    /// A public client.
    None,
    /// A secret, in the form or in the header.
    Secret { secret: SecretString, basic: bool },
    /// A certificate with its key, in PEM; who the assertion is for, if not the token endpoint.
    Certificate { pem: SecretString, algorithm: Algorithm, audience: Option<String> },
    /// A token of another issuer, as it is.
    Federated(SecretString),
    /// A file that such a token is written to, again and again, by the host.
    FederatedFile(String),
}

/// A token without a person.
#[derive(Clone)]
pub(crate) enum Ask {
    /// As a client.
    Client(Client),
    /// As the host.
    Identity(ManagedIdentity),
}

/// The moment of an assertion and its id: they come from the installation's clock and ids.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// Never used before.
    pub(crate) id: String,
}

impl Ask {
    pub(super) async fn token(
        &self,
        egress: &Egress,
        policy: &Policy,
        stamp: &Stamp,
    ) -> Result<Token, OAuthError> {
        match self {
            Self::Client(client) => {
                client.token(egress, policy, stamp, Grant::ClientCredentials).await
            }
            Self::Identity(identity) => identity_token(egress, policy, identity).await,
        }
    }
}

impl Client {
    /// One request to the token endpoint.
    pub(crate) async fn token(
        &self,
        egress: &Egress,
        policy: &Policy,
        stamp: &Stamp,
        grant: Grant,
    ) -> Result<Token, OAuthError> {
        let request = TokenRequest {
            token_url: self.token_url.clone(),
            client_id: self.client_id.clone(),
            proof: self.proof(egress, policy, stamp).await?,
            grant,
            audience: self.audience.clone(),
            timeout: TIMEOUT,
        };
        token_request(egress, policy, &request).await
    }

    /// The proof where nothing is signed: a device's code is asked for before anything is at stake.
    pub(crate) fn plain_proof(&self) -> ClientProof {
        match &self.proof {
            Proof::Secret { secret, basic: false } => ClientProof::Secret(secret.clone()),
            Proof::Secret { secret, basic: true } => ClientProof::BasicSecret(secret.clone()),
            Proof::None
            | Proof::Certificate { .. }
            | Proof::Federated(_)
            | Proof::FederatedFile(_) => ClientProof::None,
        }
    }

    /// The proof as it goes over the wire.
    pub(crate) async fn proof(
        &self,
        egress: &Egress,
        policy: &Policy,
        stamp: &Stamp,
    ) -> Result<ClientProof, OAuthError> {
        Ok(match &self.proof {
            Proof::None => ClientProof::None,
            Proof::Secret { secret, basic: false } => ClientProof::Secret(secret.clone()),
            Proof::Secret { secret, basic: true } => ClientProof::BasicSecret(secret.clone()),
            Proof::Certificate { pem, algorithm, audience } => {
                use secrecy::ExposeSecret as _;
                let certificate = Certificate::from_pem(pem.expose_secret()).map_err(|_| {
                    OAuthError::Proof { reason: "its certificate is not a usable PEM text" }
                })?;
                let says = Assertion {
                    client_id: &self.client_id,
                    audience: audience.as_deref().unwrap_or(self.token_url.as_str()),
                    now: stamp.now,
                    id: &stamp.id,
                };
                ClientProof::Assertion(assertion(&certificate, *algorithm, says)?)
            }
            Proof::Federated(token) => ClientProof::Assertion(token.clone()),
            Proof::FederatedFile(path) => {
                ClientProof::Assertion(federated_read(egress, policy, Path::new(path)).await?)
            }
        })
    }
}

/// The token that the host wrote to a file. Only files in folders that the environment's policy
/// names are read: the path is the connection maker's word.
async fn federated_read(
    egress: &Egress,
    policy: &Policy,
    path: &Path,
) -> Result<SecretString, OAuthError> {
    let real = egress.file(policy, path).map_err(OAuthError::Egress)?;
    let unreadable = |_| OAuthError::Proof { reason: "its federated token file cannot be read" };
    let file = tokio::fs::File::open(&real).await.map_err(unreadable)?;
    let mut text = String::new();
    file.take(MAX_FEDERATED + 1).read_to_string(&mut text).await.map_err(unreadable)?;
    if text.len() as u64 > MAX_FEDERATED {
        return Err(OAuthError::Proof { reason: "its federated token file is larger than 64 KiB" });
    }
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Err(OAuthError::Proof { reason: "its federated token file holds no token" });
    }
    Ok(text.to_owned().into())
}
