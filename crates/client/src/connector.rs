//! Connectors, built-in and custom.
use http::Method;
use serde_json::{Value, json};

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
    /// Operation ids.
    pub operations: Vec<String>,
    /// Connection parameters: name and kind (`string`, `securestring`, `oauthSetting` …).
    pub parameters: Vec<(String, String)>,
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

impl Connector {
    fn read(row: &Value) -> Self {
        let operations = row.pointer("/properties/connref/operations").and_then(Value::as_array);
        let operation = |item: &Value| {
            item.as_str().map(str::to_owned).or_else(|| {
                ["/id", "/operationId", "/name"].iter().find_map(|at| optional(item, at))
            })
        };
        let parameters = row.pointer("/properties/connectionParameters").and_then(Value::as_object);
        Self {
            name: text(row, "/name"),
            display_name: text(row, "/properties/displayName"),
            description: text(row, "/properties/description"),
            tier: optional(row, "/properties/tier"),
            custom: flag(row, "/properties/isCustomApi"),
            service_principal: optional(row, "/properties/connref/servicePrincipal")
                .unwrap_or_else(|| "Unknown".to_owned()),
            operations: operations.into_iter().flatten().filter_map(operation).collect(),
            parameters: parameters
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value, "/type")))
                .collect(),
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

    /// Makes a custom connector.
    pub async fn connector_create(&self, new: &NewConnector<'_>) -> Result<Connector> {
        let attempt = format!("create connector `{}`", new.display_name);
        let mut properties = json!({
            "displayName": new.display_name,
            "openApiDefinition": new.definition,
            "environment": {"name": self.place().name},
        });
        for name in [
            "connectionParameters",
            "connectionParameterSets",
            "policyTemplateInstances",
            "iconBrandColor",
        ] {
            if let Some(value) = new.properties.and_then(|from| from.get(name)) {
                properties[name] = value.clone();
            }
        }
        let path = format!("{PATH}{}", self.connector_query());
        let mut call =
            self.control(&attempt, Method::POST, &path).json(json!({"properties": properties}));
        if let Some(solution) = new.solution {
            call = call.header("MSCRM.SolutionUniqueName", solution);
        }
        Ok(Connector::read(&self.fetch(call).await?))
    }
}
