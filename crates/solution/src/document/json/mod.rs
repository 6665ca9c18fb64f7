//! JSON documents: the text as read, its value, and edits that are splices.
mod edit;
mod error;
mod lenient;
pub(crate) mod scan;
mod tree;

use serde_json::Value;

pub use error::JsonError;
pub use lenient::{Leniency, LenientNote, json_lenient};
pub use scan::pointer_escape;
pub use tree::{JsonNode, JsonObject, JsonTree};

use super::line_column;

const BOM: &[u8] = b"\xEF\xBB\xBF";
const MAX_BYTES: usize = 64 << 20;
/// Values and names that are read at most. Each costs about a hundred bytes of memory however
/// short it is; flows and connector definitions of real solutions stay below 100,000.
const MAX_VALUES: usize = 1_000_000;
/// Nesting that is read at most; flows of real solutions stay below 60.
pub const MAX_DEPTH: usize = 100;

/// A document. Numbers and escapes keep their spelling wherever nothing was edited.
#[derive(Clone, Debug)]
pub struct JsonDocument {
    bom: bool,
    text: String,
    value: Value,
}

/// A place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Byte offset in the text without byte order mark.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl JsonDocument {
    /// Reads a document: UTF-8 with or without byte order mark, strict JSON.
    ///
    /// # Errors
    /// What is none, is too large or nests deeper than 100.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let Checked { bom, text } = check(bytes)?;
        let value = serde_json::from_str(text).map_err(|source| JsonError::Syntax { source })?;
        Ok(Self { bom, text: text.to_owned(), value })
    }

    /// A new document, two blanks per level, line feeds, no final newline: as the platform
    /// writes flows.
    pub fn new(value: Value) -> Self {
        let text = pretty(&value, "  ");
        Self { bom: false, text, value }
    }

    /// The document as bytes: those that were read, if nothing was edited.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + 3);
        if self.bom {
            bytes.extend_from_slice(BOM);
        }
        bytes.extend_from_slice(self.text.as_bytes());
        bytes
    }

    /// The text without byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text without byte order mark, without a copy.
    pub fn into_text(self) -> String {
        self.text
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether the text began with a byte order mark.
    pub fn bom(&self) -> bool {
        self.bom
    }

    /// The line end of the document.
    pub fn eol(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// Where the value at a JSON pointer begins.
    pub fn locate(&self, pointer: &str) -> Option<Place> {
        let tree = scan::scan(&self.text)?;
        let offset = tree.find(pointer)?.span.start;
        let (line, column) = line_column(&self.text, offset);
        Some(Place { offset, line, column })
    }

    /// Pointers of members whose name occurs twice in one object; readers differ on which of
    /// them counts.
    pub fn duplicates(&self) -> Vec<String> {
        scan::scan(&self.text).map(|tree| tree.duplicates()).unwrap_or_default()
    }

    /// Sets the value at a JSON pointer: replaces what is there, or adds a member to an object.
    /// Every other byte stays.
    ///
    /// # Errors
    /// A pointer whose parent is not there or is no object.
    pub fn set(&mut self, pointer: &str, value: &Value) -> Result<(), JsonError> {
        *self = edit::set(self, pointer, value)?;
        Ok(())
    }

    /// Sets several values at once, with one look at the text; each as [`JsonDocument::set`] does.
    ///
    /// # Errors
    /// A pointer whose parent is not there or is no object; places inside one another.
    pub fn set_all(&mut self, changes: &[(String, Value)]) -> Result<(), JsonError> {
        *self = edit::set_all(self, changes)?;
        Ok(())
    }

    /// Adds an element at the end of the array at a JSON pointer, laid out as the element before
    /// it. Every other byte stays.
    ///
    /// # Errors
    /// A pointer that leads to no array.
    pub fn push(&mut self, pointer: &str, value: &Value) -> Result<(), JsonError> {
        *self = edit::push(self, pointer, value)?;
        Ok(())
    }

    /// Removes the member or element at a JSON pointer. Every other byte stays.
    ///
    /// # Errors
    /// A pointer that leads nowhere.
    pub fn remove(&mut self, pointer: &str) -> Result<(), JsonError> {
        *self = edit::remove(self, pointer)?;
        Ok(())
    }

    fn respliced(&self, text: String) -> Result<Self, JsonError> {
        bounds_check(&text)?;
        let value = serde_json::from_str(&text).map_err(|source| JsonError::Syntax { source })?;
        Ok(Self { bom: self.bom, text, value })
    }
}

/// A text that may be given to a parser.
struct Checked<'b> {
    bom: bool,
    text: &'b str,
}

fn check(bytes: &[u8]) -> Result<Checked<'_>, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::Size { limit: MAX_BYTES });
    }
    let (bom, rest) = match bytes.strip_prefix(BOM) {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    if rest.starts_with(b"\xFF\xFE") || rest.starts_with(b"\xFE\xFF") {
        return Err(JsonError::Utf16);
    }
    let text = std::str::from_utf8(rest)
        .map_err(|e| JsonError::NotUtf8 { offset: e.valid_up_to() + bytes.len() - rest.len() })?;
    bounds_check(text)?;
    Ok(Checked { bom, text })
}

/// A text that is looked at before it is read: UTF-8 without its byte order mark, of bounded size,
/// depth and count of values.
///
/// # Errors
/// Text that exceeds the limits or is no UTF-8.
pub(crate) fn json_bounded(bytes: &[u8]) -> Result<&str, JsonError> {
    Ok(check(bytes)?.text)
}

/// Counts nesting, values and names before anything recursive or hungry sees the text.
fn bounds_check(text: &str) -> Result<(), JsonError> {
    let bytes = text.as_bytes();
    let (mut depth, mut values, mut at) = (0usize, 0usize, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            b'{' | b'[' => {
                depth += 1;
                values += 1;
                if depth > MAX_DEPTH {
                    let (line, _) = line_column(text, at);
                    return Err(JsonError::Depth { limit: MAX_DEPTH, line });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' | b':' => values += 1,
            _ => {}
        }
        at += 1;
    }
    if values > MAX_VALUES {
        return Err(JsonError::Values { limit: MAX_VALUES });
    }
    Ok(())
}

/// Where the string ends that begins before `at`: its quote, or the end of the text.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

/// JSON text with an indentation.
fn pretty(value: &Value, unit: &str) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(unit.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    serde::Serialize::serialize(value, &mut serializer)
        .expect("a JSON value has text keys and finite numbers");
    String::from_utf8(out).expect("JSON text is UTF-8")
}

#[cfg(test)]
mod tests;
