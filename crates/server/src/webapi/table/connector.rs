//! Custom connectors.
use connref_store::query::Record;

use crate::operation::connector::{ConnectorCreate, connector_create, connector_delete};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

/// The choice for a custom connector.
const CUSTOM: i64 = 1;

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    if fields.int("connectortype").is_some_and(|kind| kind != CUSTOM) {
        return Err(Fault::invalid("Only custom connectors (connectortype 1) can be created."));
    }
    let name = fields.text("name");
    let display_name = fields
        .text("displayname")
        .or_else(|| name.clone())
        .ok_or_else(|| Fault::payload("A connector needs the property `displayname` or `name`."))?;
    let new = ConnectorCreate {
        display_name,
        name,
        openapi_definition: fields.text("openapidefinition").unwrap_or_default(),
        connection_parameters: fields.text("connectionparameters"),
        policy_templates: fields.text("policytemplateinstances"),
    };
    fields.finish()?;
    Ok(connector_create(&asked.cx, new).await?.id.as_str().to_owned())
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(connector_delete(&asked.cx, &record.id).await?)
}
