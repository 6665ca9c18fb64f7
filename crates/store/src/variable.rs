//! Environment variables: definitions, and the values of this environment.
use connref_solution::model::facts::VariableFacts;
use connref_solution::model::package::PackageVariable;
use connref_solution::model::{EnvironmentId, LogicalName, Micros, SolutionId, VariableId};
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::connector::Insert;
use crate::db::{Param, Sql};
use crate::environment::touch;
use crate::solution::{component_add, component_remove};
use crate::{Result, Store, StoreError};

/// Type number of a secret.
pub const SECRET: i64 = 100_000_005;

/// What may be changed of a definition.
#[derive(Clone, Debug, Default)]
pub struct VariableUpdate {
    /// Display name.
    pub display_name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Default value.
    pub default_value: Option<String>,
}

/// All variables. The environment's own value wins over the one a managed package brought.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<VariableFacts>> {
    sql.query(
        "SELECT d.environmentvariabledefinitionid, d.schemaname, d.displayname, d.type, d.defaultvalue, \
         COALESCE(own.value, base.value), d.ismanaged FROM environmentvariabledefinition d \
         LEFT JOIN environmentvariablevalue own ON own.environmentid = d.environmentid \
         AND own.environmentvariabledefinitionid = d.environmentvariabledefinitionid AND own.base = 0 \
         LEFT JOIN environmentvariablevalue base ON base.environmentid = d.environmentid \
         AND base.environmentvariabledefinitionid = d.environmentvariabledefinitionid AND base.base = 1 \
         WHERE d.environmentid = $1 ORDER BY d.schemaname_key",
        &[environment.as_str().into()],
    )?
    .iter()
    .map(|row| {
        Ok(VariableFacts {
            id: row.text(0)?.into(),
            schema_name: row.text(1)?.into(),
            display_name: row.text(2)?,
            kind: row.int(3)?,
            default_value: row.text_opt(4)?,
            value: row.text_opt(5)?,
            managed: row.flag(6)?,
        })
    })
    .collect()
}

pub(crate) fn find_id(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &str,
) -> Result<(VariableId, LogicalName)> {
    let row = sql.query_one(
        "SELECT environmentvariabledefinitionid, schemaname FROM environmentvariabledefinition \
         WHERE environmentid = $1 AND (environmentvariabledefinitionid = $2 OR schemaname_key = $2)",
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    let row = row.ok_or_else(|| StoreError::not_found("environment variable", name))?;
    Ok((row.text(0)?.into(), row.text(1)?.into()))
}

pub(crate) fn insert(
    sql: &mut Sql<'_>,
    at: &Insert<'_>,
    id: &str,
    new: &PackageVariable,
) -> Result<()> {
    sql.execute(
        "INSERT INTO environmentvariabledefinition (environmentid, environmentvariabledefinitionid, schemaname, \
         schemaname_key, displayname, description, type, defaultvalue, isrequired, apiid, parameterkey, \
         parentschemaname, secretstore, ismanaged, ownerid, createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17)",
        &[
            at.environment.as_str().into(),
            id.into(),
            new.schema_name.as_str().into(),
            new.schema_name.key().into(),
            (&new.display_name).into(),
            new.description.as_ref().into(),
            new.kind.into(),
            new.default_value.as_ref().into(),
            new.required.into(),
            new.api_name.as_ref().map(|a| a.as_str()).into(),
            new.parameter_key.as_ref().into(),
            new.parent.as_ref().map(LogicalName::as_str).into(),
            new.secret_store.map(i64::from).into(),
            at.managed.into(),
            at.owner.as_str().into(),
            at.now.into(),
            at.version.into(),
        ],
    )?;
    Ok(())
}

/// Updates what a package brings anew. Empty names do not blank stored ones.
pub(crate) fn update(
    sql: &mut Sql<'_>,
    at: &Insert<'_>,
    id: &VariableId,
    new: &PackageVariable,
) -> Result<()> {
    sql.execute(
        "UPDATE environmentvariabledefinition SET displayname = CASE WHEN $3 = '' THEN displayname ELSE $3 END, \
         description = COALESCE($4, description), type = $5, defaultvalue = COALESCE($6, defaultvalue), \
         isrequired = $7, modifiedon = $8, versionnumber = $9 \
         WHERE environmentid = $1 AND environmentvariabledefinitionid = $2",
        &[
            at.environment.as_str().into(),
            id.as_str().into(),
            (&new.display_name).into(),
            new.description.as_ref().into(),
            new.kind.into(),
            new.default_value.as_ref().into(),
            new.required.into(),
            at.now.into(),
            at.version.into(),
        ],
    )?;
    Ok(())
}

/// A value to write.
pub(crate) struct Value<'a> {
    pub(crate) definition: &'a VariableId,
    pub(crate) schema_name: &'a LogicalName,
    pub(crate) value: &'a str,
    /// The value a managed package brought, under the environment's own.
    pub(crate) base: bool,
    /// Id of a new row.
    pub(crate) id: &'a str,
}

pub(crate) fn value_write(sql: &mut Sql<'_>, at: &Insert<'_>, new: &Value<'_>) -> Result<()> {
    sql.execute(
        "INSERT INTO environmentvariablevalue (environmentid, environmentvariablevalueid, \
         environmentvariabledefinitionid, schemaname, value, base, ownerid, createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) \
         ON CONFLICT (environmentid, environmentvariabledefinitionid, base) \
         DO UPDATE SET value = excluded.value, modifiedon = excluded.modifiedon, \
         versionnumber = excluded.versionnumber",
        &[
            at.environment.as_str().into(),
            new.id.into(),
            new.definition.as_str().into(),
            new.schema_name.as_str().into(),
            new.value.into(),
            new.base.into(),
            at.owner.as_str().into(),
            at.now.into(),
            at.version.into(),
        ],
    )?;
    Ok(())
}

impl Store {
    /// Makes a definition, in a solution or not.
    pub async fn variable_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: PackageVariable,
        solution: Option<SolutionId>,
    ) -> Result<VariableId> {
        caller.authorize(environment, Action::Make, "create environment variables")?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, name) =
            (caller.clone(), environment.clone(), new.schema_name.as_str().to_owned());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let at = Insert {
                    environment: &environment,
                    owner: &owner,
                    now,
                    version,
                    managed: false,
                };
                insert(sql, &at, &id, &new)?;
                if let Some(solution) = &solution {
                    component_add(sql, &environment, solution, "variable", &id)?;
                }
                let detail = json!({"name": new.schema_name.as_str(), "type": new.kind});
                record(sql, &environment, now, &caller, "variable_create", &id, detail)?;
                Ok(VariableId::new(&id))
            })
            .await
            .map_err(|e: StoreError| e.on_unique("environment variable", &name))
    }

    /// Changes display name, description or default value; what is `None` stays.
    pub async fn variable_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
        update: VariableUpdate,
    ) -> Result<()> {
        caller.authorize(environment, Action::Make, "change environment variables")?;
        let (caller, environment, name, now) =
            (caller.clone(), environment.clone(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let (id, schema_name) = find_id(sql, &environment, &name)?;
                sql.execute(
                    "UPDATE environmentvariabledefinition SET displayname = COALESCE($3, displayname), \
                     description = COALESCE($4, description), defaultvalue = COALESCE($5, defaultvalue), \
                     modifiedon = $6, versionnumber = $7 \
                     WHERE environmentid = $1 AND environmentvariabledefinitionid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        update.display_name.as_ref().into(),
                        update.description.as_ref().into(),
                        update.default_value.as_ref().into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let detail = json!({"name": schema_name.as_str()});
                record(sql, &environment, now, &caller, "variable_update", id.as_str(), detail)
            })
            .await
    }

    /// Sets this environment's value.
    pub async fn variable_value_set(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
        value: String,
    ) -> Result<VariableId> {
        caller.authorize(environment, Action::Make, "set environment variables")?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, name) = (caller.clone(), environment.clone(), name.to_owned());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let (definition, schema_name) = find_id(sql, &environment, &name)?;
                let at = Insert {
                    environment: &environment,
                    owner: &owner,
                    now,
                    version,
                    managed: false,
                };
                let new = Value {
                    definition: &definition,
                    schema_name: &schema_name,
                    value: &value,
                    base: false,
                    id: &id,
                };
                value_write(sql, &at, &new)?;
                // The value may be what somebody should have made a secret: the log says that it
                // changed, not to what.
                let detail = json!({"name": schema_name.as_str()});
                record(
                    sql,
                    &environment,
                    now,
                    &caller,
                    "variable_value_set",
                    definition.as_str(),
                    detail,
                )?;
                Ok(definition)
            })
            .await
    }

    /// Takes this environment's value away.
    pub async fn variable_value_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<()> {
        caller.authorize(environment, Action::Make, "set environment variables")?;
        let (caller, environment, name, now) =
            (caller.clone(), environment.clone(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let (definition, schema_name) = find_id(sql, &environment, &name)?;
                sql.execute(
                    "DELETE FROM environmentvariablevalue WHERE environmentid = $1 \
                     AND environmentvariabledefinitionid = $2 AND base = 0",
                    &[environment.as_str().into(), definition.as_str().into()],
                )?;
                let detail = json!({"name": schema_name.as_str()});
                record(
                    sql,
                    &environment,
                    now,
                    &caller,
                    "variable_value_delete",
                    definition.as_str(),
                    detail,
                )
            })
            .await
    }

    /// Deletes a definition with its value.
    pub async fn variable_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<()> {
        caller.authorize(environment, Action::Administer, "delete environment variables")?;
        let (caller, environment, name, now) =
            (caller.clone(), environment.clone(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let (id, schema_name) = find_id(sql, &environment, &name)?;
                component_remove(sql, &environment, "variable", id.as_str())?;
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                for table in ["environmentvariablevalue", "environmentvariabledefinition"] {
                    sql.execute(
                        &format!(
                            "DELETE FROM {table} WHERE environmentid = $1 AND environmentvariabledefinitionid = $2"
                        ),
                        &keys,
                    )?;
                }
                let detail = json!({"name": schema_name.as_str()});
                record(sql, &environment, now, &caller, "variable_delete", id.as_str(), detail)
            })
            .await
    }

    /// The variables of an environment with their values.
    pub async fn variable_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Vec<VariableFacts>> {
        caller.authorize(environment, Action::Read, "see environment variables")?;
        let environment = environment.clone();
        self.db.read(move |sql| all(sql, &environment)).await
    }
}

fn record(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    now: Micros,
    caller: &Caller,
    action: &str,
    id: &str,
    detail: serde_json::Value,
) -> Result<()> {
    let entry = Entry { action, object: "environment variable", object_id: id, detail };
    audit_log::record(sql, environment, now, caller, &entry)
}
