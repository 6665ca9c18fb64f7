//! Environment variables: definitions, and the values of this environment.
//!
//! The value that counts is the environment's own (the unmanaged layer), else the one that a managed
//! package brought (the base), else the default. A Secret variable's value is the place of a secret;
//! the secret itself never comes here.
use connref_solution::model::facts::{Fidelity, VariableFacts};
use connref_solution::model::package::PackageVariable;
use connref_solution::model::variable::{SecretReference, VariableKind};
use connref_solution::model::{
    ApiName, ComponentKind, EnvironmentId, LogicalName, Micros, PrincipalId, SolutionId, VariableId,
};
use serde_json::json;

use crate::access::{Caller, Entity, Verb, on};
use crate::audit_log::{self, Entry};
use crate::connector::Insert;
use crate::db::{Param, Sql};
use crate::environment::{self, touch};
use crate::row_share::{readable, shares_remove};
use crate::solution::{component_add, component_remove};
use crate::variable_access::{definition_check, value_check};
pub(crate) use crate::variable_row::{Value, all, insert, update, value_write};
use crate::variable_row::{find_id, get};
use crate::{Result, Store, StoreError, layer};

/// A variable with the layers of its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Row id.
    pub id: VariableId,
    /// Schema name.
    pub schema_name: LogicalName,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Type number.
    pub kind: i64,
    /// Default value, which travels in the solution.
    pub default_value: Option<String>,
    /// This environment's own value.
    pub own: Option<String>,
    /// The value a managed package brought.
    pub base: Option<String>,
    /// `isrequired`.
    pub required: bool,
    /// Connector of a data source.
    pub api_name: Option<ApiName>,
    /// Parameter of that connector.
    pub parameter_key: Option<String>,
    /// The data source it lies in: a list lies in a site.
    pub parent: Option<LogicalName>,
    /// `secretstore`: 0 Azure Key Vault, 1 Microsoft Dataverse.
    pub secret_store: Option<i64>,
    /// Came with a managed solution.
    pub managed: bool,
    /// Owner.
    pub owner: PrincipalId,
}

impl Variable {
    /// The value that counts.
    pub fn value(&self) -> Option<&str> {
        [&self.own, &self.base, &self.default_value]
            .into_iter()
            .find_map(|value| value.as_deref().filter(|text| !text.is_empty()))
    }

    /// Its type; `None` for a number that is not known.
    pub fn variable_kind(&self) -> Option<VariableKind> {
        VariableKind::of(self.kind)
    }
}

/// What may be changed of a definition.
#[derive(Clone, Debug, Default)]
pub struct VariableUpdate {
    /// Display name.
    pub display_name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Default value; an empty text takes it away.
    pub default_value: Option<String>,
    /// `isrequired`.
    pub required: Option<bool>,
}

/// Refuses a value that does not fit its variable.
fn check(name: &LogicalName, kind: i64, text: &str, fidelity: Fidelity) -> Result<()> {
    let refuse = |why: &dyn std::fmt::Display| {
        StoreError::Invalid(format!("environment variable `{name}` cannot be set: {why}"))
    };
    let Some(kind) = VariableKind::of(kind) else { return Ok(()) };
    kind.check(text).map_err(|error| refuse(&error))?;
    let foreign = kind == VariableKind::Secret
        && fidelity == Fidelity::Dataverse
        && SecretReference::parse(text).is_ok_and(|reference| !reference.is_key_vault());
    if foreign {
        return Err(refuse(
            &"this environment behaves as the vendor's service does, which knows Azure Key Vault only",
        ));
    }
    Ok(())
}

/// What belongs to data sources only, and to a parent that is one.
fn data_source_check(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    new: &PackageVariable,
) -> Result<()> {
    let name = &new.schema_name;
    let is = VariableKind::of(new.kind) == Some(VariableKind::DataSource);
    if !is && (new.api_name.is_some() || new.parameter_key.is_some() || new.parent.is_some()) {
        return Err(StoreError::Invalid(format!(
            "environment variable `{name}` is no data source: connector, parameter and parent belong to one"
        )));
    }
    let Some(parent) = &new.parent else { return Ok(()) };
    if parent == name {
        return Err(StoreError::Invalid(format!(
            "environment variable `{name}` cannot be its own parent"
        )));
    }
    let found = get(sql, environment, parent.as_str())?;
    if found.variable_kind() == Some(VariableKind::DataSource) {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "environment variable `{}` is no data source and cannot be the parent of `{name}`",
        found.schema_name
    )))
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
        let create = on(Verb::Create, Entity::VariableDefinition);
        caller.require(environment, create, "create environment variables")?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, name) =
            (caller.clone(), environment.clone(), new.schema_name.as_str().to_owned());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let fidelity = environment::find(sql, environment.as_str())?.fidelity;
                if let Some(default) = new.default_value.as_deref().filter(|d| !d.is_empty()) {
                    check(&new.schema_name, new.kind, default, fidelity)?;
                }
                data_source_check(sql, &environment, &new)?;
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
        let (caller, environment, name, now) =
            (caller.clone(), environment.clone(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let found = get(sql, &environment, &name)?;
                definition_check(sql, &caller, &environment, Verb::Write, &found.id, &name)?;
                let fidelity = environment::find(sql, environment.as_str())?.fidelity;
                if let Some(default) = update.default_value.as_deref().filter(|d| !d.is_empty()) {
                    check(&found.schema_name, found.kind, default, fidelity)?;
                }
                let (id, schema_name) = (found.id, found.schema_name);
                sql.execute(
                    "UPDATE environmentvariabledefinition SET displayname = COALESCE($3, displayname), \
                     description = COALESCE($4, description), defaultvalue = COALESCE($5, defaultvalue), \
                     modifiedon = $6, versionnumber = $7, isrequired = COALESCE($8, isrequired) \
                     WHERE environmentid = $1 AND environmentvariabledefinitionid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        update.display_name.as_ref().into(),
                        update.description.as_ref().into(),
                        update.default_value.as_ref().into(),
                        now.into(),
                        version.into(),
                        update.required.map(i64::from).into(),
                    ],
                )?;
                let at = layer::At { environment: &environment, by: caller.name(), now, version };
                layer::unmanaged_note(sql, &at, ComponentKind::Variable, id.as_str())?;
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
        let create = on(Verb::Create, Entity::VariableValue);
        caller.require(environment, create, "set environment variables")?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, name) = (caller.clone(), environment.clone(), name.to_owned());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let found = get(sql, &environment, &name)?;
                value_check(sql, &caller, &environment, Verb::Write, &found.id, &name)?;
                let fidelity = environment::find(sql, environment.as_str())?.fidelity;
                check(&found.schema_name, found.kind, &value, fidelity)?;
                let (definition, schema_name) = (found.id, found.schema_name);
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
        let (caller, environment, name, now) =
            (caller.clone(), environment.clone(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let (definition, schema_name) = find_id(sql, &environment, &name)?;
                value_check(sql, &caller, &environment, Verb::Delete, &definition, &name)?;
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
        let (caller, environment, name, now) =
            (caller.clone(), environment.clone(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let (id, schema_name) = find_id(sql, &environment, &name)?;
                definition_check(sql, &caller, &environment, Verb::Delete, &id, &name)?;
                shares_remove(sql, &environment, Entity::VariableDefinition, id.as_str())?;
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

    /// One variable with the layers of its value.
    pub async fn variable_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<Variable> {
        let (caller, environment, name) = (caller.clone(), environment.clone(), name.to_owned());
        self.db
            .read(move |sql| {
                let found = get(sql, &environment, &name)?;
                definition_check(sql, &caller, &environment, Verb::Read, &found.id, &name)?;
                Ok(found)
            })
            .await
    }

    /// The variables of an environment with their values.
    pub async fn variable_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Vec<VariableFacts>> {
        let privilege = on(Verb::Read, Entity::VariableDefinition);
        caller.require(environment, privilege, "see environment variables")?;
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .snapshot(move |sql| {
                let mut seen = Vec::new();
                for row in all(sql, &environment)? {
                    let entity = Entity::VariableDefinition;
                    if readable(sql, &caller, &environment, entity, row.id.as_str())? {
                        seen.push(row);
                    }
                }
                Ok(seen)
            })
            .await
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
