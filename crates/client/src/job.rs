//! Jobs: imports as they are recorded, and operations that go on while nobody waits.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{optional, text};
use crate::odata::{by_id, query};
use crate::{ApiService, Client, Result};

/// An import job.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportJob {
    /// Row id.
    pub id: String,
    /// Solution.
    pub solution: String,
    /// `Import`, `Upgrade` or `Holding`; empty if it is not said.
    pub context: String,
    /// 0 to 100.
    pub progress: f64,
    /// Report, XML.
    pub data: String,
    /// Begun, ISO 8601.
    pub started_on: Option<String>,
    /// Ended, ISO 8601.
    pub completed_on: Option<String>,
}

/// An operation that goes on while nobody waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Row id.
    pub id: String,
    /// Message, `ImportSolutionAsync` for one.
    pub message_name: String,
    /// statuscode: 20 in progress, 22 cancelling, 30 succeeded, 31 failed, 32 cancelled.
    pub status: i64,
    /// Why it failed.
    pub message: Option<String>,
    /// Begun, ISO 8601.
    pub started_on: Option<String>,
    /// Ended, ISO 8601.
    pub completed_on: Option<String>,
    /// The import job it carries out; none at a service that does not say it.
    pub job: Option<String>,
}

impl ImportJob {
    fn read(row: &Value) -> Self {
        Self {
            id: text(row, "/importjobid"),
            solution: text(row, "/solutionname"),
            context: text(row, "/operationcontext"),
            progress: row["progress"].as_f64().unwrap_or_default(),
            data: text(row, "/data"),
            started_on: optional(row, "/startedon"),
            completed_on: optional(row, "/completedon"),
        }
    }
}

impl Operation {
    /// Whether it has ended.
    pub fn ended(&self) -> bool {
        self.status >= 30
    }

    /// The status in a word.
    pub fn word(&self) -> &'static str {
        match self.status {
            0 | 10 => "waiting",
            20 | 21 => "in progress",
            22 => "cancelling",
            30 => "succeeded",
            31 => "failed",
            32 => "cancelled",
            _ => "unknown",
        }
    }

    fn read(row: &Value) -> Self {
        Self {
            id: text(row, "/asyncoperationid"),
            message_name: text(row, "/messagename"),
            status: row["statuscode"].as_i64().unwrap_or(-1),
            message: optional(row, "/friendlymessage").or_else(|| optional(row, "/message")),
            started_on: optional(row, "/startedon"),
            completed_on: optional(row, "/completedon"),
            job: optional(row, "/connref_jobid"),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// One import job.
    pub async fn import_job(&self, id: &str) -> Result<ImportJob> {
        let attempt = format!("read import job `{id}`");
        let call = self.web(&attempt, Method::GET, &by_id("importjobs", id));
        Ok(ImportJob::read(&self.fetch(call).await?))
    }

    /// The import jobs, newest first, without their reports.
    pub async fn import_jobs(&self) -> Result<Vec<ImportJob>> {
        let columns = "importjobid,solutionname,operationcontext,progress,startedon,completedon";
        let path =
            format!("importjobs{}", query(&[("$select", columns), ("$orderby", "startedon desc")]));
        let rows = self.web_list("list import jobs", &path).await?;
        Ok(rows.iter().map(ImportJob::read).collect())
    }

    /// One operation.
    pub async fn operation(&self, id: &str) -> Result<Operation> {
        let attempt = format!("read job `{id}`");
        let call = self.web(&attempt, Method::GET, &by_id("asyncoperations", id));
        Ok(Operation::read(&self.fetch(call).await?))
    }

    /// The operations, newest first.
    pub async fn operations(&self) -> Result<Vec<Operation>> {
        let path = format!("asyncoperations{}", query(&[("$orderby", "createdon desc")]));
        let rows = self.web_list("list jobs", &path).await?;
        Ok(rows.iter().map(Operation::read).collect())
    }

    /// Asks an operation to end.
    pub async fn operation_cancel(&self, id: &str) -> Result<()> {
        let attempt = format!("cancel job `{id}`");
        let body = json!({"statecode": 3, "statuscode": 32});
        self.web_update(&attempt, &by_id("asyncoperations", id), body).await
    }
}
