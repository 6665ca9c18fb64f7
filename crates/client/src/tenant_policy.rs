//! Policies of the tenant, at the control plane.
use http::Method;
use serde_json::Value;

use crate::answer::text;
use crate::odata::encode;
use crate::{ApiService, Client, Result};

const PATH: &str = "/providers/PowerPlatform.Governance/v1/policies";

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantPolicy {
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// The document.
    pub document: Value,
}

impl TenantPolicy {
    fn read(row: &Value) -> Self {
        Self { id: text(row, "/name"), name: text(row, "/displayName"), document: row.clone() }
    }
}

impl<S: ApiService> Client<S> {
    /// All policies of the tenant.
    pub async fn policies(&self) -> Result<Vec<TenantPolicy>> {
        let rows = self.control_list("list policies", PATH).await?;
        Ok(rows.iter().map(TenantPolicy::read).collect())
    }

    /// Sets the policy of a name; answers it and the flows that were suspended: (environment, flow,
    /// why).
    pub async fn policy_set(
        &self,
        name: &str,
        mut document: Value,
    ) -> Result<(TenantPolicy, Vec<(String, String, String)>)> {
        document["displayName"] = name.into();
        let attempt = format!("set policy `{name}`");
        let call = self.control(&attempt, Method::POST, PATH).json(document);
        let answer = self.fetch(call).await?;
        let suspended = answer["connref"]["suspended"].as_array().into_iter().flatten();
        let suspended = suspended
            .map(|one| (text(one, "/environment"), text(one, "/flow"), text(one, "/why")))
            .collect();
        Ok((TenantPolicy::read(&answer), suspended))
    }

    /// Deletes a policy.
    pub async fn policy_delete(&self, policy: &TenantPolicy) -> Result<()> {
        let attempt = format!("delete policy `{}`", policy.name);
        let path = format!("{PATH}/{}", encode(&policy.id));
        self.send(self.control(&attempt, Method::DELETE, &path)).await.map(drop)
    }
}
