//! Functions and actions: parameters in, an operation, a document out.
mod access;
mod audit;
mod bulk_delete;
mod bulk_rows;
mod dependency;
mod flow;
mod import_result;
mod metadata_changes;
mod parameters;
mod reference;
mod solution;
mod stage;
mod state;
mod variable;

use axum::response::Response;
use connref_store::access::{Caller, Privilege};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::path::Segment;
use super::verb::{Verb, VerbKind};
use super::{Asked, Fault, reply};
use crate::operation::dependency::Side;
pub(super) use access::{owner_pointed, principal_access};
pub(super) use audit::finding;
pub(super) use bulk_delete::kept as bulk_queries;
pub(super) use flow::state as flow_state;
use parameters::Parameters;

/// The version of the service whose API this is.
const VERSION: &str = "9.2.0.0";

/// Answers a function or an action that is bound to nothing.
pub(super) async fn call(
    asked: &Asked,
    verb: &'static Verb,
    segment: &Segment,
) -> Result<Response, Fault> {
    let wanted = match verb.kind {
        VerbKind::Function => Method::GET,
        VerbKind::Action => Method::POST,
    };
    if asked.method != wanted {
        return Err(Fault::http_method(&asked.method));
    }
    if let Some(next) = asked.segments.get(1) {
        return Err(Fault::no_resource(&next.name));
    }
    let parameters = Parameters::read(asked, verb, segment)?;
    let answer = run(asked, verb, parameters).await?;
    match answer {
        Some(answer) if verb.name == "RetrieveEnvironmentVariableSecretValue" => {
            let mut response = reply::json(asked, &in_context(asked, verb, answer));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Some(answer) => Ok(reply::json(asked, &in_context(asked, verb, answer))),
        None => Ok(reply::nothing()),
    }
}

async fn run(
    asked: &Asked,
    verb: &'static Verb,
    parameters: Parameters,
) -> Result<Option<Value>, Fault> {
    match verb.name {
        "AddSolutionComponent" => solution::add_component(asked, parameters).await.map(Some),
        "BulkDelete" => bulk_delete::start(asked, parameters).await.map(Some),
        "connref_BulkDeletePreview" => bulk_delete::preview(asked, parameters).await.map(Some),
        "DownloadSolutionExportData" => solution::exported(asked, parameters).await.map(Some),
        "ExportSolutionAsync" => solution::export_start(asked, parameters).await.map(Some),
        // Everything that is written is published at once.
        "PublishAllXml" | "PublishXml" => {
            let attempt = "publish customizations";
            let (caller, environment) = (&asked.cx.caller, &asked.cx.environment.id);
            caller.require(environment, Privilege::PublishCustomization, attempt)?;
            Ok(None)
        }
        "RemoveSolutionComponent" => solution::remove_component(asked, parameters).await.map(Some),
        "RetrieveDependenciesForDelete" | "RetrieveDependentComponents" => {
            dependency::list(asked, parameters, Side::Dependent).await.map(Some)
        }
        "RetrieveRequiredComponents" => {
            dependency::list(asked, parameters, Side::Required).await.map(Some)
        }
        "RetrieveMissingDependencies" => dependency::missing(asked, parameters).await.map(Some),
        "RetrieveFormattedImportJobResults" => {
            import_result::formatted(asked, parameters).await.map(Some)
        }
        "RetrieveMetadataChanges" => metadata_changes::retrieve(asked, &parameters).map(Some),
        // Texts are kept in one language.
        "RetrieveAvailableLanguages" => Ok(Some(json!({"LocaleIds": [1033]}))),
        "RetrieveProvisionedLanguages" => Ok(Some(json!({"RetrieveProvisionedLanguages": [1033]}))),
        "RetrieveVersion" => Ok(Some(json!({"Version": VERSION}))),
        "RetrieveSolutionImportResult" => import_result::result(asked, parameters).await.map(Some),
        "SetState" => state::set(asked, parameters).await.map(|()| None),
        "ExportSolution" => solution::export(asked, parameters).await.map(Some),
        "GrantAccess" => access::grant(asked, parameters, true).await.map(|()| None),
        "IsValidStateTransition" => state::valid(asked, parameters).await.map(Some),
        "ModifyAccess" => access::grant(asked, parameters, false).await.map(|()| None),
        "RevokeAccess" => access::revoke(asked, parameters).await.map(|()| None),
        "RetrieveSharedPrincipalsAndAccess" => access::shares(asked, parameters).await.map(Some),
        "DeleteAndPromote" => solution::promote(asked, parameters).await.map(Some),
        "ImportSolution" => solution::import(asked, parameters, false).await.map(|()| None),
        "ImportSolutionAsync" => solution::import_start(asked, parameters, false).await.map(Some),
        "StageAndUpgradeAsync" => solution::import_start(asked, parameters, true).await.map(Some),
        "StageSolution" => stage::stage(asked, parameters).await.map(Some),
        "StageAndUpgrade" => solution::import(asked, parameters, true).await.map(|()| None),
        "RemoveActiveCustomizations" => {
            solution::layer_remove(asked, parameters).await.map(|()| None)
        }
        "RetrieveEnvironmentVariableSecretValue" => {
            variable::secret(asked, parameters).await.map(Some)
        }
        "RetrieveEnvironmentVariableValue" => variable::value(asked, parameters).await.map(Some),
        "WhoAmI" => Ok(Some(who_am_i(asked))),
        "connref_AuditDeparted" => audit::departed(asked, parameters).await.map(Some),
        "connref_AuditLog" => audit::log(asked, parameters).await.map(Some),
        "connref_AuditVerify" => audit::verify(asked).await.map(Some),
        "connref_BindReferences" => reference::bind_all(asked, parameters).await.map(Some),
        "connref_BindingHistory" => audit::binding_history(asked, parameters).await.map(Some),
        "connref_Facts" => audit::facts(asked).await.map(Some),
        "connref_FlowShare" => flow::share(asked, parameters).await.map(|()| None),
        "connref_FlowsWhy" => flow::why_all(asked, parameters).await.map(Some),
        "connref_FlowWhy" => flow::why(asked, parameters).await.map(Some),
        "connref_PlanImport" => solution::plan(asked, parameters).await.map(Some),
        "connref_SolutionProof" => solution::proof(asked, parameters).await.map(Some),
        "connref_Reassign" => audit::reassign(asked, parameters).await.map(Some),
        "connref_VariableShow" => variable::show(asked, parameters).await.map(Some),
        name => Err(Fault::no_resource(name)),
    }
}

fn who_am_i(asked: &Asked) -> Value {
    json!({
        "BusinessUnitId": match &asked.cx.caller {
            Caller::Member(member) => member.unit.clone(),
            _ => asked.cx.environment.business_unit_id.clone(),
        },
        "UserId": asked.user(),
        "OrganizationId": asked.cx.environment.organization_id,
    })
}

/// The document with its context in front.
fn in_context(asked: &Asked, verb: &Verb, answer: Value) -> Value {
    let result = verb.result.unwrap_or_default().replace("mscrm.", "Microsoft.Dynamics.CRM.");
    let mut whole = serde_json::Map::new();
    let context = format!("{}/$metadata#{result}", asked.root);
    whole.insert("@odata.context".to_owned(), Value::from(context));
    if let Value::Object(answer) = answer {
        whole.extend(answer);
    }
    Value::Object(whole)
}
