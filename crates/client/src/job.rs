//! Import jobs.
use http::Method;

use crate::answer::text;
use crate::odata::by_id;
use crate::{ApiService, Client, Result};

/// An import job.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportJob {
    /// Row id.
    pub id: String,
    /// Solution.
    pub solution: String,
    /// 0 to 100.
    pub progress: f64,
    /// Report, XML.
    pub data: String,
}

impl<S: ApiService> Client<S> {
    /// One import job.
    pub async fn import_job(&self, id: &str) -> Result<ImportJob> {
        let attempt = format!("read import job `{id}`");
        let call = self.web(&attempt, Method::GET, &by_id("importjobs", id));
        let row = self.fetch(call).await?;
        Ok(ImportJob {
            id: text(&row, "/importjobid"),
            solution: text(&row, "/solutionname"),
            progress: row["progress"].as_f64().unwrap_or_default(),
            data: text(&row, "/data"),
        })
    }
}
