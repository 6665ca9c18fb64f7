//! Environment variables: the definition travels in the solution, the value stays here.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, optional, text};
use crate::odata::{by_id, encode, literal, query};
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
    /// The value came with a managed solution: it is the base, no value of this environment.
    pub value_managed: bool,
    /// Came with a managed solution.
    pub managed: bool,
}

/// A variable to make.
#[derive(Clone, Debug, Default)]
pub struct VariableNew {
    /// Schema name.
    pub schema_name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Type number.
    pub kind: i64,
    /// Default value.
    pub default: Option<String>,
    /// Whether an environment has to give it a value.
    pub required: bool,
    /// Connector of a data source.
    pub api: Option<String>,
    /// Parameter of that connector.
    pub parameter: Option<String>,
    /// Row id of the data source it lies in.
    pub parent_id: Option<String>,
    /// Unmanaged solution it goes into.
    pub solution: Option<String>,
}

/// A variable with the layers of its value. What an organisation does not tell is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableShown {
    /// The variable; its value is the one that counts.
    pub variable: Variable,
    /// Description.
    pub description: Option<String>,
    /// This environment's own value.
    pub own: Option<String>,
    /// The value a managed package brought.
    pub base: Option<String>,
    /// Connector of a data source.
    pub api: Option<String>,
    /// Parameter of that connector.
    pub parameter: Option<String>,
    /// The data source it lies in.
    pub parent: Option<String>,
    /// Flows that read it.
    pub flows: Vec<String>,
}

impl<S: ApiService> Client<S> {
    /// All variables with their values.
    pub async fn variables(&self) -> Result<Vec<Variable>> {
        let path = format!("{SET}{}", query(&[("$orderby", "schemaname")]));
        let definitions = self.web_list("list environment variables", &path).await?;
        let values = self.web_list("list environment variable values", VALUES).await?;
        Ok(definitions.iter().map(|row| variable(row, &values)).collect())
    }

    /// Makes a definition; answers its row id.
    pub async fn variable_create(&self, new: &VariableNew) -> Result<String> {
        let attempt = format!("create environment variable `{}`", new.schema_name);
        let mut body = json!({
            "schemaname": new.schema_name,
            "displayname": new.display_name,
            "type": new.kind,
            "isrequired": new.required,
        });
        for (name, value) in [
            ("description", &new.description),
            ("defaultvalue", &new.default),
            ("apiid", &new.api),
            ("parameterkey", &new.parameter),
        ] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        if let Some(parent) = &new.parent_id {
            body["ParentDefinitionId@odata.bind"] = format!("/{SET}({parent})").into();
        }
        self.web_create(&attempt, SET, body, new.solution.as_deref()).await
    }

    /// One variable with the layers of its value.
    pub async fn variable_show(&self, variable: &Variable) -> Result<VariableShown> {
        let mut shown = VariableShown {
            variable: variable.clone(),
            description: None,
            own: None,
            base: None,
            api: None,
            parameter: None,
            parent: None,
            flows: Vec::new(),
        };
        if !self.place().extended {
            return Ok(shown);
        }
        let attempt = format!("show environment variable `{}`", variable.schema_name);
        let name = encode(&literal(&variable.schema_name));
        let path = format!("connref_VariableShow(Variable={name})");
        let row = self.fetch(self.web(&attempt, Method::GET, &path)).await?;
        shown.variable.value = optional(&row, "/value");
        shown.description = optional(&row, "/description");
        shown.own = optional(&row, "/own");
        shown.base = optional(&row, "/base");
        shown.api = optional(&row, "/apiid");
        shown.parameter = optional(&row, "/parameterkey");
        shown.parent = optional(&row, "/parent");
        let flows = row["flows"].as_array().into_iter().flatten();
        shown.flows = flows.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(shown)
    }

    /// Changes what is given of a definition.
    pub async fn variable_update(
        &self,
        variable: &Variable,
        display_name: Option<&str>,
        description: Option<&str>,
        default: Option<&str>,
    ) -> Result<()> {
        let attempt = format!("change environment variable `{}`", variable.schema_name);
        let mut body = json!({});
        for (name, value) in
            [("displayname", display_name), ("description", description), ("defaultvalue", default)]
        {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        self.web_update(&attempt, &by_id(SET, &variable.id), body).await
    }

    /// Takes the value of this environment away; the base or the default counts again.
    pub async fn variable_unset(&self, variable: &Variable, value_id: &str) -> Result<()> {
        let attempt = format!("unset environment variable `{}`", variable.schema_name);
        let call = self.web(&attempt, Method::DELETE, &by_id(VALUES, value_id));
        self.send(call).await.map(drop)
    }

    /// Reads the secret of a Secret variable and drops it: fails as its reader would.
    pub async fn variable_test(&self, variable: &Variable) -> Result<()> {
        let attempt = format!("read the secret of environment variable `{}`", variable.schema_name);
        let body = json!({"EnvironmentVariableName": variable.schema_name});
        let path = "RetrieveEnvironmentVariableSecretValue";
        let call = self.web(&attempt, Method::POST, path).json(body).harmless();
        self.send(call).await.map(drop)
    }

    /// Deletes a definition with its value.
    pub async fn variable_delete(&self, variable: &Variable) -> Result<()> {
        let attempt = format!("delete environment variable `{}`", variable.schema_name);
        let call = self.web(&attempt, Method::DELETE, &by_id(SET, &variable.id));
        self.send(call).await.map(drop)
    }

    /// Sets the value of this environment.
    pub async fn variable_set(&self, variable: &Variable, value: &str) -> Result<()> {
        let attempt = format!("set environment variable `{}`", variable.schema_name);
        if let (Some(id), false) = (&variable.value_id, variable.value_managed) {
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
        value_managed: value.is_some_and(|value| flag(value, "/ismanaged")),
        value_id: value.map(|value| text(value, "/environmentvariablevalueid")),
        managed: flag(row, "/ismanaged"),
        id,
    }
}
