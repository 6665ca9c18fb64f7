//! Who else may do what with a connection: users, service principals, teams, groups of the tenant,
//! the tenant; for good or until a moment. A share whose time is over is not there.
use connref_solution::model::facts::{Fidelity, PrincipalKind, ShareLevel};
use connref_solution::model::{ConnectionId, EnvironmentId, Micros, PrincipalId};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::audit_log::{self, Entry};
use crate::connection::{Connection, find_for};
use crate::db::{Param, Sql};
use crate::environment::{self, touch, touch_at};
use crate::text::{Stored, stored};
use crate::{Result, Store, StoreError, team, tenant_group, user};

/// Kind of a principal that a connection is shared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverKind {
    /// A person.
    User,
    /// An application user.
    ServicePrincipal,
    /// A team of the environment.
    Team,
    /// A group of the tenant.
    Group,
    /// Everybody in the tenant.
    Tenant,
}

impl Stored for ReceiverKind {
    const SPELLINGS: &'static [(Self, &'static str)] = &[
        (Self::User, "user"),
        (Self::ServicePrincipal, "service principal"),
        (Self::Team, "team"),
        (Self::Group, "group"),
        (Self::Tenant, "tenant"),
    ];
}

/// A share of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionShare {
    /// Principal.
    pub principal: PrincipalId,
    /// Its kind.
    pub kind: ReceiverKind,
    /// Level.
    pub level: ShareLevel,
    /// Until when.
    pub expires_on: Option<Micros>,
}

/// A share to make, or to replace the one of the same principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharePut {
    /// Principal, by id or name.
    pub to: String,
    /// Level; not `Owner`.
    pub level: ShareLevel,
    /// Until when.
    pub expires_on: Option<Micros>,
}

/// Somebody a connection can be shared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareReceiver {
    /// Object id.
    pub id: PrincipalId,
    /// Kind.
    pub kind: ReceiverKind,
    /// Name.
    pub name: String,
}

/// Whoever is meant by an id or a name: a user or service principal, a team, a group, the tenant.
/// Names are looked for in that order.
pub(crate) fn receiver(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    tenant: &str,
    wanted: &str,
) -> Result<ShareReceiver> {
    match user::find(sql, environment, wanted) {
        Ok(user) => {
            let kind = match user.kind {
                PrincipalKind::User => ReceiverKind::User,
                PrincipalKind::ServicePrincipal => ReceiverKind::ServicePrincipal,
            };
            return Ok(ShareReceiver { id: user.id, kind, name: user.name });
        }
        Err(StoreError::NotFound { .. }) => {}
        Err(other) => return Err(other),
    }
    match team::find(sql, environment, wanted) {
        Ok(team) => {
            return Ok(ShareReceiver { id: team.id, kind: ReceiverKind::Team, name: team.name });
        }
        Err(StoreError::NotFound { .. }) => {}
        Err(other) => return Err(other),
    }
    match tenant_group::find(sql, tenant, wanted) {
        Ok(id) => return Ok(ShareReceiver { id, kind: ReceiverKind::Group, name: wanted.into() }),
        Err(StoreError::NotFound { .. }) => {}
        Err(other) => return Err(other),
    }
    if wanted.eq_ignore_ascii_case(tenant) || wanted.eq_ignore_ascii_case("tenant") {
        let name = "everybody in the tenant".to_owned();
        return Ok(ShareReceiver { id: tenant.into(), kind: ReceiverKind::Tenant, name });
    }
    Err(StoreError::not_found("principal", wanted))
}

/// The level somebody has on a connection by owning it and by shares; no role gives one.
pub(crate) fn level_of(caller: &Caller, connection: &Connection) -> Option<ShareLevel> {
    if caller.principal() == Some(&connection.facts.owner) {
        return Some(ShareLevel::Owner);
    }
    connection.facts.shares.iter().filter(|(to, _)| caller.counts_as(to)).map(|(_, l)| *l).max()
}

struct Place<'a> {
    environment: &'a EnvironmentId,
    id: &'a ConnectionId,
    tenant: &'a str,
    now: Micros,
}

impl Store {
    /// Whoever is meant by an id or a name, for sharing a connection.
    pub async fn share_receiver(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        wanted: &str,
    ) -> Result<ShareReceiver> {
        caller.authorize(environment, crate::access::Action::Read, "see principals")?;
        let (environment, wanted) = (environment.clone(), wanted.to_owned());
        let tenant = self.vault.tenant().to_owned();
        self.db.read(move |sql| receiver(sql, &environment, &tenant, &wanted)).await
    }

    /// The shares of a connection that count now.
    pub async fn connection_shares(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Vec<ConnectionShare>> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .read(move |sql| {
                let level = ShareLevel::CanView;
                find_for(sql, &caller, &environment, &id, level, "see connection", now)?;
                sql.query(
                    "SELECT principalid, principaltype, level, expireson FROM connection_share \
                     WHERE environmentid = $1 AND connectionid = $2 \
                     AND (expireson IS NULL OR expireson > $3) ORDER BY principalid",
                    &[environment.as_str().into(), id.as_str().into(), now.into()],
                )?
                .iter()
                .map(|row| {
                    Ok(ConnectionShare {
                        principal: row.text(0)?.into(),
                        kind: stored(row, 1)?,
                        level: stored(row, 2)?,
                        expires_on: row.int_opt(3)?,
                    })
                })
                .collect()
            })
            .await
    }

    /// Shares a connection with a principal at a level, or with `None` takes the share away.
    pub async fn connection_share(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        principal: &PrincipalId,
        level: Option<ShareLevel>,
    ) -> Result<()> {
        let to = principal.as_str().to_owned();
        let (puts, deletes) = match level {
            Some(level) => (vec![SharePut { to, level, expires_on: None }], Vec::new()),
            None => (Vec::new(), vec![to]),
        };
        self.connection_shares_modify(caller, environment, None, id, puts, deletes).await
    }

    /// Makes, replaces and takes away shares of a connection: all of it or nothing. Taking away
    /// what is not there changes nothing. With a version, provided the environment is still at it.
    pub async fn connection_shares_modify(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        facts_version: Option<i64>,
        id: &ConnectionId,
        puts: Vec<SharePut>,
        deletes: Vec<String>,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        let tenant = self.vault.tenant().to_owned();
        self.db
            .change(move |sql| {
                match facts_version {
                    Some(version) => touch_at(sql, &environment, version)?,
                    None => touch(sql, &environment)?,
                };
                let place = Place { environment: &environment, id: &id, tenant: &tenant, now };
                for put in &puts {
                    share_put(sql, &caller, &place, put)?;
                }
                for principal in &deletes {
                    share_delete(sql, &caller, &place, principal)?;
                }
                Ok(())
            })
            .await
    }
}

/// What a change of a share at this level needs: who may use and share passes on use; more than
/// that takes edit.
fn needed(level: ShareLevel) -> ShareLevel {
    match level {
        ShareLevel::CanView | ShareLevel::CanViewWithShare => ShareLevel::CanViewWithShare,
        ShareLevel::CanEdit | ShareLevel::Owner => ShareLevel::CanEdit,
    }
}

fn share_put(sql: &mut Sql<'_>, caller: &Caller, place: &Place<'_>, put: &SharePut) -> Result<()> {
    let attempt = "share connection";
    let level = needed(put.level);
    let found = find_for(sql, caller, place.environment, place.id, level, attempt, place.now)?;
    let to = receiver(sql, place.environment, place.tenant, &put.to)?;
    if put.level == ShareLevel::Owner || to.id == found.facts.owner {
        let name = &found.facts.display_name;
        return Err(StoreError::Invalid(format!(
            "the owner of connection `{name}` does not change by sharing: reassign it"
        )));
    }
    if put.expires_on.is_some_and(|end| end <= place.now) {
        return Err(StoreError::Invalid("a share cannot end before it begins".to_owned()));
    }
    let fidelity = environment::find(sql, place.environment.as_str())?.fidelity;
    if fidelity == Fidelity::Dataverse && to.kind == ReceiverKind::Team {
        return Err(StoreError::Invalid(format!(
            "connections are not shared with teams, and `{}` is one: share with its group",
            to.name
        )));
    }
    let by = caller.principal().map_or("", PrincipalId::as_str);
    sql.execute(
        "INSERT INTO connection_share (environmentid, connectionid, principalid, level, createdon, \
         principaltype, sharedby, expireson) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (environmentid, connectionid, principalid) DO UPDATE SET level = excluded.level, \
         principaltype = excluded.principaltype, sharedby = excluded.sharedby, \
         expireson = excluded.expireson",
        &[
            place.environment.as_str().into(),
            place.id.as_str().into(),
            to.id.as_str().into(),
            put.level.text().into(),
            place.now.into(),
            to.kind.text().into(),
            by.into(),
            put.expires_on.into(),
        ],
    )?;
    let detail = json!({
        "with": to.name, "kind": to.kind.text(), "level": put.level.text(), "until": put.expires_on,
    });
    record(sql, caller, place, detail)
}

fn share_delete(
    sql: &mut Sql<'_>,
    caller: &Caller,
    place: &Place<'_>,
    principal: &str,
) -> Result<()> {
    let attempt = "take away a share of connection";
    let see = ShareLevel::CanView;
    let found = find_for(sql, caller, place.environment, place.id, see, attempt, place.now)?;
    let id = match receiver(sql, place.environment, place.tenant, principal) {
        Ok(to) => to.id,
        // Whoever is gone from the directory can still be taken off the list.
        Err(StoreError::NotFound { .. }) => principal.into(),
        Err(other) => return Err(other),
    };
    if id == found.facts.owner {
        let name = &found.facts.display_name;
        return Err(StoreError::Invalid(format!(
            "the owner of connection `{name}` is not taken off its list: reassign it"
        )));
    }
    let keys: [Param<'_>; 3] =
        [place.environment.as_str().into(), place.id.as_str().into(), id.as_str().into()];
    let row = sql.query_one(
        "SELECT level FROM connection_share WHERE environmentid = $1 AND connectionid = $2 \
         AND principalid = $3",
        &keys,
    )?;
    let Some(row) = row else { return Ok(()) };
    // Anybody may leave; another's share is taken by whoever could have given it.
    if caller.principal() != Some(&id) {
        let level = needed(stored(&row, 0)?);
        find_for(sql, caller, place.environment, place.id, level, attempt, place.now)?;
    }
    sql.execute(
        "DELETE FROM connection_share WHERE environmentid = $1 AND connectionid = $2 AND principalid = $3",
        &keys,
    )?;
    record(sql, caller, place, json!({"with": principal, "level": Value::Null}))
}

fn record(sql: &mut Sql<'_>, caller: &Caller, place: &Place<'_>, detail: Value) -> Result<()> {
    let entry = Entry {
        action: "connection_share",
        object: "connection",
        object_id: place.id.as_str(),
        detail,
    };
    audit_log::record(sql, place.environment, place.now, caller, &entry)
}
