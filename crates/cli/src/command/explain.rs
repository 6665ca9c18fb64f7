//! `connref explain`
use clap::Args;
use connref_review::catalogue;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};

/// Explain a code of a finding or a refusal
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// Code, as a finding or an error shows it; none lists all
    code: Option<String>,
}

impl ExplainArgs {
    /// Prints the page, or the list of pages.
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Some(code) = self.code else {
            let rows: Vec<_> = catalogue::PAGES
                .iter()
                .map(|page| json!({"code": page.code, "title": page.title()}))
                .collect();
            context.output.list(&[("CODE", "code"), ("MEANS", "title")], &rows)?;
            return Ok(Exit::Clean);
        };
        let Some(page) = catalogue::explain(&code) else {
            return Err(
                Failure::missing(format!("no page explains `{code}`")).fix("connref explain")
            );
        };
        if context.output.is_table() {
            context.output.text(&format!("{}\n", page.text.trim_end()))?;
        } else {
            let item = json!({"code": page.code, "title": page.title(), "text": page.text});
            context.output.one(&item)?;
        }
        Ok(Exit::Clean)
    }
}
