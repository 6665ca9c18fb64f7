//! Sharing single rows (references, flows, variables) with users and teams, and giving them to
//! another owner: what `GrantAccess`, `ModifyAccess`, `RevokeAccess` and `Assign` do.
use connref_solution::model::facts::{Fidelity, PrincipalKind};
use connref_solution::model::{EnvironmentId, Micros, PrincipalId};
use serde_json::json;

use crate::access::{
    Caller, Decision, Entity, RowFacts, Target, Verb, check, decide, on, row_facts,
};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Sql};
use crate::environment::{self, touch};
use crate::{Result, Store, StoreError, team, user};

/// A row that can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedRow {
    /// Table.
    pub entity: Entity,
    /// Row id.
    pub id: String,
}

/// Whom a row is shared with or given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A user or service principal, by id or name.
    User(String),
    /// A team, by id or name.
    Team(String),
}

/// What happens to a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareChange {
    /// These rights in addition.
    Grant(i64),
    /// These rights and no others.
    Modify(i64),
    /// None any more.
    Revoke,
}

/// A share of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowShare {
    /// Principal.
    pub principal: PrincipalId,
    /// It is a team.
    pub team: bool,
    /// Rights, as `AccessRights` numbers them.
    pub mask: i64,
}

/// The rights a share can carry: everything but making new rows.
const SHAREABLE: [Verb; 7] = [
    Verb::Read,
    Verb::Write,
    Verb::Append,
    Verb::AppendTo,
    Verb::Delete,
    Verb::Share,
    Verb::Assign,
];

/// The rights of a co-owner of a flow.
pub(crate) const CO_OWNER: i64 = 1 | 2 | 4 | 16 | 65_536 | 262_144;

struct Found {
    id: PrincipalId,
    name: String,
    team: bool,
    application: bool,
    owns: bool,
}

fn receiver(sql: &mut Sql<'_>, environment: &EnvironmentId, to: &Receiver) -> Result<Found> {
    Ok(match to {
        Receiver::User(name) => {
            let user = user::find(sql, environment, name)?;
            let application = user.kind == PrincipalKind::ServicePrincipal;
            Found { id: user.id, name: user.name, team: false, application, owns: true }
        }
        Receiver::Team(name) => {
            let team = team::find(sql, environment, name)?;
            let owns = team.must_own("owns nothing").is_ok();
            Found { id: team.id, name: team.name, team: true, application: false, owns }
        }
    })
}

impl SharedRow {
    fn target(&self) -> Target<'_> {
        let kind = match self.entity {
            Entity::ConnectionReference => "connection reference",
            Entity::Workflow => "flow",
            _ => "environment variable",
        };
        Target { entity: self.entity, id: &self.id, kind, name: &self.id }
    }
}

impl Store {
    /// Changes the share of a row. Needs the right to share it, and every right that is given.
    pub async fn row_share(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        row: SharedRow,
        to: Receiver,
        change: ShareChange,
    ) -> Result<()> {
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let target = row.target();
                let attempt = "share this row";
                let facts = check(sql, &caller, &environment, Verb::Share, target, attempt)?;
                let to = receiver(sql, &environment, &to)?;
                let mask = match change {
                    ShareChange::Grant(mask) | ShareChange::Modify(mask) => {
                        fits(sql, &environment, &caller, &row, &facts, &to, mask)?;
                        mask
                    }
                    ShareChange::Revoke => 0,
                };
                let add = matches!(change, ShareChange::Grant(_));
                share_write(
                    sql,
                    &environment,
                    &row,
                    &to.id,
                    to.team,
                    mask,
                    add,
                    (now, version, &id),
                )?;
                let action = match change {
                    ShareChange::Revoke => "row_unshare",
                    _ => "row_share",
                };
                let detail = json!({"with": to.name, "team": to.team, "rights": mask});
                record(sql, &environment, now, &caller, action, &row, detail)
            })
            .await
    }

    /// Whom a row is shared with.
    pub async fn row_shares(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        row: SharedRow,
    ) -> Result<Vec<RowShare>> {
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .read(move |sql| {
                check(sql, &caller, &environment, Verb::Read, row.target(), "see this row")?;
                sql.query(
                    "SELECT principalid, principaltypecode, accessrightsmask FROM principalobjectaccess \
                     WHERE environmentid = $1 AND objecttypecode = $2 AND objectid = $3 ORDER BY principalid",
                    &[
                        environment.as_str().into(),
                        row.entity.logical_name().into(),
                        (&row.id).into(),
                    ],
                )?
                .iter()
                .map(|row| {
                    let team = row.text(1)? == "team";
                    Ok(RowShare { principal: row.text(0)?.into(), team, mask: row.int(2)? })
                })
                .collect()
            })
            .await
    }

    /// The rights a principal has on a row: by roles, as owner, by shares.
    pub async fn row_access(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        row: SharedRow,
        principal: &str,
    ) -> Result<i64> {
        let other = self.caller_find(environment, principal).await?;
        let (caller, environment) = (caller.clone(), environment.clone());
        self.db
            .read(move |sql| {
                let facts =
                    check(sql, &caller, &environment, Verb::Read, row.target(), "see this row")?;
                Ok(Verb::ALL
                    .into_iter()
                    .filter(|verb| decide(&other, on(*verb, row.entity), Some(&facts)).allowed())
                    .map(Verb::mask)
                    .sum())
            })
            .await
    }

    /// Gives a row to another owner: a user, or a team that owns. A flow belongs to a user or a
    /// service principal.
    pub async fn row_assign(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        row: SharedRow,
        to: Receiver,
    ) -> Result<()> {
        let (caller, environment, now) = (caller.clone(), environment.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let target = row.target();
                check(sql, &caller, &environment, Verb::Assign, target, "give away this row")?;
                let to = receiver(sql, &environment, &to)?;
                if !to.owns {
                    let text = format!("`{}` is an access team and owns nothing", to.name);
                    return Err(StoreError::Invalid(text));
                }
                if to.team && row.entity == Entity::Workflow {
                    let text = format!("a flow belongs to a user, and `{}` is a team", to.name);
                    return Err(StoreError::Invalid(text));
                }
                let (table, key) = (row.entity.logical_name(), row.entity.id_column());
                sql.execute(
                    &format!(
                        "UPDATE {table} SET ownerid = $3, modifiedon = $4, versionnumber = $5 \
                         WHERE environmentid = $1 AND {key} = $2"
                    ),
                    &[
                        environment.as_str().into(),
                        (&row.id).into(),
                        to.id.as_str().into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let detail = json!({"to": to.name, "team": to.team});
                record(sql, &environment, now, &caller, "row_assign", &row, detail)
            })
            .await
    }
}

/// Refuses rights that no share carries, that the caller does not have, and co-owners the vendor's
/// service refuses.
fn fits(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    caller: &Caller,
    row: &SharedRow,
    facts: &RowFacts,
    to: &Found,
    mask: i64,
) -> Result<()> {
    let known: i64 = SHAREABLE.into_iter().map(Verb::mask).sum();
    if mask == 0 || mask & !known != 0 {
        let text = "a share carries read, write, append, append to, delete, share or assign";
        return Err(StoreError::Invalid(text.to_owned()));
    }
    for verb in SHAREABLE.into_iter().filter(|verb| mask & verb.mask() != 0) {
        if let Decision::Deny { text, .. } = decide(caller, on(verb, row.entity), Some(facts)) {
            return Err(caller.denied(&format!("share more than it has: {text}")));
        }
    }
    if row.entity == Entity::Workflow && to.application {
        co_owner_check(sql, environment, &to.name)?;
    }
    Ok(())
}

/// In `dataverse` fidelity a service principal owns flows and co-owns none.
pub(crate) fn co_owner_check(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &str,
) -> Result<()> {
    if environment::find(sql, environment.as_str())?.fidelity == Fidelity::Extended {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "the service principal `{name}` cannot be a co-owner of a flow; it can own it"
    )))
}

/// Writes a share of a row; a mask of 0 takes it away.
#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
pub(crate) fn share_write(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    row: &SharedRow,
    principal: &PrincipalId,
    team: bool,
    mask: i64,
    add: bool,
    (now, version, id): (Micros, i64, &str),
) -> Result<()> {
    let keys: [Param<'_>; 4] = [
        environment.as_str().into(),
        row.entity.logical_name().into(),
        (&row.id).into(),
        principal.as_str().into(),
    ];
    let place = "environmentid = $1 AND objecttypecode = $2 AND objectid = $3 AND principalid = $4";
    if mask == 0 {
        sql.execute(&format!("DELETE FROM principalobjectaccess WHERE {place}"), &keys)?;
        return Ok(());
    }
    let old = sql.query_one(
        &format!("SELECT accessrightsmask FROM principalobjectaccess WHERE {place}"),
        &keys,
    )?;
    let old = old.map_or(Ok(0), |row| row.int(0))?;
    let mask = if add { mask | old } else { mask };
    let [environment, entity, object, principal] = keys;
    sql.execute(
        "INSERT INTO principalobjectaccess (environmentid, principalobjectaccessid, objecttypecode, objectid, \
         principalid, principaltypecode, accessrightsmask, changedon, versionnumber) \
         VALUES ($1, $5, $2, $3, $4, $6, $7, $8, $9) \
         ON CONFLICT (environmentid, objecttypecode, objectid, principalid) \
         DO UPDATE SET accessrightsmask = excluded.accessrightsmask, changedon = excluded.changedon, \
         versionnumber = excluded.versionnumber",
        &[
            environment,
            entity,
            object,
            principal,
            id.into(),
            if team { "team" } else { "systemuser" }.into(),
            mask.into(),
            now.into(),
            version.into(),
        ],
    )?;
    Ok(())
}

/// Takes the shares of a row that goes away with it.
pub(crate) fn shares_remove(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    entity: Entity,
    id: &str,
) -> Result<()> {
    sql.execute(
        "DELETE FROM principalobjectaccess WHERE environmentid = $1 AND objecttypecode = $2 AND objectid = $3",
        &[environment.as_str().into(), entity.logical_name().into(), id.into()],
    )?;
    Ok(())
}

/// Whether the caller may read a row at all.
pub(crate) fn readable(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    entity: Entity,
    id: &str,
) -> Result<bool> {
    let row = row_facts(sql, environment, entity, id)?;
    Ok(row.is_some_and(|row| decide(caller, on(Verb::Read, entity), Some(&row)).allowed()))
}

fn record(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    now: Micros,
    caller: &Caller,
    action: &str,
    row: &SharedRow,
    detail: serde_json::Value,
) -> Result<()> {
    let entry = Entry { action, object: row.target().kind, object_id: &row.id, detail };
    audit_log::record(sql, environment, now, caller, &entry)
}
