//! Solutions: making, importing, exporting.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connref_solution::model::DeploymentSettings;
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, optional, text};
use crate::odata::query;
use crate::{ApiService, Client, ClientError, Result};

const SET: &str = "solutions";

/// A solution of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// Row id.
    pub id: String,
    /// Unique name.
    pub unique_name: String,
    /// Display name.
    pub display_name: String,
    /// Version.
    pub version: String,
    /// Managed.
    pub managed: bool,
    /// Installed on, ISO 8601.
    pub installed_on: Option<String>,
}

/// What an import is asked to do.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// The zip.
    pub file: &'a [u8],
    /// Id of the import job, a fresh GUID.
    pub job_id: &'a str,
    /// Bindings and values that the import carries.
    pub settings: Option<&'a DeploymentSettings>,
    /// Flows take their exported state.
    pub publish_workflows: bool,
    /// Unmanaged changes on top are overwritten.
    pub overwrite: bool,
    /// An unmanaged package becomes managed.
    pub convert_to_managed: bool,
    /// Imported as a holding solution.
    pub holding: bool,
    /// Dependencies on product updates are not checked.
    pub skip_dependencies: bool,
}

impl Solution {
    fn read(row: &Value) -> Self {
        Self {
            id: text(row, "/solutionid"),
            unique_name: text(row, "/uniquename"),
            display_name: text(row, "/friendlyname"),
            version: text(row, "/version"),
            managed: flag(row, "/ismanaged"),
            installed_on: optional(row, "/installedon"),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// All solutions.
    pub async fn solutions(&self) -> Result<Vec<Solution>> {
        let path = format!("{SET}{}", query(&[("$orderby", "uniquename")]));
        let rows = self.web_list("list solutions", &path).await?;
        Ok(rows.iter().map(Solution::read).collect())
    }

    /// Makes an unmanaged solution; answers its row id.
    pub async fn solution_create(
        &self,
        unique_name: &str,
        display_name: &str,
        version: &str,
        publisher_id: &str,
    ) -> Result<String> {
        let attempt = format!("create solution `{unique_name}`");
        let body = json!({
            "uniquename": unique_name,
            "friendlyname": display_name,
            "version": version,
            "publisherid@odata.bind": format!("/publishers({publisher_id})"),
        });
        self.web_create(&attempt, SET, body, None).await
    }

    /// Imports a solution and waits for the end.
    pub async fn solution_import(&self, import: &Import<'_>) -> Result<()> {
        let mut body = json!({
            "CustomizationFile": STANDARD.encode(import.file),
            "ImportJobId": import.job_id,
            "PublishWorkflows": import.publish_workflows,
            "OverwriteUnmanagedCustomizations": import.overwrite,
            "ConvertToManaged": import.convert_to_managed,
            "HoldingSolution": import.holding,
            "SkipProductUpdateDependencies": import.skip_dependencies,
        });
        if let Some(settings) = import.settings {
            body["ComponentParameters"] = component_parameters(settings);
        }
        let call = self.web("import the solution", Method::POST, "ImportSolution").json(body);
        self.send(call).await.map(drop)
    }

    /// Exports a solution; answers the zip.
    pub async fn solution_export(&self, unique_name: &str, managed: bool) -> Result<Vec<u8>> {
        let attempt = format!("export solution `{unique_name}`");
        let body = json!({"SolutionName": unique_name, "Managed": managed});
        // Nothing is changed by an export, so it is sent in a dry run too.
        let call = self.web(&attempt, Method::POST, "ExportSolution").json(body).harmless();
        let answer = self.fetch(call).await?;
        let Some(file) = answer["ExportSolutionFile"].as_str() else {
            return Err(ClientError::unreadable(&attempt, "it holds no ExportSolutionFile"));
        };
        STANDARD.decode(file).map_err(|error| ClientError::unreadable(&attempt, error))
    }

    /// Puts a component into an unmanaged solution.
    pub async fn solution_add(&self, unique_name: &str, kind: i64, id: &str) -> Result<()> {
        let attempt = format!("add `{id}` to solution `{unique_name}`");
        let body = json!({
            "ComponentId": id,
            "ComponentType": kind,
            "SolutionUniqueName": unique_name,
            "AddRequiredComponents": false,
        });
        let call = self.web(&attempt, Method::POST, "AddSolutionComponent").json(body);
        self.send(call).await.map(drop)
    }

    /// Deletes a solution.
    pub async fn solution_delete(&self, solution: &Solution) -> Result<()> {
        let attempt = format!("delete solution `{}`", solution.unique_name);
        let path = crate::odata::by_id(SET, &solution.id);
        self.send(self.web(&attempt, Method::DELETE, &path)).await.map(drop)
    }
}

/// The settings as the actions take them. Empty entries mean "leave as it is" and are not sent.
fn component_parameters(settings: &DeploymentSettings) -> Value {
    let references = settings.references.iter().filter(|one| !one.connection_id.is_empty());
    let references = references.map(|one| {
        let mut entry = json!({
            "@odata.type": "Microsoft.Dynamics.CRM.connectionreference",
            "connectionreferencelogicalname": one.logical_name.as_str(),
            "connectionid": one.connection_id,
        });
        if let Some(api) = &one.api_name {
            entry["connectorid"] =
                format!("/providers/Microsoft.PowerApps/apis/{}", api.as_str()).into();
        }
        entry
    });
    let variables = settings.variables.iter().filter(|one| !one.value.is_empty());
    let variables = variables.map(|one| {
        json!({
            "@odata.type": "Microsoft.Dynamics.CRM.environmentvariablevalue",
            "schemaname": one.schema_name.as_str(),
            "value": one.value,
        })
    });
    references.chain(variables).collect()
}
