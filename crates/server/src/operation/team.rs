//! Teams and who is in them.
use connref_store::team::{Team, TeamNew};

use super::Result;
use crate::Context;

/// Makes a team.
pub async fn team_create(cx: &Context, new: TeamNew) -> Result<Team> {
    Ok(cx.store().team_create(&cx.caller, &cx.environment.id, new).await?)
}

/// Adds a user to a team, or takes it out.
pub async fn team_member_set(cx: &Context, team: &str, member: &str, inside: bool) -> Result<()> {
    let environment = &cx.environment.id;
    Ok(cx.store().team_member_set(&cx.caller, environment, team, member, inside).await?)
}

/// Deletes a team.
pub async fn team_delete(cx: &Context, team: &str) -> Result<()> {
    Ok(cx.store().team_delete(&cx.caller, &cx.environment.id, team).await?)
}
