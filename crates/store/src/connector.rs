//! Connectors: the built-in ones an environment is made with, and custom ones.
use std::collections::HashSet;

use connref_solution::connector::{
    ConnectorTexts, connector_read, package_connector_authentication, targets,
};
use connref_solution::model::facts::Capability;
use connref_solution::model::package::PackageConnector;
use connref_solution::model::{
    ApiName, ConnectorId, EnvironmentId, Micros, PrincipalId, SolutionId,
};
use serde_json::json;

use crate::access::{Action, Caller, Entity, Target, Verb, check, on};
use crate::audit_log::{self, Entry};
use crate::db::{DbError, Param, Row, Sql};
use crate::environment::touch;
use crate::solution::component_add;
use crate::source::Ids;
use crate::text::{Stored, stored};
use crate::{Result, Store, StoreError};

/// A connector row.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// Row id.
    pub id: ConnectorId,
    /// `name`: the encoded name of a custom connector, the api name of a built-in one.
    pub name: String,
    /// Api name.
    pub api_name: ApiName,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Custom.
    pub custom: bool,
    /// Swagger 2.0 of a custom connector.
    pub openapi_definition: Option<String>,
    /// Connection parameters JSON.
    pub connection_parameters: Option<String>,
    /// Connection parameter sets JSON.
    pub connection_parameter_sets: Option<String>,
    /// Policy template instances JSON.
    pub policy_templates: Option<String>,
    /// What its files hold beside these: a JSON object.
    pub properties: Option<String>,
    /// Owner; empty for a built-in one.
    pub owner: PrincipalId,
    /// Whether a service principal can authenticate.
    pub service_principal: Capability,
    /// Came with a managed solution.
    pub managed: bool,
}

/// A built-in connector as the registry describes it.
#[derive(Clone, Debug)]
pub struct BuiltIn {
    /// Api name.
    pub api_name: ApiName,
    /// Display name.
    pub display_name: String,
    /// Whether a service principal can authenticate.
    pub service_principal: Capability,
}

const COLUMNS: &str = "connectorid, name, connectorinternalid, displayname, description, connectortype, \
     openapidefinition, connectionparameters, connectionparametersets, policytemplateinstances, \
     serviceprincipal, ismanaged, properties, ownerid";

pub(crate) fn connector(row: &Row) -> Result<Connector> {
    Ok(Connector {
        id: row.text(0)?.into(),
        name: row.text(1)?,
        api_name: row.text(2)?.into(),
        display_name: row.text(3)?,
        description: row.text_opt(4)?,
        custom: row.int(5)? == 1,
        openapi_definition: row.text_opt(6)?,
        connection_parameters: row.text_opt(7)?,
        connection_parameter_sets: row.text_opt(8)?,
        policy_templates: row.text_opt(9)?,
        service_principal: stored(row, 10)?,
        managed: row.flag(11)?,
        properties: row.text_opt(12)?,
        owner: row.text(13)?.into(),
    })
}

/// All connectors of an environment.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<Connector>> {
    sql.query(
        &format!("SELECT {COLUMNS} FROM connector WHERE environmentid = $1 ORDER BY api_key"),
        &[environment.as_str().into()],
    )?
    .iter()
    .map(connector)
    .collect()
}

/// The api name a custom connector gets in this environment: `shared_`, its name in lower case with
/// escapes in lower case, and a hash that differs from one environment to another.
pub(crate) fn custom_api_name(name: &str, ids: &dyn Ids) -> ApiName {
    let mut hash = [0_u8; 8];
    ids.fill(&mut hash);
    let plain = name.to_lowercase().replace("_5f", "-5f");
    ApiName::new(&format!("shared_{plain}-5f{}", crate::source::hex(&hash)))
}

/// What an insert needs beside the connector itself.
pub(crate) struct Insert<'a> {
    pub(crate) environment: &'a EnvironmentId,
    pub(crate) owner: &'a PrincipalId,
    pub(crate) now: Micros,
    pub(crate) version: i64,
    pub(crate) managed: bool,
}

pub(crate) fn custom_insert(
    sql: &mut Sql<'_>,
    at: &Insert<'_>,
    id: &str,
    api: &ApiName,
    connector: &PackageConnector,
) -> Result<()> {
    sql.execute(
        "INSERT INTO connector (environmentid, connectorid, name, connectorinternalid, api_key, displayname, \
         description, connectortype, openapidefinition, connectionparameters, connectionparametersets, \
         policytemplateinstances, serviceprincipal, ismanaged, ownerid, createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16)",
        &[
            at.environment.as_str().into(),
            id.into(),
            (&connector.name).into(),
            api.as_str().into(),
            api.key().into(),
            (&connector.display_name).into(),
            connector.description.as_ref().into(),
            connector.openapi_definition.as_ref().into(),
            connector.connection_parameters.as_ref().into(),
            connector.connection_parameter_sets.as_ref().into(),
            connector.policy_templates.as_ref().into(),
            capability(connector).text().into(),
            at.managed.into(),
            at.owner.as_str().into(),
            at.now.into(),
            at.version.into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn custom_update(
    sql: &mut Sql<'_>,
    at: &Insert<'_>,
    id: &ConnectorId,
    connector: &PackageConnector,
) -> Result<()> {
    sql.execute(
        "UPDATE connector SET displayname = $3, description = $4, openapidefinition = $5, \
         connectionparameters = $6, connectionparametersets = $7, policytemplateinstances = $8, \
         modifiedon = $9, versionnumber = $10, serviceprincipal = $11 WHERE environmentid = $1 AND connectorid = $2",
        &[
            at.environment.as_str().into(),
            id.as_str().into(),
            (&connector.display_name).into(),
            connector.description.as_ref().into(),
            connector.openapi_definition.as_ref().into(),
            connector.connection_parameters.as_ref().into(),
            connector.connection_parameter_sets.as_ref().into(),
            connector.policy_templates.as_ref().into(),
            at.now.into(),
            at.version.into(),
            capability(connector).text().into(),
        ],
    )?;
    Ok(())
}

/// Whether a service principal can sign in, by the connector's files.
fn capability(connector: &PackageConnector) -> Capability {
    package_connector_authentication(connector)
        .map_or(Capability::Unknown, |ways| ways.service_principal.support)
}

/// A name that no connector of the environment has: the one asked for, or that with a number.
fn free_name(sql: &mut Sql<'_>, environment: &EnvironmentId, wanted: &str) -> Result<String> {
    let rows = sql.query(
        "SELECT name FROM connector WHERE environmentid = $1 AND connectortype = 1",
        &[environment.as_str().into()],
    )?;
    let taken: std::result::Result<HashSet<String>, DbError> =
        rows.iter().map(|row| Ok(row.text(0)?.to_lowercase())).collect();
    let taken = taken?;
    let numbered = (2..).map(|number: u64| format!("{wanted}{number}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    Ok(names.find(|name| !taken.contains(&name.to_lowercase())).expect("numbers do not end"))
}

/// Writes what stands beside the modelled parts.
fn properties_set(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &str,
    properties: Option<&String>,
) -> Result<()> {
    sql.execute(
        "UPDATE connector SET properties = $3 WHERE environmentid = $1 AND connectorid = $2",
        &[environment.as_str().into(), id.into(), properties.into()],
    )?;
    Ok(())
}

/// A custom connector to make.
#[derive(Clone, Debug)]
pub struct ConnectorNew {
    /// Its parts. An empty id gets a new one.
    pub parts: PackageConnector,
    /// Its name was made up: another is taken if it is used already.
    pub any_name: bool,
    /// What its files hold beside the parts: a JSON object.
    pub properties: Option<String>,
    /// Unmanaged solution that it goes into.
    pub solution: Option<SolutionId>,
}

/// A change of a custom connector. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ConnectorUpdate {
    /// Display name.
    pub display_name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Swagger 2.0.
    pub openapi_definition: Option<String>,
    /// Connection parameters JSON.
    pub connection_parameters: Option<String>,
    /// Connection parameter sets JSON.
    pub connection_parameter_sets: Option<String>,
    /// Policy template instances JSON.
    pub policy_templates: Option<String>,
    /// The rest of its files: a JSON object.
    pub properties: Option<String>,
    /// Requests and credentials of others' connections may go to hosts that are new.
    pub accept_targets: bool,
}

impl ConnectorUpdate {
    /// The parts after the change.
    fn apply(self, old: &Connector) -> PackageConnector {
        PackageConnector {
            id: old.id.as_str().to_owned(),
            name: old.name.clone(),
            display_name: self.display_name.unwrap_or_else(|| old.display_name.clone()),
            description: self.description.or_else(|| old.description.clone()),
            openapi_definition: self.openapi_definition.or_else(|| old.openapi_definition.clone()),
            connection_parameters: self
                .connection_parameters
                .or_else(|| old.connection_parameters.clone()),
            connection_parameter_sets: self
                .connection_parameter_sets
                .or_else(|| old.connection_parameter_sets.clone()),
            policy_templates: self.policy_templates.or_else(|| old.policy_templates.clone()),
        }
    }
}

/// Targets that the new parts name and the old ones do not.
fn new_targets(old: &Connector, new: &PackageConnector) -> Result<Vec<String>> {
    let after = connector_read(&ConnectorTexts::of(new))
        .map_err(|error| StoreError::Invalid(error.to_string()))?;
    let before = connector_read(&ConnectorTexts {
        definition: old.openapi_definition.as_deref().unwrap_or_default(),
        parameters: old.connection_parameters.as_deref(),
        sets: old.connection_parameter_sets.as_deref(),
        policies: old.policy_templates.as_deref(),
    });
    // What could not be read was never called.
    let before = before.map(|read| targets(&read)).unwrap_or_default();
    Ok(targets(&after).difference(&before).cloned().collect())
}

impl Store {
    /// Gives an environment the built-in connectors it lacks. Called when one is made and when a
    /// newer binary brings more.
    pub async fn connector_seed(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        built_in: Vec<BuiltIn>,
    ) -> Result<()> {
        caller.authorize(environment, Action::Administer, "add connectors")?;
        let (environment, now) = (environment.clone(), self.now());
        let ids: Vec<String> = built_in.iter().map(|_| self.ids.guid(now)).collect();
        self.db
            .change(move |sql| {
                for (one, id) in built_in.iter().zip(&ids) {
                    let params: [Param<'_>; 7] = [
                        environment.as_str().into(),
                        id.into(),
                        one.api_name.as_str().into(),
                        one.api_name.key().into(),
                        (&one.display_name).into(),
                        one.service_principal.text().into(),
                        now.into(),
                    ];
                    sql.execute(
                        "INSERT INTO connector (environmentid, connectorid, name, connectorinternalid, \
                         api_key, displayname, connectortype, serviceprincipal, ismanaged, ownerid, \
                         createdon, modifiedon, versionnumber) \
                         VALUES ($1, $2, $3, $3, $4, $5, 0, $6, 1, '', $7, $7, 1) \
                         ON CONFLICT (environmentid, api_key) DO NOTHING",
                        &params,
                    )?;
                }
                Ok(())
            })
            .await
    }

    /// Adds a custom connector.
    pub async fn connector_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: ConnectorNew,
    ) -> Result<Connector> {
        caller.require(environment, on(Verb::Create, Entity::Connector), "create connectors")?;
        let owner = caller.owner()?;
        let now = self.now();
        let ConnectorNew { mut parts, any_name, properties, solution } = new;
        let id = if parts.id.is_empty() { self.ids.guid(now) } else { parts.id.to_lowercase() };
        let ids = std::sync::Arc::clone(&self.ids);
        let (caller, environment, name) =
            (caller.clone(), environment.clone(), parts.display_name.clone());
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
                let free = free_name(sql, &environment, &parts.name)?;
                if free != parts.name && !any_name {
                    return Err(StoreError::Exists { kind: "connector", name: parts.name });
                }
                parts.name = free;
                let api = custom_api_name(&parts.name, &*ids);
                custom_insert(sql, &at, &id, &api, &parts)?;
                properties_set(sql, &environment, &id, properties.as_ref())?;
                if let Some(solution) = &solution {
                    component_add(sql, &environment, solution, "connector", &id)?;
                }
                let entry = Entry {
                    action: "connector_create",
                    object: "connector",
                    object_id: &id,
                    detail: json!({"name": parts.name, "apiName": api.as_str()}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &api)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("connector", &name))
    }

    /// Changes a custom connector: its owner may, and administrators. Its connections stay. A change
    /// that names a new target is refused while others' connections would send their credentials
    /// there, unless an administrator accepts it.
    pub async fn connector_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        api: &ApiName,
        update: ConnectorUpdate,
    ) -> Result<Connector> {
        caller.authorize(environment, Action::Make, "change connectors")?;
        if update.accept_targets {
            caller.authorize(
                environment,
                Action::Administer,
                "accept a connector's new targets",
            )?;
        }
        let (caller, environment, api, now) =
            (caller.clone(), environment.clone(), api.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let old = find(sql, &environment, &api)?;
                if !old.custom {
                    return Err(StoreError::Invalid(format!(
                        "connector `{}` is built in and cannot be changed",
                        old.display_name
                    )));
                }
                let entity = Entity::Connector;
                let name = old.id.as_str();
                let target = Target { entity, id: name, kind: "connector", name };
                check(sql, &caller, &environment, Verb::Write, target, "change this connector")?;
                let (accept, properties) = (update.accept_targets, update.properties.clone());
                let new = update.apply(&old);
                let targets = new_targets(&old, &new)?;
                if !targets.is_empty() && !accept {
                    let others = foreign_connections(sql, &environment, &old, &caller)?;
                    if others > 0 {
                        return Err(StoreError::Invalid(format!(
                            "connector `{}` would send the credentials of {others} connections of others to `{}`",
                            old.display_name,
                            targets.join("`, `")
                        )));
                    }
                }
                let owner = old.owner.clone();
                let at = Insert {
                    environment: &environment,
                    owner: &owner,
                    now,
                    version,
                    managed: old.managed,
                };
                custom_update(sql, &at, &old.id, &new)?;
                if properties.is_some() {
                    properties_set(sql, &environment, old.id.as_str(), properties.as_ref())?;
                }
                let entry = Entry {
                    action: "connector_update",
                    object: "connector",
                    object_id: old.id.as_str(),
                    detail: json!({"name": old.name, "newTargets": targets}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &old.api_name)
            })
            .await
    }

    /// The connectors of an environment.
    pub async fn connector_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Vec<Connector>> {
        caller.authorize(environment, Action::Read, "see connectors")?;
        let environment = environment.clone();
        self.db.read(move |sql| all(sql, &environment)).await
    }

    /// A connector by api name; a custom one also by the name without its hash.
    pub async fn connector_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        api: &ApiName,
    ) -> Result<Connector> {
        caller.authorize(environment, Action::Read, "see connectors")?;
        let (environment, api) = (environment.clone(), api.clone());
        self.db.read(move |sql| find(sql, &environment, &api)).await
    }

    /// Deletes a custom connector nothing uses.
    pub async fn connector_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectorId,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                let row = sql.query_one(
                    "SELECT api_key, connectortype, displayname FROM connector \
                     WHERE environmentid = $1 AND connectorid = $2",
                    &keys,
                )?;
                let row = row.ok_or_else(|| StoreError::not_found("connector", id.as_str()))?;
                let entity = Entity::Connector;
                let target =
                    Target { entity, id: id.as_str(), kind: "connector", name: id.as_str() };
                check(sql, &caller, &environment, Verb::Delete, target, "delete this connector")?;
                if row.int(1)? != 1 {
                    return Err(StoreError::Invalid(format!(
                        "connector `{}` is built in and cannot be deleted",
                        row.text(2)?
                    )));
                }
                let used = sql.query_one(
                    "SELECT COUNT(*) FROM connection WHERE environmentid = $1 AND api_key = $2",
                    &[environment.as_str().into(), row.text(0)?.into()],
                )?;
                let used = used.map_or(Ok(0), |r| r.int(0))?;
                if used > 0 {
                    let users = format!("{used} connections");
                    return Err(StoreError::InUse { kind: "connector", name: row.text(2)?, users });
                }
                sql.execute(
                    "DELETE FROM connector WHERE environmentid = $1 AND connectorid = $2",
                    &keys,
                )?;
                let entry = Entry {
                    action: "connector_delete",
                    object: "connector",
                    object_id: id.as_str(),
                    detail: json!({"name": row.text(2)?}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}

/// Connections of a connector that somebody else owns.
fn foreign_connections(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    connector: &Connector,
    caller: &Caller,
) -> Result<i64> {
    let own = caller.principal().map_or("", PrincipalId::as_str);
    let row = sql.query_one(
        "SELECT COUNT(*) FROM connection WHERE environmentid = $1 AND api_key = $2 AND ownerid <> $3",
        &[environment.as_str().into(), connector.api_name.key().into(), own.into()],
    )?;
    Ok(row.map_or(Ok(0), |row| row.int(0))?)
}

pub(crate) fn find(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    api: &ApiName,
) -> Result<Connector> {
    let row = sql.query_one(
        &format!("SELECT {COLUMNS} FROM connector WHERE environmentid = $1 AND api_key = $2"),
        &[environment.as_str().into(), api.key().into()],
    )?;
    if let Some(row) = row {
        return connector(&row);
    }
    let bare = api.without_hash();
    all(sql, environment)?
        .into_iter()
        .find(|c| c.custom && c.api_name.without_hash() == bare)
        .ok_or_else(|| StoreError::not_found("connector", api.as_str()))
}
