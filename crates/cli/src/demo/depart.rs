//! Chapters 5 and 6: an owner leaves, what stops is known, a reassignment repairs it without
//! touching the flow, and the log of it all is whole.
use connref_client::audit::Finding;
use connref_store::source::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bind::MAILBOX;
use super::cast::{ALICE, BOB, PROD, REPORT, STAGES};
use super::run::row;
use super::{Demo, connection, flow};
use crate::exit::Failure;
use crate::pick::pick;

impl Demo {
    pub(super) async fn depart(&mut self) -> Result<(), Failure> {
        self.story.chapter("Alice leaves: what stops, and what repairs it")?;
        let before = self.fingerprint().await?;
        let client = self.operator(&PROD);
        let alice = pick(client.users().await?, ALICE)?;
        self.story.command(&format!("user disable {ALICE} --env {}", PROD.name))?;
        client.user_disable(&alice, true).await?;
        self.audit().await?;
        self.fail().await?;
        self.reassign().await?;
        self.again(&before).await
    }

    async fn audit(&mut self) -> Result<(), Failure> {
        self.story.command(&format!("audit departed --env {}", PROD.name))?;
        let findings = self.operator(&PROD).audit_departed(None).await?;
        let rows: Vec<Value> = findings.iter().map(told).collect();
        const COLUMNS: &[(&str, &str)] = &[
            ("CODE", "code"),
            ("SEVERITY", "severity"),
            ("SUBJECT", "subject"),
            ("WHAT STOPS", "help"),
        ];
        self.story.table(COLUMNS, &rows)?;
        for fix in rows.iter().filter_map(|row| row["fix"].as_str()) {
            self.story.say(&format!("fix: {fix}"))?;
        }
        self.story.fact("departed", rows);
        let named = findings.iter().any(|one| {
            one.code == "CA105"
                && one.message.contains(ALICE)
                && [&one.message, one.help.as_ref().unwrap_or(&one.message)]
                    .iter()
                    .any(|text| text.contains(REPORT))
        });
        self.story.expect(format!("the audit names `{REPORT}` as what stops with {ALICE}"), named)
    }

    async fn fail(&mut self) -> Result<(), Failure> {
        self.story.say("It is so:")?;
        let run = row(&PROD, REPORT, &self.play(&PROD, REPORT).await?);
        self.tell_run(&run)?;
        let why = run["error"].as_str().is_some_and(|text| text.contains(ALICE));
        let failed = run["status"] == "Failed";
        let silent = self.arrivals(&PROD)?.is_empty();
        self.story.fact("runWithoutOwner", run);
        self.story
            .expect(format!("the run fails and names {ALICE} as the reason"), failed && why)?;
        self.story.expect("no mail went out", silent)
    }

    fn tell_run(&self, run: &Value) -> Result<(), Failure> {
        const COLUMNS: &[(&str, &str)] =
            &[("FLOW", "flow"), ("STATUS", "status"), ("ACTION", "action"), ("ERROR", "error")];
        self.story.table(COLUMNS, std::slice::from_ref(run))
    }

    async fn reassign(&mut self) -> Result<(), Failure> {
        self.story.say(
            "The connection goes to bob. The mailbox is a shared one, so nobody has to sign in anew.",
        )?;
        let line = format!("connection reassign --owner {ALICE} --to {BOB} --env {}", PROD.name);
        self.story.command(&format!("{line} --dry-run"))?;
        let client = self.operator(&PROD);
        let preview = client.dry_run(true).connection_reassign(Some(ALICE), &[], BOB).await?;
        let unchanged = connection(&client, MAILBOX).await?.owner == ALICE;
        self.story.command(&line)?;
        let done = client.connection_reassign(Some(ALICE), &[], BOB).await?;
        let owner = connection(&client, MAILBOX).await?.owner;
        let facts = json!({
            "connections": done.connections,
            "references": done.references,
            "applied": done.applied,
            "owner": owner,
        });
        let rows = [json!({"connection": MAILBOX, "before": ALICE, "owner": owner})];
        const COLUMNS: &[(&str, &str)] =
            &[("CONNECTION", "connection"), ("OWNER BEFORE", "before"), ("OWNER NOW", "owner")];
        self.story.table(COLUMNS, &rows)?;
        self.story.fact("reassigned", facts);
        let told_only = unchanged && !preview.applied && preview.connections == done.connections;
        self.story.expect("the dry run told the same and changed nothing", told_only)?;
        self.story.expect(
            format!("one connection now belongs to {BOB}"),
            done.applied && done.connections.len() == 1 && owner == BOB,
        )
    }

    async fn again(&mut self, before: &str) -> Result<(), Failure> {
        let run = row(&PROD, REPORT, &self.play(&PROD, REPORT).await?);
        self.tell_run(&run)?;
        let good = run["status"] == "Succeeded";
        let arrived = self.arrivals(&PROD)?;
        let after = self.fingerprint().await?;
        self.story.fact("runAfterReassign", run);
        self.story.fact("flowHash", json!({"before": before, "after": after}));
        self.story.expect("the next run succeeds", good)?;
        self.story.expect(
            format!("the mail server saw {} again", PROD.mailbox),
            matches!(arrived.as_slice(), [one] if one.identity == PROD.mailbox),
        )?;
        let short = after.get(..16).unwrap_or(&after);
        self.story
            .expect(format!("the flow was not touched: SHA-256 {short}…"), before == after)?;
        let findings = self.operator(&PROD).audit_departed(None).await?;
        self.story.expect("the audit finds nothing any more", findings.is_empty())
    }

    /// Hash of the report flow's body in production.
    async fn fingerprint(&self) -> Result<String, Failure> {
        let flow = flow(&self.bob(&PROD), REPORT).await?;
        Ok(hex(&Sha256::digest(flow.body.to_string())))
    }

    pub(super) async fn verify(&mut self) -> Result<(), Failure> {
        self.story.chapter("The audit log is whole")?;
        let mut rows = Vec::new();
        let mut whole = true;
        for stage in STAGES {
            self.story.command(&format!("audit verify --env {}", stage.name))?;
            let verified = self.operator(stage).audit_verify().await?;
            whole &= verified.ok && verified.entries > 0;
            rows.push(json!({
                "environment": stage.name,
                "entries": verified.entries,
                "head": verified.head,
                "state": if verified.ok { "ok" } else { "error" },
            }));
        }
        const COLUMNS: &[(&str, &str)] = &[
            ("ENVIRONMENT", "environment"),
            ("ENTRIES", "entries"),
            ("STATE", "state"),
            ("HEAD", "head"),
        ];
        self.story.table(COLUMNS, &rows)?;
        self.story.fact("audit", rows);
        self.story.expect("every entry fits the one before, in both environments", whole)?;
        let log = self.operator(&PROD).audit_log(500).await?;
        let noted = log.iter().any(|entry| entry.action.contains("reassign"));
        self.story.expect("the reassignment is in the log", noted)?;
        self.sealed()
    }

    /// Looks for the secrets of this demo in the files of the database.
    fn sealed(&mut self) -> Result<(), Failure> {
        let mut readable = false;
        for name in ["connref.db", "connref.db-wal"] {
            let bytes = match std::fs::read(self.home.data().join(name)) {
                Ok(bytes) => bytes,
                // The log is there only while the database is open.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let accounts = self.clients.iter().chain(&self.mailboxes);
            readable |= accounts
                .map(|account| account.secret.as_bytes())
                .any(|secret| bytes.windows(secret.len()).any(|window| window == secret));
        }
        self.story.expect("no secret is readable in the database files", !readable)
    }
}

fn told(finding: &Finding) -> Value {
    json!({
        "code": finding.code,
        "severity": finding.severity,
        "kind": finding.subject_kind,
        "subject": finding.subject,
        "message": finding.message,
        "help": finding.help,
        "fix": finding.fix,
    })
}
