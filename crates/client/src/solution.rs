//! Solutions: making, importing, exporting.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connref_solution::model::DeploymentSettings;
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, optional, text};
use crate::audit::{Finding, finding};
use crate::flow::{Reason, reason};
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
    /// Replaces the version that is there; what the new one lacks goes.
    pub upgrade: bool,
    /// Going back to an older version is wanted.
    pub allow_older: bool,
}

impl Import<'_> {
    fn body(&self) -> Value {
        let mut body = json!({
            "CustomizationFile": STANDARD.encode(self.file),
            "PublishWorkflows": self.publish_workflows,
            "OverwriteUnmanagedCustomizations": self.overwrite,
            "ConvertToManaged": self.convert_to_managed,
        });
        if self.holding {
            body["HoldingSolution"] = true.into();
        }
        // The vendor's service does not know it; without it nothing goes back.
        if self.allow_older {
            body["connref_AllowOlder"] = true.into();
        }
        if let Some(settings) = self.settings {
            body["ComponentParameters"] = component_parameters(settings);
        }
        body
    }
}

/// What an import would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Unique name of the solution.
    pub solution: String,
    /// Its version.
    pub version: String,
    /// Name of the environment it was made for.
    pub environment: String,
    /// Everything that forbids the import; empty: it goes through.
    pub refusals: Vec<(Reason, Sure)>,
    /// The same or a higher version is there, and nothing is done.
    pub nothing_to_do: bool,
    /// What happens to each component: kind, name, change, detail.
    pub components: Vec<PlanComponent>,
    /// How the package's references stand afterwards; now, where the import is refused.
    pub references: Vec<PlanReference>,
    /// Cloud flows of the package.
    pub flows: Vec<PlanFlow>,
    /// Flows that act as somebody else afterwards.
    pub identity_changes: Vec<PlanIdentity>,
    /// What is worth knowing.
    pub warnings: Vec<(Finding, Sure)>,
    /// What was not seen of the environment, in words.
    pub unknown: Vec<String>,
}

/// How sure a statement of a plan is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sure {
    /// `known`, `inferred` or `unknown`.
    pub certainty: String,
    /// What was not seen or is not proven.
    pub because: Vec<String>,
}

impl Sure {
    fn read(row: &Value) -> Self {
        let because = row["because"].as_array().into_iter().flatten();
        // A server that does not say how sure it is may be sure of nothing.
        let said = optional(row, "/certainty");
        Self {
            certainty: said.unwrap_or_else(|| "unknown".to_owned()),
            because: because.filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }

    /// Something that was not seen could make it otherwise.
    pub fn is_unknown(&self) -> bool {
        !matches!(self.certainty.as_str(), "known" | "inferred")
    }
}

/// One component in a plan.
#[derive(Clone, Debug)]
pub struct PlanComponent {
    /// Kind, as people call it.
    pub kind: String,
    /// Name.
    pub name: String,
    /// What happens to it.
    pub change: String,
    /// Details.
    pub detail: Option<String>,
    /// How sure that is.
    pub sure: Sure,
}

/// How one reference stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanReference {
    /// Logical name.
    pub name: String,
    /// Api name of its connector.
    pub connector: String,
    /// `bound`, `missing` or `broken`.
    pub state: String,
    /// Code of what breaks it.
    pub code: Option<String>,
}

/// One flow in a plan.
#[derive(Clone, Debug)]
pub struct PlanFlow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// There before.
    pub existing: bool,
    /// `on`, `off` or `suspended` afterwards.
    pub state: String,
    /// Exported, or wanted, as on.
    pub wanted_on: bool,
    /// Its place among those turned on.
    pub order: Option<i64>,
    /// Why it is off where nothing forbids it.
    pub note: Option<String>,
    /// What forbids to turn it on.
    pub refusals: Vec<(Reason, Sure)>,
    /// How sure its state is.
    pub sure: Sure,
}

/// A flow that acts as somebody else afterwards.
#[derive(Clone, Debug)]
pub struct PlanIdentity {
    /// Flow.
    pub flow: String,
    /// Reference; none where the flow names the connection itself.
    pub reference: Option<String>,
    /// As whom it acts today; none if not bound.
    pub before: Option<String>,
    /// As whom it will act.
    pub after: String,
    /// How sure that is.
    pub sure: Sure,
}

fn refused(row: &Value) -> (Reason, Sure) {
    (reason(row), Sure::read(row))
}

impl Plan {
    /// Reads the document of a plan.
    pub fn read(answer: &Value) -> Self {
        let list = |name: &str| answer[name].as_array().into_iter().flatten();
        Self {
            solution: text(answer, "/solution"),
            version: text(answer, "/version"),
            environment: text(answer, "/environment"),
            refusals: list("refusals").map(refused).collect(),
            nothing_to_do: flag(answer, "/nothingToDo"),
            components: list("components")
                .map(|row| PlanComponent {
                    kind: text(row, "/subject/kind"),
                    name: text(row, "/subject/name"),
                    change: text(row, "/change"),
                    detail: optional(row, "/detail"),
                    sure: Sure::read(row),
                })
                .collect(),
            references: list("references")
                .map(|row| PlanReference {
                    name: text(row, "/name"),
                    connector: text(row, "/connector"),
                    state: text(row, "/state"),
                    code: optional(row, "/code"),
                })
                .collect(),
            flows: list("flows")
                .map(|row| PlanFlow {
                    id: text(row, "/id"),
                    name: text(row, "/name"),
                    existing: flag(row, "/existing"),
                    state: text(row, "/state"),
                    wanted_on: flag(row, "/wantedOn"),
                    order: row["order"].as_i64(),
                    note: optional(row, "/note"),
                    refusals: row["refusals"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(refused)
                        .collect(),
                    sure: Sure::read(row),
                })
                .collect(),
            identity_changes: list("identityChanges")
                .map(|row| PlanIdentity {
                    flow: text(row, "/flow"),
                    reference: optional(row, "/reference"),
                    before: optional(row, "/before"),
                    after: text(row, "/after"),
                    sure: Sure::read(row),
                })
                .collect(),
            warnings: list("warnings").map(|row| (finding(row), Sure::read(row))).collect(),
            unknown: list("unknown").filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }
}

/// What a search for secrets came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Secrets that were searched for.
    pub secrets: u64,
    /// Secrets too short to be searched for.
    pub short: u64,
    /// Forms in which they were searched for.
    pub forms: Vec<String>,
    /// What was found.
    pub found: Vec<ProofFound>,
}

/// A secret that is where it must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFound {
    /// Part of the package.
    pub place: String,
    /// Form it stands in.
    pub form: String,
    /// Connection whose secret it is.
    pub connection: String,
    /// Field.
    pub field: String,
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
        let mut body = import.body();
        body["ImportJobId"] = import.job_id.into();
        body["SkipProductUpdateDependencies"] = import.skip_dependencies.into();
        let action = if import.upgrade { "StageAndUpgrade" } else { "ImportSolution" };
        let call = self.web("import the solution", Method::POST, action).json(body);
        self.send(call).await.map(drop)
    }

    /// Starts an import; answers the id of the job that carries it out.
    pub async fn solution_import_start(&self, import: &Import<'_>) -> Result<String> {
        let mut body = import.body();
        body["ImportJobId"] = import.job_id.into();
        body["SkipProductUpdateDependencies"] = import.skip_dependencies.into();
        let action = if import.upgrade { "StageAndUpgradeAsync" } else { "ImportSolutionAsync" };
        let call = self.web("import the solution", Method::POST, action).json(body);
        Ok(text(&self.fetch(call).await?, "/AsyncOperationId"))
    }

    /// Tells what an import would do; nothing is written, in a dry run or not.
    pub async fn solution_plan(
        &self,
        import: &Import<'_>,
        skip_lower_version: bool,
    ) -> Result<Plan> {
        let mut body = import.body();
        body["SkipLowerVersion"] = skip_lower_version.into();
        if import.upgrade {
            body["Upgrade"] = true.into();
        }
        let attempt = "plan the import of the solution";
        let call = self.web(attempt, Method::POST, "connref_PlanImport").json(body).harmless();
        Ok(Plan::read(&self.fetch(call).await?))
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

    /// Searches a package for the secrets of the vault.
    pub async fn solution_proof(&self, file: &[u8]) -> Result<Proof> {
        let attempt = "search the package for secrets";
        let body = json!({"CustomizationFile": STANDARD.encode(file)});
        let call = self.web(attempt, Method::POST, "connref_SolutionProof").json(body).harmless();
        let answer = self.fetch(call).await?;
        let list = |name: &str| answer[name].as_array().into_iter().flatten();
        let number = |name: &str| {
            let number = answer[name].as_u64();
            number.ok_or_else(|| ClientError::unreadable(attempt, format!("it holds no `{name}`")))
        };
        Ok(Proof {
            secrets: number("secrets")?,
            short: number("short")?,
            forms: list("forms").filter_map(Value::as_str).map(str::to_owned).collect(),
            found: list("found")
                .map(|row| ProofFound {
                    place: text(row, "/place"),
                    form: text(row, "/form"),
                    connection: text(row, "/connection"),
                    field: text(row, "/field"),
                })
                .collect(),
        })
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

    /// Puts the holding solution of a solution in its place.
    pub async fn solution_promote(&self, unique_name: &str) -> Result<()> {
        let attempt = format!("promote the holding solution of `{unique_name}`");
        let body = json!({"UniqueName": unique_name});
        let call = self.web(&attempt, Method::POST, "DeleteAndPromote").json(body);
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
