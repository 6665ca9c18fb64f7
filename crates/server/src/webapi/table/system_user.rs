//! Users and service principals.
use connref_solution::model::facts::Role;
use connref_store::query::Record;

use crate::operation::user::{UserCreate, user_create, user_disable};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

/// The access mode of application users.
const NON_INTERACTIVE: i64 = 4;

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let role = match fields.text("connref_role").as_deref() {
        Some("system administrator") => Role::SystemAdministrator,
        Some("environment maker") => Role::EnvironmentMaker,
        _ => Role::BasicUser,
    };
    let new = UserCreate {
        name: fields.text("domainname").unwrap_or_default(),
        display_name: fields.text("fullname").unwrap_or_default(),
        application_id: fields.text("applicationid"),
        service_principal: fields.int("accessmode") == Some(NON_INTERACTIVE),
        role,
    };
    let disabled = fields.flag("isdisabled") == Some(true);
    fields.finish()?;
    let user = user_create(&asked.cx, new).await?;
    if disabled {
        user_disable(&asked.cx, user.id.as_str(), true).await?;
    }
    Ok(user.id.as_str().to_owned())
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let disabled = fields.flag("isdisabled");
    fields.finish()?;
    if let Some(disabled) = disabled {
        user_disable(&asked.cx, &record.id, disabled).await?;
    }
    Ok(())
}
