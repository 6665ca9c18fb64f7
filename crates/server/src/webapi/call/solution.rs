//! `ImportSolution`, `ExportSolution`, `AddSolutionComponent`.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connref_review::{ImportMode, ImportOptions};
use connref_solution::model::settings::{SettingsReference, SettingsVariable};
use connref_solution::model::{ApiName, ComponentKind, DeploymentSettings, LogicalName};
use connref_store::query::{Compare, Expr, Literal, Operand, Query, table_by_logical_name};
use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::operation::OperationError;
use crate::operation::dependency::dependency_closure;
use crate::operation::export_job::{solution_export_start, solution_exported};
use crate::operation::solution::{
    SolutionImport, solution_component_add, solution_component_remove, solution_export,
    solution_import, solution_import_start, solution_plan, solution_promote, solution_proof,
};
use crate::operation::solution_stage::solution_staged;
use crate::webapi::locate::run;
use crate::webapi::plan::plan_document;
use crate::webapi::{Asked, Fault};

pub(super) async fn import(
    asked: &Asked,
    mut parameters: Parameters,
    upgrade: bool,
) -> Result<(), Fault> {
    let import = asked_import(asked, &mut parameters, upgrade).await?;
    match solution_import(&asked.cx, import).await {
        Err(OperationError::Refused { refusals }) => Err(Fault::refused_plainly(&refusals)),
        done => Ok(done.map(drop)?),
    }
}

/// The parameters that an import and its plan have in common.
async fn asked_import(
    asked: &Asked,
    parameters: &mut Parameters,
    upgrade: bool,
) -> Result<SolutionImport, Fault> {
    let staged = parameters.given("SolutionParameters")["StageSolutionUploadId"].as_str();
    let file = match staged.map(str::to_owned) {
        Some(id) => solution_staged(&asked.cx, &id).await?,
        None => decoded(&parameters.take_text("CustomizationFile"))?,
    };
    let options = ImportOptions {
        publish_workflows: parameters.flag("PublishWorkflows").unwrap_or(true),
        convert_to_managed: parameters.flag("ConvertToManaged").unwrap_or(false),
        skip_lower_version: parameters.flag("SkipLowerVersion").unwrap_or(false),
        overwrite: parameters.flag("OverwriteUnmanagedCustomizations").unwrap_or(false),
        allow_older: parameters.flag("connref_AllowOlder").unwrap_or(false),
        mode: match parameters.flag("HoldingSolution") {
            _ if upgrade => ImportMode::Upgrade,
            Some(true) => ImportMode::Holding,
            _ => ImportMode::Update,
        },
    };
    Ok(SolutionImport {
        file,
        settings: settings(parameters.list("ComponentParameters"))?,
        options,
        job: parameters.text("ImportJobId").map(str::to_owned),
    })
}

pub(super) fn decoded(text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD
        .decode(text.as_bytes())
        .map_err(|_| Fault::invalid("`CustomizationFile` is not base64."))
}

/// Starts an import and answers at once.
pub(super) async fn import_start(
    asked: &Asked,
    mut parameters: Parameters,
    upgrade: bool,
) -> Result<Value, Fault> {
    let message = if upgrade { "StageAndUpgradeAsync" } else { "ImportSolutionAsync" };
    let import = asked_import(asked, &mut parameters, upgrade).await?;
    match solution_import_start(&asked.cx, import, message).await {
        Err(OperationError::Refused { refusals }) => Err(Fault::refused_plainly(&refusals)),
        done => {
            let (operation, job) = done?;
            Ok(json!({"ImportJobKey": job.as_str(), "AsyncOperationId": operation.as_str()}))
        }
    }
}

/// What an import would do: the same judgement, nothing written. A refused one is an answer too.
pub(super) async fn plan(asked: &Asked, mut parameters: Parameters) -> Result<Value, Fault> {
    let upgrade = parameters.flag("Upgrade").unwrap_or(false);
    let import = asked_import(asked, &mut parameters, upgrade).await?;
    let plan = solution_plan(&asked.cx, &import).await?;
    Ok(plan_document(&plan.package, &plan.facts, &plan.caller, &plan.outcome))
}

/// What binds and sets at import. An empty connection id or value leaves things as they are.
fn settings(list: &[Value]) -> Result<Option<DeploymentSettings>, Fault> {
    if list.is_empty() {
        return Ok(None);
    }
    let mut settings = DeploymentSettings::default();
    for entry in list {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("@odata.type").trim_start_matches('#');
        match kind.strip_prefix("Microsoft.Dynamics.CRM.").unwrap_or(kind) {
            "connectionreference" => settings.references.push(SettingsReference {
                logical_name: named(text("connectionreferencelogicalname"))?,
                connection_id: text("connectionid").to_owned(),
                api_name: Some(text("connectorid"))
                    .filter(|id| !id.is_empty())
                    .map(ApiName::from_connector_id),
                owner: None,
            }),
            "environmentvariablevalue" => settings.variables.push(SettingsVariable {
                schema_name: named(text("schemaname"))?,
                value: text("value").to_owned(),
            }),
            kind => {
                return Err(Fault::invalid(format!(
                    "`ComponentParameters` of the type `{kind}` are not supported"
                )));
            }
        }
    }
    Ok(Some(settings))
}

fn named(name: &str) -> Result<LogicalName, Fault> {
    if name.is_empty() {
        return Err(Fault::payload("An entry of `ComponentParameters` has no name."));
    }
    Ok(LogicalName::new(name))
}

/// Searches a package for the secrets of the vault; answers places and fields, never a secret.
pub(super) async fn proof(asked: &Asked, mut parameters: Parameters) -> Result<Value, Fault> {
    let file = decoded(&parameters.take_text("CustomizationFile"))?;
    let search = solution_proof(&asked.cx, file).await?;
    let found = search.found.iter().map(|one| {
        json!({
            "place": one.place, "form": one.form,
            "connection": one.connection.as_str(), "field": one.field,
        })
    });
    Ok(json!({
        "secrets": search.secrets,
        "short": search.short,
        "forms": connref_store::secret_search::FORMS,
        "found": found.collect::<Vec<_>>(),
    }))
}

/// Promotes the holding solution of a solution.
pub(super) async fn promote(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    match solution_promote(&asked.cx, parameters.required("UniqueName")).await {
        Err(OperationError::Refused { refusals }) => Err(Fault::refused_plainly(&refusals)),
        done => Ok(json!({"SolutionId": done?.as_str()})),
    }
}

/// Takes away the unmanaged layer of a component.
pub(super) async fn layer_remove(asked: &Asked, parameters: Parameters) -> Result<(), Fault> {
    let name = parameters.required("SolutionComponentName");
    let kind = ComponentKind::REMOVED_IN_ORDER
        .into_iter()
        .find(|kind| kind.table().eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            Fault::invalid(format!("components of the type `{name}` have no layers here"))
        })?;
    let id = parameters.required("ComponentId");
    Ok(crate::operation::layer::layer_remove(&asked.cx, kind, id).await?)
}

pub(super) async fn export(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let managed = parameters.flag("Managed").unwrap_or(false);
    let zip = solution_export(&asked.cx, parameters.required("SolutionName"), managed).await?;
    Ok(json!({"ExportSolutionFile": STANDARD.encode(zip)}))
}

pub(super) async fn export_start(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let managed = parameters.flag("Managed").unwrap_or(false);
    let name = parameters.required("SolutionName");
    let (operation, job) = solution_export_start(&asked.cx, name, managed).await?;
    Ok(json!({"AsyncOperationId": operation.as_str(), "ExportJobId": job.as_str()}))
}

pub(super) async fn exported(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let zip = solution_exported(&asked.cx, parameters.required("ExportJobId")).await?;
    Ok(json!({"ExportSolutionFile": STANDARD.encode(zip)}))
}

/// Numbers of component types. References have none of their own: they take that of their table.
const NUMBERS: [(i64, ComponentKind); 5] = [
    (29, ComponentKind::Flow),
    (372, ComponentKind::Connector),
    (371, ComponentKind::Connector),
    (380, ComponentKind::Variable),
    (10091, ComponentKind::Reference),
];

/// The kind of component behind a number.
pub(super) fn component_kind(number: Option<i64>) -> Result<ComponentKind, Fault> {
    let number = number.unwrap_or_default();
    let found = NUMBERS.iter().find(|(known, _)| *known == number);
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        Fault::invalid(format!(
            "components of the type {number} are not kept; flows are 29, connectors 372, \
             variables 380, connection references 10091"
        ))
    })
}

/// The number of a kind of component.
pub(super) fn component_number(kind: ComponentKind) -> i64 {
    NUMBERS.iter().find(|(_, known)| *known == kind).map_or(0, |(number, _)| *number)
}

pub(super) async fn add_component(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let kind = component_kind(parameters.int("ComponentType"))?;
    let (solution, id) =
        (parameters.required("SolutionUniqueName"), parameters.required("ComponentId"));
    solution_component_add(&asked.cx, solution, kind.as_str(), id).await?;
    if parameters.flag("AddRequiredComponents") == Some(true) {
        for one in dependency_closure(&asked.cx, kind, id).await? {
            solution_component_add(&asked.cx, solution, one.kind.as_str(), &one.id).await?;
        }
    }
    Ok(json!({"id": component_row(asked, solution, id).await?}))
}

/// The row that says that something is in a solution.
async fn component_row(asked: &Asked, solution: &str, id: &str) -> Result<String, Fault> {
    let table = table_by_logical_name("solutioncomponent")
        .ok_or_else(|| Fault::no_resource("solutioncomponents"))?;
    let mut query = Query::new(table);
    query.filter = Some(Expr::And(vec![
        Expr::equal("objectid", Literal::Guid(id.to_owned())),
        Expr::Compare {
            left: Operand::Path(vec!["solutionid".into(), "uniquename".into()]),
            by: Compare::Eq,
            right: Operand::Literal(Literal::Text(solution.to_owned())),
        },
    ]));
    let row = run(asked, query).await?.pop().ok_or_else(|| Fault::no_row(table.name, id))?;
    Ok(row.id)
}

/// Takes a component out of a solution. `SolutionComponent` names the row of `solutioncomponents`, or,
/// as clients send it too, the component itself.
pub(super) async fn remove_component(
    asked: &Asked,
    parameters: Parameters,
) -> Result<Value, Fault> {
    let kind = component_kind(parameters.int("ComponentType"))?;
    let solution = parameters.required("SolutionUniqueName");
    let object = parameters.object("SolutionComponent");
    let given = ["solutioncomponentid", "objectid", "componentid"];
    let given = given.iter().find_map(|name| object.get(*name)?.as_str());
    let given =
        given.ok_or_else(|| Fault::payload("`SolutionComponent` has no `solutioncomponentid`."))?;
    let table = table_by_logical_name("solutioncomponent")
        .ok_or_else(|| Fault::no_resource("solutioncomponents"))?;
    let mut query = Query::new(table);
    query.filter = Some(Expr::equal("solutioncomponentid", Literal::Guid(given.to_lowercase())));
    let object = match run(asked, query).await?.pop() {
        Some(row) => match row.cell("objectid") {
            Some(connref_store::query::Cell::Text(id)) => id.clone(),
            _ => given.to_lowercase(),
        },
        None => given.to_lowercase(),
    };
    let row = component_row(asked, solution, &object).await?;
    solution_component_remove(&asked.cx, solution, kind.as_str(), &object).await?;
    Ok(json!({"id": row}))
}
