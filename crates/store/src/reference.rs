//! Connection references and their bindings, with the history that answers "who acted as whom,
//! when".
use connref_solution::model::facts::ReferenceFacts;
use connref_solution::model::package::PackageReference;
use connref_solution::model::{
    ApiName, ComponentKind, ConnectionId, EnvironmentId, LogicalName, Micros, ReferenceId,
    SolutionId,
};
use serde_json::json;

use crate::access::{Caller, Entity, Target, Verb, check, on};
use crate::audit_log::{self, Entry};
use crate::connector::Insert;
use crate::db::{Param, Row, Sql};
use crate::environment::{touch, touch_at};
use crate::solution::{component_add, component_remove};
use crate::{Result, Store, StoreError, layer};

/// A connection reference to make.
#[derive(Clone, Debug)]
pub struct ReferenceNew {
    /// Logical name.
    pub logical_name: LogicalName,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Connector.
    pub api_name: ApiName,
    /// Row of a custom connector.
    pub custom_connector_id: Option<String>,
    /// Connection to bind at once.
    pub connection: Option<ConnectionId>,
    /// Unmanaged solution it is added to.
    pub solution: Option<SolutionId>,
}

/// What may be changed without binding.
#[derive(Clone, Debug, Default)]
pub struct ReferenceUpdate {
    /// Display name.
    pub display_name: Option<String>,
    /// Description.
    pub description: Option<String>,
}

/// One version of a binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// From 1.
    pub version: i64,
    /// Connection, or none when unbound.
    pub connection: Option<ConnectionId>,
    /// `hand`, `settings`, `api`, `created`.
    pub source: String,
    /// Who bound it.
    pub bound_by: String,
    /// When.
    pub bound_on: Micros,
}

const SELECT: &str = "SELECT r.connectionreferenceid, r.connectionreferencelogicalname, \
     r.connectionreferencedisplayname, r.description, r.connectorid, r.connectionid, r.bindingversion, r.ownerid, \
     r.ismanaged, b.boundby, b.boundon FROM connectionreference r LEFT JOIN binding b \
     ON b.environmentid = r.environmentid AND b.connectionreferenceid = r.connectionreferenceid \
     AND b.version = r.bindingversion WHERE r.environmentid = $1";

fn reference(row: &Row) -> Result<ReferenceFacts> {
    Ok(ReferenceFacts {
        id: row.text(0)?.into(),
        logical_name: row.text(1)?.into(),
        display_name: row.text(2)?,
        description: row.text_opt(3)?,
        api_name: ApiName::from_connector_id(&row.text(4)?),
        connection: row.text_opt(5)?.map(Into::into),
        binding_version: row.int(6)?,
        owner: row.text(7)?.into(),
        managed: row.flag(8)?,
        bound_by: row.text_opt(9)?,
        bound_at: row.int_opt(10)?,
        solutions: Vec::new(),
    })
}

/// All references of an environment, without their solutions.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<ReferenceFacts>> {
    sql.query(&format!("{SELECT} ORDER BY r.logicalname_key"), &[environment.as_str().into()])?
        .iter()
        .map(reference)
        .collect()
}

/// A reference by logical name or id.
pub(crate) fn find(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &str,
) -> Result<ReferenceFacts> {
    let row = sql.query_one(
        &format!("{SELECT} AND (r.connectionreferenceid = $2 OR r.logicalname_key = $2)"),
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    reference(&row.ok_or_else(|| StoreError::not_found("connection reference", name))?)
}

pub(crate) fn insert(
    sql: &mut Sql<'_>,
    at: &Insert<'_>,
    id: &str,
    new: &PackageReference,
) -> Result<()> {
    sql.execute(
        "INSERT INTO connectionreference (environmentid, connectionreferenceid, connectionreferencelogicalname, \
         logicalname_key, connectionreferencedisplayname, description, connectorid, customconnectorid, \
         connectionid, bindingversion, promptingbehavior, iscustomizable, ismanaged, ownerid, createdby, \
         createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, 0, $9, $10, $11, $12, $12, $13, $13, $14)",
        &[
            at.environment.as_str().into(),
            id.into(),
            new.logical_name.as_str().into(),
            new.logical_name.key().into(),
            (&new.display_name).into(),
            new.description.as_ref().into(),
            new.api_name.connector_id().into(),
            new.custom_connector_id.as_ref().into(),
            new.prompting_behavior.map(i64::from).into(),
            new.customizable.into(),
            at.managed.into(),
            at.owner.as_str().into(),
            at.now.into(),
            at.version.into(),
        ],
    )?;
    Ok(())
}

/// Where a binding is written, by whom, and from where.
pub(crate) struct Bind<'a> {
    pub(crate) environment: &'a EnvironmentId,
    pub(crate) reference: &'a ReferenceId,
    pub(crate) connection: Option<&'a ConnectionId>,
    pub(crate) source: &'a str,
    /// Until when it goes back by itself to the binding before.
    pub(crate) return_until: Option<Micros>,
    pub(crate) now: Micros,
    pub(crate) version: i64,
}

/// Writes a new version of the binding. The connection must exist here and be of the reference's
/// connector: what `review` judged, held again where the row is written.
pub(crate) fn bind(sql: &mut Sql<'_>, caller: &Caller, at: &Bind<'_>) -> Result<i64> {
    let reference = find(sql, at.environment, at.reference.as_str())?;
    if let Some(id) = at.connection {
        let connection = crate::connection::find(sql, at.environment, id, at.now)?;
        let same = connection.facts.api_name == reference.api_name
            || connection.facts.api_name.without_hash() == reference.api_name.without_hash();
        if !same {
            return Err(StoreError::Invalid(format!(
                "connection `{}` is of connector `{}`, reference `{}` needs `{}`",
                connection.facts.display_name,
                connection.facts.api_name,
                reference.logical_name,
                reference.api_name
            )));
        }
    }
    let binding = reference.binding_version + 1;
    sql.execute(
        "UPDATE connectionreference SET connectionid = $3, bindingversion = $4, modifiedon = $5, \
         versionnumber = $6, returnuntil = $7 WHERE environmentid = $1 AND connectionreferenceid = $2",
        &[
            at.environment.as_str().into(),
            at.reference.as_str().into(),
            at.connection.map(ConnectionId::as_str).into(),
            binding.into(),
            at.now.into(),
            at.version.into(),
            // Without a binding before there is none to go back to.
            at.return_until.filter(|_| reference.connection.is_some()).into(),
        ],
    )?;
    sql.execute(
        "INSERT INTO binding (environmentid, connectionreferenceid, version, connectionid, source, boundby, boundon) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            at.environment.as_str().into(),
            at.reference.as_str().into(),
            binding.into(),
            at.connection.map(ConnectionId::as_str).into(),
            at.source.into(),
            caller.name().into(),
            at.now.into(),
        ],
    )?;
    let entry = Entry {
        action: if at.connection.is_some() { "reference_bind" } else { "reference_unbind" },
        object: "connection reference",
        object_id: at.reference.as_str(),
        detail: json!({
            "name": reference.logical_name.as_str(),
            "connection": at.connection.map(ConnectionId::as_str),
            "was": reference.connection.as_ref().map(ConnectionId::as_str),
            "version": binding,
            "source": at.source,
        }),
    };
    audit_log::record(sql, at.environment, at.now, caller, &entry)?;
    Ok(binding)
}

impl Store {
    /// Makes a reference, bound or not.
    pub async fn reference_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        facts_version: i64,
        new: ReferenceNew,
    ) -> Result<ReferenceFacts> {
        let create = on(Verb::Create, Entity::ConnectionReference);
        caller.require(environment, create, "create connection references")?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, name) =
            (caller.clone(), environment.clone(), new.logical_name.as_str().to_owned());
        self.db
            .change(move |sql| {
                let version = touch_at(sql, &environment, facts_version)?;
                let at =
                    Insert { environment: &environment, owner: &owner, now, version, managed: false };
                let row = PackageReference {
                    logical_name: new.logical_name.clone(),
                    display_name: new.display_name.clone(),
                    description: new.description.clone(),
                    api_name: new.api_name.clone(),
                    custom_connector_id: new.custom_connector_id.clone(),
                    customizable: true,
                    prompting_behavior: Some(0),
                };
                insert(sql, &at, &id, &row)?;
                if let Some(solution) = &new.solution {
                    component_add(sql, &environment, solution, "reference", &id)?;
                }
                let entry = Entry {
                    action: "reference_create",
                    object: "connection reference",
                    object_id: &id,
                    detail: json!({"name": new.logical_name.as_str(), "connector": new.api_name.as_str()}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                if let Some(connection) = &new.connection {
                    let reference = ReferenceId::new(&id);
                    let bound = Bind {
                        environment: &environment,
                        reference: &reference,
                        connection: Some(connection),
                        source: "created",
                        return_until: None,
                        now,
                        version,
                    };
                    bind(sql, &caller, &bound)?;
                }
                find(sql, &environment, &id)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("connection reference", &name))
    }

    /// Binds or unbinds, provided the environment is as it was judged.
    pub async fn reference_bind(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        facts_version: i64,
        id: &ReferenceId,
        connection: Option<ConnectionId>,
        source: &'static str,
    ) -> Result<i64> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        let points = self.points.clone();
        let bound = self
            .db
            .change(move |sql| {
                let version = touch_at(sql, &environment, facts_version)?;
                points.reach("bind-begun");
                let row = find(sql, &environment, id.as_str())?;
                let target = target(row.id.as_str());
                let attempt = "bind this connection reference";
                check(sql, &caller, &environment, Verb::Write, target, attempt)?;
                let at = Bind {
                    environment: &environment,
                    reference: &id,
                    connection: connection.as_ref(),
                    source,
                    return_until: None,
                    now,
                    version,
                };
                let bound = bind(sql, &caller, &at)?;
                points.reach("bind-written");
                Ok::<_, StoreError>(bound)
            })
            .await?;
        self.points.reach("bind-committed");
        Ok(bound)
    }

    /// Binds several references, all or none, provided the environment is as it was judged. With
    /// `return_until` each goes back to the binding before, while that time lasts, when nobody accepts
    /// its connection.
    pub async fn references_bind(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        facts_version: i64,
        bindings: Vec<(ReferenceId, Option<ConnectionId>)>,
        source: &'static str,
        return_until: Option<Micros>,
    ) -> Result<()> {
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        let points = self.points.clone();
        self.db
            .change(move |sql| {
                let version = touch_at(sql, &environment, facts_version)?;
                points.reach("bind-begun");
                for (id, connection) in &bindings {
                    let row = find(sql, &environment, id.as_str())?;
                    let target = target(row.id.as_str());
                    let attempt = "bind these connection references";
                    check(sql, &caller, &environment, Verb::Write, target, attempt)?;
                    let at = Bind {
                        environment: &environment,
                        reference: id,
                        connection: connection.as_ref(),
                        source,
                        return_until,
                        now,
                        version,
                    };
                    bind(sql, &caller, &at)?;
                }
                points.reach("bind-written");
                Ok::<_, StoreError>(())
            })
            .await?;
        self.points.reach("bind-committed");
        Ok(())
    }

    /// Takes a tested binding back: the one before is bound again. False if its time is over, somebody
    /// was faster, or what was bound before is gone.
    pub async fn reference_return(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ReferenceId,
        from_version: i64,
    ) -> Result<bool> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        // Most bindings have nothing to go back to: no change is begun for them.
        let (of, place) = (id.clone(), environment.clone());
        let before = move |sql: &mut Sql<'_>| returnable(sql, &place, &of, from_version, now);
        if self.db.read(before).await?.is_none() {
            return Ok(false);
        }
        self.db
            .change(move |sql| {
                let target = target(id.as_str());
                let attempt = "take the binding of this connection reference back";
                check(sql, &caller, &environment, Verb::Write, target, attempt)?;
                let Some(before) = returnable(sql, &environment, &id, from_version, now)? else {
                    return Ok(false);
                };
                let version = touch(sql, &environment)?;
                let at = Bind {
                    environment: &environment,
                    reference: &id,
                    connection: Some(&before),
                    source: "return",
                    return_until: None,
                    now,
                    version,
                };
                bind(sql, &caller, &at)?;
                Ok(true)
            })
            .await
    }

    /// Changes display name or description.
    pub async fn reference_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ReferenceId,
        update: ReferenceUpdate,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let row = find(sql, &environment, id.as_str())?;
                let target = target(row.id.as_str());
                let attempt = "change this connection reference";
                check(sql, &caller, &environment, Verb::Write, target, attempt)?;
                sql.execute(
                    "UPDATE connectionreference SET \
                     connectionreferencedisplayname = COALESCE($3, connectionreferencedisplayname), \
                     description = NULLIF(COALESCE($4, description), ''), modifiedon = $5, versionnumber = $6 \
                     WHERE environmentid = $1 AND connectionreferenceid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        update.display_name.as_ref().into(),
                        update.description.as_ref().into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let at = layer::At { environment: &environment, by: caller.name(), now, version };
                layer::unmanaged_note(sql, &at, ComponentKind::Reference, id.as_str())?;
                let entry = Entry {
                    action: "reference_update",
                    object: "connection reference",
                    object_id: id.as_str(),
                    detail: json!({"displayName": update.display_name, "description": update.description}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// Deletes a reference no flow uses.
    pub async fn reference_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ReferenceId,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let row = find(sql, &environment, id.as_str())?;
                let target = target(row.id.as_str());
                let attempt = "delete this connection reference";
                check(sql, &caller, &environment, Verb::Delete, target, attempt)?;
                let users = flows_using(sql, &environment, &row.logical_name)?;
                let name = row.logical_name.as_str().to_owned();
                if !users.is_empty() {
                    let users = format!("flows {}", users.join(", "));
                    return Err(StoreError::InUse { kind: "connection reference", name, users });
                }
                component_remove(sql, &environment, "reference", id.as_str())?;
                remove(sql, &environment, id.as_str())?;
                let entry = Entry {
                    action: "reference_delete",
                    object: "connection reference",
                    object_id: id.as_str(),
                    detail: json!({"name": name}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// A reference by logical name or id.
    pub async fn reference_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<ReferenceFacts> {
        let (caller, environment, name) = (caller.clone(), environment.clone(), name.to_owned());
        self.db
            .read(move |sql| {
                let found = find(sql, &environment, &name)?;
                let target = Target { name: &name, ..target(found.id.as_str()) };
                check(sql, &caller, &environment, Verb::Read, target, "see this row")?;
                Ok(found)
            })
            .await
    }

    /// The bindings of a reference, newest first.
    pub async fn reference_history(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ReferenceId,
    ) -> Result<Vec<Binding>> {
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.clone());
        self.db
            .read(move |sql| {
                let target = target(id.as_str());
                check(sql, &caller, &environment, Verb::Read, target, "see this row")?;
                sql.query(
                    "SELECT version, connectionid, source, boundby, boundon FROM binding \
                     WHERE environmentid = $1 AND connectionreferenceid = $2 ORDER BY version DESC",
                    &[environment.as_str().into(), id.as_str().into()],
                )?
                .iter()
                .map(|row| {
                    Ok(Binding {
                        version: row.int(0)?,
                        connection: row.text_opt(1)?.map(Into::into),
                        source: row.text(2)?,
                        bound_by: row.text(3)?,
                        bound_on: row.int(4)?,
                    })
                })
                .collect()
            })
            .await
    }
}

/// The connection that a binding goes back to by itself, if it does.
fn returnable(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ReferenceId,
    version: i64,
    now: Micros,
) -> Result<Option<ConnectionId>> {
    let row = sql.query_one(
        "SELECT b.connectionid FROM connectionreference r JOIN binding b \
         ON b.environmentid = r.environmentid AND b.connectionreferenceid = r.connectionreferenceid \
         JOIN connection c ON c.environmentid = b.environmentid AND c.connectionid = b.connectionid \
         WHERE r.environmentid = $1 AND r.connectionreferenceid = $2 AND r.bindingversion = $3 \
         AND r.returnuntil > $4 AND b.version = r.bindingversion - 1",
        &[environment.as_str().into(), id.as_str().into(), version.into(), now.into()],
    )?;
    Ok(row.map(|row| row.text(0)).transpose()?.map(Into::into))
}

fn target(id: &str) -> Target<'_> {
    let entity = Entity::ConnectionReference;
    Target { entity, id, kind: "connection reference", name: id }
}

/// Removes the row with its bindings and shares.
pub(crate) fn remove(sql: &mut Sql<'_>, environment: &EnvironmentId, id: &str) -> Result<()> {
    crate::row_share::shares_remove(sql, environment, Entity::ConnectionReference, id)?;
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.into()];
    for table in ["binding", "connectionreference"] {
        let text =
            format!("DELETE FROM {table} WHERE environmentid = $1 AND connectionreferenceid = $2");
        sql.execute(&text, &keys)?;
    }
    Ok(())
}

pub(crate) fn flows_using(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &LogicalName,
) -> Result<Vec<String>> {
    sql.query(
        "SELECT DISTINCT w.name FROM workflow_reference r JOIN workflow w \
         ON w.environmentid = r.environmentid AND w.workflowid = r.workflowid \
         WHERE r.environmentid = $1 AND r.logicalname_key = $2 ORDER BY w.name",
        &[environment.as_str().into(), name.key().into()],
    )?
    .iter()
    .map(|row| Ok(format!("`{}`", row.text(0)?)))
    .collect()
}
