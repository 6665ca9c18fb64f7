//! What an import did, read from the record of its job.
use connref_solution::document::xml::{Node, XmlDocument};
use connref_store::StoreError;
use connref_store::query::{Cell, Expr, Literal, Query, Record, table_by_logical_name};

use super::{OperationError, Result};
use crate::Context;

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportResult {
    /// `Import`, `Upgrade` and the like.
    pub kind: String,
    /// It ended, and well.
    pub passed: bool,
    /// It has ended.
    pub ended: bool,
    /// Unique name of the solution.
    pub solution: String,
    /// Version that came.
    pub version: String,
    /// When it started and ended, and how far it is in percent.
    pub times: (Option<i64>, Option<i64>, i64),
    /// Why it failed.
    pub error: Option<String>,
    /// What it did with each component.
    pub components: Vec<ImportedComponent>,
}

/// What an import did with one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedComponent {
    /// Element name: `workflow`, `connectionreference` …
    pub kind: String,
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// In words.
    pub text: String,
}

/// Reads the job of an import the caller may see.
pub async fn import_result(cx: &Context, job: &str) -> Result<ImportResult> {
    let missing = || OperationError::Store(StoreError::not_found("import job", job));
    let table = table_by_logical_name("importjob").ok_or_else(missing)?;
    let mut query = Query::new(table);
    query.filter = Some(Expr::equal("importjobid", Literal::Guid(job.to_lowercase())));
    let page = cx.store().query(&cx.caller, &cx.environment.id, query).await?;
    let row = page.rows.into_iter().next().ok_or_else(missing)?;
    Ok(read(&row))
}

fn read(row: &Record) -> ImportResult {
    let text = |name: &str| match row.cell(name) {
        Some(Cell::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let time = |name: &str| match row.cell(name) {
        Some(Cell::Time(at)) => Some(*at),
        _ => None,
    };
    let progress = match row.cell("progress") {
        Some(Cell::Int(percent)) => *percent,
        _ => 0,
    };
    let mut result = ImportResult {
        kind: text("operationcontext"),
        ended: time("completedon").is_some(),
        solution: text("solutionname"),
        times: (time("startedon"), time("completedon"), progress),
        ..ImportResult::default()
    };
    if result.kind.is_empty() {
        "Import".clone_into(&mut result.kind);
    }
    // Written by connref itself; a job that still goes on has nothing yet.
    if let Ok(document) = XmlDocument::parse(text("data").as_bytes()) {
        fill(&mut result, document.root());
    }
    result.passed = result.ended && result.error.is_none();
    result
}

fn fill(result: &mut ImportResult, root: Node<'_>) {
    if let Some(manifest) = root.find("solutionManifests/solutionManifest") {
        result.version = manifest.child_text("Version").unwrap_or_default().into_owned();
        let outcome = manifest.child("result");
        if let Some(outcome) =
            outcome.filter(|o| o.attribute("result").as_deref() != Some("success"))
        {
            let why = outcome.attribute("errortext").unwrap_or_default().into_owned();
            result.error = Some(why);
        }
    }
    for list in root.children().filter(|list| list.name() != "solutionManifests") {
        for one in list.children() {
            let attribute = |name: &str| one.attribute(name).unwrap_or_default().into_owned();
            let told = one.child("result").and_then(|r| r.attribute("errortext"));
            result.components.push(ImportedComponent {
                kind: one.name().to_owned(),
                id: attribute("id"),
                name: attribute("LocalizedName"),
                text: told.unwrap_or_default().trim().to_owned(),
            });
        }
    }
}
