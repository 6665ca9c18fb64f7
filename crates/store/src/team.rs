//! Teams of four kinds. Owner teams and the teams of a group own rows and hold roles; access teams
//! do neither. The members of a group's team are those of the group, at the moment they are asked
//! for; nobody is added to it by hand.
use connref_solution::model::facts::{TeamFacts, TeamKind};
use connref_solution::model::{EnvironmentId, Micros, PrincipalId};
use serde_json::json;

use crate::access::{Caller, Entity, Target, Verb, check, on};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Row, Sql};
use crate::environment::touch;
use crate::{Result, Store, StoreError, business_unit, tenant_group, user};

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Row id.
    pub id: PrincipalId,
    /// Name, unique in the environment.
    pub name: String,
    /// Kind.
    pub kind: TeamKind,
    /// Its business unit.
    pub business_unit: String,
    /// The group whose team it is.
    pub group: Option<PrincipalId>,
}

/// A team to make.
#[derive(Clone, Debug, Default)]
pub struct TeamNew {
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Kind.
    pub kind: TeamKind,
    /// Business unit, by name or id; else the root.
    pub business_unit: Option<String>,
    /// The tenant's group, by name or id; a group's team needs it, others have none.
    pub group: Option<String>,
    /// Which members of the group: 0 all, 1 without guests, 2 owners, 3 guests.
    pub membership: i64,
}

const COLUMNS: &str = "teamid, name, teamtype, businessunitid, azureactivedirectoryobjectid";

fn kind(number: i64) -> TeamKind {
    match number {
        1 => TeamKind::Access,
        2 => TeamKind::SecurityGroup,
        3 => TeamKind::OfficeGroup,
        _ => TeamKind::Owner,
    }
}

/// `teamtype`.
pub fn number(kind: TeamKind) -> i64 {
    match kind {
        TeamKind::Owner => 0,
        TeamKind::Access => 1,
        TeamKind::SecurityGroup => 2,
        TeamKind::OfficeGroup => 3,
    }
}

fn team(row: &Row) -> Result<Team> {
    Ok(Team {
        id: row.text(0)?.into(),
        name: row.text(1)?,
        kind: kind(row.int(2)?),
        business_unit: row.text(3)?,
        group: row.text_opt(4)?.map(Into::into),
    })
}

/// A team by id or name.
pub(crate) fn find(sql: &mut Sql<'_>, environment: &EnvironmentId, name: &str) -> Result<Team> {
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS} FROM team WHERE environmentid = $1 AND (teamid = $2 OR name_key = $2)"
        ),
        &[environment.as_str().into(), name.to_lowercase().into()],
    )?;
    team(&row.ok_or_else(|| StoreError::not_found("team", name))?)
}

/// All teams of an environment, without the number of their members.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<TeamFacts>> {
    sql.query(
        &format!("SELECT {COLUMNS} FROM team WHERE environmentid = $1 ORDER BY name_key"),
        &[environment.as_str().into()],
    )?
    .iter()
    .map(|row| {
        let team = team(row)?;
        Ok(TeamFacts {
            id: team.id,
            kind: team.kind,
            name: team.name,
            group: team.group,
            members: None,
        })
    })
    .collect()
}

impl Team {
    /// Refuses what only a team that owns may.
    pub(crate) fn must_own(&self, what: &str) -> Result<()> {
        if self.kind != TeamKind::Access {
            return Ok(());
        }
        Err(StoreError::Invalid(format!(
            "`{}` is an access team and {what}; use an owner team or the team of a group",
            self.name
        )))
    }

    fn must_list(&self) -> Result<()> {
        if matches!(self.kind, TeamKind::Owner | TeamKind::Access) {
            return Ok(());
        }
        Err(StoreError::Invalid(format!(
            "the members of team `{}` are those of its group: change the group",
            self.name
        )))
    }

    fn target<'a>(&'a self, name: &'a str) -> Target<'a> {
        Target { entity: Entity::Team, id: self.id.as_str(), kind: "team", name }
    }
}

impl Store {
    /// Makes a team.
    pub async fn team_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: TeamNew,
    ) -> Result<Team> {
        caller.require(environment, on(Verb::Create, Entity::Team), "create teams")?;
        if !(1..=160).contains(&new.name.trim().chars().count()) {
            return Err(StoreError::Invalid("a team's name has 1 to 160 characters".to_owned()));
        }
        let of_group = matches!(new.kind, TeamKind::SecurityGroup | TeamKind::OfficeGroup);
        if of_group != new.group.is_some() {
            let text = "the team of a group names its group, and no other team does";
            return Err(StoreError::Invalid(text.to_owned()));
        }
        let now = self.now();
        let id = self.ids.guid(now);
        let tenant = self.vault.tenant().to_owned();
        let (caller, environment, shown) = (caller.clone(), environment.clone(), new.name.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let group = match &new.group {
                    Some(name) => Some(tenant_group::find(sql, &tenant, name)?),
                    None => None,
                };
                let made = insert(sql, &environment, &id, &new, group, &caller, now, version)?;
                let detail = json!({"name": made.name, "kind": number(made.kind)});
                record(sql, &environment, now, &caller, "team_create", &made.id, detail)?;
                Ok(made)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("team", &shown))
    }

    /// A team by id or name.
    pub async fn team_get(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<Team> {
        let (caller, environment, name) = (caller.clone(), environment.clone(), name.to_owned());
        self.db
            .read(move |sql| {
                let team = find(sql, &environment, &name)?;
                check(sql, &caller, &environment, Verb::Read, team.target(&name), "see this team")?;
                Ok(team)
            })
            .await
    }

    /// Adds a user to a team, or takes it out; a second time changes nothing.
    pub async fn team_member_set(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        team: &str,
        member: &str,
        inside: bool,
    ) -> Result<()> {
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, wanted, member) =
            (caller.clone(), environment.clone(), team.to_owned(), member.to_owned());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let team = find(sql, &environment, &wanted)?;
                let place = team.target(&wanted);
                check(sql, &caller, &environment, Verb::Write, place, "change this team")?;
                team.must_list()?;
                let user = user::find(sql, &environment, &member)?;
                let keys: [Param<'_>; 3] =
                    [environment.as_str().into(), team.id.as_str().into(), user.id.as_str().into()];
                if inside {
                    let [environment, team, user] = keys;
                    sql.execute(
                        "INSERT INTO teammembership (environmentid, teammembershipid, teamid, systemuserid, \
                         versionnumber) VALUES ($1, $4, $2, $3, $5) \
                         ON CONFLICT (environmentid, teamid, systemuserid) DO NOTHING",
                        &[environment, team, user, id.into(), version.into()],
                    )?;
                } else {
                    sql.execute(
                        "DELETE FROM teammembership WHERE environmentid = $1 AND teamid = $2 \
                         AND systemuserid = $3",
                        &keys,
                    )?;
                }
                let action = if inside { "team_member_add" } else { "team_member_remove" };
                let detail = json!({"team": team.name, "member": user.name});
                record(sql, &environment, now, &caller, action, &team.id, detail)
            })
            .await
    }

    /// Deletes a team that owns nothing, with its shares.
    pub async fn team_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        team: &str,
    ) -> Result<()> {
        let (caller, environment, wanted, now) =
            (caller.clone(), environment.clone(), team.to_owned(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let team = find(sql, &environment, &wanted)?;
                let place = team.target(&wanted);
                check(sql, &caller, &environment, Verb::Delete, place, "delete this team")?;
                owns_nothing(sql, &environment, &team)?;
                for (table, column) in [
                    ("teammembership", "teamid"),
                    ("teamroles", "teamid"),
                    ("principalobjectaccess", "principalid"),
                    ("connection_share", "principalid"),
                    ("workflow_share", "principalid"),
                    ("team", "teamid"),
                ] {
                    sql.execute(
                        &format!("DELETE FROM {table} WHERE environmentid = $1 AND {column} = $2"),
                        &[environment.as_str().into(), team.id.as_str().into()],
                    )?;
                }
                let detail = json!({"name": team.name});
                record(sql, &environment, now, &caller, "team_delete", &team.id, detail)
            })
            .await
    }
}

#[expect(clippy::too_many_arguments, reason = "one row, taken apart by one caller")]
fn insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &str,
    new: &TeamNew,
    group: Option<PrincipalId>,
    caller: &Caller,
    now: Micros,
    version: i64,
) -> Result<Team> {
    let unit = match &new.business_unit {
        Some(name) => business_unit::find(sql, environment, name)?,
        None => business_unit::root(sql, environment)?,
    };
    sql.execute(
        "INSERT INTO team (environmentid, teamid, name, name_key, description, teamtype, membershiptype, \
         businessunitid, azureactivedirectoryobjectid, administratorid, createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)",
        &[
            environment.as_str().into(),
            id.into(),
            (&new.name).into(),
            new.name.to_lowercase().into(),
            new.description.as_ref().into(),
            number(new.kind).into(),
            new.membership.into(),
            (&unit.id).into(),
            group.as_ref().map(PrincipalId::as_str).into(),
            caller.principal().map_or("", PrincipalId::as_str).into(),
            now.into(),
            version.into(),
        ],
    )?;
    Ok(Team {
        id: id.into(),
        name: new.name.clone(),
        kind: new.kind,
        business_unit: unit.id,
        group,
    })
}

fn owns_nothing(sql: &mut Sql<'_>, environment: &EnvironmentId, team: &Team) -> Result<()> {
    let owned = sql.query(
        "SELECT 'connection reference `' || connectionreferencelogicalname || '`' FROM connectionreference \
         WHERE environmentid = $1 AND ownerid = $2 \
         UNION ALL SELECT 'environment variable `' || schemaname || '`' FROM environmentvariabledefinition \
         WHERE environmentid = $1 AND ownerid = $2 LIMIT 5",
        &[environment.as_str().into(), team.id.as_str().into()],
    )?;
    let owned = owned.iter().map(|row| row.text(0)).collect::<std::result::Result<Vec<_>, _>>()?;
    if owned.is_empty() {
        return Ok(());
    }
    let users = format!("{}, which it owns", owned.join(", "));
    Err(StoreError::InUse { kind: "team", name: team.name.clone(), users })
}

fn record(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    now: Micros,
    caller: &Caller,
    action: &str,
    id: &PrincipalId,
    detail: serde_json::Value,
) -> Result<()> {
    let entry = Entry { action, object: "team", object_id: id.as_str(), detail };
    audit_log::record(sql, environment, now, caller, &entry)
}
