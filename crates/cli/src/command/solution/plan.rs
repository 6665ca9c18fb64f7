//! `connref solution plan`
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use connref_client::audit::Finding;
use connref_client::flow::Reason;
use connref_client::solution::{Import, Plan, PlanFlow, Sure};
use connref_review::import_outcome;
use connref_server::webapi::plan_document;
use connref_solution::model::{Facts, PrincipalId};
use serde_json::{Value, json};

use super::planned::planned_from;
use super::record;
use crate::command::flow::reason;
use crate::context::Context;
use crate::deployment_result::{DeploymentResult, Kind, PREDICATE};
use crate::exit::{Exit, Failure, Outcome};
use crate::package::{self, SolutionFile};
use crate::render::{clean, note, style};
use crate::statement::Signer;

/// Tell exactly what an import would do, as this caller, here or by a facts file; 4 if it would be refused
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
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    facts: Option<PathBuf>,
    /// Write facts, package and plan into this file, without names, addresses and ids of anybody
    #[arg(long, value_name = "ZIP")]
    record: Option<PathBuf>,
    /// Pass although some statements are not known for want of facts
    #[arg(long)]
    accept_unknown: bool,
    /// Write the result as a signed statement, for `connref rollout add` of whoever sent the package
    #[arg(long, value_name = "PATH")]
    sign: Option<PathBuf>,
    /// Key that signs, made if it is not there; else `proof-key` beside the key file
    #[arg(long, value_name = "FILE", requires = "sign")]
    key: Option<PathBuf>,
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
        let file = solution.zip()?;
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
        let plan = match &self.facts {
            Some(file) => {
                planned_from(context, file, &solution, &import, self.skip_lower_version).await?
            }
            None => planned(context, &solution, &import, self.skip_lower_version).await?,
        };
        if let Some(path) = &self.record {
            let before = record::before(context).await?;
            let case = record::case(&solution, &import, &before, self.skip_lower_version)?;
            record::write(path, &case, None)?;
        }
        if let Some(out) = &self.sign {
            sign(context, out, self.key.as_ref(), &import, &plan)?;
        }
        if context.output.is_table() {
            context.output.text(&told(&plan))?;
        } else {
            context.output.one(&whole(&plan))?;
        }
        Ok(match plan.refusals.is_empty() {
            false => Exit::Refused,
            // Nothing that is not known may pass for fine.
            true if !self.accept_unknown && unknown(&plan) > 0 => Exit::Findings,
            true => Exit::Clean,
        })
    }
}

/// The plan of the environment itself.
async fn planned(
    context: &Context,
    solution: &SolutionFile,
    import: &Import<'_>,
    skip_lower_version: bool,
) -> Result<Plan, Failure> {
    let client = context.client().await?;
    match client.solution_plan(import, skip_lower_version).await {
        // An organisation without connref: judged here, over what its tables tell.
        Err(error) if error.is_missing() && !client.place().extended => {
            let now = jiff::Timestamp::now().as_microsecond();
            let facts = client.facts_from_tables(now).await?;
            let caller = client.who_am_i().await?.into();
            judged(solution, &facts, &caller, import, skip_lower_version)
        }
        plan => Ok(plan?),
    }
}

/// Judges an import here, over facts that were read before.
pub(crate) fn judged(
    solution: &SolutionFile,
    facts: &Facts,
    caller: &PrincipalId,
    import: &Import<'_>,
    skip_lower_version: bool,
) -> Result<Plan, Failure> {
    let bodies = solution.bodies()?;
    let options = record::options(import, skip_lower_version);
    let asked = connref_review::Import {
        package: &solution.package,
        bodies: &bodies,
        parts: Vec::new(),
        // What tables hold is no matter of a plan.
        tables: &[],
        settings: import.settings,
        caller,
        options,
    };
    let outcome = import_outcome(facts, asked);
    let document = plan_document(&solution.package, facts, caller, &outcome);
    Ok(Plan::read(&document))
}

/// How many statements are not known.
fn unknown(plan: &Plan) -> usize {
    statements(plan).filter(|sure| sure.is_unknown()).count()
}

fn statements(plan: &Plan) -> impl Iterator<Item = &Sure> {
    let flows = plan.flows.iter().map(|one| &one.sure);
    let whole = plan.refusals.iter().chain(plan.flows.iter().flat_map(|one| &one.refusals));
    flows
        .chain(whole.map(|(_, sure)| sure))
        .chain(plan.components.iter().map(|one| &one.sure))
        .chain(plan.identity_changes.iter().map(|one| &one.sure))
        .chain(plan.warnings.iter().map(|(_, sure)| sure))
}

/// Writes what the plan says of references and flows, and no name of a connection, signed. What is
/// installed in this version already is told as found, not as foreseen.
fn sign(
    context: &Context,
    out: &Path,
    key: Option<&PathBuf>,
    import: &Import<'_>,
    plan: &Plan,
) -> Result<(), Failure> {
    let kind = if plan.nothing_to_do { Kind::Verify } else { Kind::Plan };
    let result = DeploymentResult::of(plan, kind, jiff::Timestamp::now().to_string());
    let signer = Signer::open(key, true)?;
    let envelope = signer.envelope(None, import.file, PREDICATE, &result.to_json());
    if !context.globals.dry_run {
        package::replace(out, envelope.as_bytes())?;
    }
    let public = STANDARD.encode(signer.public());
    note(&format!("signed result in {}, public key {public}", out.display()));
    Ok(())
}

fn whole(plan: &Plan) -> Value {
    let reasons = |list: &[(Reason, Sure)]| {
        list.iter().map(|(one, sure)| with(reason(one), sure)).collect::<Vec<_>>()
    };
    json!({
        "solution": plan.solution,
        "version": plan.version,
        "environment": plan.environment,
        "allowed": plan.refusals.is_empty(),
        "nothingToDo": plan.nothing_to_do,
        "unknown": plan.unknown,
        "refusals": reasons(&plan.refusals),
        "components": plan.components.iter().map(|one| with(json!({
            "kind": one.kind, "name": one.name, "change": one.change, "detail": one.detail,
        }), &one.sure)).collect::<Vec<_>>(),
        "references": plan.references.iter().map(|one| json!({
            "name": one.name, "connector": one.connector, "state": one.state, "code": one.code,
        })).collect::<Vec<_>>(),
        "flows": plan.flows.iter().map(|one| with(json!({
            "id": one.id, "name": one.name, "existing": one.existing, "state": one.state,
            "wantedOn": one.wanted_on, "order": one.order, "note": one.note,
            "refusals": reasons(&one.refusals),
        }), &one.sure)).collect::<Vec<_>>(),
        "identityChanges": plan.identity_changes.iter().map(|one| with(json!({
            "flow": one.flow, "reference": one.reference, "before": one.before, "after": one.after,
        }), &one.sure)).collect::<Vec<_>>(),
        "warnings": plan.warnings.iter().map(|(one, sure)| with(warning(one), sure)).collect::<Vec<_>>(),
    })
}

/// A statement with how sure it is.
fn with(mut statement: Value, sure: &Sure) -> Value {
    statement["certainty"] = sure.certainty.as_str().into();
    statement["because"] = json!(sure.because);
    statement
}

/// How a sentence goes on that is not known, or only inferred.
fn doubt(sure: &Sure) -> String {
    let word = match sure.certainty.as_str() {
        "known" => return String::new(),
        "inferred" => "inferred",
        _ => "not known",
    };
    match sure.because.is_empty() {
        true => format!(" [{word}]"),
        false => format!(" [{word}: {}]", sure.because.join("; ")),
    }
}

/// The mark of a statement; what is not known has one of its own.
fn mark(sure: &Sure, glyph: String) -> String {
    if sure.is_unknown() { style::warn("?") } else { glyph }
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
        for (one, sure) in &plan.refusals {
            text += &told_reason("  ", one, sure);
        }
        return text + &unseen(plan);
    }
    if plan.nothing_to_do {
        return format!(
            "{} {}: nothing to do, the same or a higher version is there\n",
            style::good("✓"),
            clean(&name)
        );
    }
    let on = plan.flows.iter().filter(|flow| flow.state == "on").count();
    let (glyph, seen) = match unknown(plan) {
        0 => (style::good("✓"), ""),
        _ => (style::warn("?"), " as far as was seen"),
    };
    let mut text = format!(
        "{glyph} {}: goes through{seen} · {on} of {} flows on afterwards\n",
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
        let doubt = doubt(&one.sure);
        let line = format!("{} {}: {}{detail}{doubt}", one.kind, one.name, one.change);
        text += &format!("  {} {}\n", mark(&one.sure, glyph), clean(&line));
    }
    for flow in in_order(&plan.flows) {
        text += &told_flow(flow);
    }
    for change in &plan.identity_changes {
        let before = change.before.as_deref().unwrap_or("nobody");
        let line = format!(
            "flow {} will act as {} instead of {before}{}",
            change.flow,
            change.after,
            doubt(&change.sure)
        );
        text += &format!("  {} {}\n", style::warn("!"), clean(&line));
    }
    for (finding, sure) in &plan.warnings {
        let doubt = doubt(sure);
        let line = format!("{} {}: {}{doubt}", finding.code, finding.subject, finding.message);
        text += &format!("  {} {}\n", style::warn("!"), clean(&line));
        if let Some(fix) = &finding.fix {
            text += &format!("    {} {}\n", style::good("fix:"), clean(fix));
        }
    }
    text + &unseen(plan)
}

/// What was not seen, and how many statements hang on it.
fn unseen(plan: &Plan) -> String {
    let count = unknown(plan);
    if count == 0 {
        return String::new();
    }
    let words = plan.unknown.join("; ");
    let line = format!("{count} statements are not known; not seen here: {words}");
    format!("{} {}\n", style::warn("?"), clean(&line))
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
        ("suspended", ..) => (style::bad("✕"), "is suspended"),
        (_, true, _) => (style::faint("⏸"), "stays off"),
        (_, false, true) => (style::bad("✕"), "stays off although exported as on"),
        (_, false, false) => (style::faint("⏸"), "is off"),
    };
    let order = flow.order.map_or_else(String::new, |place| format!(" (no. {place})"));
    let note = flow.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
    let line = format!("flow {} {state}{order}{note}{}", flow.name, doubt(&flow.sure));
    let mut text = format!("  {} {}\n", mark(&flow.sure, glyph), clean(&line));
    for (one, sure) in &flow.refusals {
        text += &told_reason("      ", one, sure);
    }
    text
}

fn told_reason(indent: &str, one: &Reason, sure: &Sure) -> String {
    let line = format!("{} ({}){}", one.message, one.code, doubt(sure));
    let mut text = format!("{indent}{}\n", clean(&line));
    if let Some(fix) = &one.fix {
        text += &format!("{indent}{} {}\n", style::good("fix:"), clean(fix));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_never_reads_as_fine() {
        let unseen = json!(["with whom connections are shared"]);
        let subject = |kind: &str, name: &str| json!({"kind": kind, "name": name, "id": ""});
        let plan = Plan::read(&json!({
            "solution": "Orders", "version": "1.2.0.0", "environment": "PROD",
            "unknown": ["with whom connections are shared", "the policies of the tenant"],
            "components": [
                {"subject": subject("connection reference", "new_Sql"), "change": "bound",
                 "detail": "to c1", "certainty": "unknown", "because": ["the policies of the tenant"]},
                {"subject": subject("connection reference", "new_Mail"),
                 "change": "keeps its binding", "detail": "to m1", "certainty": "known", "because": []},
            ],
            "flows": [
                {"name": "Sync", "state": "on", "wantedOn": true, "order": 1, "refusals": [],
                 "certainty": "unknown", "because": ["the policies of the tenant"]},
                {"name": "Mail", "state": "off", "wantedOn": true, "certainty": "unknown",
                 "because": unseen, "refusals": [{"code": "ConnectionAuthorizationFailed",
                 "message": "The caller may not.", "certainty": "unknown", "because": unseen}]},
                {"name": "Old", "state": "off", "wantedOn": true, "certainty": "inferred",
                 "because": ["it is not recorded"], "refusals": []},
            ],
            "identityChanges": [{"flow": "Sync", "after": "svc", "certainty": "known", "because": []}],
            "warnings": [{"code": "CA117", "severity": "warning",
                "subject": subject("environment variable", "new_Site"), "message": "it has no value"}],
        }));
        let text = anstream::adapter::strip_str(&told(&plan)).to_string();
        insta::assert_snapshot!(text);
    }
}
