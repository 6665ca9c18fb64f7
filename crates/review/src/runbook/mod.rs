//! What a deployment takes, as data: every reference with who uses it and what its connection
//! must be, the variables, the flows in the order in which they can be turned on, and what a
//! customer has to enter again. Nothing is rendered here.
//!
//! What the files do not tell is `Unknown`, never left out: a reader must not take silence for
//! "nothing needed".
mod connector;
mod direct;
mod order;
mod permission;
mod reference;
mod sign_in;
mod variable;

use connref_solution::connector::AuthenticationKind;
use connref_solution::model::facts::Capability;
use connref_solution::model::package::{Managed, RuntimeSource};
use connref_solution::model::{ApiName, DeploymentSettings, LogicalName};

use crate::check::context::Context;
use crate::check::{CheckInput, CheckOptions, CheckSource};

/// What a deployment of a package takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Runbook {
    /// The solution.
    pub solution: SolutionFacts,
    /// What must be in the environment before: declared dependencies.
    pub needed: Vec<Needed>,
    /// Custom connectors that the package brings.
    pub connectors: Vec<ConnectorFacts>,
    /// Connection references, in the order of the package.
    pub references: Vec<ReferenceFacts>,
    /// Uses of connections that no reference of the package stands for.
    pub direct: Vec<DirectUse>,
    /// Environment variables, in the order of the package.
    pub variables: Vec<VariableFacts>,
    /// Cloud flows, each after the flows it calls.
    pub flows: Vec<FlowStep>,
    /// Rings of flows that call each other, by name.
    pub rings: Vec<Vec<String>>,
    /// Flows whose body could not be read: name and reason.
    pub unreadable: Vec<(String, String)>,
    /// Whether deployment settings were held against it.
    pub has_settings: bool,
}

/// The solution itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolutionFacts {
    /// Unique name; of a flow package what its file is called.
    pub name: String,
    /// Display name; empty if there is none.
    pub display_name: String,
    /// Version.
    pub version: String,
    /// Managed, unmanaged, or both.
    pub managed: Managed,
    /// Display name of the publisher, else its unique name.
    pub publisher: String,
    /// Whether it is an exported flow package and no solution.
    pub is_flow_package: bool,
}

/// A declared dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// The solution that brings it, as the manifest says; `Active` is no solution at all.
    pub solution: String,
    /// What is needed.
    pub what: String,
    /// Its component type.
    pub kind: String,
}

/// How one can sign in to a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The kinds it offers; empty if not known.
    pub kinds: Vec<AuthenticationKind>,
    /// Whether a service principal can hold the connection.
    pub principal: Capability,
    /// Why, a sentence without full stop.
    pub reason: String,
}

/// A connection reference.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceFacts {
    /// Logical name.
    pub logical_name: LogicalName,
    /// Display name; empty if there is none.
    pub display_name: String,
    /// Api name, as the package has it.
    pub api_name: ApiName,
    /// Whether the connector is a custom one.
    pub custom: bool,
    /// Display name of the connector, where the package brings it.
    pub connector_name: Option<String>,
    /// Ways to sign in.
    pub sign_in: SignIn,
    /// Who uses it.
    pub uses: Vec<Use>,
    /// What its connection must be allowed to do.
    pub permissions: Vec<Permission>,
    /// Whether the connection holds what it reaches: a server, a base address.
    pub holds_target: bool,
    /// What the settings say; `None` without settings.
    pub binding: Option<Binding>,
}

impl ReferenceFacts {
    /// Flows that run with the bound connection: they stay off until it is bound.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        let mut last = "";
        let flows = self.uses.iter().filter(|u| {
            u.kind == UserKind::Flow && u.acting != Acting::Caller && !u.name.is_empty()
        });
        flows.map(|u| u.name.as_str()).filter(move |name| {
            let other = *name != last;
            last = name;
            other
        })
    }
}

/// What deployment settings say of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Bound to this connection.
    To(String),
    /// Named, but with an empty connection.
    Empty,
    /// Not named.
    Absent,
}

/// What uses a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserKind {
    /// A cloud flow.
    Flow,
    /// A canvas app.
    App,
    /// An agent.
    Agent,
}

/// Who acts in a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acting {
    /// The bound connection.
    Bound,
    /// The caller's own connection.
    Caller,
    /// The bound connection on behalf of the caller.
    BoundForCaller,
}

impl Acting {
    fn of(source: RuntimeSource, for_caller: bool) -> Self {
        match (source, for_caller) {
            (RuntimeSource::Invoker, _) => Self::Caller,
            (RuntimeSource::Embedded, true) => Self::BoundForCaller,
            (RuntimeSource::Embedded, false) => Self::Bound,
        }
    }
}

/// One use of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What uses it.
    pub kind: UserKind,
    /// Name of the flow, app or agent component.
    pub name: String,
    /// Action or trigger of a flow; data source of an app. Empty if it only stands in the list.
    pub action: String,
    /// Whether the action is the trigger.
    pub trigger: bool,
    /// Operation id; empty if there is none.
    pub operation: String,
    /// Who acts.
    pub acting: Acting,
}

/// How sure a permission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// From the connector's definition, or known of it.
    Known,
    /// From the operation's name alone.
    Inferred,
    /// Nothing is known.
    Unknown,
}

/// What a connection must be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What, a phrase.
    pub text: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// On what, as far as the actions name it.
    pub on: Vec<String>,
    /// Operations that need it.
    pub operations: Vec<String>,
}

/// A connection used without a reference of the package.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectUse {
    /// The reference that is named and that the package does not define.
    pub reference: Option<LogicalName>,
    /// Connector.
    pub api_name: ApiName,
    /// Who uses it.
    pub users: Vec<(UserKind, String)>,
}

/// A value as a runbook may show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// There is none.
    Nothing,
    /// The value, cut if it is long.
    Text(String),
    /// Not shown: it is, or may be, a secret.
    Withheld,
}

/// Type of an environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// Text.
    Text,
    /// Number.
    Number,
    /// `yes` or `no`.
    Boolean,
    /// JSON.
    Json,
    /// A site, a list, a table … of a connector.
    DataSource,
    /// The path of a secret in a vault.
    Secret,
    /// A type that connref does not know.
    Other(i64),
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableFacts {
    /// Schema name.
    pub schema_name: LogicalName,
    /// Display name; empty if there is none.
    pub display_name: String,
    /// Description; empty if there is none.
    pub description: String,
    /// Type.
    pub kind: VariableKind,
    /// Whether it must have a value.
    pub required: bool,
    /// Default value of the definition.
    pub default: Shown,
    /// Value that travels in the package.
    pub value: Shown,
    /// Connector and parameter of a data-source variable.
    pub source: Option<(ApiName, String)>,
    /// Variable that a data-source variable depends on.
    pub parent: Option<LogicalName>,
    /// Flows and custom connectors that read it.
    pub used_by: Vec<String>,
    /// Whether the settings give a value; `None` without settings.
    pub filled: Option<bool>,
}

impl VariableFacts {
    /// Whether nothing gives it a value yet.
    pub fn is_open(&self) -> bool {
        self.filled != Some(true) && self.default == Shown::Nothing && self.value == Shown::Nothing
    }
}

/// A custom connector that the package brings.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorFacts {
    /// Display name.
    pub display_name: String,
    /// Encoded name.
    pub name: String,
    /// Address it calls; `None` if the definition does not say.
    pub host: Option<String>,
    /// Ways to sign in.
    pub sign_in: SignIn,
    /// OAuth settings, one per way to sign in that has them.
    pub oauth: Vec<OauthFacts>,
    /// Parameters that a connection asks for, but for the sign-in itself.
    pub parameters: Vec<AskedParameter>,
    /// Environment variables that it reads.
    pub variables: Vec<LogicalName>,
    /// References of the package to it.
    pub references: Vec<LogicalName>,
}

/// OAuth of a custom connector. The client secret never travels in a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OauthFacts {
    /// Name of the way to sign in, if there are several.
    pub way: Option<String>,
    /// Identity provider.
    pub provider: String,
    /// Client id: literal, or the variable that gives it.
    pub client_id: Option<String>,
    /// Tenant: literal, `common`, or the variable that gives it.
    pub tenant: Option<String>,
    /// Resource that tokens are for.
    pub resource: Option<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Whether every connector has a redirect address of its own.
    pub redirect_per_connector: bool,
    /// The redirect address of the environment it comes from.
    pub redirect: Option<String>,
    /// Whether an application signs in by itself.
    pub application: bool,
}

/// A parameter that a connection asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedParameter {
    /// Name people see.
    pub name: String,
    /// Whether it is a secret.
    pub secret: bool,
    /// Name of the way to sign in it belongs to, if there are several.
    pub way: Option<String>,
}

/// A flow in the order of turning on.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowStep {
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
    /// Whether it was on when it was exported.
    pub on: bool,
    /// What starts it, a phrase.
    pub trigger: String,
    /// References of the package it needs bound.
    pub references: Vec<LogicalName>,
    /// Flows of the package that it calls, by name.
    pub calls: Vec<String>,
    /// Flows that it calls and that are not in the package, by id.
    pub calls_elsewhere: Vec<String>,
    /// Whether it is called and asks for its caller's connections: it cannot run as a child.
    pub child_of_caller: bool,
}

/// Says what a deployment takes; with settings, what they leave open.
pub fn runbook(source: &CheckSource, settings: Option<&DeploymentSettings>) -> Runbook {
    let input = CheckInput::new(source);
    let options = CheckOptions::default();
    let cx = Context::new(&input, &options);
    let (flows, rings) = order::flows(&cx);
    Runbook {
        solution: solution(&cx),
        needed: needed(&cx),
        connectors: connector::connectors(&cx),
        references: reference::references(&cx, settings),
        direct: direct::direct(&cx),
        variables: variable::variables(&cx, settings),
        flows,
        rings,
        unreadable: source.broken.iter().map(|b| (b.name.clone(), b.reason.clone())).collect(),
        has_settings: settings.is_some(),
    }
}

fn solution(cx: &Context<'_>) -> SolutionFacts {
    let manifest = &cx.package.manifest;
    let publisher = &manifest.publisher;
    let publisher = match publisher.display_name.is_empty() {
        true => publisher.unique_name.clone(),
        false => publisher.display_name.clone(),
    };
    SolutionFacts {
        name: cx.source.name().to_owned(),
        display_name: manifest.display_name.clone(),
        version: manifest.version.clone(),
        managed: manifest.managed,
        publisher,
        is_flow_package: cx.source.is_flow_package(),
    }
}

fn needed(cx: &Context<'_>) -> Vec<Needed> {
    let mut list: Vec<Needed> = cx
        .package
        .manifest
        .missing_dependencies
        .iter()
        .map(|d| Needed {
            solution: d.solution.clone(),
            what: d.required.clone(),
            kind: d.required_type.clone(),
        })
        .collect();
    list.sort();
    list.dedup();
    list
}

/// A hostile text on one line, shortened: a vault's path or an address fits.
fn short(text: &str) -> String {
    const MAX: usize = 300;
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX).collect();
    if text.chars().nth(MAX).is_some() {
        short.push('…');
    }
    short
}
