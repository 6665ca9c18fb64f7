//! Flows: rows of `workflow`, their bodies taken apart into what audits and activation look at.
use connref_solution::artefact::workflow_json;
use connref_solution::model::facts::{FlowFacts, FlowState};
use connref_solution::model::package::{FlowReference, FlowTrigger, FlowVariable};
use connref_solution::model::{EnvironmentId, FlowId, Micros, PrincipalId, SolutionId};
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{self, Entry};
use crate::connector::Insert;
use crate::db::{Param, Row, Sql};
use crate::environment::{touch, touch_at};
use crate::flow_row::{FlowRow, body_write, insert, remove};
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
     triggerkind, triggerauthentication, ismanaged";

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
        managed: row.flag(10)?,
        solutions: Vec::new(),
        recent_runs: 0,
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

fn shared(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &FlowId,
    caller: &Caller,
) -> Result<Option<FlowLevel>> {
    let Some(principal) = caller.principal() else { return Ok(None) };
    let row = sql.query_one(
        "SELECT level FROM workflow_share WHERE environmentid = $1 AND workflowid = $2 AND principalid = $3",
        &[environment.as_str().into(), id.as_str().into(), principal.as_str().into()],
    )?;
    row.map(|row| stored(&row, 0).map_err(Into::into)).transpose()
}

/// Refuses unless the caller owns, co-owns or administers the flow; to others it does not exist.
fn authorize_edit(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    id: &FlowId,
    attempt: &str,
) -> Result<(PrincipalId, i64, String)> {
    let found = head(sql, environment, id)?;
    let level = shared(sql, environment, id, caller)?;
    if level == Some(FlowLevel::Edit) {
        return Ok(found);
    }
    caller.authorize_owner(environment, &found.0, attempt).map_err(|refused| match level {
        Some(_) => refused,
        None => StoreError::not_found("flow", id.as_str()),
    })?;
    Ok(found)
}

impl Store {
    /// Makes a flow, off.
    pub async fn flow_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        new: FlowNew,
    ) -> Result<FlowId> {
        caller.authorize(environment, Action::Make, "create flows")?;
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
                    authorize_edit(sql, &caller, &environment, &id, "change this flow")?;
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
                body_write(sql, &environment, id.as_str(), category, body)?;
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
                let (_, _, name) = authorize_edit(sql, &caller, &environment, &id, attempt)?;
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
                    authorize_edit(sql, &caller, &environment, &id, "delete this flow")?;
                component_remove(sql, &environment, "flow", id.as_str())?;
                remove(sql, &environment, id.as_str())?;
                record(sql, &environment, now, &caller, "flow_delete", &id, json!({"name": name}))
            })
            .await
    }

    /// Shares a flow with a run-only user or a co-owner.
    pub async fn flow_share(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
        principal: &PrincipalId,
        level: FlowLevel,
    ) -> Result<()> {
        let (caller, environment, id, principal, now) =
            (caller.clone(), environment.clone(), id.clone(), principal.clone(), self.now());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                authorize_edit(sql, &caller, &environment, &id, "share this flow")?;
                let user = crate::user::find(sql, &environment, principal.as_str())?;
                sql.execute(
                    "INSERT INTO workflow_share (environmentid, workflowid, principalid, level, createdon) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (environmentid, workflowid, principalid) \
                     DO UPDATE SET level = excluded.level",
                    &[
                        environment.as_str().into(),
                        id.as_str().into(),
                        user.id.as_str().into(),
                        level.text().into(),
                        now.into(),
                    ],
                )?;
                let detail = json!({"with": user.name, "level": level.text()});
                record(sql, &environment, now, &caller, "flow_share", &id, detail)
            })
            .await
    }

    /// Refuses unless the caller may run the flow: owner, co-owner, run-only user, administrator.
    pub async fn flow_run_authorize(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &FlowId,
    ) -> Result<()> {
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.clone());
        self.db
            .read(move |sql| {
                let (owner, _, _) = head(sql, &environment, &id)?;
                if caller.authorize_owner(&environment, &owner, "run this flow").is_ok()
                    || shared(sql, &environment, &id, &caller)?.is_some()
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
