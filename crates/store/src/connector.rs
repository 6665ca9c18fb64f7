//! Connectors: the built-in ones an environment is made with, and custom ones.
use connref_solution::model::facts::Capability;
use connref_solution::model::package::PackageConnector;
use connref_solution::model::{ApiName, ConnectorId, EnvironmentId, Micros, PrincipalId};
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Row, Sql};
use crate::environment::touch;
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
     serviceprincipal, ismanaged";

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
            Capability::Unknown.text().into(),
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
         modifiedon = $9, versionnumber = $10 WHERE environmentid = $1 AND connectorid = $2",
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
        ],
    )?;
    Ok(())
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
        new: PackageConnector,
    ) -> Result<Connector> {
        caller.authorize(environment, Action::Make, "create connectors")?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = if new.id.is_empty() { self.ids.guid(now) } else { new.id.to_lowercase() };
        let api = custom_api_name(&new.name, &*self.ids);
        let (caller, environment, name) =
            (caller.clone(), environment.clone(), new.display_name.clone());
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
                custom_insert(sql, &at, &id, &api, &new)?;
                let entry = Entry {
                    action: "connector_create",
                    object: "connector",
                    object_id: &id,
                    detail: json!({"name": new.name, "apiName": api.as_str()}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &api)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("connector", &name))
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
        caller.authorize(environment, Action::Administer, "delete connectors")?;
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
