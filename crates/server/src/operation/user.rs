//! Users and service principals.
use connref_solution::model::facts::{PrincipalKind, Role};
use connref_store::user::{User, UserNew, UserUpdate};

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
    /// Business unit, by name or id.
    pub business_unit: Option<String>,
    /// Manager, by name or id.
    pub manager: Option<String>,
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
        business_unit: new.business_unit,
        manager: new.manager,
    };
    Ok(cx.store().user_add(&cx.caller, &cx.environment.id, row).await?)
}

/// Disables or enables a user, moves it to another business unit, names its manager.
pub async fn user_update(cx: &Context, name: &str, update: UserUpdate) -> Result<()> {
    let user = cx.store().user_get(&cx.caller, &cx.environment.id, name).await?;
    Ok(cx.store().user_update(&cx.caller, &cx.environment.id, &user.id, update).await?)
}
