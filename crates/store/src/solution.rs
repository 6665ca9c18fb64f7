//! Publishers and solutions, with the parts connref does not model kept as they came.
use connref_solution::model::facts::SolutionFacts;
use connref_solution::model::package::{
    PackageConnector, PackageReference, PackageVariable, Publisher, Workflow,
};
use connref_solution::model::{ApiName, EnvironmentId, Micros, PublisherId, SolutionId};
use serde_json::json;

use crate::access::{Caller, Entity, Privilege, Verb, on};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Row, Sql};
use crate::environment::touch;
use crate::row_share::readable;
use crate::{Result, Store, StoreError};

/// A solution row.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// Facts about it.
    pub facts: SolutionFacts,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Language code.
    pub language: u32,
    /// Publisher row.
    pub publisher_id: PublisherId,
    /// When it was installed.
    pub installed_on: Micros,
}

/// An unmanaged solution to make.
#[derive(Clone, Debug)]
pub struct SolutionNew {
    /// Unique name.
    pub unique_name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Version.
    pub version: String,
    /// Publisher, by unique name or id.
    pub publisher: String,
}

/// Everything of a solution an export needs.
#[derive(Clone, Debug, PartialEq)]
pub struct SolutionContent {
    /// The row.
    pub solution: Solution,
    /// References, in the order they were added.
    pub references: Vec<PackageReference>,
    /// Workflows of every category; `state_code` is the state now, see `wanted_on`.
    pub workflows: Vec<Workflow>,
    /// For each workflow whether it is wanted on.
    pub wanted_on: Vec<bool>,
    /// Custom connectors.
    pub connectors: Vec<PackageConnector>,
    /// Variable definitions, without values.
    pub variables: Vec<PackageVariable>,
    /// The parts as they came with the last import: (name, content).
    pub parts: Vec<(String, Vec<u8>)>,
}

const COLUMNS: &str = "s.solutionid, s.uniquename, s.version, s.ismanaged, p.uniquename, p.friendlyname, \
     p.customizationprefix, p.customizationoptionvalueprefix, s.friendlyname, s.description, \
     s.languagecode, s.publisherid, s.installedon, s.upgradeof FROM solution s JOIN publisher p \
     ON p.environmentid = s.environmentid AND p.publisherid = s.publisherid";

fn solution(row: &Row) -> Result<Solution> {
    Ok(Solution {
        facts: SolutionFacts {
            id: row.text(0)?.into(),
            unique_name: row.text(1)?,
            version: row.text(2)?,
            managed: row.flag(3)?,
            publisher: Publisher {
                unique_name: row.text(4)?,
                display_name: row.text(5)?,
                prefix: row.text(6)?,
                option_value_prefix: u32::try_from(row.int(7)?).unwrap_or(0),
            },
            upgrade_of: row.text_opt(13)?.map(Into::into),
            components: Vec::new(),
        },
        display_name: row.text(8)?,
        description: row.text_opt(9)?,
        language: u32::try_from(row.int(10)?).unwrap_or(1033),
        publisher_id: row.text(11)?.into(),
        installed_on: row.int(12)?,
    })
}

pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<Solution>> {
    sql.query(
        &format!("SELECT {COLUMNS} WHERE s.environmentid = $1 ORDER BY s.uniquename_key"),
        &[environment.as_str().into()],
    )?
    .iter()
    .map(solution)
    .collect()
}

pub(crate) fn find(sql: &mut Sql<'_>, environment: &EnvironmentId, name: &str) -> Result<Solution> {
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS} WHERE s.environmentid = $1 AND (s.solutionid = $2 OR s.uniquename_key = $2)"
        ),
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    solution(&row.ok_or_else(|| StoreError::not_found("solution", name))?)
}

/// Adds a component at the end of a solution; one that is in already stays where it is.
pub(crate) fn component_add(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    solution: &SolutionId,
    kind: &str,
    id: &str,
) -> Result<()> {
    let at = component_next(sql, environment, solution)?;
    component_put(sql, environment, solution, (kind, id), at)
}

/// The place of the next component of a solution.
pub(crate) fn component_next(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    solution: &SolutionId,
) -> Result<i64> {
    let row = sql.query_one(
        "SELECT COALESCE(MAX(ordinal), 0) + 1 FROM solutioncomponent \
         WHERE environmentid = $1 AND solutionid = $2",
        &[environment.as_str().into(), solution.as_str().into()],
    )?;
    row.map_or(Ok(1), |row| Ok(row.int(0)?))
}

/// Puts a component, kind and row, at a place of a solution; one that is in it stays where it is.
pub(crate) fn component_put(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    solution: &SolutionId,
    (kind, id): (&str, &str),
    at: i64,
) -> Result<()> {
    sql.execute(
        "INSERT INTO solutioncomponent (environmentid, solutionid, kind, objectid, ordinal) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (environmentid, solutionid, kind, objectid) DO NOTHING",
        &[environment.as_str().into(), solution.as_str().into(), kind.into(), id.into(), at.into()],
    )?;
    Ok(())
}

/// Takes a component out of every solution.
pub(crate) fn component_remove(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    kind: &str,
    id: &str,
) -> Result<()> {
    sql.execute(
        "DELETE FROM solutioncomponent WHERE environmentid = $1 AND kind = $2 AND objectid = $3",
        &[environment.as_str().into(), kind.into(), id.into()],
    )?;
    Ok(())
}

/// The row of a publisher by unique name, made if it is not there.
pub(crate) fn publisher_ensure(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &str,
    publisher: &Publisher,
    by: Option<&str>,
    (now, version): (Micros, i64),
) -> Result<PublisherId> {
    sql.execute(
        "INSERT INTO publisher (environmentid, publisherid, uniquename, uniquename_key, friendlyname, \
         customizationprefix, customizationoptionvalueprefix, createdon, modifiedon, versionnumber, \
         createdby, modifiedby) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $10) \
         ON CONFLICT (environmentid, uniquename_key) DO NOTHING",
        &[
            environment.as_str().into(),
            id.into(),
            (&publisher.unique_name).into(),
            publisher.unique_name.to_lowercase().into(),
            (&publisher.display_name).into(),
            (&publisher.prefix).into(),
            i64::from(publisher.option_value_prefix).into(),
            now.into(),
            version.into(),
            by.into(),
        ],
    )?;
    publisher_find(sql, environment, &publisher.unique_name)
}

fn publisher_find(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &str,
) -> Result<PublisherId> {
    let row = sql.query_one(
        "SELECT publisherid FROM publisher WHERE environmentid = $1 AND (publisherid = $2 OR uniquename_key = $2)",
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    Ok(row.ok_or_else(|| StoreError::not_found("publisher", name))?.text(0)?.into())
}

/// The row id of a caller that has one.
fn by(caller: &Caller) -> Option<&str> {
    caller.principal().map(|id| id.as_str())
}

/// A solution row to insert.
pub(crate) struct SolutionRow<'a> {
    pub(crate) id: &'a str,
    pub(crate) unique_name: &'a str,
    pub(crate) display_name: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) version: &'a str,
    pub(crate) managed: bool,
    pub(crate) language: u32,
    pub(crate) publisher: &'a PublisherId,
    pub(crate) upgrade_of: Option<&'a SolutionId>,
    /// Row id of whoever makes it.
    pub(crate) by: Option<&'a str>,
}

pub(crate) fn insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    row: &SolutionRow<'_>,
    now: Micros,
    version: i64,
) -> Result<()> {
    sql.execute(
        "INSERT INTO solution (environmentid, solutionid, uniquename, uniquename_key, friendlyname, description, \
         version, ismanaged, languagecode, publisherid, createdon, installedon, modifiedon, versionnumber, upgradeof, \
         createdby, modifiedby) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $11, $12, $13, $14, $14)",
        &[
            environment.as_str().into(),
            row.id.into(),
            row.unique_name.into(),
            row.unique_name.to_lowercase().into(),
            row.display_name.into(),
            row.description.into(),
            row.version.into(),
            row.managed.into(),
            i64::from(row.language).into(),
            row.publisher.as_str().into(),
            now.into(),
            version.into(),
            row.upgrade_of.map(SolutionId::as_str).into(),
            row.by.into(),
        ],
    )?;
    Ok(())
}

impl Store {
    /// Makes a publisher.
    pub async fn publisher_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: Publisher,
    ) -> Result<PublisherId> {
        caller.require(environment, on(Verb::Create, Entity::Publisher), "create publishers")?;
        check_prefix(&new.prefix)?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let found =
                    publisher_ensure(sql, &environment, &id, &new, by(&caller), (now, version))?;
                if found.as_str() != id {
                    let name = new.unique_name.clone();
                    return Err(StoreError::Exists { kind: "publisher", name });
                }
                let detail = json!({"name": new.unique_name, "prefix": new.prefix});
                let entry = Entry {
                    action: "publisher_create",
                    object: "publisher",
                    object_id: &id,
                    detail,
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                Ok(found)
            })
            .await
    }

    /// A publisher by unique name or id.
    pub async fn publisher_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<PublisherId> {
        caller.require(environment, on(Verb::Read, Entity::Publisher), "see publishers")?;
        let (environment, name) = (environment.clone(), name.to_owned());
        self.db.read(move |sql| publisher_find(sql, &environment, &name)).await
    }

    /// Makes an unmanaged solution.
    pub async fn solution_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: SolutionNew,
    ) -> Result<Solution> {
        caller.require(environment, on(Verb::Create, Entity::Solution), "create solutions")?;
        check_unique_name(&new.unique_name)?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, name) =
            (caller.clone(), environment.clone(), new.unique_name.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let publisher = publisher_find(sql, &environment, &new.publisher)?;
                let row = SolutionRow {
                    id: &id,
                    unique_name: &new.unique_name,
                    display_name: &new.display_name,
                    description: new.description.as_deref(),
                    version: &new.version,
                    managed: false,
                    language: 1033,
                    publisher: &publisher,
                    upgrade_of: None,
                    by: by(&caller),
                };
                insert(sql, &environment, &row, now, version)?;
                let entry = Entry {
                    action: "solution_create",
                    object: "solution",
                    object_id: &id,
                    detail: json!({"name": new.unique_name, "version": new.version}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                find(sql, &environment, &id)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("solution", &name))
    }

    /// The solutions of an environment.
    pub async fn solution_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Vec<Solution>> {
        caller.require(environment, on(Verb::Read, Entity::Solution), "see solutions")?;
        let environment = environment.clone();
        self.db.read(move |sql| all(sql, &environment)).await
    }

    /// A solution by unique name or id.
    pub async fn solution_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<Solution> {
        caller.require(environment, on(Verb::Read, Entity::Solution), "see solutions")?;
        let (environment, name) = (environment.clone(), name.to_owned());
        self.db.read(move |sql| find(sql, &environment, &name)).await
    }

    /// Adds what exists already to an unmanaged solution.
    pub async fn solution_component_add(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        solution: &SolutionId,
        kind: &'static str,
        id: &str,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Write, Entity::Solution), "change solutions")?;
        let (caller, environment, solution, id, now) =
            (caller.clone(), environment.clone(), solution.clone(), id.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let row = find(sql, &environment, solution.as_str())?;
                if row.facts.managed {
                    return Err(StoreError::Invalid(format!(
                        "solution `{}` is managed and takes no components",
                        row.facts.unique_name
                    )));
                }
                let entity = match kind {
                    "reference" => Entity::ConnectionReference,
                    "flow" => Entity::Workflow,
                    "variable" => Entity::VariableDefinition,
                    _ => Entity::Connector,
                };
                if !readable(sql, &caller, &environment, entity, &id)? {
                    return Err(StoreError::not_found("component", id));
                }
                component_add(sql, &environment, &solution, kind, &id)?;
                let entry = Entry {
                    action: "solution_component_add",
                    object: "solution",
                    object_id: solution.as_str(),
                    detail: json!({"kind": kind, "id": id}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// Takes a component out of an unmanaged solution; the component itself stays.
    pub async fn solution_component_remove(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        solution: &SolutionId,
        kind: &'static str,
        id: &str,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Write, Entity::Solution), "change solutions")?;
        let (caller, environment, solution, id, now) =
            (caller.clone(), environment.clone(), solution.clone(), id.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let changed = sql.execute(
                    "DELETE FROM solutioncomponent WHERE environmentid = $1 AND solutionid = $2 \
                     AND kind = $3 AND objectid = $4",
                    &[
                        environment.as_str().into(),
                        solution.as_str().into(),
                        kind.into(),
                        (&id).into(),
                    ],
                )?;
                if changed == 0 {
                    return Err(StoreError::not_found("component", &id));
                }
                let entry = Entry {
                    action: "solution_component_remove",
                    object: "solution",
                    object_id: solution.as_str(),
                    detail: json!({"kind": kind, "id": id}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// Everything an export needs, in one snapshot.
    pub async fn solution_content(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<SolutionContent> {
        caller.require(environment, Privilege::ExportCustomization, "export solutions")?;
        let (environment, name) = (environment.clone(), name.to_owned());
        self.db.snapshot(move |sql| content(sql, &environment, &name)).await
    }
}

fn content(sql: &mut Sql<'_>, environment: &EnvironmentId, name: &str) -> Result<SolutionContent> {
    let solution = find(sql, environment, name)?;
    let id = solution.facts.id.clone();
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
    let join = |table: &str, key: &str, kind: &str, columns: &str| {
        format!(
            "SELECT {columns} FROM solutioncomponent c JOIN {table} t ON t.environmentid = c.environmentid \
             AND t.{key} = c.objectid WHERE c.environmentid = $1 AND c.solutionid = $2 \
             AND c.kind = '{kind}' ORDER BY c.ordinal"
        )
    };
    let references = sql
        .query(
            &join(
                "connectionreference",
                "connectionreferenceid",
                "reference",
                "t.connectionreferencelogicalname, t.connectionreferencedisplayname, t.description, \
                 t.connectorid, t.customconnectorid, t.iscustomizable, t.promptingbehavior",
            ),
            &keys,
        )?
        .iter()
        .map(|row| {
            Ok(PackageReference {
                logical_name: row.text(0)?.into(),
                display_name: row.text(1)?,
                description: row.text_opt(2)?,
                api_name: ApiName::from_connector_id(&row.text(3)?),
                custom_connector_id: row.text_opt(4)?,
                customizable: row.flag(5)?,
                prompting_behavior: row.int_opt(6)?.and_then(|n| u32::try_from(n).ok()),
            })
        })
        .collect::<Result<_>>()?;
    let mut wanted_on = Vec::new();
    let workflows = sql
        .query(
            &join(
                "workflow",
                "workflowid",
                "flow",
                "t.workflowid, t.name, t.description, t.category, t.statecode, t.modernflowtype, \
                 t.jsonfilename, t.clientdata, t.wantedon",
            ),
            &keys,
        )?
        .iter()
        .map(|row| {
            wanted_on.push(row.flag(8)?);
            let small = |n: i64| i32::try_from(n).unwrap_or(0);
            Ok(Workflow {
                id: row.text(0)?.into(),
                name: row.text(1)?,
                description: row.text_opt(2)?,
                category: small(row.int(3)?),
                state_code: small(row.int(4)?),
                modern_flow_type: row.int_opt(5)?.map(small),
                json_file_name: row.text_opt(6)?,
                client_data: row.text_opt(7)?,
            })
        })
        .collect::<Result<_>>()?;
    let connectors = sql
        .query(
            &join(
                "connector",
                "connectorid",
                "connector",
                "t.connectorid, t.name, t.displayname, t.description, t.openapidefinition, \
                 t.connectionparameters, t.connectionparametersets, t.policytemplateinstances",
            ),
            &keys,
        )?
        .iter()
        .map(|row| {
            Ok(PackageConnector {
                id: row.text(0)?,
                name: row.text(1)?,
                display_name: row.text(2)?,
                description: row.text_opt(3)?,
                openapi_definition: row.text_opt(4)?,
                connection_parameters: row.text_opt(5)?,
                connection_parameter_sets: row.text_opt(6)?,
                policy_templates: row.text_opt(7)?,
            })
        })
        .collect::<Result<_>>()?;
    let variables = sql
        .query(
            &join(
                "environmentvariabledefinition",
                "environmentvariabledefinitionid",
                "variable",
                "t.schemaname, t.displayname, t.description, t.type, t.defaultvalue, t.isrequired, \
                 t.apiid, t.parameterkey, t.parentschemaname, t.secretstore",
            ),
            &keys,
        )?
        .iter()
        .map(|row| {
            Ok(PackageVariable {
                schema_name: row.text(0)?.into(),
                display_name: row.text(1)?,
                description: row.text_opt(2)?,
                kind: row.int(3)?,
                default_value: row.text_opt(4)?,
                value: None,
                required: row.flag(5)?,
                api_name: row.text_opt(6)?.map(ApiName::from),
                parameter_key: row.text_opt(7)?,
                parent: row.text_opt(8)?.map(Into::into),
                secret_store: row.int_opt(9)?.and_then(|n| u32::try_from(n).ok()),
            })
        })
        .collect::<Result<_>>()?;
    let parts = sql
        .query(
            "SELECT name, content FROM solution_part WHERE environmentid = $1 AND solutionid = $2 ORDER BY ordinal",
            &keys,
        )?
        .iter()
        .map(|row| Ok((row.text(0)?, row.bytes(1)?)))
        .collect::<Result<_>>()?;
    Ok(SolutionContent { solution, references, workflows, wanted_on, connectors, variables, parts })
}

/// 2 to 8 letters and digits, a letter first, not `mscrm…` (the maker portal's rule).
fn check_prefix(prefix: &str) -> Result<()> {
    let fits = (2..=8).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_alphanumeric())
        && prefix.starts_with(|c: char| c.is_ascii_alphabetic())
        && !prefix.to_lowercase().starts_with("mscrm");
    if fits {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "`{prefix}` cannot be a customization prefix: it has 2 to 8 letters and digits, begins with a \
         letter and not with `mscrm`"
    )))
}

/// Letters, digits and `_`, a letter or `_` first, at most 65 characters.
fn check_unique_name(name: &str) -> Result<()> {
    let fits = (1..=65).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if fits {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "`{name}` cannot be a solution's unique name: use at most 65 letters, digits and `_`, no digit first"
    )))
}
