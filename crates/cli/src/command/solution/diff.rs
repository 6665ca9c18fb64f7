//! `connref solution diff`
use std::path::PathBuf;

use clap::Args;
use connref_review::diff::{Difference, FlowDiff, ItemDiff, PackageDiff, package_diff};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::package;
use crate::render::{Column, clean, note, style, warning};

/// Compare two versions: what an upgrade adds, changes, removes and needs; offline
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// Older version: zip or folder
    #[arg(value_name = "OLD")]
    before: PathBuf,
    /// Newer version: zip or folder
    #[arg(value_name = "NEW")]
    after: PathBuf,
}

const COLUMNS: &[Column] =
    &[("CHANGE", "change"), ("KIND", "kind"), ("NAME", "name"), ("DETAILS", "details")];

impl DiffArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let before = package::read(&self.before)?.package;
        let after = package::read(&self.after)?.package;
        let diff = package_diff(&before, &after);
        if !diff.same_solution {
            warning("these are not two versions of one solution: their unique names differ");
        }
        for problem in &diff.problems {
            warning(&format!("{}: {}", problem.part, problem.message));
        }
        match context.output.format {
            crate::render::Format::Json => context.output.one(&whole(&diff))?,
            crate::render::Format::Table if diff.is_empty() => note("nothing differs"),
            _ => context.output.list(COLUMNS, &rows(&diff))?,
        }
        if context.output.is_table() {
            context.output.text(&afterwards(&diff))?;
        }
        Ok(Exit::Clean)
    }
}

/// What to do for the upgrade, below the table.
fn afterwards(diff: &PackageDiff) -> String {
    let mut text = String::new();
    if !diff.bindings.is_empty() {
        text += &format!("\n{}\n", style::strong("Bindings to make"));
        for binding in &diff.bindings {
            let waiting = match binding.flows.is_empty() {
                true => String::new(),
                false => format!("; waiting: {}", binding.flows.join(", ")),
            };
            let line = format!(
                "{} ({}): {}{waiting}",
                binding.reference, binding.api_name, binding.reason
            );
            text += &format!("  {}\n", clean(&line));
        }
    }
    if !diff.removal.is_empty() {
        text += &format!("\n{}\n", style::strong("Order of removal"));
        for (index, line) in diff.removal.iter().enumerate() {
            text += &format!("  {}. {}\n", index + 1, clean(line));
        }
    }
    text
}

fn rows(diff: &PackageDiff) -> Vec<Value> {
    let row = |kind: &str, change: &str, name: &str, details: &[String]| json!({"change": change, "kind": kind, "name": name, "details": details.join("; ")});
    let mut rows: Vec<Value> = diff
        .solution
        .iter()
        .map(|line| row("solution", "changed", "", std::slice::from_ref(line)))
        .collect();
    for (kind, differences) in [
        ("connection reference", &diff.references),
        ("environment variable", &diff.variables),
        ("connector", &diff.connectors),
    ] {
        rows.extend(
            differences.iter().map(|d| row(kind, &d.change.to_string(), &d.name, &d.details)),
        );
    }
    for flow in &diff.flows {
        rows.push(row("flow", &flow.change.to_string(), &flow.name, &flow_details(flow)));
    }
    rows
}

fn flow_details(flow: &FlowDiff) -> Vec<String> {
    let mut details = flow.details.clone();
    for (what, items) in [("trigger", &flow.triggers), ("action", &flow.actions)] {
        details.extend(items.iter().map(|item| format!("{what} `{}` {}", item.name, item.change)));
    }
    details.extend(flow.connections.iter().cloned());
    details
}

fn whole(diff: &PackageDiff) -> Value {
    json!({
        "sameSolution": diff.same_solution,
        "solution": diff.solution,
        "references": differences(&diff.references),
        "bindings": diff.bindings.iter().map(|binding| json!({
            "reference": binding.reference.as_str(),
            "connector": binding.api_name.to_string(),
            "reason": binding.reason,
            "flows": binding.flows,
        })).collect::<Vec<_>>(),
        "flows": diff.flows.iter().map(|flow| json!({
            "id": flow.id.as_str(),
            "name": flow.name,
            "change": flow.change.to_string(),
            "details": flow.details,
            "triggers": items(&flow.triggers),
            "actions": items(&flow.actions),
            "connections": flow.connections,
        })).collect::<Vec<_>>(),
        "variables": differences(&diff.variables),
        "connectors": differences(&diff.connectors),
        "removal": diff.removal,
    })
}

fn differences(list: &[Difference]) -> Vec<Value> {
    list.iter()
        .map(|d| json!({"name": d.name, "change": d.change.to_string(), "details": d.details}))
        .collect()
}

fn items(list: &[ItemDiff]) -> Vec<Value> {
    list.iter().map(|i| json!({"name": i.name, "change": i.change.to_string()})).collect()
}
