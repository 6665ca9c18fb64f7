//! `bindings.lock.json`: what was bound in one environment, recorded so that a later look can say
//! what drifted, and on which line it was written down.
use serde::{Deserialize, Serialize};

use crate::document::json::{JsonDocument, JsonError};
use crate::model::facts::ConnectionFacts;
use crate::model::{ApiName, ConnectionId, EnvironmentId, Facts, LogicalName, Micros};

/// The version that is written.
pub const LOCK_VERSION: u32 = 1;

/// The recorded bindings of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct BindingsLock {
    /// The environment's id.
    pub environment: EnvironmentId,
    /// Its name.
    pub name: String,
    /// When they were recorded.
    pub recorded_at: Micros,
    /// Every bound reference, by logical name.
    pub bindings: Vec<LockedBinding>,
}

/// One recorded binding.
#[derive(Clone, Debug, PartialEq)]
pub struct LockedBinding {
    /// Logical name of the reference.
    pub reference: LogicalName,
    /// Connector.
    pub api_name: ApiName,
    /// The connection.
    pub connection: ConnectionId,
    /// The connection's display name; with owner and target it is found again where ids changed.
    pub name: Option<String>,
    /// Name of its owner.
    pub owner: Option<String>,
    /// What it reached, as far as known.
    pub target: Option<String>,
    /// Version of the binding.
    pub binding_version: i64,
    /// The line in the file, from 1; 0 if it was not read from one.
    pub line: usize,
}

/// Why a lock file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Not JSON, or beyond its limits.
    #[error("cannot read the recorded bindings")]
    Json {
        /// Cause.
        #[from]
        source: JsonError,
    },
    /// Written by a later connref.
    #[error(
        "cannot read the recorded bindings: the file has version {found}, this connref reads up to {LOCK_VERSION}; use the connref that wrote it, or a newer one"
    )]
    Later {
        /// The version of the file.
        found: u32,
    },
    /// A field that is missing, unknown or of the wrong kind; the cause says which.
    #[error(
        "cannot read the recorded bindings: a field does not fit version {LOCK_VERSION}; make the file anew with `connref ref lock`"
    )]
    Shape {
        /// Cause.
        source: serde_json::Error,
    },
    /// One reference is recorded twice.
    #[error(
        "cannot read the recorded bindings: `{reference}` is recorded on line {first} and again on line {second}; remove one of them"
    )]
    Twice {
        /// The reference.
        reference: LogicalName,
        /// First line.
        first: usize,
        /// Second line.
        second: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    schema_version: u32,
    environment: Environment,
    recorded_at: String,
    bindings: Vec<Binding>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Environment {
    id: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Binding {
    reference: String,
    connector: String,
    connection: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default)]
    binding_version: i64,
}

/// What a connection reaches, as far as its facts say: what its last test found, else the endpoint
/// that was set.
pub fn target_of(connection: &ConnectionFacts) -> Option<&str> {
    let tested = connection.fingerprint.as_ref().map(|print| print.target.as_str());
    tested.or(connection.endpoint.as_deref())
}

/// Records the bindings of an environment; with `only`, those of these references.
pub fn bindings_lock_of(facts: &Facts, only: &[LogicalName]) -> BindingsLock {
    let mut bindings: Vec<LockedBinding> = facts
        .references
        .iter()
        .filter(|r| only.is_empty() || only.contains(&r.logical_name))
        .filter_map(|reference| {
            let id = reference.connection.clone()?;
            let connection = facts.connection(&id);
            let owner = connection.map(|c| match facts.principal(&c.owner) {
                Some(owner) => owner.name.clone(),
                None => c.owner.to_string(),
            });
            Some(LockedBinding {
                reference: reference.logical_name.clone(),
                api_name: reference.api_name.clone(),
                connection: id,
                name: connection.map(|c| c.display_name.clone()).filter(|name| !name.is_empty()),
                owner,
                target: connection.and_then(target_of).map(str::to_owned),
                binding_version: reference.binding_version,
                line: 0,
            })
        })
        .collect();
    bindings.sort_by(|a, b| a.reference.cmp(&b.reference));
    BindingsLock {
        environment: facts.environment.id.clone(),
        name: facts.environment.name.clone(),
        recorded_at: facts.taken_at,
        bindings,
    }
}

/// The lock as a file: one reference per object, sorted, a final line end.
pub fn bindings_lock_write(lock: &BindingsLock) -> String {
    let recorded = jiff::Timestamp::from_microsecond(lock.recorded_at);
    let file = File {
        schema: None,
        schema_version: LOCK_VERSION,
        environment: Environment { id: lock.environment.to_string(), name: lock.name.clone() },
        recorded_at: recorded.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string(),
        bindings: lock
            .bindings
            .iter()
            .map(|one| Binding {
                reference: one.reference.to_string(),
                connector: one.api_name.to_string(),
                connection: one.connection.to_string(),
                name: one.name.clone(),
                owner: one.owner.clone(),
                target: one.target.clone(),
                binding_version: one.binding_version,
            })
            .collect(),
    };
    serde_json::to_string_pretty(&file).expect("texts and numbers") + "\n"
}

/// Reads a lock file, with the line of each binding.
///
/// # Errors
/// Text that is no JSON, a later version, fields that do not fit, a reference recorded twice.
pub fn bindings_lock_read(bytes: &[u8]) -> Result<BindingsLock, LockError> {
    let document = JsonDocument::parse(bytes)?;
    let version = document.value()["schemaVersion"].as_u64().and_then(|n| u32::try_from(n).ok());
    if let Some(found) = version.filter(|found| *found > LOCK_VERSION) {
        return Err(LockError::Later { found });
    }
    let shape = |source| LockError::Shape { source };
    let file: File = serde_json::from_str(document.text()).map_err(shape)?;
    let recorded: jiff::Timestamp = file.recorded_at.parse().map_err(|_| {
        let text = super::cut(&file.recorded_at);
        shape(serde::de::Error::custom(format!(
            "`{text}` is no moment such as 2026-11-24T09:30:00Z"
        )))
    })?;
    let mut seen = std::collections::HashMap::new();
    let mut bindings = Vec::with_capacity(file.bindings.len());
    for (at, one) in file.bindings.into_iter().enumerate() {
        let line = document.locate(&format!("/bindings/{at}")).map_or(0, |place| place.line);
        let reference = LogicalName::from(one.reference);
        if let Some(first) = seen.insert(reference.clone(), line) {
            return Err(LockError::Twice { reference, first, second: line });
        }
        bindings.push(LockedBinding {
            reference,
            api_name: one.connector.into(),
            connection: one.connection.into(),
            name: one.name,
            owner: one.owner,
            target: one.target,
            binding_version: one.binding_version,
            line,
        });
    }
    Ok(BindingsLock {
        environment: file.environment.id.into(),
        name: file.environment.name,
        recorded_at: recorded.as_microsecond(),
        bindings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> BindingsLock {
        let one = |reference: &str, line| LockedBinding {
            reference: reference.into(),
            api_name: "shared_sql".into(),
            connection: "c1".into(),
            name: Some("Orders".to_owned()),
            owner: Some("ann".to_owned()),
            target: None,
            binding_version: 2,
            line,
        };
        BindingsLock {
            environment: "e1".into(),
            name: "PROD".to_owned(),
            recorded_at: 1_795_512_600_000_000,
            bindings: vec![one("new_A", 9), one("new_B", 17)],
        }
    }

    #[test]
    fn what_is_written_reads_back_with_its_lines() {
        assert_eq!(bindings_lock_read(bindings_lock_write(&lock()).as_bytes()).unwrap(), lock());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let text = bindings_lock_write(&lock());
        let read = |text: &str| bindings_lock_read(text.as_bytes());
        assert!(matches!(
            read(&text.replace("\"schemaVersion\": 1", "\"schemaVersion\": 9")),
            Err(LockError::Later { found: 9 })
        ));
        assert!(matches!(
            read(&text.replace("new_B", "NEW_a")),
            Err(LockError::Twice { first: 9, second: 17, .. })
        ));
        assert!(matches!(read(&text.replace("owner", "boss")), Err(LockError::Shape { .. })));
        assert!(matches!(read(&text.replace("T", " at ")), Err(LockError::Shape { .. })));
        assert!(matches!(read("{"), Err(LockError::Json { .. })));
    }
}
