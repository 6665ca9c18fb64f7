//! Business units.
use connref_store::query::Record;

use super::pointed_id;
use crate::operation::business_unit::{
    business_unit_create, business_unit_delete, business_unit_update,
};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let name = fields.text("name").unwrap_or_default();
    let parent = pointed_id(asked, &mut fields, "parentbusinessunitid", "businessunit").await?;
    fields.finish()?;
    Ok(business_unit_create(&asked.cx, name, parent).await?.id)
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let name = fields.text("name");
    let parent = pointed_id(asked, &mut fields, "parentbusinessunitid", "businessunit").await?;
    fields.finish()?;
    if name.is_none() && parent.is_none() {
        return Ok(());
    }
    Ok(business_unit_update(&asked.cx, &record.id, name, parent).await?)
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(business_unit_delete(&asked.cx, &record.id).await?)
}
