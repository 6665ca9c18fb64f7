//! A row as far as decisions look at it, and the check that verbs make before they change one.
use connref_solution::model::EnvironmentId;

use super::{Caller, Entity, RowFacts, Scope, Verb, decide, on};
use crate::db::{Param, Sql};
use crate::{Result, StoreError};

/// What a verb is about to touch, for its refusals.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Table.
    pub(crate) entity: Entity,
    /// Row id.
    pub(crate) id: &'a str,
    /// What people call such a row.
    pub(crate) kind: &'static str,
    /// As the caller named it.
    pub(crate) name: &'a str,
}

/// Whom a row belongs to and is shared with; none if there is no such row.
pub(crate) fn row_facts(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    entity: Entity,
    id: &str,
) -> Result<Option<RowFacts>> {
    let (owner, unit) = match (entity.scope(), entity) {
        (Scope::Organization, _) => ("NULL", "NULL"),
        (Scope::Unit, Entity::BusinessUnit) => ("NULL", "x.businessunitid"),
        (Scope::Unit, Entity::Team) => ("x.teamid", "x.businessunitid"),
        (Scope::Unit, _) => ("x.systemuserid", "x.businessunitid"),
        (Scope::Owner, _) => (
            "x.ownerid",
            "COALESCE((SELECT u.businessunitid FROM systemuser u WHERE u.environmentid = x.environmentid \
             AND u.systemuserid = x.ownerid), (SELECT t.businessunitid FROM team t \
             WHERE t.environmentid = x.environmentid AND t.teamid = x.ownerid))",
        ),
    };
    let (table, key) = (entity.logical_name(), entity.id_column());
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.into()];
    let row = sql.query_one(
        &format!(
            "SELECT CAST({owner} AS TEXT), CAST({unit} AS TEXT) FROM {table} x \
             WHERE x.environmentid = $1 AND x.{key} = $2"
        ),
        &keys,
    )?;
    let Some(row) = row else { return Ok(None) };
    let mut found = RowFacts {
        owner: row.text_opt(0)?.map(Into::into),
        unit: row.text_opt(1)?,
        shares: Vec::new(),
    };
    if entity.scope() != Scope::Owner {
        return Ok(Some(found));
    }
    for row in sql.query(
        "SELECT principalid, accessrightsmask FROM principalobjectaccess \
         WHERE environmentid = $1 AND objecttypecode = $3 AND objectid = $2",
        &[environment.as_str().into(), id.into(), table.into()],
    )? {
        found.shares.push((row.text(0)?.into(), row.int(1)?));
    }
    if entity == Entity::Workflow {
        // Run-only users see the flow they may run.
        for row in sql.query(
            "SELECT principalid FROM workflow_share WHERE environmentid = $1 AND workflowid = $2",
            &keys,
        )? {
            found.shares.push((row.text(0)?.into(), Verb::Read.mask()));
        }
    }
    Ok(Some(found))
}

/// Refuses unless the caller may do this to the row. What it may not read does not exist for it.
pub(crate) fn check(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    verb: Verb,
    target: Target<'_>,
    attempt: &str,
) -> Result<RowFacts> {
    let missing = || StoreError::not_found(target.kind, target.name);
    let row = row_facts(sql, environment, target.entity, target.id)?.ok_or_else(missing)?;
    // Whoever lacks the verb altogether learns nothing by that about the row.
    if !decide(caller, on(Verb::Read, target.entity), Some(&row)).allowed() {
        return Err(missing());
    }
    caller.require_row(environment, on(verb, target.entity), &row, attempt)?;
    Ok(row)
}
