//! Connectors.
use connref_engine::connector::custom::{ConnectorTexts, CustomConnector};
use connref_solution::model::ApiName;
use connref_solution::model::package::PackageConnector;
use connref_store::StoreError;
use connref_store::connector::Connector;

use super::{OperationError, Result};
use crate::Context;

/// A custom connector to make.
#[derive(Clone, Debug)]
pub struct ConnectorCreate {
    /// Display name.
    pub display_name: String,
    /// Encoded name; made from the display name if missing.
    pub name: Option<String>,
    /// Swagger 2.0.
    pub openapi_definition: String,
    /// Connection parameters JSON.
    pub connection_parameters: Option<String>,
    /// Policy template instances JSON.
    pub policy_templates: Option<String>,
}

/// Makes a custom connector after reading its definition as a call would.
pub async fn connector_create(cx: &Context, new: ConnectorCreate) -> Result<Connector> {
    let name = new.name.clone().unwrap_or_else(|| encoded(&new.display_name));
    CustomConnector::from_parts(&ConnectorTexts {
        definition: &new.openapi_definition,
        parameters: new.connection_parameters.as_deref(),
        sets: None,
        policies: new.policy_templates.as_deref(),
    })
    .map_err(|error| {
        OperationError::invalid(
            format!("connector `{}` cannot be used: {error}", new.display_name),
            "give a Swagger 2.0 definition (apiDefinition.swagger.json)",
        )
    })?;
    let row = PackageConnector {
        id: String::new(),
        name,
        display_name: new.display_name,
        description: None,
        openapi_definition: Some(new.openapi_definition),
        connection_parameters: new.connection_parameters,
        connection_parameter_sets: None,
        policy_templates: new.policy_templates,
    };
    Ok(cx.store().connector_create(&cx.caller, &cx.environment.id, row).await?)
}

/// The connector of an id or api name; one that is not there is told with where to look. A failure
/// of the database stays what it is.
pub(super) async fn connector_find(cx: &Context, id: &str) -> Result<Connector> {
    let api = ApiName::from_connector_id(id);
    let found = cx.store().connector_get(&cx.caller, &cx.environment.id, &api).await;
    found.map_err(|error| match error {
        StoreError::NotFound { .. } => OperationError::invalid(
            format!("connector `{api}` does not exist in environment `{}`", cx.environment.name),
            &format!("see `connref connector list --env {}`", cx.environment.name),
        ),
        other => other.into(),
    })
}

/// Deletes a custom connector nothing uses.
pub async fn connector_delete(cx: &Context, id: &str) -> Result<()> {
    Ok(cx.store().connector_delete(&cx.caller, &cx.environment.id, &id.into()).await?)
}

/// The name in files: letters and digits in lower case, everything else as `-` and two hex digits.
fn encoded(display_name: &str) -> String {
    let mut out = String::from("new_5F");
    for byte in display_name.to_lowercase().bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("-{byte:02x}"));
        }
    }
    out
}
