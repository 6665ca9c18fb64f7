//! Errors of JSON documents.

/// Why a document could not be read or edited.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Too large.
    #[error("refused JSON: larger than {limit} bytes")]
    Size {
        /// The bound.
        limit: usize,
    },
    /// UTF-16.
    #[error("the text is UTF-16; save it as UTF-8")]
    Utf16,
    /// Not UTF-8.
    #[error("not UTF-8 text at byte {offset}; save it as UTF-8")]
    NotUtf8 {
        /// First wrong byte.
        offset: usize,
    },
    /// Too deep.
    #[error("refused JSON: nested deeper than {limit} at line {line}")]
    Depth {
        /// The bound.
        limit: usize,
        /// Line.
        line: usize,
    },
    /// Too many values.
    #[error("refused JSON: more than {limit} values and names")]
    Values {
        /// The bound.
        limit: usize,
    },
    /// Not JSON.
    #[error("not valid JSON at line {}, column {}", source.line(), source.column())]
    Syntax {
        /// Cause.
        source: serde_json::Error,
    },
    /// A pointer that leads nowhere.
    #[error("there is nothing to change at `{pointer}`")]
    Pointer {
        /// The pointer.
        pointer: String,
    },
}
