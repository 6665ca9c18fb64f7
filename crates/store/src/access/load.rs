//! A caller with all that decides what it may do, from the database, and kept as long as the
//! environment is at its version: roles, teams, groups and units all change it.
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use connref_solution::model::{EnvironmentId, PrincipalId};

use super::{Caller, Depth, Entity, Holder, Member, Privilege, Verb, on};
use crate::db::{Param, Sql};
use crate::user::{User, find};
use crate::{Result, Store, StoreError, environment};

/// Callers as they were at a version of their environment: (environment, name) → version, caller.
#[derive(Default)]
pub(crate) struct Callers(Mutex<HashMap<(String, String), (i64, Caller)>>);

/// More names than an environment's busy users; beyond it the memory is given back at once.
const KEPT_MAX: usize = 10_000;

impl Store {
    /// The caller behind a name in an environment. A disabled principal is nobody.
    pub async fn caller_find(&self, environment: &EnvironmentId, name: &str) -> Result<Caller> {
        let wanted = environment.clone();
        let version = self.db.read(move |sql| environment::version(sql, &wanted)).await?;
        self.caller_at(environment, version, name).await
    }

    /// As [`Store::caller_find`], where the version of the environment was read just now.
    pub async fn caller_at(
        &self,
        environment: &EnvironmentId,
        version: i64,
        name: &str,
    ) -> Result<Caller> {
        let key = (environment.as_str().to_owned(), name.to_lowercase());
        {
            let kept = self.callers.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, caller)) = kept.get(&key)
                && *at == version
            {
                return Ok(caller.clone());
            }
        }
        let (wanted, name) = (environment.clone(), name.to_owned());
        let (version, member) = self
            .db
            .snapshot(move |sql| {
                let version = environment::version(sql, &wanted)?;
                let user = find(sql, &wanted, &name)?;
                if user.disabled {
                    return Err(StoreError::Denied {
                        caller: user.name,
                        attempt: "sign in: it is disabled".to_owned(),
                    });
                }
                Ok((version, member(sql, &wanted, user)?))
            })
            .await?;
        let caller = Caller::Member(Arc::new(member));
        let mut kept = self.callers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, (version, caller.clone()));
        Ok(caller)
    }
}

/// What a principal counts as beside itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Memberships {
    /// Teams: (id, kind, business unit).
    pub(crate) teams: Vec<(PrincipalId, i64, String)>,
    /// Groups of the tenant and the tenant itself.
    pub(crate) groups: Vec<PrincipalId>,
}

/// Members of groups by the kind that a group team asks for (`membershiptype`).
const GROUP_MEMBERS: &str = "(t.membershiptype = 0 OR (t.membershiptype = 1 AND g.kind <> 'guest') \
     OR (t.membershiptype = 2 AND g.kind = 'owner') OR (t.membershiptype = 3 AND g.kind = 'guest'))";

/// The teams, groups and tenant of one principal, or of all: principal → memberships.
pub(crate) fn memberships(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    only: Option<&PrincipalId>,
) -> Result<HashMap<PrincipalId, Memberships>> {
    let keys: [Param<'_>; 2] = [environment.as_str().into(), only.map(PrincipalId::as_str).into()];
    let mut all: HashMap<PrincipalId, Memberships> = HashMap::new();
    let users = "u.environmentid = $1 AND u.systemuserid = COALESCE($2, u.systemuserid)";
    for row in sql.query(
        &format!(
            "SELECT u.systemuserid, t.teamid, t.teamtype, t.businessunitid FROM systemuser u \
             JOIN teammembership m ON m.environmentid = u.environmentid AND m.systemuserid = u.systemuserid \
             JOIN team t ON t.environmentid = m.environmentid AND t.teamid = m.teamid \
             WHERE {users} AND t.teamtype IN (0, 1) \
             UNION SELECT u.systemuserid, t.teamid, t.teamtype, t.businessunitid FROM systemuser u \
             JOIN environment e ON e.environmentid = u.environmentid \
             JOIN tenant_group_member g ON g.tenantid = e.tenantid AND g.principal_key = u.domainname_key \
             JOIN team t ON t.environmentid = u.environmentid AND t.azureactivedirectoryobjectid = g.groupid \
             WHERE {users} AND t.teamtype IN (2, 3) AND {GROUP_MEMBERS} ORDER BY 2"
        ),
        &keys,
    )? {
        let team = (row.text(1)?.into(), row.int(2)?, row.text(3)?);
        all.entry(row.text(0)?.into()).or_default().teams.push(team);
    }
    for row in sql.query(
        &format!(
            "SELECT u.systemuserid, g.groupid FROM systemuser u \
             JOIN environment e ON e.environmentid = u.environmentid \
             JOIN tenant_group_member g ON g.tenantid = e.tenantid AND g.principal_key = u.domainname_key \
             WHERE {users} UNION SELECT u.systemuserid, e.tenantid FROM systemuser u \
             JOIN environment e ON e.environmentid = u.environmentid WHERE {users} ORDER BY 2"
        ),
        &keys,
    )? {
        all.entry(row.text(0)?.into()).or_default().groups.push(row.text(1)?.into());
    }
    Ok(all)
}

/// Who holds a privilege at any depth by roles of its own: users and teams.
pub(crate) struct Holding {
    users: HashSet<PrincipalId>,
    teams: HashSet<PrincipalId>,
}

impl Holding {
    /// Whether a principal with these memberships holds it, as [`decide`](super::decide) sees it.
    pub(crate) fn has(&self, user: &PrincipalId, belongs: &Memberships) -> bool {
        let of_team =
            |(id, kind, _): &(PrincipalId, i64, String)| *kind != ACCESS && self.teams.contains(id);
        self.users.contains(user) || belongs.teams.iter().any(of_team)
    }
}

/// Who holds a privilege.
pub(crate) fn holding(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    privilege: Privilege,
) -> Result<Holding> {
    let mut of = |table: &str, column: &str| -> Result<HashSet<PrincipalId>> {
        let rows = sql.query(
            &format!(
                "SELECT s.{column}, p.privilegedepthmask FROM {table} s JOIN roleprivileges p \
                 ON p.environmentid = s.environmentid AND p.roleid = s.roleid \
                 WHERE s.environmentid = $1 AND p.privilege = $2"
            ),
            &[environment.as_str().into(), privilege.name().as_str().into()],
        )?;
        let mut found = HashSet::new();
        for row in rows {
            if Depth::from_mask(row.int(1)?).is_some_and(|depth| depth > Depth::None) {
                found.insert(row.text(0)?.into());
            }
        }
        Ok(found)
    };
    Ok(Holding { users: of("systemuserroles", "systemuserid")?, teams: of("teamroles", "teamid")? })
}

/// The business units: unit → the one above.
pub(crate) fn units(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
) -> Result<HashMap<String, Option<String>>> {
    sql.query(
        "SELECT businessunitid, parentbusinessunitid FROM businessunit WHERE environmentid = $1",
        &[environment.as_str().into()],
    )?
    .iter()
    .map(|row| Ok((row.text(0)?, row.text_opt(1)?)))
    .collect()
}

/// A principal as a caller.
pub(crate) fn member(sql: &mut Sql<'_>, environment: &EnvironmentId, user: User) -> Result<Member> {
    let belongs =
        memberships(sql, environment, Some(&user.id))?.remove(&user.id).unwrap_or_default();
    let mut own = Holder::new(user.id.clone(), user.business_unit.clone());
    // Everybody sees itself.
    own.grant(on(Verb::Read, Entity::User), Depth::User);
    for row in sql.query(
        "SELECT p.privilege, p.privilegedepthmask FROM systemuserroles s JOIN roleprivileges p \
         ON p.environmentid = s.environmentid AND p.roleid = s.roleid \
         WHERE s.environmentid = $1 AND s.systemuserid = $2",
        &[environment.as_str().into(), user.id.as_str().into()],
    )? {
        grant(&mut own, &row.text(0)?, row.int(1)?);
    }
    let mut holders = Vec::new();
    // Access teams hold no roles, whatever the tables say.
    for (id, _, unit) in belongs.teams.iter().filter(|(_, kind, _)| *kind != ACCESS) {
        let mut team = Holder::new(id.clone(), unit.clone());
        for row in sql.query(
            "SELECT p.privilege, p.privilegedepthmask, r.isinherited FROM teamroles s \
             JOIN role r ON r.environmentid = s.environmentid AND r.roleid = s.roleid \
             JOIN roleprivileges p ON p.environmentid = s.environmentid AND p.roleid = s.roleid \
             WHERE s.environmentid = $1 AND s.teamid = $2",
            &[environment.as_str().into(), id.as_str().into()],
        )? {
            let (name, mask) = (row.text(0)?, row.int(1)?);
            grant(&mut team, &name, mask);
            if row.flag(2)? {
                grant(&mut own, &name, Depth::User.mask());
            }
        }
        holders.push(team);
    }
    holders.insert(0, own);
    Ok(Member {
        environment: environment.clone(),
        id: user.id,
        name: user.name,
        kind: user.kind,
        unit: user.business_unit,
        teams: belongs.teams.into_iter().map(|(id, _, _)| id).collect(),
        groups: belongs.groups,
        holders,
        units: units(sql, environment)?,
    })
}

/// `teamtype` of access teams.
pub(crate) const ACCESS: i64 = 1;

/// A privilege of a newer release means nothing here.
fn grant(holder: &mut Holder, name: &str, mask: i64) {
    if let (Some(privilege), Some(depth)) = (Privilege::parse(name), Depth::from_mask(mask)) {
        holder.grant(privilege, depth);
    }
}
