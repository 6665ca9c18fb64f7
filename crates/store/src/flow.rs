//! Flows: rows of `workflow`, their bodies taken apart into what audits and activation look at.
use connref_solution::artefact::workflow_json;
use connref_solution::model::facts::{FlowFacts, FlowState};
use connref_solution::model::package::{FlowReference, FlowTrigger, FlowVariable};
use connref_solution::model::{
    ComponentKind, EnvironmentId, FlowId, Micros, PrincipalId, SolutionId,
};
use serde_json::json;

use crate::access::{Action, Caller, Entity, Target, Verb, check, on};
use crate::audit_log::{self, Entry};
use crate::connection_share::{ReceiverKind, receiver};
use crate::connector::Insert;
use crate::db::{Param, Row, Sql};
use crate::environment::{touch, touch_at};
use crate::flow_row::{FlowRow, body_write, insert, remove};
use crate::layer::{At, unmanaged_note};
use crate::row_share::{CO_OWNER, SharedRow, co_owner_check, share_write};
use crate::solution::{component_add, component_remove};
use crate::text::{Stored, stored};
use crate::{Result, Store, StoreError};

/// A flow to make.
#[derive(Clone, Debug)]
pub struct FlowNew {
    /// Id; made if missing.
    pub id: Option<FlowId>,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// The body: `{"properties": {"connectionReferences", "definition"}, "schemaVersion"}`.
    pub client_data: String,
    /// Unmanaged solution it is added to.
    pub solution: Option<SolutionId>,
}

/// What may be changed of a flow.
#[derive(Clone, Debug, Default)]
pub struct FlowUpdate {
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Body.
    pub client_data: Option<String>,
}

/// A flow as the runner needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowDefinition {
    /// Id.
    pub id: FlowId,
    /// Name.
    pub name: String,
    /// Version of the body.
    pub version: i64,
    /// Body.
    pub client_data: String,
    /// Definition parameters that stand for variables.
    pub variables: Vec<FlowVariable>,
}

/// Level of a share on a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowLevel {
    /// Run-only user.
    Run,
    /// Co-owner.
    Edit,
}

impl Stored for FlowLevel {
    const SPELLINGS: &'static [(Self, &'static str)] = &[(Self::Run, "run"), (Self::Edit, "edit")];
}

/// Category of cloud flows.
pub(crate) const CLOUD_FLOW: i64 = 5;

const COLUMNS: &str = "workflowid, name, statecode, wantedon, ownerid, activatedby, triggername, triggertype, \
     triggerkind, triggerauthentication, ismanaged, whyoff";

fn flow(row: &Row) -> Result<FlowFacts> {
    Ok(FlowFacts {
        id: row.text(0)?.into(),
        name: row.text(1)?,
        state: match row.int(2)? {
            1 => FlowState::On,
            2 => FlowState::Suspended,
            _ => FlowState::Off,
        },
        wanted_on: row.flag(3)?,
        owner: row.text(4)?.into(),
        activated_by: row.text_opt(5)?.map(Into::into),
        references: Vec::new(),
        children: Vec::new(),
        variables: Vec::new(),
        trigger: trigger(row)?,
        schedule: None,
        operations: Vec::new(),
        why_off: row.text_opt(11)?,
        managed: row.flag(10)?,
        solutions: Vec::new(),
        recent_runs: 0,
        last_run_at: None,
        acted: Vec::new(),
        uses: Vec::new(),
        co_owners: Vec::new(),
        run_only: Vec::new(),
    })
}

fn trigger(row: &Row) -> Result<Option<FlowTrigger>> {
    let Some(name) = row.text_opt(6)? else { return Ok(None) };
    Ok(Some(FlowTrigger {
        name,
        kind: row.text_opt(7)?.unwrap_or_default(),
        request_kind: row.text_opt(8)?,
        authentication: row.text_opt(9)?,
    }))
}

/// All cloud flows with what their bodies refer to; solutions are filled by the caller.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<FlowFacts>> {
    let key: [Param<'_>; 1] = [environment.as_str().into()];
    let mut flows: Vec<FlowFacts> = sql
        .query(
            &format!(
                "SELECT {COLUMNS} FROM workflow WHERE environmentid = $1 AND category = 5 ORDER BY workflowid"
            ),
            &key,
        )?
        .iter()
        .map(flow)
        .collect::<Result<_>>()?;
    let index: std::collections::HashMap<String, usize> =
        flows.iter().enumerate().map(|(i, f)| (f.id.as_str().to_owned(), i)).collect();
    for row in sql.query(
        "SELECT workflowid, name, source, logicalname, connectionname, api_name, api_logicalname, onbehalf \
         FROM workflow_reference WHERE environmentid = $1 ORDER BY workflowid, ordinal",
        &key,
    )? {
        if let Some(&at) = index.get(&row.text(0)?) {
            flows[at].references.push(FlowReference {
                key: row.text(1)?,
                source: stored(&row, 2)?,
                logical_name: row.text_opt(3)?.map(Into::into),
                connection_name: row.text_opt(4)?,
                api_name: row.text(5)?.into(),
                api_logical_name: row.text_opt(6)?.map(Into::into),
                on_behalf_of_invoker: row.flag(7)?,
            });
        }
    }
    for row in sql.query(
        "SELECT workflowid, childid FROM workflow_child WHERE environmentid = $1 ORDER BY workflowid, childid",
        &key,
    )? {
        if let Some(&at) = index.get(&row.text(0)?) {
            flows[at].children.push(row.text(1)?.into());
        }
    }
    for row in sql.query(
        "SELECT workflowid, schemaname FROM workflow_variable WHERE environmentid = $1 ORDER BY workflowid, ordinal",
        &key,
    )? {
        if let Some(&at) = index.get(&row.text(0)?) {
            flows[at].variables.push(row.text(1)?.into());
        }
    }
    for row in sql.query(
        "SELECT workflowid, connectionid, grantedby FROM workflow_use WHERE environmentid = $1 \
         ORDER BY workflowid, connectionid",
        &key,
    )? {
        if let Some(&at) = index.get(&row.text(0)?) {
            flows[at].uses.push((row.text(1)?.into(), row.text(2)?.into()));
        }
    }
    for row in sql.query(
        "SELECT objectid, principalid FROM principalobjectaccess WHERE environmentid = $1 \
         AND objecttypecode = 'workflow' AND (accessrightsmask & 2) <> 0 ORDER BY objectid, principalid",
        &key,
    )? {
        if let Some(&at) = index.get(&row.text(0)?) {
            flows[at].co_owners.push(row.text(1)?.into());
        }
    }
    for row in sql.query(
        "SELECT workflowid, principalid FROM workflow_share WHERE environmentid = $1 AND level = 'run' \
         ORDER BY workflowid, principalid",
        &key,
    )? {
        if let Some(&at) = index.get(&row.text(0)?) {
            flows[at].run_only.push(row.text(1)?.into());
        }
    }
    Ok(flows)
}

/// Owner and category, for authorisation.
fn head(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &FlowId,
) -> Result<(PrincipalId, i64, String)> {
    let row = sql.query_one(
        "SELECT ownerid, category, name FROM workflow WHERE environmentid = $1 AND workflowid = $2",
        &[environment.as_str().into(), id.as_str().into()],
    )?;
    let row = row.ok_or_else(|| StoreError::not_found("flow", id.as_str()))?;
    Ok((row.text(0)?.into(), row.int(1)?, row.text(2)?))
}

/// Refuses unless the caller may do this to the flow; to whoever may not read it, it does not exist.
fn authorize(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    id: &FlowId,
    verb: Verb,
    attempt: &str,
) -> Result<(PrincipalId, i64, String)> {
    let found = head(sql, environment, id)?;
    let (entity, name) = (Entity::Workflow, id.as_str());
    let target = Target { entity, id: name, kind: "flow", name };
    check(sql, caller, environment, verb, target, attempt)?;
    Ok(found)
}

/// Whether the caller may run the flow without being able to change it.
fn run_only(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &FlowId,
    caller: &Caller,
) -> Result<bool> {
    let rows = sql.query(
        "SELECT principalid FROM workflow_share WHERE environmentid = $1 AND workflowid = $2",
        &[environment.as_str().into(), id.as_str().into()],
    )?;
    for row in &rows {
        if caller.counts_as(&PrincipalId::from(row.text(0)?)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a flow's embedded entries lead to.
const LED_TO: &str = "SELECT DISTINCT c.connectionid FROM workflow_reference r \
     JOIN connectionreference c ON c.environmentid = r.environmentid AND c.logicalname_key = r.logicalname_key \
     WHERE r.environmentid = $1 AND r.workflowid = $2 AND r.source = 'embedded' \
     AND c.connectionid IS NOT NULL";

/// Grants the flow the use of every connection that its embedded entries lead to. What it has
/// already stays granted by whoever granted it; without anybody who grants, all is taken away.
pub(crate) fn uses_write(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    flow: &str,
    by: Option<&PrincipalId>,
    now: Micros,
) -> Result<()> {
    let keys: [Param<'_>; 2] = [environment.as_str().into(), flow.into()];
    let gone = "DELETE FROM workflow_use WHERE environmentid = $1 AND workflowid = $2";
    let Some(by) = by else {
        sql.execute(gone, &keys)?;
        return Ok(());
    };
    sql.execute(&format!("{gone} AND connectionid NOT IN ({LED_TO})"), &keys)?;
    for row in sql.query(LED_TO, &keys)? {
        sql.execute(
            "INSERT INTO workflow_use (environmentid, workflowid, connectionid, grantedby, grantedon) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (environmentid, workflowid, connectionid) DO NOTHING",
            &[
                environment.as_str().into(),
                flow.into(),
                row.text(0)?.into(),
                by.as_str().into(),
                now.into(),
            ],
        )?;
    }
    Ok(())
}

impl Store {
    /// Makes a flow, off.
    pub async fn flow_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: FlowNew,
    ) -> Result<FlowId> {
        caller.require(environment, on(Verb::Create, Entity::Workflow), "create flows")?;
        let owner = caller.owner()?;
        let now = self.now();
        let id = new.id.clone().unwrap_or_else(|| FlowId::from(self.ids.guid(now)));
        let (caller, environment, name) = (caller.clone(), environment.clone(), new.name.clone());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let at = Insert {
                    environment: &environment,
                    owner: &owner,
                    now,
                    version,
                    managed: false,
                };
                let row = FlowRow {
                    id: id.as_str(),
                    name: &new.name,
                    description: new.description.as_deref(),
                    category: CLOUD_FLOW,
                    state_code: 0,
                    wanted_on: false,
                    why_off: None,
                    client_data: Some(&new.client_data),
                    body: None,
                    modern_flow_type: Some(0),
                    json_file_name: None,
                    activated_by: None,
                };
                insert(sql, &at, &row)?;
                if let Some(solution) = &new.solution {
                    component_add(sql, &environment, solution, "flow", id.as_str())?;
                }
                let detail = json!({"name": new.name});
                record(sql, &environment, now, &caller, "flow_create", &id, detail)?;
                Ok(id)
            })
            .await
            .map_err(|e: StoreError| e.on_unique("flow", &name))
    }

    /// Changes name, description or body.
    pub async fn flow_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
        update: FlowUpdate,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let (_, category, _) =
                    authorize(sql, &caller, &environment, &id, Verb::Write, "change this flow")?;
                sql.execute(
                    "UPDATE workflow SET name = COALESCE($3, name), description = COALESCE($4, description), \
                     modifiedon = $5, versionnumber = $6 WHERE environmentid = $1 AND workflowid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        update.name.as_ref().into(),
                        update.description.as_ref().into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                let body = update.client_data.as_deref();
                body_write(sql, &environment, id.as_str(), category, body, None)?;
                let at = At { environment: &environment, by: caller.name(), now, version };
                unmanaged_note(sql, &at, ComponentKind::Flow, id.as_str())?;
                let detail = json!({"name": update.name, "body": update.client_data.is_some()});
                record(sql, &environment, now, &caller, "flow_update", &id, detail)
            })
            .await
    }

    /// Turns a flow on or off, provided the environment is as it was judged.
    pub async fn flow_state_set(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        facts_version: i64,
        id: &FlowId,
        on: bool,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                let version = touch_at(sql, &environment, facts_version)?;
                let attempt = if on { "turn on this flow" } else { "turn off this flow" };
                let (_, _, name) =
                    authorize(sql, &caller, &environment, &id, Verb::Write, attempt)?;
                let activator = if on { Some(caller.owner()?) } else { None };
                sql.execute(
                    "UPDATE workflow SET statecode = $3, statuscode = CAST($3 AS BIGINT) + 1, wantedon = $3, whyoff = NULL, \
                     activatedby = COALESCE($4, activatedby), modifiedon = $5, versionnumber = $6 \
                     WHERE environmentid = $1 AND workflowid = $2",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        i64::from(on).into(),
                        activator.as_ref().map(PrincipalId::as_str).into(),
                        now.into(),
                        version.into(),
                    ],
                )?;
                uses_write(sql, &environment, id.as_str(), activator.as_ref(), now)?;
                let action = if on { "flow_on" } else { "flow_off" };
                record(sql, &environment, now, &caller, action, &id, json!({"name": name}))
            })
            .await
    }

    /// Deletes a flow. Its runs and the audit log stay.
    pub async fn flow_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let (_, _, name) =
                    authorize(sql, &caller, &environment, &id, Verb::Delete, "delete this flow")?;
                component_remove(sql, &environment, "flow", id.as_str())?;
                remove(sql, &environment, id.as_str())?;
                record(sql, &environment, now, &caller, "flow_delete", &id, json!({"name": name}))
            })
            .await
    }

    /// Shares a flow with a run-only user or a co-owner, each a user, a service principal or a
    /// team; with `None` it is neither any more.
    pub async fn flow_share(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
        principal: &PrincipalId,
        level: Option<FlowLevel>,
    ) -> Result<()> {
        let now = self.now();
        let row = self.ids.guid(now);
        let (caller, environment, id, principal) =
            (caller.clone(), environment.clone(), id.clone(), principal.clone());
        let tenant = self.vault.tenant().to_owned();
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                authorize(sql, &caller, &environment, &id, Verb::Share, "share this flow")?;
                let to = receiver(sql, &environment, &tenant, principal.as_str())?;
                let team = to.kind == ReceiverKind::Team;
                if level == Some(FlowLevel::Edit) {
                    match to.kind {
                        ReceiverKind::ServicePrincipal => {
                            co_owner_check(sql, &environment, &to.name)?;
                        }
                        ReceiverKind::User | ReceiverKind::Team => {}
                        ReceiverKind::Group | ReceiverKind::Tenant => {
                            return Err(StoreError::Invalid(format!(
                                "`{}` cannot be a co-owner; a team of the group can",
                                to.name
                            )));
                        }
                    }
                }
                let mask = if level == Some(FlowLevel::Edit) { CO_OWNER } else { 0 };
                let shared = SharedRow { entity: Entity::Workflow, id: id.as_str().to_owned() };
                share_write(sql, &environment, &shared, &to.id, team, mask, false, (now, version, &row))?;
                sql.execute(
                    "DELETE FROM workflow_share WHERE environmentid = $1 AND workflowid = $2 AND principalid = $3",
                    &[environment.as_str().into(), id.as_str().into(), to.id.as_str().into()],
                )?;
                if level == Some(FlowLevel::Run) {
                    sql.execute(
                        "INSERT INTO workflow_share (environmentid, workflowid, principalid, level, createdon) \
                         VALUES ($1, $2, $3, $4, $5)",
                        &[
                            environment.as_str().into(),
                            id.as_str().into(),
                            to.id.as_str().into(),
                            FlowLevel::Run.text().into(),
                            now.into(),
                        ],
                    )?;
                }
                let detail = json!({"with": to.name, "level": level.map(Stored::text)});
                record(sql, &environment, now, &caller, "flow_share", &id, detail)
            })
            .await
    }

    /// Run-only users and co-owners of a flow.
    pub async fn flow_shares(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
    ) -> Result<Vec<(PrincipalId, FlowLevel)>> {
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.clone());
        self.db
            .read(move |sql| {
                authorize(sql, &caller, &environment, &id, Verb::Read, "see this flow")?;
                sql.query(
                    "SELECT principalid, level FROM workflow_share WHERE environmentid = $1 AND workflowid = $2 \
                     UNION ALL SELECT principalid, 'edit' FROM principalobjectaccess WHERE environmentid = $1 \
                     AND objecttypecode = 'workflow' AND objectid = $2 AND (accessrightsmask & 2) <> 0 ORDER BY 1",
                    &[environment.as_str().into(), id.as_str().into()],
                )?
                .iter()
                .map(|row| Ok((row.text(0)?.into(), stored(row, 1)?)))
                .collect()
            })
            .await
    }

    /// Refuses unless the caller may run the flow: whoever may change it, and run-only users.
    pub async fn flow_run_authorize(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
    ) -> Result<()> {
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.clone());
        self.db
            .read(move |sql| {
                head(sql, &environment, &id)?;
                let write = Verb::Write;
                if authorize(sql, &caller, &environment, &id, write, "run this flow").is_ok()
                    || run_only(sql, &environment, &id, &caller)?
                {
                    return Ok(());
                }
                Err(StoreError::not_found("flow", id.as_str()))
            })
            .await
    }

    /// The body the runner starts with, at its current version or at one that a run began with.
    pub async fn flow_definition(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
        version: Option<i64>,
    ) -> Result<FlowDefinition> {
        caller.authorize(environment, Action::Read, "read flows")?;
        let (environment, id) = (environment.clone(), id.clone());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT w.name, d.version, d.clientdata FROM workflow w JOIN workflow_definition d \
                     ON d.environmentid = w.environmentid AND d.workflowid = w.workflowid \
                     AND d.version = COALESCE($3, w.definitionversion) \
                     WHERE w.environmentid = $1 AND w.workflowid = $2",
                    &[environment.as_str().into(), id.as_str().into(), version.into()],
                )?;
                let row = row.ok_or_else(|| StoreError::not_found("flow", id.as_str()))?;
                let client_data = row.text(2)?;
                let (body, _) = workflow_json::flow_body_read(&client_data, "clientdata");
                Ok(FlowDefinition {
                    name: row.text(0)?,
                    version: row.int(1)?,
                    variables: body.variables,
                    client_data,
                    id,
                })
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
    id: &FlowId,
    detail: serde_json::Value,
) -> Result<()> {
    let entry = Entry { action, object: "flow", object_id: id.as_str(), detail };
    audit_log::record(sql, environment, now, caller, &entry)
}
