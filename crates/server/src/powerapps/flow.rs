//! Flows, as Power Automate's API tells them. Who sees which is decided where the Web API asks too:
//! both read rows of `workflow`.
use axum::Json;
use axum::http::StatusCode;
use connref_store::flow::FlowUpdate;
use connref_store::query::{Cell, Expr, Literal, Query, Record, table_by_logical_name};
use serde_json::{Value, json};

use super::page::listed;
use super::time::iso;
use super::{Caller, Document, Failure};
use crate::Context;
use crate::operation::OperationError;
use crate::operation::flow::{FlowCreate, flow_create, flow_delete, flow_state_set, flow_update};
use connref_store::StoreError;

/// The flows of an environment that the caller sees.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let all = rows(&cx, None).await?;
    let (rows, next) = caller.page(all, |row| row.id.clone());
    Ok(listed(rows.iter().map(|row| flow(&cx, row, false)).collect(), next))
}

pub(crate) async fn get(caller: Caller) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    Ok(Json(flow(&cx, &find(&cx, caller.segment("flow")).await?, true)))
}

/// A flow that is off, unless its body says that it is to be started.
pub(crate) async fn create(
    caller: Caller,
    Document(body): Document,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let cx = caller.enter_here().await?;
    let properties = &body["properties"];
    let new = FlowCreate {
        id: None,
        name: properties["displayName"].as_str().unwrap_or_default().to_owned(),
        description: properties["description"].as_str().map(str::to_owned),
        client_data: client_data(properties, None),
        solution: caller.header("mscrm.solutionuniquename"),
    };
    let id = flow_create(&cx, new).await?;
    if properties["state"] == "Started" {
        flow_state_set(&cx, id.as_str(), true).await?;
    }
    Ok((StatusCode::CREATED, Json(flow(&cx, &find(&cx, id.as_str()).await?, true))))
}

pub(crate) async fn update(
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Value>, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, caller.segment("flow")).await?;
    let properties = &body["properties"];
    let changed = ["definition", "connectionReferences"].iter().any(|n| !properties[n].is_null());
    let update = FlowUpdate {
        name: properties["displayName"].as_str().map(str::to_owned),
        description: properties["description"].as_str().map(str::to_owned),
        client_data: changed.then(|| client_data(properties, Some(&document(&row)))),
    };
    if properties["state"] == "Stopped" {
        flow_state_set(&cx, &row.id, false).await?;
    }
    if changed || update.name.is_some() || update.description.is_some() {
        flow_update(&cx, &row.id, update).await?;
    }
    if properties["state"] == "Started" {
        flow_state_set(&cx, &row.id, true).await?;
    }
    Ok(Json(flow(&cx, &find(&cx, &row.id).await?, true)))
}

/// The body of a flow from what the request gives of it; what it leaves out stays.
fn client_data(properties: &Value, before: Option<&Value>) -> String {
    let empty = json!({"properties": {}, "schemaVersion": "1.0.0.0"});
    let mut whole = before.unwrap_or(&empty).clone();
    for name in ["definition", "connectionReferences"] {
        if !properties[name].is_null() {
            whole["properties"][name] = properties[name].clone();
        }
    }
    whole.to_string()
}

pub(crate) async fn delete(caller: Caller) -> Result<StatusCode, Failure> {
    let cx = caller.enter_here().await?;
    let row = find(&cx, caller.segment("flow")).await?;
    flow_delete(&cx, &row.id).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn start(caller: Caller) -> Result<StatusCode, Failure> {
    switch(caller, true).await
}

pub(crate) async fn stop(caller: Caller) -> Result<StatusCode, Failure> {
    switch(caller, false).await
}

async fn switch(caller: Caller, on: bool) -> Result<StatusCode, Failure> {
    let cx = caller.enter_here().await?;
    flow_state_set(&cx, caller.segment("flow"), on).await?;
    Ok(StatusCode::OK)
}

/// The row of a flow, if the caller sees it.
pub(super) async fn find(cx: &Context, id: &str) -> Result<Record, Failure> {
    let row = rows(cx, Some(id)).await?.pop();
    row.ok_or_else(|| StoreError::not_found("flow", id).into())
}

/// Rows of `workflow` that the caller sees, with their bodies.
pub(super) async fn rows(cx: &Context, id: Option<&str>) -> Result<Vec<Record>, Failure> {
    let Some(table) = table_by_logical_name("workflow") else { return Ok(Vec::new()) };
    if id.is_some_and(|id| !connref_solution::model::id::is_guid(id)) {
        return Ok(Vec::new());
    }
    let mut query = Query::new(table);
    query.names = true;
    let cloud = Expr::equal("category", Literal::Int(CLOUD_FLOW));
    query.filter = Some(match id {
        Some(id) => {
            Expr::and(Some(cloud), Expr::equal("workflowid", Literal::Guid(id.to_lowercase())))
        }
        None => cloud,
    });
    let mut all = Vec::new();
    loop {
        let asked = query.clone();
        let page = cx.app.store().query(&cx.caller, &cx.environment.id, asked).await;
        let page = page.map_err(OperationError::from)?;
        all.extend(page.rows);
        match page.next {
            Some(cursor) => query.after = Some(cursor),
            None => return Ok(all),
        }
    }
}

/// `category` of cloud flows.
const CLOUD_FLOW: i64 = 5;

/// A column as text; empty if it is null.
pub(super) fn text<'a>(row: &'a Record, column: &str) -> &'a str {
    match row.cell(column) {
        Some(Cell::Text(text)) => text,
        _ => "",
    }
}

/// A column as a moment.
pub(super) fn moment(row: &Record, column: &str) -> Option<String> {
    match row.cell(column) {
        Some(Cell::Time(at)) => Some(iso(*at)),
        _ => None,
    }
}

/// A column as a number.
pub(super) fn number(row: &Record, column: &str) -> i64 {
    match row.cell(column) {
        Some(Cell::Int(number)) => *number,
        _ => 0,
    }
}

/// The body of a flow.
pub(super) fn document(row: &Record) -> Value {
    serde_json::from_str(text(row, "clientdata")).unwrap_or(Value::Null)
}

fn flow(cx: &Context, row: &Record, whole: bool) -> Value {
    let environment = &cx.environment.id;
    let body = document(row);
    let definition = &body["properties"]["definition"];
    let state = match number(row, "statecode") {
        1 => "Started",
        2 => "Suspended",
        _ => "Stopped",
    };
    let owner = text(row, "ownerid");
    let mut properties = json!({
        "apiId": "/providers/Microsoft.PowerApps/apis/shared_logicflows",
        "displayName": text(row, "name"),
        "description": text(row, "description"),
        "userType": "Owner",
        "state": state,
        "flowSuspensionReason": if state == "Suspended" { "CompanyDlpViolation" } else { "None" },
        "createdTime": moment(row, "createdon"),
        "lastModifiedTime": moment(row, "modifiedon"),
        "environment": {
            "name": environment.as_str(),
            "type": "Microsoft.ProcessSimple/environments",
            "id": format!("/providers/Microsoft.ProcessSimple/environments/{environment}"),
        },
        "creator": {
            "tenantId": cx.environment.organization_id,
            "objectId": owner, "userId": owner, "userType": "ActiveDirectory",
        },
        "definitionSummary": {
            "triggers": summary(&definition["triggers"]),
            "actions": summary(&definition["actions"]),
        },
        "provisioningMethod": "FromDefinition",
        "workflowEntityId": row.id,
        "isManaged": matches!(row.cell("ismanaged"), Some(Cell::Flag(true))),
    });
    if whole {
        properties["definition"] = definition.clone();
        properties["connectionReferences"] = references(&body);
    }
    json!({
        "name": row.id,
        "id": format!(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{}", row.id
        ),
        "type": "Microsoft.ProcessSimple/environments/flows",
        "properties": properties,
    })
}

/// Types of the triggers, or of the actions on the first level.
fn summary(steps: &Value) -> Value {
    let steps = steps.as_object().into_iter().flatten();
    steps
        .map(|(_, step)| {
            let mut one = json!({"type": step["type"]});
            for name in ["kind", "metadata"] {
                if !step[name].is_null() {
                    one[name] = step[name].clone();
                }
            }
            let operation = &step["inputs"]["host"]["operationId"];
            if !operation.is_null() {
                one["swaggerOperationId"] = operation.clone();
                one["api"] = json!({"name": step["inputs"]["host"]["apiId"].as_str()
                    .and_then(|id| id.rsplit('/').next())});
            }
            one
        })
        .collect()
}

/// The keys of a flow's body with what stands behind them: a reference's name, or a connection.
fn references(body: &Value) -> Value {
    let entries = body["properties"]["connectionReferences"].as_object().into_iter().flatten();
    let entries = entries.map(|(key, entry)| {
        let api = entry["api"]["name"].as_str().unwrap_or_default();
        let api = api.rsplit('/').next().unwrap_or_default();
        let named = json!({
            "connectionName": entry["connection"]["name"],
            "connectionReferenceLogicalName": entry["connection"]["connectionReferenceLogicalName"],
            "source": if entry["runtimeSource"] == "invoker" { "Invoker" } else { "Embedded" },
            "id": format!("/providers/Microsoft.PowerApps/apis/{api}"),
            "displayName": api,
            "tier": "NotSpecified",
        });
        (key.clone(), named)
    });
    Value::Object(entries.collect())
}
