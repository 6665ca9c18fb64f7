//! Policies of the tenant: which connectors may meet, how references may be bound. The store keeps the
//! document; `review` reads it. As a change reaches every environment, only the operator makes it.
use connref_solution::model::facts::PolicyFacts;
use connref_solution::model::{EnvironmentId, FlowId, Micros};
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::db::Sql;
use crate::environment::touch_at;
use crate::tenant_group::everywhere;
use crate::{Result, Store, StoreError};

/// Bytes of a policy at most.
const MAX_BYTES: usize = 1 << 20;

/// The policies of a tenant, by name.
pub(crate) fn all(sql: &mut Sql<'_>, tenant: &str) -> Result<Vec<PolicyFacts>> {
    sql.query(
        "SELECT policyid, name, document FROM tenant_policy WHERE tenantid = $1 ORDER BY name_key",
        &[tenant.into()],
    )?
    .iter()
    .map(|row| Ok(PolicyFacts { id: row.text(0)?, name: row.text(1)?, document: row.text(2)? }))
    .collect()
}

fn entry<'a>(action: &'static str, id: &'a str, name: &str) -> Entry<'a> {
    Entry { action, object: "policy", object_id: id, detail: json!({"name": name}) }
}

impl Store {
    /// The policies of the tenant, by name.
    pub async fn policy_list(&self, caller: &Caller) -> Result<Vec<PolicyFacts>> {
        caller.authorize_operator("see the policies of the tenant")?;
        let tenant = self.vault.tenant().to_owned();
        self.db.read(move |sql| all(sql, &tenant)).await
    }

    /// Sets the policy of this name. Whoever calls has read the document: one that cannot be read
    /// would let pass what it forbids.
    pub async fn policy_set(
        &self,
        caller: &Caller,
        name: String,
        document: String,
    ) -> Result<PolicyFacts> {
        caller.authorize_operator("change the policies of the tenant")?;
        if !(1..=256).contains(&name.trim().chars().count()) || document.len() > MAX_BYTES {
            return Err(StoreError::Invalid(
                "a policy has a name of 1 to 256 characters and at most 1 MiB".to_owned(),
            ));
        }
        let now = self.now();
        let new = self.ids.guid(now);
        let (caller, tenant) = (caller.clone(), self.vault.tenant().to_owned());
        self.db
            .change(move |sql| {
                sql.execute(
                    "INSERT INTO tenant_policy (tenantid, policyid, name, name_key, document, createdon, \
                     modifiedon) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (tenantid, name_key) \
                     DO UPDATE SET name = excluded.name, document = excluded.document, \
                     modifiedon = excluded.modifiedon",
                    &[
                        (&tenant).into(),
                        (&new).into(),
                        (&name).into(),
                        name.to_lowercase().into(),
                        (&document).into(),
                        now.into(),
                    ],
                )?;
                let kept = find(sql, &tenant, &name)?;
                everywhere(sql, &tenant, now, &caller, &entry("policy_set", &kept.id, &name))?;
                Ok(kept)
            })
            .await
    }

    /// Deletes a policy, by name or id. Flows it suspended stay so until somebody turns them on.
    pub async fn policy_delete(&self, caller: &Caller, name: &str) -> Result<()> {
        caller.authorize_operator("change the policies of the tenant")?;
        let now = self.now();
        let (caller, tenant, name) =
            (caller.clone(), self.vault.tenant().to_owned(), name.to_owned());
        self.db
            .change(move |sql| {
                let found = find(sql, &tenant, &name)?;
                sql.execute(
                    "DELETE FROM tenant_policy WHERE tenantid = $1 AND policyid = $2",
                    &[(&tenant).into(), (&found.id).into()],
                )?;
                everywhere(
                    sql,
                    &tenant,
                    now,
                    &caller,
                    &entry("policy_delete", &found.id, &found.name),
                )
            })
            .await
    }

    /// Suspends flows, each with the reason, provided the environment is as it was judged.
    pub async fn flows_suspend(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        facts_version: i64,
        flows: Vec<(FlowId, String)>,
    ) -> Result<()> {
        caller.authorize(environment, Action::Read, "suspend flows")?;
        caller.authorize_operator("suspend flows by policy")?;
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch_at(sql, &environment, facts_version)?;
                suspend(sql, &caller, (&environment, now, version), &flows)
            })
            .await
    }
}

/// Suspends flows, each with its reason, in a transaction that goes on.
pub(crate) fn suspend(
    sql: &mut Sql<'_>,
    caller: &Caller,
    (environment, now, version): (&EnvironmentId, Micros, i64),
    flows: &[(FlowId, String)],
) -> Result<()> {
    for (id, why) in flows {
        sql.execute(
            "UPDATE workflow SET statecode = 2, statuscode = 3, whyoff = $3, modifiedon = $4, \
             versionnumber = $5 WHERE environmentid = $1 AND workflowid = $2",
            &[
                environment.as_str().into(),
                id.as_str().into(),
                why.into(),
                now.into(),
                version.into(),
            ],
        )?;
        let entry = Entry {
            action: "flow_suspend",
            object: "flow",
            object_id: id.as_str(),
            detail: json!({"why": why}),
        };
        audit_log::record(sql, environment, now, caller, &entry)?;
    }
    Ok(())
}

fn find(sql: &mut Sql<'_>, tenant: &str, name: &str) -> Result<PolicyFacts> {
    let wanted = name.to_lowercase();
    let mut policies = all(sql, tenant)?.into_iter();
    policies
        .find(|one| one.id == wanted || one.name.to_lowercase() == wanted)
        .ok_or_else(|| StoreError::not_found("policy", name))
}
