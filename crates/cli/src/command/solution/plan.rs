//! `connref solution plan`
use std::path::PathBuf;

use clap::Args;
use connref_client::audit::Finding;
use connref_client::flow::Reason;
use connref_client::solution::{Import, Plan, PlanFlow};
use serde_json::{Value, json};

use super::planned::planned;
use crate::command::flow::reason;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::package;
use crate::render::{clean, style};

/// Arguments of `solution plan`.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// Solution zip or unpacked folder
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Deployment settings: what each reference is bound to, and values of variables
    #[arg(long, value_name = "PATH")]
    settings_file: Option<PathBuf>,
    /// As if new flows were left off
    #[arg(long)]
    leave_flows_off: bool,
    /// As if an unmanaged solution were imported as a managed one
    #[arg(long)]
    convert_to_managed: bool,
    /// Do nothing if the same or a higher version is there
    #[arg(long)]
    skip_lower_version: bool,
    /// As if unmanaged changes on top of a managed solution were overwritten
    #[arg(short, long)]
    force_overwrite: bool,
    /// As if imported as an upgrade, which removes what the new version lacks
    #[arg(long)]
    stage_and_upgrade: bool,
    /// As if imported beside the present version, as a holding solution
    #[arg(long, conflicts_with = "stage_and_upgrade")]
    import_as_holding: bool,
    /// As if going back to an older version were wanted
    #[arg(long)]
    allow_older: bool,
    /// Facts file to plan over instead of the environment (see `facts export`); offline
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
}

impl PlanArgs {
    /// Whether it asks no environment.
    pub(super) fn is_offline(&self) -> bool {
        self.facts.is_some()
    }

    pub(super) async fn run(self, context: &Context) -> Outcome {
        let solution = package::read(&self.path)?;
        let settings = self.settings_file.as_deref();
        let settings =
            settings.map(|path| package::settings(path, &solution.package)).transpose()?;
        let file = match &self.facts {
            Some(_) => Vec::new(),
            None => solution.zip()?,
        };
        let import = Import {
            file: &file,
            job_id: "",
            settings: settings.as_ref(),
            publish_workflows: !self.leave_flows_off,
            overwrite: self.force_overwrite,
            convert_to_managed: self.convert_to_managed,
            holding: self.import_as_holding,
            skip_dependencies: false,
            upgrade: self.stage_and_upgrade,
            allow_older: self.allow_older,
        };
        let skip = self.skip_lower_version;
        let plan = match &self.facts {
            Some(file) => planned(context, file, &solution.package, &import, skip).await?,
            None => context.client().await?.solution_plan(&import, skip).await?,
        };
        if context.output.is_table() {
            context.output.text(&told(&plan))?;
        } else {
            context.output.one(&whole(&plan))?;
        }
        Ok(if plan.refusals.is_empty() { Exit::Clean } else { Exit::Refused })
    }
}

fn whole(plan: &Plan) -> Value {
    let reasons = |list: &[Reason]| list.iter().map(reason).collect::<Vec<_>>();
    json!({
        "solution": plan.solution,
        "version": plan.version,
        "environment": plan.environment,
        "allowed": plan.refusals.is_empty(),
        "nothingToDo": plan.nothing_to_do,
        "refusals": reasons(&plan.refusals),
        "components": plan.components.iter().map(|one| json!({
            "kind": one.kind, "name": one.name, "change": one.change, "detail": one.detail,
        })).collect::<Vec<_>>(),
        "flows": plan.flows.iter().map(|one| json!({
            "id": one.id, "name": one.name, "existing": one.existing, "state": one.state,
            "wantedOn": one.wanted_on, "order": one.order, "note": one.note,
            "refusals": reasons(&one.refusals),
        })).collect::<Vec<_>>(),
        "identityChanges": plan.identity_changes.iter().map(|one| json!({
            "flow": one.flow, "reference": one.reference, "before": one.before, "after": one.after,
        })).collect::<Vec<_>>(),
        "warnings": plan.warnings.iter().map(warning).collect::<Vec<_>>(),
    })
}

/// What is told of a flow beside its state.
const APART: [&str; 5] =
    ["carried", "update hidden", "removed", "left to another solution", "stays, still used"];

fn warning(finding: &Finding) -> Value {
    json!({
        "code": finding.code, "severity": finding.severity, "subject": finding.subject,
        "message": finding.message, "help": finding.help, "fix": finding.fix,
    })
}

fn told(plan: &Plan) -> String {
    let name = format!("{} {} into {}", plan.solution, plan.version, plan.environment);
    if !plan.refusals.is_empty() {
        let mut text = format!(
            "{} {} would be refused; nothing would be written\n",
            style::bad("✕"),
            clean(&name)
        );
        for one in &plan.refusals {
            text += &told_reason("  ", one);
        }
        return text;
    }
    if plan.nothing_to_do {
        return format!(
            "{} {}: nothing to do, the same or a higher version is there\n",
            style::good("✓"),
            clean(&name)
        );
    }
    let on = plan.flows.iter().filter(|flow| flow.state == "on").count();
    let mut text = format!(
        "{} {}: goes through · {on} of {} flows on afterwards\n",
        style::good("✓"),
        clean(&name),
        plan.flows.len()
    );
    let of_flow = |kind: &str| kind == "flow";
    for one in plan
        .components
        .iter()
        .filter(|one| !of_flow(&one.kind) || APART.contains(&one.change.as_str()))
    {
        let detail = one.detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
        let glyph = match one.change.as_str() {
            "unbound" | "no value" => style::bad("✕"),
            "update hidden" | "stays, still used" => style::warn("!"),
            "removed" => style::warn("-"),
            _ => style::good("✓"),
        };
        let line = format!("{} {}: {}{detail}", one.kind, one.name, one.change);
        text += &format!("  {glyph} {}\n", clean(&line));
    }
    for flow in in_order(&plan.flows) {
        text += &told_flow(flow);
    }
    for change in &plan.identity_changes {
        let before = change.before.as_deref().unwrap_or("nobody");
        let line = format!("flow {} will act as {} instead of {before}", change.flow, change.after);
        text += &format!("  {} {}\n", style::warn("!"), clean(&line));
    }
    for finding in &plan.warnings {
        let line = format!("{} {}: {}", finding.code, finding.subject, finding.message);
        text += &format!("  {} {}\n", style::warn("!"), clean(&line));
        if let Some(fix) = &finding.fix {
            text += &format!("    {} {}\n", style::good("fix:"), clean(fix));
        }
    }
    text
}

/// Those that are turned on first, in their order.
fn in_order(flows: &[PlanFlow]) -> Vec<&PlanFlow> {
    let mut sorted: Vec<_> = flows.iter().collect();
    sorted.sort_by_key(|flow| flow.order.unwrap_or(i64::MAX));
    sorted
}

fn told_flow(flow: &PlanFlow) -> String {
    let (glyph, state) = match (flow.state.as_str(), flow.existing, flow.wanted_on) {
        ("on", true, _) => (style::good("✓"), "stays on"),
        ("on", false, _) => (style::good("✓"), "is turned on"),
        ("suspended", ..) => (style::bad("✕"), "stays suspended"),
        (_, true, _) => (style::faint("⏸"), "stays off"),
        (_, false, true) => (style::bad("✕"), "stays off although exported as on"),
        (_, false, false) => (style::faint("⏸"), "is off"),
    };
    let order = flow.order.map_or_else(String::new, |place| format!(" (no. {place})"));
    let note = flow.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
    let mut text =
        format!("  {glyph} {}\n", clean(&format!("flow {} {state}{order}{note}", flow.name)));
    for one in &flow.refusals {
        text += &told_reason("      ", one);
    }
    text
}

fn told_reason(indent: &str, one: &Reason) -> String {
    let mut text = format!("{indent}{} ({})\n", clean(&one.message), clean(&one.code));
    if let Some(fix) = &one.fix {
        text += &format!("{indent}{} {}\n", style::good("fix:"), clean(fix));
    }
    text
}
