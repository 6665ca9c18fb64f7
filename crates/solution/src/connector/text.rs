//! Reading one part: lenient, bounded, with the places that are not strict JSON.
use super::{ConnectorPart, DefinitionError};
use crate::document::json::{JsonDocument, Leniency, LenientNote, json_lenient};

/// Largest part of a connector that is read, in bytes; the largest public one is about 4 MiB.
pub const MAX_PART: usize = 16 << 20;
/// Names that occur twice, told at most.
const MAX_DUPLICATES: usize = 20;

/// A part that was read.
#[derive(Clone, Debug)]
pub struct ConnectorText {
    /// The strict text that was understood, and its value.
    pub document: JsonDocument,
    /// Places that are not strict JSON, or that readers take differently.
    pub notes: Vec<LenientNote>,
}

/// A place that is not strict JSON, in a part of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartNote {
    /// Which part.
    pub part: ConnectorPart,
    /// Where and what.
    pub note: LenientNote,
}

/// Reads a part.
///
/// # Errors
/// If it is too large, nested too deep, or no JSON even with patience.
pub fn connector_text(part: ConnectorPart, bytes: &[u8]) -> Result<ConnectorText, DefinitionError> {
    if bytes.len() > MAX_PART {
        return Err(DefinitionError::TooLarge { part, limit: MAX_PART });
    }
    let read = json_lenient(bytes).map_err(|source| DefinitionError::Json { part, source })?;
    let (document, mut notes) = read;
    for pointer in document.duplicates().iter().take(MAX_DUPLICATES) {
        let (line, column) = document.locate(pointer).map_or((1, 1), |at| (at.line, at.column));
        notes.push(LenientNote { kind: Leniency::DuplicateName, line, column });
    }
    Ok(ConnectorText { document, notes })
}
