//! The rows of environment variables: reading and writing them, nothing decided.
use connref_solution::model::facts::VariableFacts;
use connref_solution::model::package::PackageVariable;
use connref_solution::model::{EnvironmentId, LogicalName, VariableId};

use crate::connector::Insert;
use crate::db::{Row, Sql};
use crate::variable::Variable;
use crate::{Result, StoreError};

/// All variables. The environment's own value wins over the one a managed package brought.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<VariableFacts>> {
    sql.query(
        "SELECT d.environmentvariabledefinitionid, d.schemaname, d.displayname, d.type, d.defaultvalue, \
         COALESCE(own.value, base.value), d.ismanaged, d.isrequired FROM environmentvariabledefinition d \
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
            required: row.flag(7)?,
            managed: row.flag(6)?,
        })
    })
    .collect()
}

/// One variable with everything that is kept of it, by id or schema name.
pub(crate) fn get(sql: &mut Sql<'_>, environment: &EnvironmentId, name: &str) -> Result<Variable> {
    let row = sql.query_one(
        "SELECT d.environmentvariabledefinitionid, d.schemaname, d.displayname, d.description, d.type, \
         d.defaultvalue, own.value, base.value, d.isrequired, d.apiid, d.parameterkey, \
         d.parentschemaname, d.secretstore, d.ismanaged, d.ownerid FROM environmentvariabledefinition d \
         LEFT JOIN environmentvariablevalue own ON own.environmentid = d.environmentid \
         AND own.environmentvariabledefinitionid = d.environmentvariabledefinitionid AND own.base = 0 \
         LEFT JOIN environmentvariablevalue base ON base.environmentid = d.environmentid \
         AND base.environmentvariabledefinitionid = d.environmentvariabledefinitionid AND base.base = 1 \
         WHERE d.environmentid = $1 AND (d.environmentvariabledefinitionid = $2 OR d.schemaname_key = $2)",
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    variable(&row.ok_or_else(|| StoreError::not_found("environment variable", name))?)
}

fn variable(row: &Row) -> Result<Variable> {
    Ok(Variable {
        id: row.text(0)?.into(),
        schema_name: row.text(1)?.into(),
        display_name: row.text(2)?,
        description: row.text_opt(3)?,
        kind: row.int(4)?,
        default_value: row.text_opt(5)?,
        own: row.text_opt(6)?,
        base: row.text_opt(7)?,
        required: row.flag(8)?,
        api_name: row.text_opt(9)?.map(Into::into),
        parameter_key: row.text_opt(10)?,
        parent: row.text_opt(11)?.map(Into::into),
        secret_store: row.int_opt(12)?,
        managed: row.flag(13)?,
        owner: row.text(14)?.into(),
    })
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
         isrequired = $7, modifiedon = $8, versionnumber = $9, apiid = COALESCE($10, apiid), \
         parameterkey = COALESCE($11, parameterkey), parentschemaname = COALESCE($12, parentschemaname), \
         secretstore = COALESCE($13, secretstore) \
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
            new.api_name.as_ref().map(|a| a.as_str()).into(),
            new.parameter_key.as_ref().into(),
            new.parent.as_ref().map(LogicalName::as_str).into(),
            new.secret_store.map(i64::from).into(),
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
