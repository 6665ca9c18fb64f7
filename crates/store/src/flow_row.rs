//! The rows of a flow: the workflow itself, and what is read from its body for audits and
//! activation to look at.
use connref_solution::artefact::workflow_json;
use connref_solution::model::EnvironmentId;
use connref_solution::model::package::FlowBody;

use crate::Result;
use crate::connector::Insert;
use crate::db::{Param, Sql};
use crate::flow::CLOUD_FLOW;
use crate::text::Stored;

/// A workflow row to insert.
pub(crate) struct FlowRow<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) category: i64,
    pub(crate) state_code: i64,
    pub(crate) wanted_on: bool,
    pub(crate) why_off: Option<&'a str>,
    pub(crate) client_data: Option<&'a str>,
    /// What the body says, where somebody has read it already.
    pub(crate) body: Option<&'a FlowBody>,
    pub(crate) modern_flow_type: Option<i64>,
    pub(crate) json_file_name: Option<&'a str>,
    pub(crate) activated_by: Option<&'a str>,
}

/// Whether there is a workflow with this id, of whatever category.
pub(crate) fn exists(sql: &mut Sql<'_>, environment: &EnvironmentId, id: &str) -> Result<bool> {
    let row = sql.query_one(
        "SELECT 1 FROM workflow WHERE environmentid = $1 AND workflowid = $2",
        &[environment.as_str().into(), id.into()],
    )?;
    Ok(row.is_some())
}

pub(crate) fn insert(sql: &mut Sql<'_>, at: &Insert<'_>, row: &FlowRow<'_>) -> Result<()> {
    sql.execute(
        "INSERT INTO workflow (environmentid, workflowid, name, description, category, type, statecode, \
         statuscode, wantedon, whyoff, clientdata, definitionversion, modernflowtype, primaryentity, \
         jsonfilename, ownerid, createdby, activatedby, ismanaged, createdon, modifiedon, versionnumber) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, NULL, 0, $10, 'none', $11, $12, $12, $13, $14, \
         $15, $15, $16)",
        &[
            at.environment.as_str().into(),
            row.id.into(),
            row.name.into(),
            row.description.into(),
            row.category.into(),
            row.state_code.into(),
            (row.state_code + 1).into(),
            row.wanted_on.into(),
            row.why_off.into(),
            row.modern_flow_type.into(),
            row.json_file_name.into(),
            at.owner.as_str().into(),
            row.activated_by.into(),
            at.managed.into(),
            at.now.into(),
            at.version.into(),
        ],
    )?;
    body_write(sql, at.environment, row.id, row.category, row.client_data, row.body)
}

/// Writes a body and what is read from it. The same body again changes nothing.
pub(crate) fn body_write(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &str,
    category: i64,
    client_data: Option<&str>,
    body: Option<&FlowBody>,
) -> Result<()> {
    let Some(text) = client_data else { return Ok(()) };
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.into()];
    let row = sql.query_one(
        "UPDATE workflow SET clientdata = $3, definitionversion = definitionversion + 1 \
         WHERE environmentid = $1 AND workflowid = $2 AND (clientdata IS NULL OR clientdata <> $3) \
         RETURNING definitionversion",
        &[environment.as_str().into(), id.into(), text.into()],
    )?;
    let Some(row) = row else { return Ok(()) };
    if category != CLOUD_FLOW {
        return Ok(());
    }
    sql.execute(
        "INSERT INTO workflow_definition (environmentid, workflowid, version, clientdata) VALUES ($1, $2, $3, $4)",
        &[environment.as_str().into(), id.into(), row.int(0)?.into(), text.into()],
    )?;
    for table in ["workflow_reference", "workflow_child", "workflow_variable"] {
        sql.execute(
            &format!("DELETE FROM {table} WHERE environmentid = $1 AND workflowid = $2"),
            &keys,
        )?;
    }
    // What is odd about a body was said where it came in; what could be read of it counts.
    let read;
    let body = match body {
        Some(body) => body,
        None => {
            read = workflow_json::flow_body_read(text, "clientdata").0;
            &read
        }
    };
    let trigger = body.trigger.as_ref();
    sql.execute(
        "UPDATE workflow SET triggername = $3, triggertype = $4, triggerkind = $5, triggerauthentication = $6 \
         WHERE environmentid = $1 AND workflowid = $2",
        &[
            environment.as_str().into(),
            id.into(),
            trigger.map(|t| t.name.as_str()).into(),
            trigger.map(|t| t.kind.as_str()).into(),
            trigger.and_then(|t| t.request_kind.as_deref()).into(),
            trigger.and_then(|t| t.authentication.as_deref()).into(),
        ],
    )?;
    uses_write(sql, environment, id, body)
}

fn uses_write(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &str,
    body: &FlowBody,
) -> Result<()> {
    let place = || -> [Param<'_>; 2] { [environment.as_str().into(), id.into()] };
    for (ordinal, one) in (0_i64..).zip(&body.references) {
        let [environment, flow] = place();
        sql.execute(
            "INSERT INTO workflow_reference (environmentid, workflowid, ordinal, name, logicalname, \
             logicalname_key, connectionname, api_name, api_logicalname, source, onbehalf) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            &[
                environment,
                flow,
                ordinal.into(),
                (&one.key).into(),
                one.logical_name.as_ref().map(|n| n.as_str()).into(),
                one.logical_name.as_ref().map(connref_solution::model::LogicalName::key).into(),
                one.connection_name.as_ref().into(),
                one.api_name.as_str().into(),
                one.api_logical_name.as_ref().map(|n| n.as_str()).into(),
                one.source.text().into(),
                one.on_behalf_of_invoker.into(),
            ],
        )?;
    }
    for child in &body.children {
        let [environment, flow] = place();
        sql.execute(
            "INSERT INTO workflow_child (environmentid, workflowid, childid) VALUES ($1, $2, $3) \
             ON CONFLICT (environmentid, workflowid, childid) DO NOTHING",
            &[environment, flow, child.as_str().into()],
        )?;
    }
    for (ordinal, one) in (0_i64..).zip(&body.variables) {
        let [environment, flow] = place();
        sql.execute(
            "INSERT INTO workflow_variable (environmentid, workflowid, ordinal, parameter, schemaname, type, \
             defaultvalue) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                environment,
                flow,
                ordinal.into(),
                (&one.parameter).into(),
                one.schema_name.as_str().into(),
                (&one.kind).into(),
                one.default_json.as_ref().into(),
            ],
        )?;
    }
    Ok(())
}

/// Removes the row with everything read from its body.
pub(crate) fn remove(sql: &mut Sql<'_>, environment: &EnvironmentId, id: &str) -> Result<()> {
    crate::row_share::shares_remove(sql, environment, crate::access::Entity::Workflow, id)?;
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.into()];
    for table in [
        "workflow_reference",
        "workflow_child",
        "workflow_variable",
        "workflow_share",
        "workflow_use",
        "workflow_definition",
        "workflow",
    ] {
        let text = format!("DELETE FROM {table} WHERE environmentid = $1 AND workflowid = $2");
        sql.execute(&text, &keys)?;
    }
    Ok(())
}
