//! Users and service principals.
use connref_solution::model::facts::Role;
use connref_store::query::Record;

use connref_store::user::UserUpdate;

use crate::operation::user::{UserCreate, user_create, user_update};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

use super::pointed_id;

/// The access mode of application users.
const NON_INTERACTIVE: i64 = 4;

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let role = match fields.text("connref_role").as_deref() {
        Some("system administrator") => Role::SystemAdministrator,
        Some("system customizer") => Role::SystemCustomizer,
        Some("deployer") => Role::Deployer,
        Some("none") => Role::None,
        Some("environment maker") => Role::EnvironmentMaker,
        _ => Role::BasicUser,
    };
    let business_unit = pointed_id(asked, &mut fields, "businessunitid", "businessunit").await?;
    let manager = pointed_id(asked, &mut fields, "parentsystemuserid", "systemuser").await?;
    let new = UserCreate {
        name: fields.text("domainname").unwrap_or_default(),
        display_name: fields.text("fullname").unwrap_or_default(),
        application_id: fields.text("applicationid"),
        service_principal: fields.int("accessmode") == Some(NON_INTERACTIVE),
        role,
        business_unit,
        manager,
    };
    let disabled = fields.flag("isdisabled") == Some(true);
    fields.finish()?;
    let user = user_create(&asked.cx, new).await?;
    if disabled {
        let update = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
        user_update(&asked.cx, user.id.as_str(), update).await?;
    }
    Ok(user.id.as_str().to_owned())
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let update = UserUpdate {
        disabled: fields.flag("isdisabled"),
        business_unit: pointed_id(asked, &mut fields, "businessunitid", "businessunit").await?,
        manager: pointed_id(asked, &mut fields, "parentsystemuserid", "systemuser").await?,
    };
    fields.finish()?;
    if update.disabled.is_none() && update.business_unit.is_none() && update.manager.is_none() {
        return Ok(());
    }
    Ok(user_update(&asked.cx, &record.id, update).await?)
}
