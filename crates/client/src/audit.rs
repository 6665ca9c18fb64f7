//! Audits over the environment's facts, and the log of changes.
use http::Method;
use serde_json::Value;

use crate::answer::{flag, optional, text};
use crate::odata::{by_key, encode};
use crate::{ApiService, Client, Result};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Code (`CA105`).
    pub code: String,
    /// `error`, `warning` or `note`.
    pub severity: String,
    /// Kind of the subject (`connection`, `flow` …).
    pub subject_kind: String,
    /// Id of the subject.
    pub subject_id: String,
    /// Name of the subject.
    pub subject: String,
    /// Words.
    pub message: String,
    /// Longer advice.
    pub help: Option<String>,
    /// A command that fixes it.
    pub fix: Option<String>,
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Sequence number.
    pub seq: i64,
    /// When, ISO 8601.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// Kind of the object.
    pub object: String,
    /// Id or name of the object.
    pub object_id: String,
    /// More, as the log keeps it.
    pub detail: Value,
}

/// Result of verifying the chain of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries seen.
    pub entries: i64,
    /// Hash of the last entry.
    pub head: String,
    /// Every entry fits the one before.
    pub ok: bool,
    /// First entry that does not.
    pub first_bad: Option<i64>,
}

impl<S: ApiService> Client<S> {
    /// What departed owners leave behind: of one user, or of all.
    pub async fn audit_departed(&self, user: Option<&str>) -> Result<Vec<Finding>> {
        let path = match user {
            Some(user) => by_key("connref_AuditDeparted", "User", user),
            None => "connref_AuditDeparted()".to_owned(),
        };
        let rows = self.web_list("audit departed owners", &path).await?;
        Ok(rows.iter().map(finding).collect())
    }

    /// The newest entries of the audit log.
    pub async fn audit_log(&self, top: u32) -> Result<Vec<Entry>> {
        let path = format!("connref_AuditLog(Top={})", encode(&top.to_string()));
        let rows = self.web_list("read the audit log", &path).await?;
        Ok(rows.iter().map(entry).collect())
    }

    /// Verifies the chain of the audit log.
    pub async fn audit_verify(&self) -> Result<Verified> {
        let call = self.web("verify the audit log", Method::GET, "connref_AuditVerify()");
        let answer = self.fetch(call).await?;
        Ok(Verified {
            entries: answer["entries"].as_i64().unwrap_or_default(),
            head: text(&answer, "/head"),
            ok: flag(&answer, "/ok"),
            first_bad: answer["firstBad"].as_i64(),
        })
    }
}

pub(crate) fn finding(row: &Value) -> Finding {
    Finding {
        code: text(row, "/code"),
        severity: text(row, "/severity"),
        subject_kind: text(row, "/subject/kind"),
        subject_id: text(row, "/subject/id"),
        subject: text(row, "/subject/name"),
        message: text(row, "/message"),
        help: optional(row, "/help"),
        fix: optional(row, "/fix"),
    }
}

fn entry(row: &Value) -> Entry {
    Entry {
        seq: row["seq"].as_i64().unwrap_or_default(),
        at: text(row, "/at"),
        actor: text(row, "/actor"),
        action: text(row, "/action"),
        object: text(row, "/object"),
        object_id: text(row, "/objectid"),
        detail: row["detail"].clone(),
    }
}
