//! Environment variables.
use connref_solution::model::package::PackageVariable;
use connref_solution::model::{LogicalName, VariableId};
use connref_store::variable::VariableUpdate;

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
    /// Unique name of the unmanaged solution it is added to.
    pub solution: Option<String>,
}

/// Makes a definition.
pub async fn variable_create(cx: &Context, new: VariableCreate) -> Result<VariableId> {
    name_check(&new.schema_name, 100)?;
    if !(100_000_000..=100_000_005).contains(&new.kind) {
        return Err(OperationError::invalid(
            format!("`{}` is no type of an environment variable", new.kind),
            "use 100000000 (text), …1 (number), …2 (yes/no), …3 (JSON), …4 (data source) or …5 (secret)",
        ));
    }
    let solution = match &new.solution {
        Some(name) => Some(super::solution::unmanaged(cx, name).await?),
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
        required: false,
        api_name: None,
        parameter_key: None,
        parent: None,
        secret_store: Some(0),
    };
    Ok(cx.store().variable_create(&cx.caller, &cx.environment.id, row, solution).await?)
}

/// Changes display name, description or default value.
pub async fn variable_update(cx: &Context, name: &str, update: VariableUpdate) -> Result<()> {
    Ok(cx.store().variable_update(&cx.caller, &cx.environment.id, name, update).await?)
}

/// Deletes a definition with its value.
pub async fn variable_delete(cx: &Context, name: &str) -> Result<()> {
    Ok(cx.store().variable_delete(&cx.caller, &cx.environment.id, name).await?)
}

/// Sets this environment's value.
pub async fn variable_value_set(cx: &Context, name: &str, value: String) -> Result<VariableId> {
    if value.len() > 2000 {
        return Err(OperationError::invalid(
            format!("the value for `{name}` has more than 2,000 characters"),
            "keep long texts in a table or a file and put its address into the variable",
        ));
    }
    Ok(cx.store().variable_value_set(&cx.caller, &cx.environment.id, name, value).await?)
}

/// Takes this environment's value away.
pub async fn variable_value_delete(cx: &Context, name: &str) -> Result<()> {
    Ok(cx.store().variable_value_delete(&cx.caller, &cx.environment.id, name).await?)
}
