//! Audits and the audit log.
use connref_review::departure::{Effect, reassign_effect};
use connref_review::{Finding, audit};
use connref_solution::model::{ConnectionId, Facts};
use connref_store::access::Privilege;
use connref_store::audit_log::{AuditCheck, AuditRow};

use super::{OperationError, Result, judged};
use crate::Context;

/// What departed owners leave behind; with a user, what that one would leave.
pub async fn audit_departed(cx: &Context, user: Option<&str>) -> Result<Vec<Finding>> {
    let user = match user {
        Some(name) => Some(cx.store().user_get(&cx.caller, &cx.environment.id, name).await?.id),
        None => None,
    };
    if user.is_none() || user.as_ref() != cx.caller.principal() {
        let environment = &cx.environment.id;
        cx.caller.require(environment, Privilege::ReadAuditSummary, "audit what others own")?;
    }
    let facts = cx.store().facts_with_use(&cx.caller, &cx.environment.id).await?;
    Ok(audit::departed(&facts, user.as_ref()))
}

/// The snapshot that audits judge, with recent use: everybody's, so whoever takes it may see what
/// others own.
pub async fn environment_facts(cx: &Context) -> Result<Facts> {
    let environment = &cx.environment.id;
    cx.caller.require(environment, Privilege::ReadAuditSummary, "read the facts of everybody")?;
    Ok(cx.store().facts_with_use(&cx.caller, environment).await?)
}

/// The newest rows of the audit log.
pub async fn audit_log(cx: &Context, top: i64) -> Result<Vec<AuditRow>> {
    Ok(cx.store().audit_list(&cx.caller, &cx.environment.id, top).await?)
}

/// Checks the chain of the audit log.
pub async fn audit_verify(cx: &Context) -> Result<AuditCheck> {
    Ok(cx.store().audit_verify(&cx.caller, &cx.environment.id).await?)
}

/// Connections to give to another owner.
#[derive(Clone, Debug)]
pub struct Reassign {
    /// Present owner; needed unless connections are named.
    pub owner: Option<String>,
    /// Connections; empty means all of the owner.
    pub connections: Vec<String>,
    /// New owner.
    pub to: String,
    /// Only say what it would do.
    pub dry_run: bool,
}

/// What a reassignment does or would do.
#[derive(Clone, Debug)]
pub struct Reassigned {
    /// The judgement.
    pub effect: Effect,
    /// Whether it was written.
    pub applied: bool,
}

/// Gives connections of a principal to another in one transaction (`extended`), or answers the plan
/// that takes its place (`dataverse`).
pub async fn connection_reassign(cx: &Context, ask: &Reassign) -> Result<Reassigned> {
    let store = cx.store();
    let environment = &cx.environment.id;
    cx.caller.require(environment, Privilege::AdministerConnections, "reassign connections")?;
    let to = store.user_get(&cx.caller, &cx.environment.id, &ask.to).await?.id;
    let ids: Vec<ConnectionId> = ask.connections.iter().map(|id| ConnectionId::new(id)).collect();
    let from = match (&ask.owner, ids.first()) {
        (Some(owner), _) => store.user_get(&cx.caller, &cx.environment.id, owner).await?.id,
        (None, Some(id)) => {
            store.connection_get(&cx.caller, &cx.environment.id, id).await?.facts.owner
        }
        (None, None) => {
            return Err(OperationError::invalid(
                "neither an owner nor a connection is named",
                "name the present owner with --owner, or the connection's id",
            ));
        }
    };
    judged(cx, |facts| {
        let effect = reassign_effect(&facts, &from, &ids, &to);
        let (cx, to, dry_run) = (cx.clone(), to.clone(), ask.dry_run);
        async move {
            if !effect.refusals.is_empty() {
                return Err(OperationError::from(effect.refusals));
            }
            if dry_run || !effect.steps.is_empty() || effect.connections.is_empty() {
                return Ok(Reassigned { effect, applied: false });
            }
            cx.store()
                .connection_reassign(
                    &cx.caller,
                    &cx.environment.id,
                    facts.environment.version,
                    effect.connections.clone(),
                    &to,
                    effect.activations_passing.clone(),
                )
                .await?;
            Ok(Reassigned { effect, applied: true })
        }
    })
    .await
}
