//! Chapter 3: connections, a deployment settings file for each environment, flows on.
use std::collections::BTreeMap;

use connref_client::connection::{Connection, NewConnection};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::arrive::ZIP;
use super::cast::{BOB, MAIL_REFERENCE, ORDERS_REFERENCE, SQL_REFERENCE, STAGES, Stage};
use super::{Demo, connection};
use crate::exit::Failure;
use crate::pick::pick;

/// Display names of the connections.
const ORDERS: &str = "Order book";
const LOG: &str = "Order log";
pub(super) const MAILBOX: &str = "Report mailbox";

impl Demo {
    pub(super) async fn bind(&mut self) -> Result<(), Failure> {
        self.story.chapter("Connections, and one settings file per environment")?;
        self.story.say(
            "A connection belongs to somebody and stays in its environment; its secret is sealed.",
        )?;
        let mut rows = Vec::new();
        for (at, stage) in STAGES.into_iter().enumerate() {
            self.connect_orders(at, stage).await?;
            self.connect_log(at, stage).await?;
            self.connect_mailbox(at, stage).await?;
            rows.extend(self.bob(stage).connections().await?.iter().map(|one| row(stage, one)));
        }
        const COLUMNS: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("CONNECTION", "connection"),
            ("CONNECTOR", "connector"),
            ("OWNER", "owner"),
            ("SIGNS IN AS", "account"),
            ("STATUS", "status"),
        ];
        self.story.table(COLUMNS, &rows)?;
        let made = rows.len() == 6 && rows.iter().all(|row| row["status"] == "Connected");
        self.story.fact("connections", rows);
        self.story.expect("3 connections in each environment, none of them in error", made)?;
        self.deploy().await
    }

    /// The order book signs a service principal in, with client credentials.
    async fn connect_orders(&mut self, at: usize, stage: &Stage) -> Result<(), Failure> {
        let client = self.operator(stage);
        let connector = client
            .connectors()
            .await?
            .into_iter()
            .find(|one| one.custom)
            .ok_or_else(|| Failure::missing("the example's connector is not here"))?
            .name;
        let base = format!("http://{}", self.targets.orders.address());
        self.story.command(&format!(
            "connection create {connector} --name '{ORDERS}' --kind service-principal --owner {} \
             --endpoint {base} --param clientId={} --param tokenUrl={base}/token \
             --secret-file clientSecret=FILE --env {}",
            stage.service, stage.service, stage.name
        ))?;
        let made = client
            .connection_create(&NewConnection {
                id: &self.ids.connection_id(),
                connector: &connector,
                display_name: ORDERS,
                kind: Some("servicePrincipal"),
                endpoint: Some(&base),
                owner: Some(stage.service),
                parameters: parameters(&[
                    ("clientId", stage.service),
                    ("tokenUrl", &format!("{base}/token")),
                ]),
                secrets: secret("clientSecret", &self.clients[at].secret),
                ..NewConnection::default()
            })
            .await?;
        self.share(stage, &made, stage.service).await
    }

    /// The order log is a file without sign-in.
    async fn connect_log(&mut self, at: usize, stage: &Stage) -> Result<(), Failure> {
        let endpoint = format!("file:{}", self.databases[at].path().display());
        self.story.command(&format!(
            "connection create shared_sql --name '{LOG}' --kind none --endpoint {endpoint} \
             --env {} --as {BOB}",
            stage.name
        ))?;
        self.bob(stage)
            .connection_create(&NewConnection {
                id: &self.ids.connection_id(),
                connector: "shared_sql",
                display_name: LOG,
                kind: Some("none"),
                endpoint: Some(&endpoint),
                ..NewConnection::default()
            })
            .await?;
        Ok(())
    }

    /// The mailbox is a shared one: its password is no person's.
    async fn connect_mailbox(&mut self, at: usize, stage: &Stage) -> Result<(), Failure> {
        let endpoint = self.targets.mail.address().to_string();
        let owner = stage.mailbox_owner;
        self.story.command(&format!(
            "connection create shared_office365 --name '{MAILBOX}' --kind shared-key \
             --endpoint {endpoint} --param username={} --param tls=none --secret-file password=FILE \
             --env {} --as {owner}",
            stage.mailbox, stage.name
        ))?;
        let client = self.installation.client(stage.name, Some(owner));
        let made = client
            .connection_create(&NewConnection {
                id: &self.ids.connection_id(),
                connector: "shared_office365",
                display_name: MAILBOX,
                kind: Some("sharedKey"),
                endpoint: Some(&endpoint),
                parameters: parameters(&[("username", stage.mailbox), ("tls", "none")]),
                secrets: secret("password", &self.mailboxes[at].secret),
                ..NewConnection::default()
            })
            .await?;
        if owner == BOB {
            return Ok(());
        }
        self.share(stage, &made, owner).await
    }

    /// The owner lets bob use a connection.
    async fn share(
        &mut self,
        stage: &Stage,
        made: &Connection,
        owner: &str,
    ) -> Result<(), Failure> {
        self.story.command(&format!(
            "connection share '{}' --with {BOB} --env {} --as {owner}",
            made.display_name, stage.name
        ))?;
        let client = self.installation.client(stage.name, Some(owner));
        let bob = pick(client.users().await?, BOB)?;
        client.connection_share(made, &bob.id, bob.principal_type(), Some("CanView"), None).await?;
        Ok(())
    }

    /// Writes the settings, imports again with them, turns the flows on.
    async fn deploy(&mut self) -> Result<(), Failure> {
        self.story.say(
            "A deployment settings file says, per environment, what each reference is bound to.",
        )?;
        let mut written = serde_json::Map::new();
        for stage in STAGES {
            let file = format!("settings-{}.json", stage.name.to_ascii_lowercase());
            let document = self.settings(stage).await?;
            let text = format!("{document:#}\n");
            let path = self.home.data().join(&file);
            std::fs::write(&path, &text)?;
            self.story.file(&file, &text)?;
            written.insert(stage.name.to_owned(), document);
            let settings = crate::package::settings(&path, &self.package)?;
            self.story.command(&format!(
                "solution import --path {ZIP} --settings-file {file} --activate-flows --env {} \
                 --as {BOB}",
                stage.name
            ))?;
            let client = self.bob(stage);
            self.import(&client, Some(&settings)).await?;
            for flow in client.flows().await?.iter().filter(|flow| flow.state != "on") {
                client.flow_turn(flow, true).await?;
            }
        }
        self.story.fact("settings", written);
        self.tell_bound().await
    }

    async fn settings(&self, stage: &Stage) -> Result<Value, Failure> {
        let client = self.bob(stage);
        let mut references = Vec::new();
        for (logical_name, name) in
            [(ORDERS_REFERENCE, ORDERS), (SQL_REFERENCE, LOG), (MAIL_REFERENCE, MAILBOX)]
        {
            let one = connection(&client, name).await?;
            references.push(json!({
                "LogicalName": logical_name,
                "ConnectionId": one.id,
                "ConnectorId": format!("/providers/Microsoft.PowerApps/apis/{}", one.connector),
            }));
        }
        Ok(json!({
            "EnvironmentVariables": [
                {"SchemaName": "contoso_ReportRecipients", "Value": stage.recipient},
                {"SchemaName": "contoso_Stage", "Value": stage.name},
            ],
            "ConnectionReferences": references,
        }))
    }

    async fn tell_bound(&mut self) -> Result<(), Failure> {
        let references = self.references().await?;
        const REFERENCES: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("REFERENCE", "reference"),
            ("CONNECTION", "connection"),
            ("STATE", "state"),
        ];
        self.story.table(REFERENCES, &references)?;
        let bound = references.iter().filter(|row| row["state"] == "bound").count();
        let mut flows = Vec::new();
        for stage in STAGES {
            flows.extend(self.bob(stage).flows().await?.iter().map(
                |flow| json!({"environment": stage.name, "flow": flow.name, "state": flow.state}),
            ));
        }
        const FLOWS: &[(&str, &str)] =
            &[("ENVIRONMENT", "environment"), ("FLOW", "flow"), ("STATE", "state")];
        self.story.table(FLOWS, &flows)?;
        let on = flows.iter().filter(|row| row["state"] == "on").count();
        self.story.fact("references", references);
        self.story.fact("flows", flows);
        self.story.expect("all 6 references are bound", bound == 6)?;
        self.story.expect("all 4 flows are on", on == 4)
    }
}

fn row(stage: &Stage, one: &Connection) -> Value {
    json!({
        "environment": stage.name,
        "connection": one.display_name,
        "id": one.id,
        "connector": one.connector,
        "owner": one.owner,
        "kind": one.kind,
        "account": one.account,
        "endpoint": one.endpoint,
        "status": one.status,
    })
}

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn secret(name: &str, value: &str) -> BTreeMap<String, SecretString> {
    BTreeMap::from([(name.to_owned(), value.into())])
}
