//! Environment variables: the definition travels in the solution, the value stays here.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, optional, text};
use crate::odata::{by_id, query};
use crate::{ApiService, Client, Result};

const SET: &str = "environmentvariabledefinitions";
const VALUES: &str = "environmentvariablevalues";

/// A variable with the value of this environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Row id of the definition.
    pub id: String,
    /// Schema name.
    pub schema_name: String,
    /// Display name.
    pub display_name: String,
    /// Type number: 100000000 String … 100000005 Secret.
    pub kind: i64,
    /// Default value.
    pub default: Option<String>,
    /// Value of this environment.
    pub value: Option<String>,
    /// Row id of the value.
    pub value_id: Option<String>,
    /// Came with a managed solution.
    pub managed: bool,
}

impl<S: ApiService> Client<S> {
    /// All variables with their values.
    pub async fn variables(&self) -> Result<Vec<Variable>> {
        let path = format!("{SET}{}", query(&[("$orderby", "schemaname")]));
        let definitions = self.web_list("list environment variables", &path).await?;
        let values = self.web_list("list environment variable values", VALUES).await?;
        Ok(definitions.iter().map(|row| variable(row, &values)).collect())
    }

    /// Makes a definition; answers its row id. `kind` is the type number.
    pub async fn variable_create(
        &self,
        schema_name: &str,
        display_name: &str,
        kind: i64,
        default: Option<&str>,
        solution: Option<&str>,
    ) -> Result<String> {
        let attempt = format!("create environment variable `{schema_name}`");
        let mut body = json!({
            "schemaname": schema_name,
            "displayname": display_name,
            "type": kind,
            "isrequired": false,
        });
        if let Some(default) = default {
            body["defaultvalue"] = default.into();
        }
        self.web_create(&attempt, SET, body, solution).await
    }

    /// Sets the value of this environment.
    pub async fn variable_set(&self, variable: &Variable, value: &str) -> Result<()> {
        let attempt = format!("set environment variable `{}`", variable.schema_name);
        if let Some(id) = &variable.value_id {
            return self.web_update(&attempt, &by_id(VALUES, id), json!({"value": value})).await;
        }
        let body = json!({
            "schemaname": variable.schema_name,
            "value": value,
            "EnvironmentVariableDefinitionId@odata.bind": format!("/{SET}({})", variable.id),
        });
        self.send(self.web(&attempt, Method::POST, VALUES).json(body)).await.map(drop)
    }
}

fn variable(row: &Value, values: &[Value]) -> Variable {
    let id = text(row, "/environmentvariabledefinitionid");
    let value =
        values.iter().find(|value| text(value, "/_environmentvariabledefinitionid_value") == id);
    Variable {
        schema_name: text(row, "/schemaname"),
        display_name: text(row, "/displayname"),
        kind: row["type"].as_i64().unwrap_or_default(),
        default: optional(row, "/defaultvalue"),
        value: value.and_then(|value| optional(value, "/value")),
        value_id: value.map(|value| text(value, "/environmentvariablevalueid")),
        managed: flag(row, "/ismanaged"),
        id,
    }
}
