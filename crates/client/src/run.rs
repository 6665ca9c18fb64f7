//! Runs of a flow, and who acted in them.
use http::Method;
use serde_json::Value;

use crate::answer::{optional, text};
use crate::odata::encode;
use crate::{ApiService, Client, Result};

/// Stands for every flow where a flow's id is asked for.
pub const EVERY_FLOW: &str = "-";

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Name: the run's id.
    pub id: String,
    /// Row id of its flow, when the server tells it.
    pub flow: Option<String>,
    /// `Running`, `Succeeded`, `Failed` …
    pub status: String,
    /// Code, when there is one.
    pub code: Option<String>,
    /// Message of the error.
    pub error: Option<String>,
    /// Started, ISO 8601.
    pub started: String,
    /// Ended, ISO 8601.
    pub ended: Option<String>,
    /// What a Response action answered.
    pub response: Option<Value>,
    /// Actions in the order the server tells; empty in a list of runs.
    pub actions: Vec<RunAction>,
}

/// One action of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunAction {
    /// Path: `Scope/For_each[3]/Send`.
    pub path: String,
    /// Status.
    pub status: String,
    /// Code.
    pub code: Option<String>,
    /// Message of the error.
    pub error: Option<String>,
    /// Inputs as recorded.
    pub inputs: Value,
    /// Outputs as recorded.
    pub outputs: Value,
    /// Who acted; none for actions that call nobody.
    pub acting: Option<Acting>,
}

/// Who acted in a call, through what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// Whose credential was used: the owner of the connection.
    pub identity: Option<String>,
    /// Account of that credential at the target, when known.
    pub account: Option<String>,
    /// `embedded`, `invoker` or `on behalf of`.
    pub mode: Option<String>,
    /// On whose behalf it acted.
    pub on_behalf_of: Option<String>,
    /// Connection.
    pub connection: Option<String>,
    /// Display name of the connection.
    pub connection_name: Option<String>,
    /// Reference; none for an invoker's own or a directly named connection.
    pub reference: Option<String>,
    /// Version of the binding.
    pub binding_version: Option<i64>,
}

impl Run {
    fn read(row: &Value) -> Self {
        let actions = row.pointer("/properties/connref/actions").and_then(Value::as_array);
        Self {
            id: text(row, "/name"),
            flow: optional(row, "/properties/flow"),
            status: text(row, "/properties/status"),
            code: optional(row, "/properties/code"),
            error: optional(row, "/properties/error/message"),
            started: text(row, "/properties/startTime"),
            ended: optional(row, "/properties/endTime"),
            response: row.pointer("/properties/response").filter(|r| !r.is_null()).cloned(),
            actions: actions.into_iter().flatten().map(action).collect(),
        }
    }

    /// Whether it came to an end.
    pub fn is_over(&self) -> bool {
        const OPEN: [&str; 5] = ["", "running", "waiting", "notspecified", "paused"];
        !OPEN.contains(&self.status.to_ascii_lowercase().as_str())
    }

    /// Whether it ended well.
    pub fn succeeded(&self) -> bool {
        self.status.eq_ignore_ascii_case("succeeded")
    }
}

impl<S: ApiService> Client<S> {
    /// The newest runs of a flow, as the server orders them; [`EVERY_FLOW`] where connref answers
    /// means those of all flows.
    pub async fn runs(&self, flow_id: &str) -> Result<Vec<Run>> {
        let attempt = match flow_id {
            EVERY_FLOW => "list runs".to_owned(),
            _ => format!("list runs of flow `{flow_id}`"),
        };
        let path = format!("{}/runs?api-version=2016-11-01", self.flow_path(flow_id));
        let rows = self.control_list(&attempt, &path).await?;
        Ok(rows.iter().map(Run::read).collect())
    }

    /// One run.
    pub async fn run(&self, flow_id: &str, run_id: &str) -> Result<Run> {
        let attempt = format!("read run `{run_id}`");
        let path =
            format!("{}/runs/{}?api-version=2016-11-01", self.flow_path(flow_id), encode(run_id));
        let call = self.control(&attempt, Method::GET, &path);
        Ok(Run::read(&self.fetch(call).await?))
    }
}

fn action(row: &Value) -> RunAction {
    let acting = row.get("acting").filter(|acting| acting.is_object());
    RunAction {
        path: optional(row, "/path").unwrap_or_else(|| text(row, "/name")),
        status: text(row, "/status"),
        code: optional(row, "/code"),
        error: optional(row, "/error/message"),
        inputs: row["inputs"].clone(),
        outputs: row["outputs"].clone(),
        acting: acting.map(|acting| Acting {
            identity: optional(acting, "/identity").or_else(|| optional(acting, "/owner")),
            account: optional(acting, "/account"),
            mode: optional(acting, "/mode"),
            on_behalf_of: optional(acting, "/onBehalfOf"),
            connection: optional(acting, "/connection"),
            connection_name: optional(acting, "/connectionName"),
            reference: optional(acting, "/reference"),
            binding_version: acting["bindingVersion"].as_i64(),
        }),
    }
}
