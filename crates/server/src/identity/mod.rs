//! Who asks. In process the caller travels as a request extension, which no request from outside
//! can carry; over a socket it is the owner of a bearer token. There is no other way in.
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use connref_store::StoreError;
use connref_store::access::{Caller, Privilege};
use connref_store::environment::Environment;

use crate::{App, Context};

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
    /// The principal is not of this environment, or disabled, or the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who signed in, before it is looked up in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    name: String,
    operator: bool,
}

/// Finds who signed in.
pub async fn sign_in(app: &App, parts: &Parts) -> Result<SignedIn, IdentityError> {
    if let Some(local) = parts.extensions.get::<LocalCaller>() {
        return Ok(match &local.name {
            Some(name) => SignedIn { name: name.clone(), operator: false },
            None => SignedIn { name: app.operator().to_owned(), operator: true },
        });
    }
    let token = bearer(&parts.headers).ok_or(IdentityError::Missing)?;
    let name = app.store().token_find(token).await?.ok_or(IdentityError::Unknown)?;
    let operator = name == app.operator();
    Ok(SignedIn { name, operator })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl SignedIn {
    /// The name it signed in with.
    pub(crate) fn name(&self) -> &str {
        &self.name
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
        let caller = app.store().caller_find(&environment.id, &self.name).await?;
        let other = ["CallerObjectId", "MSCRMCallerID"]
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok());
        let caller = match other {
            None => caller,
            Some(other) if caller.may(Privilege::ActOnBehalfOfAnotherUser) => {
                app.store().caller_find(&environment.id, other).await?
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
}
