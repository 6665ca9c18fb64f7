//! Chapter 1: targets, environments, people.
use serde_json::{Value, json};

use super::Demo;
use super::cast::{ALICE, BOB, STAGES, Stage};
use crate::exit::Failure;

const ADMINISTRATOR: &str = "System Administrator";
const MAKER: &str = "Environment Maker";
const BASIC: &str = "Basic User";

impl Demo {
    pub(super) async fn prepare(&mut self) -> Result<(), Failure> {
        self.story.chapter("Two environments, three target systems, four identities")?;
        self.story.fact("home", self.home.data().display().to_string());
        self.tell_targets()?;
        let allowed = self.targets.allowed();
        self.story.say("An environment reaches private addresses only where it says so.")?;
        let mut rows: Vec<Value> = Vec::new();
        for stage in STAGES {
            let entries: String = allowed.iter().map(|entry| format!(" --allow {entry}")).collect();
            let line = format!("env create {} --kind {}{entries}", stage.name, stage.kind);
            self.story.command(&line)?;
            let client = self.operator(stage);
            let made =
                client.environment_create(stage.name, stage.sku, "extended", &allowed).await?;
            rows.push(json!({
                "name": made.name, "id": made.id, "kind": stage.kind, "allowed": made.allowed,
            }));
        }
        let exact = rows.iter().all(|row| row["allowed"] == json!(allowed));
        self.story.fact("environments", rows);
        self.story.expect("both environments allow exactly these three targets", exact)?;
        self.people().await
    }

    fn tell_targets(&mut self) -> Result<(), Failure> {
        let mut rows = vec![
            json!({
                "target": "order book", "what": "HTTP API with bearer tokens",
                "address": format!("http://{}", self.targets.orders.address()),
            }),
            json!({
                "target": "mail server", "what": "SMTP with sign-in, delivers nothing",
                "address": self.targets.mail.address().to_string(),
            }),
        ];
        for (stage, database) in STAGES.iter().zip(&self.databases) {
            rows.push(json!({
                "target": format!("order log {}", stage.name), "what": "SQLite file, knows no users",
                "address": format!("file:{}", database.path().display()),
            }));
        }
        self.story
            .say("The targets run on this machine and keep their own record of who arrives.")?;
        const COLUMNS: &[(&str, &str)] =
            &[("TARGET", "target"), ("WHAT", "what"), ("ADDRESS", "address")];
        self.story.table(COLUMNS, &rows)?;
        self.story.fact("targets", rows);
        Ok(())
    }

    async fn people(&mut self) -> Result<(), Failure> {
        self.story.say("People and service principals are members of each environment.")?;
        let mut rows: Vec<Value> = Vec::new();
        for stage in STAGES {
            let client = self.operator(stage);
            for (name, full_name, role, word) in [
                (BOB, "Bob Contoso", ADMINISTRATOR, "administrator"),
                (ALICE, "Alice Contoso", MAKER, "maker"),
            ] {
                self.story.command(&add(stage, name, word, ""))?;
                client.user_add(name, full_name, None, role).await?;
            }
            self.story.command(&add(stage, stage.service, "basic", " --service-principal"))?;
            client
                .user_add(stage.service, stage.service, Some(stage.application_id), BASIC)
                .await?;
            let ours = [BOB, ALICE, stage.service];
            rows
                .extend(client.users().await?.iter().filter(|u| ours.contains(&&*u.name)).map(|u| {
                json!({
                    "environment": stage.name,
                    "user": u.name,
                    "kind": if u.application_id.is_some() { "service principal" } else { "user" },
                    "role": u.role,
                    "state": if u.disabled { "disabled" } else { "enabled" },
                })
            }));
        }
        const COLUMNS: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("USER", "user"),
            ("KIND", "kind"),
            ("ROLE", "role"),
            ("STATE", "state"),
        ];
        self.story.table(COLUMNS, &rows)?;
        self.story.fact("users", rows);
        Ok(())
    }
}

fn add(stage: &Stage, name: &str, role: &str, more: &str) -> String {
    format!("user add {name} --role {role}{more} --env {}", stage.name)
}
