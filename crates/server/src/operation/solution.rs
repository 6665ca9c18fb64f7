//! Solutions: making, importing, exporting.
use std::collections::BTreeMap;
use std::sync::Arc;

use connref_review::{
    Import, ImportMode, ImportOptions, Outcome, ReferenceStanding, Refusal, ReportLine,
    SubjectKind, import_outcome, import_running, promotion_outcome, reference_standings,
};
use connref_solution::archive::{Archive, Limits};
use connref_solution::model::PackageTable;
use connref_solution::model::facts::Fidelity;
use connref_solution::model::package::{FlowBody, Managed, Manifest, RootComponent};
use connref_solution::model::{
    DeploymentSettings, Facts, FlowId, JobId, Package, PrincipalId, SolutionId,
};
use connref_solution::{flow_bodies, package_read, package_write, tables_read};
use connref_store::StoreError;
use connref_store::job::{JobEnd, JobNew};
use connref_store::promote::Promote;
use connref_store::secret_search::SecretSearch;
use connref_store::solution::{Solution, SolutionContent, SolutionNew};
use connref_store::solution_remove::SolutionUpdate;
use serde_json::json;

use super::{OperationError, Result, judged, principal, with_causes};
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
    // Only deployers can hold the lock; who deletes without that right disturbs none of theirs.
    let _lock = match deployment_lock(cx).await {
        Err(OperationError::Store(StoreError::Denied { .. })) => None,
        lock => Some(lock?),
    };
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

/// Takes a component out of an unmanaged solution; the component itself stays.
pub async fn solution_component_remove(
    cx: &Context,
    solution: &str,
    kind: &'static str,
    id: &str,
) -> Result<()> {
    let solution = unmanaged(cx, solution).await?;
    Ok(cx
        .store()
        .solution_component_remove(&cx.caller, &cx.environment.id, &solution, kind, id)
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
    /// What would be imported.
    pub package: Package,
    /// The environment as it is.
    pub facts: Arc<Facts>,
    /// Who would import.
    pub caller: PrincipalId,
    /// What happens, or everything that forbids it.
    pub outcome: std::result::Result<Outcome, Vec<Refusal>>,
}

impl SolutionPlan {
    /// How the package's references stand afterwards; now, where the import is refused.
    pub fn references(&self) -> Vec<ReferenceStanding> {
        let after = self.outcome.as_ref().map_or(&*self.facts, |outcome| &outcome.future);
        reference_standings(after, &self.package)
    }
}

/// Tells what an import would do, for this caller and the environment as it is: the judgement of
/// [`solution_import`] itself, also where the caller has no right to import. Nothing is written.
pub async fn solution_plan(cx: &Context, import: &SolutionImport) -> Result<SolutionPlan> {
    let read = PackageRead::from_zip(&import.file)?;
    let caller = principal(cx)?;
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let outcome = import_outcome(&facts, read.asked(import, &caller, Vec::new()));
    Ok(SolutionPlan { package: read.package, facts, caller, outcome })
}

/// A package with the bodies of its flows.
pub(super) struct PackageRead {
    pub(super) archive: Archive,
    pub(super) package: Package,
    bodies: BTreeMap<FlowId, FlowBody>,
    tables: Vec<PackageTable>,
}

impl PackageRead {
    pub(super) fn asked<'a>(
        &'a self,
        import: &'a SolutionImport,
        caller: &'a PrincipalId,
        parts: Vec<(String, Vec<u8>)>,
    ) -> Import<'a> {
        Import {
            package: &self.package,
            bodies: &self.bodies,
            tables: &self.tables,
            parts,
            settings: import.settings.as_ref(),
            caller,
            options: import.options,
        }
    }

    pub(super) fn from_zip(file: &[u8]) -> Result<Self> {
        let archive = Archive::from_zip(file, &Limits::default()).map_err(|e| {
            OperationError::invalid(
                with_causes(&e),
                "export the solution again and give the zip as it is",
            )
        })?;
        let package = package_read(&archive).map_err(|e| {
            OperationError::invalid(
                with_causes(&e),
                "give a solution zip with solution.xml and customizations.xml at its root",
            )
        })?;
        let bodies = flow_bodies(&package).map_err(|e| {
            OperationError::invalid(
                with_causes(&e),
                "export the solution again, or repair this part",
            )
        })?;
        let (tables, odd) = tables_read(&archive).map_err(|e| {
            OperationError::invalid(
                with_causes(&e),
                "export the solution again, or repair this part",
            )
        })?;
        let mut package = package;
        package.problems.extend(odd);
        Ok(Self { archive, package, bodies, tables })
    }
}

/// Imports a solution: all of it, or nothing. What was refused is kept with the job.
pub async fn solution_import(cx: &Context, import: SolutionImport) -> Result<SolutionImported> {
    let read = PackageRead::from_zip(&import.file)?;
    let _lock = deployment_lock(cx).await?;
    let job = job_open(cx, &read, &import).await?;
    imported(cx, read, &import, job).await
}

/// The same, carried out while nobody waits: answers the operation and its job at once.
pub async fn solution_import_start(
    cx: &Context,
    import: SolutionImport,
    message: &'static str,
) -> Result<(JobId, JobId)> {
    let read = PackageRead::from_zip(&import.file)?;
    let lock = deployment_lock(cx).await?;
    let job = job_open(cx, &read, &import).await?;
    let new = JobNew { message, job: job.clone(), node: cx.app.node().to_owned() };
    let operation = cx.store().job_start(&cx.caller, &cx.environment.id, new).await?;
    let (cx, id, key) = (cx.clone(), operation.clone(), job.clone());
    tokio::spawn(async move {
        let end = match imported(&cx, read, &import, key).await {
            Ok(_) => JobEnd::Succeeded,
            Err(error) => JobEnd::Failed { code: IMPORT_FAILED, message: error.to_string() },
        };
        if let Err(error) = cx.store().job_finish(&cx.caller, &cx.environment.id, &id, end).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a job's end was not recorded"
            );
        }
        drop(lock);
    });
    Ok((operation, job))
}

/// 0x80048033, the code under which an import failed.
const IMPORT_FAILED: i64 = -2_147_188_685;

/// One deployment at a time per environment.
pub(super) async fn deployment_lock(cx: &Context) -> Result<connref_store::db::Lock> {
    let id = &cx.environment.id;
    if let Some(lock) = cx.store().deployment_lock(&cx.caller, id).await? {
        return Ok(lock);
    }
    let running = cx.store().import_running(&cx.caller, id).await?;
    import_running(Some(running.as_deref().unwrap_or("another one")))?;
    Err(OperationError::conflict("another import runs", "connref job list"))
}

async fn job_open(cx: &Context, read: &PackageRead, import: &SolutionImport) -> Result<JobId> {
    let context = match import.options.mode {
        ImportMode::Update => "Import",
        ImportMode::Holding => "Holding",
        ImportMode::Upgrade => "Upgrade",
    };
    let name = &read.package.manifest.unique_name;
    let wanted = import.job.as_deref().map(JobId::new);
    let id = &cx.environment.id;
    let job = cx.store().import_job_start(&cx.caller, id, wanted, name, context).await?;
    cx.store().reach("import-job");
    Ok(job)
}

/// Carries out an import whose job is open.
async fn imported(
    cx: &Context,
    read: PackageRead,
    import: &SolutionImport,
    job: JobId,
) -> Result<SolutionImported> {
    let parts: Vec<(String, Vec<u8>)> = read
        .archive
        .to_parts()
        .map_err(|e| OperationError::invalid(with_causes(&e), "export the solution again"))?;
    let result = apply(cx, &read, &parts, import, &job).await;
    match result {
        Ok(outcome) => Ok(SolutionImported { job, outcome, manifest: read.package.manifest }),
        Err(error) => {
            let data = job_data(&read.package, &[], Some(&error));
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
        let report = judged.as_ref().map_or(&[][..], |outcome| &outcome.report);
        let data = job_data(&read.package, report, None);
        async move {
            let mut outcome = judged?;
            cx.store().reach("import-judged");
            cx.store().import_job_progress(&cx.caller, &cx.environment.id, &job, 50).await?;
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
    let _lock = deployment_lock(cx).await?;
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

/// The record of an import job, in the shape clients read: `//solutionManifest/result/@result`, and
/// one element for each component.
fn job_data(package: &Package, report: &[ReportLine], error: Option<&OperationError>) -> String {
    let result = if error.is_some() { "failure" } else { "success" };
    let detail = error.map_or_else(String::new, |e| {
        format!(" errorcode=\"0x80048033\" errortext=\"{}\"", escaped(&e.to_string()))
    });
    let mut data = format!(
        "<importexportxml succeeded=\"{ok}\"><solutionManifests><solutionManifest id=\"{name}\">\
         <UniqueName>{name}</UniqueName><Version>{version}</Version>\
         <result result=\"{result}\"{detail} /></solutionManifest></solutionManifests>",
        ok = error.is_none(),
        name = escaped(&package.manifest.unique_name),
        version = escaped(&package.manifest.version),
    );
    const KINDS: [(SubjectKind, &str, &str); 4] = [
        (SubjectKind::Connector, "connectors", "connector"),
        (SubjectKind::Reference, "connectionreferences", "connectionreference"),
        (SubjectKind::Variable, "environmentvariabledefinitions", "environmentvariabledefinition"),
        (SubjectKind::Flow, "workflows", "workflow"),
    ];
    for (kind, list, element) in KINDS {
        data += &format!("<{list}>");
        for line in report.iter().filter(|line| line.subject.kind == kind) {
            let detail = line.detail.as_deref().unwrap_or_default();
            data += &format!(
                "<{element} id=\"{}\" LocalizedName=\"{}\" processed=\"true\">\
                 <result result=\"success\" errorcode=\"0\" errortext=\"{}\" /></{element}>",
                escaped(&line.subject.id),
                escaped(&line.subject.name),
                escaped(&format!("{} {detail}", line.word)),
            );
        }
        data += &format!("</{list}>");
    }
    data + "</importexportxml>"
}

fn escaped(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// How deep packages inside packages are searched.
const NESTED_MOST: usize = 4;

/// Searches a package for every secret that the vault holds: the file as it is, its parts unpacked,
/// their names, and packages inside it.
pub async fn solution_proof(cx: &Context, file: Vec<u8>) -> Result<SecretSearch> {
    let mut places = Vec::new();
    unpacked("", &file, 0, &mut places).map_err(|error| {
        OperationError::invalid(
            with_causes(&error),
            "export the solution again and give the zip as it is",
        )
    })?;
    places.push(("the file itself".to_owned(), file));
    Ok(cx.store().secrets_search(&cx.caller, &cx.environment.id, places).await?)
}

/// Parts of a zip, and of zips in it; a part that only looks like one stays as it is.
fn unpacked(
    prefix: &str,
    file: &[u8],
    depth: usize,
    places: &mut Vec<(String, Vec<u8>)>,
) -> std::result::Result<(), connref_solution::ArchiveError> {
    for (name, content) in Archive::from_zip(file, &Limits::default())?.to_parts()? {
        let place = format!("{prefix}{name}");
        if content.starts_with(b"PK\x03\x04") && depth < NESTED_MOST {
            // Its bytes are searched all the same.
            let _ = unpacked(&format!("{place}/"), &content, depth + 1, places);
        }
        places.push((place.clone(), name.into_bytes()));
        places.push((place, content));
    }
    Ok(())
}

/// Asks a job to end.
pub async fn job_cancel(cx: &Context, id: &str) -> Result<()> {
    Ok(cx.store().job_cancel(&cx.caller, &cx.environment.id, &id.into()).await?)
}

/// Exports an unmanaged solution as a zip, unmanaged or managed; the same solution gives the same
/// bytes. It carries no connection id and no credential: the model
/// it is written from has no place for either.
pub async fn solution_export(cx: &Context, name: &str, managed: bool) -> Result<Vec<u8>> {
    let content = cx.store().solution_content(&cx.caller, &cx.environment.id, name).await?;
    if content.solution.facts.managed {
        return Err(OperationError::invalid(
            format!("solution `{name}` is managed and cannot be exported"),
            "export it where it is developed",
        ));
    }
    let zip = write(&content, cx.environment.fidelity, managed)?;
    let detail = json!({"name": content.solution.facts.unique_name, "version": content.solution.facts.version, "managed": managed});
    let id = content.solution.facts.id.as_str();
    cx.store()
        .audit_record(&cx.caller, &cx.environment.id, "solution_export", "solution", id, detail)
        .await?;
    Ok(zip)
}

fn write(content: &SolutionContent, fidelity: Fidelity, managed: bool) -> Result<Vec<u8>> {
    let internal = |e: &dyn std::error::Error| {
        OperationError::Store(StoreError::Invalid(format!(
            "the solution cannot be written: {}",
            with_causes(e)
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
    if managed {
        package.manifest.managed = Managed::Managed;
    }
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
