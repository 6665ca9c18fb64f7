//! Pipelines and their deployments, at the control plane.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use crate::answer::{optional, text};
use crate::odata::{encode, query};
use crate::{ApiService, Client, Result};

const PATH: &str = "/providers/connref/pipelines";

/// A pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Solution, source, stages.
    pub document: Value,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Id; empty if it was only foreseen.
    pub id: String,
    /// Stage.
    pub stage: String,
    /// Solution.
    pub solution: String,
    /// Its version.
    pub version: String,
    /// `planned`, `waiting`, `running`, `succeeded`, `partly`, `failed`, `refused` or `rejected`.
    pub state: String,
    /// Who asked.
    pub requested_by: String,
    /// When, ISO 8601.
    pub requested_on: Option<String>,
    /// Who approved or rejected.
    pub decided_by: Option<String>,
    /// The deployment whose release it brought back.
    pub rollback_of: Option<String>,
    /// Everything the server tells.
    pub document: Value,
}

fn pipeline(row: &Value) -> Pipeline {
    Pipeline { id: text(row, "/id"), name: text(row, "/name"), document: row["pipeline"].clone() }
}

fn deployment(row: &Value) -> Deployment {
    Deployment {
        id: text(row, "/id"),
        stage: text(row, "/stage"),
        solution: text(row, "/solution"),
        version: text(row, "/version"),
        state: text(row, "/state"),
        requested_by: text(row, "/requestedBy"),
        requested_on: optional(row, "/requestedOn"),
        decided_by: optional(row, "/decidedBy"),
        rollback_of: optional(row, "/rollbackOf"),
        document: row.clone(),
    }
}

impl<S: ApiService> Client<S> {
    /// The pipelines that the caller is in.
    pub async fn pipelines(&self) -> Result<Vec<Pipeline>> {
        let rows = self.control_list("list pipelines", PATH).await?;
        Ok(rows.iter().map(pipeline).collect())
    }

    /// A pipeline by name or id.
    pub async fn pipeline(&self, name: &str) -> Result<Pipeline> {
        let attempt = format!("read pipeline `{name}`");
        let call = self.control(&attempt, Method::GET, &format!("{PATH}/{}", encode(name)));
        Ok(pipeline(&self.fetch(call).await?))
    }

    /// Sets a pipeline, with the settings of its stages; answers it and what is worth saying.
    pub async fn pipeline_set(
        &self,
        name: &str,
        document: &Value,
        settings: &Value,
    ) -> Result<(Pipeline, Vec<String>)> {
        let attempt = format!("set pipeline `{name}`");
        let body = json!({"pipeline": document, "settings": settings});
        let answer = self.fetch(self.control(&attempt, Method::POST, PATH).json(body)).await?;
        let warnings = answer["warnings"].as_array().into_iter().flatten();
        let warnings = warnings.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok((pipeline(&answer), warnings))
    }

    /// Deletes a pipeline; what it deployed stays.
    pub async fn pipeline_delete(&self, pipeline: &Pipeline) -> Result<()> {
        let attempt = format!("delete pipeline `{}`", pipeline.name);
        let path = format!("{PATH}/{}", encode(&pipeline.id));
        self.send(self.control(&attempt, Method::DELETE, &path)).await.map(drop)
    }

    /// Asks for a deployment. Without a package it is the one of the stage before, or exported. In a dry
    /// run it is only foreseen.
    pub async fn pipeline_deploy(
        &self,
        name: &str,
        stage: &str,
        package: Option<&[u8]>,
    ) -> Result<Deployment> {
        let attempt = format!("deploy to stage `{stage}` of pipeline `{name}`");
        let mut body = json!({"stage": stage, "planOnly": self.is_dry_run()});
        if let Some(package) = package {
            body["package"] = STANDARD.encode(package).into();
        }
        self.deployment_post(&attempt, &format!("{PATH}/{}/deployments", encode(name)), body).await
    }

    /// Approves or rejects a deployment that waits.
    pub async fn pipeline_decide(
        &self,
        name: &str,
        id: &str,
        approve: bool,
        comment: Option<&str>,
    ) -> Result<Deployment> {
        let verb = if approve { "approve" } else { "reject" };
        let attempt = format!("{verb} deployment `{id}` of pipeline `{name}`");
        let path = format!("{PATH}/{}/deployments/{}/decide", encode(name), encode(id));
        let body = json!({"approve": approve, "comment": comment});
        let call = self.control(&attempt, Method::POST, &path).json(body);
        Ok(deployment(&self.fetch(call).await?))
    }

    /// Brings back the release before, or that of a deployment. In a dry run it is only foreseen.
    pub async fn pipeline_rollback(
        &self,
        name: &str,
        stage: &str,
        to: Option<&str>,
    ) -> Result<Deployment> {
        let attempt = format!("roll back stage `{stage}` of pipeline `{name}`");
        let body = json!({"stage": stage, "to": to, "planOnly": self.is_dry_run()});
        self.deployment_post(&attempt, &format!("{PATH}/{}/rollback", encode(name)), body).await
    }

    /// One deployment, by id or unique prefix.
    pub async fn pipeline_deployment(&self, name: &str, id: &str) -> Result<Deployment> {
        let attempt = format!("read deployment `{id}` of pipeline `{name}`");
        let path = format!("{PATH}/{}/deployments/{}", encode(name), encode(id));
        Ok(deployment(&self.fetch(self.control(&attempt, Method::GET, &path)).await?))
    }

    /// The deployments, oldest first.
    pub async fn pipeline_history(
        &self,
        name: &str,
        stage: Option<&str>,
    ) -> Result<Vec<Deployment>> {
        let attempt = format!("list the deployments of pipeline `{name}`");
        let stage = stage.map_or_else(String::new, |stage| query(&[("stage", stage)]));
        let path = format!("{PATH}/{}/deployments{stage}", encode(name));
        Ok(self.control_list(&attempt, &path).await?.iter().map(deployment).collect())
    }

    /// What is only foreseen changes nothing, so it is sent in a dry run too.
    async fn deployment_post(&self, attempt: &str, path: &str, body: Value) -> Result<Deployment> {
        let call = self.control(attempt, Method::POST, path).json(body);
        let call = if self.is_dry_run() { call.harmless() } else { call };
        Ok(deployment(&self.fetch(call).await?))
    }
}
