//! Security roles: what they grant, and who holds them.
use connref_solution::model::facts::Role;
use connref_solution::model::{EnvironmentId, Micros, PrincipalId};
use serde_json::json;

use crate::access::{BUILT_IN, Caller, Depth, Entity, Privilege, ROLES_VERSION, Verb, on};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Row, Sql};
use crate::environment::touch;
use crate::source::Ids;
use crate::text::Stored;
use crate::{Result, Store, StoreError, team, user};

/// A security role.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityRole {
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Comes with connref and cannot be changed.
    pub built_in: bool,
    /// A team's role counts at user depth for its members' own rows too.
    pub inherited: bool,
    /// What it grants; privileges it does not grant are left out.
    pub grants: Vec<(Privilege, Depth)>,
}

/// Who gets a role, or loses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleHolder {
    /// A user or service principal.
    User,
    /// A team that can hold roles.
    Team,
}

/// Rows of one INSERT: four values each stay below every engine's bound of placeholders.
const ROWS: usize = 100;

/// Brings the built-in roles of every environment to what this binary knows.
pub(crate) fn built_in_ensure(sql: &mut Sql<'_>, ids: &dyn Ids, now: Micros) -> Result<()> {
    let behind = sql.query(
        "SELECT environmentid FROM environment WHERE rolesversion < $1",
        &[ROLES_VERSION.into()],
    )?;
    for row in &behind {
        let environment = EnvironmentId::new(&row.text(0)?);
        let version = touch(sql, &environment)?;
        built_in_write(sql, ids, &environment, now, version)?;
    }
    Ok(())
}

/// Writes the built-in roles of an environment.
pub(crate) fn built_in_write(
    sql: &mut Sql<'_>,
    ids: &dyn Ids,
    environment: &EnvironmentId,
    now: Micros,
    version: i64,
) -> Result<()> {
    for role in BUILT_IN {
        sql.execute(
            "INSERT INTO role (environmentid, roleid, name, name_key, isinherited, ismanaged, createdon, \
             modifiedon, versionnumber) VALUES ($1, $2, $3, $4, 1, 1, $5, $5, $6) \
             ON CONFLICT (environmentid, roleid) DO UPDATE SET modifiedon = excluded.modifiedon, \
             versionnumber = excluded.versionnumber",
            &[
                environment.as_str().into(),
                role.id.into(),
                role.name.into(),
                role.name.to_lowercase().into(),
                now.into(),
                version.into(),
            ],
        )?;
        let grants: Vec<_> = Privilege::all().map(|p| (p, (role.grants)(p))).collect();
        grants_write(sql, ids, environment, role.id, &grants, now, version)?;
    }
    sql.execute(
        "UPDATE environment SET rolesversion = $2 WHERE environmentid = $1",
        &[environment.as_str().into(), ROLES_VERSION.into()],
    )?;
    Ok(())
}

/// Replaces what a role grants.
fn grants_write(
    sql: &mut Sql<'_>,
    ids: &dyn Ids,
    environment: &EnvironmentId,
    role: &str,
    grants: &[(Privilege, Depth)],
    now: Micros,
    version: i64,
) -> Result<()> {
    sql.execute(
        "DELETE FROM roleprivileges WHERE environmentid = $1 AND roleid = $2",
        &[environment.as_str().into(), role.into()],
    )?;
    let rows: Vec<(String, i64, String)> = grants
        .iter()
        .filter(|(_, depth)| *depth > Depth::None)
        .map(|(privilege, depth)| (privilege.name(), depth.mask(), ids.guid(now)))
        .collect();
    for chunk in rows.chunks(ROWS) {
        let mut params: Vec<Param<'_>> =
            vec![environment.as_str().into(), role.into(), version.into()];
        let mut values = Vec::with_capacity(chunk.len());
        for (name, mask, id) in chunk {
            let at = params.len();
            values.push(format!("($1, ${}, $2, ${}, ${}, $3)", at + 1, at + 2, at + 3));
            params.extend([id.into(), name.into(), (*mask).into()]);
        }
        sql.execute(
            &format!(
                "INSERT INTO roleprivileges (environmentid, roleprivilegeid, roleid, privilege, \
                 privilegedepthmask, versionnumber) VALUES {}",
                values.join(", ")
            ),
            &params,
        )?;
    }
    Ok(())
}

fn role(sql: &mut Sql<'_>, environment: &EnvironmentId, row: &Row) -> Result<SecurityRole> {
    let id = row.text(0)?;
    let mut grants = Vec::new();
    for row in sql.query(
        "SELECT privilege, privilegedepthmask FROM roleprivileges \
         WHERE environmentid = $1 AND roleid = $2",
        &[environment.as_str().into(), (&id).into()],
    )? {
        // A privilege of a newer release means nothing here.
        let privilege = Privilege::parse(&row.text(0)?);
        grants.extend(privilege.zip(Depth::from_mask(row.int(1)?)));
    }
    grants.sort();
    Ok(SecurityRole {
        id,
        name: row.text(1)?,
        inherited: row.flag(2)?,
        built_in: row.flag(3)?,
        grants,
    })
}

const COLUMNS: &str = "roleid, name, isinherited, ismanaged";

/// A role by id or name.
pub(crate) fn find(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &str,
) -> Result<SecurityRole> {
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS} FROM role WHERE environmentid = $1 AND (roleid = $2 OR name_key = $2)"
        ),
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    role(sql, environment, &row.ok_or_else(|| StoreError::not_found("role", name))?)
}

pub(crate) fn user_role_insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    version: i64,
    user: &str,
    role: &str,
) -> Result<u64> {
    let id = joint(user, role);
    Ok(sql.execute(
        "INSERT INTO systemuserroles (environmentid, systemuserroleid, systemuserid, roleid, versionnumber) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (environmentid, systemuserid, roleid) DO NOTHING",
        &[environment.as_str().into(), id.into(), user.into(), role.into(), version.into()],
    )?)
}

/// The id of a row that joins two: half of each, so that it stays what it was.
fn joint(one: &str, other: &str) -> String {
    const HALF: usize = 18;
    format!("{}{}", one.get(..HALF).unwrap_or(one), other.get(HALF..).unwrap_or(other))
}

/// The mightiest built-in role assigned to a user, kept in its row for lists.
fn headline(sql: &mut Sql<'_>, environment: &EnvironmentId, user: &PrincipalId) -> Result<()> {
    let mut best = Role::None;
    for row in sql.query(
        "SELECT roleid FROM systemuserroles WHERE environmentid = $1 AND systemuserid = $2",
        &[environment.as_str().into(), user.as_str().into()],
    )? {
        let id = row.text(0)?;
        let known = BUILT_IN.iter().find(|known| known.id == id).map_or(Role::None, |k| k.role);
        best = best.max(known);
    }
    sql.execute(
        "UPDATE systemuser SET role = $3 WHERE environmentid = $1 AND systemuserid = $2",
        &[environment.as_str().into(), user.as_str().into(), best.text().into()],
    )?;
    Ok(())
}

/// Nobody gives rights it does not have: every privilege of the role must be held as deep.
fn covered(caller: &Caller, role: &SecurityRole) -> Result<()> {
    let Caller::Member(member) = caller else { return Ok(()) };
    match role.grants.iter().find(|(privilege, depth)| member.depth(*privilege) < *depth) {
        None => Ok(()),
        Some((privilege, depth)) => Err(caller.denied(&format!(
            "give away role `{}`: it grants `{}` at {} depth, which the caller does not hold",
            role.name,
            privilege.name(),
            depth.word()
        ))),
    }
}

impl Store {
    /// The roles of an environment, by name.
    pub async fn role_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
    ) -> Result<Vec<SecurityRole>> {
        caller.require(environment, on(Verb::Read, Entity::Role), "see roles")?;
        let environment = environment.clone();
        self.db
            .snapshot(move |sql| {
                sql.query(
                    &format!(
                        "SELECT {COLUMNS} FROM role WHERE environmentid = $1 ORDER BY name_key"
                    ),
                    &[environment.as_str().into()],
                )?
                .iter()
                .map(|row| role(sql, &environment, row))
                .collect()
            })
            .await
    }

    /// A role by id or name.
    pub async fn role_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<SecurityRole> {
        caller.require(environment, on(Verb::Read, Entity::Role), "see roles")?;
        let (environment, name) = (environment.clone(), name.to_owned());
        self.db.snapshot(move |sql| find(sql, &environment, &name)).await
    }

    /// Makes a custom role. It may grant no more than its maker holds.
    pub async fn role_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: String,
        grants: Vec<(Privilege, Depth)>,
    ) -> Result<SecurityRole> {
        caller.require(environment, on(Verb::Create, Entity::Role), "create roles")?;
        if !(1..=100).contains(&name.trim().chars().count()) {
            return Err(StoreError::Invalid("a role's name has 1 to 100 characters".to_owned()));
        }
        let now = self.now();
        let id = self.ids.guid(now);
        let new = SecurityRole { id, name, built_in: false, inherited: true, grants };
        covered(caller, &new)?;
        let shown = new.name.clone();
        let ids = std::sync::Arc::clone(&self.ids);
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                sql.execute(
                    "INSERT INTO role (environmentid, roleid, name, name_key, isinherited, ismanaged, \
                     createdon, modifiedon, versionnumber) VALUES ($1, $2, $3, $4, 1, 0, $5, $5, $6)",
                    &[
                        environment.as_str().into(),
                        (&new.id).into(),
                        (&new.name).into(),
                        new.name.to_lowercase().into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                grants_write(sql, &*ids, &environment, &new.id, &new.grants, now, version)?;
                let detail = json!({"name": new.name, "privileges": new.grants.len()});
                record(sql, &environment, now, &caller, "role_create", &new.id, detail)?;
                find(sql, &environment, &new.id)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("role", &shown))
    }

    /// Deletes a custom role nobody holds.
    pub async fn role_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Delete, Entity::Role), "delete roles")?;
        let (caller, environment, name, now) =
            (caller.clone(), environment.clone(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let old = find(sql, &environment, &name)?;
                if old.built_in {
                    let text = format!("role `{}` is built in and cannot be deleted", old.name);
                    return Err(StoreError::Invalid(text));
                }
                let keys: [Param<'_>; 2] = [environment.as_str().into(), (&old.id).into()];
                let held = sql.query(
                    "SELECT 'user `' || u.domainname || '`' FROM systemuserroles s JOIN systemuser u \
                     ON u.environmentid = s.environmentid AND u.systemuserid = s.systemuserid \
                     WHERE s.environmentid = $1 AND s.roleid = $2 \
                     UNION ALL SELECT 'team `' || t.name || '`' FROM teamroles s JOIN team t \
                     ON t.environmentid = s.environmentid AND t.teamid = s.teamid \
                     WHERE s.environmentid = $1 AND s.roleid = $2 LIMIT 5",
                    &keys,
                )?;
                let held = held.iter().map(|row| row.text(0)).collect::<std::result::Result<Vec<_>, _>>()?;
                if !held.is_empty() {
                    let (name, users) = (old.name, held.join(", "));
                    return Err(StoreError::InUse { kind: "role", name, users });
                }
                for table in ["roleprivileges", "role"] {
                    let text =
                        format!("DELETE FROM {table} WHERE environmentid = $1 AND roleid = $2");
                    sql.execute(&text, &keys)?;
                }
                let detail = json!({"name": old.name});
                record(sql, &environment, now, &caller, "role_delete", &old.id, detail)
            })
            .await
    }

    /// Gives a role to a user or team, or takes it away; a second time changes nothing.
    pub async fn role_assign(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        holder: RoleHolder,
        to: &str,
        role: &str,
        given: bool,
    ) -> Result<()> {
        caller.require(environment, on(Verb::Assign, Entity::Role), "assign roles")?;
        let now = self.now();
        let (caller, environment, to, name) =
            (caller.clone(), environment.clone(), to.to_owned(), role.to_owned());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let role = find(sql, &environment, &name)?;
                covered(&caller, &role)?;
                let (id, shown) = match holder {
                    RoleHolder::User => user_role(sql, &environment, version, &to, &role, given)?,
                    RoleHolder::Team => team_role(sql, &environment, version, &to, &role, given)?,
                };
                let action = if given { "role_assign" } else { "role_take" };
                let detail = json!({"role": role.name, "holder": shown, "id": id.as_str()});
                record(sql, &environment, now, &caller, action, &role.id, detail)
            })
            .await
    }
}

fn user_role(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    version: i64,
    to: &str,
    role: &SecurityRole,
    given: bool,
) -> Result<(PrincipalId, String)> {
    let user = user::find(sql, environment, to)?;
    if given {
        user_role_insert(sql, environment, version, user.id.as_str(), &role.id)?;
    } else {
        keeps_administrator(sql, environment, &user, role)?;
        sql.execute(
            "DELETE FROM systemuserroles WHERE environmentid = $1 AND systemuserid = $2 AND roleid = $3",
            &[environment.as_str().into(), user.id.as_str().into(), (&role.id).into()],
        )?;
    }
    headline(sql, environment, &user.id)?;
    Ok((user.id, user.name))
}

/// An environment without an administrator could not be repaired from inside.
fn keeps_administrator(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    user: &user::User,
    role: &SecurityRole,
) -> Result<()> {
    if role.id != BUILT_IN[0].id {
        return Ok(());
    }
    let others = sql.query_one(
        "SELECT COUNT(*) FROM systemuserroles s JOIN systemuser u ON u.environmentid = s.environmentid \
         AND u.systemuserid = s.systemuserid WHERE s.environmentid = $1 AND s.roleid = $2 \
         AND s.systemuserid <> $3 AND u.isdisabled = 0",
        &[environment.as_str().into(), (&role.id).into(), user.id.as_str().into()],
    )?;
    if others.map_or(Ok(0), |row| row.int(0))? > 0 {
        return Ok(());
    }
    Err(StoreError::Invalid(format!("`{}` is the last administrator here", user.name)))
}

fn team_role(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    version: i64,
    to: &str,
    role: &SecurityRole,
    given: bool,
) -> Result<(PrincipalId, String)> {
    let team = team::find(sql, environment, to)?;
    if given {
        team.must_own("holds no roles")?;
        let id = joint(team.id.as_str(), &role.id);
        sql.execute(
            "INSERT INTO teamroles (environmentid, teamroleid, teamid, roleid, versionnumber) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (environmentid, teamid, roleid) DO NOTHING",
            &[
                environment.as_str().into(),
                id.into(),
                team.id.as_str().into(),
                (&role.id).into(),
                version.into(),
            ],
        )?;
    } else {
        sql.execute(
            "DELETE FROM teamroles WHERE environmentid = $1 AND teamid = $2 AND roleid = $3",
            &[environment.as_str().into(), team.id.as_str().into(), (&role.id).into()],
        )?;
    }
    Ok((team.id, team.name))
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
    let entry = Entry { action, object: "role", object_id: id, detail };
    audit_log::record(sql, environment, now, caller, &entry)
}
