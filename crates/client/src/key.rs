//! The key of a connref installation.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, optional, text};
use crate::{ApiService, Client, Result};

const PATH: &str = "/providers/connref/key";

/// A version of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVersion {
    /// Number, from 1.
    pub version: i64,
    /// New secrets go under it.
    pub newest: bool,
    /// Kind of the provider: `file`, `passphrase`, `transit`, `azure`.
    pub provider: String,
    /// Where the provider's key lies.
    pub place: String,
    /// Names the provider's key.
    pub fingerprint: String,
    /// When it was made, ISO 8601.
    pub created: String,
    /// Secrets under it.
    pub records: i64,
}

/// A change of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// `rotate` or `move`.
    pub kind: String,
    /// The new version.
    pub version: i64,
    /// Where the provider's key lies.
    pub place: String,
    /// Secrets there were when it began.
    pub total: i64,
    /// Secrets brought under the new version.
    pub done: i64,
    /// Secrets that do not open and were left as they are.
    pub unreadable: i64,
    /// Who began it.
    pub started_by: String,
    /// When, ISO 8601.
    pub started: String,
    /// When it was over, ISO 8601; none while it runs.
    pub ended: Option<String>,
}

/// The key as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Versions, oldest first.
    pub versions: Vec<KeyVersion>,
    /// The change that runs, or ran last.
    pub change: Option<KeyChange>,
}

impl<S: ApiService> Client<S> {
    /// The versions of the key, and the change that runs.
    pub async fn key_status(&self) -> Result<KeyStatus> {
        let answer = self.fetch(self.control("see the key", Method::GET, PATH)).await?;
        let versions = answer["versions"].as_array();
        Ok(KeyStatus {
            versions: versions.into_iter().flatten().map(version).collect(),
            change: answer.get("change").filter(|change| change.is_object()).map(change),
        })
    }

    /// Begins a new version of the key, or goes on with the change that runs.
    pub async fn key_rotate(&self) -> Result<KeyChange> {
        let call = self.control("rotate the key", Method::POST, &format!("{PATH}/rotate"));
        Ok(change(&self.fetch(call).await?))
    }

    /// Begins a move of the key to the provider at an address.
    pub async fn key_move(&self, to: &str) -> Result<KeyChange> {
        let call = self.control("move the key", Method::POST, &format!("{PATH}/move"));
        Ok(change(&self.fetch(call.json(json!({"to": to}))).await?))
    }

    /// Goes on with the change that runs, for some seconds at most.
    pub async fn key_continue(&self) -> Result<KeyChange> {
        let call = self.control("change the key", Method::POST, &format!("{PATH}/continue"));
        Ok(change(&self.fetch(call).await?))
    }
}

fn version(row: &Value) -> KeyVersion {
    KeyVersion {
        version: number(row, "version"),
        newest: flag(row, "/newest"),
        provider: text(row, "/provider"),
        place: text(row, "/place"),
        fingerprint: text(row, "/fingerprint"),
        created: text(row, "/createdTime"),
        records: number(row, "records"),
    }
}

fn change(row: &Value) -> KeyChange {
    KeyChange {
        kind: text(row, "/kind"),
        version: number(row, "version"),
        place: text(row, "/place"),
        total: number(row, "total"),
        done: number(row, "done"),
        unreadable: number(row, "unreadable"),
        started_by: text(row, "/startedBy"),
        started: text(row, "/startedTime"),
        ended: optional(row, "/endedTime"),
    }
}

fn number(row: &Value, name: &str) -> i64 {
    row[name].as_i64().unwrap_or_default()
}
