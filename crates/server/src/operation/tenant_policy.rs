//! Policies of the tenant: the operator's, as they reach every environment.
use connref_review::index::Index;
use connref_review::policy::{flows_to_suspend, policies_read};
use connref_solution::model::facts::PolicyFacts;
use connref_store::StoreError;
use connref_store::access::Caller;

use super::{ATTEMPTS, OperationError, Result, with_causes};
use crate::App;

/// What setting a policy did.
#[derive(Clone, Debug)]
pub struct PolicySet {
    /// The policy.
    pub policy: PolicyFacts,
    /// Flows that were suspended: (environment, flow, why).
    pub suspended: Vec<(String, String, String)>,
}

/// The policies, by name.
pub async fn policy_list(app: &App, caller: &Caller) -> Result<Vec<PolicyFacts>> {
    Ok(app.store().policy_list(caller).await?)
}

/// Sets the policy of a name, then suspends what breaks it, in each environment by itself. A call
/// that was cut off between the two is repeated: what is suspended already stays so.
pub async fn policy_set(
    app: &App,
    caller: &Caller,
    name: String,
    document: String,
) -> Result<PolicySet> {
    policies_read(document.as_bytes()).map_err(|error| {
        OperationError::invalid(
            format!("the policy `{name}` was not set: {}", with_causes(&error)),
            "give the JSON of a data policy, or of binding rules: connref explain CR020",
        )
    })?;
    let policy = app.store().policy_set(caller, name, document).await?;
    let mut suspended = Vec::new();
    for environment in app.store().environment_list(caller).await? {
        for _ in 0..ATTEMPTS {
            let facts = app.store().facts(caller, &environment.id).await?;
            let flows = flows_to_suspend(&Index::new(&facts));
            if flows.is_empty() {
                break;
            }
            let version = facts.environment.version;
            match app.store().flows_suspend(caller, &environment.id, version, flows.clone()).await {
                Err(StoreError::Stale { .. }) => {}
                done => {
                    done?;
                    suspended.extend(flows.into_iter().map(|(id, why)| {
                        let name =
                            facts.flow(&id).map_or_else(|| id.to_string(), |f| f.name.clone());
                        (environment.name.clone(), name, why)
                    }));
                    break;
                }
            }
        }
    }
    Ok(PolicySet { policy, suspended })
}

/// Deletes a policy, by name or id.
pub async fn policy_delete(app: &App, caller: &Caller, name: &str) -> Result<()> {
    Ok(app.store().policy_delete(caller, name).await?)
}
