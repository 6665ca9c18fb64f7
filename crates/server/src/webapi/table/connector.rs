//! Custom connectors.
use connref_store::query::Record;

use super::{solution_header, text_of};
use crate::operation::connector::{
    ConnectorCreate, ConnectorFiles, connector_create, connector_delete, connector_update,
};
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
        description: fields.text("description"),
        files: files(&mut fields),
        solution: solution_header(asked),
    };
    fields.finish()?;
    Ok(connector_create(&asked.cx, new).await?.row.id.as_str().to_owned())
}

fn files(fields: &mut Fields) -> ConnectorFiles {
    ConnectorFiles {
        openapi_definition: fields.text("openapidefinition"),
        connection_parameters: fields.text("connectionparameters"),
        connection_parameter_sets: fields.text("connectionparametersets"),
        policy_templates: fields.text("policytemplateinstances"),
        properties: None,
    }
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let display_name = fields.text("displayname");
    let files = files(&mut fields);
    fields.finish()?;
    let api = text_of(record, "connectorinternalid");
    connector_update(&asked.cx, &api, display_name, files, false).await?;
    Ok(())
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(connector_delete(&asked.cx, &record.id).await?)
}
