//! Pipelines of the tenant. The store keeps the document; `solution` reads it, `review` judges who may
//! what. As one reaches several environments, only the operator makes it, and only the system, which has
//! judged who asks, reads it for others.
use serde_json::json;

use crate::access::Caller;
use crate::audit_log::Entry;
use crate::db::{Row, Sql};
use crate::tenant_group::everywhere;
use crate::{Result, Store, StoreError};

/// Bytes of a pipeline with its settings at most.
const MAX_BYTES: usize = 8 << 20;

/// A pipeline as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineRow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// The document with the settings of each stage.
    pub document: String,
}

fn pipeline(row: &Row) -> Result<PipelineRow> {
    Ok(PipelineRow { id: row.text(0)?, name: row.text(1)?, document: row.text(2)? })
}

fn find(sql: &mut Sql<'_>, tenant: &str, name: &str) -> Result<PipelineRow> {
    let row = sql.query_one(
        "SELECT pipelineid, name, document FROM pipeline \
         WHERE tenantid = $1 AND (pipelineid = $2 OR name_key = $2)",
        &[tenant.into(), name.to_lowercase().into()],
    )?;
    pipeline(&row.ok_or_else(|| StoreError::not_found("pipeline", name))?)
}

impl Store {
    /// The pipelines, by name.
    pub async fn pipeline_list(&self, caller: &Caller) -> Result<Vec<PipelineRow>> {
        caller.authorize_operator("see the pipelines")?;
        let tenant = self.vault.tenant().to_owned();
        self.db
            .read(move |sql| {
                let query = "SELECT pipelineid, name, document FROM pipeline WHERE tenantid = $1 \
                             ORDER BY name_key";
                sql.query(query, &[tenant.into()])?.iter().map(pipeline).collect()
            })
            .await
    }

    /// A pipeline by name or id.
    pub async fn pipeline_get(&self, caller: &Caller, name: &str) -> Result<PipelineRow> {
        caller.authorize_operator("see the pipelines")?;
        let (tenant, name) = (self.vault.tenant().to_owned(), name.to_owned());
        self.db.read(move |sql| find(sql, &tenant, &name)).await
    }

    /// Sets the pipeline of this name. Deployments keep their pipeline when it is set anew.
    pub async fn pipeline_set(
        &self,
        caller: &Caller,
        name: String,
        document: String,
    ) -> Result<PipelineRow> {
        caller.authorize_operator("set pipelines")?;
        if !(1..=256).contains(&name.trim().chars().count()) || document.len() > MAX_BYTES {
            return Err(StoreError::Invalid(
                "a pipeline has a name of 1 to 256 characters and at most 8 MiB".to_owned(),
            ));
        }
        let now = self.now();
        let new = self.ids.guid(now);
        let (caller, tenant) = (caller.clone(), self.vault.tenant().to_owned());
        self.db
            .change(move |sql| {
                sql.execute(
                    "INSERT INTO pipeline (tenantid, pipelineid, name, name_key, document, createdby, createdon, \
                     modifiedon) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (tenantid, name_key) \
                     DO UPDATE SET name = excluded.name, document = excluded.document, \
                     modifiedon = excluded.modifiedon",
                    &[
                        (&tenant).into(),
                        (&new).into(),
                        (&name).into(),
                        name.to_lowercase().into(),
                        (&document).into(),
                        caller.name().into(),
                        now.into(),
                    ],
                )?;
                let kept = find(sql, &tenant, &name)?;
                everywhere(sql, &tenant, now, &caller, &entry("pipeline_set", &kept))?;
                Ok(kept)
            })
            .await
    }

    /// Deletes a pipeline, by name or id. What it deployed stays, and so does the record of it.
    pub async fn pipeline_delete(&self, caller: &Caller, name: &str) -> Result<()> {
        caller.authorize_operator("delete pipelines")?;
        let now = self.now();
        let (caller, tenant, name) =
            (caller.clone(), self.vault.tenant().to_owned(), name.to_owned());
        self.db
            .change(move |sql| {
                let found = find(sql, &tenant, &name)?;
                sql.execute(
                    "DELETE FROM pipeline WHERE tenantid = $1 AND pipelineid = $2",
                    &[(&tenant).into(), (&found.id).into()],
                )?;
                everywhere(sql, &tenant, now, &caller, &entry("pipeline_delete", &found))
            })
            .await
    }

    /// Whether somebody of this name works here: an enabled principal of an environment, disabled in
    /// none. Who departed asks for nothing more, wherever their token comes from.
    pub async fn principal_works(&self, caller: &Caller, name: &str) -> Result<bool> {
        caller.authorize_operator("ask who works here")?;
        let (tenant, name) = (self.vault.tenant().to_owned(), name.to_lowercase());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT COUNT(*), COALESCE(MAX(u.isdisabled), 1) FROM systemuser u JOIN environment e \
                     ON e.environmentid = u.environmentid WHERE e.tenantid = $1 AND u.domainname_key = $2",
                    &[tenant.into(), name.into()],
                )?;
                let Some(row) = row else { return Ok(false) };
                Ok(row.int(0)? > 0 && row.int(1)? == 0)
            })
            .await
    }
}

fn entry<'a>(action: &'static str, row: &'a PipelineRow) -> Entry<'a> {
    Entry { action, object: "pipeline", object_id: &row.id, detail: json!({"name": row.name}) }
}
