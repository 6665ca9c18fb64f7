//! Chapter 2: the solution arrives; everything is unbound, every flow off, and each says why.
use connref_client::Client;
use connref_client::solution::Import;
use connref_solution::model::DeploymentSettings;
use connref_store::source::{Clock, SystemClock};
use serde_json::{Value, json};

use super::Demo;
use super::cast::{BOB, MISSING, STAGES};
use crate::exit::Failure;

/// Name of the zip below the home.
pub(super) const ZIP: &str = "contoso_orders.zip";

impl Demo {
    pub(super) async fn arrive(&mut self) -> Result<(), Failure> {
        self.story.chapter("A solution arrives: nothing bound, every flow off")?;
        let path = self.home.data().join(ZIP);
        std::fs::write(&path, &self.zip)?;
        self.tell_package()?;
        self.story.say("It carries references, but no connection and no secret.")?;
        for stage in STAGES {
            let line = format!("solution import --path {ZIP} --env {} --as {BOB}", stage.name);
            self.story.command(&line)?;
            self.import(&self.bob(stage), None).await?;
        }
        let references = self.references().await?;
        const REFERENCES: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("REFERENCE", "reference"),
            ("CONNECTOR", "connector"),
            ("STATE", "state"),
        ];
        self.story.table(REFERENCES, &references)?;
        let unbound = references.iter().filter(|row| row["state"] == "not bound").count();
        self.story.fact("referencesAtFirst", references);
        self.story.expect("all 6 references are unbound", unbound == 6)?;
        self.why().await
    }

    fn tell_package(&mut self) -> Result<(), Failure> {
        let package = &self.package;
        let flows: Vec<&str> =
            package.workflows.iter().filter(|w| w.is_cloud_flow()).map(|w| &*w.name).collect();
        let references: Vec<&str> =
            package.references.iter().map(|r| r.logical_name.as_str()).collect();
        let variables: Vec<&str> =
            package.variables.iter().map(|v| v.schema_name.as_str()).collect();
        let connectors: Vec<&str> =
            package.connectors.iter().map(|c| c.display_name.as_str()).collect();
        let facts = json!({
            "uniqueName": package.manifest.unique_name,
            "version": package.manifest.version,
            "flows": flows,
            "references": references,
            "customConnectors": connectors,
            "environmentVariables": variables,
        });
        self.story.command(&format!("solution inspect {ZIP}"))?;
        let rows: Vec<Value> = facts
            .as_object()
            .into_iter()
            .flatten()
            .map(|(what, value)| json!({"what": what, "value": value}))
            .collect();
        self.story.table(&[("SOLUTION", "what"), ("", "value")], &rows)?;
        self.story.fact("solution", facts);
        Ok(())
    }

    /// Imports the example.
    pub(super) async fn import(
        &self,
        client: &Client,
        settings: Option<&DeploymentSettings>,
    ) -> Result<(), Failure> {
        let job_id = self.ids.guid(SystemClock.now());
        let import = Import {
            file: &self.zip,
            job_id: &job_id,
            settings,
            publish_workflows: true,
            overwrite: false,
            convert_to_managed: false,
            holding: false,
            skip_dependencies: false,
            upgrade: false,
            allow_older: false,
        };
        Ok(client.solution_import(&import).await?)
    }

    /// The references of both environments as they are now.
    pub(super) async fn references(&self) -> Result<Vec<Value>, Failure> {
        let mut rows = Vec::new();
        for stage in STAGES {
            let client = self.bob(stage);
            let connections = client.connections().await?;
            for one in client.references().await? {
                let bound = one.connection.as_ref().and_then(|id| {
                    connections.iter().find(|c| &c.id == id).map(|c| c.display_name.clone())
                });
                rows.push(json!({
                    "environment": stage.name,
                    "reference": one.logical_name,
                    "connector": one.connector,
                    "connection": bound,
                    "state": if one.connection.is_some() { "bound" } else { "not bound" },
                }));
            }
        }
        Ok(rows)
    }

    async fn why(&mut self) -> Result<(), Failure> {
        self.story.say("Each flow says why it is off, and what turns it on.")?;
        let mut rows = Vec::new();
        for stage in STAGES {
            let client = self.bob(stage);
            for flow in client.flows().await? {
                self.story.command(&format!("flow why '{}' --env {}", flow.name, stage.name))?;
                let why = client.flow_why(&flow).await?;
                for reason in &why.refusals {
                    rows.push(json!({
                        "environment": stage.name,
                        "flow": flow.name,
                        "state": flow.state,
                        "wantedOn": why.wanted_on,
                        "code": reason.code,
                        "message": reason.message,
                        "fix": reason.fix,
                    }));
                }
            }
        }
        const COLUMNS: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("FLOW", "flow"),
            ("STATE", "state"),
            ("WHY", "message"),
        ];
        self.story.table(COLUMNS, &rows)?;
        let all = rows.iter().all(|row| row["code"] == MISSING && row["state"] == "off");
        // Two flows with two references each, in two environments.
        let held = all && rows.len() == 8;
        self.story.fact("whyOff", rows);
        self.story.expect(format!("every flow is off, each time for {MISSING}"), held)
    }
}
