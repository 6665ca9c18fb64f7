//! `StageSolution`.
use connref_solution::model::package::{Managed, PackageVariable};
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::solution::decoded;
use crate::operation::solution_stage::{Staged, solution_stage};
use crate::webapi::{Asked, Fault};

/// Keeps a package for a later import and says what is in it.
pub(super) async fn stage(asked: &Asked, mut parameters: Parameters) -> Result<Value, Fault> {
    let file = decoded(&parameters.take_text("CustomizationFile"))?;
    let staged = solution_stage(&asked.cx, file).await?;
    let refusals = staged.outcome.as_ref().err().map_or(&[][..], Vec::as_slice);
    let results = refusals.iter().map(|one| {
        json!({
            "SolutionValidationResultType": "Error", "ErrorCode": -2_147_188_685_i64,
            "AdditionalInfo": one.code, "Message": one.text,
        })
    });
    let missing = staged.package.manifest.missing_dependencies.iter().map(|one| {
        json!({
            "RequiredComponentSchemaName": one.required, "RequiredSolutionName": one.solution,
            "DependentComponentDisplayName": one.dependent,
        })
    });
    Ok(json!({"StageSolutionResults": {
        "StageSolutionUploadId": staged.id,
        "StageSolutionStatus": if refusals.is_empty() { "Passed" } else { "Failed" },
        "SolutionComponentsDetails": components(&staged),
        "SolutionDetails": details(&staged),
        "MissingDependencies": missing.collect::<Vec<_>>(),
        "SolutionValidationResults": results.collect::<Vec<_>>(),
    }}))
}

fn component(name: &str, kind: &str, present: Option<bool>, pairs: &[(&str, &str)]) -> Value {
    json!({
        "ComponentName": name,
        "ComponentTypeName": kind,
        "IsPresentInOrg": match present {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        },
        "Attributes": {
            "Count": pairs.len(),
            "Keys": pairs.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            "Values": pairs.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        },
    })
}

/// The solution, its tables, references, variables, and values that travel, in this order.
fn components(staged: &Staged) -> Vec<Value> {
    let manifest = &staged.package.manifest;
    let about =
        [("localizedname", &*manifest.display_name), ("description", &manifest.description)];
    let mut all = vec![component(&manifest.display_name, "solution", None, &about)];
    for (logical, shown) in &staged.entities {
        // No tables are kept here but those of the service itself.
        all.push(component(shown, "entity", Some(false), &[("name", logical)]));
    }
    for one in &staged.package.references {
        let api = one.api_name.connector_id();
        let pairs = [
            ("connectorid", api.as_str()),
            ("connectionreferencelogicalname", one.logical_name.as_str()),
            ("connectionreferencedisplayname", &one.display_name),
            ("description", one.description.as_deref().unwrap_or_default()),
        ];
        let here = staged.facts.reference(&one.logical_name).is_some();
        all.push(component(one.logical_name.as_str(), "connectionreference", Some(here), &pairs));
    }
    let here = |variable: &PackageVariable| {
        staged.facts.variables.iter().find(|known| known.schema_name == variable.schema_name)
    };
    for one in &staged.package.variables {
        all.push(definition(one, here(one).is_some()));
    }
    for one in &staged.package.variables {
        let Some(value) = &one.value else { continue };
        let schema = one.schema_name.as_str();
        let id = staged.value_ids.get(&schema.to_lowercase()).map_or("", String::as_str);
        let pairs = [("schemaname", schema), ("environmentvariablevalueid", id), ("value", value)];
        let present = here(one).is_some_and(|known| known.value.is_some());
        all.push(component(schema, "EnvironmentVariableValue", Some(present), &pairs));
    }
    all
}

fn definition(one: &PackageVariable, here: bool) -> Value {
    let (kind, api) = (one.kind.to_string(), one.api_name.as_ref().map(|api| api.connector_id()));
    let pairs = [
        ("schemaname", one.schema_name.as_str()),
        ("displayname", &one.display_name),
        ("description", one.description.as_deref().unwrap_or_default()),
        ("type", &kind),
        ("defaultvalue", one.default_value.as_deref().unwrap_or_default()),
        ("isrequired", if one.required { "true" } else { "false" }),
        ("parameterkey", one.parameter_key.as_deref().unwrap_or_default()),
        ("parentdefinitionid", one.parent.as_ref().map_or("", |parent| parent.as_str())),
        ("apiid", api.as_deref().unwrap_or_default()),
    ];
    component(&one.display_name, "EnvironmentVariableDefinition", Some(here), &pairs)
}

/// The solution as it comes and as it is installed.
fn details(staged: &Staged) -> Value {
    let manifest = &staged.package.manifest;
    let before = staged.installed.as_ref();
    let publisher = before.map(|solution| &solution.facts.publisher);
    let upgrade = staged.facts.solutions.iter().any(|solution| {
        let of = solution.upgrade_of.as_ref();
        of.is_some() && of == before.map(|installed| &installed.facts.id)
    });
    json!({
        "SolutionUniqueName": manifest.unique_name,
        "SolutionFriendlyName": manifest.display_name,
        "SolutionDescription": manifest.description,
        "PublisherUniqueName": manifest.publisher.unique_name,
        "PublisherFriendlyName": manifest.publisher.display_name,
        "PreviousSolutionUniqueName": before.map(|solution| &solution.facts.unique_name),
        "PreviousSolutionFriendlyName": before.map(|solution| &solution.display_name),
        "PreviousPublisherUniqueName": publisher.map(|publisher| &publisher.unique_name),
        "PreviousPublisherFriendlyName": publisher.map(|publisher| &publisher.display_name),
        // A patch is refused when it is read.
        "IsPatchSolution": false,
        "IsManaged": manifest.managed == Managed::Managed,
        "PreviousIsManaged": before.is_some_and(|solution| solution.facts.managed),
        "SolutionVersion": manifest.version,
        "PreviousSolutionVersion": before.map(|solution| &solution.facts.version),
        "PreviousPatchSolutionsNames": [],
        "IsPrerequisitesExport": false,
        "HasPendingUpgrade": upgrade,
    })
}
