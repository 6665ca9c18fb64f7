//! Environments: the shard everything else lives in.
use connref_solution::model::facts::{EnvironmentKind, Fidelity, PrincipalKind, Role};
use connref_solution::model::{EnvironmentId, Micros};
use serde_json::json;

use crate::access::{Action, Caller, Privilege};
use crate::audit_log::{self, Entry};
use crate::business_unit::BusinessUnit;
use crate::db::{Row, Sql};
use crate::text::{Stored, stored};
use crate::user::{UserNew, user_insert};
use crate::{Result, Store, StoreError, business_unit, role};

/// An environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Id.
    pub id: EnvironmentId,
    /// Name: what `--env` takes and what its host is called.
    pub name: String,
    /// Kind.
    pub kind: EnvironmentKind,
    /// Fidelity.
    pub fidelity: Fidelity,
    /// `OrganizationId` of WhoAmI.
    pub organization_id: String,
    /// Root business unit.
    pub business_unit_id: String,
    /// Private addresses and folders that connections may reach, one rule each (see `egress`).
    pub allowed: Vec<String>,
    /// Grows with each change of the model.
    pub version: i64,
    /// Created.
    pub created_on: Micros,
}

/// A new environment.
#[derive(Clone, Debug)]
pub struct EnvironmentNew {
    /// Name: 1 to 63 letters, digits and `-`, as it becomes a host name.
    pub name: String,
    /// Kind.
    pub kind: EnvironmentKind,
    /// Fidelity.
    pub fidelity: Fidelity,
    /// Allowed private addresses and folders.
    pub allowed: Vec<String>,
}

pub(crate) const COLUMNS: &str = "environmentid, name, kind, fidelity, organizationid, businessunitid, allowed, version, createdon";

/// An environment from a row that begins with [`COLUMNS`].
pub(crate) fn environment(row: &Row) -> Result<Environment> {
    Ok(Environment {
        id: row.text(0)?.into(),
        name: row.text(1)?,
        kind: stored(row, 2)?,
        fidelity: stored(row, 3)?,
        organization_id: row.text(4)?,
        business_unit_id: row.text(5)?,
        allowed: serde_json::from_str(&row.text(6)?)
            .map_err(|source| StoreError::Document { kind: "environment", source })?,
        version: row.int(7)?,
        created_on: row.int(8)?,
    })
}

/// Counts a change of the model: answers the new version, which is also the row version of what the
/// change writes. Holds the environment's row until the end, so changes of one environment follow
/// one another on every engine.
pub(crate) fn touch(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<i64> {
    let row = sql.query_one(
        "UPDATE environment SET version = version + 1 WHERE environmentid = $1 RETURNING version",
        &[environment.as_str().into()],
    )?;
    Ok(row.ok_or_else(|| StoreError::not_found("environment", environment.as_str()))?.int(0)?)
}

/// The version of the model, and nothing else: what every call of a run asks.
pub(crate) fn version(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<i64> {
    let row = sql.query_one(
        "SELECT version FROM environment WHERE environmentid = $1",
        &[environment.as_str().into()],
    )?;
    Ok(row.ok_or_else(|| StoreError::not_found("environment", environment.as_str()))?.int(0)?)
}

/// As [`touch`], provided the environment is still at the version a judgement was made from.
pub(crate) fn touch_at(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    expected: i64,
) -> Result<i64> {
    let version = touch(sql, environment)?;
    if version == expected + 1 {
        return Ok(version);
    }
    Err(StoreError::Stale { expected, found: version - 1 })
}

impl Store {
    /// Makes an environment with its operator as its first administrator.
    pub async fn environment_create(
        &self,
        caller: &Caller,
        new: EnvironmentNew,
    ) -> Result<Environment> {
        caller.authorize_operator("create environments")?;
        check_name(&new.name)?;
        let now = self.now();
        let (id, organization, unit, administrator) =
            (self.ids.guid(now), self.ids.guid(now), self.ids.guid(now), self.ids.guid(now));
        let (caller, tenant) = (caller.clone(), self.vault.tenant().to_owned());
        let ids = std::sync::Arc::clone(&self.ids);
        let name = new.name.clone();
        self.db
            .change(move |sql| {
                sql.execute(
                    "INSERT INTO environment (environmentid, tenantid, name, name_key, displayname, kind, \
                     fidelity, organizationid, businessunitid, allowed, version, createdon) \
                     VALUES ($1, $2, $3, $4, $3, $5, $6, $7, $8, $9, 1, $10)",
                    &[
                        (&id).into(),
                        tenant.into(),
                        (&new.name).into(),
                        new.name.to_lowercase().into(),
                        new.kind.text().into(),
                        new.fidelity.text().into(),
                        organization.into(),
                        (&unit).into(),
                        json!(new.allowed).to_string().into(),
                        now.into(),
                    ],
                )?;
                let id = EnvironmentId::new(&id);
                let user = UserNew {
                    name: caller.name().to_owned(),
                    display_name: caller.name().to_owned(),
                    kind: PrincipalKind::User,
                    application_id: None,
                    role: Role::SystemAdministrator,
                    business_unit: None,
                    manager: None,
                };
                let root = BusinessUnit { id: unit, name: new.name.clone(), parent: None };
                business_unit::insert(sql, &id, &root, now, 1)?;
                role::built_in_write(sql, &*ids, &id, now, 1)?;
                user_insert(sql, &id, now, 1, &administrator, &user)?;
                let detail = json!({"name": new.name, "kind": new.kind.text(), "allowed": new.allowed});
                let entry = Entry {
                    action: "environment_create",
                    object: "environment",
                    object_id: id.as_str(),
                    detail,
                };
                audit_log::record(sql, &id, now, &caller, &entry)?;
                find(sql, id.as_str())
            })
            .await
            .map_err(|e: StoreError| e.on_unique("environment", &name))
    }

    /// The environments the caller may see.
    pub async fn environment_list(&self, caller: &Caller) -> Result<Vec<Environment>> {
        let only = match caller {
            Caller::Member(member) => Some(member.environment.clone()),
            _ => None,
        };
        let all: Vec<Environment> = self
            .db
            .read(|sql| {
                sql.query(&format!("SELECT {COLUMNS} FROM environment ORDER BY name_key"), &[])?
                    .iter()
                    .map(environment)
                    .collect::<Result<_>>()
            })
            .await?;
        Ok(all.into_iter().filter(|e| only.as_ref().is_none_or(|id| id == &e.id)).collect())
    }

    /// An environment by id or name.
    pub async fn environment_get(&self, caller: &Caller, name: &str) -> Result<Environment> {
        let wanted = name.to_owned();
        let found = self.db.read(move |sql| find(sql, &wanted)).await?;
        match caller.authorize(&found.id, Action::Read, "see this environment") {
            Ok(()) => Ok(found),
            Err(_) => Err(StoreError::not_found("environment", name)),
        }
    }

    /// Replaces the list of private addresses and folders that connections may reach, and of the
    /// places of secrets that variables may point to. Those (`secret:…`) only the operator changes:
    /// they are read with the installation's own credentials, which no environment owns.
    pub async fn environment_allow(
        &self,
        caller: &Caller,
        id: &EnvironmentId,
        allowed: Vec<String>,
    ) -> Result<()> {
        caller.require(id, Privilege::AllowEndpoints, "change what connections may reach")?;
        let (caller, id, now) = (caller.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &id)?;
                let before = find(sql, id.as_str())?.allowed;
                if secret_places(&before) != secret_places(&allowed) {
                    caller.authorize_operator(
                        "change which secrets an environment may read: the operator of the installation does",
                    )?;
                }
                let text = json!(allowed);
                sql.execute(
                    "UPDATE environment SET allowed = $2 WHERE environmentid = $1",
                    &[id.as_str().into(), text.to_string().into()],
                )?;
                let entry = Entry {
                    action: "environment_allow",
                    object: "environment",
                    object_id: id.as_str(),
                    detail: json!({"allowed": text}),
                };
                audit_log::record(sql, &id, now, &caller, &entry)
            })
            .await
    }
}

/// The entries about secrets, in order. One entry may hold several, as the policy reads them.
fn secret_places(allowed: &[String]) -> Vec<&str> {
    let words = allowed.iter().flat_map(|e| e.split(|c: char| c == ',' || c.is_whitespace()));
    words.filter(|word| word.starts_with("secret:")).collect()
}

pub(crate) fn find(sql: &mut Sql<'_>, name: &str) -> Result<Environment> {
    let row = sql.query_one(
        &format!("SELECT {COLUMNS} FROM environment WHERE environmentid = $1 OR name_key = $1"),
        &[name.to_lowercase().into()],
    )?;
    environment(&row.ok_or_else(|| StoreError::not_found("environment", name))?)
}

/// The tenant of an environment.
pub(crate) fn tenant(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<String> {
    let row = sql.query_one(
        "SELECT tenantid FROM environment WHERE environmentid = $1",
        &[environment.as_str().into()],
    )?;
    Ok(row.ok_or_else(|| StoreError::not_found("environment", environment.as_str()))?.text(0)?)
}

fn check_name(name: &str) -> Result<()> {
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "`{name}` cannot name an environment: it becomes a host name, so use 1 to 63 letters, digits and `-`"
    )))
}
