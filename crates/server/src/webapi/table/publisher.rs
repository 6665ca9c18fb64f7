//! Publishers.
use connref_store::query::Record;

use crate::operation::solution::{
    PublisherCreate, publisher_create, publisher_delete, publisher_update,
};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let option_value = fields.int("customizationoptionvalueprefix").unwrap_or_default();
    // The range the vendor's service accepts.
    let option_value_prefix = u32::try_from(option_value)
        .ok()
        .filter(|number| (10_000..=99_999).contains(number))
        .ok_or_else(|| {
            Fault::invalid("`customizationoptionvalueprefix` is a number from 10000 to 99999.")
        })?;
    let new = PublisherCreate {
        unique_name: fields.text("uniquename").unwrap_or_default(),
        display_name: fields.text("friendlyname").unwrap_or_default(),
        prefix: fields.text("customizationprefix").unwrap_or_default(),
        option_value_prefix,
    };
    fields.finish()?;
    Ok(publisher_create(&asked.cx, new).await?.as_str().to_owned())
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let name = fields.text("friendlyname");
    fields.finish()?;
    match name {
        Some(name) => Ok(publisher_update(&asked.cx, &record.id, name).await?),
        None => Ok(()),
    }
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(publisher_delete(&asked.cx, &record.id).await?)
}
