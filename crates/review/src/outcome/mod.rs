//! What an import will do: facts, package, settings and caller in; a change set, or refusals and
//! nothing written, out (design, rules 1–3, 9, 12). Plan and import share this judgement.
mod bound;
mod certainty;
mod connectors;
mod flows;
mod forecast;
mod future;
mod layers;
mod policy;
mod promotion;
mod references;
mod removals;
mod report;
mod settings;
mod solution;
mod variables;

use std::collections::BTreeMap;

use connref_solution::model::change_set::{Removal, SolutionChange};
use connref_solution::model::package::FlowBody;
use connref_solution::model::{
    ChangeSet, DeploymentSettings, Facts, FlowId, Package, PackageTable, PrincipalId,
};

use crate::binding::IdentityChange;
use crate::catalogue::code;
use crate::finding::{Finding, Subject, SubjectKind};
use crate::index::Index;
use crate::refusal::Refusal;

pub use bound::{ReferenceStanding, Standing, reference_standings};
pub use certainty::{Certainty, Ground, Grounds};
pub use forecast::FlowForecast;
pub use promotion::{Promotion, promotion_outcome};
pub use report::{ReportLine, Word};
pub(crate) use solution::dependency_kind;

/// One import, as asked for.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// The package.
    pub package: &'a Package,
    /// What the bodies of its cloud flows say, by workflow id. A cloud flow without one stays off.
    pub bodies: &'a BTreeMap<FlowId, FlowBody>,
    /// The tables it brings.
    pub tables: &'a [PackageTable],
    /// The parts to keep as they came: (name, content).
    pub parts: Vec<(String, Vec<u8>)>,
    /// Deployment settings.
    pub settings: Option<&'a DeploymentSettings>,
    /// Who imports: owns what is new, and binds and turns on as itself.
    pub caller: &'a PrincipalId,
    /// Options.
    pub options: ImportOptions,
}

/// Options of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// `PublishWorkflows`: whether new flows may be turned on.
    pub publish_workflows: bool,
    /// `ConvertToManaged`: a managed package takes over the unmanaged solution of its name.
    pub convert_to_managed: bool,
    /// `--skip-lower-version`: nothing to do when the same or a higher version is there.
    pub skip_lower_version: bool,
    /// `OverwriteUnmanagedCustomizations`: unmanaged layers on top of what comes are taken away.
    pub overwrite: bool,
    /// Going back to an older version is wanted.
    pub allow_older: bool,
    /// What becomes of the version that is there.
    pub mode: ImportMode,
}

/// What an import does with the version that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// Updates it; what the new version lacks stays.
    #[default]
    Update,
    /// Comes in beside it, until it is promoted.
    Holding,
    /// Replaces it; what the new version lacks goes.
    Upgrade,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            publish_workflows: true,
            convert_to_managed: false,
            skip_lower_version: false,
            overwrite: false,
            allow_older: false,
            mode: ImportMode::Update,
        }
    }
}

/// What an import will do.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The changes; `None`: nothing to do (a same or higher version is there).
    pub change_set: Option<ChangeSet>,
    /// One line for every connector, reference, variable and flow.
    pub report: Vec<ReportLine>,
    /// Every cloud flow of the package: on or off afterwards, and what keeps it off.
    pub flows: Vec<FlowForecast>,
    /// Flows of the environment, in the package or not, whose calls act as somebody else afterwards.
    pub identity_changes: Vec<IdentityChange>,
    /// What does not stop the import and is worth knowing.
    pub warnings: Vec<Finding>,
    /// The environment as it will be. Rows that do not exist yet have made-up ids (`new:…`).
    pub future: Facts,
}

/// Judges an import. All refusals are collected; with one or more nothing is to be written.
pub fn import_outcome(facts: &Facts, import: Import<'_>) -> Result<Outcome, Vec<Refusal>> {
    let index = Index::new(facts);
    let Some(caller) = index.active(import.caller) else {
        return Err(vec![Refusal::caller_disabled(import.caller, index.principal(import.caller))]);
    };
    if caller.may_import == Some(false) {
        return Err(vec![Refusal::import_denied(facts, caller)]);
    }
    let mut draft = Draft::default();
    let manifest = solution::manifest_check(facts, &import, &mut draft);
    if draft.refusals.is_empty() && solution::nothing_to_do(facts, &import) {
        return Ok(Outcome {
            change_set: None,
            report: vec![report::solution_kept(&manifest)],
            flows: forecast::kept(&index, &import),
            identity_changes: Vec::new(),
            warnings: Vec::new(),
            future: facts.clone(),
        });
    }
    let target = solution::target(facts, &import, &manifest, &mut draft);
    solution::duplicates_check(import.package, &mut draft);
    solution::publisher_check(facts, &import, target.base, &mut draft);
    let wanted = settings::Wanted::read(facts.environment.fidelity, &import, &mut draft);
    let connectors = connectors::changes(&index, &import, &mut draft);
    let base = future::with_connectors(facts, &connectors);
    let base_index = Index::new(&base);
    solution::dependencies_check(&base_index, &import, &mut draft);
    let references = references::changes(&base_index, &import, &wanted, &target, &mut draft);
    let variables =
        variables::changes(&base_index, &import, &wanted, &manifest, &target, &mut draft);
    let hidden = flows::hidden(&index, &import, &target, &mut draft);
    if !draft.refusals.is_empty() {
        return Err(draft.refusals);
    }
    let solution = solution::change(facts, &import, &target, manifest);
    let mut future = future::with_rows(&base, &import, &solution, &references, &variables, &hidden);
    let removals = upgrade(facts, &mut future, &import, &target, &mut draft);
    if !draft.refusals.is_empty() {
        return Err(draft.refusals);
    }
    let suspensions = policy::suspensions(&index, &import, &future, &mut draft);
    future::suspend(&mut future, &suspensions);
    let flows = flows::changes(&index, &import, &future, &hidden, &mut draft);
    future::flows_turned_on(&mut future, &flows, import.caller);
    let solution = SolutionChange { parts: import.parts, ..solution };
    let change_set = ChangeSet {
        facts_version: facts.environment.version,
        solution,
        tables: import.tables.to_vec(),
        connectors,
        references,
        variables,
        flows,
        removals,
        suspensions,
        overwrite: target.overwrite,
    };
    Ok(Outcome {
        change_set: Some(change_set),
        report: draft.report,
        identity_changes: forecast::identity_changes(&index, &Index::new(&future)),
        flows: draft.forecasts,
        warnings: draft.warnings,
        future,
    })
}

/// Refuses an import while another one runs; `running` is the solution that it brings. The words and
/// the code are those of the vendor's service, on which pipelines wait.
pub fn import_running(running: Option<&str>) -> Result<(), Refusal> {
    let Some(solution) = running else { return Ok(()) };
    let subject = Subject::new(SubjectKind::Solution, "", solution);
    let text = format!(
        "Cannot start another [Import] because there is a previous [Import] running ('{solution}'). \
         Use Solution History for more details."
    );
    Err(Refusal::new(code::IMPORT_RUNNING, 429, subject, text)
        .fix("wait for it: connref solution import --wait, or connref job list"))
}

/// What an upgrade removes. The future loses it too.
fn upgrade(
    facts: &Facts,
    future: &mut Facts,
    import: &Import<'_>,
    target: &layers::Target<'_>,
    draft: &mut Draft,
) -> Vec<Removal> {
    let Some(base) = target.base.filter(|_| import.options.mode == ImportMode::Upgrade) else {
        return Vec::new();
    };
    let stays = future::components_of(future, import);
    let leaving = removals::Leaving { before: facts, future, base, beside: None, stays: &stays };
    let removals = leaving.judge(draft);
    future::remove(future, &base.id, &removals);
    removals
}

/// What the steps collect on the way.
#[derive(Debug, Default)]
struct Draft {
    refusals: Vec<Refusal>,
    forecasts: Vec<FlowForecast>,
    warnings: Vec<Finding>,
    report: Vec<ReportLine>,
}
