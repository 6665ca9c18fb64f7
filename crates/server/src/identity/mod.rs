//! Who asks. In process the caller travels as a request extension, which no request from outside
//! can carry; over a socket it is the owner of a bearer token: an opaque one of the operator, or a
//! signed one from our own token endpoint ([`oauth`]) or of an issuer that the operator trusts
//! ([`issuer`]). There is no other way in.
mod audience;
mod entrance;
pub(crate) mod guess;
pub(crate) mod issuer;
mod jwt;
pub(crate) mod oauth;
pub(crate) mod page;
mod signing;
#[cfg(test)]
mod tests;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use connref_review::pipeline::Asker;
use connref_solution::model::EnvironmentId;
use connref_store::StoreError;
use connref_store::access::{Caller, Privilege};
use connref_store::environment::Environment;
use serde_json::Value;

use crate::{App, Context};
use audience::Target;
use jwt::Jwt;

pub(crate) use entrance::entrance;
pub use issuer::IssuerError;
pub use issuer::outside::{TrialError, issuer_try_out};
pub(crate) use signing::{SIGNER, Signing};

/// The caller of a request made in process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalCaller {
    /// The principal to act as; none: the operator.
    pub name: Option<String>,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No token.
    #[error("this request carries no bearer token")]
    Missing,
    /// A token nobody has.
    #[error("the bearer token is not known here or has expired")]
    Unknown,
    /// A signed token that does not count here.
    #[error("the bearer token does not count here: {0}")]
    Token(&'static str),
    /// Another issuer's token of which nothing can be known now.
    #[error(transparent)]
    Issuer(IssuerError),
    /// The principal is not of this environment, or disabled, or the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who signed in, before it is looked up in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    name: String,
    operator: bool,
    within: Option<Within>,
}

/// How far a signed token reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Within {
    target: Target,
    /// Where its owner proved who it is, and who that is there. A name means a person or program in
    /// these alone: another environment's administrator may have given it to somebody else.
    places: Vec<Place>,
}

/// Somebody in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    environment: EnvironmentId,
    /// Name or id.
    principal: String,
}

/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;
/// The claim that holds the environments of [`Within::places`].
pub(crate) const ENVIRONMENTS: &str = "connref_environments";

/// Finds who signed in.
pub async fn sign_in(app: &App, parts: &Parts) -> Result<SignedIn, IdentityError> {
    if let Some(local) = parts.extensions.get::<LocalCaller>() {
        return Ok(match &local.name {
            Some(name) => SignedIn { name: name.clone(), operator: false, within: None },
            None => SignedIn { name: app.operator().to_owned(), operator: true, within: None },
        });
    }
    let token = bearer(&parts.headers).ok_or(IdentityError::Missing)?;
    if Jwt::looks_like(token) {
        return signed(app, token, parts.uri.path()).await;
    }
    let name = app.store().token_find(token).await?.ok_or(IdentityError::Unknown)?;
    let operator = name == app.operator();
    Ok(SignedIn { name, operator, within: None })
}

/// Tells whoever is not signed in where to sign in, as clients look for it.
pub(crate) async fn challenge(State(app): State<App>, request: Request, next: Next) -> Response {
    let resource = app.is_serving().then(|| request.headers().get(header::HOST).cloned()).flatten();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED
        && response.headers().get(header::CACHE_CONTROL).is_none()
        && let Some(host) = resource.as_ref().and_then(|host| host.to_str().ok())
        && let Ok(tenant) = app.store().tenant_id(&SIGNER)
    {
        let addresses = app.addresses();
        let text = format!(
            "Bearer authorization_uri=\"{}/{tenant}/oauth2/authorize\", resource_id=\"{}://{host}/\"",
            addresses.control(),
            addresses.scheme
        );
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
    }
    response
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The owner of a signed token, if all of it holds.
async fn signed(app: &App, text: &str, path: &str) -> Result<SignedIn, IdentityError> {
    let refused = IdentityError::Token;
    let token = Jwt::read(text).ok_or(refused("it is no signed token"))?;
    let tenant = app.store().tenant_id(&SIGNER)?;
    let issuer = |origin: String| oauth::issuer(&origin, tenant) == token.text("iss");
    if !app.addresses().origins().any(issuer) {
        return issuer::outside::outside(app, &token, path).await;
    }
    // The one algorithm we sign with; above all not `none`.
    if token.header("alg") != Some("ES256") {
        return Err(refused("it is not signed as this server signs"));
    }
    if !app.signed_by_us(&token).await? {
        return Err(refused("it was signed by somebody else"));
    }
    let now = app.store().now() / 1_000_000;
    if token.time("exp").is_none_or(|end| end + LEEWAY <= now) {
        return Err(refused("it has expired"));
    }
    if token.time("nbf").is_none_or(|begin| begin - LEEWAY > now) {
        return Err(refused("it does not count yet"));
    }
    if token.text("tid") != tenant {
        return Err(refused("it is of another tenant"));
    }
    // A statement about a person (an id token) has a client for its audience, and stops here.
    let target = audience::target(app, token.text("aud")).await?;
    let target = target.ok_or(refused("it is for another audience"))?;
    if target == Target::Control && path.starts_with("/api/data/") {
        return Err(refused("it is for another audience"));
    }
    let name = if token.text("idtyp") == "app" { "appid" } else { "upn" };
    let name = token.text(name).to_owned();
    let listed = token.claims.get(ENVIRONMENTS).and_then(Value::as_array);
    let place = |one: &Value| {
        let environment = EnvironmentId::new(one.as_str()?);
        Some(Place { environment, principal: name.clone() })
    };
    let places: Vec<Place> = listed.into_iter().flatten().filter_map(place).collect();
    if name.is_empty() || places.is_empty() {
        return Err(refused("it is no access token"));
    }
    Ok(SignedIn { name, operator: false, within: Some(Within { target, places }) })
}

impl SignedIn {
    /// By name, for what is judged by name rather than in an environment. A signed token proves a
    /// name in some environments only, and there is no name of the whole tenant in it.
    pub fn asker(&self) -> Result<Asker, IdentityError> {
        match self.within {
            Some(_) => Err(IdentityError::Token("pipelines want one of `connref server token`")),
            None => Ok(Asker { name: self.name.clone(), operator: self.operator }),
        }
    }

    /// The caller for what concerns more than one environment.
    pub fn installation(&self) -> Result<Caller, IdentityError> {
        if self.operator {
            return Ok(Caller::Operator(self.name.clone()));
        }
        Err(IdentityError::Store(StoreError::Denied {
            caller: self.name.clone(),
            attempt: "manage the installation".to_owned(),
        }))
    }

    /// What is answered about an environment that it does not belong to.
    pub(crate) fn stranger(&self) -> IdentityError {
        IdentityError::Store(StoreError::not_found("user", &self.name))
    }

    /// The caller in an environment, and with the impersonation headers another one, which only an
    /// principal that holds `prvActOnBehalfOfAnotherUser` may name.
    pub async fn enter(
        &self,
        app: &App,
        environment: Environment,
        headers: &HeaderMap,
    ) -> Result<Context, IdentityError> {
        let principal = self.reach(&environment)?;
        let (id, version) = (&environment.id, environment.version);
        let caller = app.store().caller_at(id, version, principal).await?;
        let other = ["CallerObjectId", "MSCRMCallerID"]
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok());
        let caller = match other {
            None => caller,
            Some(other) if caller.may(Privilege::ActOnBehalfOfAnotherUser) => {
                app.store().caller_at(id, version, other).await?
            }
            Some(_) => {
                return Err(IdentityError::Store(StoreError::Denied {
                    caller: caller.name().to_owned(),
                    attempt: "act as somebody else".to_owned(),
                }));
            }
        };
        Ok(Context { app: app.clone(), caller, environment })
    }

    /// Who it is in an environment; refuses one that the token does not reach.
    fn reach(&self, environment: &Environment) -> Result<&str, IdentityError> {
        let Some(within) = &self.within else { return Ok(&self.name) };
        let reached = match &within.target {
            Target::Control | Target::Everything => true,
            Target::Environment(id) => *id == environment.id,
        };
        if !reached {
            return Err(IdentityError::Token("it is for another environment"));
        }
        let place = within.places.iter().find(|place| place.environment == environment.id);
        place.map(|place| place.principal.as_str()).ok_or_else(|| self.stranger())
    }
}
