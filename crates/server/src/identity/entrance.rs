//! Who asks and where, for a request to an environment's own address.
use axum::http::request::Parts;
use connref_store::StoreError;
use connref_store::environment::Environment;

use super::{IdentityError, Jwt, LocalCaller, SignedIn, bearer, sign_in};
use crate::App;
use crate::powerapps::environment_by_name;

/// Finds who signed in, and the environment of a name if there is one. Whoever is not signed in hears
/// that first, whatever the name.
pub(crate) async fn entrance(
    app: &App,
    parts: &Parts,
    name: &str,
) -> Result<(SignedIn, Option<Environment>), IdentityError> {
    let outside = parts.extensions.get::<LocalCaller>().is_none();
    let opaque = bearer(&parts.headers).filter(|token| outside && !Jwt::looks_like(token));
    if let Some(token) = opaque
        && !name.is_empty()
    {
        let (owner, environment) = app.store().token_find_at(token, name).await?;
        let name = owner.ok_or(IdentityError::Unknown)?;
        let operator = name == app.operator();
        return Ok((SignedIn { name, operator, within: None }, environment));
    }
    let signed = sign_in(app, parts).await?;
    if name.is_empty() {
        return Ok((signed, None));
    }
    match environment_by_name(app, name).await {
        Ok(environment) => Ok((signed, Some(environment))),
        Err(StoreError::NotFound { .. }) => Ok((signed, None)),
        Err(error) => Err(error.into()),
    }
}
