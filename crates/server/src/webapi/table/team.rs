//! Teams.
use connref_solution::model::facts::TeamKind;
use connref_store::query::Record;
use connref_store::team::TeamNew;

use super::pointed_id;
use crate::operation::team::{team_create, team_delete};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let kind = match fields.int("teamtype") {
        None | Some(0) => TeamKind::Owner,
        Some(1) => TeamKind::Access,
        Some(2) => TeamKind::SecurityGroup,
        // The type of the column allows no other.
        Some(_) => TeamKind::OfficeGroup,
    };
    let new = TeamNew {
        name: fields.text("name").unwrap_or_default(),
        description: fields.text("description"),
        kind,
        business_unit: pointed_id(asked, &mut fields, "businessunitid", "businessunit").await?,
        group: fields.text("azureactivedirectoryobjectid"),
        membership: fields.int("membershiptype").unwrap_or(0),
    };
    fields.finish()?;
    Ok(team_create(&asked.cx, new).await?.id.as_str().to_owned())
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(team_delete(&asked.cx, &record.id).await?)
}
