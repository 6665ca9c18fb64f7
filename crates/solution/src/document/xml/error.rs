//! Errors of XML documents.

/// Why a document could not be read or edited.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// Not UTF-8.
    #[error("not UTF-8 text at byte {offset}; save it as UTF-8")]
    NotUtf8 {
        /// First wrong byte.
        offset: usize,
    },
    /// An encoding that is not UTF-8.
    #[error("the encoding `{encoding}` is not supported; save it as UTF-8")]
    Encoding {
        /// The declared encoding.
        encoding: String,
    },
    /// A document type definition.
    #[error("line {line}: a document type definition is refused; remove `<!DOCTYPE …>`")]
    Dtd {
        /// Line.
        line: usize,
    },
    /// Not well formed.
    #[error("not well-formed XML at line {line}, column {column}: {why}")]
    Malformed {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
        /// What is wrong.
        why: String,
    },
    /// A bound is exceeded.
    #[error("refused XML: {what} exceeds {limit}")]
    Limit {
        /// What.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Two changes of one edit touch the same bytes.
    #[error("cannot change the XML: two changes overlap at byte {offset}")]
    Overlap {
        /// Where.
        offset: usize,
    },
}
