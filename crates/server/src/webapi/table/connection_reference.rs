//! Connection references: making, binding, describing, deleting.
use connref_store::query::Record;
use connref_store::reference::ReferenceUpdate;

use super::{solution_header, text_of};
use crate::operation::reference::{
    ReferenceCreate, reference_bind, reference_create, reference_delete, reference_update,
};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let new = ReferenceCreate {
        logical_name: fields.text("connectionreferencelogicalname").unwrap_or_default(),
        display_name: fields.text("connectionreferencedisplayname").unwrap_or_default(),
        description: fields.text("description"),
        connector_id: fields.text("connectorid").unwrap_or_default(),
        connection_id: fields.text("connectionid"),
        solution: solution_header(asked),
    };
    fields.finish()?;
    Ok(reference_create(&asked.cx, new).await?.id.as_str().to_owned())
}

/// The binding is judged first: when it is refused, nothing of the request is done.
pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let connection = fields.nullable("connectionid");
    let update = ReferenceUpdate {
        display_name: fields.text("connectionreferencedisplayname"),
        description: fields.nullable("description").map(Option::unwrap_or_default),
    };
    fields.finish()?;
    let name = text_of(record, "connectionreferencelogicalname");
    if let Some(connection) = connection {
        reference_bind(&asked.cx, &name, connection.as_deref(), "api").await?;
    }
    if update.display_name.is_some() || update.description.is_some() {
        reference_update(&asked.cx, &name, update).await?;
    }
    Ok(())
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    let name = text_of(record, "connectionreferencelogicalname");
    Ok(reference_delete(&asked.cx, &name).await?)
}
