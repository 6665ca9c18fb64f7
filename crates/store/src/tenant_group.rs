//! Groups of the tenant, as a directory keeps them: members are people by name, who may have a
//! user in any of the tenant's environments. Teams stand for groups, and connections are shared
//! with them. As a change reaches every environment, only the operator makes it.
use connref_solution::model::facts::GroupFacts;
use connref_solution::model::{EnvironmentId, PrincipalId};
use serde_json::json;

use crate::access::Caller;
use crate::audit_log::{self, Entry};
use crate::db::{Param, Sql};
use crate::environment::touch;
use crate::{Result, Store, StoreError};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantGroup {
    /// Object id.
    pub id: PrincipalId,
    /// Name.
    pub name: String,
    /// `security` or `office`.
    pub kind: String,
    /// Members: (name in lower case, `member`, `owner` or `guest`).
    pub members: Vec<(String, String)>,
}

/// A group's id by id or name.
pub(crate) fn find(sql: &mut Sql<'_>, tenant: &str, name: &str) -> Result<PrincipalId> {
    let row = sql.query_one(
        "SELECT groupid FROM tenant_group WHERE tenantid = $1 AND (groupid = $2 OR name_key = $2)",
        &[tenant.into(), name.to_lowercase().into()],
    )?;
    Ok(row.ok_or_else(|| StoreError::not_found("group", name))?.text(0)?.into())
}

/// The groups of a tenant.
pub(crate) fn all(sql: &mut Sql<'_>, tenant: &str) -> Result<Vec<GroupFacts>> {
    sql.query(
        "SELECT g.groupid, g.name, (SELECT COUNT(*) FROM tenant_group_member m WHERE m.tenantid = g.tenantid \
         AND m.groupid = g.groupid) FROM tenant_group g WHERE g.tenantid = $1 ORDER BY g.name_key",
        &[tenant.into()],
    )?
    .iter()
    .map(|row| {
        Ok(GroupFacts { id: row.text(0)?.into(), name: row.text(1)?, members: Some(row.int(2)?) })
    })
    .collect()
}

/// A change that reaches every environment of the tenant: each gets a new version and the row of the
/// log. The tenant's row is written first, so that two such changes queue.
pub(crate) fn everywhere(
    sql: &mut Sql<'_>,
    tenant: &str,
    now: i64,
    caller: &Caller,
    entry: &Entry<'_>,
) -> Result<()> {
    sql.execute("UPDATE tenant SET name = name WHERE tenantid = $1", &[tenant.into()])?;
    let environments = sql.query(
        "SELECT environmentid FROM environment WHERE tenantid = $1 ORDER BY environmentid",
        &[tenant.into()],
    )?;
    for row in &environments {
        let environment = EnvironmentId::new(&row.text(0)?);
        touch(sql, &environment)?;
        audit_log::record(sql, &environment, now, caller, entry)?;
    }
    Ok(())
}

impl Store {
    /// Makes a group. Its object id may be given, as a directory would.
    pub async fn group_create(
        &self,
        caller: &Caller,
        name: String,
        office: bool,
        id: Option<String>,
    ) -> Result<PrincipalId> {
        caller.authorize_operator("change the groups of the tenant")?;
        if !(1..=256).contains(&name.trim().chars().count()) {
            return Err(StoreError::Invalid("a group's name has 1 to 256 characters".to_owned()));
        }
        let now = self.now();
        let id = PrincipalId::from(id.unwrap_or_else(|| self.ids.guid(now)));
        let (caller, tenant, shown) =
            (caller.clone(), self.vault.tenant().to_owned(), name.clone());
        self.db
            .change(move |sql| {
                let kind = if office { "office" } else { "security" };
                sql.execute(
                    "INSERT INTO tenant_group (tenantid, groupid, name, name_key, kind, createdon) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    &[
                        (&tenant).into(),
                        id.as_str().into(),
                        (&name).into(),
                        name.to_lowercase().into(),
                        kind.into(),
                        now.into(),
                    ],
                )?;
                let detail = json!({"name": name, "kind": kind});
                let entry = entry("group_create", &id, detail);
                everywhere(sql, &tenant, now, &caller, &entry)?;
                Ok(id)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("group", &shown))
    }

    /// The groups of the tenant with their members.
    pub async fn group_list(&self, caller: &Caller) -> Result<Vec<TenantGroup>> {
        caller.authorize_operator("see the groups of the tenant")?;
        let tenant = self.vault.tenant().to_owned();
        self.db
            .snapshot(move |sql| {
                let mut groups: Vec<TenantGroup> = sql
                    .query(
                        "SELECT groupid, name, kind FROM tenant_group WHERE tenantid = $1 ORDER BY name_key",
                        &[(&tenant).into()],
                    )?
                    .iter()
                    .map(|row| {
                        Ok(TenantGroup {
                            id: row.text(0)?.into(),
                            name: row.text(1)?,
                            kind: row.text(2)?,
                            members: Vec::new(),
                        })
                    })
                    .collect::<Result<_>>()?;
                for group in &mut groups {
                    for row in sql.query(
                        "SELECT principal_key, kind FROM tenant_group_member WHERE tenantid = $1 \
                         AND groupid = $2 ORDER BY principal_key",
                        &[(&tenant).into(), group.id.as_str().into()],
                    )? {
                        group.members.push((row.text(0)?, row.text(1)?));
                    }
                }
                Ok(groups)
            })
            .await
    }

    /// Puts somebody into a group as `member`, `owner` or `guest`, or with `None` takes it out.
    pub async fn group_member_set(
        &self,
        caller: &Caller,
        group: &str,
        member: &str,
        kind: Option<&'static str>,
    ) -> Result<()> {
        caller.authorize_operator("change the groups of the tenant")?;
        let now = self.now();
        let (caller, tenant, group, member) = (
            caller.clone(),
            self.vault.tenant().to_owned(),
            group.to_owned(),
            member.trim().to_lowercase(),
        );
        if !(1..=200).contains(&member.len()) {
            return Err(StoreError::Invalid("a member's name has 1 to 200 characters".to_owned()));
        }
        self.db
            .change(move |sql| {
                let id = find(sql, &tenant, &group)?;
                let keys: [Param<'_>; 3] = [(&tenant).into(), id.as_str().into(), (&member).into()];
                sql.execute(
                    "DELETE FROM tenant_group_member WHERE tenantid = $1 AND groupid = $2 \
                     AND principal_key = $3",
                    &keys,
                )?;
                if let Some(kind) = kind {
                    let [tenant, group, member] = keys;
                    sql.execute(
                        "INSERT INTO tenant_group_member (tenantid, groupid, principal_key, kind) \
                         VALUES ($1, $2, $3, $4)",
                        &[tenant, group, member, kind.into()],
                    )?;
                }
                let detail = json!({"group": group, "member": member, "as": kind});
                everywhere(sql, &tenant, now, &caller, &entry("group_member_set", &id, detail))
            })
            .await
    }

    /// Deletes a group no team stands for, with the shares to it.
    pub async fn group_delete(&self, caller: &Caller, group: &str) -> Result<()> {
        caller.authorize_operator("change the groups of the tenant")?;
        let (caller, tenant, group, now) =
            (caller.clone(), self.vault.tenant().to_owned(), group.to_owned(), self.now());
        self.db
            .change(move |sql| {
                let id = find(sql, &tenant, &group)?;
                let keys: [Param<'_>; 2] = [(&tenant).into(), id.as_str().into()];
                let teams = sql.query(
                    "SELECT t.name, e.name FROM team t JOIN environment e \
                     ON e.environmentid = t.environmentid AND e.tenantid = $1 \
                     WHERE t.azureactivedirectoryobjectid = $2 LIMIT 5",
                    &keys,
                )?;
                if let Some(row) = teams.first() {
                    let users = format!("team `{}` in `{}`", row.text(0)?, row.text(1)?);
                    return Err(StoreError::InUse { kind: "group", name: group, users });
                }
                for table in ["tenant_group_member", "tenant_group"] {
                    let text = format!("DELETE FROM {table} WHERE tenantid = $1 AND groupid = $2");
                    sql.execute(&text, &keys)?;
                }
                sql.execute(
                    "DELETE FROM connection_share WHERE principalid = $2 AND environmentid IN \
                     (SELECT e.environmentid FROM environment e WHERE e.tenantid = $1)",
                    &keys,
                )?;
                let detail = json!({"name": group});
                everywhere(sql, &tenant, now, &caller, &entry("group_delete", &id, detail))
            })
            .await
    }
}

fn entry<'a>(action: &'a str, id: &'a PrincipalId, detail: serde_json::Value) -> Entry<'a> {
    Entry { action, object: "group", object_id: id.as_str(), detail }
}
