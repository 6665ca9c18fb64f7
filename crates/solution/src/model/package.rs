//! A solution package as it was read from an artefact. A package cannot hold a connection id that
//! binds, nor a credential (invariant 4): no field exists for either.
use super::facts_use::{FlowOperation, Schedule};
use super::{ApiName, FlowId, LogicalName};

/// Everything of a solution that connref models. What it does not model stays in the archive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Package {
    /// solution.xml.
    pub manifest: Manifest,
    /// customizations.xml, `connectionreferences`, in document order.
    pub references: Vec<PackageReference>,
    /// Workflows of every category, in document order.
    pub workflows: Vec<Workflow>,
    /// Custom connectors.
    pub connectors: Vec<PackageConnector>,
    /// Environment variable definitions with the value that travels, if any.
    pub variables: Vec<PackageVariable>,
    /// Canvas apps, as far as their connections go.
    pub canvas_apps: Vec<CanvasApp>,
    /// Uses of references by agents: (agent component schema name, reference).
    pub agent_uses: Vec<(String, LogicalName)>,
    /// What was odd and could be read all the same.
    pub problems: Vec<Problem>,
}

/// solution.xml, `SolutionManifest`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// Unique name.
    pub unique_name: String,
    /// Display name (first localized name).
    pub display_name: String,
    /// Description (first).
    pub description: String,
    /// Version, `1.0.0.0`.
    pub version: String,
    /// Managed, unmanaged or both.
    pub managed: Managed,
    /// Language code of the package.
    pub language: u32,
    /// Publisher.
    pub publisher: Publisher,
    /// Root components, in order.
    pub root_components: Vec<RootComponent>,
    /// Missing dependencies.
    pub missing_dependencies: Vec<MissingDependency>,
}

/// `Managed` of solution.xml.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Managed {
    /// 0.
    #[default]
    Unmanaged,
    /// 1.
    Managed,
    /// 2, SolutionPackager's "Both".
    Both,
}

/// A publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publisher {
    /// Unique name.
    pub unique_name: String,
    /// Display name.
    pub display_name: String,
    /// Customization prefix.
    pub prefix: String,
    /// Customization option value prefix.
    pub option_value_prefix: u32,
}

/// One `RootComponent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootComponent {
    /// Component type number.
    pub kind: u32,
    /// `id` without braces, lower case.
    pub id: Option<String>,
    /// `schemaName`.
    pub schema_name: Option<String>,
    /// `behavior`.
    pub behavior: u32,
}

/// One `MissingDependency`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingDependency {
    /// `Required` type: a number or an entity name.
    pub required_type: String,
    /// What is required: the first of schemaName, id, `id.*`, key, displayName.
    pub required: String,
    /// `solution` attribute: `Active` or `Name (version)`.
    pub solution: String,
    /// `Dependent` type.
    pub dependent_type: String,
    /// `Dependent` display name.
    pub dependent: String,
}

/// One `connectionreference` element.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageReference {
    /// Logical name.
    pub logical_name: LogicalName,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Api name at the end of `connectorid`.
    pub api_name: ApiName,
    /// Row id of the custom connector.
    pub custom_connector_id: Option<String>,
    /// `iscustomizable`.
    pub customizable: bool,
    /// `promptingbehavior`: 0 prompt on import, 1 skip; absent in older packages.
    pub prompting_behavior: Option<u32>,
}

/// One `Workflow` element and its JSON part.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// WorkflowId.
    pub id: FlowId,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// 5 cloud flow, 6 desktop flow, 2 business rule, 4 business process flow …
    pub category: i32,
    /// StateCode: 1 on, 0 off.
    pub state_code: i32,
    /// ModernFlowType, absent in older packages.
    pub modern_flow_type: Option<i32>,
    /// Part name of the body, with the leading slash as in `JsonFileName`.
    pub json_file_name: Option<String>,
    /// The body as text, without byte order mark; what Dataverse calls `clientdata`.
    pub client_data: Option<String>,
}

impl Workflow {
    /// A cloud flow: category 5. Business rules, desktop flows and classic workflows are kept,
    /// never counted.
    pub fn is_cloud_flow(&self) -> bool {
        self.category == 5
    }
}

/// A custom connector in a package.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackageConnector {
    /// Row id.
    pub id: String,
    /// Encoded name (`prefix_5Fname`).
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Swagger 2.0 text.
    pub openapi_definition: Option<String>,
    /// Connection parameters JSON.
    pub connection_parameters: Option<String>,
    /// Connection parameter sets JSON.
    pub connection_parameter_sets: Option<String>,
    /// Policy template instances JSON.
    pub policy_templates: Option<String>,
}

impl PackageConnector {
    /// The schema name as flows write it in `api.logicalName`: `_5F` and `-20` style escapes of
    /// the prefix undone as far as flows undo them (`cttech_5Fct-20contract` → `cttech_ct-20contract`).
    pub fn logical_name(&self) -> LogicalName {
        LogicalName::new(&self.name.replacen("_5F", "_", 1).replacen("_5f", "_", 1))
    }
}

/// An environment variable definition, and the value that travels with it.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageVariable {
    /// Schema name.
    pub schema_name: LogicalName,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Type number: 100000000 String … 100000005 Secret.
    pub kind: i64,
    /// Default value.
    pub default_value: Option<String>,
    /// Value inside the package (`environmentvariablevalues.json`).
    pub value: Option<String>,
    /// `isrequired`.
    pub required: bool,
    /// `apiid` of a data-source variable.
    pub api_name: Option<ApiName>,
    /// `parameterkey` of a data-source variable.
    pub parameter_key: Option<String>,
    /// Parent definition of a data-source variable.
    pub parent: Option<LogicalName>,
    /// `secretstore`.
    pub secret_store: Option<u32>,
}

/// A canvas app's connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CanvasApp {
    /// Schema name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Its `ConnectionReferences` entries.
    pub sources: Vec<CanvasSource>,
}

/// One entry of a canvas app's `ConnectionReferences`.
#[derive(Clone, Debug, PartialEq)]
pub struct CanvasSource {
    /// Connector.
    pub api_name: ApiName,
    /// `xrmConnectionReferenceLogicalName`.
    pub reference: Option<LogicalName>,
    /// `sharedConnectionId` present: implicitly shared.
    pub implicitly_shared: bool,
    /// Data source names.
    pub data_sources: Vec<String>,
}

/// Something odd that did not stop the reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Part name.
    pub part: String,
    /// Where: XML path or JSON pointer, as far as known.
    pub at: String,
    /// What.
    pub message: String,
}

/// How a flow's entry of `connectionReferences` picks its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuntimeSource {
    /// The bound connection.
    #[default]
    Embedded,
    /// The caller's own connection for that connector.
    Invoker,
}

/// One entry of a flow's `connectionReferences`.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowReference {
    /// The map key; what actions use.
    pub key: String,
    /// Who acts.
    pub source: RuntimeSource,
    /// `connection.connectionReferenceLogicalName`.
    pub logical_name: Option<LogicalName>,
    /// A connection named directly (`connectionName`, `connection.name`, `connection.id`).
    pub connection_name: Option<String>,
    /// `api.name`, or the end of `id`.
    pub api_name: ApiName,
    /// `api.logicalName` of a custom connector.
    pub api_logical_name: Option<LogicalName>,
    /// `impersonation.source` = invoker: the bound connection on behalf of the caller.
    pub on_behalf_of_invoker: bool,
}

/// What the store, the checker and the importer need from a flow's body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowBody {
    /// `connectionReferences`.
    pub references: Vec<FlowReference>,
    /// Child flows it calls (`workflowReferenceName`).
    pub children: Vec<FlowId>,
    /// Connection keys used by actions and triggers, with operation id: (key, operation, action).
    pub uses: Vec<(String, String, String)>,
    /// Definition parameters bound to a variable: (parameter name, schema name, default as JSON text).
    pub variables: Vec<FlowVariable>,
    /// Trigger: name, type, kind.
    pub trigger: Option<FlowTrigger>,
    /// How often the trigger fires, if it fires by the clock.
    pub schedule: Option<Schedule>,
    /// What trigger and actions do with connectors, each operation once, in order.
    pub operations: Vec<FlowOperation>,
}

/// A definition parameter that stands for an environment variable.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowVariable {
    /// Parameter name: `Display (schema)`.
    pub parameter: String,
    /// Schema name.
    pub schema_name: LogicalName,
    /// `type` of the parameter.
    pub kind: String,
    /// `defaultValue` as JSON text.
    pub default_json: Option<String>,
}

/// A flow's trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowTrigger {
    /// Name.
    pub name: String,
    /// `type`.
    pub kind: String,
    /// `kind` of a Request trigger (Button, PowerAppV2, Http …).
    pub request_kind: Option<String>,
    /// `inputs.triggerAuthenticationType`.
    pub authentication: Option<String>,
}
