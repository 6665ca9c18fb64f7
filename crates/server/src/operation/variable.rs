//! Environment variables.
use connref_egress::Policy;
use connref_solution::model::facts::Fidelity;
use connref_solution::model::package::PackageVariable;
use connref_solution::model::{ApiName, LogicalName, VariableId, VariableKind};
use connref_store::StoreError;
use connref_store::variable::{Variable, VariableUpdate};
use secrecy::SecretString;
use serde_json::json;

use super::reference::name_check;
use super::{OperationError, Result};
use crate::Context;

/// A variable to make.
#[derive(Clone, Debug)]
pub struct VariableCreate {
    /// Schema name.
    pub schema_name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Type number, 100000000 to 100000005.
    pub kind: i64,
    /// Default value.
    pub default_value: Option<String>,
    /// Whether an environment has to give it a value.
    pub required: bool,
    /// Connector of a data source.
    pub api_name: Option<String>,
    /// Parameter of that connector.
    pub parameter_key: Option<String>,
    /// Schema name or id of the data source it lies in.
    pub parent: Option<String>,
    /// Where the secret of a Secret variable lies: 0 Azure Key Vault, 1 Microsoft Dataverse.
    pub secret_store: Option<i64>,
    /// Unique name of the unmanaged solution it is added to.
    pub solution: Option<String>,
}

/// Makes a definition.
pub async fn variable_create(cx: &Context, new: VariableCreate) -> Result<VariableId> {
    name_check(&new.schema_name, 100)?;
    if VariableKind::of(new.kind).is_none() {
        return Err(OperationError::invalid(
            format!("`{}` is no type of an environment variable", new.kind),
            "use 100000000 (text), …1 (number), …2 (yes/no), …3 (JSON), …4 (data source) or …5 (secret)",
        ));
    }
    let solution = match &new.solution {
        Some(name) => Some(super::solution::unmanaged(cx, name).await?),
        None => None,
    };
    let parent = match &new.parent {
        Some(parent) => Some(variable_get(cx, parent).await?.schema_name),
        None => None,
    };
    let display_name =
        if new.display_name.is_empty() { new.schema_name.clone() } else { new.display_name };
    let row = PackageVariable {
        schema_name: LogicalName::new(&new.schema_name),
        display_name,
        description: new.description,
        kind: new.kind,
        default_value: new.default_value,
        value: None,
        required: new.required,
        api_name: new
            .api_name
            .map(|name| ApiName::from(name.rsplit('/').next().unwrap_or_default())),
        parameter_key: new.parameter_key,
        parent,
        secret_store: Some(
            new.secret_store.and_then(|store| u32::try_from(store).ok()).unwrap_or(0),
        ),
    };
    Ok(cx.store().variable_create(&cx.caller, &cx.environment.id, row, solution).await?)
}

/// A variable with the layers of its value.
pub async fn variable_get(cx: &Context, name: &str) -> Result<Variable> {
    Ok(cx.store().variable_get(&cx.caller, &cx.environment.id, name).await?)
}

/// The secret of a Secret variable. Who read it stands in the audit log.
///
/// # Errors
/// If the caller may not read the variable, the environment may not read the secret, the store does
/// not give it, or the environment behaves as the vendor's service does, which answers flows only.
pub async fn variable_secret_read(cx: &Context, name: &str) -> Result<SecretString> {
    let variable = variable_get(cx, name).await?;
    let (environment, id) = (&cx.environment.id, variable.id.as_str());
    if cx.environment.fidelity == Fidelity::Dataverse {
        return Err(OperationError::Store(StoreError::Denied {
            caller: cx.caller.name().to_owned(),
            attempt: format!(
                "read the secret of `{}` here: in this environment flows only may, through the \
                 Dataverse connector",
                variable.schema_name
            ),
        }));
    }
    let policy = Policy::parse(&cx.environment.allowed.join("\n"))
        .map_err(|error| OperationError::invalid(error.to_string(), ""))?;
    let read = cx.app.secrets().variable(cx.store(), &cx.caller, environment, &policy, name).await;
    let action = if read.is_ok() { "variable_secret_read" } else { "variable_secret_refused" };
    let detail = json!({"name": variable.schema_name.as_str()});
    cx.store()
        .audit_record(&cx.caller, environment, action, "environment variable", id, detail)
        .await?;
    Ok(read?)
}

/// Changes display name, description, default value or whether a value is required.
pub async fn variable_update(cx: &Context, name: &str, update: VariableUpdate) -> Result<()> {
    Ok(cx.store().variable_update(&cx.caller, &cx.environment.id, name, update).await?)
}

/// Deletes a definition with its value.
pub async fn variable_delete(cx: &Context, name: &str) -> Result<()> {
    Ok(cx.store().variable_delete(&cx.caller, &cx.environment.id, name).await?)
}

/// Sets this environment's value.
pub async fn variable_value_set(cx: &Context, name: &str, value: String) -> Result<VariableId> {
    Ok(cx.store().variable_value_set(&cx.caller, &cx.environment.id, name, value).await?)
}

/// Takes this environment's value away.
pub async fn variable_value_delete(cx: &Context, name: &str) -> Result<()> {
    Ok(cx.store().variable_value_delete(&cx.caller, &cx.environment.id, name).await?)
}
