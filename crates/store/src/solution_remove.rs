//! Changing and removing solutions and publishers.
use connref_solution::model::{
    ComponentKind, EnvironmentId, LogicalName, Micros, PublisherId, SolutionId,
};
use serde_json::json;

use crate::access::{Caller, Entity, Verb, on};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Sql};
use crate::environment::touch;
use crate::layer::At;
use crate::solution::{Solution, find};
use crate::{Result, Store, StoreError, flow_row, layer, reference};

/// What may be changed of an unmanaged solution.
#[derive(Clone, Debug, Default)]
pub struct SolutionUpdate {
    /// Display name.
    pub display_name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Version.
    pub version: Option<String>,
}

impl Store {
    /// Changes an unmanaged solution.
    pub async fn solution_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &SolutionId,
        update: SolutionUpdate,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Write, Entity::Solution), "change solutions")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let row = find(sql, &environment, id.as_str())?;
                if row.facts.managed {
                    let text = format!("solution `{}` is managed", row.facts.unique_name);
                    return Err(StoreError::Invalid(text));
                }
                sql.execute(
                    "UPDATE solution SET friendlyname = COALESCE($3, friendlyname), \
                     description = COALESCE($4, description), version = COALESCE($5, version), \
                     modifiedon = $6, versionnumber = $7, modifiedby = COALESCE($8, modifiedby) \
                     WHERE environmentid = $1 AND solutionid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        update.display_name.as_ref().into(),
                        update.description.as_ref().into(),
                        update.version.as_ref().into(),
                        now.into(),
                        version.into(),
                        caller.principal().map(|id| id.as_str()).into(),
                    ],
                )?;
                let detail = json!({"name": row.facts.unique_name, "version": update.version});
                record(sql, &environment, now, &caller, "solution_update", id.as_str(), detail)
            })
            .await
    }

    /// Deletes a solution. An unmanaged one leaves what was in it; with a managed one goes whatever
    /// no other solution holds, flows first, and nothing goes if something outside still uses it.
    pub async fn solution_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &SolutionId,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Delete, Entity::Solution), "delete solutions")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let row = find(sql, &environment, id.as_str())?;
                holding_check(sql, &environment, &row)?;
                let alone = if row.facts.managed { alone(sql, &environment, &id)? } else { vec![] };
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                if row.facts.managed {
                    let at = At { environment: &environment, by: caller.name(), now, version };
                    left_to_others(sql, &at, &id, &alone)?;
                }
                for table in ["solutioncomponent", "component_layer", "solution_part", "solution"] {
                    sql.execute(
                        &format!(
                            "DELETE FROM {table} WHERE environmentid = $1 AND solutionid = $2"
                        ),
                        &keys,
                    )?;
                }
                uninstall(sql, &environment, &row, &alone)?;
                let detail = json!({"name": row.facts.unique_name, "removed": alone.len()});
                record(sql, &environment, now, &caller, "solution_delete", id.as_str(), detail)
            })
            .await
    }

    /// Changes a publisher's display name.
    pub async fn publisher_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &PublisherId,
        display_name: String,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Write, Entity::Publisher), "change publishers")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let changed = sql.execute(
                    "UPDATE publisher SET friendlyname = $3, modifiedon = $4, versionnumber = $5, \
                     modifiedby = COALESCE($6, modifiedby) WHERE environmentid = $1 AND publisherid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        (&display_name).into(),
                        now.into(),
                        version.into(),
                        caller.principal().map(|id| id.as_str()).into(),
                    ],
                )?;
                if changed == 0 {
                    return Err(StoreError::not_found("publisher", id.as_str()));
                }
                let detail = json!({"name": display_name});
                record(sql, &environment, now, &caller, "publisher_update", id.as_str(), detail)
            })
            .await
    }

    /// Deletes a publisher that has no solution.
    pub async fn publisher_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &PublisherId,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Delete, Entity::Publisher), "delete publishers")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                let used = sql.query(
                    "SELECT uniquename FROM solution WHERE environmentid = $1 AND publisherid = $2 ORDER BY 1",
                    &keys,
                )?;
                if let Some(row) = used.first() {
                    let users = format!("solution `{}`", row.text(0)?);
                    let name = id.as_str().to_owned();
                    return Err(StoreError::InUse { kind: "publisher", name, users });
                }
                let deleted = sql.execute(
                    "DELETE FROM publisher WHERE environmentid = $1 AND publisherid = $2",
                    &keys,
                )?;
                if deleted == 0 {
                    return Err(StoreError::not_found("publisher", id.as_str()));
                }
                record(sql, &environment, now, &caller, "publisher_delete", id.as_str(), json!({}))
            })
            .await
    }
}

/// A holding solution lies on top of the installed one, which cannot go from below it.
fn holding_check(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    solution: &Solution,
) -> Result<()> {
    let row = sql.query_one(
        "SELECT uniquename FROM solution WHERE environmentid = $1 AND upgradeof = $2",
        &[environment.as_str().into(), solution.facts.id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(()) };
    let name = solution.facts.unique_name.clone();
    let users = format!("the holding solution `{}`", row.text(0)?);
    Err(StoreError::InUse { kind: "solution", name, users })
}

/// What another solution holds too stays, and shows what is left of it.
fn left_to_others(
    sql: &mut Sql<'_>,
    at: &At<'_>,
    id: &SolutionId,
    alone: &[(String, String)],
) -> Result<()> {
    let rows = sql.query(
        "SELECT kind, objectid FROM solutioncomponent WHERE environmentid = $1 AND solutionid = $2 ORDER BY ordinal",
        &[at.environment.as_str().into(), id.as_str().into()],
    )?;
    for row in rows {
        let one = (row.text(0)?, row.text(1)?);
        if let Some(kind) = ComponentKind::of(&one.0).filter(|_| !alone.contains(&one)) {
            layer::leave(sql, at, id, kind, &one.1)?;
        }
    }
    Ok(())
}

/// The components no other solution holds: (kind, id).
fn alone(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &SolutionId,
) -> Result<Vec<(String, String)>> {
    sql.query(
        "SELECT c.kind, c.objectid FROM solutioncomponent c WHERE c.environmentid = $1 AND c.solutionid = $2 \
         AND NOT EXISTS (SELECT 1 FROM solutioncomponent o WHERE o.environmentid = c.environmentid \
         AND o.kind = c.kind AND o.objectid = c.objectid AND o.solutionid <> c.solutionid) ORDER BY c.ordinal",
        &[environment.as_str().into(), id.as_str().into()],
    )?
    .iter()
    .map(|row| Ok((row.text(0)?, row.text(1)?)))
    .collect()
}

/// Flows, then references, variables, connectors: each after what uses it (the order in which the
/// vendor's own upgrade fails late, see the user pains).
fn uninstall(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    solution: &Solution,
    components: &[(String, String)],
) -> Result<()> {
    let of = |kind: &'static str| components.iter().filter(move |c| c.0 == kind).map(|c| &c.1);
    for (kind, id) in components {
        sql.execute(
            "DELETE FROM component_layer WHERE environmentid = $1 AND kind = $2 AND objectid = $3",
            &[environment.as_str().into(), kind.into(), id.into()],
        )?;
    }
    for id in of("flow") {
        flow_row::remove(sql, environment, id)?;
    }
    for id in of("flow") {
        let callers = sql.query(
            "SELECT w.name FROM workflow_child c JOIN workflow w ON w.environmentid = c.environmentid \
             AND w.workflowid = c.workflowid WHERE c.environmentid = $1 AND c.childid = $2 ORDER BY 1",
            &[environment.as_str().into(), id.into()],
        )?;
        let callers: Vec<String> = callers
            .iter()
            .map(|row| Ok(format!("flow `{}`", row.text(0)?)))
            .collect::<Result<_>>()?;
        in_use(&callers, solution, &LogicalName::new(id))?;
    }
    for id in of("reference") {
        let name = reference::find(sql, environment, id)?.logical_name;
        in_use(&reference::flows_using(sql, environment, &name)?, solution, &name)?;
        reference::remove(sql, environment, id)?;
    }
    for id in of("variable") {
        let readers = sql.query(
            "SELECT DISTINCT w.name, d.schemaname FROM environmentvariabledefinition d \
             JOIN workflow_variable v ON v.environmentid = d.environmentid AND LOWER(v.schemaname) = d.schemaname_key \
             JOIN workflow w ON w.environmentid = v.environmentid AND w.workflowid = v.workflowid \
             WHERE d.environmentid = $1 AND d.environmentvariabledefinitionid = $2 ORDER BY 1",
            &[environment.as_str().into(), id.into()],
        )?;
        if let Some(row) = readers.first() {
            let names: Vec<String> = readers
                .iter()
                .map(|row| Ok(format!("flow `{}`", row.text(0)?)))
                .collect::<Result<_>>()?;
            in_use(&names, solution, &LogicalName::new(&row.text(1)?))?;
        }
        for table in ["environmentvariablevalue", "environmentvariabledefinition"] {
            let text = format!(
                "DELETE FROM {table} WHERE environmentid = $1 AND environmentvariabledefinitionid = $2"
            );
            sql.execute(&text, &[environment.as_str().into(), id.into()])?;
        }
    }
    for id in of("connector") {
        let keys: [Param<'_>; 2] = [environment.as_str().into(), id.into()];
        let used = sql.query(
            "SELECT c.displayname FROM connection c JOIN connector k ON k.environmentid = c.environmentid \
             AND k.api_key = c.api_key WHERE k.environmentid = $1 AND k.connectorid = $2 ORDER BY 1",
            &keys,
        )?;
        let users: Vec<String> = used
            .iter()
            .map(|row| Ok(format!("connection `{}`", row.text(0)?)))
            .collect::<Result<_>>()?;
        in_use(&users, solution, &LogicalName::new(id))?;
        sql.execute("DELETE FROM connector WHERE environmentid = $1 AND connectorid = $2", &keys)?;
    }
    Ok(())
}

fn in_use(users: &[String], solution: &Solution, what: &LogicalName) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let users = format!("{} through its `{what}`", users.join(", "));
    Err(StoreError::InUse { kind: "solution", name: solution.facts.unique_name.clone(), users })
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
    let object = action.split('_').next().unwrap_or_default();
    audit_log::record(
        sql,
        environment,
        now,
        caller,
        &Entry { action, object, object_id: id, detail },
    )
}
