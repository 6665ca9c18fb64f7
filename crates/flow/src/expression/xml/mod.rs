//! XML: a small tree that keeps what the service keeps, its JSON form, and XPath 1.0.
//!
//! Document type declarations are kept and never acted on: no entity is expanded but the five of
//! the language itself, nothing is fetched.

mod document;
mod json;
mod name;
mod parse;
mod write;
mod xpath;

pub(super) use document::{Document, Kind};
pub(super) use json::{document_of, value_of};
pub(super) use name::{decode_name, encode_name};
pub(super) use parse::{parse, unescape};
pub(super) use write::{escape, outer, whole};
pub(super) use xpath::{Found, evaluate};
