//! Groups of the tenant: the operator's, as they reach every environment.
use connref_solution::model::PrincipalId;
use connref_store::access::Caller;
use connref_store::tenant_group::TenantGroup;

use super::Result;
use crate::App;

/// Makes a group.
pub async fn group_create(
    app: &App,
    caller: &Caller,
    name: String,
    office: bool,
    id: Option<String>,
) -> Result<PrincipalId> {
    Ok(app.store().group_create(caller, name, office, id).await?)
}

/// The groups with their members.
pub async fn group_list(app: &App, caller: &Caller) -> Result<Vec<TenantGroup>> {
    Ok(app.store().group_list(caller).await?)
}

/// Puts somebody into a group, or takes it out.
pub async fn group_member_set(
    app: &App,
    caller: &Caller,
    group: &str,
    member: &str,
    kind: Option<&'static str>,
) -> Result<()> {
    Ok(app.store().group_member_set(caller, group, member, kind).await?)
}

/// Deletes a group.
pub async fn group_delete(app: &App, caller: &Caller, group: &str) -> Result<()> {
    Ok(app.store().group_delete(caller, group).await?)
}
