//! Solutions.
use crate::operation::solution::{SolutionCreate, solution_create};
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
