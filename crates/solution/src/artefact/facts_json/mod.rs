//! A facts file: the snapshot of an environment as JSON, versioned, without secrets. It lets
//! `audit` and `plan` judge an environment they cannot reach, and says what it could not see.
mod part;
mod wire;

use serde::Deserialize;
use serde_json::Value;

use crate::document::json::{JsonError, json_bounded};
use crate::model::Facts;

/// The version that is written. It grows when a reader of the version before would misread a
/// file; what is added so that it can be left out does not change it.
pub const FACTS_VERSION: u32 = 1;

/// Why a facts file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Not JSON, or beyond its limits.
    #[error("cannot read the facts")]
    Json {
        /// Cause.
        #[from]
        source: JsonError,
    },
    /// Not a facts file.
    #[error(
        "cannot read the facts: `schemaVersion` is missing; make a file with `connref facts export`"
    )]
    NoVersion,
    /// Written by a later connref.
    #[error(
        "cannot read the facts: the file has version {found}, this connref reads up to {FACTS_VERSION}; use the connref that wrote it, or a newer one"
    )]
    Later {
        /// The version of the file.
        found: u32,
    },
    /// A field that is missing, unknown or of the wrong kind; line and column are in the cause.
    #[error("cannot read the facts: a field does not fit version {FACTS_VERSION}")]
    Shape {
        /// Cause.
        source: serde_json::Error,
    },
}

/// What is looked at first, whatever else the file holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: Option<u32>,
}

/// The facts as a file: two blanks per level, rows in the facts' order, a final line end. The same
/// facts give the same bytes.
pub fn facts_write(facts: &Facts) -> String {
    let file = wire::File::of(facts.clone(), FACTS_VERSION);
    let text = serde_json::to_string_pretty(&file).expect("texts, numbers and lists of them");
    text + "\n"
}

/// The facts as a value, for an answer that holds them.
pub fn facts_value(facts: &Facts) -> Value {
    let file = wire::File::of(facts.clone(), FACTS_VERSION);
    serde_json::to_value(&file).expect("texts, numbers and lists of them")
}

/// Reads a facts file. A field that is not known is refused with its place: what it says could
/// change the judgement.
///
/// # Errors
/// Text that is no JSON or exceeds its limits, a later version, fields that do not fit.
pub fn facts_read(bytes: &[u8]) -> Result<Facts, FactsError> {
    let text = json_bounded(bytes)?;
    let shape = |source| FactsError::Shape { source };
    match serde_json::from_str::<Version>(text).map_err(shape)?.schema_version {
        None => return Err(FactsError::NoVersion),
        Some(found) if found > FACTS_VERSION => return Err(FactsError::Later { found }),
        Some(_) => {}
    }
    let file: wire::File = serde_json::from_str(text).map_err(shape)?;
    Ok(file.into_facts())
}
