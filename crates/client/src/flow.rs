//! Cloud flows: rows of `workflows` with category 5.
use std::collections::HashMap;

use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, optional, text};
use crate::odata::{by_id, by_key, encode, query};
use crate::user::User;
use crate::{ApiService, Client, ClientError, Result};

const SET: &str = "workflows";
const COLUMNS: &str =
    "workflowid,name,statecode,statuscode,ismanaged,_ownerid_value,clientdata,description";

/// A cloud flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `on`, `off` or `suspended`.
    pub state: &'static str,
    /// Came with a managed solution.
    pub managed: bool,
    /// Name of the owner, when the server tells it.
    pub owner: Option<String>,
    /// Body: connection references and definition; null when it cannot be read.
    pub body: Value,
}

/// One entry of a flow's connection references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowConnection {
    /// Key that actions use.
    pub key: String,
    /// Logical name of the reference; none for a connection named directly.
    pub reference: Option<String>,
    /// Api name of the connector.
    pub connector: String,
    /// `embedded` or `invoker`.
    pub source: String,
}

/// Why a flow is off, or would not turn on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// State now.
    pub state: String,
    /// Whether it should be on.
    pub wanted_on: bool,
    /// What stands in the way.
    pub refusals: Vec<Reason>,
    /// What does not stand in the way and still deserves a look.
    pub warnings: Vec<Reason>,
}

/// One reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// Code.
    pub code: String,
    /// Status that turning on would answer.
    pub status: Option<i64>,
    /// Words.
    pub message: String,
    /// What it is about.
    pub subject: Option<String>,
    /// A command that fixes it.
    pub fix: Option<String>,
}

impl Why {
    fn read(answer: &Value) -> Self {
        let reasons =
            |name: &str| answer[name].as_array().into_iter().flatten().map(reason).collect();
        Self {
            state: text(answer, "/state"),
            wanted_on: flag(answer, "/wantedOn"),
            refusals: reasons("refusals"),
            warnings: reasons("warnings"),
        }
    }
}

impl Flow {
    fn read(row: &Value) -> Self {
        let body = row["clientdata"].as_str().and_then(|data| serde_json::from_str(data).ok());
        Self {
            id: text(row, "/workflowid"),
            name: text(row, "/name"),
            state: match row["statecode"].as_i64() {
                Some(1) => "on",
                Some(2) => "suspended",
                _ => "off",
            },
            managed: flag(row, "/ismanaged"),
            owner: optional(row, "/_ownerid_value@OData.Community.Display.V1.FormattedValue"),
            body: body.unwrap_or(Value::Null),
        }
    }

    /// What the flow's actions act through.
    pub fn connections(&self) -> Vec<FlowConnection> {
        let entries = self.body.pointer("/properties/connectionReferences");
        let connection = |(key, entry): (&String, &Value)| FlowConnection {
            key: key.clone(),
            reference: optional(entry, "/connection/connectionReferenceLogicalName"),
            connector: text(entry, "/api/name"),
            source: optional(entry, "/runtimeSource")
                .map_or_else(|| "embedded".to_owned(), |source| source.to_ascii_lowercase()),
        };
        entries.and_then(Value::as_object).into_iter().flatten().map(connection).collect()
    }

    /// Name of its trigger.
    pub fn trigger(&self) -> Option<&str> {
        let triggers = self.body.pointer("/properties/definition/triggers")?.as_object()?;
        triggers.keys().next().map(String::as_str)
    }
}

impl<S: ApiService> Client<S> {
    /// All cloud flows the caller can see.
    pub async fn flows(&self) -> Result<Vec<Flow>> {
        let pairs = [("$select", COLUMNS), ("$filter", "category eq 5"), ("$orderby", "name")];
        let rows = self.web_list("list flows", &format!("{SET}{}", query(&pairs))).await?;
        Ok(rows.iter().map(Flow::read).collect())
    }

    /// One flow by row id.
    pub async fn flow(&self, id: &str) -> Result<Flow> {
        let attempt = format!("read flow `{id}`");
        let path = format!("{}{}", by_id(SET, id), query(&[("$select", COLUMNS)]));
        let call = self.web(&attempt, Method::GET, &path);
        Ok(Flow::read(&self.fetch(call).await?))
    }

    /// Makes a flow that is off; `client_data` is the text of its body. Answers its row id.
    pub async fn flow_create(
        &self,
        name: &str,
        client_data: &str,
        solution: Option<&str>,
    ) -> Result<String> {
        let attempt = format!("create flow `{name}`");
        let body = json!({
            "category": 5,
            "type": 1,
            "primaryentity": "none",
            "name": name,
            "clientdata": client_data,
        });
        self.web_create(&attempt, SET, body, solution).await
    }

    /// Turns a flow on or off.
    pub async fn flow_turn(&self, flow: &Flow, on: bool) -> Result<()> {
        let attempt = format!("turn {} flow `{}`", if on { "on" } else { "off" }, flow.name);
        let body = if on {
            json!({"statecode": 1, "statuscode": 2})
        } else {
            json!({"statecode": 0, "statuscode": 1})
        };
        self.web_update(&attempt, &by_id(SET, &flow.id), body).await
    }

    /// Gives a flow to another owner.
    pub async fn flow_reassign(&self, flow: &Flow, owner: &User) -> Result<()> {
        let attempt = format!("give flow `{}` to `{}`", flow.name, owner.name);
        let body = json!({"ownerid@odata.bind": format!("/systemusers({})", owner.id)});
        self.web_update(&attempt, &by_id(SET, &flow.id), body).await
    }

    /// Deletes a flow.
    pub async fn flow_delete(&self, flow: &Flow) -> Result<()> {
        let attempt = format!("delete flow `{}`", flow.name);
        self.send(self.web(&attempt, Method::DELETE, &by_id(SET, &flow.id))).await.map(drop)
    }

    /// Why a flow is off, or would not turn on for the caller.
    pub async fn flow_why(&self, flow: &Flow) -> Result<Why> {
        let attempt = format!("ask why flow `{}` is {}", flow.name, flow.state);
        let path = format!("connref_FlowWhy(WorkflowId={})", encode(&flow.id));
        Ok(Why::read(&self.fetch(self.web(&attempt, Method::GET, &path)).await?))
    }

    /// The same for every flow of a solution, by flow.
    pub async fn flows_why(&self, solution: &str) -> Result<HashMap<String, Why>> {
        let attempt = format!("ask why flows of solution `{solution}` are off");
        let path = by_key("connref_FlowsWhy", "Solution", solution);
        let rows = self.web_list(&attempt, &path).await?;
        Ok(rows.iter().map(|row| (text(row, "/id"), Why::read(row))).collect())
    }

    /// Shares a flow: `level` is `run` (run only) or `edit` (co-owner).
    pub async fn flow_share(&self, flow: &Flow, principal: &str, level: &str) -> Result<()> {
        let attempt = format!("share flow `{}` with `{principal}`", flow.name);
        let body = json!({"WorkflowId": flow.id, "Principal": principal, "Level": level});
        let call = self.web(&attempt, Method::POST, "connref_FlowShare").json(body);
        self.send(call).await.map(drop)
    }

    /// Starts a run by hand; `connections` picks the caller's own connection per key. Answers the
    /// run's name.
    pub async fn flow_run(
        &self,
        flow: &Flow,
        body: &Value,
        connections: &[(String, String)],
    ) -> Result<String> {
        let attempt = format!("run flow `{}`", flow.name);
        let Some(trigger) = flow.trigger() else {
            return Err(ClientError::unreadable(&attempt, "the flow's body has no trigger"));
        };
        let path = format!("{}/triggers/{}/run", self.flow_path(&flow.id), encode(trigger));
        let mut call = self.control(&attempt, Method::POST, &path).json(body.clone());
        if !connections.is_empty() {
            let pairs: Vec<_> = connections.iter().map(|(key, id)| format!("{key}={id}")).collect();
            call = call.header("connref-connections", &pairs.join(","));
        }
        let answer = self.send(call).await?;
        match answer.headers.get("x-ms-workflow-run-id").and_then(|id| id.to_str().ok()) {
            Some(id) => Ok(id.to_owned()),
            None => optional(&answer.json(&attempt)?, "/name")
                .ok_or_else(|| ClientError::unreadable(&attempt, "it names no run")),
        }
    }

    /// Address of a flow on the control plane.
    pub(crate) fn flow_path(&self, id: &str) -> String {
        format!(
            "/providers/Microsoft.ProcessSimple/environments/{}/flows/{}",
            encode(&self.place().name),
            encode(id)
        )
    }
}

/// Reads one reason.
pub(crate) fn reason(row: &Value) -> Reason {
    let subject = optional(row, "/subject").or_else(|| optional(row, "/subject/name"));
    Reason {
        code: text(row, "/code"),
        status: row["status"].as_i64(),
        message: text(row, "/message"),
        subject,
        fix: optional(row, "/fix"),
    }
}
