//! Users and service principals of an environment.
use connref_solution::model::facts::{PrincipalKind, Role};
use connref_solution::model::{EnvironmentId, Micros, PrincipalId};
use serde_json::json;

use crate::access::{Action, Caller, Member};
use crate::audit_log::{self, Entry};
use crate::db::{Row, Sql};
use crate::environment::touch;
use crate::text::{Stored, stored};
use crate::{Result, Store, StoreError};

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
}

pub(crate) const COLUMNS: &str =
    "systemuserid, kind, domainname, fullname, applicationid, role, isdisabled, departedon";

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
    sql.execute(
        "INSERT INTO systemuser (environmentid, systemuserid, kind, domainname, domainname_key, fullname, \
         applicationid, role, isdisabled, departedon, createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, NULL, $9, $9, $10)",
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
        ],
    )?;
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
        caller.authorize(environment, Action::Administer, "add users")?;
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
        caller.authorize(environment, Action::Read, "see users")?;
        let (environment, name) = (environment.clone(), name.to_owned());
        self.db.read(move |sql| find(sql, &environment, &name)).await
    }

    /// Disables a user (its connections are kept and marked), or enables it again.
    pub async fn user_disable(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &PrincipalId,
        disabled: bool,
    ) -> Result<()> {
        caller.authorize(environment, Action::Administer, "disable users")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let changed = sql.execute(
                    "UPDATE systemuser SET isdisabled = $3, departedon = $4, modifiedon = $5, \
                     versionnumber = $6 WHERE environmentid = $1 AND systemuserid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        disabled.into(),
                        disabled.then_some(now).into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                if changed == 0 {
                    return Err(StoreError::not_found("user", id.as_str()));
                }
                let action = if disabled { "user_disable" } else { "user_enable" };
                let entry =
                    Entry { action, object: "user", object_id: id.as_str(), detail: json!({}) };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// The caller behind a name in an environment. A disabled principal is nobody.
    pub async fn caller_find(&self, environment: &EnvironmentId, name: &str) -> Result<Caller> {
        let found = {
            let (environment, name) = (environment.clone(), name.to_owned());
            self.db.read(move |sql| find(sql, &environment, &name)).await?
        };
        if found.disabled {
            return Err(StoreError::Denied {
                caller: found.name,
                attempt: "sign in: it is disabled".to_owned(),
            });
        }
        Ok(Caller::Member(Member {
            environment: environment.clone(),
            id: found.id,
            name: found.name,
            kind: found.kind,
            role: found.role,
        }))
    }
}
