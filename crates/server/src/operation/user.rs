//! Users and service principals.
use connref_solution::model::facts::{PrincipalKind, Role};
use connref_store::user::{User, UserNew};

use super::Result;
use crate::Context;

/// A user to add.
#[derive(Clone, Debug)]
pub struct UserCreate {
    /// Name: user principal name or the application's name.
    pub name: String,
    /// Full name.
    pub display_name: String,
    /// Application id; given or `service_principal` makes an application user.
    pub application_id: Option<String>,
    /// Whether it is a service principal.
    pub service_principal: bool,
    /// Role.
    pub role: Role,
}

/// Adds a user or service principal.
pub async fn user_create(cx: &Context, new: UserCreate) -> Result<User> {
    let application = new.service_principal || new.application_id.is_some();
    let kind = if application { PrincipalKind::ServicePrincipal } else { PrincipalKind::User };
    let display_name =
        if new.display_name.is_empty() { new.name.clone() } else { new.display_name };
    let row = UserNew {
        name: new.name,
        display_name,
        kind,
        application_id: new.application_id,
        role: new.role,
    };
    Ok(cx.store().user_add(&cx.caller, &cx.environment.id, row).await?)
}

/// Disables or enables a user.
pub async fn user_disable(cx: &Context, name: &str, disabled: bool) -> Result<User> {
    let user = cx.store().user_get(&cx.caller, &cx.environment.id, name).await?;
    cx.store().user_disable(&cx.caller, &cx.environment.id, &user.id, disabled).await?;
    Ok(cx.store().user_get(&cx.caller, &cx.environment.id, user.id.as_str()).await?)
}
