//! A plan from a facts file: the judgement of an import over a snapshot, without the environment.
use std::path::Path;

use connref_client::audit::Finding;
use connref_client::flow::Reason;
use connref_client::solution::{Import, Plan, PlanComponent, PlanFlow, PlanIdentity};
use connref_review::{
    FlowForecast, IdentityChange, ImportMode, ImportOptions, Outcome as Judged, Refusal,
    ReportLine, import_outcome,
};
use connref_solution::flow_bodies;
use connref_solution::model::facts::{FlowState, PrincipalFacts};
use connref_solution::model::{Facts, LogicalName, Package, PrincipalId};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::facts_file::facts;
use crate::render::note;

/// What an import would do to the environment that the facts of a file were taken of.
pub(super) async fn planned(
    context: &Context,
    file: &Path,
    package: &Package,
    import: &Import<'_>,
    skip_lower_version: bool,
) -> Result<Plan, Failure> {
    let facts = facts(context, Some(file)).await?;
    if !facts.unknown.is_empty() {
        let unseen: Vec<_> = facts.unknown.iter().map(|area| area.words()).collect();
        note(&format!(
            "these facts do not tell {}: where the import meets that, this plan is a prediction",
            unseen.join(", ")
        ));
    }
    let caller = caller(&facts, context.globals.acting.as_deref())?;
    let bodies = flow_bodies(package).map_err(|error| Failure::new(Exit::Usage, error))?;
    let options = ImportOptions {
        publish_workflows: import.publish_workflows,
        convert_to_managed: import.convert_to_managed,
        skip_lower_version,
        overwrite: import.overwrite,
        allow_older: import.allow_older,
        mode: match (import.upgrade, import.holding) {
            (true, _) => ImportMode::Upgrade,
            (false, true) => ImportMode::Holding,
            (false, false) => ImportMode::Update,
        },
    };
    let asked = connref_review::Import {
        package,
        bodies: &bodies,
        parts: Vec::new(),
        settings: import.settings,
        caller: &caller,
        options,
    };
    Ok(plan(&facts, package, import_outcome(&facts, asked)))
}

/// The principal that is asked about; without a name the operator of this machine, who is an
/// administrator of the environments it made.
fn caller(facts: &Facts, acting: Option<&str>) -> Result<PrincipalId, Failure> {
    let own = crate::home::user();
    let wanted = acting.unwrap_or(&own);
    let is = |one: &&PrincipalFacts| {
        one.name.eq_ignore_ascii_case(wanted)
            || one.id.as_str().eq_ignore_ascii_case(wanted)
            || one.application_id.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(wanted))
    };
    match facts.principals.iter().find(is) {
        Some(one) => Ok(one.id.clone()),
        None => Err(Failure::missing(format!("the facts know no principal `{wanted}`")).fix(
            match acting {
                Some(_) => "connref user list, where the facts were taken",
                None => "add --as NAME: who is going to import",
            },
        )),
    }
}

fn plan(facts: &Facts, package: &Package, judged: Result<Judged, Vec<Refusal>>) -> Plan {
    let mut plan = Plan {
        solution: package.manifest.unique_name.clone(),
        version: package.manifest.version.clone(),
        environment: facts.environment.name.clone(),
        refusals: Vec::new(),
        nothing_to_do: false,
        components: Vec::new(),
        flows: Vec::new(),
        identity_changes: Vec::new(),
        warnings: Vec::new(),
    };
    match judged {
        Err(refusals) => plan.refusals = refusals.into_iter().map(reason).collect(),
        Ok(outcome) => {
            plan.nothing_to_do = outcome.change_set.is_none();
            plan.components = outcome.report.into_iter().map(component).collect();
            plan.flows = outcome.flows.into_iter().map(flow).collect();
            plan.identity_changes = outcome.identity_changes.into_iter().map(identity).collect();
            plan.warnings = outcome.warnings.into_iter().map(finding).collect();
        }
    }
    plan
}

fn reason(refusal: Refusal) -> Reason {
    Reason {
        code: refusal.code.to_owned(),
        status: Some(refusal.status.into()),
        message: refusal.text,
        subject: Some(refusal.subject.name),
        fix: refusal.fix,
    }
}

fn component(line: ReportLine) -> PlanComponent {
    PlanComponent {
        kind: line.subject.kind.as_str().to_owned(),
        name: line.subject.name,
        change: line.word.as_str().to_owned(),
        detail: line.detail,
    }
}

fn flow(forecast: FlowForecast) -> PlanFlow {
    PlanFlow {
        id: forecast.flow.as_str().to_owned(),
        name: forecast.name,
        existing: forecast.existing,
        state: match forecast.state {
            FlowState::On => "on",
            FlowState::Off => "off",
            FlowState::Suspended => "suspended",
        }
        .to_owned(),
        wanted_on: forecast.wanted_on,
        order: forecast.order.and_then(|place| i64::try_from(place).ok()),
        note: forecast.note,
        refusals: forecast.refusals.into_iter().map(reason).collect(),
    }
}

fn identity(change: IdentityChange) -> PlanIdentity {
    PlanIdentity {
        flow: change.flow_name,
        reference: change.reference.as_ref().map(LogicalName::to_string),
        before: change.before,
        after: change.after,
    }
}

fn finding(finding: connref_review::Finding) -> Finding {
    Finding {
        code: finding.code.to_owned(),
        severity: finding.severity.as_str().to_owned(),
        subject_kind: finding.subject.kind.as_str().to_owned(),
        subject_id: finding.subject.id.into(),
        subject: finding.subject.name,
        message: finding.message,
        help: Some(finding.help),
        fix: finding.fix,
    }
}
