//! `RetrieveEnvironmentVariableValue`, `RetrieveEnvironmentVariableSecretValue`, `connref_VariableShow`.
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::operation::variable::{variable_get, variable_secret_read};
use crate::webapi::{Asked, Fault};

/// The value that counts: the environment's own, else the base, else the default. That of a Secret
/// variable is the place of the secret.
pub(super) async fn value(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let variable = variable_get(&asked.cx, parameters.required("DefinitionSchemaName")).await?;
    match variable.value() {
        Some(value) => Ok(json!({"Value": value})),
        None => Err(Fault::invalid(format!(
            "environment variable `{}` has neither a value nor a default value",
            variable.schema_name
        ))),
    }
}

/// The secret that a Secret variable points to: the one answer of this API that holds one, for whoever
/// may read the variable where the operator allowed it.
pub(super) async fn secret(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let name = parameters.required("EnvironmentVariableName");
    let secret = variable_secret_read(&asked.cx, name).await?;
    Ok(json!({"EnvironmentVariableSecretValue": secret.expose_secret()}))
}

/// A variable with the layers of its value and the flows that read it.
pub(super) async fn show(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let cx = &asked.cx;
    let variable = variable_get(cx, parameters.required("Variable")).await?;
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let flows: Vec<_> = facts
        .flows
        .iter()
        .filter(|flow| flow.variables.contains(&variable.schema_name))
        .map(|flow| flow.name.as_str())
        .collect();
    Ok(json!({
        "id": variable.id.as_str(),
        "schemaname": variable.schema_name.as_str(),
        "displayname": variable.display_name,
        "description": variable.description,
        "type": variable.kind,
        "default": variable.default_value,
        "own": variable.own,
        "base": variable.base,
        "value": variable.value(),
        "required": variable.required,
        "managed": variable.managed,
        "apiid": variable.api_name.as_ref().map(|api| api.as_str()),
        "parameterkey": variable.parameter_key,
        "parent": variable.parent.as_ref().map(|parent| parent.as_str()),
        "flows": flows,
    }))
}
