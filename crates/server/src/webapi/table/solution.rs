//! Solutions.
use connref_store::query::Record;
use connref_store::solution_remove::SolutionUpdate;

use crate::operation::solution::{
    SolutionCreate, solution_create, solution_delete, solution_update,
};
use crate::webapi::body::Fields;
use crate::webapi::locate::pointed;
use crate::webapi::{Asked, Fault};

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let publisher = fields
        .row("publisherid")
        .ok_or_else(|| Fault::payload("The property `publisherid@odata.bind` is required."))?;
    let publisher = pointed(asked, &publisher, "publisher").await?.id;
    let new = SolutionCreate {
        unique_name: fields.text("uniquename").unwrap_or_default(),
        display_name: fields.text("friendlyname").unwrap_or_default(),
        description: fields.text("description"),
        version: fields.text("version").unwrap_or_default(),
        publisher,
    };
    fields.finish()?;
    Ok(solution_create(&asked.cx, new).await?.facts.id.as_str().to_owned())
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let update = SolutionUpdate {
        display_name: fields.text("friendlyname"),
        description: fields.nullable("description").map(Option::unwrap_or_default),
        version: fields.text("version"),
    };
    fields.finish()?;
    Ok(solution_update(&asked.cx, &record.id, update).await?)
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(solution_delete(&asked.cx, &record.id).await?)
}
