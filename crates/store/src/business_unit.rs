//! Business units: a tree whose root is made with the environment.
use connref_solution::model::{EnvironmentId, Micros};
use serde_json::json;

use crate::access::{Caller, Entity, Target, Verb, check, on};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Row, Sql};
use crate::environment::touch;
use crate::{Result, Store, StoreError};

/// A business unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessUnit {
    /// Row id.
    pub id: String,
    /// Name, unique in the environment.
    pub name: String,
    /// The one above; none of the root.
    pub parent: Option<String>,
}

/// Deepest tree: more is a mistake, and every read of a deep one costs.
const DEPTH_MAX: usize = 100;

fn unit(row: &Row) -> Result<BusinessUnit> {
    Ok(BusinessUnit { id: row.text(0)?, name: row.text(1)?, parent: row.text_opt(2)? })
}

const COLUMNS: &str = "businessunitid, name, parentbusinessunitid";

/// A business unit by name or id.
pub(crate) fn find(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &str,
) -> Result<BusinessUnit> {
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS} FROM businessunit WHERE environmentid = $1 \
             AND (businessunitid = $2 OR name_key = $2)"
        ),
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    unit(&row.ok_or_else(|| StoreError::not_found("business unit", name))?)
}

/// The root.
pub(crate) fn root(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<BusinessUnit> {
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS} FROM businessunit WHERE environmentid = $1 AND parentbusinessunitid IS NULL"
        ),
        &[environment.as_str().into()],
    )?;
    unit(&row.ok_or_else(|| StoreError::not_found("business unit", "the root"))?)
}

pub(crate) fn insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    new: &BusinessUnit,
    now: Micros,
    version: i64,
) -> Result<()> {
    sql.execute(
        "INSERT INTO businessunit (environmentid, businessunitid, name, name_key, parentbusinessunitid, \
         createdon, modifiedon, versionnumber) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        &[
            environment.as_str().into(),
            (&new.id).into(),
            (&new.name).into(),
            new.name.to_lowercase().into(),
            new.parent.as_ref().into(),
            now.into(),
            version.into(),
        ],
    )?;
    Ok(())
}

/// The units from one up to the root.
fn path(sql: &mut Sql<'_>, environment: &EnvironmentId, from: &str) -> Result<Vec<BusinessUnit>> {
    let mut path = vec![find(sql, environment, from)?];
    while let Some(parent) = path.last().and_then(|unit| unit.parent.clone()) {
        if path.len() > DEPTH_MAX {
            let text = format!("business units nest at most {DEPTH_MAX} deep");
            return Err(StoreError::Invalid(text));
        }
        path.push(find(sql, environment, &parent)?);
    }
    Ok(path)
}

fn check_name(name: &str) -> Result<()> {
    if (1..=160).contains(&name.trim().chars().count()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(StoreError::Invalid("the name of a business unit has 1 to 160 characters".to_owned()))
}

impl Store {
    /// Makes a business unit below another; below the root if none is named.
    pub async fn business_unit_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: String,
        parent: Option<String>,
    ) -> Result<BusinessUnit> {
        let privilege = on(Verb::Create, Entity::BusinessUnit);
        caller.require(environment, privilege, "create business units")?;
        check_name(&name)?;
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, shown) = (caller.clone(), environment.clone(), name.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let above = match &parent {
                    Some(name) => find(sql, &environment, name)?,
                    None => root(sql, &environment)?,
                };
                let place = target(&above, &above.name);
                check(
                    sql,
                    &caller,
                    &environment,
                    Verb::AppendTo,
                    place,
                    "put a unit below this one",
                )?;
                path(sql, &environment, &above.id)?;
                let new = BusinessUnit { id, name, parent: Some(above.id) };
                insert(sql, &environment, &new, now, version)?;
                let detail = json!({"name": new.name, "parent": above.name});
                record(sql, &environment, now, &caller, "business_unit_create", &new.id, detail)?;
                Ok(new)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("business unit", &shown))
    }

    /// Renames a business unit or moves it below another. A move into its own subtree is refused,
    /// and so is moving the root.
    pub async fn business_unit_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        wanted: &str,
        name: Option<String>,
        parent: Option<String>,
    ) -> Result<()> {
        let (caller, environment, wanted, now) =
            (caller.clone(), environment.clone(), wanted.to_owned(), self.now());
        let shown = name.clone().unwrap_or_default();
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let old = find(sql, &environment, &wanted)?;
                let place = target(&old, &wanted);
                check(sql, &caller, &environment, Verb::Write, place, "change this business unit")?;
                name.as_deref().map(check_name).transpose()?;
                let above =
                    parent.as_ref().map(|p| moved(sql, &environment, &old, p)).transpose()?;
                let label = name.as_ref().unwrap_or(&old.name);
                sql.execute(
                    "UPDATE businessunit SET name = $3, name_key = $4, \
                     parentbusinessunitid = COALESCE($5, parentbusinessunitid), modifiedon = $6, \
                     versionnumber = $7 WHERE environmentid = $1 AND businessunitid = $2",
                    &[
                        environment.as_str().into(),
                        (&old.id).into(),
                        label.into(),
                        label.to_lowercase().into(),
                        above.as_ref().map(|unit| &unit.id).into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let detail = json!({"name": name, "parent": above.map(|unit| unit.name)});
                record(sql, &environment, now, &caller, "business_unit_update", &old.id, detail)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("business unit", &shown))
    }

    /// Deletes a business unit that has no users, no teams and no units below.
    pub async fn business_unit_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        wanted: &str,
    ) -> Result<()> {
        let (caller, environment, wanted, now) =
            (caller.clone(), environment.clone(), wanted.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let old = find(sql, &environment, &wanted)?;
                let place = target(&old, &wanted);
                check(
                    sql,
                    &caller,
                    &environment,
                    Verb::Delete,
                    place,
                    "delete this business unit",
                )?;
                if old.parent.is_none() {
                    return Err(StoreError::Invalid(
                        "the root business unit lives as long as its environment".to_owned(),
                    ));
                }
                let keys: [Param<'_>; 2] = [environment.as_str().into(), (&old.id).into()];
                let users = sql.query(
                    "SELECT 'user `' || domainname || '`' FROM systemuser \
                     WHERE environmentid = $1 AND businessunitid = $2 \
                     UNION ALL SELECT 'team `' || name || '`' FROM team \
                     WHERE environmentid = $1 AND businessunitid = $2 \
                     UNION ALL SELECT 'business unit `' || name || '`' FROM businessunit \
                     WHERE environmentid = $1 AND parentbusinessunitid = $2 LIMIT 5",
                    &keys,
                )?;
                let users = users
                    .iter()
                    .map(|row| row.text(0))
                    .collect::<std::result::Result<Vec<_>, _>>()?;
                if !users.is_empty() {
                    let (name, users) = (old.name, users.join(", "));
                    return Err(StoreError::InUse { kind: "business unit", name, users });
                }
                sql.execute(
                    "DELETE FROM businessunit WHERE environmentid = $1 AND businessunitid = $2",
                    &keys,
                )?;
                let detail = json!({"name": old.name});
                record(sql, &environment, now, &caller, "business_unit_delete", &old.id, detail)
            })
            .await
    }
}

/// The new unit above, unless the move would close a circle.
fn moved(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    old: &BusinessUnit,
    parent: &str,
) -> Result<BusinessUnit> {
    let mut way = path(sql, environment, parent)?;
    if old.parent.is_none() {
        return Err(StoreError::Invalid(format!(
            "`{}` is the root of all business units and stays it",
            old.name
        )));
    }
    if way.iter().any(|unit| unit.id == old.id) {
        return Err(StoreError::Invalid(format!(
            "`{}` cannot be moved below `{}`, which lies below it",
            old.name, way[0].name
        )));
    }
    Ok(way.swap_remove(0))
}

fn target<'a>(unit: &'a BusinessUnit, name: &'a str) -> Target<'a> {
    Target { entity: Entity::BusinessUnit, id: &unit.id, kind: "business unit", name }
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
    let entry = Entry { action, object: "business unit", object_id: id, detail };
    audit_log::record(sql, environment, now, caller, &entry)
}
