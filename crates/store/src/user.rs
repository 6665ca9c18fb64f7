//! Users and service principals of an environment.
use connref_solution::model::facts::{PrincipalKind, Role};
use connref_solution::model::{EnvironmentId, Micros, PrincipalId};
use serde_json::json;

use crate::access::{Caller, Entity, Target, Verb, built_in, check, on};
use crate::audit_log::{self, Entry};
use crate::db::{Row, Sql};
use crate::environment::touch;
use crate::text::{Stored, stored};
use crate::{Result, Store, StoreError, business_unit, role};

/// A user or service principal.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Row id and object id.
    pub id: PrincipalId,
    /// Kind.
    pub kind: PrincipalKind,
    /// User principal name, or the application's name.
    pub name: String,
    /// Full name.
    pub display_name: String,
    /// Application id.
    pub application_id: Option<String>,
    /// Role.
    pub role: Role,
    /// Disabled.
    pub disabled: bool,
    /// When it departed.
    pub departed_on: Option<Micros>,
    /// Its business unit.
    pub business_unit: String,
    /// Its manager.
    pub manager: Option<PrincipalId>,
}

/// A new user or service principal.
#[derive(Clone, Debug)]
pub struct UserNew {
    /// Name, unique in the environment.
    pub name: String,
    /// Full name.
    pub display_name: String,
    /// Kind.
    pub kind: PrincipalKind,
    /// Application id of a service principal; made if missing.
    pub application_id: Option<String>,
    /// Role.
    pub role: Role,
    /// Business unit, by name or id; else the root.
    pub business_unit: Option<String>,
    /// Manager, by name or id.
    pub manager: Option<String>,
}

/// What may be changed of a user.
#[derive(Clone, Debug, Default)]
pub struct UserUpdate {
    /// Disabled, and so departed; or enabled again.
    pub disabled: Option<bool>,
    /// Business unit, by name or id.
    pub business_unit: Option<String>,
    /// Manager, by name or id; an empty text takes it away.
    pub manager: Option<String>,
}

pub(crate) const COLUMNS: &str = "systemuserid, kind, domainname, fullname, applicationid, role, isdisabled, departedon, \
     businessunitid, parentsystemuserid";

pub(crate) fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: row.text(0)?.into(),
        kind: stored(row, 1)?,
        name: row.text(2)?,
        display_name: row.text(3)?,
        application_id: row.text_opt(4)?,
        role: stored(row, 5)?,
        disabled: row.flag(6)?,
        departed_on: row.int_opt(7)?,
        business_unit: row.text(8)?,
        manager: row.text_opt(9)?.map(Into::into),
    })
}

pub(crate) fn user_insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    now: Micros,
    version: i64,
    id: &str,
    new: &UserNew,
) -> Result<()> {
    let unit = match &new.business_unit {
        Some(name) => business_unit::find(sql, environment, name)?,
        None => business_unit::root(sql, environment)?,
    };
    let manager =
        new.manager.as_ref().map(|name| find(sql, environment, name)).transpose()?.map(|m| m.id);
    sql.execute(
        "INSERT INTO systemuser (environmentid, systemuserid, kind, domainname, domainname_key, fullname, \
         applicationid, role, isdisabled, departedon, createdon, modifiedon, versionnumber, businessunitid, \
         parentsystemuserid) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, NULL, $9, $9, $10, $11, $12)",
        &[
            environment.as_str().into(),
            id.into(),
            new.kind.text().into(),
            (&new.name).into(),
            new.name.to_lowercase().into(),
            (&new.display_name).into(),
            new.application_id.as_ref().into(),
            new.role.text().into(),
            now.into(),
            version.into(),
            unit.id.into(),
            manager.as_ref().map(PrincipalId::as_str).into(),
        ],
    )?;
    if let Some(role) = built_in(new.role) {
        role::user_role_insert(sql, environment, version, id, role.id)?;
    }
    Ok(())
}

/// A principal by id or name.
pub(crate) fn find(sql: &mut Sql<'_>, environment: &EnvironmentId, name: &str) -> Result<User> {
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS} FROM systemuser WHERE environmentid = $1 \
             AND (systemuserid = $2 OR domainname_key = $2 OR applicationid = $2)"
        ),
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    user(&row.ok_or_else(|| StoreError::not_found("user", name))?)
}

impl Store {
    /// Adds a user or service principal.
    pub async fn user_add(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        mut new: UserNew,
    ) -> Result<User> {
        caller.require(environment, on(Verb::Create, Entity::User), "add users")?;
        if new.name.trim().is_empty() || new.name.len() > 200 {
            return Err(StoreError::Invalid("a user's name has 1 to 200 characters".to_owned()));
        }
        let now = self.now();
        let id = self.ids.guid(now);
        if new.kind == PrincipalKind::ServicePrincipal {
            let application = new.application_id.unwrap_or_else(|| self.ids.guid(now));
            new.application_id = Some(application.to_lowercase());
        }
        let (caller, environment, name) = (caller.clone(), environment.clone(), new.name.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                user_insert(sql, &environment, now, version, &id, &new)?;
                let entry = Entry {
                    action: "user_add",
                    object: "user",
                    object_id: &id,
                    detail: json!({"name": new.name, "kind": new.kind.text(), "role": new.role.text()}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &id)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("user", &name))
    }

    /// A user by id, name or application id.
    pub async fn user_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<User> {
        let (caller, environment, name) = (caller.clone(), environment.clone(), name.to_owned());
        self.db
            .read(move |sql| {
                let found = find(sql, &environment, &name)?;
                let target = target(&found, &name);
                check(sql, &caller, &environment, Verb::Read, target, "see this user")?;
                Ok(found)
            })
            .await
    }

    /// Disables a user (its connections are kept and marked), or enables it again; moves it to
    /// another business unit; names its manager. What is `None` stays.
    pub async fn user_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &PrincipalId,
        update: UserUpdate,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let old = find(sql, &environment, id.as_str())?;
                let place = target(&old, id.as_str());
                let attempt = if update.disabled.is_some() { "disable users" } else { "change users" };
                check(sql, &caller, &environment, Verb::Write, place, attempt)?;
                let new = updated(sql, &environment, &old, &update, now)?;
                sql.execute(
                    "UPDATE systemuser SET isdisabled = $3, departedon = $4, businessunitid = $5, \
                     parentsystemuserid = $6, modifiedon = $7, versionnumber = $8 \
                     WHERE environmentid = $1 AND systemuserid = $2",
                    &[
                        environment.as_str().into(),
                        old.id.as_str().into(),
                        new.disabled.into(),
                        new.departed_on.into(),
                        (&new.business_unit).into(),
                        new.manager.as_ref().map(PrincipalId::as_str).into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let action = match update.disabled {
                    Some(true) => "user_disable",
                    Some(false) => "user_enable",
                    None => "user_update",
                };
                let detail = json!({
                    "name": old.name, "businessUnit": update.business_unit, "manager": update.manager,
                });
                let entry = Entry { action, object: "user", object_id: old.id.as_str(), detail };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}

/// The user as it will be.
fn updated(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    old: &User,
    update: &UserUpdate,
    now: Micros,
) -> Result<User> {
    let mut new = old.clone();
    if let Some(disabled) = update.disabled {
        new.disabled = disabled;
        // The day somebody left does not move when it is said twice.
        new.departed_on = disabled.then(|| old.departed_on.unwrap_or(now));
    }
    if let Some(unit) = &update.business_unit {
        new.business_unit = business_unit::find(sql, environment, unit)?.id;
    }
    match update.manager.as_deref() {
        None => {}
        Some("") => new.manager = None,
        Some(name) => {
            let manager = find(sql, environment, name)?;
            if manager.id == old.id {
                let text = format!("`{}` cannot be its own manager", old.name);
                return Err(StoreError::Invalid(text));
            }
            new.manager = Some(manager.id);
        }
    }
    Ok(new)
}

pub(crate) fn target<'a>(user: &'a User, name: &'a str) -> Target<'a> {
    Target { entity: Entity::User, id: user.id.as_str(), kind: "user", name }
}
