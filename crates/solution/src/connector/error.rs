//! Why a connector cannot be read.
use super::ConnectorPart;
use crate::document::json::JsonError;

/// Why a connector cannot be made from its parts.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// A part is larger than any real one.
    #[error("cannot read the connector's {}: it is longer than {limit} bytes", part.as_str())]
    TooLarge {
        /// Which part.
        part: ConnectorPart,
        /// The limit in bytes.
        limit: usize,
    },
    /// A part is not JSON, even read with patience.
    #[error("cannot read the connector's {}: {source}", part.as_str())]
    Json {
        /// Which part.
        part: ConnectorPart,
        /// Where and why.
        source: JsonError,
    },
    /// A part is JSON of another shape.
    #[error("cannot use the connector's {}: {reason}", part.as_str())]
    Shape {
        /// Which part.
        part: ConnectorPart,
        /// JSON pointer of the place.
        at: String,
        /// What is wrong.
        reason: String,
    },
}

impl DefinitionError {
    /// The part it is about.
    pub fn part(&self) -> ConnectorPart {
        match self {
            Self::TooLarge { part, .. } | Self::Json { part, .. } | Self::Shape { part, .. } => {
                *part
            }
        }
    }

    pub(crate) fn shape(part: ConnectorPart, at: &str, reason: impl Into<String>) -> Self {
        Self::Shape { part, at: at.to_owned(), reason: reason.into() }
    }
}
