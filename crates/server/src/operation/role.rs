//! Security roles and who holds them.
use connref_store::access::{Depth, Privilege};
use connref_store::role::{RoleHolder, SecurityRole};

use super::Result;
use crate::Context;

/// Makes a custom role.
pub async fn role_create(
    cx: &Context,
    name: String,
    grants: Vec<(Privilege, Depth)>,
) -> Result<SecurityRole> {
    Ok(cx.store().role_create(&cx.caller, &cx.environment.id, name, grants).await?)
}

/// Gives a role to a user or team, or takes it away.
pub async fn role_assign(
    cx: &Context,
    holder: RoleHolder,
    to: &str,
    role: &str,
    given: bool,
) -> Result<()> {
    Ok(cx.store().role_assign(&cx.caller, &cx.environment.id, holder, to, role, given).await?)
}

/// Deletes a custom role.
pub async fn role_delete(cx: &Context, role: &str) -> Result<()> {
    Ok(cx.store().role_delete(&cx.caller, &cx.environment.id, role).await?)
}
