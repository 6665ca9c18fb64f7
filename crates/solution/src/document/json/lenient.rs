//! JSON as people write it: read all the same, and told where it is none.
use super::{BOM, JsonDocument, JsonError, MAX_BYTES};
use crate::document::line_column;

/// Notes kept at most: the first say enough.
const MAX_NOTES: usize = 100;

/// One place where a text is not strict JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LenientNote {
    /// What was met.
    pub kind: Leniency,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What was read although strict JSON does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leniency {
    /// A byte order mark at the start.
    ByteOrderMark,
    /// `// …` or `/* … */`.
    Comment,
    /// A comma before `}` or `]`.
    TrailingComma,
    /// Two values without a comma between them.
    MissingComma,
    /// A control character inside a text, such as a line end.
    ControlCharacter,
    /// A character between tokens that is no white space of JSON.
    StrayCharacter,
    /// Bytes that are not UTF-8; read as U+FFFD.
    NotUtf8,
}

impl Leniency {
    /// What was met, as a sentence without full stop.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "the text begins with a byte order mark",
            Self::Comment => "a comment, which JSON does not have",
            Self::TrailingComma => "a comma after the last entry",
            Self::MissingComma => "a comma is missing before this entry",
            Self::ControlCharacter => "a control character inside a text, not escaped",
            Self::StrayCharacter => "a character that does not belong between entries",
            Self::NotUtf8 => "bytes that are not UTF-8",
        }
    }
}

/// Reads JSON that may carry a byte order mark, comments, trailing or missing commas and control
/// characters. The document holds the strict text that was understood; the notes say, with places
/// in the text as it was given, what had to be passed over.
///
/// # Errors
/// What is no JSON even so; too large, too deep, UTF-16.
pub fn json_lenient(bytes: &[u8]) -> Result<(JsonDocument, Vec<LenientNote>), JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::Size { limit: MAX_BYTES });
    }
    let mut notes = Vec::new();
    let rest = match bytes.strip_prefix(BOM) {
        Some(rest) => {
            notes.push(LenientNote { kind: Leniency::ByteOrderMark, line: 1, column: 1 });
            rest
        }
        None => bytes,
    };
    let strict = match JsonDocument::parse(rest) {
        Ok(document) => return Ok((document, notes)),
        Err(error @ (JsonError::Utf16 | JsonError::Depth { .. })) => return Err(error),
        Err(error) => error,
    };
    let text = String::from_utf8_lossy(rest);
    let mut cleaner = Cleaner::new(&text);
    if let Err(error) = std::str::from_utf8(rest) {
        cleaner.note(Leniency::NotUtf8, error.valid_up_to());
    }
    cleaner.run();
    notes.append(&mut cleaner.notes);
    let document = JsonDocument::parse(cleaner.out.as_bytes()).map_err(|error| match error {
        // The strict error names a place in the text as it was given.
        JsonError::Syntax { .. } => strict,
        other => other,
    })?;
    Ok((document, notes))
}

/// The token that came last.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    /// Nothing, `{`, `[`, `:`.
    Open,
    /// The end of a value or a key.
    Value,
    /// A comma, at this byte of the output.
    Comma(usize),
}

struct Cleaner<'t> {
    text: &'t str,
    at: usize,
    out: String,
    last: Last,
    notes: Vec<LenientNote>,
}

impl<'t> Cleaner<'t> {
    fn new(text: &'t str) -> Self {
        let out = String::with_capacity(text.len() + 16);
        Self { text, at: 0, out, last: Last::Open, notes: Vec::new() }
    }

    fn note(&mut self, kind: Leniency, at: usize) {
        if self.notes.len() < MAX_NOTES {
            let (line, column) = line_column(self.text, at);
            self.notes.push(LenientNote { kind, line, column });
        }
    }

    fn run(&mut self) {
        while let Some(next) = self.text[self.at..].chars().next() {
            match next {
                ' ' | '\t' | '\r' | '\n' => self.keep(next),
                '"' => {
                    self.value_begins();
                    self.string();
                    self.last = Last::Value;
                }
                '/' if self.comment() => {}
                '{' | '[' => {
                    self.value_begins();
                    self.keep(next);
                    self.last = Last::Open;
                }
                '}' | ']' => {
                    self.closes();
                    self.keep(next);
                    self.last = Last::Value;
                }
                ':' => {
                    self.keep(next);
                    self.last = Last::Open;
                }
                ',' => {
                    // Only a comma after a value can be one too many.
                    let after_value = self.last == Last::Value;
                    let at = self.out.len();
                    self.last = if after_value { Last::Comma(at) } else { Last::Open };
                    self.keep(next);
                }
                other if other.is_control() || other.is_whitespace() || other == '\u{feff}' => {
                    self.note(Leniency::StrayCharacter, self.at);
                    self.out.push(' ');
                    self.at += other.len_utf8();
                }
                _ => {
                    self.value_begins();
                    self.scalar();
                    self.last = Last::Value;
                }
            }
        }
    }

    fn keep(&mut self, next: char) {
        self.out.push(next);
        self.at += next.len_utf8();
    }

    fn value_begins(&mut self) {
        if self.last == Last::Value {
            self.note(Leniency::MissingComma, self.at);
            self.out.push(',');
        }
    }

    fn closes(&mut self) {
        if let Last::Comma(at) = self.last {
            self.note(Leniency::TrailingComma, self.at);
            self.out.replace_range(at..=at, " ");
        }
    }

    /// Passes over a comment; its line ends stay.
    fn comment(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            return false;
        };
        self.note(Leniency::Comment, self.at);
        let ends = rest[..length].bytes().filter(|b| *b == b'\n').count();
        self.out.push(' ');
        self.out.extend(std::iter::repeat_n('\n', ends));
        self.at += length;
        true
    }

    fn string(&mut self) {
        self.keep('"');
        let mut escaped = false;
        while let Some(next) = self.text[self.at..].chars().next() {
            if next.is_ascii_control() && next != '\u{7f}' {
                self.note(Leniency::ControlCharacter, self.at);
                // A back-slash before a line end continues the line: the text goes on.
                if escaped {
                    self.out.pop();
                    escaped = false;
                }
                self.out.push_str(&format!("\\u{:04x}", next as u32));
                self.at += next.len_utf8();
                continue;
            }
            self.keep(next);
            match next {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return,
                _ => {}
            }
        }
    }

    fn scalar(&mut self) {
        while let Some(next) = self.text[self.at..].chars().next() {
            if next.is_whitespace() || next.is_control() || "{}[]:,\"/".contains(next) {
                // A lone slash is no comment and must not stop the walk.
                if next == '/' && !self.text[self.at..].starts_with("//") {
                    self.keep(next);
                    continue;
                }
                return;
            }
            self.keep(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Leniency> {
        let (_, notes) = json_lenient(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        notes.iter().map(|n| n.kind).collect()
    }

    #[test]
    fn reads_what_people_write() {
        use Leniency::*;
        for (text, found) in [
            ("{\"a\": 1}", vec![]),
            ("\u{feff}{\"a\": 1}", vec![ByteOrderMark]),
            (
                "{\"a\": 1, // one\n \"b\": [1, 2, /* x\n */ ], }",
                vec![Comment, Comment, TrailingComma, TrailingComma],
            ),
            ("{\"a\": \"x\ty\nz\"}", vec![ControlCharacter, ControlCharacter]),
            (
                "{\"a\": \"1\"\n \"b\": {} \"c\": [1 2]}",
                vec![MissingComma, MissingComma, MissingComma],
            ),
            ("{\u{a0}\"a\": 1}", vec![StrayCharacter]),
            ("{\"u\": \"https://a/*b*/\"}", vec![]),
        ] {
            assert_eq!(kinds(text), found, "{text}");
        }
        let (document, _) = json_lenient("{\"a\": \"x\ny\",}".as_bytes()).unwrap();
        assert_eq!(document.value()["a"], "x\ny");
        let (document, notes) = json_lenient(b"{\"a\": \"\xff\"}").unwrap();
        assert_eq!(document.value()["a"], "\u{fffd}");
        assert_eq!(notes[0].kind, NotUtf8);
    }

    #[test]
    fn places_are_those_of_the_text_as_given() {
        let (_, notes) =
            json_lenient("{\n  \"a\": \"x\ny\",\n  \"b\": [1,]\n}".as_bytes()).unwrap();
        assert_eq!(
            (notes[1].kind, notes[1].line, notes[1].column),
            (Leniency::TrailingComma, 4, 11)
        );
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "{", "{\"a\" 1}", "nothing", "{,}", "[1,,2]", "{\"a\": /}", "\"", "\"\\"] {
            assert!(json_lenient(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(10_000);
        assert!(matches!(json_lenient(deep.as_bytes()), Err(JsonError::Depth { .. })));
    }
}
