//! A person signs in to a connection: where they are sent, what is kept meanwhile, and what their
//! answer is worth. What is kept holds secrets and goes into the vault.
use connref_egress::oauth::{
    Audience, Authorization, Callback, DeviceCode, DeviceRequest, Grant, OAuthError,
    ServerMetadata, Token, authorization_url, callback_read, challenge, device_request,
    identity_claims, metadata_discover,
};
use connref_egress::{Egress, Policy};
use connref_store::source::{Ids, hex};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::time::Duration;
use url::{Host, Url};

use crate::token::{CredentialFields, FieldError, Stamp, tenant_url};

/// Time limit of one question to the server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What a server that knows OpenID Connect is asked for besides: who it is, and a refresh token.
const OPENID: [&str; 2] = ["openid", "offline_access"];

/// Why nobody is signed in. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The connection's fields do not say where or as what.
    #[error("the connection cannot be signed in to: {0}")]
    Fields(#[from] FieldError),
    /// The server, or its answer.
    #[error("the sign-in failed")]
    OAuth(#[from] OAuthError),
    /// The address for the answer is not on this machine.
    #[error("the answer can only go to a loopback address (`http://127.0.0.1:PORT/…`)")]
    Redirect,
    /// What was kept cannot be read.
    #[error("what was kept of the sign-in cannot be read")]
    Kept,
}

/// What a sign-in brought.
pub struct SignedIn {
    /// The tokens.
    pub token: Token,
    /// Who signed in, as far as the server tells.
    pub account: Option<String>,
    /// Where it is refreshed: known by now, whatever the connection says.
    pub token_url: String,
}

/// The answer to a question about a device's sign-in.
pub enum DeviceAnswer {
    /// Nobody has confirmed it yet.
    Pending,
    /// The same, and the server wants to be asked less often.
    SlowDown,
    /// It is done.
    Done(SignedIn),
}

struct Endpoints {
    token: Url,
    authorization: Option<Url>,
    device: Option<Url>,
    issuer: Option<String>,
    names_issuer: bool,
    /// Knows OpenID Connect, as far as we know.
    openid: bool,
}

/// The address to open in a browser, and what to keep until its answer comes to `redirect_uri`.
///
/// # Errors
/// If the connection does not say where to sign in, or the server does not.
pub async fn sign_in_code(
    egress: &Egress,
    policy: &Policy,
    fields: &CredentialFields<'_>,
    redirect_uri: &str,
    ids: &dyn Ids,
) -> Result<(Url, SecretString), SignInError> {
    loopback(redirect_uri)?;
    sign_in_code_at_server(egress, policy, fields, redirect_uri, ids).await
}

/// The same for a page of the server itself, which the person's browser comes back to. The address
/// must be the server's own word: one that a caller chose would take the code to the caller.
///
/// # Errors
/// As [`sign_in_code`].
pub async fn sign_in_code_at_server(
    egress: &Egress,
    policy: &Policy,
    fields: &CredentialFields<'_>,
    redirect_uri: &str,
    ids: &dyn Ids,
) -> Result<(Url, SecretString), SignInError> {
    let at = endpoints(egress, policy, fields).await?;
    let endpoint = at.authorization.ok_or(FieldError::Missing("authorizationUrl"))?;
    let client_id = fields.parameter("clientId").ok_or(FieldError::Missing("clientId"))?;
    let [state, nonce, verifier] = [(); 3].map(|()| random(ids));
    let extra: Vec<(String, String)> = ["prompt", "access_type", "login_hint"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), fields.parameter(name)?.to_owned())))
        .collect();
    let url = authorization_url(&Authorization {
        endpoint: &endpoint,
        client_id,
        redirect_uri,
        audience: &audience(fields, at.openid),
        state: &state,
        nonce: &nonce,
        challenge: &challenge(&verifier),
        extra: &extra,
    });
    let kept = json!({
        "state": state, "nonce": nonce, "verifier": verifier, "redirectUri": redirect_uri,
        "issuer": at.issuer, "namesIssuer": at.names_issuer, "tokenUrl": at.token.as_str(),
    });
    Ok((url, kept.to_string().into()))
}

/// Exchanges the answer of a browser for tokens. `query` is what came to the redirect address.
///
/// # Errors
/// If the answer is not this sign-in's, was a refusal, or the server gives no tokens for it.
pub(crate) async fn code_finish(
    egress: &Egress,
    policy: &Policy,
    fields: &CredentialFields<'_>,
    kept: &SecretString,
    query: &str,
    stamp: &Stamp,
) -> Result<SignedIn, SignInError> {
    let kept = Kept::read(kept)?;
    let callback = Callback::from_query(query);
    let names = kept.0["namesIssuer"].as_bool().unwrap_or(false);
    let code = callback_read(&callback, kept.text("state")?, kept.issuer(), names)?;
    let grant = Grant::Code {
        code: code.clone(),
        redirect_uri: kept.text("redirectUri")?.to_owned(),
        verifier: kept.text("verifier")?.to_owned().into(),
    };
    let nonce = kept.text("nonce")?;
    finish(egress, policy, fields, &kept, grant, Some(nonce), stamp).await
}

/// A code for another device, and what to keep.
///
/// # Errors
/// As [`sign_in_code`].
pub async fn sign_in_device(
    egress: &Egress,
    policy: &Policy,
    fields: &CredentialFields<'_>,
) -> Result<(DeviceCode, SecretString), SignInError> {
    let at = endpoints(egress, policy, fields).await?;
    let device_url = at.device.ok_or(FieldError::Missing("deviceUrl"))?;
    let client = fields.client_at(at.token.clone())?;
    let request = DeviceRequest {
        device_url,
        client_id: client.client_id.clone(),
        proof: client.plain_proof(),
        audience: audience(fields, at.openid),
        timeout: TIMEOUT,
    };
    let code = device_request(egress, policy, &request).await?;
    let kept = json!({
        "deviceCode": code.device_code.expose_secret(),
        "issuer": at.issuer, "tokenUrl": at.token.as_str(),
    });
    Ok((code, kept.to_string().into()))
}

/// Asks once whether the person confirmed the code.
///
/// # Errors
/// If the server ended the sign-in or is not reached.
pub(crate) async fn device_ask(
    egress: &Egress,
    policy: &Policy,
    fields: &CredentialFields<'_>,
    kept: &SecretString,
    stamp: &Stamp,
) -> Result<DeviceAnswer, SignInError> {
    let kept = Kept::read(kept)?;
    let grant = Grant::Device { code: kept.text("deviceCode")?.to_owned().into() };
    match finish(egress, policy, fields, &kept, grant, None, stamp).await {
        Ok(done) => Ok(DeviceAnswer::Done(done)),
        Err(SignInError::OAuth(error)) => match error.code() {
            Some("authorization_pending") => Ok(DeviceAnswer::Pending),
            Some("slow_down") => Ok(DeviceAnswer::SlowDown),
            _ if error.retryable() => Ok(DeviceAnswer::SlowDown),
            _ => Err(error.into()),
        },
        Err(error) => Err(error),
    }
}

impl crate::token::Tokens {
    /// [`code_finish`] with this installation's clock.
    ///
    /// # Errors
    /// If the answer is not this sign-in's, was a refusal, or the server gives no tokens for it.
    pub async fn sign_in_code_finish(
        &self,
        egress: &Egress,
        policy: &Policy,
        fields: &CredentialFields<'_>,
        kept: &SecretString,
        query: &str,
    ) -> Result<SignedIn, SignInError> {
        code_finish(egress, policy, fields, kept, query, &self.stamp()).await
    }

    /// Asks once whether the person confirmed a device's code.
    ///
    /// # Errors
    /// If the server ended the sign-in.
    pub async fn sign_in_device_ask(
        &self,
        egress: &Egress,
        policy: &Policy,
        fields: &CredentialFields<'_>,
        kept: &SecretString,
    ) -> Result<DeviceAnswer, SignInError> {
        device_ask(egress, policy, fields, kept, &self.stamp()).await
    }

    /// Exchanges a refresh token once, outside of the kept tokens: for a credential that is being
    /// tested.
    ///
    /// # Errors
    /// If the fields make no client or the server refuses.
    pub async fn refresh_once(
        &self,
        egress: &Egress,
        policy: &Policy,
        fields: &CredentialFields<'_>,
    ) -> Result<Token, SignInError> {
        let token = fields.refresh_token().ok_or(FieldError::Missing("refreshToken"))?.clone();
        let client = fields.client()?;
        Ok(client.token(egress, policy, &self.stamp(), Grant::Refresh { token }).await?)
    }
}

async fn finish(
    egress: &Egress,
    policy: &Policy,
    fields: &CredentialFields<'_>,
    kept: &Kept,
    grant: Grant,
    nonce: Option<&str>,
    stamp: &Stamp,
) -> Result<SignedIn, SignInError> {
    let token_url: Url = kept.text("tokenUrl")?.parse().map_err(|_| SignInError::Kept)?;
    let client = fields.client_at(token_url.clone())?;
    let token = client.token(egress, policy, stamp, grant).await?;
    let account = match &token.id_token {
        Some(id) => {
            identity_claims(id, &client.client_id, kept.issuer(), nonce, stamp.now)?.account
        }
        None => None,
    };
    Ok(SignedIn { token, account, token_url: token_url.into() })
}

struct Kept(Value);

impl Kept {
    fn read(text: &SecretString) -> Result<Self, SignInError> {
        serde_json::from_str(text.expose_secret()).map(Self).map_err(|_| SignInError::Kept)
    }

    fn text(&self, name: &str) -> Result<&str, SignInError> {
        self.0[name].as_str().ok_or(SignInError::Kept)
    }

    fn issuer(&self) -> Option<&str> {
        self.0["issuer"].as_str()
    }
}

/// What the connection says, then what the issuer says of itself, then the tenant's well-known places.
async fn endpoints(
    egress: &Egress,
    policy: &Policy,
    fields: &CredentialFields<'_>,
) -> Result<Endpoints, SignInError> {
    let own = |name: &'static str| -> Result<Option<Url>, FieldError> {
        fields
            .parameter(name)
            .map(|u| u.parse().map_err(|_| FieldError::Unusable(name)))
            .transpose()
    };
    let (token, authorization, device) =
        (own("tokenUrl")?, own("authorizationUrl")?, own("deviceUrl")?);
    let tenant = fields.parameter("tenant").or_else(|| fields.parameter("tenantId"));
    if let Some(issuer) = fields.parameter("issuer") {
        let found: ServerMetadata = metadata_discover(egress, policy, issuer, TIMEOUT).await?;
        return Ok(Endpoints {
            token: token.unwrap_or(found.token_endpoint),
            authorization: authorization.or(found.authorization_endpoint),
            device: device.or(found.device_authorization_endpoint),
            issuer: Some(found.issuer),
            names_issuer: found.names_issuer,
            openid: true,
        });
    }
    let known = |own: Option<Url>, name| -> Result<Option<Url>, FieldError> {
        match (own, tenant) {
            (Some(url), _) => Ok(Some(url)),
            (None, Some(tenant)) => tenant_url(tenant, name).map(Some),
            (None, None) => Ok(None),
        }
    };
    Ok(Endpoints {
        token: known(token, "token")?.ok_or(FieldError::Missing("tokenUrl"))?,
        authorization: known(authorization, "authorize")?,
        device: known(device, "devicecode")?,
        issuer: None,
        names_issuer: false,
        openid: tenant.is_some(),
    })
}

/// What is asked for, with what OpenID Connect needs for a refresh token and a name.
fn audience(fields: &CredentialFields<'_>, openid: bool) -> Audience {
    let mut scopes: Vec<String> = match fields.audience() {
        Audience::Scope(scope) => scope.split_whitespace().map(str::to_owned).collect(),
        Audience::Resource(resource) => return Audience::Resource(resource),
        Audience::Unstated => Vec::new(),
    };
    if openid {
        for scope in OPENID {
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
    }
    if scopes.is_empty() { Audience::Unstated } else { Audience::Scope(scopes.join(" ")) }
}

/// An answer goes to this machine alone (RFC 8252 §7.3): a code never leaves it.
fn loopback(redirect_uri: &str) -> Result<(), SignInError> {
    let url: Url = redirect_uri.parse().map_err(|_| SignInError::Redirect)?;
    let here = match url.host() {
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        _ => false,
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if here && plain && url.scheme() == "http" { Ok(()) } else { Err(SignInError::Redirect) }
}

/// 256 random bits in hexadecimal: fit as state, nonce and verifier (RFC 7636 §4.1).
fn random(ids: &dyn Ids) -> String {
    let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
    ids.fill(&mut bytes[..]);
    hex(&bytes[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_this_machine_alone() {
        for fine in ["http://127.0.0.1:7/cb", "http://[::1]:7/", "http://127.9.9.9:1/"] {
            assert!(loopback(fine).is_ok(), "{fine}");
        }
        for bad in [
            "https://127.0.0.1/cb",
            "http://localhost:7/cb",
            "http://evil.test/",
            "http://127.0.0.1.evil.test/",
            "http://127.0.0.1@evil.test/",
            "http://a@127.0.0.1:7/",
            "http://127.0.0.1:7/#x",
            "file:///tmp",
            "",
        ] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }
}
