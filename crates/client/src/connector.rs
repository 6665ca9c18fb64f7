//! Connectors, built-in and custom.
use http::Method;
use serde_json::{Map, Value, json};

use crate::answer::{flag, optional, text};
use crate::odata::{encode, query};
use crate::{ApiService, Client, Result};

const PATH: &str = "/providers/Microsoft.PowerApps/apis";

/// A connector.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// Api name (`shared_office365`).
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: String,
    /// Tier (Standard, Premium), when told.
    pub tier: Option<String>,
    /// Made here.
    pub custom: bool,
    /// Whether a service principal can authenticate: `Yes`, `No` or `Unknown`.
    pub service_principal: String,
    /// Why.
    pub service_principal_reason: Option<String>,
    /// Ways to connect; a list of connectors does not tell them.
    pub ways: Vec<Way>,
    /// Operations; a list of connectors does not tell them.
    pub operations: Vec<Operation>,
    /// Connection parameters outside of sets, then those of each set.
    pub parameters: Vec<Parameter>,
    /// Policy templates by id, in order.
    pub policies: Vec<String>,
    /// Policy templates that calls are refused for.
    pub unsupported_policies: Vec<String>,
    /// Remarks about the files, after a change.
    pub warnings: Vec<Warning>,
    /// The definition, where it is told.
    pub definition: Option<Value>,
    /// Everything that `apiProperties.json` holds below `properties`.
    pub properties: Map<String, Value>,
}

/// One way to connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Name of the parameter set; `None`: the parameters outside of sets.
    pub set: Option<String>,
    /// How it proves who connects (`apiKey`, `oauthUser` …).
    pub kinds: Vec<String>,
    /// Identity providers.
    pub providers: Vec<String>,
    /// Whether a service principal can: `Yes`, `No`, `Unknown`.
    pub service_principal: String,
    /// Why.
    pub reason: String,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Id.
    pub id: String,
    /// Method; empty where it is not HTTP.
    pub method: String,
    /// Path template.
    pub path: String,
    /// `action`, `pollingTrigger` or `webhookTrigger`.
    pub kind: String,
    /// Short name.
    pub summary: String,
    /// Visibility, if it is not the ordinary one.
    pub visibility: Option<String>,
    /// Deprecated.
    pub deprecated: bool,
    /// Why it cannot be called, if it cannot.
    pub reason: Option<String>,
    /// Parameters: name, whether it is required, where it travels.
    pub parameters: Vec<OperationParameter>,
}

/// One parameter of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationParameter {
    /// Name.
    pub name: String,
    /// `path`, `query`, `header`, `body`, `formData`; empty where it is not HTTP.
    pub place: String,
    /// Type.
    pub kind: String,
    /// Whether a call fails without it.
    pub required: bool,
}

/// One connection parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// `string`, `securestring`, `oauthSetting` …
    pub kind: String,
    /// Set that it belongs to.
    pub set: Option<String>,
    /// Whether a connection cannot do without it.
    pub required: bool,
    /// Identity provider of an `oauthSetting`.
    pub provider: Option<String>,
    /// The only values that it may have; empty: any.
    pub allowed: Vec<String>,
}

/// A remark about a connector's files.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    /// Which part.
    pub part: String,
    /// Line, from 1; 0 if there is none.
    pub line: u64,
    /// Column, from 1; 0 if there is none.
    pub column: u64,
    /// What it is.
    pub message: String,
}

/// A custom connector to be made.
#[derive(Clone, Debug)]
pub struct NewConnector<'a> {
    /// Display name.
    pub display_name: &'a str,
    /// Swagger 2.0 definition, as text: definitions in the wild are not always strict JSON.
    pub definition: &'a str,
    /// `properties` of apiProperties.json.
    pub properties: Option<&'a Value>,
    /// Unmanaged solution it goes into.
    pub solution: Option<&'a str>,
}

/// A change of a custom connector. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ConnectorChange<'a> {
    /// Display name.
    pub display_name: Option<&'a str>,
    /// Swagger 2.0 definition, as text.
    pub definition: Option<&'a str>,
    /// `properties` of apiProperties.json.
    pub properties: Option<&'a Value>,
    /// Others' credentials may go to hosts that are new.
    pub accept_targets: bool,
}

fn list<'a>(row: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    row.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

fn texts(row: &Value, at: &str) -> Vec<String> {
    list(row, at).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A truth value, also as text: files have both.
fn truth(value: &Value, at: &str) -> bool {
    match value.pointer(at) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn parameters<'a>(
    map: Option<&'a Value>,
    set: Option<&'a str>,
) -> impl Iterator<Item = Parameter> + 'a {
    let map = map.and_then(Value::as_object).into_iter().flatten();
    map.map(move |(name, value)| Parameter {
        name: name.clone(),
        kind: optional(value, "/type").unwrap_or_else(|| "string".to_owned()),
        set: set.map(str::to_owned),
        required: truth(value, "/uiDefinition/constraints/required"),
        provider: optional(value, "/oAuthSettings/identityProvider"),
        allowed: list(value, "/uiDefinition/constraints/allowedValues")
            .chain(list(value, "/allowedValues"))
            .filter_map(|item| item.get("value").unwrap_or(item).as_str().map(str::to_owned))
            .collect(),
    })
}

fn operation(item: &Value) -> Option<Operation> {
    let id = ["/id", "/operationId", "/name"].iter().find_map(|at| optional(item, at));
    let id = item.as_str().map(str::to_owned).or(id)?;
    let parameters = list(item, "/parameters").map(|p| OperationParameter {
        name: text(p, "/name"),
        place: text(p, "/in"),
        kind: text(p, "/type"),
        required: flag(p, "/required"),
    });
    Some(Operation {
        id,
        method: text(item, "/method"),
        path: text(item, "/path"),
        kind: optional(item, "/kind").unwrap_or_else(|| "action".to_owned()),
        summary: text(item, "/summary"),
        visibility: optional(item, "/visibility"),
        deprecated: flag(item, "/deprecated"),
        reason: optional(item, "/reason"),
        parameters: parameters.collect(),
    })
}

fn way(item: &Value) -> Way {
    Way {
        set: optional(item, "/set"),
        kinds: texts(item, "/kinds"),
        providers: texts(item, "/identityProviders"),
        service_principal: text(item, "/servicePrincipal"),
        reason: text(item, "/reason"),
    }
}

/// Members of an answer that no `apiProperties.json` has.
const NOT_FILES: [&str; 13] = [
    "apiEnvironment",
    "apiVersion",
    "changedTime",
    "connref",
    "createdBy",
    "createdTime",
    "description",
    "displayName",
    "environment",
    "iconUri",
    "isCustomApi",
    "swagger",
    "tier",
];

impl Connector {
    fn read(row: &Value) -> Self {
        let own = row.pointer("/properties");
        let sets = list(row, "/properties/connectionParameterSets/values");
        let of_sets = sets.flat_map(|set| parameters(set.get("parameters"), set["name"].as_str()));
        let outside = parameters(own.and_then(|p| p.get("connectionParameters")), None);
        let files = own.and_then(Value::as_object).into_iter().flatten();
        let files = files.filter(|(name, _)| !NOT_FILES.contains(&name.as_str()));
        Self {
            name: text(row, "/name"),
            display_name: text(row, "/properties/displayName"),
            description: text(row, "/properties/description"),
            tier: optional(row, "/properties/tier"),
            custom: flag(row, "/properties/isCustomApi"),
            service_principal: optional(row, "/properties/connref/servicePrincipal")
                .unwrap_or_else(|| "Unknown".to_owned()),
            service_principal_reason: optional(row, "/properties/connref/servicePrincipalReason"),
            ways: list(row, "/properties/connref/authentication").map(way).collect(),
            operations: list(row, "/properties/connref/operations").filter_map(operation).collect(),
            parameters: outside.chain(of_sets).collect(),
            policies: list(row, "/properties/policyTemplateInstances")
                .map(|policy| text(policy, "/templateId"))
                .collect(),
            unsupported_policies: texts(row, "/properties/connref/unsupportedPolicies"),
            warnings: list(row, "/properties/connref/warnings").map(Warning::read).collect(),
            definition: own.and_then(|p| p.get("swagger")).filter(|d| d.is_object()).cloned(),
            properties: files.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}

impl Warning {
    fn read(item: &Value) -> Self {
        let number = |name: &str| item[name].as_u64().unwrap_or_default();
        Self {
            part: text(item, "/part"),
            line: number("line"),
            column: number("column"),
            message: text(item, "/message"),
        }
    }
}

impl<S: ApiService> Client<S> {
    fn connector_query(&self) -> String {
        query(&[("api-version", "2016-11-01"), ("$filter", &self.environment_filter())])
    }

    /// All connectors of the environment.
    pub async fn connectors(&self) -> Result<Vec<Connector>> {
        let path = format!("{PATH}{}", self.connector_query());
        let rows = self.control_list("list connectors", &path).await?;
        Ok(rows.iter().map(Connector::read).collect())
    }

    /// One connector by api name.
    pub async fn connector(&self, name: &str) -> Result<Connector> {
        let attempt = format!("read connector `{name}`");
        let path = format!("{PATH}/{}{}", encode(name), self.connector_query());
        let call = self.control(&attempt, Method::GET, &path);
        Ok(Connector::read(&self.fetch(call).await?))
    }

    /// The body of a change: members of the files as they are.
    fn connector_body(&self, definition: Option<&str>, files: Option<&Value>) -> Value {
        let mut properties = json!({"environment": {"name": self.place().name}});
        if let Some(definition) = definition {
            properties["openApiDefinition"] = definition.into();
        }
        // A file may not say what only the caller says.
        let own = ["connref", "environment", "name", "openApiDefinition"];
        let files = files.and_then(Value::as_object).into_iter().flatten();
        for (name, value) in files.filter(|(name, _)| !own.contains(&name.as_str())) {
            properties[name] = value.clone();
        }
        properties
    }

    /// Makes a custom connector.
    pub async fn connector_create(&self, new: &NewConnector<'_>) -> Result<Connector> {
        let attempt = format!("create connector `{}`", new.display_name);
        let mut properties = self.connector_body(Some(new.definition), new.properties);
        properties["displayName"] = new.display_name.into();
        let path = format!("{PATH}{}", self.connector_query());
        let mut call =
            self.control(&attempt, Method::POST, &path).json(json!({"properties": properties}));
        if let Some(solution) = new.solution {
            call = call.header("MSCRM.SolutionUniqueName", solution);
        }
        Ok(Connector::read(&self.fetch(call).await?))
    }

    /// Changes a custom connector; its connections stay.
    pub async fn connector_update(
        &self,
        name: &str,
        change: &ConnectorChange<'_>,
    ) -> Result<Connector> {
        let attempt = format!("change connector `{name}`");
        let mut properties = self.connector_body(change.definition, change.properties);
        if let Some(name) = change.display_name {
            properties["displayName"] = name.into();
        }
        if change.accept_targets {
            properties["connref"] = json!({"acceptNewTargets": true});
        }
        let path = format!("{PATH}/{}{}", encode(name), self.connector_query());
        let call = self.control(&attempt, Method::PATCH, &path);
        Ok(Connector::read(&self.fetch(call.json(json!({"properties": properties}))).await?))
    }
}
