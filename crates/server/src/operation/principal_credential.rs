//! How service principals and people prove who they are: credentials, and links to sign in with.
use connref_solution::model::Micros;
use connref_store::principal_credential::{CredentialNew, PrincipalCredential};
use secrecy::SecretString;

use super::Result;
use crate::Context;

/// Adds a credential to a service principal; answers its id.
pub async fn principal_credential_add(
    cx: &Context,
    principal: &str,
    name: String,
    new: CredentialNew,
    expires_on: Option<Micros>,
) -> Result<String> {
    let place = &cx.environment.id;
    let store = cx.store();
    Ok(store.principal_credential_add(&cx.caller, place, principal, name, new, expires_on).await?)
}

/// The credentials of a service principal; never a secret.
pub async fn principal_credential_list(
    cx: &Context,
    principal: &str,
) -> Result<Vec<PrincipalCredential>> {
    let place = &cx.environment.id;
    Ok(cx.store().principal_credential_list(&cx.caller, place, principal).await?)
}

/// Takes a credential away.
pub async fn principal_credential_remove(
    cx: &Context,
    principal: &str,
    credential: &str,
) -> Result<()> {
    let place = &cx.environment.id;
    let store = cx.store();
    Ok(store.principal_credential_remove(&cx.caller, place, principal, credential).await?)
}

/// Makes a link by which a person signs in.
pub async fn signin_link_create(
    cx: &Context,
    user: &str,
    lifetime: Micros,
) -> Result<SecretString> {
    Ok(cx.store().signin_link_create(&cx.caller, &cx.environment.id, user, lifetime).await?)
}
