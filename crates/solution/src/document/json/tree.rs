//! A JSON text as a flat tree, for one look at a large document: sixteen bytes for each value and
//! name beside the text, where a [`serde_json::Value`] takes about a hundred. Read in one pass.
use serde_json::{Map, Value};

use super::{BOM, JsonError, MAX_BYTES, MAX_DEPTH, MAX_VALUES, line_column};

/// A document that was read: its text and where each value lies.
#[derive(Clone, Debug)]
pub struct JsonTree {
    text: String,
    /// Texts that hold escapes, as they mean.
    decoded: String,
    nodes: Vec<Record>,
}

/// A value or the name of a member. A container is followed by what it holds, a name by its value.
#[derive(Clone, Copy, Debug)]
struct Record {
    kind: Kind,
    /// Bytes of the text; of [`Kind::Escaped`] bytes of the decoded texts.
    start: u32,
    end: u32,
    /// The record after everything that this one holds.
    next: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    True,
    False,
    Number,
    /// A text without escapes.
    Plain,
    Escaped,
    Array,
    Object,
}

/// A value of a document.
#[derive(Clone, Copy)]
pub struct JsonNode<'t> {
    tree: &'t JsonTree,
    at: u32,
}

/// A value that is an object.
#[derive(Clone, Copy)]
pub struct JsonObject<'t>(JsonNode<'t>);

impl std::fmt::Debug for JsonNode<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_value().fmt(f)
    }
}

impl JsonTree {
    /// Reads a document: UTF-8 with or without byte order mark, strict JSON.
    ///
    /// # Errors
    /// As [`super::JsonDocument::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        Self::parse_owned(bytes.to_vec())
    }

    /// As [`JsonTree::parse`], without a copy of the bytes.
    ///
    /// # Errors
    /// As [`super::JsonDocument::parse`].
    pub fn parse_owned(mut bytes: Vec<u8>) -> Result<Self, JsonError> {
        if bytes.len() > MAX_BYTES {
            return Err(JsonError::Size { limit: MAX_BYTES });
        }
        let bom = bytes.starts_with(BOM);
        if bom {
            bytes.drain(..BOM.len());
        }
        if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
            return Err(JsonError::Utf16);
        }
        let text = String::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 {
            offset: error.utf8_error().valid_up_to() + if bom { BOM.len() } else { 0 },
        })?;
        let mut reader = Reader {
            bytes: text.as_bytes(),
            text: &text,
            at: 0,
            // Real flows have about one value or name in 25 bytes.
            nodes: Vec::with_capacity((text.len() / 24).min(MAX_VALUES)),
            decoded: String::new(),
        };
        match reader.document() {
            Ok(()) => {
                let Reader { nodes, decoded, .. } = reader;
                Ok(Self { decoded, nodes, text })
            }
            Err(Stop::Depth(at)) => {
                let (line, _) = line_column(&text, at);
                Err(JsonError::Depth { limit: MAX_DEPTH, line })
            }
            Err(Stop::Values) => Err(JsonError::Values { limit: MAX_VALUES }),
            Err(Stop::Syntax) => Err(syntax(&text)),
        }
    }

    /// The outermost value.
    pub fn root(&self) -> JsonNode<'_> {
        JsonNode { tree: self, at: 0 }
    }

    /// The text without byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Values and names.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether a text or a name of the document could hold this one: if not, no look at each of them
    /// is needed.
    pub fn may_hold(&self, text: &str) -> bool {
        let within =
            |whole: &str| memchr::memmem::find(whole.as_bytes(), text.as_bytes()).is_some();
        within(&self.text) || within(&self.decoded)
    }

    fn bytes(&self, record: Record) -> &[u8] {
        let from = if record.kind == Kind::Escaped { &self.decoded } else { &self.text };
        &from.as_bytes()[record.start as usize..record.end as usize]
    }

    fn slice(&self, record: Record) -> &str {
        let from = if record.kind == Kind::Escaped { &self.decoded } else { &self.text };
        &from[record.start as usize..record.end as usize]
    }
}

/// What is wrong, in the words of the library that reads JSON elsewhere: it knows line and column.
fn syntax(text: &str) -> JsonError {
    let source = match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Err(source) => source,
        // Only what is not looked at while it is ignored: an odd escape, a number out of range.
        Ok(_) => match serde_json::from_str::<Value>(text) {
            Err(source) => source,
            Ok(_) => <serde_json::Error as serde::de::Error>::custom("the text is no JSON"),
        },
    };
    JsonError::Syntax { source }
}

impl<'t> JsonNode<'t> {
    fn record(self) -> Record {
        self.tree.nodes[self.at as usize]
    }

    fn node(self, at: u32) -> Self {
        Self { tree: self.tree, at }
    }

    /// The value at a path of plain names, `/inputs/host/connectionName`.
    pub fn at(self, path: &str) -> Option<Self> {
        path.split('/').skip(1).try_fold(self, |node, name| node.get(name))
    }

    /// A member of an object; of several with one name the last, which is the one that counts.
    pub fn get(self, name: &str) -> Option<Self> {
        self.as_object()?.get(name)
    }

    /// Text.
    pub fn as_str(self) -> Option<&'t str> {
        let record = self.record();
        let is_text = matches!(record.kind, Kind::Plain | Kind::Escaped);
        is_text.then(|| self.tree.slice(record))
    }

    /// A whole number that is not negative.
    pub fn as_u64(self) -> Option<u64> {
        self.number()?.parse().ok()
    }

    /// A whole number.
    pub fn as_i64(self) -> Option<i64> {
        self.number()?.parse().ok()
    }

    fn number(self) -> Option<&'t str> {
        let record = self.record();
        (record.kind == Kind::Number).then(|| self.tree.slice(record))
    }

    /// Object.
    pub fn as_object(self) -> Option<JsonObject<'t>> {
        (self.record().kind == Kind::Object).then_some(JsonObject(self))
    }

    /// The elements of an array.
    pub fn as_array(self) -> Option<impl Iterator<Item = JsonNode<'t>> + use<'t>> {
        (self.record().kind == Kind::Array).then(|| self.elements())
    }

    fn elements(self) -> impl Iterator<Item = JsonNode<'t>> + use<'t> {
        let end = self.record().next;
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let node = (at < end).then(|| self.node(at))?;
            at = node.record().next;
            Some(node)
        })
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.record().kind == Kind::Null
    }

    /// A copy that lives on its own.
    pub fn to_value(self) -> Value {
        let record = self.record();
        match record.kind {
            Kind::Null => Value::Null,
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Number => {
                serde_json::from_str(self.tree.slice(record)).expect("the number was read before")
            }
            Kind::Plain | Kind::Escaped => Value::from(self.tree.slice(record)),
            Kind::Array => self.elements().map(Self::to_value).collect(),
            Kind::Object => {
                let members = JsonObject(self).iter();
                Value::Object(
                    members.map(|(n, v)| (n.to_owned(), v.to_value())).collect::<Map<_, _>>(),
                )
            }
        }
    }
}

impl<'t> JsonObject<'t> {
    /// Members, in order; a name that occurs twice comes twice.
    pub fn iter(self) -> impl Iterator<Item = (&'t str, JsonNode<'t>)> + use<'t> {
        let node = self.0;
        let end = node.record().next;
        let mut at = node.at + 1;
        std::iter::from_fn(move || {
            let name = (at < end).then(|| node.node(at).record())?;
            let value = node.node(at + 1);
            at = name.next;
            Some((node.tree.slice(name), value))
        })
    }

    /// As [`JsonNode::get`].
    pub fn get(self, name: &str) -> Option<JsonNode<'t>> {
        let JsonNode { tree, at } = self.0;
        let end = self.0.record().next;
        let (mut at, mut found) = (at + 1, None);
        while at < end {
            let record = tree.nodes[at as usize];
            // Most names differ in length already.
            if (record.end - record.start) as usize == name.len()
                && tree.bytes(record) == name.as_bytes()
            {
                found = Some(at + 1);
            }
            at = record.next;
        }
        found.map(|at| JsonNode { tree, at })
    }

    /// Whether there is a member of that name.
    pub fn contains(self, name: &str) -> bool {
        self.iter().any(|(one, _)| one == name)
    }

    /// Values of the members, in order.
    pub fn values(self) -> impl Iterator<Item = JsonNode<'t>> + use<'t> {
        self.iter().map(|(_, value)| value)
    }
}

/// Why reading stopped.
enum Stop {
    Syntax,
    /// Where it became too deep.
    Depth(usize),
    Values,
}

type Step = Result<(), Stop>;

struct Reader<'b> {
    bytes: &'b [u8],
    text: &'b str,
    at: usize,
    nodes: Vec<Record>,
    decoded: String,
}

impl Reader<'_> {
    fn document(&mut self) -> Step {
        self.value(0)?;
        self.blank();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Stop::Syntax) }
    }

    fn blank(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' => {
                    self.at += 1;
                    // Most blanks are the indentation of a pretty text.
                    while self.bytes.get(self.at..self.at + 8) == Some(b"        ") {
                        self.at += 8;
                    }
                }
                b'\n' | b'\r' | b'\t' => self.at += 1,
                _ => break,
            }
        }
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Result<u8, Stop> {
        self.blank();
        self.bytes.get(self.at).copied().ok_or(Stop::Syntax)
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) -> Result<usize, Stop> {
        let index = self.nodes.len();
        if index >= MAX_VALUES {
            return Err(Stop::Values);
        }
        let next = position(index + 1);
        self.nodes.push(Record { kind, start: position(start), end: position(end), next });
        Ok(index)
    }

    fn value(&mut self, depth: usize) -> Step {
        let start = match self.next()? {
            b'"' => return self.string().map(drop),
            b'{' | b'[' if depth == MAX_DEPTH => return Err(Stop::Depth(self.at)),
            b'{' => return self.object(depth + 1),
            b'[' => return self.array(depth + 1),
            b't' => return self.word(b"true", Kind::True),
            b'f' => return self.word(b"false", Kind::False),
            b'n' => return self.word(b"null", Kind::Null),
            _ => self.at,
        };
        self.number()?;
        self.push(Kind::Number, start, self.at).map(drop)
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Step {
        let (start, end) = (self.at, self.at + word.len());
        if self.bytes.get(start..end) != Some(word) {
            return Err(Stop::Syntax);
        }
        self.at = end;
        self.push(kind, start, end).map(drop)
    }

    fn object(&mut self, depth: usize) -> Step {
        let index = self.push(Kind::Object, self.at, self.at)?;
        self.at += 1;
        if self.next()? != b'}' {
            loop {
                if self.next()? != b'"' {
                    return Err(Stop::Syntax);
                }
                let name = self.string()?;
                if self.next()? != b':' {
                    return Err(Stop::Syntax);
                }
                self.at += 1;
                self.value(depth)?;
                self.nodes[name].next = position(self.nodes.len());
                match self.next()? {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return Err(Stop::Syntax),
                }
            }
        }
        self.close(index);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Step {
        let index = self.push(Kind::Array, self.at, self.at)?;
        self.at += 1;
        if self.next()? != b']' {
            loop {
                self.value(depth)?;
                match self.next()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(Stop::Syntax),
                }
            }
        }
        self.close(index);
        Ok(())
    }

    fn close(&mut self, index: usize) {
        self.at += 1;
        let next = position(self.nodes.len());
        let record = &mut self.nodes[index];
        record.end = position(self.at);
        record.next = next;
    }

    /// As the grammar has it; what is too large for any number is refused.
    fn number(&mut self) -> Step {
        let start = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Stop::Syntax),
        }
        let whole = self.at - start;
        let mut exponent = false;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            exponent = true;
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if (exponent || whole > 300)
            && !self.text[start..self.at].parse::<f64>().is_ok_and(f64::is_finite)
        {
            return Err(Stop::Syntax);
        }
        Ok(())
    }

    fn digits(&mut self) -> Step {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Stop::Syntax) }
    }

    /// A text from its opening quote on; the record it made.
    fn string(&mut self) -> Result<usize, Stop> {
        let start = self.at + 1;
        self.at = plain_end(self.bytes, start);
        match self.bytes.get(self.at) {
            Some(b'"') => {
                self.at += 1;
                self.push(Kind::Plain, start, self.at - 1)
            }
            Some(b'\\') => self.escaped(start),
            _ => Err(Stop::Syntax),
        }
    }

    /// The rest of a text that holds an escape.
    fn escaped(&mut self, mut start: usize) -> Result<usize, Stop> {
        let from = self.decoded.len();
        loop {
            self.decoded.push_str(&self.text[start..self.at]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return self.push(Kind::Escaped, from, self.decoded.len());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let letter = self.escape()?;
                    self.decoded.push(letter);
                }
                _ => return Err(Stop::Syntax),
            }
            start = self.at;
            self.at = plain_end(self.bytes, start);
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::Syntax)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let code = match unit {
                    0xD800..=0xDBFF => {
                        if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                            return Err(Stop::Syntax);
                        }
                        self.at += 2;
                        let low = self.unit()?;
                        if !(0xDC00..=0xDFFF).contains(&low) {
                            return Err(Stop::Syntax);
                        }
                        0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                    }
                    _ => unit,
                };
                char::from_u32(code).ok_or(Stop::Syntax)?
            }
            _ => return Err(Stop::Syntax),
        })
    }

    fn unit(&mut self) -> Result<u32, Stop> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Stop::Syntax)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, byte| {
            let digit = char::from(*byte).to_digit(16).ok_or(Stop::Syntax)?;
            Ok(unit * 16 + digit)
        })
    }
}

/// The next quote, backslash or control character, eight bytes at a time.
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest bit that is set is at the first byte of the kind; those above it may be wrong.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("there are eight"));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5C)) | control;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..=0x1F) {
            break;
        }
        at += 1;
    }
    at
}

/// Documents are bounded at 64 MiB.
fn position(offset: usize) -> u32 {
    u32::try_from(offset).expect("documents are bounded far below 4 GiB")
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
