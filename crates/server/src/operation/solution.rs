//! Solutions: making, importing, exporting.
use std::collections::BTreeMap;
use std::sync::Arc;

use connref_review::{Import, ImportOptions, Outcome, Refusal, import_outcome, promotion_outcome};
use connref_solution::archive::{Archive, Limits};
use connref_solution::model::facts::Fidelity;
use connref_solution::model::package::{FlowBody, Managed, Manifest, RootComponent};
use connref_solution::model::{
    DeploymentSettings, Facts, FlowId, JobId, Package, PrincipalId, SolutionId,
};
use connref_solution::{flow_bodies, package_read, package_write};
use connref_store::StoreError;
use connref_store::access::Privilege;
use connref_store::promote::Promote;
use connref_store::solution::{Solution, SolutionContent, SolutionNew};
use connref_store::solution_remove::SolutionUpdate;
use serde_json::json;

use super::{OperationError, Result, judged, principal};
use crate::Context;

/// An unmanaged solution to make.
#[derive(Clone, Debug)]
pub struct SolutionCreate {
    /// Unique name.
    pub unique_name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Version.
    pub version: String,
    /// Publisher: unique name or id.
    pub publisher: String,
}

/// A publisher to make.
pub type PublisherCreate = connref_solution::model::package::Publisher;

/// Makes a publisher.
pub async fn publisher_create(
    cx: &Context,
    new: PublisherCreate,
) -> Result<connref_solution::model::PublisherId> {
    Ok(cx.store().publisher_create(&cx.caller, &cx.environment.id, new).await?)
}

/// Makes an unmanaged solution.
pub async fn solution_create(cx: &Context, new: SolutionCreate) -> Result<Solution> {
    let display_name =
        if new.display_name.is_empty() { new.unique_name.clone() } else { new.display_name };
    let row = SolutionNew {
        unique_name: new.unique_name,
        display_name,
        description: new.description,
        version: if new.version.is_empty() { "1.0.0.0".to_owned() } else { new.version },
        publisher: new.publisher,
    };
    Ok(cx.store().solution_create(&cx.caller, &cx.environment.id, row).await?)
}

/// Changes an unmanaged solution.
pub async fn solution_update(cx: &Context, id: &str, update: SolutionUpdate) -> Result<()> {
    Ok(cx.store().solution_update(&cx.caller, &cx.environment.id, &id.into(), update).await?)
}

/// Deletes an unmanaged solution (what was in it stays), or uninstalls a managed one.
pub async fn solution_delete(cx: &Context, id: &str) -> Result<()> {
    Ok(cx.store().solution_delete(&cx.caller, &cx.environment.id, &id.into()).await?)
}

/// Changes a publisher's display name.
pub async fn publisher_update(cx: &Context, id: &str, display_name: String) -> Result<()> {
    Ok(cx
        .store()
        .publisher_update(&cx.caller, &cx.environment.id, &id.into(), display_name)
        .await?)
}

/// Deletes a publisher that has no solution.
pub async fn publisher_delete(cx: &Context, id: &str) -> Result<()> {
    Ok(cx.store().publisher_delete(&cx.caller, &cx.environment.id, &id.into()).await?)
}

/// The unmanaged solution that something is added to.
pub(super) async fn unmanaged(cx: &Context, name: &str) -> Result<SolutionId> {
    let solution = cx.store().solution_get(&cx.caller, &cx.environment.id, name).await?;
    if solution.facts.managed {
        return Err(OperationError::invalid(
            format!("solution `{name}` is managed and takes nothing new here"),
            "make an unmanaged solution with `connref solution create`, or change it where it is developed",
        ));
    }
    Ok(solution.facts.id)
}

/// Adds what exists already to an unmanaged solution. Kinds: `reference`, `flow`, `variable`,
/// `connector`.
pub async fn solution_component_add(
    cx: &Context,
    solution: &str,
    kind: &'static str,
    id: &str,
) -> Result<()> {
    let solution = unmanaged(cx, solution).await?;
    Ok(cx
        .store()
        .solution_component_add(&cx.caller, &cx.environment.id, &solution, kind, id)
        .await?)
}

/// An import.
pub struct SolutionImport {
    /// The zip.
    pub file: Vec<u8>,
    /// What to bind and set.
    pub settings: Option<DeploymentSettings>,
    /// Options.
    pub options: ImportOptions,
    /// Id of the import job; made if missing.
    pub job: Option<String>,
}

/// What an import did.
#[derive(Debug)]
pub struct SolutionImported {
    /// The job.
    pub job: JobId,
    /// What happened, and what is worth knowing.
    pub outcome: Outcome,
    /// Name and version.
    pub manifest: Manifest,
}

/// What an import would do.
#[derive(Debug)]
pub struct SolutionPlan {
    /// Name and version.
    pub manifest: Manifest,
    /// The environment as it is.
    pub facts: Arc<Facts>,
    /// What happens, or everything that forbids it.
    pub outcome: std::result::Result<Outcome, Vec<Refusal>>,
}

/// Tells what an import would do, for this caller and the environment as it is: the judgement of
/// [`solution_import`] itself. Nothing is written.
pub async fn solution_plan(cx: &Context, import: &SolutionImport) -> Result<SolutionPlan> {
    let read = PackageRead::from_zip(&import.file)?;
    let caller = principal(cx)?;
    cx.caller.require(&cx.environment.id, Privilege::ImportCustomization, "import solutions")?;
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let outcome = import_outcome(&facts, read.asked(import, &caller, Vec::new()));
    Ok(SolutionPlan { manifest: read.package.manifest, facts, outcome })
}

/// A package with the bodies of its flows.
struct PackageRead {
    archive: Archive,
    package: Package,
    bodies: BTreeMap<FlowId, FlowBody>,
}

impl PackageRead {
    fn asked<'a>(
        &'a self,
        import: &'a SolutionImport,
        caller: &'a PrincipalId,
        parts: Vec<(String, Vec<u8>)>,
    ) -> Import<'a> {
        Import {
            package: &self.package,
            bodies: &self.bodies,
            parts,
            settings: import.settings.as_ref(),
            caller,
            options: import.options,
        }
    }

    fn from_zip(file: &[u8]) -> Result<Self> {
        let archive = Archive::from_zip(file, &Limits::default()).map_err(|e| {
            OperationError::invalid(
                chain(&e),
                "export the solution again and give the zip as it is",
            )
        })?;
        let package = package_read(&archive).map_err(|e| {
            OperationError::invalid(
                chain(&e),
                "give a solution zip with solution.xml and customizations.xml at its root",
            )
        })?;
        let bodies = flow_bodies(&package).map_err(|e| {
            OperationError::invalid(chain(&e), "export the solution again, or repair this part")
        })?;
        Ok(Self { archive, package, bodies })
    }
}

/// Imports a solution: all of it, or nothing. What was refused is kept with the job.
pub async fn solution_import(cx: &Context, import: SolutionImport) -> Result<SolutionImported> {
    let read = PackageRead::from_zip(&import.file)?;
    let parts: Vec<(String, Vec<u8>)> = read
        .archive
        .to_parts()
        .map_err(|e| OperationError::invalid(chain(&e), "export the solution again"))?;
    let job = cx
        .store()
        .import_job_start(
            &cx.caller,
            &cx.environment.id,
            import.job.as_deref().map(JobId::new),
            &read.package.manifest.unique_name,
        )
        .await?;
    let result = apply(cx, &read, &parts, &import, &job).await;
    match result {
        Ok(outcome) => Ok(SolutionImported { job, outcome, manifest: read.package.manifest }),
        Err(error) => {
            let data = job_data(&read.package, "failure", Some(&error));
            cx.store().import_job_fail(&cx.caller, &cx.environment.id, &job, data).await?;
            Err(error)
        }
    }
}

async fn apply(
    cx: &Context,
    read: &PackageRead,
    parts: &[(String, Vec<u8>)],
    import: &SolutionImport,
    job: &JobId,
) -> Result<Outcome> {
    let caller = principal(cx)?;
    judged(cx, |facts| {
        let judged = import_outcome(&facts, read.asked(import, &caller, parts.to_vec()));
        let (cx, job) = (cx.clone(), job.clone());
        let data = job_data(&read.package, "success", None);
        async move {
            let mut outcome = judged?;
            match outcome.change_set.take() {
                Some(change) => {
                    let done = Some((job, data));
                    cx.store().change_apply(&cx.caller, &cx.environment.id, change, done).await?;
                }
                None => {
                    cx.store().import_job_fail(&cx.caller, &cx.environment.id, &job, data).await?;
                }
            }
            Ok(outcome)
        }
    })
    .await
}

/// Puts the holding solution of `name` in the place of the installed one.
pub async fn solution_promote(cx: &Context, name: &str) -> Result<SolutionId> {
    judged(cx, |facts| {
        let judged = promotion_outcome(&facts, name);
        let cx = cx.clone();
        async move {
            let promotion = judged?;
            let promote = Promote {
                facts_version: promotion.facts_version,
                base: promotion.base,
                holding: promotion.holding,
                removals: promotion.removals,
            };
            Ok(cx.store().solution_promote(&cx.caller, &cx.environment.id, promote, None).await?)
        }
    })
    .await
}

/// The record of an import job, in the shape clients read: `//solutionManifest/result/@result`.
fn job_data(package: &Package, result: &str, error: Option<&OperationError>) -> String {
    let escape = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let detail = error.map_or_else(String::new, |e| {
        format!(" errorcode=\"0x80048033\" errortext=\"{}\"", escape(&e.to_string()))
    });
    format!(
        "<importexportxml><solutionManifests><solutionManifest id=\"{name}\"><UniqueName>{name}</UniqueName>\
         <Version>{version}</Version><result result=\"{result}\"{detail} /></solutionManifest>\
         </solutionManifests></importexportxml>",
        name = escape(&package.manifest.unique_name),
        version = escape(&package.manifest.version),
    )
}

/// Exports an unmanaged solution as a zip. It carries no connection id and no credential: the model
/// it is written from has no place for either.
pub async fn solution_export(cx: &Context, name: &str, managed: bool) -> Result<Vec<u8>> {
    if managed {
        return Err(OperationError::invalid(
            "exporting as managed is not offered yet",
            "export unmanaged (leave out --managed)",
        ));
    }
    let content = cx.store().solution_content(&cx.caller, &cx.environment.id, name).await?;
    if content.solution.facts.managed {
        return Err(OperationError::invalid(
            format!("solution `{name}` is managed and cannot be exported"),
            "export it where it is developed",
        ));
    }
    let zip = write(&content, cx.environment.fidelity)?;
    let detail = json!({"name": content.solution.facts.unique_name, "version": content.solution.facts.version});
    let id = content.solution.facts.id.as_str();
    cx.store()
        .audit_record(&cx.caller, &cx.environment.id, "solution_export", "solution", id, detail)
        .await?;
    Ok(zip)
}

fn write(content: &SolutionContent, fidelity: Fidelity) -> Result<Vec<u8>> {
    let internal = |e: &dyn std::error::Error| {
        OperationError::Store(StoreError::Invalid(format!(
            "the solution cannot be written: {}",
            chain(e)
        )))
    };
    let base = if content.parts.is_empty() {
        None
    } else {
        Some(
            Archive::from_parts(content.parts.clone(), &Limits::default())
                .map_err(|e| internal(&e))?,
        )
    };
    let mut package = match &base {
        Some(base) => package_read(base).map_err(|e| internal(&e))?,
        None => Package::default(),
    };
    fill(&mut package, content, fidelity);
    let archive = package_write(base.as_ref(), &package).map_err(|e| internal(&e))?;
    archive.to_zip().map_err(|e| internal(&e))
}

/// Puts what the environment holds now over what the last import brought.
fn fill(package: &mut Package, content: &SolutionContent, fidelity: Fidelity) {
    let solution = &content.solution;
    let manifest = &mut package.manifest;
    manifest.unique_name.clone_from(&solution.facts.unique_name);
    manifest.display_name.clone_from(&solution.display_name);
    manifest.description = solution.description.clone().unwrap_or_default();
    manifest.version.clone_from(&solution.facts.version);
    manifest.managed = Managed::Unmanaged;
    manifest.publisher = solution.facts.publisher.clone();
    manifest.language = solution.language;
    let mut variables = content.variables.clone();
    for variable in &mut variables {
        // A value travels only if the package it came from carried one: values of this environment
        // stay in it.
        let before = package.variables.iter().find(|v| v.schema_name == variable.schema_name);
        variable.value = before.and_then(|v| v.value.clone());
    }
    package.variables = variables;
    package.references.clone_from(&content.references);
    package.connectors.clone_from(&content.connectors);
    let mut workflows = content.workflows.clone();
    for (workflow, wanted_on) in workflows.iter_mut().zip(&content.wanted_on) {
        // Off here only for want of a binding does not mean off in the next environment. The vendor's
        // service exports the state as it is.
        if workflow.is_cloud_flow() && fidelity == Fidelity::Extended {
            workflow.state_code = i32::from(*wanted_on);
        }
    }
    package.workflows = workflows;
    components(package);
}

/// Flows (29) and connectors (372) are root components; references and variables never are.
fn components(package: &mut Package) {
    let has = |kind: u32, id: &str, all: &[RootComponent]| {
        all.iter().any(|c| c.kind == kind && c.id.as_deref() == Some(id))
    };
    let mut wanted: Vec<(u32, String, Option<String>)> =
        package.workflows.iter().map(|w| (29, w.id.as_str().to_owned(), None)).collect();
    let connectors = package.connectors.iter();
    wanted.extend(connectors.map(|c| (372, c.id.to_lowercase(), Some(c.name.clone()))));
    let roots = &mut package.manifest.root_components;
    let known = |kind: u32, id: &str| wanted.iter().any(|(k, i, _)| *k == kind && i == id);
    roots.retain(|c| {
        !matches!(c.kind, 29 | 372) || c.id.as_deref().is_none_or(|id| known(c.kind, id))
    });
    for (kind, id, schema_name) in wanted {
        if !has(kind, &id, roots) {
            roots.push(RootComponent { kind, id: Some(id), schema_name, behavior: 0 });
        }
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
