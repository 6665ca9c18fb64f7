//! Environments, as the control plane tells them.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{optional, text};
use crate::odata::{encode, literal};
use crate::{ApiService, Client, ClientError, Place, Result};

const PATH: &str = "/providers/Microsoft.BusinessAppPlatform/environments";

/// An environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Id on the control plane.
    pub id: String,
    /// Name.
    pub name: String,
    /// `Developer`, `Sandbox` or `Production`.
    pub kind: String,
    /// `extended` or `dataverse`; none where the server is not connref.
    pub fidelity: Option<String>,
    /// Address of its Web API.
    pub url: String,
    /// Private addresses and folders its connections may reach.
    pub allowed: Vec<String>,
}

impl Environment {
    fn read(row: &Value) -> Self {
        let allowed = row.pointer("/properties/connref/allowed").and_then(Value::as_array);
        Self {
            id: text(row, "/name"),
            name: text(row, "/properties/displayName"),
            kind: text(row, "/properties/environmentSku"),
            fidelity: optional(row, "/properties/connref/fidelity"),
            url: text(row, "/properties/linkedEnvironmentMetadata/instanceUrl"),
            allowed: allowed
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.as_str().map(str::to_owned))
                .collect(),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// `environment eq 'E'`, the filter of the control plane.
    pub(crate) fn environment_filter(&self) -> String {
        format!("environment eq {}", literal(&self.place().name))
    }

    /// All environments the caller can see.
    pub async fn environments(&self) -> Result<Vec<Environment>> {
        let rows = self.control_list("list environments", PATH).await?;
        Ok(rows.iter().map(Environment::read).collect())
    }

    /// One environment by name or id.
    pub async fn environment(&self, name: &str) -> Result<Environment> {
        let attempt = format!("read environment `{name}`");
        let call = self.control(&attempt, Method::GET, &format!("{PATH}/{}", encode(name)));
        Ok(Environment::read(&self.fetch(call).await?))
    }

    /// Makes an environment. `kind` is `Developer`, `Sandbox` or `Production`, `fidelity`
    /// `extended` or `dataverse`; `allowed` lists private addresses (`127.0.0.1:8080`) and folders
    /// (`file:/dir`) its connections may reach.
    pub async fn environment_create(
        &self,
        name: &str,
        kind: &str,
        fidelity: &str,
        allowed: &[String],
    ) -> Result<Environment> {
        let attempt = format!("create environment `{name}`");
        let body = json!({"properties": {
            "displayName": name,
            "environmentSku": kind,
            "connref": {"fidelity": fidelity, "allowed": allowed},
        }});
        let call = self.control(&attempt, Method::POST, PATH).json(body);
        Ok(Environment::read(&self.fetch(call).await?))
    }

    /// Changes what an environment's connections may reach.
    pub async fn environment_allow(&self, name: &str, allowed: &[String]) -> Result<Environment> {
        let attempt = format!("change environment `{name}`");
        let body = json!({"properties": {"connref": {"allowed": allowed}}});
        let path = format!("{PATH}/{}", encode(name));
        let call = self.control(&attempt, Method::PATCH, &path).json(body);
        Ok(Environment::read(&self.fetch(call).await?))
    }

    /// This client, knowing the name of the environment behind its address: the control plane
    /// wants it in every filter, a Web API address does not tell it.
    pub async fn with_environment_found(&self) -> Result<Self> {
        if !self.place().name.is_empty() {
            return Ok(self.clone());
        }
        let here = host(&self.place().environment);
        // The first label is the name where connref answers; whoever may enter may ask for it.
        let label = here.split('.').next().unwrap_or_default();
        let found = match self.environment(label).await {
            Ok(one) => Some(one),
            Err(error)
                if matches!(error.status(), Some(400..=499)) && error.status() != Some(401) =>
            {
                let all = self.environments().await?;
                all.into_iter().find(|one| host(&one.url) == here)
            }
            Err(error) => return Err(error),
        };
        match found {
            Some(one) => {
                let extended = one.fidelity.is_some();
                Ok(self.at(Place { name: one.id, extended, ..self.place().clone() }))
            }
            None => Err(ClientError::missing(
                "find the environment",
                "environment with the address",
                &self.place().environment,
            )),
        }
    }
}

/// Host of an address: neither scheme nor port, which differ by the way it is reached.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.to_ascii_lowercase()
}
