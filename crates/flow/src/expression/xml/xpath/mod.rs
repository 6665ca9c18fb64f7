//! XPath 1.0 over the tree. Not supported: variables, the namespace axis, and names with a
//! prefix (the service has no way to say what a prefix means; use `local-name()`).

mod evaluate;
mod functions;
mod lex;
mod parse;

use super::document::Document;

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::expression) enum Found {
    /// Nodes in document order.
    Nodes(Vec<usize>),
    Number(f64),
    Text(String),
    Truth(bool),
}

/// Takes from an allowance of work; fails when it is used up.
pub(super) type Spend<'a> = &'a dyn Fn(usize) -> Result<(), String>;

/// Evaluates an expression at the root of a document.
///
/// # Errors
/// The text of what is wrong.
pub(in crate::expression) fn evaluate(
    document: &Document,
    text: &str,
    spend: Spend<'_>,
) -> Result<Found, String> {
    let expression = parse::parse(text)?;
    evaluate::Evaluator { document, spend }.at_root(&expression)
}
